//! The bridge, without a runtime.

mod background;
mod baton;
mod hooks;
#[cfg(feature = "input")]
mod input;
mod works;
