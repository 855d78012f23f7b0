//! Async utilities that behave alike on every runtime.
//!
//! Write async Rust once; run it on Tokio, smol, async-std or the built-in runtime, with one behaviour
//! on all of them.
//!
//! ```
//! use anyrt::{Runtime, backend::builtin::BuiltinRuntime, prelude::*};
//!
//! // A library is generic over the runtime …
//! async fn shout<R: Runtime>(rt: &R, words: &[&'static str]) -> String {
//!     let tasks: Vec<_> = words.iter().map(|&word| rt.spawn(async { word.to_uppercase() })).collect();
//!     let mut all = Vec::new();
//!     for task in tasks {
//!         all.push(task.await.expect("nothing panics here"));
//!     }
//!     all.join(" ")
//! }
//!
//! // … and an application picks one.
//! let owner = BuiltinRuntime::new();
//! assert_eq!(owner.block_on(shout(owner.handle(), &["hello", "there"])), "HELLO THERE");
//! ```
//!
//! # Map
//!
//! | you are … | start with |
//! |---|---|
//! | writing a library | [`Runtime`], the one bound; [`AnyRuntime`] to store one without a type parameter |
//! | writing an application | [`backend`]: the runtimes and their owners; [`main`](macro@main) |
//! | below somebody's `#[tokio::main]` | `backend::tokio::Tokio::current()`, [`rooted`] |
//! | joining, cancelling | [`Task`], [`JoinError`], [`Reason`] |
//! | starting children, and going on when all are gone | [`Runtime::scope`], [`Runtime::try_scope`], [`Runtime::scope_with`]; [`Scope`], [`Child`] |
//! | doing the same for each of many | [`Runtime::map`], [`Runtime::try_map`] |
//! | reading what went wrong in a scope | [`ScopeError`], [`ErrorGroup`], [`ChildError`]; [`Verdict`], who is to stop |
//! | giving several errors as one | [`ErrorGroup::from_errors`] |
//! | running borrowing futures side by side in one task | [`local_scope`], [`try_local_scope`]; [`local_scope_unsend`] |
//! | asking code to stop, whatever it runs on | [`CancelToken`], [`until`](Cancellable::until) |
//! | stopping many tasks; with a grace period | [`cancel_all`]; [`kill_after`](CancelAndWait::kill_after) |
//! | ending what does not stop | [`Task::kill`], [`Child::kill`], [`TryScope::kill`]; the [clean-up deadline](SpawnWith::cleanup_deadline) does it by itself |
//! | protecting code from being stopped | [`shield`], [`uncancellable`] |
//! | in long code that never waits | [`checkpoint`], [`cancel_requested`] |
//! | cleaning up with `await` | [`defer`], [`try_defer`]; [`finally`], which borrows |
//! | holding what must be released with `await` | [`hold()`], [`enter`]: as long as the region around; [`bracket`], [`using`]: for one use; [`closing`] |
//! | … several of it | [`exit_stack`]: one after the other; [`using_all`]: all at once |
//! | saying how something is acquired and released | [`Resource`], [`resource_from`] a function that yields once, [`AsyncClose`]; [`Exit`], how its use ended |
//! | doing several things at once in one task | [`gather`], [`try_gather`], [`gather_all`]: all; [`race`], [`race_ok`]: the first |
//! | … each in a task of its own | [`Runtime::gather`], [`Runtime::race`], [`Runtime::as_completed`] |
//! | giving something a limited time | [`Runtime::timeout`], [`Runtime::timeout_at`], [`Runtime::move_on_after`]; `fut.timeout(&rt, 2.secs())` ([`Timed`]) |
//! | … that may get more of it | [`Runtime::timeout_with`], [`Deadline`]; [`deadline`], how long there is |
//! | doing something again and again | [`Runtime::every`], [`Every`]; [`Runtime::interval`], [`Interval`] |
//! | trying again what failed | [`Runtime::retry`], [`Runtime::retry_with`]; [`RetryDelayer`] in a loop of one's own |
//! | learning what takes long | [`impatient`](Reportable::impatient), [`warn_polls_over`](Reportable::warn_polls_over) |
//! | keeping what was computed, each key by one computation at a time | [`Cache`], [`Cached`] (feature `cache`) |
//! | iterating with `await` | [`stream`]: that of `futures`, [`enumerate_from`](stream::Enumerated::enumerate_from), [`iter_until`](stream::iter_until) |
//! | locks, channels and events that need no runtime | [`sync`], the guide; with feature `sync` they are in it |
//! | coming from Python | [`coming_from_python`]: each name, line by line |
//! | handing a value down a whole call tree, tasks included | [`ContextVar`] |
//! | a task that begins where it is spawned, and is none if it is ready at once | [`Runtime::spawn_eager`], [`Scope::spawn_eager`], [`TryScope::spawn_eager`] |
//! | starting a future now, and awaiting it later | [`Started`] |
//! | calling async code that never really waits from sync code | [`await_sync`], [`sync_iter`]; [`enter_async`], [`leave_sync`] |
//! | writing code that hands out something in the middle, and goes on with an answer | [`coroutine`], [`Co`] |
//! | writing a stream as a loop | [`generator`] |
//! | awaiting something again and again; seeing how far a future is | [`awaitable`]; [`tracked`] |
//! | running code among the bindings of elsewhere | [`Bindings`] |
//! | in code that was given no runtime | [`current`], [`find`], [`find_or`], [`install`] |
//! | running an executor of your own in a task | [`outside_regions`] |
//! | calling async from sync | [`BlockOn::block_on`] on an owner; wherever it is called, [`block_anywhere`]; [`idle_runtime`] |
//! | calling sync from async | [`to_thread`]: abandoned by a timeout; [`Runtime::spawn_blocking`]: joined, on the runtime's pool |
//! | … and async from that sync code | [`from_thread`]: in the task that awaits; [`from_thread_local`] |
//! | … with a limit | [`Threads`] |
//! | seeing which threads nobody waits for | [`abandoned_threads`] |
//! | taking what may be sync or async | [`Work`]: [`blocking`], [`run`], [`block`]; [`to_async`], [`to_blocking`] |
//! | doing a list of such things, beside each other or in order, as often as wanted | [`Parallel`], [`Serial`] |
//! | having threads in the background, and deciding what becomes of them | [`BackgroundThreads`] |
//! | sharing state between sync functions as between tasks of one thread | [`BatonGroup`] |
//! | asking a person for a line, for a while | `line_input` (feature `input`) |
//! | keeping children in a struct; seeing all that are kept | [`Runtime::nursery`], [`Nursery`]; [`nurseries`] |
//! | saying which task it is that logs | [`current_task`] |
//! | starting tasks that nobody joins | [`Runtime::spawn_watched`], [`spawn_watched_by`](SpawnWith::spawn_watched_by): failures are told at once |
//! | doing something when the runtime stops | [`Runtime::on_stop`] |
//! | stopping at Ctrl-C, and cleaning up before | `#[anyrt::main(shutdown = "10s")]`, or `run_until_signal` (feature `signal`); [`application`], [`stopping`]; [`Shutdown`] for any other cause |
//! | looking for lost panics | [`set_failure_hook`], [`Failure`] |
//! | asking what exactly happens, and when | [`semantics`] |
//! | writing tests | [`test`](macro@test) |
//! | testing time and races | [`testing`], the guide |
//! | looking for races; replaying one by its number | [`Sim`], [`Explore`] (feature `sim`) |
//! | testing what takes hours | [`VirtualClock`]; [`external`], [`blocking_wait`] for what it does not see |
//! | bringing a runtime of your own | [`Spawn`] and [`Timer`]; [`Drive`] for its owner |
//!
//! # What is the same everywhere
//!
//! | event | what happens, on every backend |
//! |---|---|
//! | a [`Task`]'s handle is dropped | the task is cancelled, and whoever dropped it does not end before it; [`detach`](Task::detach) lets it run |
//! | [`cancel`](Task::cancel) | asked at the call; the body is dropped where it suspends; [`cancel_and_wait`](Task::cancel_and_wait) is ready when it is gone |
//! | a task ignores a request, or its clean-up hangs | [`kill`](Task::kill) ends it; after 30 seconds it is killed by itself, see [`cleanup_deadline`](SpawnWith::cleanup_deadline) |
//! | a task panics | a value, [`JoinError::is_panic`]; the thread and the runtime live on; nobody joined: the hook is told |
//! | a destructor panics | contained, and a value too |
//! | the runtime ends (the global ones never do) | its tasks are dropped; joins say [`is_lost`](JoinError::is_lost) |
//! | `spawn` on any thread, in no context | works |
//! | `block_on` inside a task, also in Tokio's `block_in_place` | panics, with advice |
//! | a blocking job's handle is dropped | the job runs |
//! | a scope is dropped half-way | its children are asked to stop; the task around waits for them |
//! | a sleep of zero, of [`Duration::MAX`](std::time::Duration::MAX) | ready at once; never |
//!
//! # What works without a task
//!
//! Some functions ask which task runs them. Outside all of them (in plain code, in a task that another
//! library started) this is what they do; [`rooted`] makes a task of any future, in place.
//!
//! | called in no task | what happens |
//! |---|---|
//! | [`current`] | an error; [`find`] looks further |
//! | [`defer`], [`try_defer`] | panics with advice; gives the clean-up back |
//! | [`shield`], [`uncancellable`] | the future just runs: there are no requests |
//! | [`checkpoint`] | goes on at once |
//! | [`cancel_requested`] | `false` |
//! | [`until`](Cancellable::until) | works; inside it `defer` and `shield` do too |
//! | [`application`], [`stopping`] | work, in a process that runs an application; else `None`, and a token that nobody cancels |
//! | [`CancelToken`], [`ContextVar`] | work: they need no runtime |
//! | [`local_scope`] and its kin | work; inside them `defer` and `shield` do too |
//! | [`gather`], [`race`] and their kin | work; inside their arms `defer` and `shield` do too |
//! | [`finally`] | works |
//! | [`bracket`], [`using`], [`closing`], [`exit_stack`], [`using_all`] | work; dropped half-way, nobody is there to release, and that is reported |
//! | [`hold()`], [`enter`] | panic with advice, before they acquire anything |
//! | [`Runtime::spawn`], [`Runtime::spawn_watched`], [`Runtime::spawn_blocking`], [`Runtime::nursery`], [`Runtime::sleep`] | work: the handle is the runtime |
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | handle, owner | of a runtime: what is cloned and passed around; what drives it and ends it |
//! | task | a future that this library runs: spawned, [`rooted`], or in `block_on` |
//! | region | a task, or a part of one that is stopped by itself, as by [`until`](Cancellable::until) |
//! | request | that a task, region or token stop; *due* where the code suspends outside a shield |
//! | clean-up | asynchronous code that runs when a region's body is gone |
//! | lost | the outcome of a task whose runtime was gone |
//! | failure, hook | what went wrong beside an outcome; who is told if nobody else receives it |
//!
//! # Features
//!
//! `builtin` and `macros` are on by default; `tokio`, `tokio-util` (its tokens), `smol`, `async-std`
//! (legacy: discontinued upstream), `tracing`, `signal` (Ctrl-C), `sim` (the simulator), `cache`, `sync`
//! (locks and channels of other crates), `input` (lines that can be cancelled) and `full` are not.
//! They add up and never exclude each other. A library depends on `anyrt` with `default-features = false`.

pub mod backend;
#[cfg(feature = "macros")]
mod entry;
mod find;
#[cfg(feature = "macros")]
mod gates;
pub mod prelude;
#[cfg(feature = "macros")]
mod runner;
#[cfg(feature = "signal")]
mod signal;

#[doc = include_str!("coming_from_python.md")]
pub mod coming_from_python {}

#[doc = include_str!("semantics.md")]
pub mod semantics {}

#[doc = include_str!("sync.md")]
pub mod sync {
    #[cfg(feature = "sync")]
    pub use async_lock::{
        Barrier, BarrierWaitResult, OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore,
        SemaphoreGuard, SemaphoreGuardArc,
    };
    #[cfg(feature = "sync")]
    pub use event_listener::{Event, EventListener, Listener};
    #[cfg(feature = "sync")]
    pub use futures::channel::{mpsc, oneshot};
    #[cfg(feature = "sync")]
    pub use futures::lock::{Mutex, MutexGuard};
}

#[doc = include_str!("testing.md")]
pub mod testing {}

pub use anyrt_core::{
    AbandonedThread, Advance, AdvanceToNext, AnyError, AnyRuntime, AnyScope, AnySleep, AsCompleted,
    AsyncClose, BlockError, BlockOn, Bracket, BracketOrNone, CancelAll, CancelAndWait, CancelGuard,
    CancelToken, Cancellable, Cancelled, CancelledOwned, Child, ChildError, ChildResult, ClockHold,
    Completed, ContextVar, Deadline, DefaultDelays, Drive, Durations, Elapsed, Enter, ErrorGroup,
    Every, Exit, ExitKind, ExitStack, ExitStackOrNone, Exits, External, Failure, Finally,
    FromThreadError, Gather, GatherAll, GatherMap, GatherTasks, Gathering, GatheringAll, GroupEnd,
    GroupExit, Held, Hold, Hole, Idle, IdleRuntime, IdleSleep, Impatient, Instant, Interval,
    JoinError, Kill, KillAfter, Lent, LocalChild, LocalOutcome, LocalRefused, LocalResult,
    LocalScope, LocalScopeUnsend, Map, MapStream, Mask, MayFail, MissedTick, MoveOn, NextChild,
    NextTick, NoDelays, NoRegion, NoRuntime, NoThreadFree, NoValue, Nursery, NurseryClosed,
    NurseryHandle, NurseryInfo, NurseryWith, OnCancel, OnCompletion, Origin, Outcome,
    OutsideRegions, Phase, Race, RaceError, RaceOk, RaceTasks, RaceTasksOk, Racing, RacingOk,
    Ready, Reason, Rebound, Refused, ReleaseHeld, ReportCompletion, Reportable, RescheduleError,
    Resource, Retry, RetryDelayer, RetryError, RetrySleep, Rooted, RunScope, Runtime, Scope,
    ScopeError, ScopeFuture, ScopeWait, ScopeWith, Shield, Shutdown, ShutdownReport, Sleep,
    SlowPoll, Spawn, SpawnChild, SpawnWarned, SpawnWhenFree, SpawnWith, Stacked, Start, StartError,
    Stopped, Task, TaskInfo, ThreadResult, Threads, Tick, Ticking, Timed, Timeout, Timer, ToThread,
    TryGather, TryGatherMap, TryGathering, TryLocalScope, TryLocalScopeUnsend, TryMap,
    TryMapStream, TryScope, TryScopeFuture, Until, UsingAll, Verdict, Virtual, VirtualClock,
    VirtualSleep, WaitError, WaitEvent, WaitFor, WaitReport, WarnPolls, When, abandoned_threads,
    allow_blocking, application, block_anywhere, blocking_wait, bracket, cancel_all,
    cancel_requested, checkpoint, closing, current, current_scope, current_task, deadline, defer,
    enter, exit_stack, external, finally, from_thread, from_thread_local, gather, gather_all, hold,
    idle_runtime, local_scope, local_scope_unsend, nurseries, outside_regions, race, race_fair,
    race_ok, rooted, set_failure_hook, shield, stopping, stream, to_thread, try_block_anywhere,
    try_defer, try_gather, try_local_scope, try_local_scope_unsend, uncancellable, using,
    using_all,
};
pub use anyrt_core::{
    AtDrop, BackgroundJob, BackgroundThreads, BatonCall, BatonGroup, Blocking, Convert, NeverStops,
    NotStarted, Parallel, RunWorks, Serial, StopHook, StopHooks, Work, block, blocking, run,
    to_async, to_blocking,
};
pub use anyrt_core::{
    Awaitable, Bindings, CancelEager, Close, CloseCo, CloseGenerator, Co, CoState, Coroutine,
    Driven, DrivenUntil, Eager, EagerChild, EagerSpawn, Generator, GeneratorEnd, InBindings,
    LeaveSync, NextItem, NotDone, Progress, Resume, ResumeError, SendItem, Started, Step,
    SyncDriveRequired, SyncIter, Tracked, TryYield, Unsent, WouldBlock, Yield, YieldError,
    await_sync, await_sync_strictly, awaitable, coroutine, enter_async, generator, in_sync_drive,
    leave_sync, require_sync_drive, sync_iter, tracked,
};
#[cfg(feature = "cache")]
pub use anyrt_core::{Cache, CacheError, CacheGet, CacheInfo, CacheWith, Cached};
#[cfg(feature = "sim")]
pub use anyrt_core::{Explore, Explored, FailedSeed, Schedule, Sim, SimHandle, SimTrace, SimWith};
#[cfg(feature = "input")]
pub use anyrt_core::{LineInput, line_input};
pub use anyrt_core::{ResourceFrom, resource_from};
#[cfg(feature = "macros")]
pub use anyrt_macros::{main, test};
pub use find::{AlreadyInstalled, find, find_or, install};
#[cfg(feature = "signal")]
pub use signal::{SignalError, run_until_signal};

/// What `#[anyrt::main]` expands to. No part of the public interface.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod __entry {
    pub use crate::entry::*;
}

/// What `#[anyrt::test]` expands to. No part of the public interface.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod __testing {
    pub use crate::runner::*;
}

/// The examples of the README, compiled and run.
#[cfg(all(
    doctest,
    feature = "tokio",
    feature = "macros",
    feature = "builtin",
    feature = "sim"
))]
#[doc = include_str!("../README.md")]
struct Readme;
