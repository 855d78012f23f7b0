//! Write async Rust once. Run it on Tokio, smol, async-std or the built-in runtime.

pub mod backend;
#[cfg(feature = "macros")]
mod entry;
mod find;
#[cfg(feature = "macros")]
mod gates;
pub mod prelude;
#[cfg(feature = "macros")]
mod testing;

pub use anyrt_core::{
    AnyRuntime, AnySleep, BlockOn, CancelAndWait, Drive, Enter, Failure, Instant, JoinError,
    NoRuntime, OutsideRegions, Phase, Reason, Rooted, Runtime, ShutdownReport, Sleep, Spawn,
    SpawnWith, Task, Timer, current, outside_regions, rooted, set_failure_hook,
};
#[cfg(feature = "macros")]
pub use anyrt_macros::{main, test};
pub use find::{AlreadyInstalled, find, find_or, install};

/// What `#[anyrt::main]` expands to. No part of the public interface.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod __entry {
    pub use crate::entry::*;
}

/// What `#[anyrt::test]` expands to. No part of the public interface.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod __testing {
    pub use crate::testing::*;
}

/// The examples of the README, compiled and run.
#[cfg(all(doctest, feature = "tokio", feature = "macros", feature = "builtin"))]
#[doc = include_str!("../README.md")]
struct Readme;
