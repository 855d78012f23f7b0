//! The bridge, without a runtime.

mod hooks;
