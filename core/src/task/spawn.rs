//! Making a root and its handle, and giving the root to the runtime.

use std::borrow::Cow;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::cell::{Cell, Free};
use super::handle::Task;
use super::job::{Job, start_job};
use super::root::Root;
use crate::region::inline::NoValue;
use crate::region::state::flag;
use crate::region::{Inline, Member, Region, frame, watch_of};
use crate::runtime::{Spawn, Timer};

/// What is said of a task before it is spawned.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) cleanup_limit: Option<Duration>,
}

#[track_caller]
#[inline]
fn cell<R, T>(rt: &R, words: Words, flags: u32) -> Arc<Cell<Free<R>, T>>
where
    R: Spawn + Timer,
    T: Send + 'static,
{
    let region = Region::new(Location::caller(), flags);
    let cell = Arc::new(Cell::new(region, Free(rt.clone())));
    let watch = frame::look(|around| watch_of(around?));
    // In its place already: moving it once more is a copy of the whole cell.
    cell.region.dress(words.name, watch);
    if let Some(limit) = words.cleanup_limit {
        cell.region.limit_cleanups(limit);
    }
    cell.region.inherit_context();
    cell
}

#[track_caller]
pub(crate) fn spawn<R, F>(rt: &R, words: Words, future: F) -> Task<F::Output>
where
    R: Spawn + Timer,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let cell = cell(rt, words, 0);
    let member = Arc::clone(&cell);
    rt.spawn_known(Root::new(future, member));
    Task::new(cell)
}

/// Spawns a task that somebody waits for on a thread.
#[track_caller]
pub(crate) fn spawn_beneath<R, F>(
    rt: &R,
    waits: Option<&Arc<dyn Member>>,
    future: F,
) -> Task<F::Output>
where
    R: Spawn + Timer,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let cell = cell(rt, Words::default(), 0);
    cell.region.set_beneath(waits);
    let member = Arc::clone(&cell);
    rt.spawn_known(Root::new(future, member));
    Task::new(cell)
}

/// Spawns the rest of a task that has begun where it is spawned.
#[track_caller]
pub(crate) fn spawn_begun<R, F>(
    rt: &R,
    words: Words,
    mut begun: Inline<Pin<Box<F>>>,
) -> Task<F::Output>
where
    R: Spawn + Timer,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let cell = cell(rt, words, 0);
    let member: Arc<dyn Member> = cell.clone();
    Pin::new(&mut begun).settle_in(&member);
    rt.spawn_known(Root::new(Begun(begun), member));
    Task::new(cell)
}

/// The body of such a task.
struct Begun<F: Future>(Inline<Pin<Box<F>>>);

impl<F: Future> Future for Begun<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let ended = Pin::new(&mut self.0).poll_into(cx, |why, region| {
            // They stand beside the outcome of the task, as if it were one region.
            if let Some(task) = frame::current() {
                for failure in region.take_failures() {
                    task.region().keep(failure);
                }
            }
            why
        });
        match ended {
            Poll::Ready(Ok(value)) => Poll::Ready(value),
            Poll::Ready(Err(NoValue::Panicked(payload))) => resume_unwind(payload),
            // Only the task is asked, which then drops this.
            Poll::Ready(Err(NoValue::Cancelled)) | Poll::Pending => Poll::Pending,
        }
    }
}

#[track_caller]
pub(crate) fn spawn_detached<R, F>(rt: &R, words: Words, future: F)
where
    R: Spawn + Timer,
    F: Future<Output = ()> + Send + 'static,
{
    let cell: Arc<Cell<Free<R>, ()>> = cell(rt, words, flag::NO_HANDLE);
    rt.spawn_known(Root::new(future, cell));
}

#[track_caller]
pub(crate) fn spawn_blocking<R, F, T>(rt: &R, words: Words, run: F) -> Task<T>
where
    R: Spawn + Timer,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let cell = cell(rt, words, flag::JOB);
    let member = Arc::clone(&cell);
    start_job(rt, Job::new(run, member));
    Task::new(cell)
}

/// Words to say about a task before it is spawned.
///
/// Made by [`Runtime::spawn_with`](crate::Runtime::spawn_with).
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let task = owner.handle().spawn_with().name("greeter").spawn(async { "hello" });
/// assert_eq!(task.name().as_deref(), Some("greeter"));
/// assert_eq!(owner.block_on(task).unwrap(), "hello");
/// ```
#[derive(Debug)]
#[must_use = "nothing is spawned until `spawn`, `spawn_detached` or `spawn_blocking` is called"]
pub struct SpawnWith<'a, R> {
    rt: &'a R,
    words: Words,
}

impl<'a, R: Spawn + Timer> SpawnWith<'a, R> {
    pub(crate) fn new(rt: &'a R) -> Self {
        SpawnWith {
            rt,
            words: Words::default(),
        }
    }

    pub(crate) fn rt(&self) -> &'a R {
        self.rt
    }

    pub(crate) fn said_name(&self) -> Option<&Cow<'static, str>> {
        self.words.name.as_ref()
    }

    pub(crate) fn into_parts(self) -> (&'a R, Words) {
        (self.rt, self.words)
    }

    /// Names the task, for errors and reports.
    #[doc(alias = "set_task_name")]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.words.name = Some(name.into());
        self
    }

    /// Limits how long the task may take to unwind: 30 seconds, if it is not said.
    ///
    /// Counted on the runtime's clock from the moment a request reaches the task, or, where nobody asked,
    /// from the end of its body, as long as clean-ups are left. When it passes, the task is
    /// [killed](Task::kill), shields and all, and a [`Failure`](crate::Failure) of
    /// [`Phase::CleanUpDeadline`](crate::Phase::CleanUpDeadline) says so. `Duration::MAX` is never.
    ///
    /// A scope in the task, and its children, have the same, if nothing else is said of them. For a
    /// blocking job it counts for what the job defers.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{Phase, backend::builtin::BuiltinRuntime, defer, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let (started, is_started) = std::sync::mpsc::channel();
    /// let task = rt.spawn_with().cleanup_deadline(Duration::from_millis(1)).spawn(async move {
    ///     defer(std::future::pending()); // a clean-up that hangs
    ///     started.send(()).unwrap();
    ///     std::future::pending::<()>().await
    /// });
    /// is_started.recv().unwrap();
    /// let error = owner.block_on(task.cancel_and_wait()).unwrap_err();
    /// assert_eq!(error.failures()[0].phase(), Phase::CleanUpDeadline);
    /// assert_eq!(error.failures()[1].phase(), Phase::Killed);
    /// ```
    pub fn cleanup_deadline(mut self, limit: Duration) -> Self {
        self.words.cleanup_limit = Some(limit);
        self
    }

    /// Spawns a task: [`Runtime::spawn`](crate::Runtime::spawn).
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn(self.rt, self.words, future)
    }

    /// Spawns a task without a handle:
    /// [`Runtime::spawn_detached`](crate::Runtime::spawn_detached).
    #[track_caller]
    pub fn spawn_detached<F>(self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        spawn_detached(self.rt, self.words, future);
    }

    /// Spawns a blocking job: [`Runtime::spawn_blocking`](crate::Runtime::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, job: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_blocking(self.rt, self.words, job)
    }
}
