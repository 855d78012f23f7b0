//! All of several, each in a task of its own.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::catch::{Catch, Caught};
use super::map::{Map, map};
use crate::runtime::{Spawn, Timer};
use crate::task::JoinError;

/// The futures of an iterator, each so that its panic is a value.
pub(super) struct Catching<I> {
    futures: I,
    location: &'static Location<'static>,
}

impl<I> Iterator for Catching<I>
where
    I: Iterator<Item: Future>,
{
    type Item = JoinLike<I::Item>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(catching(self.futures.next()?, self.location))
    }
}

/// A future whose panic is what a task's would be.
#[pin_project]
pub(crate) struct JoinLike<F> {
    #[pin]
    catch: Catch<F>,
}

pub(crate) fn catching<F: Future>(future: F, at: &'static Location<'static>) -> JoinLike<F> {
    JoinLike {
        catch: Catch::new(future, at),
    }
}

impl<F: Future> Future for JoinLike<F> {
    type Output = Result<F::Output, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let caught = ready!(self.project().catch.poll(cx));
        Poll::Ready(caught.map_err(Caught::into_join_error))
    }
}

/// Gives a future as it is.
pub(super) type Same<F> = fn(F) -> F;

/// The future of [`Runtime::gather_all`](crate::Runtime::gather_all).
///
/// Dropping it asks the children to stop; the task around it waits for them.
///
/// # Panics
///
/// When it is polled again after it was ready.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct GatherTasks<R: Spawn + Timer, I, F, T> {
    #[pin]
    run: Map<R, Catching<I>, Same<JoinLike<F>>, Result<T, JoinError>>,
}

#[track_caller]
pub(crate) fn gather_all<R, I, F>(rt: &R, futures: I) -> GatherTasks<R, I::IntoIter, F, F::Output>
where
    R: Spawn + Timer,
    I: IntoIterator<Item = F>,
    F: Future<Output: Send> + Send + 'static,
{
    let catching = Catching {
        futures: futures.into_iter(),
        location: Location::caller(),
    };
    GatherTasks {
        run: map(
            rt,
            catching,
            usize::MAX,
            (|future| future) as Same<JoinLike<F>>,
        ),
    }
}

impl<R: Spawn + Timer, I, F, T> Future for GatherTasks<R, I, F, T> {
    type Output = Vec<Result<T, JoinError>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(cx)
    }
}

impl<R: Spawn + Timer, I, F, T> fmt::Debug for GatherTasks<R, I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherTasks")
            .field("scope", &self.run)
            .finish_non_exhaustive()
    }
}
