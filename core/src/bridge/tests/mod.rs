//! The bridge, without a runtime.

mod baton;
mod hooks;
#[cfg(feature = "input")]
mod input;
