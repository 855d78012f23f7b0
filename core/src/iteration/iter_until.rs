//! Streams of what a function gives, until it gives a certain value.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{FusedStream, Stream};
use pin_project::pin_project;

/// Calls `function` again and again, and gives what it gives, until that is `sentinel`.
///
/// The sentinel ends the stream and is not given. The next call is made when the next item is asked for.
///
/// Not cancel safe: a call that has begun is kept when a `next` is dropped, and goes on with the following
/// one; dropping the stream drops it.
///
/// # Examples
///
/// ```
/// use anyrt::stream::{StreamExt, iter_until};
///
/// # futures::executor::block_on(async {
/// let mut left = vec![0, 7, 8, 9];
/// let numbers = iter_until(|| std::future::ready(left.pop().unwrap()), 0);
/// assert_eq!(numbers.collect::<Vec<_>>().await, [9, 8, 7]);
/// # });
/// ```
#[doc(alias = "aiter")]
pub fn iter_until<F, Fut>(function: F, sentinel: Fut::Output) -> IterUntil<F, Fut>
where
    F: FnMut() -> Fut,
    Fut: Future<Output: PartialEq>,
{
    IterUntil {
        calls: Calls::new(function),
        sentinel,
    }
}

/// Does as [`iter_until`] does with a function that may fail: its first error is the last item.
///
/// Not cancel safe in the same way.
///
/// # Examples
///
/// ```
/// use anyrt::stream::{StreamExt, try_iter_until};
///
/// # futures::executor::block_on(async {
/// let mut results = vec![Ok(1), Err("broken pipe"), Ok(2)];
/// let lines = try_iter_until(|| std::future::ready(results.pop().unwrap()), 0);
/// assert_eq!(lines.collect::<Vec<_>>().await, [Ok(2), Err("broken pipe")]);
/// # });
/// ```
#[doc(alias = "aiter")]
pub fn try_iter_until<F, Fut, T, E>(function: F, sentinel: T) -> TryIterUntil<F, Fut, T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    T: PartialEq,
{
    TryIterUntil {
        calls: Calls::new(function),
        sentinel,
    }
}

/// One call after the other.
#[pin_project]
struct Calls<F, Fut> {
    /// Nothing once the stream has ended.
    function: Option<F>,
    #[pin]
    call: Option<Fut>,
}

impl<F: FnMut() -> Fut, Fut: Future> Calls<F, Fut> {
    fn new(function: F) -> Self {
        Calls {
            function: Some(function),
            call: None,
        }
    }

    /// What the next call gives; nothing after the end.
    fn poll_call(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Fut::Output>> {
        let mut this = self.project();
        let Some(function) = this.function else {
            return Poll::Ready(None);
        };
        if this.call.is_none() {
            this.call.set(Some(function()));
        }
        let Some(call) = this.call.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let given = ready!(call.poll(cx));
        this.call.set(None);
        Poll::Ready(Some(given))
    }

    fn end(self: Pin<&mut Self>) {
        *self.project().function = None;
    }
}

/// The stream of [`iter_until`].
#[pin_project]
#[must_use = "a stream does nothing unless it is polled"]
pub struct IterUntil<F, Fut: Future> {
    #[pin]
    calls: Calls<F, Fut>,
    sentinel: Fut::Output,
}

impl<F, Fut> Stream for IterUntil<F, Fut>
where
    F: FnMut() -> Fut,
    Fut: Future<Output: PartialEq>,
{
    type Item = Fut::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let given = ready!(this.calls.as_mut().poll_call(cx));
        Poll::Ready(given.filter(|given| {
            let go_on = *given != *this.sentinel;
            if !go_on {
                this.calls.as_mut().end();
            }
            go_on
        }))
    }
}

impl<F, Fut> FusedStream for IterUntil<F, Fut>
where
    F: FnMut() -> Fut,
    Fut: Future<Output: PartialEq>,
{
    fn is_terminated(&self) -> bool {
        self.calls.function.is_none()
    }
}

impl<F, Fut: Future> fmt::Debug for IterUntil<F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IterUntil")
            .field("ended", &self.calls.function.is_none())
            .finish_non_exhaustive()
    }
}

/// The stream of [`try_iter_until`].
#[pin_project]
#[must_use = "a stream does nothing unless it is polled"]
pub struct TryIterUntil<F, Fut, T> {
    #[pin]
    calls: Calls<F, Fut>,
    sentinel: T,
}

impl<F, Fut, T, E> Stream for TryIterUntil<F, Fut, T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    T: PartialEq,
{
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let given = ready!(this.calls.as_mut().poll_call(cx));
        if !matches!(&given, Some(Ok(given)) if *given != *this.sentinel) {
            this.calls.as_mut().end();
        }
        Poll::Ready(given.filter(|given| !matches!(given, Ok(given) if *given == *this.sentinel)))
    }
}

impl<F, Fut, T, E> FusedStream for TryIterUntil<F, Fut, T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    T: PartialEq,
{
    fn is_terminated(&self) -> bool {
        self.calls.function.is_none()
    }
}

impl<F, Fut, T> fmt::Debug for TryIterUntil<F, Fut, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryIterUntil")
            .field("ended", &self.calls.function.is_none())
            .finish_non_exhaustive()
    }
}
