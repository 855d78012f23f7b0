//! The front door: what users call on a runtime, whichever it is.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::bridge::{self, NeverStops, StopHook, ToThread};
use crate::combine::{
    self, AsCompleted, Completed, GatherMap, GatherTasks, Map, MapStream, RaceTasks, RaceTasksOk,
    TryGatherMap, TryMap, TryMapStream,
};
use crate::coroutine::{self, Eager, EagerSpawn};
use crate::region::watch::Watch;
use crate::runtime::{AnyRuntime, Drive, Instant, Spawn, Timer, after};
use crate::scope::{
    self, MayFail, Nursery, NurseryWith, Scope, ScopeFuture, ScopeWith, TryScope, TryScopeFuture,
};
use crate::task::{self, SpawnWith, Task};
use crate::time::{self, Deadline, DefaultDelays, Every, Interval, MoveOn, Retry, Timeout};

/// A runtime that a library can be generic over: the one bound it needs.
///
/// Every `Spawn + Timer` is a `Runtime`, with these methods; none can be overridden, so they behave
/// alike on all backends. A runtime is a *value*, the handle, and is passed like one.
///
/// # Examples
///
/// ```
/// use anyrt::{Runtime, backend::builtin::BuiltinRuntime, prelude::*};
///
/// async fn sum_of_squares<R: Runtime>(rt: &R, numbers: Vec<u64>) -> u64 {
///     let tasks: Vec<_> = numbers.into_iter().map(|n| rt.spawn(async move { n * n })).collect();
///     let mut sum = 0;
///     for task in tasks {
///         sum += task.await.unwrap();
///     }
///     sum
/// }
///
/// let owner = BuiltinRuntime::new();
/// assert_eq!(owner.block_on(sum_of_squares(owner.handle(), vec![1, 2, 3])), 14);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a runtime handle",
    label = "not a runtime handle",
    note = "pass a handle such as `&Builtin`, `&Tokio`, `&Smol`, `&AsyncStd` or `&AnyRuntime`",
    note = "of an owner such as `BuiltinRuntime` or `TokioRuntime`, pass `owner.handle()`"
)]
pub trait Runtime: Spawn + Timer {
    /// Spawns a task; its handle is a future of the result.
    ///
    /// The future is never polled inside this call. Dropping the handle cancels the task; see
    /// [`Task`]. Spawned on a runtime that is gone, the task is *lost*.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let task = owner.handle().spawn(async { 6 * 7 });
    /// assert_eq!(owner.block_on(task).unwrap(), 42);
    /// ```
    #[track_caller]
    #[doc(alias = "create_task")]
    #[doc(alias = "spawn_background")]
    fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(self, task::Words::default(), future)
    }

    /// Spawns a task that begins here: it is polled once before this returns.
    ///
    /// Where it is ready at once, there is no task and no more than one allocation: the handle has the result.
    /// Where it is not, a task runs the rest. The poll is on this stack, so this code goes on at the first
    /// suspension; but in all else it is the task's: its name and place, its
    /// [context](crate::ContextVar), what it defers and shields, its timeouts. A request to this task does not
    /// stop it. A panic is a result, also at once.
    ///
    /// ```text
    ///            spawn                                  spawn_eager
    ///  caller  ──┬─────────────► task: first poll     caller ── first poll ──┬──► goes on
    ///            └► goes on                                                  └──► task: the rest
    /// ```
    ///
    /// Called by code that runs in no task of this very runtime, it spawns as [`spawn`](Runtime::spawn) does.
    ///
    /// Deep recursion through eager tasks is recursion on the stack.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// owner.block_on(async {
    ///     let cached = rt.spawn_eager(async { "from the cache" });
    ///     assert!(cached.is_finished()); // nothing was scheduled for it
    ///     assert_eq!(cached.await.unwrap(), "from the cache");
    /// });
    /// ```
    #[track_caller]
    #[doc(alias = "eager")]
    #[doc(alias = "coro_eager")]
    #[doc(alias = "func_eager")]
    #[doc(alias = "async_eager")]
    #[doc(alias = "create_task")]
    fn spawn_eager<F>(&self, future: F) -> Eager<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        coroutine::spawn_eager(self, task::Words::default(), future)
    }

    /// Returns a value through which whatever is spawned is spawned eagerly.
    fn eagerly(&self) -> EagerSpawn<Self> {
        EagerSpawn::new(self)
    }

    /// Spawns a task without a handle: it runs until it ends or the runtime goes.
    ///
    /// A panic goes to the hook of [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let (tx, rx) = mpsc::channel();
    /// owner.handle().spawn_detached(async move { tx.send("ran").unwrap() });
    /// assert_eq!(rx.recv().unwrap(), "ran");
    /// ```
    #[track_caller]
    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        task::spawn_detached(self, task::Words::default(), future);
    }

    /// Spawns a task that nobody joins, and whose failure is told at once.
    ///
    /// The future gives `()` or a `Result`. An `Err`, and a panic, goes to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook) as soon as the task is gone; to a handler of its own
    /// with [`spawn_watched_by`](SpawnWith::spawn_watched_by). Where the task is stopped, or its runtime
    /// ends, nothing is told.
    ///
    /// There is no handle. What is to be stopped later is run [`until`](crate::Cancellable::until) a token
    /// says so, or in a [`nursery`](Runtime::nursery).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, set_failure_hook};
    ///
    /// let (tx, rx) = mpsc::channel();
    /// set_failure_hook(move |failure| tx.send(failure.to_string()).unwrap());
    ///
    /// let owner = BuiltinRuntime::new();
    /// owner.handle().spawn_watched(async { Err::<(), _>("out of cheese") });
    ///
    /// let line = rx.recv().unwrap();
    /// assert!(line.starts_with("task failed in the task spawned at"), "{line}");
    /// assert!(line.ends_with(": out of cheese"), "{line}");
    /// ```
    #[track_caller]
    #[doc(alias = "launch_watched")]
    fn spawn_watched<F>(&self, future: F)
    where
        F: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
    {
        scope::spawn_watched(self, task::Words::default(), future);
    }

    /// Spawns a blocking job: a closure that may block its thread.
    ///
    /// It runs exactly once, on the runtime's pool for such jobs, even if its handle is dropped. Where the
    /// runtime has none, and under a virtual clock, it runs on a thread of this library. Only
    /// [`Task::cancel`] before it has started stops it, or the end of a runtime that drops what waits
    /// (then it is *lost*). A job that has started ends by itself; it can look at
    /// [`cancel_requested`](crate::cancel_requested). Inside it, [`current`](crate::current) works and
    /// `block_on` is allowed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let job = owner.handle().spawn_blocking(|| std::fs::metadata("/").is_ok());
    /// assert!(owner.block_on(job).unwrap());
    /// ```
    #[track_caller]
    #[doc(alias = "unblock")]
    #[doc(alias = "run_in_executor")]
    fn spawn_blocking<F, T>(&self, job: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        task::spawn_blocking(self, task::Words::default(), job)
    }

    /// Runs `f` on a thread of this library, beginning at once, as part of this runtime.
    ///
    /// As [`to_thread`](crate::to_thread()), from any code: where no task of this library awaits it, calls of
    /// `f` by [`from_thread`](crate::from_thread()) are tasks on this runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, from_thread, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// // An executor that knows nothing of anyrt:
    /// let call = owner.handle().to_thread(|| from_thread(async { 42 }));
    /// assert_eq!(futures::executor::block_on(call), Ok(42));
    /// ```
    #[track_caller]
    fn to_thread<F, T>(&self, f: F) -> ToThread<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        bridge::start_on_thread(Some(AnyRuntime::new(self.clone())), None, f)
    }

    /// Begins a spawn that says more about the task: its name.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let task = owner.handle().spawn_with().name("mailer").spawn(async {});
    /// assert_eq!(task.name().as_deref(), Some("mailer"));
    /// # owner.block_on(task).unwrap();
    /// ```
    fn spawn_with(&self) -> SpawnWith<'_, Self> {
        SpawnWith::new(self)
    }

    /// Runs a body with children: all of them are gone when it is ready, with the body's value.
    ///
    /// The body is given the scope's handle, by which it and its children spawn children. They run on this
    /// runtime, in parallel where it has the threads. The body may borrow from around the scope, its
    /// children may not (they are tasks).
    ///
    /// ```text
    /// await ── body ─────────── value ┈┈┈┈┈┈┈┈┈┈ ready with the value
    ///            ├─ child ──────────────── end ──┤
    ///            └─ child ── end                 │
    ///                 └─ grandchild ───────── end┘
    /// ```
    ///
    /// A panic of a child stops the body and the other children, and goes on here once all are gone. A
    /// request to the code around stops the scope, its children first, and it gives no value then. For
    /// children that may fail, use [`try_scope`](Runtime::try_scope); for a deadline, a limit, another
    /// policy [`scope_with`](Runtime::scope_with).
    ///
    /// Dropping the future drops the body and asks the children to stop; the task around waits for them.
    /// In code that runs in no task of this library a task of its own does.
    ///
    /// # Panics
    ///
    /// With the panic of the body or of the first child that panicked, after all are gone; and when it is
    /// polled again after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Runtime, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// async fn total<R: Runtime>(rt: &R, numbers: &[u64]) -> u64 {
    ///     rt.scope(async |s| {
    ///         let squares: Vec<_> = numbers.iter().map(|&n| s.spawn(async move { n * n })).collect();
    ///         let mut total = 0;
    ///         for square in squares {
    ///             total += square.await;
    ///         }
    ///         total
    ///     })
    ///     .await
    /// }
    ///
    /// let owner = BuiltinRuntime::new();
    /// assert_eq!(owner.block_on(total(owner.handle(), &[1, 2, 3])), 14);
    /// ```
    #[track_caller]
    #[doc(alias = "open_nursery")]
    #[doc(alias = "create_task_group")]
    fn scope<F, Fut>(&self, body: F) -> ScopeFuture<Self, Fut>
    where
        F: FnOnce(Scope<Self>) -> Fut,
        Fut: Future,
    {
        scope::scope(self, body)
    }

    /// Runs a body with children that may fail: the first failure stops the others.
    ///
    /// Like [`scope`](Runtime::scope), but the body gives a `Result<T, E>`, and its children `()` or a
    /// `Result` of the same `E`. What fails first stops the body and the other children; once all are
    /// gone, everything that failed comes as one error.
    ///
    /// # Errors
    ///
    /// [`ScopeError`](crate::ScopeError): errors and panics of the children, and the error of the body, in
    /// the order of their coming; or that the scope was cancelled by its handle.
    ///
    /// # Panics
    ///
    /// With the panic of the body, after all are gone; and when it is polled again after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use anyrt::{Runtime, ScopeError, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// async fn feed(n: u32) -> io::Result<()> {
    ///     if n == 2 { Err(io::Error::other("feed 2 is empty")) } else { Ok(()) }
    /// }
    ///
    /// async fn serve<R: Runtime>(rt: &R) -> Result<(), ScopeError<io::Error>> {
    ///     rt.try_scope(async |s| { s.spawn(feed(1)); s.spawn(feed(2)); Ok(()) }).await
    /// }
    ///
    /// let owner = BuiltinRuntime::new();
    /// let error = owner.block_on(serve(owner.handle())).unwrap_err();
    /// assert_eq!(error.errors().unwrap().first().index(), Some(1));
    /// ```
    #[track_caller]
    #[doc(alias = "TaskGroup")]
    fn try_scope<E, F, Fut, T>(&self, body: F) -> TryScopeFuture<Self, E, Fut>
    where
        E: Send + 'static,
        F: FnOnce(TryScope<Self, E>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        scope::try_scope(self, body)
    }

    /// Begins a scope that says more about itself: a policy, a limit, a deadline, a name.
    ///
    /// See [`ScopeWith`].
    fn scope_with<E: Send + 'static>(&self) -> ScopeWith<'_, Self, E> {
        ScopeWith::new(self)
    }

    /// Opens a scope that stays open without a block, to be kept in a struct: a [`Nursery`].
    ///
    /// Dropping it asks its children to stop; [`close`](Nursery::close) also waits for them.
    ///
    /// # Examples
    ///
    /// See [`Nursery`].
    #[track_caller]
    #[doc(alias = "TaskTracker")]
    #[doc(alias = "PersistentTaskGroup")]
    fn nursery(&self) -> Nursery<Self> {
        self.nursery_with().open()
    }

    /// Begins a nursery that says more about itself: a name, a limit, who is told of failures.
    fn nursery_with(&self) -> NurseryWith<'_, Self> {
        NurseryWith::new(self)
    }

    /// Runs a future for each item, at most `limit` at a time; gives the values in order.
    ///
    /// Each is a child of a scope, spawned when there is room: the iterator is asked only then, so it may be
    /// endless or expensive. `limit` zero counts as one. A panic of a child stops the others, and goes on here
    /// once all are gone; a request to the code around stops them all, and then there is no value.
    ///
    /// Nothing waits for its turn half-way, as in a stream's `buffered`: each future is a task, and runs
    /// whatever the code around does.
    ///
    /// # Panics
    ///
    /// With the panic of a child, of `f`, or of the iterator, after all are gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let squares = owner.handle().map(1..=4, 2, |n| async move { n * n });
    /// assert_eq!(owner.block_on(squares), [1, 4, 9, 16]);
    /// ```
    #[track_caller]
    #[doc(alias = "buffered")]
    #[doc(alias = "amap")]
    fn map<I, F, Fut>(&self, items: I, limit: usize, f: F) -> Map<Self, I::IntoIter, F, Fut::Output>
    where
        I: IntoIterator,
        F: FnMut(I::Item) -> Fut,
        Fut: Future<Output: Send> + Send + 'static,
    {
        combine::map(self, items, limit, f)
    }

    /// Runs a future that may fail for each item, at most `limit` at a time.
    ///
    /// Like [`map`](Runtime::map); the first failure stops the others, and no more are begun.
    ///
    /// # Errors
    ///
    /// [`ScopeError`](crate::ScopeError) with everything that failed until all were gone; the index of each
    /// is the position of its item.
    ///
    /// # Panics
    ///
    /// With a panic of `f` or of the iterator, after all are gone. One of a child is an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let parse = |text: &'static str| async move { text.parse::<i32>() };
    /// assert_eq!(owner.block_on(rt.try_map(["1", "2"], 8, parse)).unwrap(), [1, 2]);
    ///
    /// let error = owner.block_on(rt.try_map(["1", "two"], 8, parse)).unwrap_err();
    /// assert_eq!(error.errors().unwrap().first().index(), Some(1));
    /// ```
    #[track_caller]
    #[doc(alias = "try_buffered")]
    fn try_map<E, I, F, Fut, T>(
        &self,
        items: I,
        limit: usize,
        f: F,
    ) -> TryMap<Self, E, I::IntoIter, F, T>
    where
        E: Send + 'static,
        I: IntoIterator,
        F: FnMut(I::Item) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        combine::try_map(self, items, limit, f)
    }

    /// Does as [`map`](Runtime::map) does, and gives each value as a stream, in order, when it is there.
    ///
    /// The limit counts those that run and those that nobody has taken: a slow consumer slows it down.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    /// use futures::StreamExt;
    ///
    /// let owner = BuiltinRuntime::new();
    /// let squares = owner.handle().map_stream(1.., 2, |n: u64| async move { n * n });
    /// let first: Vec<_> = owner.block_on(squares.take(3).collect());
    /// assert_eq!(first, [1, 4, 9]);
    /// ```
    #[track_caller]
    fn map_stream<I, F, Fut>(
        &self,
        items: I,
        limit: usize,
        f: F,
    ) -> MapStream<Self, I::IntoIter, F, Fut::Output>
    where
        I: IntoIterator,
        F: FnMut(I::Item) -> Fut,
        Fut: Future<Output: Send> + Send + 'static,
    {
        combine::map_stream(self, items, limit, f)
    }

    /// Does as [`try_map`](Runtime::try_map) does, and gives each value as a stream, in order, when it is
    /// there; at last what failed, as one error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    /// use futures::TryStreamExt;
    ///
    /// let owner = BuiltinRuntime::new();
    /// let halves = owner.handle().try_map_stream([4, 2, 1], 1, |n| async move {
    ///     if n % 2 == 0 { Ok(n / 2) } else { Err("odd") }
    /// });
    /// owner.block_on(async {
    ///     let mut halves = std::pin::pin!(halves);
    ///     assert_eq!(halves.try_next().await.unwrap(), Some(2));
    ///     assert_eq!(halves.try_next().await.unwrap(), Some(1));
    ///     assert!(halves.try_next().await.is_err());
    /// });
    /// ```
    #[track_caller]
    fn try_map_stream<E, I, F, Fut, T>(
        &self,
        items: I,
        limit: usize,
        f: F,
    ) -> TryMapStream<Self, E, I::IntoIter, F, T>
    where
        E: Send + 'static,
        I: IntoIterator,
        F: FnMut(I::Item) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        combine::try_map_stream(self, items, limit, f)
    }

    /// Runs all of these, each in a task of its own; gives their values, in order.
    ///
    /// It is [`map`](Runtime::map) without a limit, with the futures as items. In one task, borrowing,
    /// [`gather`](crate::gather()) does the same.
    ///
    /// # Panics
    ///
    /// With the first panic of one of them, after all are gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let squares = owner.handle().gather((1..=3).map(|n| async move { n * n }));
    /// assert_eq!(owner.block_on(squares), [1, 4, 9]);
    /// ```
    #[track_caller]
    #[doc(alias = "join_all")]
    fn gather<I, F>(&self, futures: I) -> GatherMap<Self, I::IntoIter, F, F::Output>
    where
        I: IntoIterator<Item = F>,
        F: Future<Output: Send> + Send + 'static,
    {
        combine::map(self, futures, usize::MAX, std::convert::identity)
    }

    /// Runs all of these, each in a task of its own; the first failure stops the others.
    ///
    /// It is [`try_map`](Runtime::try_map) without a limit, with the futures as items.
    ///
    /// # Errors
    ///
    /// [`ScopeError`](crate::ScopeError) with everything that failed until all were gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let outcomes = [Ok(1), Err("bad")].map(std::future::ready);
    /// let outcome = owner.handle().try_gather(outcomes);
    /// assert_eq!(owner.block_on(outcome).unwrap_err().into_first_error().unwrap(), "bad");
    /// ```
    #[track_caller]
    #[doc(alias = "try_join_all")]
    fn try_gather<E, I, F, T>(&self, futures: I) -> TryGatherMap<Self, E, I::IntoIter, F, T>
    where
        E: Send + 'static,
        I: IntoIterator<Item = F>,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        combine::try_map(self, futures, usize::MAX, std::convert::identity)
    }

    /// Runs all of these, each in a task of its own; gives what became of each, in order.
    ///
    /// Nobody stops anybody: a panic is the [`JoinError`](crate::JoinError) of its place. For a stop at the
    /// first error there is [`try_gather`](Runtime::try_gather).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let half = |n: i32| async move { if n % 2 == 0 { n / 2 } else { panic!("odd") } };
    /// let all = owner.block_on(owner.handle().gather_all([half(4), half(1)]));
    /// assert_eq!(*all[0].as_ref().unwrap(), 2);
    /// assert!(all[1].as_ref().unwrap_err().is_panic());
    /// ```
    #[track_caller]
    #[doc(alias = "gather_safe")]
    #[doc(alias = "allSettled")]
    fn gather_all<I, F>(&self, futures: I) -> GatherTasks<Self, I::IntoIter, F, F::Output>
    where
        I: IntoIterator<Item = F>,
        F: Future<Output: Send> + Send + 'static,
    {
        combine::gather_tasks(self, futures)
    }

    /// Runs all of these, each in a task of its own; gives what the first to end gives.
    ///
    /// `None` if there were none. The others are asked to stop, and when this is ready they are gone: it
    /// takes as long as their shields and clean-ups do. Of several that have ended when it looks, the first
    /// in order wins. In one task, borrowing, [`race`](crate::race()) does the same.
    ///
    /// # Panics
    ///
    /// With the panic of the first to end, if it panicked, after all are gone. A later panic goes to the hook
    /// of [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let slow_or_fast = |slow: bool| async move {
    ///     if slow { std::future::pending().await } else { "fast" }
    /// };
    /// let first = owner.handle().race([true, false].map(slow_or_fast));
    /// assert_eq!(owner.block_on(first), Some("fast"));
    /// ```
    #[track_caller]
    #[doc(alias = "FIRST_COMPLETED")]
    fn race<I, F>(&self, futures: I) -> RaceTasks<Self, I::IntoIter, F::Output>
    where
        I: IntoIterator<Item = F>,
        F: Future<Output: Send> + Send + 'static,
    {
        combine::race_tasks(self, futures)
    }

    /// Runs all of these, each in a task of its own; gives the first value, and what had failed by then.
    ///
    /// The others are asked to stop, and when this is ready they are gone. What fails among them meanwhile
    /// goes to the hook of [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Errors
    ///
    /// [`RaceError`](crate::RaceError): all failed, or there were none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let mirrors = ["a", "b"].map(|name| async move {
    ///     if name == "b" { Ok(name) } else { Err("is down") }
    /// });
    /// let (name, _failed) = owner.block_on(owner.handle().race_ok(mirrors)).unwrap();
    /// assert_eq!(name, "b");
    /// ```
    #[track_caller]
    #[doc(alias = "select_ok")]
    fn race_ok<I, F, T, E>(&self, futures: I) -> RaceTasksOk<Self, I::IntoIter, T, E>
    where
        I: IntoIterator<Item = F>,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        combine::race_tasks_ok(self, futures)
    }

    /// Runs all of these, each in a task of its own, and looks at them in the order in which they end.
    ///
    /// The closure is given a stream of `(position, outcome)`. When its future is ready, those that it has
    /// not seen are asked to stop, and when this is ready they are gone.
    ///
    /// # Panics
    ///
    /// With a panic of the closure's future, after all are gone. Those of the arms are in the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    /// use futures::StreamExt;
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let slow_or_fast = |slow: bool| async move {
    ///     if slow { std::future::pending().await } else { "fast" }
    /// };
    /// let arms = [true, false].map(slow_or_fast);
    /// let first = owner.block_on(rt.as_completed(arms, async |mut done| done.next().await));
    /// let (position, outcome) = first.unwrap();
    /// assert_eq!((position, outcome.unwrap()), (1, "fast"));
    /// ```
    #[track_caller]
    #[doc(alias = "as_completed_safe")]
    #[doc(alias = "FuturesUnordered")]
    fn as_completed<I, F, Fut>(
        &self,
        futures: I,
        body: F,
    ) -> AsCompleted<Self, I::IntoIter, <I::Item as Future>::Output, Fut>
    where
        I: IntoIterator,
        I::Item: Future<Output: Send> + Send + 'static,
        F: FnOnce(Completed<Self, <I::Item as Future>::Output>) -> Fut,
        Fut: Future,
    {
        combine::as_completed(self, futures, body)
    }

    /// Returns a future that is ready after `duration` on this runtime's clock.
    ///
    /// Zero is ready at the first poll; a duration too long to be represented never ends. A runtime's
    /// timer may be late by its grain (a millisecond on Tokio), never early.
    ///
    /// Cancel safe: dropping it forgets the wait.
    ///
    /// # Panics
    ///
    /// On Tokio, as [`now`](Timer::now) does, or without the runtime's time driver; on the other
    /// backends it does not.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let before = rt.now();
    /// owner.block_on(rt.sleep(Duration::from_millis(2)));
    /// assert!(rt.now() - before >= Duration::from_millis(2));
    /// ```
    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.sleep_until(after(self.now(), duration))
    }

    /// Gives `future` so much time, counted from this call.
    ///
    /// **It may return late**: the future is not just dropped when its time is up. It is a region that is
    /// asked to stop: its shields run to their end, its scopes and clean-ups too, and only then is there
    /// an [`Elapsed`](crate::Elapsed). Where nothing inside has any of these, it is dropped at once.
    ///
    /// ```text
    /// timeout ── future ─────────▲ time is up: dropped ── clean-ups ──► Err(Elapsed)
    /// ```
    ///
    /// The future is polled first: a value that is there is given, however late. So with a time of zero a
    /// future that never suspends still gives its value, and one that is busy all the time is never
    /// stopped. `Duration::MAX` is never. Of two timeouts with the same deadline the inner one wins, and
    /// each [`Elapsed`](crate::Elapsed) belongs to its own timeout. Inside, [`deadline`](crate::deadline) says how long
    /// there is.
    ///
    /// A request to the task around stops the future as well, and then this never returns. It needs no
    /// task of this library. Dropping it drops the future where it is; the clean-ups that this leaves go on
    /// in the region around.
    ///
    /// # Errors
    ///
    /// [`Elapsed`](crate::Elapsed), with what else failed while the future was stopped.
    ///
    /// # Panics
    ///
    /// With a panic of the future, once its clean-ups have run; and when it is polled after it was ready.
    /// On Tokio, as [`now`](Timer::now) does, or without the runtime's time driver.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let clock = VirtualClock::on(BuiltinRuntime::new());
    /// let rt = clock.handle();
    /// clock.block_on(async {
    ///     assert_eq!(rt.timeout(2.secs(), async { 42 }).await.unwrap(), 42);
    ///     assert!(rt.timeout(2.secs(), pending::<()>()).await.is_err());
    /// });
    /// assert_eq!(rt.elapsed(), 2.secs());
    /// ```
    #[track_caller]
    #[doc(alias = "wait_for")]
    #[doc(alias = "fail_after")]
    fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<Self, F> {
        Timeout::after(self, limit, future)
    }

    /// Gives `future` time until `deadline`, on this runtime's clock.
    ///
    /// As [`timeout`](Runtime::timeout) in all else: **it may return late**. A deadline that has passed
    /// stops the future where it first suspends.
    ///
    /// # Errors
    ///
    /// [`Elapsed`](crate::Elapsed).
    ///
    /// # Panics
    ///
    /// As [`timeout`](Runtime::timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let clock = VirtualClock::on(BuiltinRuntime::new());
    /// let rt = clock.handle();
    /// clock.block_on(async {
    ///     // One deadline for both.
    ///     let deadline = rt.now() + 2.secs();
    ///     assert!(rt.timeout_at(deadline, pending::<()>()).await.is_err());
    ///     assert!(rt.timeout_at(deadline, pending::<()>()).await.is_err());
    ///     assert_eq!(rt.now(), deadline);
    /// });
    /// ```
    #[track_caller]
    fn timeout_at<F: Future>(&self, deadline: Instant, future: F) -> Timeout<Self, F> {
        Timeout::at(self, deadline, future)
    }

    /// Gives a future so much time, and to that future the means to move the [`Deadline`].
    ///
    /// As [`timeout`](Runtime::timeout) in all else: **it may return late**. The closure is called at once.
    ///
    /// # Errors
    ///
    /// [`Elapsed`](crate::Elapsed).
    ///
    /// # Panics
    ///
    /// As [`timeout`](Runtime::timeout); and with a panic of the closure.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{future::pending, time::Duration};
    /// use anyrt::{Deadline, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let stopped = rt.timeout_with(Duration::MAX, async |deadline: Deadline| {
    ///     deadline.reschedule(rt.now()).unwrap(); // nothing more to wait for
    ///     pending::<()>().await
    /// });
    /// assert!(owner.block_on(stopped).is_err());
    /// ```
    #[track_caller]
    fn timeout_with<B, F>(&self, limit: Duration, body: B) -> Timeout<Self, F>
    where
        B: FnOnce(Deadline) -> F,
        F: Future,
    {
        Timeout::with(self, limit, body)
    }

    /// Gives `future` so much time, and `None` if that was too little.
    ///
    /// As [`timeout`](Runtime::timeout) in all else: **it may return late**. What else failed while the
    /// future was stopped goes to the hook of [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Panics
    ///
    /// As [`timeout`](Runtime::timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let clock = VirtualClock::on(BuiltinRuntime::new());
    /// let rt = clock.handle();
    /// clock.block_on(async {
    ///     let advert = rt.move_on_after(5.secs(), pending::<&str>()).await;
    ///     assert_eq!(advert.unwrap_or("nothing to sell"), "nothing to sell");
    /// });
    /// ```
    #[track_caller]
    fn move_on_after<F: Future>(&self, limit: Duration, future: F) -> MoveOn<Self, F> {
        MoveOn::new(Timeout::after(self, limit, future))
    }

    /// Gives `future` time until `deadline`, and `None` if that was too little.
    ///
    /// As [`move_on_after`](Runtime::move_on_after) in all else.
    #[track_caller]
    fn move_on_at<F: Future>(&self, deadline: Instant, future: F) -> MoveOn<Self, F> {
        MoveOn::new(Timeout::at(self, deadline, future))
    }

    /// Begins something that is done again and again, each time in a task of its own.
    ///
    /// What the future of [`run`](Every::run) does until it is stopped. The first tick is due at once, and
    /// ticks may overlap, if nothing else is said: see [`Every`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let (tx, rx) = std::sync::mpsc::channel();
    /// let beating = owner.handle().every(1.millis()).run(move |tick| {
    ///     let tx = tx.clone();
    ///     async move { tx.send(tick.number()) }
    /// });
    /// let beating = owner.handle().spawn(beating);
    /// assert_eq!(rx.iter().take(3).collect::<Vec<_>>(), [0, 1, 2]);
    /// assert!(owner.block_on(beating.cancel_and_wait()).unwrap_err().is_cancelled());
    /// ```
    #[doc(alias = "create_timer")]
    #[doc(alias = "setInterval")]
    fn every(&self, period: Duration) -> Every<'_, Self> {
        Every::new(self, period)
    }

    /// Returns an interval: a stream of ticks, the first of which is due at once.
    ///
    /// # Panics
    ///
    /// On Tokio, as [`now`](Timer::now) does; on the other backends it does not.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    /// use futures::StreamExt;
    ///
    /// let owner = BuiltinRuntime::new();
    /// let interval = owner.handle().interval(1.millis());
    /// let ticks: Vec<_> = owner.block_on(interval.take(3).collect());
    /// assert_eq!(ticks[2] - ticks[0], 2.millis());
    /// ```
    fn interval(&self, period: Duration) -> Interval<Self> {
        Interval::new(self, Some(self.now()), period)
    }

    /// Returns an interval whose first tick is due at `start`, which may have passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let start = rt.now() + 1.millis();
    /// let mut interval = rt.interval_at(start, 1.hours());
    /// assert_eq!(owner.block_on(interval.tick()), start);
    /// ```
    fn interval_at(&self, start: Instant, period: Duration) -> Interval<Self> {
        Interval::new(self, Some(start), period)
    }

    /// Tries until it works: at once, again at once, then after 1, 10 and 60 seconds; then it gives up.
    ///
    /// As [`retry_with`](Runtime::retry_with), with these delays.
    ///
    /// # Errors
    ///
    /// [`RetryError`](crate::RetryError), with the last error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let mut answers = [Err("busy"), Ok("hello")].into_iter();
    /// let greeting = owner.handle().retry(|| {
    ///     let answer = answers.next().unwrap();
    ///     async move { answer }
    /// });
    /// assert_eq!(owner.block_on(greeting).unwrap(), "hello");
    /// ```
    #[track_caller]
    fn retry<F, Fut, T, E>(&self, f: F) -> Retry<Self, DefaultDelays, F, Fut>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        Retry::new(self, time::default_delays(), f)
    }

    /// Tries until it works, with these delays between the attempts.
    ///
    /// Any iterator of durations will do, also an endless one. When there is no delay left, it gives up,
    /// without waiting. A delay of zero lets other tasks run. See [`Retry`] for more words: which errors are
    /// worth another attempt, how long one or all may take, jitter.
    ///
    /// What a request from outside has stopped is not tried again: it never gives an error.
    ///
    /// # Errors
    ///
    /// [`RetryError`](crate::RetryError), with the last error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let mut left = 3;
    /// let counted = owner.handle().retry_with(std::iter::repeat(1.millis()), || {
    ///     left -= 1;
    ///     let left = left;
    ///     async move { if left > 0 { Err("not yet") } else { Ok(left) } }
    /// });
    /// assert_eq!(owner.block_on(counted).unwrap(), 0);
    /// ```
    #[track_caller]
    #[doc(alias = "backoff")]
    fn retry_with<D, F, Fut, T, E>(&self, delays: D, f: F) -> Retry<Self, D::IntoIter, F, Fut>
    where
        D: IntoIterator<Item = Duration>,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        Retry::new(self, delays.into_iter(), f)
    }

    /// Registers a stop hook: what is run each time the runtime stops.
    ///
    /// A runtime *stops* when the last [`block_on`](BlockOn::block_on) of it ends, with a value or a panic:
    /// then all its hooks are run, in the order in which they were registered, on that thread, and
    /// `block_on` returns after them. And it stops when its owner shuts it down or is dropped: before that,
    /// those are run that have not run yet. So each hook that is not removed runs at least once.
    ///
    /// | | the last `block_on` ends | the owner ends |
    /// |---|---|---|
    /// | a hook that has run before | runs again | does not run |
    /// | one that has not | runs | runs |
    ///
    /// The global runtimes, smol's and async-std's, never end: their hooks run at the end of the last
    /// `block_on` only, and their tasks go on meanwhile. The same holds for tasks of any runtime with
    /// threads of its own.
    ///
    /// A panic of a hook goes to the hook of [`set_failure_hook`](crate::set_failure_hook), and the others are
    /// run all the same. A hook runs outside of all tasks, so that it may drive the runtime itself; that is
    /// no stop then. One that is registered by a hook waits for the next stop.
    ///
    /// # Errors
    ///
    /// [`NeverStops`] with the hook: the runtime has ended, or this library neither drives nor ends it, as that of
    /// `#[tokio::main]`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let flushed = Arc::new(AtomicBool::new(false));
    /// let owner = BuiltinRuntime::new();
    /// owner.block_on(async {
    ///     let flushed = flushed.clone();
    ///     let rt = anyrt::current().unwrap();
    ///     rt.on_stop(move || flushed.store(true, Ordering::Relaxed)).unwrap().detach();
    /// });
    /// assert!(flushed.load(Ordering::Relaxed));
    /// ```
    #[track_caller]
    #[doc(alias = "at_loop_stop_callback")]
    #[doc(alias = "atexit")]
    fn on_stop<F>(&self, hook: F) -> Result<StopHook, NeverStops<F>>
    where
        F: Fn() + Send + Sync + 'static,
    {
        bridge::on_stop(self, hook)
    }

    /// Returns this handle with its type erased.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{AnyRuntime, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt: AnyRuntime = owner.handle().erased();
    /// assert_eq!(owner.block_on(rt.spawn(async { 42 })).unwrap(), 42);
    /// ```
    fn erased(&self) -> AnyRuntime {
        AnyRuntime::new(self.clone())
    }
}

impl<R: Spawn + Timer> Runtime for R {}

/// Blocking on a future: what users call on the owner of a runtime.
///
/// Every [`Drive`] has it. Owners are `BuiltinRuntime` and `TokioRuntime`; the global runtimes
/// `Smol` and `AsyncStd` are their own.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let name = String::from("borrowed");
/// assert_eq!(owner.block_on(async { name.len() }), 8);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not own a runtime, so it cannot block on a future",
    label = "not the owner of a runtime",
    note = "call `block_on` on the owner: `BuiltinRuntime`, `TokioRuntime`, or the globals `Smol` and `AsyncStd`",
    note = "inside async code, `.await` the future instead"
)]
pub trait BlockOn: Drive {
    /// Runs `future` on this thread until it is ready, and returns its value.
    ///
    /// The future may borrow and need not be `Send`. Inside it [`current`](crate::current) gives this
    /// runtime. A panic of the future passes through.
    ///
    /// # Panics
    ///
    /// When it is called from inside a task of this library, on any backend: the thread that it would
    /// block is the one that runs the task. `tokio::task::block_in_place` inside such a task changes
    /// nothing. Use `.await` there, or call it in a blocking job.
    ///
    /// A task that this library did not start, such as one below a plain `#[tokio::main]`, is not seen:
    /// there an owner of the built-in runtime blocks the thread, and one of Tokio panics in Tokio's
    /// words.
    #[track_caller]
    #[doc(alias = "run_until_complete")]
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        task::block_on_guard();
        let root = task::rooted_in_driver(self.handle(), future);
        bridge::driven(self, || self.drive(root))
    }
}

impl<D: Drive> BlockOn for D {}

/// `block_on` with a watch over everything that is started: for `#[anyrt::test]`.
#[doc(hidden)]
#[track_caller]
pub fn block_on_watched<D: Drive, F: Future>(owner: &D, watch: Arc<Watch>, future: F) -> F::Output {
    task::block_on_guard();
    let root = task::watched(owner.handle(), watch, future);
    bridge::driven(owner, || owner.drive(root))
}
