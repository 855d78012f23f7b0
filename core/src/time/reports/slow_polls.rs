//! Saying when a poll takes long: code that blocks where it should wait.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project::pin_project;

use super::sink::{Sink, place};
use crate::runtime::{Spawn, Timer};
use crate::task::{SpawnWith, Task};
use crate::time::digits::two_digits;

/// A report about a poll that took long.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let (tx, rx) = std::sync::mpsc::channel();
/// let blocking = async { std::thread::yield_now() };
/// let watched = blocking.warn_polls_over(owner.handle(), 0.secs()).report_to(move |poll| {
///     tx.send((poll.count(), poll.polls())).unwrap();
/// });
/// owner.block_on(watched);
/// assert_eq!(rx.recv().unwrap(), (1, 1));
/// ```
#[derive(Clone, Debug)]
pub struct SlowPoll {
    took: Duration,
    limit: Duration,
    count: u64,
    polls: u64,
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
}

impl SlowPoll {
    /// Returns how long the poll took.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Returns how long it may take without being reported.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns how many polls of this future took long, this one included.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns how often this future was polled, this time included.
    pub fn polls(&self) -> u64 {
        self.polls
    }

    /// Returns the name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns where the watch was asked for, or the task spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl fmt::Display for SlowPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (took, limit) = (two_digits(self.took), two_digits(self.limit));
        write!(f, "a poll took {took} (more than {limit}) in ")?;
        place(f, self.name(), self.location)?;
        write!(f, ": {} of {} so far", self.count, self.polls)
    }
}

/// The future of [`Reportable::warn_polls_over`](crate::Reportable::warn_polls_over), and words about it.
///
/// It gives what its future gives. Cancel safe if that is: dropping this drops it. Polled after it was
/// ready, it does what its future does.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct WarnPolls<R, F> {
    #[pin]
    future: F,
    rt: R,
    limit: Duration,
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
    sink: Sink<SlowPoll>,
    count: u64,
    polls: u64,
}

impl<R: Timer, F> WarnPolls<R, F> {
    pub(super) fn new(
        future: F,
        rt: &R,
        limit: Duration,
        location: &'static Location<'static>,
    ) -> Self {
        WarnPolls {
            future,
            rt: rt.clone(),
            limit,
            name: None,
            location,
            sink: Sink::default(),
            count: 0,
            polls: 0,
        }
    }

    /// Names the future.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives each report to `tell`, instead of some of them to `tracing` or standard error.
    ///
    /// It is called inside the poll, and must not block. If it panics, the panic goes to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    pub fn report_to(mut self, tell: impl FnMut(&SlowPoll) + Send + 'static) -> Self {
        self.sink = Sink::of(tell);
        self
    }
}

impl<R: Timer, F: Future> Future for WarnPolls<R, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let before = this.rt.now();
        let polled = this.future.poll(cx);
        let took = this.rt.now().saturating_duration_since(before);
        *this.polls += 1;
        if took > *this.limit {
            *this.count += 1;
            // In a log one line says as much as a thousand: the 1st, 2nd, 4th, 8th are written.
            if this.sink.is_given() || this.count.is_power_of_two() {
                let slow = SlowPoll {
                    took,
                    limit: *this.limit,
                    count: *this.count,
                    polls: *this.polls,
                    name: this.name.clone(),
                    location: this.location,
                };
                this.sink.tell(&slow, this.location);
            }
        }
        polled
    }
}

impl<R, F> fmt::Debug for WarnPolls<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarnPolls")
            .field("name", &self.name)
            .field("limit", &self.limit)
            .field("count", &self.count)
            .field("polls", &self.polls)
            .finish_non_exhaustive()
    }
}

/// A spawn whose task is watched for polls that take long: what [`SpawnWith::warn_polls_over`] gives.
#[derive(Debug)]
#[must_use = "nothing is spawned until `spawn` or `spawn_detached` is called"]
pub struct SpawnWarned<'a, R> {
    rt: &'a R,
    spawn: SpawnWith<'a, R>,
    limit: Duration,
}

impl<'a, R: Spawn + Timer> SpawnWith<'a, R> {
    /// Says when a poll of the task takes longer than `limit`:
    /// [`Reportable::warn_polls_over`](crate::Reportable::warn_polls_over).
    ///
    /// The reports have the task's name, and where it is spawned. It is the last word before the spawn.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let spawn = owner.handle().spawn_with().name("parser").warn_polls_over(10.millis());
    /// let task = spawn.spawn(async { "7".parse::<i32>() });
    /// assert_eq!(owner.block_on(task).unwrap(), Ok(7));
    /// ```
    pub fn warn_polls_over(self, limit: Duration) -> SpawnWarned<'a, R> {
        SpawnWarned {
            rt: self.rt(),
            spawn: self,
            limit,
        }
    }
}

impl<R: Spawn + Timer> SpawnWarned<'_, R> {
    /// Spawns a task: [`Runtime::spawn`](crate::Runtime::spawn).
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let watched = self.watch(future, Location::caller());
        self.spawn.spawn(watched)
    }

    /// Spawns a task without a handle: [`Runtime::spawn_detached`](crate::Runtime::spawn_detached).
    #[track_caller]
    pub fn spawn_detached<F>(self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let watched = self.watch(future, Location::caller());
        self.spawn.spawn_detached(watched);
    }

    fn watch<F>(&self, future: F, location: &'static Location<'static>) -> WarnPolls<R, F> {
        let mut watched = WarnPolls::new(future, self.rt, self.limit, location);
        watched.name = self.spawn.said_name().cloned();
        watched
    }
}
