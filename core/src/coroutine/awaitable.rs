//! Something that can be awaited again and again.

use std::fmt;
use std::future::{Future, IntoFuture};

/// Makes something of `f` that can be awaited any number of times.
///
/// Each `(&it).await` calls `f` and awaits what that gives. A type of one's own does the same with an
/// `impl IntoFuture for &Type`.
///
/// Each await is as cancel safe as the future that `f` makes.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use anyrt::{awaitable, await_sync};
///
/// let calls = Cell::new(0);
/// let counter = awaitable(async || {
///     calls.set(calls.get() + 1);
///     calls.get()
/// });
/// assert_eq!(await_sync(async { (&counter).await + (&counter).await }), Ok(1 + 2));
/// ```
///
/// A type of one's own:
///
/// ```
/// use std::future::{IntoFuture, Ready, ready};
/// use anyrt::await_sync;
///
/// struct Answer(u32);
///
/// impl IntoFuture for &Answer {
///     type Output = u32;
///     type IntoFuture = Ready<u32>;
///     fn into_future(self) -> Ready<u32> {
///         ready(self.0)
///     }
/// }
///
/// let answer = Answer(42);
/// assert_eq!(await_sync(async { (&answer).await + (&answer).await }), Ok(84));
/// ```
#[doc(alias = "awaitmethod")]
#[doc(alias = "awaitmethod_iter")]
#[doc(alias = "coro_iter")]
pub fn awaitable<F, Fut>(f: F) -> Awaitable<F>
where
    F: Fn() -> Fut,
    Fut: Future,
{
    Awaitable(f)
}

/// What [`awaitable`] gives: a reference to it can be awaited.
#[derive(Clone, Copy)]
pub struct Awaitable<F>(F);

impl<F, Fut> IntoFuture for &Awaitable<F>
where
    F: Fn() -> Fut,
    Fut: Future,
{
    type Output = Fut::Output;
    type IntoFuture = Fut;

    fn into_future(self) -> Fut {
        (self.0)()
    }
}

impl<F> fmt::Debug for Awaitable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Awaitable").finish_non_exhaustive()
    }
}
