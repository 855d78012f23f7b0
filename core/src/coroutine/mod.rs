//! Futures that are run by hand: started before they are awaited, driven without a runtime, or stopped and
//! continued in the middle.
//!
//! | you want | use |
//! |---|---|
//! | to start a future now, and await it later, here or elsewhere | [`Started`] |
//! | a task that costs nothing when it has nothing to wait for | [`Runtime::spawn_eager`](crate::Runtime::spawn_eager) |
//! | to call async code that never really waits from sync code | [`await_sync`], [`sync_iter`] |
//! | a function that hands out something in the middle, and goes on with an answer | [`coroutine`] |
//! | a stream, written as a loop | [`generator`] |
//! | an object that can be awaited again and again | [`awaitable`] |
//! | to know how far a future has come | [`tracked`] |
//!
//! Each of them is a region of its own, made lazily: it may be polled in one task and then in another, and
//! what it defers, shields and opens goes with it.

mod awaitable;
mod co;
mod driven;
mod eager;
mod generator;
mod lane;
mod meeting;
#[cfg(test)]
#[cfg(loom)]
mod models;
mod run;
mod started;
mod state;
mod sync_call;
mod sync_drive;
mod sync_iter;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use awaitable::{Awaitable, awaitable};
pub use co::{Co, TryYield, Yield, YieldError};
pub use driven::{Driven, DrivenUntil};
pub(crate) use eager::spawn_eager;
pub use eager::{CancelEager, Eager, EagerSpawn};
pub use generator::{
    CloseGenerator, Generator, GeneratorEnd, NextItem, SendItem, Unsent, generator,
};
pub use run::{CloseCo, Coroutine, Resume, ResumeError, Step, coroutine};
pub use started::{Close, NotDone, Started};
pub use state::{CoState, Progress, Tracked, tracked};
pub use sync_call::{LeaveSync, enter_async, leave_sync};
pub use sync_drive::{
    SyncDriveRequired, WouldBlock, await_sync, await_sync_strictly, in_sync_drive,
    require_sync_drive,
};
pub use sync_iter::{SyncIter, sync_iter};
