//! How a scope runs: its body, in the region that its children are asked through, and its end.

use std::any::Any;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project::{pin_project, pinned_drop};

use super::child_error::{ChildError, Origin, Place};
use super::error_group::ErrorGroup;
use super::scope_error::{ScopeError, Stop};
use super::shared::{Shared, Teller, why};
use crate::region::body::Ended;
use crate::region::contain::{Payload, contain, drop_contained};
use crate::region::failure::report;
use crate::region::{
    CancelToken, Failure, Inline, Masks, Member, OnCancel, Phase, ShieldHold, frame,
};
use crate::runtime::{Spawn, Timer, after};

/// Looks at what a body gave: gives it back, or gives its error to the scope, which is a [`Shared`].
pub(super) type Sort<O> = fn(&dyn Any, O) -> Option<O>;

/// The body of a scope.
///
/// It names neither the error of the scope nor the value of the body: with the lifetimes in those types, a
/// scope that borrows could not be spawned, as the compiler forgets how the lifetimes in an async block
/// belong together.
#[pin_project(PinnedDrop)]
struct Body<Fut: Future> {
    scope: Arc<dyn Member>,
    cancel_on_exit: bool,
    sort: Sort<Fut::Output>,
    #[pin]
    future: Option<Fut>,
}

impl<Fut: Future> Future for Body<Fut> {
    /// Nothing where the body failed: its error is the scope's.
    type Output = Option<Fut::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let region = this.scope.region();
        let polled = contain(|| match this.future.as_mut().as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        });
        let output = match polled {
            Ok(polled) => ready!(polled),
            Err(payload) => {
                // Not only once it is out of here: that is when the children are gone.
                region.ask(Some(&why::BODY_FAILED));
                resume_unwind(payload)
            }
        };
        let value = match this.scope.as_any() {
            Some(scope) => (this.sort)(scope, output),
            None => Some(output),
        };
        if *this.cancel_on_exit {
            region.ask(Some(&why::BODY_ENDED));
        }
        Poll::Ready(value)
    }
}

#[pinned_drop]
impl<Fut: Future> PinnedDrop for Body<Fut> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        if let Err(payload) = contain(|| this.future.set(None)) {
            this.scope.region().ask(Some(&why::BODY_FAILED));
            match std::thread::panicking() {
                true => this.scope.region().fail(Phase::Destructor, payload),
                false => resume_unwind(payload),
            }
        }
    }
}

/// What only some scopes have.
pub(super) struct Extras<R: Timer> {
    pub(super) within: Option<Duration>,
    pub(super) token: Option<CancelToken>,
    pub(super) shield: Option<ShieldHold>,
    sleep: Option<Pin<Box<R::Sleep>>>,
    asks: Option<OnCancel>,
}

impl<R: Timer> Default for Extras<R> {
    fn default() -> Self {
        Extras {
            within: None,
            token: None,
            shield: None,
            sleep: None,
            asks: None,
        }
    }
}

/// The end of a scope: all its parts.
pub(super) struct End<T, E> {
    pub(super) value: Option<T>,
    pub(super) stop: Option<Stop>,
    pub(super) errors: Option<ErrorGroup<E>>,
    pub(super) failures: Vec<Failure>,
}

/// The error of a body, which is the scope's.
pub(super) fn tell_of_body<R, E>(scope: &Shared<R, E>, error: E)
where
    R: Spawn + Timer,
    E: Send + 'static,
{
    let place = Place {
        origin: Origin::Body,
        index: 0,
        name: scope.region.name(),
        location: scope.region.location(),
    };
    scope.tell(ChildError::error_of(place, error, Vec::new()), Teller::Body);
}

/// A scope that runs. It is polled in the region around, and opens its own in it.
#[pin_project(PinnedDrop)]
pub(super) struct Run<R, E, Fut>
where
    R: Spawn + Timer,
    E: Send + 'static,
    Fut: Future,
{
    scope: Arc<Shared<R, E>>,
    #[pin]
    region: Inline<Body<Fut>>,
    extras: Option<Box<Extras<R>>>,
    stage: Stage,
    /// Dropped after the region: it is over only then.
    over: WakesWaiters<R, E>,
}

/// Tells those who wait for the scope to be over that they may look.
struct WakesWaiters<R: Spawn + Timer, E: Send + 'static>(Arc<Shared<R, E>>);

impl<R: Spawn + Timer, E: Send + 'static> Drop for WakesWaiters<R, E> {
    fn drop(&mut self) {
        self.0.waiters.wake();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Open,
    Ended,
}

impl<R, E, Fut> Run<R, E, Fut>
where
    R: Spawn + Timer,
    E: Send + 'static,
    Fut: Future,
{
    pub(super) fn new(
        scope: Arc<Shared<R, E>>,
        sort: Sort<Fut::Output>,
        future: Fut,
        extras: Option<Box<Extras<R>>>,
    ) -> Self {
        let body = Body {
            scope: scope.clone(),
            cancel_on_exit: scope.rules.cancel_on_exit,
            sort,
            future: Some(future),
        };
        Run {
            region: Inline::of(scope.clone(), body),
            over: WakesWaiters(scope.clone()),
            scope,
            extras,
            stage: Stage::New,
        }
    }

    pub(super) fn scope(&self) -> &Shared<R, E> {
        &self.scope
    }

    /// Runs the scope to its end: the body, and all children with their clean-ups.
    ///
    /// # Panics
    ///
    /// With the panic of the body, and when it is polled again after it was ready.
    pub(super) fn poll_end(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<End<Fut::Output, E>> {
        let mut this = self.project();
        assert!(
            *this.stage != Stage::Ended,
            "a scope was polled after it was ready"
        );
        if *this.stage == Stage::New {
            if frame::is_stopping() {
                return Poll::Pending;
            }
            *this.stage = Stage::Open;
            if let Some(extras) = this.extras {
                if let Some(shield) = &extras.shield {
                    shield.here();
                }
                extras.start(this.scope);
            }
        }
        let ended = {
            let shield = this
                .extras
                .as_ref()
                .and_then(|extras| extras.shield.as_ref());
            let _masked = shield.map(|shield| {
                shield.here();
                Masks::one_more()
            });
            let _ = this.region.as_mut().open();
            loop {
                if let Poll::Ready(ended) = this.region.as_mut().poll_end(cx) {
                    break ended;
                }
                if this.region.is_stopped_from_outside() {
                    this.scope.give_errors();
                    return Poll::Pending;
                }
                // Children that wait for their turn are told by us: they are in no list.
                if let Some(limit) = this.scope.limit.as_ref().filter(|_| this.scope.is_asked()) {
                    limit.start_next(this.scope);
                }
                // The body first: a value that is there is given.
                let extras = this.extras.as_mut().filter(|_| !this.scope.is_asked());
                match extras.is_some_and(|extras| extras.poll_elapsed(cx)) {
                    true => this.scope.stop(Stop::Elapsed),
                    false => return Poll::Pending,
                }
            }
        };
        let scope = &**this.scope;
        let (value, panic) = match ended {
            Ended::Value(value) => (value, None),
            Ended::Cancelled => (None, None),
            Ended::Panicked(payload) => (None, Some(payload)),
        };
        // A value, but of a scope whose children were stopped by who stops us as well.
        // Those that the end of the body stopped are no loss: unless somebody else had asked before.
        let by_exit = scope.rules.cancel_on_exit && scope.reason() == Some(why::BODY_ENDED);
        let cut = scope.is_cut() && !by_exit;
        if panic.is_none()
            && (cut || scope.has_errors())
            && this.region.as_mut().stop_from_outside()
        {
            scope.give_errors();
            return Poll::Pending;
        }
        *this.stage = Stage::Ended;
        *this.extras = None;
        scope.waiters.wake();
        if let Some(payload) = panic {
            scope.give_errors();
            resume_unwind(payload);
        }
        let errors = scope.take_errors();
        let stopped = value.is_none() || cut;
        let stop = match scope.take_stop() {
            Some(stop) if stopped => Some(stop),
            _ if stopped && errors.is_none() => Some(Stop::Cancelled(scope.reason())),
            _ => None,
        };
        let value = match stop.is_none() && errors.is_none() {
            true => value,
            false => {
                if let Err(payload) = drop_contained(value) {
                    scope.region.fail(Phase::Destructor, payload);
                }
                None
            }
        };
        Poll::Ready(End {
            value,
            stop,
            errors,
            failures: scope.region.take_failures(),
        })
    }
}

impl<R: Spawn + Timer> Extras<R> {
    /// Starts the clock, and listens to the token.
    fn start<E: Send + 'static>(&mut self, scope: &Arc<Shared<R, E>>) {
        if let Some(within) = self.within {
            let deadline = after(scope.rt.now(), within);
            scope.region.set_deadline(Some(deadline));
            self.sleep = Some(Box::pin(scope.rt.sleep_until(deadline)));
        }
        if let Some(token) = &self.token {
            let scope = Arc::downgrade(scope);
            self.asks = Some(token.on_cancel(move |reason| {
                if let Some(scope) = scope.upgrade() {
                    scope.stop(Stop::Cancelled(Some(reason.clone())));
                }
            }));
        }
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> bool {
        let sleep = self.sleep.as_mut();
        let elapsed = sleep.is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready());
        if elapsed {
            self.sleep = None;
        }
        elapsed
    }
}

#[pinned_drop]
impl<R, E, Fut> PinnedDrop for Run<R, E, Fut>
where
    R: Spawn + Timer,
    E: Send + 'static,
    Fut: Future,
{
    fn drop(self: Pin<&mut Self>) {
        // Also one that was never polled: the closure may have spawned.
        if self.stage != Stage::Ended {
            self.scope.region.ask(Some(&why::DROPPED));
            if let Some(limit) = &self.scope.limit {
                limit.start_next(&self.scope);
            }
        }
    }
}

impl<T, E: Send + 'static> End<T, E> {
    pub(super) fn map<U>(self, f: impl FnOnce(T) -> Option<U>) -> End<U, E> {
        End {
            value: self.value.and_then(f),
            stop: self.stop,
            errors: self.errors,
            failures: self.failures,
        }
    }

    /// As the result of a scope that may fail.
    pub(super) fn into_result<R: Spawn + Timer>(
        self,
        scope: &Shared<R, E>,
    ) -> Result<T, ScopeError<E>> {
        let location = scope.region.location();
        let error = match (self.stop, self.errors, self.value) {
            (None, None, Some(value)) => {
                self.failures.iter().for_each(report);
                return Ok(value);
            }
            (None, Some(errors), _) => ScopeError::failed(errors),
            (Some(stop), errors, _) => ScopeError::stopped(stop, errors, location),
            (None, None, None) => ScopeError::stopped(Stop::Cancelled(None), None, location),
        };
        Err(error
            .of_scope(scope.region.name(), location)
            .beside(self.failures))
    }

    /// As the value of a scope that cannot fail: a panic of a child goes on here.
    pub(super) fn into_value<R: Spawn + Timer>(self, scope: &Shared<R, E>) -> T {
        self.failures.iter().for_each(report);
        let mut panic: Option<Payload> = None;
        let mut text = None;
        for error in self.errors.into_iter().flatten() {
            if panic.is_some() || text.is_some() {
                error.into_failures().iter().for_each(report);
                continue;
            }
            match error.into_panic() {
                Ok(payload) => panic = Some(payload),
                Err(lost) => text = Some(lost.describe_loss()),
            }
        }
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        match (text, self.value) {
            (Some(text), _) => panic!("a scope has no value: {text}"),
            (None, Some(value)) => value,
            (None, None) => {
                let location = scope.region.location();
                panic!("the scope opened at {location} was cancelled: it has no value")
            }
        }
    }
}
