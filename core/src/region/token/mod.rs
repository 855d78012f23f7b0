//! A request to stop that code passes around: a tree of tokens, which needs no runtime.
//!
//! [`node`] has the tree and its locks; the rest is what users hold of it.

mod cancel_token;
mod cancelled;
mod guard;
#[cfg(test)]
#[cfg(loom)]
mod models;
mod node;
mod on_cancel;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use cancel_token::CancelToken;
pub use cancelled::{Cancelled, CancelledOwned};
pub use guard::CancelGuard;
pub use on_cancel::OnCancel;
