//! Several at once, looked at in the order in which they end.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures::stream::{FusedStream, Stream};
use pin_project::pin_project;

use super::catch::{Catch, Caught};
use crate::runtime::{Spawn, Timer};
use crate::scope::{self, Child, NextEnded, Scope, ScopeFuture};
use crate::task::JoinError;

type Arm<T> = Child<Result<T, Caught>>;

/// The arms of an [`AsCompleted`], as they end: what its closure is given.
///
/// A stream of the position of each, and what became of it; it ends when all have been seen. Leaving some
/// unseen stops them.
///
/// Cancel safe: dropping what waits for the next takes nothing away.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Completed<R: Spawn + Timer, T> {
    next: NextEnded<R, Infallible>,
    arms: Arms<T>,
}

type Arms<T> = Arc<Mutex<Vec<Option<Arm<T>>>>>;

fn lock<T>(arms: &Arms<T>) -> MutexGuard<'_, Vec<Option<Arm<T>>>> {
    arms.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R: Spawn + Timer, T> Stream for Completed<R, T> {
    type Item = (usize, Result<T, JoinError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(index) = ready!(self.next.poll_next(cx)) else {
            return Poll::Ready(None);
        };
        let arm = lock(&self.arms).get_mut(index).and_then(Option::take);
        let mut arm = arm.expect("an arm ends once").result();
        let outcome = match Pin::new(&mut arm).poll(cx) {
            Poll::Ready(Ok(Ok(value))) => Ok(value),
            Poll::Ready(Ok(Err(caught))) => Err(caught.into_join_error()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => unreachable!("it has ended"),
        };
        Poll::Ready(Some((index, outcome)))
    }
}

impl<R: Spawn + Timer, T> FusedStream for Completed<R, T> {
    fn is_terminated(&self) -> bool {
        lock(&self.arms).iter().all(Option::is_none)
    }
}

impl<R: Spawn + Timer, T> fmt::Debug for Completed<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unseen = lock(&self.arms).iter().flatten().count();
        f.debug_struct("Completed")
            .field("unseen", &unseen)
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

/// What is to be spawned.
struct Start<R, I, T> {
    scope: Scope<R>,
    futures: I,
    arms: Arms<T>,
    location: &'static Location<'static>,
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
    let arms = Arms::default();
    AsCompleted {
        run: scope::scope_of_arms(rt, |scope| {
            let completed = Completed {
                next: scope.next_ended(),
                arms: Arc::clone(&arms),
            };
            Body {
                start: Some(Start {
                    scope,
                    futures,
                    arms,
                    location,
                }),
                spawn: |start| {
                    let Start {
                        scope,
                        futures,
                        arms,
                        location,
                    } = start;
                    let spawn = |future| Some(scope.spawn(Catch::new(future, location)));
                    let spawned = futures.map(spawn).collect();
                    *lock(&arms) = spawned;
                },
                future: body(completed),
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
