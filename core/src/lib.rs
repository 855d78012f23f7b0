//! The traits of `anyrt` and every utility built on them. Knows no runtime.
//!
//! Applications and libraries depend on the façade crate `anyrt`; adapters depend on this one. The
//! architecture, for those who want to change it, is in this crate's README.

// A model needs some of it only.
#![cfg_attr(loom, allow(dead_code))]

mod app;
mod bridge;
#[cfg(any(feature = "cache", loom))]
mod cache;
mod chance;
mod clock;
mod combine;
mod context;
mod coroutine;
mod front;
mod iteration;
mod region;
mod resource;
mod runtime;
mod scope;
#[cfg(feature = "sim")]
mod sim;
mod sync;
mod task;
mod thread;
mod time;

pub use app::{Shutdown, Stopped, application, stopping};
pub use bridge::{
    AbandonedThread, BlockError, FromThreadError, Idle, IdleRuntime, IdleSleep, NoThreadFree,
    ThreadResult, Threads, ToThread, abandoned_threads, allow_blocking, block_anywhere,
    from_thread, from_thread_local, idle_runtime, to_thread, try_block_anywhere,
};
pub use bridge::{
    AtDrop, BackgroundJob, BackgroundThreads, BatonCall, BatonGroup, Blocking, Convert, NeverStops,
    NotStarted, Parallel, RunWorks, Serial, StopHook, Work, block, blocking, run, to_async,
    to_blocking,
};
#[cfg(feature = "input")]
pub use bridge::{LineInput, line_input};
#[cfg(any(feature = "cache", loom))]
pub use cache::{Cache, CacheError, CacheGet, CacheInfo, CacheWith, Cached};
pub use clock::{
    Advance, AdvanceToNext, ClockHold, External, Virtual, VirtualClock, VirtualSleep,
    blocking_wait, external,
};
pub use combine::{
    AsCompleted, Completed, Gather, GatherAll, GatherMap, GatherTasks, Gathering, GatheringAll,
    Map, MapStream, Race, RaceError, RaceOk, RaceTasks, RaceTasksOk, Racing, RacingOk, TryGather,
    TryGatherMap, TryGathering, TryMap, TryMapStream, gather, gather_all, race, race_fair, race_ok,
    try_gather,
};
pub use context::{Bindings, ContextVar, InBindings, Rebound};
pub use coroutine::{
    Awaitable, CancelEager, Close, CloseCo, CloseGenerator, Co, CoState, Coroutine, Driven,
    DrivenUntil, Eager, EagerSpawn, Generator, GeneratorEnd, LeaveSync, NextItem, NotDone,
    Progress, Resume, ResumeError, SendItem, Started, Step, SyncDriveRequired, SyncIter, Tracked,
    TryYield, Unsent, WouldBlock, Yield, YieldError, await_sync, await_sync_strictly, awaitable,
    coroutine, enter_async, generator, in_sync_drive, leave_sync, require_sync_drive, sync_iter,
    tracked,
};
pub use front::{BlockOn, Runtime};
pub use region::{
    CancelGuard, CancelToken, Cancellable, Cancelled, CancelledOwned, Failure, Finally, Hole, Mask,
    NoRegion, OnCancel, Phase, Reason, Shield, Until, cancel_requested, checkpoint, defer, finally,
    set_failure_hook, shield, try_defer, uncancellable,
};
pub use resource::{
    AsyncClose, Bracket, BracketOrNone, Exit, ExitKind, ExitStack, ExitStackOrNone, Exits,
    GroupEnd, GroupExit, Held, Hold, Lent, ReleaseHeld, Resource, ResourceFrom, Stacked, UsingAll,
    bracket, closing, enter, exit_stack, hold, resource_from, using, using_all,
};
pub use runtime::{
    AnyRuntime, AnySleep, Drive, Enter, Instant, ShutdownReport, Sleep, Spawn, StopHooks, Timer,
};
pub use scope::{
    AnyError, AnyScope, Child, ChildError, ChildResult, EagerChild, ErrorGroup, LocalChild,
    LocalOutcome, LocalRefused, LocalResult, LocalScope, LocalScopeUnsend, MayFail, NextChild,
    NoValue, Nursery, NurseryClosed, NurseryHandle, NurseryInfo, NurseryWith, Origin, Outcome,
    Ready, Refused, RunScope, Scope, ScopeError, ScopeFuture, ScopeWait, ScopeWith, SpawnChild,
    SpawnWhenFree, Start, StartError, TryLocalScope, TryLocalScopeUnsend, TryScope, TryScopeFuture,
    Verdict, WaitError, WaitFor, current_scope, local_scope, local_scope_unsend, nurseries,
    try_local_scope, try_local_scope_unsend,
};
#[cfg(feature = "sim")]
pub use sim::{Explore, Explored, FailedSeed, Schedule, Sim, SimHandle, SimTrace, SimWith};
pub use task::{
    CancelAll, CancelAndWait, JoinError, Kill, KillAfter, NoRuntime, OutsideRegions, Rooted,
    SpawnWith, Task, TaskInfo, cancel_all, current, current_task, outside_regions, rooted,
};
pub use time::{
    Deadline, DefaultDelays, Durations, Elapsed, Every, Impatient, Interval, MissedTick, MoveOn,
    NextTick, NoDelays, OnCompletion, ReportCompletion, Reportable, RescheduleError, Retry,
    RetryDelayer, RetryError, RetrySleep, SlowPoll, SpawnWarned, Tick, Ticking, Timed, Timeout,
    WaitEvent, WaitReport, WarnPolls, When, deadline,
};

/// Streams: iteration with `await`.
///
/// What the `futures` crate has, and what it has not: numbers that begin anywhere, and the values of a
/// function until a certain one. They need no runtime.
pub mod stream {
    pub use crate::iteration::{
        EnumerateFrom, Enumerated, IterUntil, TryIterUntil, iter_until, try_iter_until,
    };
    pub use futures::stream::{
        BoxStream, FusedStream, Stream, StreamExt, TryStream, TryStreamExt, empty, iter, once,
        pending, poll_fn, repeat, repeat_with, select, select_all, try_unfold, unfold,
    };
}

/// What a runtime is told of the tasks it is given. No part of the public interface.
#[doc(hidden)]
pub mod known {
    pub use crate::runtime::{Known, KnownAs};
}

/// What the test macro needs. No part of the public interface.
#[doc(hidden)]
pub mod testing {
    pub use crate::front::block_on_watched;
    pub use crate::region::watch::Watch;
    #[cfg(feature = "sim")]
    pub use crate::sim::end as end_sim;
}
