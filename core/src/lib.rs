//! The traits of `anyrt` and every utility built on them. Knows no runtime.
//!
//! Applications and libraries depend on the façade crate `anyrt`; adapters depend on this one. The
//! architecture, for those who want to change it, is in this crate's README.

mod combine;
mod front;
mod region;
mod runtime;
mod scope;
mod task;

pub use combine::{
    Gather, GatherAll, Gathering, GatheringAll, Race, RaceError, RaceOk, Racing, RacingOk,
    TryGather, TryGathering, gather, gather_all, race, race_fair, race_ok, try_gather,
};
pub use front::{BlockOn, Runtime};
pub use region::{
    CancelGuard, CancelToken, Cancellable, Cancelled, CancelledOwned, Failure, Finally, Hole, Mask,
    NoRegion, OnCancel, Phase, Reason, Shield, Until, cancel_requested, checkpoint, defer, finally,
    set_failure_hook, shield, try_defer, uncancellable,
};
pub use runtime::{
    AnyRuntime, AnySleep, Drive, Enter, Instant, ShutdownReport, Sleep, Spawn, Timer,
};
pub use scope::{ChildError, ErrorGroup, Origin, ScopeError};
pub use task::{
    CancelAndWait, JoinError, NoRuntime, OutsideRegions, Rooted, SpawnWith, Task, current,
    outside_regions, rooted,
};

/// What the test macro needs. No part of the public interface.
#[doc(hidden)]
pub mod testing {
    pub use crate::front::block_on_watched;
    pub use crate::region::watch::Watch;
}
