//! The bridge in all interleavings.

mod baton;
mod call;
