//! The handle of a local child.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::no_value::NoValue;
use super::slot::Slot;
use crate::region::{Reason, frame};

/// The handle of a child of a local scope; a future of its value.
///
/// Dropping it does nothing: the scope waits for the child anyway. It may be awaited in the body, in
/// another child, or nowhere.
///
/// | the child | `child.await` | [`child.result().await`](LocalChild::result) |
/// |---|---|---|
/// | returned a value | the value | `Ok(value)` |
/// | panicked, or gave its scope an error | never ready: the scope stops who awaits it, here | `Err` |
/// | was cancelled with its scope | the same | `Err`, if anybody is there to see it |
/// | was cancelled by [`cancel`](LocalChild::cancel) | **panics**, with advice | `Err`, [`is_cancelled`](NoValue::is_cancelled) |
///
/// *Stops* is what a request does: inside a [`shield`](crate::shield) or a clean-up it cannot, nor in
/// another task. There an await of a child without a value panics too, instead of hanging.
///
/// Cancel safe: dropping a poll, or the handle, loses nothing but the value.
///
/// # Panics
///
/// When it is polled again after it has given its result; and as above.
///
/// # Examples
///
/// ```
/// use anyrt::local_scope;
///
/// let words = vec!["hello", "there"];
/// let words = &words;
/// let lengths = futures::executor::block_on(local_scope(|n| async move {
///     let one = n.spawn(async { words[0].len() });
///     let two = n.spawn(async { words[1].len() });
///     one.await + two.await
/// }));
/// assert_eq!(lengths, 10);
/// ```
pub struct LocalChild<T>(pub(super) Arc<Slot<T>>);

impl<T> LocalChild<T> {
    /// Asks this child alone to stop, and says why.
    ///
    /// Takes effect where the child suspends; returns at once. A child that was not yet polled never
    /// runs. That is no failure: the scope goes on.
    pub fn cancel(&self, reason: impl Into<Reason>) {
        self.0.ask(reason.into());
    }

    /// Returns whether the child is gone: its future is dropped, its clean-ups have run.
    ///
    /// Also so when its value was taken.
    pub fn is_finished(&self) -> bool {
        self.0.is_over()
    }

    /// Waits for the child, and gives its value or says why there is none.
    ///
    /// Cancel safe: dropping it loses nothing but the value.
    ///
    /// # Errors
    ///
    /// [`NoValue`], if the child was cancelled, panicked or failed.
    ///
    /// # Panics
    ///
    /// When it is polled again after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::local_scope;
    ///
    /// futures::executor::block_on(local_scope(|n| async move {
    ///     let child = n.spawn(async { 5 });
    ///     assert_eq!(child.result().await.unwrap(), 5);
    /// }));
    /// ```
    pub fn result(self) -> LocalResult<T> {
        LocalResult(self.0)
    }
}

impl<T> Future for LocalChild<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Where we are about to be stopped ourselves, that is the answer.
        let stopping = frame::is_about_to_stop();
        match self.0.poll(cx, |outcome| outcome.is_ok() || !stopping) {
            Poll::Ready(Ok(value)) => Poll::Ready(value),
            Poll::Ready(Err(error)) => panic!(
                "{error}, so an await of it would never end: where that may be, use \
                 `child.result().await`"
            ),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for LocalChild<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalChild")
            .field("location", &format_args!("{}", self.0.location()))
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// The future of [`LocalChild::result`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct LocalResult<T>(Arc<Slot<T>>);

impl<T> Future for LocalResult<T> {
    type Output = Result<T, NoValue>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, |_| true)
    }
}

impl<T> fmt::Debug for LocalResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalResult")
            .field("location", &format_args!("{}", self.0.location()))
            .field("finished", &self.0.is_over())
            .finish()
    }
}
