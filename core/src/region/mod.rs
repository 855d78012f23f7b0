//! A region: a stretch of one task that is cancelled and cleaned up as a unit.
//!
//! What stands here is the part that every task root has; see [`state`] for what it knows, [`frame`] for
//! how code finds the region it runs in, [`aside`] for the work that a root polls beside its body.

mod aside;
pub(crate) mod contain;
pub(crate) mod failure;
pub(crate) mod flat;
pub(crate) mod frame;
mod member;
mod reason;
pub(crate) mod state;
pub(crate) mod watch;

pub(crate) use aside::{Aside, BoxFuture, Leftovers};
pub use failure::{Failure, Phase, set_failure_hook};
pub(crate) use member::{Member, runtime_of};
pub use reason::Reason;
pub(crate) use state::Region;
