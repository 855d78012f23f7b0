//! The first of several, each in a task of its own.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::arms::{Arms, Start};
use super::catch::Caught;
use super::drive::Drive;
use crate::combine::RaceError;
use crate::region::failure::report;
use crate::region::{Failure, Phase};
use crate::runtime::{Spawn, Timer};
use crate::scope::{self, ChildError, Origin, Place, ScopeFuture};

/// What drives a race.
struct State<R: Spawn + Timer, I, T, E> {
    start: Option<Start<R, I, T>>,
    arms: Arms<R, T>,
    failed: Vec<ChildError<E>>,
    location: &'static Location<'static>,
}

impl<R: Spawn + Timer, I, T, E> State<R, I, T, E> {
    /// The next arm that has ended. The first call spawns them all.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, Result<T, Caught>)>>
    where
        I: Iterator,
        I::Item: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        if let Some(start) = self.start.take() {
            start.spawn();
        }
        self.arms.poll_next(cx)
    }

    fn place(&self, index: usize) -> Place {
        Place {
            origin: Origin::Child,
            index,
            name: None,
            location: self.location,
        }
    }
}

/// The scope of a race: its body is the state `S`, and gives an `O`.
type RaceRun<R, S, O> = ScopeFuture<R, Drive<S, O>>;

/// The future of [`Runtime::race`](crate::Runtime::race).
///
/// Dropping it asks the arms to stop; the task around it waits for them.
///
/// # Panics
///
/// When it is polled again after it was ready.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct RaceTasks<R: Spawn + Timer, I, T> {
    #[pin]
    run: RaceRun<R, State<R, I, T, ()>, Option<T>>,
}

#[track_caller]
pub(crate) fn race<R, I, F>(rt: &R, futures: I) -> RaceTasks<R, I::IntoIter, F::Output>
where
    R: Spawn + Timer,
    I: IntoIterator<Item = F>,
    F: Future<Output: Send> + Send + 'static,
{
    let (futures, location) = (futures.into_iter(), Location::caller());
    RaceTasks {
        run: scope::scope_of_arms(rt, |scope| {
            let (start, arms) = Start::new(scope, futures, location);
            let state = State {
                start: Some(start),
                arms,
                failed: Vec::new(),
                location,
            };
            Drive::new(state, |state, cx| {
                Poll::Ready(match ready!(state.poll_next(cx)) {
                    Some((_, Ok(value))) => Some(value),
                    Some((_, Err(caught))) => caught.into_join_error().resume_unwind(),
                    None => None,
                })
            })
        }),
    }
}

impl<R: Spawn + Timer, I, T> Future for RaceTasks<R, I, T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.project().run.poll(cx)
    }
}

/// An error of an arm. Dropped without being taken, as that of a loser, it is reported.
struct Told<E: Send + 'static> {
    error: Option<E>,
    location: &'static Location<'static>,
}

impl<E: Send + 'static> Told<E> {
    fn take(mut self) -> Option<E> {
        self.error.take()
    }
}

impl<E: Send + 'static> Drop for Told<E> {
    fn drop(&mut self) {
        if let Some(error) = self.error.take() {
            let error: Box<dyn std::any::Any + Send> = Box::new(error);
            report(&Failure::new(
                Phase::NotKept,
                None,
                self.location,
                Some(error),
            ));
        }
    }
}

/// The futures of an iterator, each so that its error is not lost.
struct Telling<I> {
    futures: I,
    location: &'static Location<'static>,
}

impl<I> Iterator for Telling<I>
where
    I: Iterator,
{
    type Item = Tells<I::Item>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(Tells {
            future: self.futures.next()?,
            location: self.location,
        })
    }
}

#[pin_project]
struct Tells<F> {
    #[pin]
    future: F,
    location: &'static Location<'static>,
}

impl<F, T, E> Future for Tells<F>
where
    F: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    type Output = Result<T, Told<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let location = *this.location;
        let ended = ready!(this.future.poll(cx));
        Poll::Ready(ended.map_err(|error| Told {
            error: Some(error),
            location,
        }))
    }
}

/// What [`Runtime::race_ok`](crate::Runtime::race_ok) gives.
type Won<T, E> = Result<(T, Vec<ChildError<E>>), RaceError<E>>;

/// The state of a race whose arms give results.
type OkState<R, I, T, E> = State<R, Telling<I>, Result<T, Told<E>>, E>;

/// The future of [`Runtime::race_ok`](crate::Runtime::race_ok).
///
/// Dropping it asks the arms to stop; the task around it waits for them.
///
/// # Panics
///
/// When it is polled again after it was ready.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct RaceTasksOk<R: Spawn + Timer, I, T, E: Send + 'static> {
    #[pin]
    run: RaceRun<R, OkState<R, I, T, E>, Won<T, E>>,
}

#[track_caller]
pub(crate) fn race_ok<R, I, F, T, E>(rt: &R, futures: I) -> RaceTasksOk<R, I::IntoIter, T, E>
where
    R: Spawn + Timer,
    I: IntoIterator<Item = F>,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let (futures, location) = (futures.into_iter(), Location::caller());
    let futures = Telling { futures, location };
    RaceTasksOk {
        run: scope::scope_of_arms(rt, |scope| {
            let (start, arms) = Start::new(scope, futures, location);
            let state = State {
                start: Some(start),
                arms,
                failed: Vec::new(),
                location,
            };
            Drive::new(state, poll_ok::<R, I::IntoIter, T, E>)
        }),
    }
}

fn poll_ok<R, I, T, E>(state: &mut OkState<R, I, T, E>, cx: &mut Context<'_>) -> Poll<Won<T, E>>
where
    R: Spawn + Timer,
    I: Iterator,
    I::Item: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    while let Some((index, ended)) = ready!(state.poll_next(cx)) {
        let failed = match ended {
            Ok(Ok(value)) => {
                return Poll::Ready(Ok((value, std::mem::take(&mut state.failed))));
            }
            Ok(Err(told)) => told
                .take()
                .map(|error| ChildError::error_of(state.place(index), error, Vec::new())),
            Err(caught) => {
                ChildError::from_join(Origin::Child, index, caught.into_join_error()).ok()
            }
        };
        state.failed.extend(failed);
    }
    let failed = std::mem::take(&mut state.failed);
    Poll::Ready(Err(RaceError::new(failed)))
}

impl<R: Spawn + Timer, I, T, E: Send + 'static> Future for RaceTasksOk<R, I, T, E> {
    type Output = Won<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(cx)
    }
}

impl<R: Spawn + Timer, I, T> fmt::Debug for RaceTasks<R, I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaceTasks")
            .field("scope", &self.run)
            .finish_non_exhaustive()
    }
}

impl<R: Spawn + Timer, I, T, E: Send + 'static> fmt::Debug for RaceTasksOk<R, I, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaceTasksOk")
            .field("scope", &self.run)
            .finish_non_exhaustive()
    }
}
