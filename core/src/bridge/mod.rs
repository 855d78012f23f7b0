//! Sync and async in one call stack, and the jobs built on it.

mod hooks;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use hooks::{NeverStops, StopHook};
pub(crate) use hooks::{driven, on_stop};
