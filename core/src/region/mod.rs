//! A region: a stretch of one task that is cancelled and cleaned up as a unit.
//!
//! See [`state`] for what a region knows, [`body`] for how it runs and ends, [`frame`] for how code finds
//! the region it runs in, [`aside`] for the work beside a body. A task's root is one, an [`inline`] region
//! is one inside a task; [`shield`], [`defer`] and [`until`] are what users see of them.

mod aside;
pub(crate) mod body;
pub(crate) mod contain;
mod defer;
pub(crate) mod failure;
mod finally;
pub(crate) mod flat;
pub(crate) mod frame;
mod inline;
mod member;
mod reason;
mod shield;
pub(crate) mod state;
#[cfg(test)]
mod tests;
mod token;
mod until;
pub(crate) mod watch;

pub(crate) use aside::{BoxFuture, Leftovers};
pub use defer::{NoRegion, defer, try_defer};
pub use failure::{Failure, Phase, set_failure_hook};
pub use finally::{Finally, finally};
pub(crate) use inline::Inline;
pub(crate) use member::{Member, hand_over, report_here, runtime_of, watch_of};
pub use reason::Reason;
pub use shield::{Hole, Mask, Shield, shield, uncancellable};
pub(crate) use state::Region;
pub use token::{CancelGuard, CancelToken, Cancelled, CancelledOwned, OnCancel};
pub use until::{Cancellable, Until, cancel_requested, checkpoint};
