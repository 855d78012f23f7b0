//! Cancelling many tasks, and cancelling with a grace period.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use pin_project::pin_project;

use super::handle::{CancelAndWait, Task};
use super::join_error::JoinError;
use crate::region::Reason;
use crate::runtime::{Timer, after};

/// Asks all `tasks` to stop, now; the future returned waits until all are gone.
///
/// Its value is their results, in their order. A task that is over is not changed, and a value that a task
/// still delivers is not thrown away; see [`Task::cancel_and_wait`]. No tasks at all is fine.
///
/// Cancel safe: dropping the future ends the waiting only, the requests stand.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, cancel_all, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// let tasks: Vec<_> = (0..3).map(|_| rt.spawn(std::future::pending::<()>())).collect();
/// let results = owner.block_on(cancel_all(tasks, "closing time"));
/// assert_eq!(results.len(), 3);
/// for result in results {
///     assert_eq!(result.unwrap_err().reason().unwrap().as_str(), "closing time");
/// }
/// ```
#[doc(alias = "cancel_and_wait")]
pub fn cancel_all<T>(
    tasks: impl IntoIterator<Item = Task<T>>,
    reason: impl Into<Reason>,
) -> CancelAll<T> {
    let reason = reason.into();
    let waiting: FuturesUnordered<_> = tasks
        .into_iter()
        .enumerate()
        .map(|(index, task)| {
            task.cancel(reason.clone());
            Indexed { index, task }
        })
        .collect();
    let mut results = Vec::new();
    results.resize_with(waiting.len(), || None);
    CancelAll { waiting, results }
}

/// A task, and its place in the results.
struct Indexed<T> {
    index: usize,
    task: Task<T>,
}

impl<T> Future for Indexed<T> {
    type Output = (usize, Result<T, JoinError>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready((self.index, result))
    }
}

/// The future of [`cancel_all`]: ready when all are gone.
///
/// Cancel safe: the requests were made when this was made, and stand when this is dropped. Polled again
/// after it was ready, it gives nothing: an empty list.
#[must_use = "the requests are made, but nothing waits for the tasks to be gone unless this is awaited"]
pub struct CancelAll<T> {
    waiting: FuturesUnordered<Indexed<T>>,
    results: Vec<Option<Result<T, JoinError>>>,
}

/// Results wait in a list until they are taken; nothing is pinned in it.
impl<T> Unpin for CancelAll<T> {}

impl<T> Future for CancelAll<T> {
    type Output = Vec<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some((index, result)) = ready!(self.waiting.poll_next_unpin(cx)) {
            self.results[index] = Some(result);
        }
        let results = std::mem::take(&mut self.results);
        Poll::Ready(results.into_iter().flatten().collect())
    }
}

impl<T> fmt::Debug for CancelAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelAll")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

/// What can be killed while it is waited for. Sealed.
pub trait Kill: Future + sealed::Sealed {
    /// Kills all that are not over.
    #[doc(hidden)]
    fn kill_rest(&self);
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else implements it")]
    pub trait Sealed {}
    impl<T> Sealed for super::CancelAll<T> {}
    impl<T> Sealed for super::CancelAndWait<T> {}
}

impl<T> Kill for CancelAll<T> {
    fn kill_rest(&self) {
        for waiting in &self.waiting {
            waiting.task.kill_for(None);
        }
    }
}

impl<T> Kill for CancelAndWait<T> {
    fn kill_rest(&self) {
        self.task().kill_for(None);
    }
}

impl<T> CancelAll<T> {
    /// Kills whoever is left after `grace`, counted from this call on the clock of `rt`.
    ///
    /// As [`CancelAndWait::kill_after`], for many.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{backend::builtin::BuiltinRuntime, cancel_all, prelude::*, shield};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let tasks = [rt.spawn(shield(std::future::pending::<()>()))];
    /// let stopping = cancel_all(tasks, "closing time").kill_after(rt, Duration::from_millis(1));
    /// assert!(owner.block_on(stopping)[0].as_ref().unwrap_err().is_cancelled());
    /// ```
    pub fn kill_after<R: Timer>(self, rt: &R, grace: Duration) -> KillAfter<Self, R> {
        KillAfter::new(self, rt, grace)
    }
}

impl<T> CancelAndWait<T> {
    /// Kills the task if it is not gone after `grace`, counted from this call on the clock of `rt`.
    ///
    /// The request in two stages: asked first, with time to clean up; then [killed](Task::kill). The
    /// future returned waits until the task is gone in any case.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, shield};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let deaf = rt.spawn(shield(std::future::pending::<()>()));
    /// let gone = deaf.cancel_and_wait().kill_after(rt, Duration::from_millis(1));
    /// assert!(owner.block_on(gone).unwrap_err().is_cancelled());
    /// ```
    #[doc(alias = "grace")]
    pub fn kill_after<R: Timer>(self, rt: &R, grace: Duration) -> KillAfter<Self, R> {
        KillAfter::new(self, rt, grace)
    }
}

/// The future of [`CancelAndWait::kill_after`] and [`CancelAll::kill_after`].
///
/// Cancel safe: the request stands when this is dropped; but then nobody is killed.
///
/// # Panics
///
/// When it is polled again after it was ready, as far as what it waits with panics.
#[pin_project]
#[must_use = "nobody is killed, and nothing waits, unless this is awaited"]
pub struct KillAfter<F, R: Timer> {
    #[pin]
    gone: F,
    /// `None` once it has passed.
    #[pin]
    grace: Option<R::Sleep>,
}

impl<F, R: Timer> KillAfter<F, R> {
    fn new(gone: F, rt: &R, grace: Duration) -> Self {
        KillAfter {
            gone,
            grace: Some(rt.sleep_until(after(rt.now(), grace))),
        }
    }
}

impl<F: Kill, R: Timer> Future for KillAfter<F, R> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let Poll::Ready(value) = this.gone.as_mut().poll(cx) {
            return Poll::Ready(value);
        }
        if let Some(grace) = this.grace.as_mut().as_pin_mut() {
            if grace.poll(cx).is_ready() {
                this.grace.set(None);
                this.gone.kill_rest();
            }
        }
        Poll::Pending
    }
}

impl<F: fmt::Debug, R: Timer> fmt::Debug for KillAfter<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KillAfter")
            .field("gone", &self.gone)
            .field("grace_is_over", &self.grace.is_none())
            .finish()
    }
}
