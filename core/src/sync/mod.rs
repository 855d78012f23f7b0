//! The atomics and locks of core: the standard library's, or those of a model.
//!
//! What threads race for takes them from here, and the models (`tests/loom` builds them) explore the
//! interleavings of just that. `Arc` and `Weak` are the standard library's in a model too, as a model's
//! cannot hold a trait object; so counts, and what happens when the last of them goes, are not explored.

#[cfg(test)]
#[cfg(loom)]
pub(crate) mod model;
#[cfg(loom)]
mod stand_in;

#[cfg(not(loom))]
pub(crate) use once_cell::race::OnceBox;
#[cfg(not(loom))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard, OnceLock, atomic},
    thread_local,
};

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
pub(crate) use stand_in::{OnceBox, OnceLock, atomic, thread_local};
