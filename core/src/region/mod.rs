//! A region: a stretch of one task that is cancelled and cleaned up as a unit.
//!
//! See [`state`] for what a region knows, [`body`] for how it runs and ends, [`frame`] for how code finds
//! the region it runs in, [`aside`] for the work beside a body. A task's root is one, an [`inline`] region
//! is one inside a task; [`shield`], [`defer`] and [`until`] are what users see of them.

mod aside;
pub(crate) mod body;
pub(crate) mod contain;
mod deadline;
mod defer;
mod drain;
pub(crate) mod driven;
pub(crate) mod failure;
mod finally;
pub(crate) mod flat;
pub(crate) mod frame;
pub(crate) mod inline;
mod member;
#[cfg(test)]
#[cfg(loom)]
mod models;
mod reason;
mod shield;
pub(crate) mod state;
#[cfg(test)]
#[cfg(not(loom))]
pub(crate) mod tests;
mod token;
mod until;
pub(crate) mod watch;
mod work;

pub(crate) use aside::{BoxFuture, Leftovers};
pub use defer::{NoRegion, defer, try_defer};
pub(crate) use defer::{defer_held, defer_outwards};
pub(crate) use drain::{leave as leave_drain, leave_job};
pub use failure::{Failure, Phase, set_failure_hook};
pub use finally::{Finally, finally};
pub(crate) use frame::Masks;
pub(crate) use inline::{INLINE, Inline};
pub(crate) use member::{
    Member, enclosing_scope, hand_over, is_in_child_of, is_inside, is_polling_on, is_stopped_with,
    report_here, runtime_of, watch_of,
};
pub use reason::Reason;
pub(crate) use shield::ShieldHold;
pub use shield::{Hole, Mask, Shield, shield, uncancellable};
pub(crate) use state::Region;
pub use token::{CancelGuard, CancelToken, Cancelled, CancelledOwned, OnCancel};
pub use until::{Cancellable, Until, cancel_requested, checkpoint};
#[cfg(test)]
#[cfg(not(loom))]
pub(crate) use work::Work;
