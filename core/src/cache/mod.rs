//! A cache of what is computed with `await`: least recently used first out, one computation for each key.
//!
//! ```text
//!  get(key) ──┬── kept ─────────────────────────────────────────────► its value (a clone)
//!             ├── being computed ──► one more waiter ────────────┐
//!             └── neither ──► entry, and a task that computes ───┴──► its value, or its error, to all
//! ```
//!
//! [`store`] is the list of entries by recency and by hash; [`entry`] one key, the computation that is under
//! way for it and who waits for that; [`compute`] the task that computes; [`get`] a waiter; [`circle`] who of the
//! computations waits for which.
//!
//! The computation is a task and not a future that the waiters poll in turns: polled by a waiter it would be
//! a region inside *that* task, and a request to one waiter would stop what the others wait for.
//!
//! No code of users runs under a lock: a key is hashed before, and compared and dropped after; values are
//! cloned and dropped outside, wakers too. So a lookup takes what has the same hash out of the lock, and
//! compares it then.

#[expect(clippy::module_inception, reason = "the concept has the folder's name")]
mod cache;
mod cache_error;
mod cache_with;
mod cached;
mod circle;
mod compute;
mod entry;
mod get;
#[cfg(test)]
#[cfg(loom)]
mod models;
mod store;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use cache::{Cache, CacheInfo};
pub use cache_error::CacheError;
pub use cache_with::CacheWith;
pub use cached::Cached;
pub use get::CacheGet;
