//! Waiting for what happens in a scope.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use super::shared::Shared;
use crate::region::{Region, is_in_child_of, is_inside};
use crate::runtime::{Spawn, Timer, after};

/// What to wait for in a scope: see [`Scope::wait`](crate::Scope::wait).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitFor {
    /// No child lives.
    All,
    /// A child has ended, however it did; or none lives.
    FirstDone,
    /// A child has failed, or panicked; or none lives. One that was cancelled has not failed.
    FirstError,
}

/// What a future of this file waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    Public(WaitFor),
    /// Fewer children live than this.
    FewerThan(usize),
    /// The scope is over.
    Closed,
}

/// The future of [`Scope::wait`](crate::Scope::wait) and [`TryScope::close`](crate::TryScope::close).
///
/// Cancel safe: it only looks. Polled again after it was ready, it looks again.
#[must_use = "nothing waits unless this is awaited"]
pub struct ScopeWait<R: Timer, E> {
    scope: Arc<Shared<R, E>>,
    goal: Goal,
    key: Option<usize>,
    within: Option<Duration>,
    sleep: Option<Pin<Box<R::Sleep>>>,
}

impl<R: Timer, E> ScopeWait<R, E> {
    pub(super) fn new(scope: &Arc<Shared<R, E>>, goal: Goal) -> Self {
        ScopeWait {
            scope: Arc::clone(scope),
            goal,
            key: None,
            within: None,
            sleep: None,
        }
    }

    /// Waits no longer than this, counted from the first poll. It cancels nobody.
    pub fn within(mut self, duration: Duration) -> Self {
        self.within = Some(duration);
        self
    }
}

impl<R: Spawn + Timer, E: Send + 'static> ScopeWait<R, E> {
    fn is_reached(&self) -> bool {
        let live = self.scope.live();
        match self.goal {
            Goal::Public(WaitFor::All) => live == 0,
            Goal::Public(WaitFor::FirstDone) => live == 0 || self.scope.done() > 0,
            Goal::Public(WaitFor::FirstError) => live == 0 || self.scope.failed() > 0,
            Goal::FewerThan(most) => live < most,
            Goal::Closed => live == 0 && self.scope.region.is_done(),
        }
    }
}

impl<R: Spawn + Timer, E: Send + 'static> Future for ScopeWait<R, E> {
    type Output = Result<(), WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.is_reached() {
            this.scope.waiters.forget(&mut this.key);
            return Poll::Ready(Ok(()));
        }
        let scope = &this.scope.region;
        let oneself = match this.goal {
            Goal::Public(WaitFor::All) => is_in_child_of(scope),
            Goal::Closed => is_inside(scope),
            Goal::Public(_) | Goal::FewerThan(_) => false,
        };
        if oneself {
            return Poll::Ready(Err(WaitError::oneself(scope)));
        }
        this.scope.waiters.register(&mut this.key, cx.waker());
        if this.is_reached() {
            this.scope.waiters.forget(&mut this.key);
            return Poll::Ready(Ok(()));
        }
        if let Some(within) = this.within {
            let rt = &this.scope.rt;
            let sleep = this
                .sleep
                .get_or_insert_with(|| Box::pin(rt.sleep_until(after(rt.now(), within))));
            if sleep.as_mut().poll(cx).is_ready() {
                this.sleep = None;
                this.scope.waiters.forget(&mut this.key);
                return Poll::Ready(Err(WaitError::elapsed(&this.scope.region)));
            }
        }
        Poll::Pending
    }
}

impl<R: Timer, E> Drop for ScopeWait<R, E> {
    fn drop(&mut self) {
        self.scope.waiters.forget(&mut self.key);
    }
}

impl<R: Timer, E> fmt::Debug for ScopeWait<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeWait")
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

/// The future of [`Scope::next`](crate::Scope::next).
///
/// Cancel safe: dropping it takes no child's end away.
#[must_use = "nothing waits unless this is awaited"]
pub struct NextChild<R: Timer, E> {
    scope: Arc<Shared<R, E>>,
    key: Option<usize>,
}

impl<R: Timer, E> NextChild<R, E> {
    pub(super) fn new(scope: &Arc<Shared<R, E>>) -> Self {
        NextChild {
            scope: Arc::clone(scope),
            key: None,
        }
    }
}

impl<R: Spawn + Timer, E: Send + 'static> Future for NextChild<R, E> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let NextChild { scope, key } = &mut *self;
        for registered in [false, true] {
            // Who is not alive any more is counted as done before.
            let live = scope.live();
            let seen = scope.seen.load(Ordering::Relaxed);
            if scope.done() > seen {
                let took = scope.seen.compare_exchange(
                    seen,
                    seen + 1,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                );
                if took.is_ok() {
                    scope.waiters.forget(key);
                    return Poll::Ready(true);
                }
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if live == 0 {
                scope.waiters.forget(key);
                return Poll::Ready(false);
            }
            if !registered {
                scope.waiters.register(key, cx.waker());
            }
        }
        Poll::Pending
    }
}

impl<R: Timer, E> Drop for NextChild<R, E> {
    fn drop(&mut self) {
        self.scope.waiters.forget(&mut self.key);
    }
}

impl<R: Timer, E> fmt::Debug for NextChild<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextChild").finish_non_exhaustive()
    }
}

/// The children in the order of their ends.
pub(crate) struct NextEnded<R, E> {
    scope: Arc<Shared<R, E>>,
    key: Option<usize>,
}

impl<R: Spawn + Timer, E: Send + 'static> NextEnded<R, E> {
    pub(super) fn new(scope: &Arc<Shared<R, E>>) -> Self {
        NextEnded {
            scope: Arc::clone(scope),
            key: None,
        }
    }

    /// The index of the next that has ended; nothing when none is left.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        for registered in [false, true] {
            // Who is not alive any more is in the list before.
            let live = self.scope.live();
            let ended = self.scope.next_ended();
            if ended.is_some() || live == 0 {
                self.scope.waiters.forget(&mut self.key);
                return Poll::Ready(ended);
            }
            if !registered {
                self.scope.waiters.register(&mut self.key, cx.waker());
            }
        }
        Poll::Pending
    }
}

impl<R, E> Drop for NextEnded<R, E> {
    fn drop(&mut self) {
        self.scope.waiters.forget(&mut self.key);
    }
}

/// Why a wait for a scope ended early.
///
/// # Examples
///
/// ```
/// use anyrt::{WaitFor, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// owner.block_on(owner.handle().scope(async |s| {
///     let child = s.spawn({
///         let s = s.clone();
///         async move { s.wait(WaitFor::All).await.unwrap_err() }
///     });
///     assert!(child.await.is_oneself(), "it would wait for itself");
/// }));
/// ```
#[derive(Debug)]
pub struct WaitError {
    elapsed: bool,
    waits_in: String,
    scope: String,
}

impl WaitError {
    fn elapsed(scope: &Region) -> Self {
        WaitError {
            elapsed: true,
            waits_in: String::new(),
            scope: named(scope, "scope", "opened"),
        }
    }

    fn oneself(scope: &Region) -> Self {
        let here = crate::region::frame::current();
        WaitError {
            elapsed: false,
            waits_in: here.map_or_else(String::new, |here| named(here.region(), "code", "started")),
            scope: named(scope, "scope", "opened"),
        }
    }

    /// Returns whether the time was up.
    pub fn is_elapsed(&self) -> bool {
        self.elapsed
    }

    /// Returns whether the code that waits is part of what it waits for.
    pub fn is_oneself(&self) -> bool {
        !self.elapsed
    }
}

fn named(region: &Region, what: &str, verb: &str) -> String {
    let location: &Location<'_> = region.location();
    match region.name() {
        Some(name) => format!("{what} `{name}` ({verb} at {location})"),
        None => format!("the {what} {verb} at {location}"),
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.elapsed {
            true => write!(f, "{} is not there yet, and the time is up", self.scope),
            false => write!(
                f,
                "{} would wait for itself: it runs in {}",
                self.waits_in, self.scope
            ),
        }
    }
}

impl Error for WaitError {}
