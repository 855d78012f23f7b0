//! Spawning a child once there is room for it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;

use super::child::Child;
use super::in_scope::{Birth, spawn};
use super::limit::Limit;
use super::outcome::Judge;
use super::shared::Shared;
use crate::runtime::{Spawn, Timer};

/// The future of [`Scope::spawn_when_free`](crate::Scope::spawn_when_free).
///
/// Cancel safe: dropped before it is ready, it has spawned nothing.
#[must_use = "nothing is spawned unless this is awaited"]
pub struct SpawnWhenFree<T> {
    /// In a tuple, as a future of a future looks like a mistake.
    spawns: BoxFuture<'static, (Child<T>,)>,
}

impl<T> SpawnWhenFree<T> {
    pub(super) fn new<J, R, E, F>(scope: &Arc<Shared<R, E>>, birth: Birth, future: F) -> Self
    where
        R: Spawn + Timer,
        E: Send + 'static,
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        J: Judge<F::Output, E, Value = T>,
        T: Send + 'static,
    {
        let scope = Arc::clone(scope);
        let spawns = async move {
            let mut waiting = Waiting { scope, key: None };
            poll_fn(|cx| waiting.poll_free(cx)).await;
            spawn::<J, _, _, _>(&waiting.scope, birth, future)
                .map_or_else(|refused| (refused.child,), |child| (child,))
        };
        SpawnWhenFree {
            spawns: Box::pin(spawns),
        }
    }
}

struct Waiting<R, E> {
    scope: Arc<Shared<R, E>>,
    key: Option<usize>,
}

impl<R: Spawn + Timer, E: Send + 'static> Waiting<R, E> {
    fn is_free(&self) -> bool {
        let limit = self.scope.limit.as_ref();
        limit.is_none_or(Limit::is_free) || self.scope.is_asked()
    }

    fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_free() {
            self.scope.waiters.register(&mut self.key, cx.waker());
            if !self.is_free() {
                return Poll::Pending;
            }
        }
        self.scope.waiters.forget(&mut self.key);
        Poll::Ready(())
    }
}

impl<R, E> Drop for Waiting<R, E> {
    fn drop(&mut self) {
        self.scope.waiters.forget(&mut self.key);
    }
}

impl<T> Future for SpawnWhenFree<T> {
    type Output = Child<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Child<T>> {
        let (child,) = ready!(self.spawns.as_mut().poll(cx));
        Poll::Ready(child)
    }
}

impl<T> fmt::Debug for SpawnWhenFree<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnWhenFree").finish_non_exhaustive()
    }
}
