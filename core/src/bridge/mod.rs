//! The bridge: sync and async code in one call stack.
//!
//! ```text
//!  task ── to_thread(f).await ─────────────┐ value        task's root: body + mailbox
//!            │ a thread of core's own      │                            ▲    │
//!            └── f ── from_thread(fut) ──┬─┘                            │    │ polled in the region
//!                       │ waits          └── a Call ────────────────────┘    │ of the await
//!                       └◄──────────────────── answer ◄──────────────────────┘
//! ```
//!
//! [`to_thread`] runs a sync function on a thread and awaits it; in it, [`from_thread`] runs a future in the
//! task that awaits. What both share is a [`Link`](link::Link). The mailbox is the list of work that a
//! task's root polls beside its body, so calls are flat at any depth, and a task that awaits something else
//! answers all the same.

mod abandoned;
mod anywhere;
mod call;
mod from_thread;
mod idle;
mod link;
mod park;
mod to_thread;

pub use abandoned::{AbandonedThread, abandoned_threads};
pub use anywhere::{BlockError, allow_blocking, block_anywhere, try_block_anywhere};
pub use from_thread::{FromThreadError, from_thread, from_thread_local};
pub use idle::{Idle, IdleRuntime, IdleSleep, idle_runtime};
pub(crate) use to_thread::start as start_on_thread;
pub use to_thread::{ThreadResult, ToThread, to_thread};
