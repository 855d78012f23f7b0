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
mod background;
mod background_job;
mod baton;
mod call;
mod convert;
mod from_thread;
mod hooks;
mod idle;
#[cfg(feature = "input")]
mod input;
mod link;
mod members;
#[cfg(test)]
#[cfg(loom)]
mod models;
mod on_thread;
mod parallel;
mod park;
mod serial;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod threads;
mod to_thread;
mod work;

pub use abandoned::{AbandonedThread, abandoned_threads};
pub use anywhere::{BlockError, allow_blocking, block_anywhere, try_block_anywhere};
pub use background::{AtDrop, BackgroundThreads, NotStarted};
pub use background_job::BackgroundJob;
pub use baton::{BatonCall, BatonGroup};
pub use convert::{Convert, to_async, to_blocking};
pub use from_thread::{FromThreadError, from_thread, from_thread_local};
pub use hooks::{NeverStops, StopHook};
pub(crate) use hooks::{driven, on_stop};
pub use idle::{Idle, IdleRuntime, IdleSleep, idle_runtime};
#[cfg(feature = "input")]
pub use input::{LineInput, line_input};
pub use members::RunWorks;
pub use parallel::Parallel;
pub use serial::Serial;
pub use threads::{NoThreadFree, Threads};
pub(crate) use to_thread::start as start_on_thread;
pub use to_thread::{ThreadResult, ToThread, to_thread};
pub use work::{Blocking, Work, block, blocking, run};
