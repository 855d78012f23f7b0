//! Resources: what is acquired with `await`, and released with `await` however its use ends.
//!
//! | | lives | who says how |
//! |---|---|---|
//! | [`hold`], [`enter`] | as long as the region it was acquired in | two futures; a [`Resource`] |
//! | [`bracket`], [`using`] | as long as one use | the same |
//! | [`exit_stack`] | as long as a block; several, one after the other | any of them |
//! | [`using_all`] | as long as a block; many, all at once | a [`Resource`] each |
//! | [`closing`] | as long as one use; it is there already | an [`AsyncClose`] |
//!
//! A [`Resource`] is a type, or one function with a yield in its middle: [`resource_from`].
//!
//! Under all of it is the clean-up of a region (`region/defer.rs`), registered in the poll in which the
//! acquisition ended. [`lent`] is how a value comes back from who uses it to who releases it, [`exit`] what
//! a release knows, and [`ends`] what it leaves.

#![expect(
    unnameable_types,
    reason = "how to release what is held goes through the types of futures, and is for nobody else"
)]

mod bracket;
mod closing;
mod ends;
mod exit;
mod exit_stack;
mod generated;
mod group;
mod hold;
mod lent;
#[expect(clippy::module_inception, reason = "the concept has the folder's name")]
mod resource;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use bracket::{Bracket, BracketOrNone, bracket, using};
pub use closing::{AsyncClose, closing};
pub use exit::{Exit, ExitKind};
pub use exit_stack::{ExitStack, ExitStackOrNone, Exits, Stacked, exit_stack};
pub use generated::{ResourceFrom, resource_from};
pub use group::{GroupEnd, GroupExit, UsingAll, using_all};
pub use hold::{Held, Hold, ReleaseHeld, enter, hold};
pub use lent::Lent;
pub use resource::Resource;
