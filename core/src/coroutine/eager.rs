//! Tasks that begin where they are spawned.
//!
//! ```text
//! rt.spawn_eager(future) ── first poll, here, on this stack ──┬── ready ───► Eager, with the value: no task
//!                                                             └── pending ─► a task runs the rest ─► Eager
//! ```
//!
//! For that poll the future is a region that is nobody's part, and that is made only if something in it asks
//! who it is (`region/frame.rs`). Then it settles in the root of the task that runs the rest.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::combine::report_unseen;
use crate::context::{self, Chain};
use crate::region::driven::Depth;
use crate::region::inline::{Eagerly, NoValue, begin_eagerly};
use crate::region::{Reason, is_polling_on};
use crate::runtime::{Spawn, Timer};
use crate::task::{self, CancelAndWait, JoinError, SpawnWith, Task, Words};

#[track_caller]
pub(crate) fn spawn_eager<R, F>(rt: &R, words: Words, future: F) -> Eager<F::Output>
where
    R: Spawn + Timer,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    if !is_polling_on(rt) {
        return Eager {
            state: State::Task(task::spawn(rt, words, future)),
            location,
            name: None,
        };
    }
    let body = Box::pin(future);
    let begun = {
        let mut inherited = match context::is_bound() {
            true => Chain::inherit(),
            false => Chain::EMPTY,
        };
        let _bound = context::Entered::new(&mut inherited);
        let _none = Depth::none();
        let cx = &mut Context::from_waker(Waker::noop());
        begin_eagerly(body, words.name.as_ref(), location, cx)
    };
    let outcome = match begun {
        Eagerly::Value(value) => Ok(value),
        Eagerly::Ended(NoValue::Panicked(payload), region) => {
            Err(JoinError::panicked(&region, payload))
        }
        Eagerly::Ended(NoValue::Cancelled, region) => Err(JoinError::cancelled(&region)),
        Eagerly::Rest(rest) => {
            return Eager {
                state: State::Task(task::spawn_begun(rt, words, rest)),
                location,
                name: None,
            };
        }
    };
    Eager {
        state: State::Ready(outcome),
        location,
        name: words.name,
    }
}

/// The handle of a task that began where it was spawned; a future of its result.
///
/// What [`Runtime::spawn_eager`](crate::Runtime::spawn_eager) gives. Where the future was ready at once there
/// never was a task, and the result is here. Otherwise this is the handle of the task that runs the rest, and
/// is to it what a [`Task`] is: **dropping it cancels the task**.
///
/// Cancel safe: polling it and dropping the poll loses nothing.
///
/// # Panics
///
/// When it is polled again after it has given its result.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
/// use std::time::Duration;
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// owner.block_on(async {
///     let at_once = rt.spawn_eager(async { 1 });
///     assert!(at_once.is_finished());
///
///     let sleeper = rt.clone();
///     let later = rt.spawn_eager(async move { sleeper.sleep(Duration::from_millis(1)).await; 2 });
///     assert_eq!((at_once.await.unwrap(), later.await.unwrap()), (1, 2));
/// });
/// ```
#[must_use = "dropping the handle cancels the task: await it, or call `detach()` to let it run"]
#[doc(alias = "TaskLikeFuture")]
pub struct Eager<T> {
    state: State<T>,
    location: &'static Location<'static>,
    /// Of one that has no task.
    name: Option<Cow<'static, str>>,
}

enum State<T> {
    Ready(Result<T, JoinError>),
    Task(Task<T>),
    Taken,
}

// A value is given out, and never pinned.
impl<T> Unpin for Eager<T> {}

impl<T> Eager<T> {
    /// Returns whether the result is there: at once, or because the task is over.
    pub fn is_finished(&self) -> bool {
        match &self.state {
            State::Task(task) => task.is_finished(),
            _ => true,
        }
    }

    /// Returns the task that runs the rest.
    ///
    /// # Errors
    ///
    /// Gives `self` back where there is none, as the future was ready at once.
    pub fn into_task(mut self) -> Result<Task<T>, Self> {
        match self.take() {
            State::Task(task) => Ok(task),
            state => Err(self.with(state)),
        }
    }

    /// Takes what was there at once.
    ///
    /// # Errors
    ///
    /// Gives `self` back where a task runs the rest, and where it was taken.
    pub fn into_ready(mut self) -> Result<Result<T, JoinError>, Self> {
        match self.take() {
            State::Ready(outcome) => Ok(outcome),
            state => Err(self.with(state)),
        }
    }

    fn take(&mut self) -> State<T> {
        std::mem::replace(&mut self.state, State::Taken)
    }

    fn with(mut self, state: State<T>) -> Self {
        self.state = state;
        self
    }

    /// Asks the task to stop, as [`Task::cancel`] does. What was ready at once stays.
    pub fn cancel(&self, reason: impl Into<Reason>) {
        if let State::Task(task) = &self.state {
            task.cancel(reason);
        }
    }

    /// Asks the task to stop, now; the future returned waits until it is gone. Gives what was ready at once.
    pub fn cancel_and_wait(mut self) -> CancelEager<T> {
        CancelEager {
            state: match self.take() {
                State::Task(task) => Ok(task.cancel_and_wait()),
                state => Err(self.with(state)),
            },
        }
    }

    /// Lets the task run on without a handle. A panic goes to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    pub fn detach(mut self) {
        if let State::Task(task) = self.take() {
            task.detach();
        }
    }

    /// Returns the task's name, if it was given one.
    pub fn name(&self) -> Option<Cow<'static, str>> {
        match &self.state {
            State::Task(task) => task.name(),
            State::Ready(_) | State::Taken => self.name.clone(),
        }
    }

    /// Returns where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl<T> Future for Eager<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Task(task) = &mut self.state {
            return Pin::new(task).poll(cx);
        }
        match self.take() {
            State::Ready(outcome) => Poll::Ready(outcome),
            _ => panic!("an `Eager` was polled after it had given its result"),
        }
    }
}

impl<T> Drop for Eager<T> {
    /// A panic that nobody has seen is told.
    fn drop(&mut self) {
        if matches!(self.state, State::Ready(Err(_))) {
            if let State::Ready(Err(error)) = self.take() {
                report_unseen(error);
            }
        }
    }
}

impl<T> fmt::Debug for Eager<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eager")
            .field("name", &self.name())
            .field("location", &format_args!("{}", self.location()))
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// The future of [`Eager::cancel_and_wait`]: ready when the task is gone.
///
/// Cancel safe: the request was made when this was made, and stands when this is dropped.
///
/// # Panics
///
/// When it is polled again after it has given its result.
#[derive(Debug)]
#[must_use = "the request is made, but nothing waits for the task to be gone unless this is awaited"]
pub struct CancelEager<T> {
    state: Result<CancelAndWait<T>, Eager<T>>,
}

impl<T> Future for CancelEager<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            Ok(waiting) => Pin::new(waiting).poll(cx),
            Err(ready) => Pin::new(ready).poll(cx),
        }
    }
}

impl<R: Spawn + Timer> SpawnWith<'_, R> {
    /// Spawns a task that begins here: [`Runtime::spawn_eager`](crate::Runtime::spawn_eager).
    #[track_caller]
    pub fn spawn_eager<F>(self, future: F) -> Eager<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (rt, words) = self.into_parts();
        spawn_eager(rt, words, future)
    }
}

/// Spawns whatever it is given eagerly: what [`Runtime::eagerly`](crate::Runtime::eagerly) gives.
///
/// For code that spawns through a value: who makes the value decides. It is cheap to clone, like the handle.
///
/// # Examples
///
/// ```
/// use anyrt::{EagerSpawn, Runtime, backend::builtin::BuiltinRuntime, prelude::*};
///
/// async fn both<R: Runtime>(spawner: &EagerSpawn<R>) -> u32 {
///     let (a, b) = (spawner.spawn(async { 1 }), spawner.spawn_named("two", async { 2 }));
///     a.await.unwrap() + b.await.unwrap()
/// }
///
/// let owner = BuiltinRuntime::new();
/// let eagerly = owner.handle().eagerly();
/// assert_eq!(owner.block_on(both(&eagerly)), 3);
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "eager_task_factory")]
#[doc(alias = "create_eager_task_factory")]
pub struct EagerSpawn<R> {
    rt: R,
}

impl<R: Spawn + Timer> EagerSpawn<R> {
    pub(crate) fn new(rt: &R) -> Self {
        EagerSpawn { rt: rt.clone() }
    }

    /// Spawns a task that begins here: [`Runtime::spawn_eager`](crate::Runtime::spawn_eager).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Eager<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_eager(&self.rt, Words::default(), future)
    }

    /// The same, of a task with a name.
    #[track_caller]
    pub fn spawn_named<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> Eager<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let words = Words {
            name: Some(name.into()),
            ..Words::default()
        };
        spawn_eager(&self.rt, words, future)
    }

    /// Returns the runtime.
    pub fn rt(&self) -> &R {
        &self.rt
    }
}
