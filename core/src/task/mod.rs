//! One task: the root that a runtime runs, the cell it shares with its handle, the handle.

mod cancel_all;
mod cell;
mod current;
mod current_task;
mod handle;
mod job;
mod join_error;
#[cfg(test)]
#[cfg(loom)]
mod models;
mod root;
mod rooted;
mod spawn;
#[cfg(test)]
#[cfg(not(loom))]
pub(crate) mod tests;

pub use cancel_all::{CancelAll, Kill, KillAfter, cancel_all};
pub(crate) use cell::{Cell, Joinable, Joined, Owner};
pub use current::{NoRuntime, OutsideRegions, current, outside_regions};
pub use current_task::{TaskInfo, current_task};
pub use handle::{CancelAndWait, Task};
pub(crate) use job::{Job, start_job};
pub use join_error::JoinError;
pub(crate) use join_error::{Kind as JoinKind, Repr as JoinParts};
pub(crate) use root::{Root, spawn_orphans};
pub use rooted::{Rooted, rooted};
pub use spawn::SpawnWith;

pub(crate) use rooted::{block_on_guard, rooted_in_driver, watched};
pub(crate) use spawn::{Words, spawn, spawn_begun, spawn_beneath, spawn_blocking, spawn_detached};
