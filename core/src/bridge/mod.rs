//! Sync and async in one call stack, and the jobs built on it.

mod anywhere;
mod baton;
mod convert;
mod hooks;
#[cfg(feature = "input")]
mod input;
mod members;
mod parallel;
mod parker;
mod serial;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod to_thread;
mod work;

pub use anywhere::*;
pub use baton::{BatonCall, BatonGroup};
pub use convert::{Convert, to_async, to_blocking};
pub use hooks::{NeverStops, StopHook};
pub(crate) use hooks::{driven, on_stop};
#[cfg(feature = "input")]
pub use input::{LineInput, line_input};
pub use members::RunWorks;
pub use parallel::Parallel;
pub use serial::Serial;
pub use to_thread::*;
pub use work::{Blocking, Work, block, blocking, run};
