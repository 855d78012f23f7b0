//! Running a future, running a blocking job, acting as the runtime.

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;

use super::{AnyRuntime, Known, KnownAs, StopHooks, Timer};

/// Runs futures and blocking jobs on some runtime.
///
/// A primitive for adapters to implement; users call [`Runtime`](crate::Runtime), which every
/// `Spawn + Timer` is. The `_raw` methods know neither cancellation nor joins nor panics: what they
/// are given is a *root* made by this crate, which knows all of that and never unwinds.
///
/// A value of this type is a **handle**: cheap to clone, and it does not keep its runtime alive.
///
/// # Contract
///
/// * `spawn_raw` runs the future to its end in the background, on any thread, never inside the call
///   itself. After the runtime's end the future is dropped, at once or when the runtime goes. Either
///   way the root reports its task as *lost*; an adapter reports nothing. A root that waits keeps a
///   clone of its own waker, so an executor whose tasks belong to their wakers alone would keep it for
///   ever: it needs a list of its tasks, to drop them from when it ends.
/// * `spawn_blocking_raw` runs the job exactly once, on a thread that may block, whatever becomes of
///   other jobs; or gives it back, and then this library runs it on a thread of its own. After the
///   runtime's end, or when it cannot run a job any more that it has taken, it drops it: that one is *lost*.
/// * `enter` calls `f` on this thread, once, and lets a panic of `f` pass.
///
/// # Examples
///
/// An adapter for your runtime is this much (here: a thread for each task). The suite in the package
/// `anyrt-conformance` proves that it behaves as all the others do.
///
/// ```
/// use std::{future::Future, pin::Pin, task::{Context, Poll}, thread, time::Duration};
/// use anyrt_core::{Enter, Instant, Runtime, Sleep, Spawn, Timer};
///
/// #[derive(Clone, Debug)]
/// struct ThreadPerTask;
///
/// impl Spawn for ThreadPerTask {
///     fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
///         thread::spawn(|| futures::executor::block_on(future));
///     }
///     fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
///         thread::spawn(job);
///         Ok(())
///     }
///     fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
///         f()
///     }
///     fn may_block(&self) -> bool {
///         true
///     }
/// }
///
/// impl Timer for ThreadPerTask {
///     type Sleep = ThreadSleep;
///     fn now(&self) -> Instant {
///         Instant::now()
///     }
///     fn sleep_until(&self, deadline: Instant) -> ThreadSleep {
///         ThreadSleep { deadline }
///     }
/// }
///
/// #[derive(Debug)]
/// struct ThreadSleep {
///     deadline: Instant,
/// }
///
/// impl Future for ThreadSleep {
///     type Output = ();
///     fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
///         let left = self.deadline.saturating_duration_since(Instant::now());
///         if left.is_zero() {
///             return Poll::Ready(());
///         }
///         // A thread a poll is wasteful, but correct: it honours each new waker and each reset.
///         let waker = cx.waker().clone();
///         thread::spawn(move || {
///             thread::sleep(left);
///             waker.wake();
///         });
///         Poll::Pending
///     }
/// }
///
/// impl Sleep for ThreadSleep {
///     fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
///         self.deadline = deadline;
///     }
/// }
///
/// let rt = ThreadPerTask;
/// let task = rt.spawn(async { 6 * 7 });
/// assert_eq!(futures::executor::block_on(task).unwrap(), 42);
///
/// futures::executor::block_on(rt.sleep(Duration::from_millis(1)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot run futures: it is not a runtime handle",
    label = "not a runtime handle",
    note = "pass a handle such as `&Builtin`, `&Tokio`, `&Smol`, `&AsyncStd` or `&AnyRuntime`",
    note = "of an owner such as `BuiltinRuntime` or `TokioRuntime`, pass `owner.handle()`"
)]
pub trait Spawn: Clone + Debug + Send + Sync + 'static {
    /// Runs `future` in the background; drops it if the runtime is gone.
    #[track_caller]
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Runs `job` on a thread that may block, exactly once, or gives it back.
    ///
    /// # Errors
    ///
    /// Returns the job, not run, if the runtime has no threads for such jobs. One that is shut down drops it.
    #[track_caller]
    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static;

    /// Runs a root of this crate's, which is known by name. No part of the public interface: what reports
    /// on tasks overrides it.
    #[doc(hidden)]
    #[track_caller]
    #[inline]
    fn spawn_known<F>(&self, root: F)
    where
        F: Future<Output = ()> + Known + Send + 'static,
    {
        self.spawn_raw(root);
    }

    /// The same for a job.
    ///
    /// # Errors
    ///
    /// As for [`spawn_blocking_raw`](Spawn::spawn_blocking_raw).
    #[doc(hidden)]
    #[track_caller]
    #[inline]
    fn spawn_blocking_known<F>(&self, who: KnownAs, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        let _ = who;
        self.spawn_blocking_raw(job)
    }

    /// Returns whether blocking jobs of this runtime are counted, by a clock or a simulation. No part of the public
    /// interface.
    #[doc(hidden)]
    fn counts_jobs(&self) -> bool {
        false
    }

    /// Returns whether this handle and `other` are of one runtime.
    ///
    /// Then a task may begin inside another one, as an eager one does. `false`, unless an adapter says
    /// otherwise, is never wrong.
    fn is_same(&self, other: &Self) -> bool {
        let _ = other;
        false
    }

    /// Calls `f` on this thread as part of the runtime.
    ///
    /// Most runtimes have nothing to do here; [`Enter`] says what each purpose is for.
    fn enter<T>(&self, purpose: Enter, f: impl FnOnce() -> T) -> T;

    /// Returns the stop hooks of this runtime, if this library drives it or ends it.
    ///
    /// One list for a runtime, whichever handle is asked. None by default; the suite asks for them where a runtime
    /// ends.
    fn stop_hooks(&self) -> Option<StopHooks> {
        None
    }

    /// Returns whether a task may block its thread inside [`Enter::Blocking`], and the others go on.
    ///
    /// Not so where one thread runs all tasks.
    fn may_block(&self) -> bool;
}

/// Whether two handles are of one runtime, whether or not they show which.
pub(crate) fn are_same<R: Spawn + Timer>(one: &R, other: &dyn Any) -> bool {
    match other.downcast_ref::<R>() {
        Some(other) => one.is_same(other),
        None => {
            let erased = (one as &dyn Any).downcast_ref::<AnyRuntime>();
            erased.is_some_and(|erased| erased.is(other))
                || other
                    .downcast_ref::<AnyRuntime>()
                    .and_then(AnyRuntime::downcast_ref)
                    .is_some_and(|other| one.is_same(other))
        }
    }
}

/// Why code is about to act as part of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enter {
    /// The code will block this thread, perhaps inside a poll.
    ///
    /// A runtime whose tasks could be stuck behind this thread moves them elsewhere first.
    Blocking,
    /// The code polls a future on a thread that is not the runtime's own.
    ///
    /// A runtime whose sockets and timers find their driver by a thread-local sets it.
    Foreign,
    /// The code polls a future under a virtual clock.
    ///
    /// A runtime that makes tasks yield after a while must not do so here: a wake-up that it holds
    /// back looks like idleness.
    Virtual,
}
