//! Work: what may be sync or async, as one notion.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

use super::anywhere::block_anywhere;
use super::to_thread::{ToThread, to_thread};

/// Work that is sync or async, and can be done again.
///
/// | what | is work that | gives |
/// |---|---|---|
/// | `\|\| async { .. }`, an `async fn` | is async | what its future gives |
/// | [`blocking(\|\| ..)`](blocking) | blocks its thread | what the closure gives |
/// | [`Parallel`](crate::Parallel), [`Serial`](crate::Serial) | is async, and made of others | a `Result` of all values |
///
/// So the type says which kind it is, and what is done with it fits: [`run`] awaits it,
/// [`block`] waits for it on this thread, [`to_async`](crate::to_async) and
/// [`to_blocking`](crate::to_blocking) make a function of the one kind of either.
///
/// # Examples
///
/// One function for callers of both kinds:
///
/// ```
/// use anyrt::{Work, backend::builtin::BuiltinRuntime, blocking, prelude::*, run};
///
/// async fn shout(name: impl Work<Output = String>) -> String {
///     run(name).await.to_uppercase()
/// }
///
/// BuiltinRuntime::new().block_on(async {
///     assert_eq!(shout(|| async { String::from("ann") }).await, "ANN");
///     assert_eq!(shout(blocking(|| String::from("bob"))).await, "BOB");
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no work",
    note = "async work is a closure without arguments that gives a future, and both are `Send + 'static`",
    note = "a closure that blocks says so: `blocking(|| ..)`"
)]
pub trait Work: Sized {
    /// What the work gives.
    type Output;

    /// What doing it is to async code.
    type Running: Future<Output = Self::Output>;

    /// Begins it; a blocking one on a thread, at once.
    #[doc(hidden)]
    #[track_caller]
    fn into_running(self) -> Self::Running;

    /// Does it on this thread.
    #[doc(hidden)]
    #[track_caller]
    fn into_output(self) -> Self::Output;

    /// Forgets which kind it is.
    #[doc(hidden)]
    fn into_any(self) -> AnyWork<Self::Output>;
}

/// Work of any kind. It begins when it is called, or when what it gives is polled.
#[doc(hidden)]
#[expect(unnameable_types, reason = "for the compiler only")]
pub struct AnyWork<T>(Arc<dyn Fn() -> BoxFuture<'static, T> + Send + Sync>);

impl<T> AnyWork<T> {
    pub(super) fn new(begin: impl Fn() -> BoxFuture<'static, T> + Send + Sync + 'static) -> Self {
        AnyWork(Arc::new(begin))
    }

    pub(super) fn begin(&self) -> BoxFuture<'static, T> {
        (self.0)()
    }
}

impl<T> Clone for AnyWork<T> {
    fn clone(&self) -> Self {
        AnyWork(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for AnyWork<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyWork").finish_non_exhaustive()
    }
}

impl<F, Fut> Work for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Send> + Send + 'static,
{
    type Output = Fut::Output;
    type Running = Fut;

    fn into_running(self) -> Fut {
        self()
    }

    fn into_output(self) -> Fut::Output {
        block_anywhere(self())
    }

    fn into_any(self) -> AnyWork<Fut::Output> {
        AnyWork::new(move || Box::pin(self()))
    }
}

/// Says of a closure that it blocks its thread: as [`Work`] it is done on a thread of its own.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, blocking, prelude::*, run};
///
/// let exists = blocking(|| std::fs::metadata("/").is_ok());
/// assert!(BuiltinRuntime::new().block_on(run(exists)));
/// ```
pub fn blocking<F>(f: F) -> Blocking<F> {
    Blocking(f)
}

/// A closure that blocks its thread; made by [`blocking`].
#[derive(Clone, Copy)]
#[must_use = "nothing is done until it is run"]
pub struct Blocking<F>(pub(super) F);

impl<F> fmt::Debug for Blocking<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

impl<F, T> Work for Blocking<F>
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Running = ToThread<T>;

    fn into_running(self) -> ToThread<T> {
        to_thread(self.0)
    }

    fn into_output(self) -> T {
        self.0()
    }

    fn into_any(self) -> AnyWork<T> {
        let f = Arc::new(self.0);
        AnyWork::new(move || Box::pin(Kept::Todo(Arc::clone(&f))))
    }
}

/// A call on a thread that does not outlive the task it is a part of.
///
/// Dropped half-way, it is asked to stop and waited for, where the other one is abandoned.
enum Kept<F: Fn() -> T, T: Send + 'static> {
    Todo(Arc<F>),
    Running(Option<ToThread<T>>),
}

impl<F: Fn() -> T, T: Send + 'static> Unpin for Kept<F, T> {}

impl<F, T> Future for Kept<F, T>
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Kept::Todo(f) = &*self {
            let f = Arc::clone(f);
            *self = Kept::Running(Some(to_thread(move || f())));
        }
        match &mut *self {
            Kept::Running(Some(call)) => Pin::new(call).poll(cx),
            _ => unreachable!("it is there until it is dropped"),
        }
    }
}

impl<F: Fn() -> T, T: Send + 'static> Drop for Kept<F, T> {
    fn drop(&mut self) {
        if let Kept::Running(call) = self {
            if let Some(call) = call.take() {
                call.stop_and_leave();
            }
        }
    }
}

/// Does `work`, and gives what it gives: awaits what is async, and what blocks on a thread.
///
/// Dropping the future drops what is async; the thread of what blocks is abandoned, as by
/// [`to_thread`](crate::to_thread).
///
/// # Panics
///
/// With the panic of the work.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, blocking, prelude::*, run};
///
/// BuiltinRuntime::new().block_on(async {
///     assert_eq!(run(|| async { 1 }).await, 1);
///     assert_eq!(run(blocking(|| 2)).await, 2);
/// });
/// ```
#[track_caller]
pub fn run<W: Work>(work: W) -> W::Running {
    work.into_running()
}

/// Does `work` on this thread, and gives what it gives: calls what blocks, and drives what is async.
///
/// What is async is driven by [`block_anywhere`](crate::block_anywhere).
///
/// # Panics
///
/// With the panic of the work; and for work that is async as [`block_anywhere`](crate::block_anywhere) does,
/// with advice, where blocking could hang.
///
/// # Examples
///
/// ```
/// use anyrt::{block, blocking};
///
/// assert_eq!(block(|| async { 1 }), 1);
/// assert_eq!(block(blocking(|| 2)), 2);
/// ```
#[track_caller]
pub fn block<W: Work>(work: W) -> W::Output {
    work.into_output()
}
