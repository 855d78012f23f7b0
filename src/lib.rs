//! Write async Rust once. Run it on Tokio, smol, async-std or the built-in runtime.

pub mod backend;
mod find;
pub mod prelude;

pub use anyrt_core::{
    AnyRuntime, AnySleep, BlockOn, CancelAndWait, Drive, Enter, Failure, Instant, JoinError,
    NoRuntime, OutsideRegions, Phase, Reason, Rooted, Runtime, ShutdownReport, Sleep, Spawn,
    SpawnWith, Task, Timer, current, outside_regions, rooted, set_failure_hook,
};
pub use find::{AlreadyInstalled, find, find_or, install};
