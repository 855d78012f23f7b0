//! The handle of a task.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::cell::Joinable;
use super::join_error::JoinError;
use crate::region::state::flag;
use crate::region::{Member, Reason, is_inside, leave_drain};

/// The handle of a task that runs in the background; a future of its result.
///
/// One type for all runtimes, with one behaviour:
///
/// | the task | awaiting gives |
/// |---|---|
/// | returned a value | `Ok(value)` |
/// | panicked, in its body or a destructor | `Err`, [`is_panic`](JoinError::is_panic), with the payload |
/// | was cancelled | `Err`, [`is_cancelled`](JoinError::is_cancelled), with the reason |
/// | lost its runtime | `Err`, [`is_lost`](JoinError::is_lost) |
/// | is the one that awaits it, or has that one as a child | `Err`, [`is_oneself`](JoinError::is_oneself), at once |
///
/// **Dropping the handle cancels the task**; [`detach`](Task::detach) lets it run. A blocking job is
/// the exception: dropping its handle lets it run, because nothing could stop it once it has started.
///
/// Where code of a task drops the handle, the innermost scope, task or `until` around does not end before
/// the dropped task is gone: nothing is left behind. (Not if that one waits for such a task itself, as the
/// two might wait for each other then; and not longer than the
/// [clean-up deadline](crate::SpawnWith::cleanup_deadline).)
///
/// A task is finished when it is *gone*: its future is dropped and its clean-ups have run before the
/// result is there. A request to cancel takes effect where the body suspends; a body that never
/// suspends again delivers its value.
///
/// ```text
/// spawn ─── poll ─── Pending ─── … ─── Pending ─── body dropped ─── clean-ups ─── result
///              cancel ──▲ takes effect here ──────────▲
/// ```
///
/// Cancel safe: polling it and dropping the poll loses nothing; dropping the handle itself cancels.
///
/// # Panics
///
/// When it is polled again after it has given its result.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// owner.block_on(async {
///     let task = rt.spawn(async { "done" });
///     assert_eq!(task.await.unwrap(), "done");
///
///     let forever = rt.spawn(std::future::pending::<()>());
///     forever.cancel("no longer needed");
///     let error = forever.await.unwrap_err();
///     assert_eq!(error.reason().unwrap().as_str(), "no longer needed");
/// });
/// ```
#[must_use = "dropping a task's handle cancels the task: await it, or call `detach()` to let it run"]
#[doc(alias = "JoinHandle")]
#[doc(alias = "AbortOnDropHandle")]
pub struct Task<T> {
    /// `None` only while it is being taken apart.
    cell: Option<Arc<dyn Joinable<T>>>,
}

impl<T> Task<T> {
    pub(crate) fn new(cell: Arc<dyn Joinable<T>>) -> Self {
        Task { cell: Some(cell) }
    }

    pub(crate) fn member(&self) -> Arc<dyn Member> {
        match &self.cell {
            Some(cell) => Arc::clone(cell).into_member(),
            None => unreachable!("a task's handle is whole until it is dropped"),
        }
    }

    pub(crate) fn cell(&self) -> &dyn Joinable<T> {
        match &self.cell {
            Some(cell) => &**cell,
            None => unreachable!("a task's handle is whole until it is dropped"),
        }
    }

    /// Asks the task to stop, and says why.
    ///
    /// Takes effect where the task suspends, now if it is suspended; returns at once. Asking again
    /// changes nothing: the first reason is the one shown. A task that was not yet polled never runs,
    /// and neither does a blocking job that has not started; one that has started is not stopped, but
    /// sees [`cancel_requested`](crate::cancel_requested).
    pub fn cancel(&self, reason: impl Into<Reason>) {
        self.cell().region().ask(Some(&reason.into()));
    }

    /// Stops the task at once: nothing of it runs any more, no shield and no clean-up.
    ///
    /// For what does not end by [`cancel`](Task::cancel), as the last resort. The body is dropped where
    /// it suspends, whatever is open inside, and without the order in which a request unwinds. Clean-ups
    /// are dropped, finished or not; each that was not is a [`Failure`](crate::Failure) of
    /// [`Phase::Killed`](crate::Phase::Killed) beside the task's outcome. Destructors run, so what must
    /// not be skipped belongs into one.
    ///
    /// What is *not* skipped is waiting: for children of scopes in it, which are killed as well, and for
    /// their blocking jobs that have started. So a killed task is gone, with all of its children, when its
    /// handle is ready.
    ///
    /// It is a request as well, and the first reason is the one shown. Returns at once; a task that is over
    /// is not changed. To a blocking job it is no more than a request.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Phase, backend::builtin::BuiltinRuntime, defer, prelude::*, shield};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let (started, is_started) = std::sync::mpsc::channel();
    /// let task = owner.handle().spawn(async move {
    ///     defer(async { unreachable!("clean-ups do not run") });
    ///     started.send(()).unwrap();
    ///     shield(std::future::pending::<()>()).await
    /// });
    /// is_started.recv().unwrap();
    /// task.kill("it ignored the request");
    /// let error = owner.block_on(task).unwrap_err();
    /// assert!(error.is_cancelled());
    /// assert_eq!(error.failures()[0].phase(), Phase::Killed);
    /// ```
    pub fn kill(&self, reason: impl Into<Reason>) {
        self.kill_for(Some(&reason.into()));
    }

    pub(super) fn kill_for(&self, reason: Option<&Reason>) {
        self.cell().region().kill(reason);
    }

    /// Asks the task to stop, now; the future returned waits until the task is gone.
    ///
    /// The result is the task's: a value that it still delivered is not thrown away. Dropping the
    /// future ends the waiting only, the request stands.
    ///
    /// A blocking job that has started is waited for until it ends. One that still waits in the queue
    /// never runs, but only the pool's thread that gets to it finds that out: until then this waits
    /// too.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let held = Arc::new(());
    /// let task = owner.handle().spawn({
    ///     let held = held.clone();
    ///     async move {
    ///         let _held = held;
    ///         std::future::pending::<()>().await
    ///     }
    /// });
    /// let result = owner.block_on(task.cancel_and_wait());
    /// assert!(result.unwrap_err().is_cancelled());
    /// assert_eq!(Arc::strong_count(&held), 1); // it is really gone
    /// ```
    pub fn cancel_and_wait(self) -> CancelAndWait<T> {
        self.cell().region().ask(None);
        CancelAndWait { task: self }
    }

    /// Lets the task run on without a handle.
    ///
    /// A value it returns is dropped; a panic goes to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let (done, is_done) = std::sync::mpsc::channel();
    /// owner.handle().spawn(async move { done.send(()).unwrap() }).detach();
    /// assert!(is_done.recv().is_ok());
    /// ```
    pub fn detach(mut self) {
        if let Some(cell) = self.cell.take() {
            if !cell.region().is_taken() && cell.release() {
                cell.discard();
            }
        }
    }

    /// Returns whether the task is over.
    ///
    /// Its future is then dropped, and its result is there or already taken.
    pub fn is_finished(&self) -> bool {
        self.cell().region().is_done()
    }

    /// Returns the task's name, if it was given one.
    pub fn name(&self) -> Option<Cow<'static, str>> {
        self.cell().region().name()
    }

    /// Returns where the task was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.cell().region().location()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A root that has published lets go of the cell at once. It is ours alone then, as a rule, and
        // needs no lock.
        if self.is_finished() {
            if let Some(cell) = self.cell.as_mut().and_then(Arc::get_mut) {
                return Poll::Ready(cell.take_outcome());
            }
        }
        let polled = self.cell().poll_join(cx);
        // Who waits for itself would wait for ever. Looked at only here: whoever finds a result pays nothing.
        if polled.is_pending() && is_inside(self.cell().region()) {
            return Poll::Ready(Err(JoinError::oneself(self.cell().region())));
        }
        polled
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        let region = cell.region();
        if region.is_taken() {
            return;
        }
        // Released first: an outcome that the request brings about has no receiver any more.
        if cell.release() {
            cell.discard();
        } else if !region.has(flag::JOB) {
            region.ask(None);
            leave_drain(cell.into_member());
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("name", &self.name())
            .field("location", &format_args!("{}", self.location()))
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// The future of [`Task::cancel_and_wait`]: ready when the task is gone.
///
/// Cancel safe: the request was made when this was made, and stands when this is dropped.
///
/// # Panics
///
/// When it is polled again after it has given its result.
#[must_use = "the request is made, but nothing waits for the task to be gone unless this is awaited"]
pub struct CancelAndWait<T> {
    task: Task<T>,
}

impl<T> CancelAndWait<T> {
    pub(super) fn task(&self) -> &Task<T> {
        &self.task
    }
}

impl<T> Future for CancelAndWait<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx)
    }
}

impl<T> fmt::Debug for CancelAndWait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelAndWait")
            .field("task", &self.task)
            .finish()
    }
}
