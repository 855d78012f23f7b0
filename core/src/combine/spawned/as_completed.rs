//! Several at once, looked at in the order in which they end.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{FusedStream, Stream};
use pin_project::pin_project;

use super::arms::{Arms, Start};
use super::catch::Caught;
use crate::runtime::{Spawn, Timer};
use crate::scope::{self, ScopeFuture};
use crate::task::JoinError;

/// The arms of an [`AsCompleted`], as they end: what its closure is given.
///
/// A stream of the position of each, and what became of it; it ends when all have been seen. Leaving some
/// unseen stops them.
///
/// Cancel safe: dropping what waits for the next takes nothing away.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Completed<R: Spawn + Timer, T> {
    arms: Arms<R, T>,
}

impl<R: Spawn + Timer, T> Stream for Completed<R, T> {
    type Item = (usize, Result<T, JoinError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let ended = ready!(self.arms.poll_next(cx));
        let joined = |(index, ended): (_, Result<_, Caught>)| {
            (index, ended.map_err(Caught::into_join_error))
        };
        Poll::Ready(ended.map(joined))
    }
}

impl<R: Spawn + Timer, T> FusedStream for Completed<R, T> {
    fn is_terminated(&self) -> bool {
        self.arms.unseen() == 0
    }
}

impl<R: Spawn + Timer, T> fmt::Debug for Completed<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completed")
            .field("unseen", &self.arms.unseen())
            .finish_non_exhaustive()
    }
}

/// Spawns the arms before it first polls the body: what starts nothing must not start them.
#[pin_project]
struct Body<S, Fut> {
    start: Option<S>,
    spawn: fn(S),
    #[pin]
    future: Fut,
}

impl<S, Fut: Future> Future for Body<S, Fut> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let this = self.project();
        if let Some(start) = this.start.take() {
            (this.spawn)(start);
        }
        this.future.poll(cx)
    }
}

/// The future of [`Runtime::as_completed`](crate::Runtime::as_completed).
///
/// Dropping it drops the closure's future and asks the arms to stop; the task around it waits for them.
///
/// # Panics
///
/// When it is polled again after it was ready.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct AsCompleted<R: Spawn + Timer, I, T, Fut: Future> {
    #[pin]
    run: ScopeFuture<R, Body<Start<R, I, T>, Fut>>,
}

#[track_caller]
pub(crate) fn as_completed<R, I, F, Fut>(
    rt: &R,
    futures: I,
    body: F,
) -> AsCompleted<R, I::IntoIter, <I::Item as Future>::Output, Fut>
where
    R: Spawn + Timer,
    I: IntoIterator,
    I::Item: Future<Output: Send> + Send + 'static,
    F: FnOnce(Completed<R, <I::Item as Future>::Output>) -> Fut,
    Fut: Future,
{
    let (futures, location) = (futures.into_iter(), Location::caller());
    AsCompleted {
        run: scope::scope_of_arms(rt, |scope| {
            let (start, arms) = Start::new(scope, futures, location);
            Body {
                start: Some(start),
                spawn: Start::spawn,
                future: body(Completed { arms }),
            }
        }),
    }
}

impl<R: Spawn + Timer, I, T, Fut: Future> Future for AsCompleted<R, I, T, Fut> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        self.project().run.poll(cx)
    }
}

impl<R: Spawn + Timer, I, T, Fut: Future> fmt::Debug for AsCompleted<R, I, T, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted")
            .field("scope", &self.run)
            .finish_non_exhaustive()
    }
}
