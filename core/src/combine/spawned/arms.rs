//! Several children of one scope, each of which may panic, looked at in the order in which they end.

use std::convert::Infallible;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use super::catch::{Catch, Caught};
use crate::runtime::{Spawn, Timer};
use crate::scope::{Child, ChildResult, NextEnded, Scope};

/// One child: its value, or what it panicked with.
type Arm<T> = Child<Result<T, Caught>>;

/// The children, by position. Those that have been seen are gone from it.
type List<T> = Arc<Mutex<Vec<Option<Arm<T>>>>>;

fn lock<T>(list: &List<T>) -> MutexGuard<'_, Vec<Option<Arm<T>>>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Arms that are to be spawned.
pub(super) struct Start<R, I, T> {
    scope: Scope<R>,
    futures: I,
    list: List<T>,
    location: &'static Location<'static>,
}

impl<R: Spawn + Timer, I, T> Start<R, I, T> {
    pub(super) fn new(
        scope: Scope<R>,
        futures: I,
        location: &'static Location<'static>,
    ) -> (Self, Arms<R, T>) {
        let list = List::default();
        let arms = Arms {
            next: scope.next_ended(),
            list: Arc::clone(&list),
            seen: Vec::new(),
        };
        let start = Start {
            scope,
            futures,
            list,
            location,
        };
        (start, arms)
    }

    /// Spawns them all.
    pub(super) fn spawn(self)
    where
        I: Iterator,
        I::Item: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let spawn = |future| {
            let arm = Catch::new(future, self.location);
            Some(self.scope.spawn_with().at(self.location).spawn(arm))
        };
        let spawned = self.futures.map(spawn).collect();
        *lock(&self.list) = spawned;
    }
}

/// Arms that have been spawned, or will be before this is first polled.
pub(super) struct Arms<R: Spawn + Timer, T> {
    next: NextEnded<R, Infallible>,
    list: List<T>,
    /// Positions of those that have ended, from the last to the first.
    seen: Vec<usize>,
}

impl<R: Spawn + Timer, T> Arms<R, T> {
    /// The next that has ended; of those that have by now, the first in order. Nothing when all are seen.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(usize, Result<T, Caught>)>> {
        if self.seen.is_empty() {
            while let Poll::Ready(Some(index)) = self.next.poll_next(cx) {
                self.seen.push(index);
            }
            self.seen.sort_unstable_by(|a, b| b.cmp(a));
        }
        let Some(index) = self.seen.pop() else {
            // Not until it says so: it has registered the waker else.
            return self.next.poll_next(cx).map(|_| None);
        };
        let arm = lock(&self.list).get_mut(index).and_then(Option::take);
        let mut result = arm.map(Child::result);
        let ended = result.as_mut().map(|result| poll(result, cx));
        match ended {
            Some(Poll::Ready(ended)) => Poll::Ready(Some((index, ended))),
            Some(Poll::Pending) | None => unreachable!("a child ends once, and has then"),
        }
    }

    pub(super) fn unseen(&self) -> usize {
        lock(&self.list).iter().flatten().count()
    }
}

/// The result of a child that has ended. One that was cancelled counts as a panic without a payload.
fn poll<T>(
    result: &mut ChildResult<Result<T, Caught>>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, Caught>> {
    match ready!(Pin::new(result).poll(cx)) {
        Ok(ended) => Poll::Ready(ended),
        Err(error) => Poll::Ready(Err(Caught::joined(error))),
    }
}
