//! One arm of a combinator: a future in a region of its own, and its end until somebody takes it.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::policy::How;
use crate::region::inline::NoValue;
use crate::region::{Failure, Inline, Phase, Reason, report_here};
use crate::task::{JoinError, JoinKind, JoinParts};

/// A future in a region of its own, that is asked to stop when the others have decided.
#[pin_project]
pub(super) struct Arm<F: Future> {
    #[pin]
    region: Inline<Body<F>>,
    opened: bool,
    asked: bool,
    end: Kept<F::Output>,
}

impl<F: Future> Arm<F> {
    /// An arm all of whose values are alike.
    pub(super) fn plain(future: F, at: &'static Location<'static>) -> Self {
        Self::new(future, |_| false, at)
    }

    fn new(future: F, is_error: fn(&F::Output) -> bool, at: &'static Location<'static>) -> Self {
        let body = Body {
            future,
            is_error,
            late: false,
        };
        Arm {
            region: Inline::new(body, at),
            opened: false,
            asked: false,
            end: Kept(None),
        }
    }

    /// Polls the arm, and asks it to stop before if there is a reason. Says how it ended, once.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        stop: Option<&Reason>,
        cx: &mut Context<'_>,
    ) -> Option<How> {
        let mut this = self.project();
        if this.region.has_ended() {
            return None;
        }
        if !*this.opened {
            *this.opened = this.region.as_mut().start();
        }
        if let Some(reason) = stop.filter(|_| *this.opened && !*this.asked) {
            *this.asked = true;
            if let Some(body) = this.region.as_mut().body() {
                *body.project().late = true;
            }
            this.region.as_mut().ask(reason);
        }
        let asked = *this.asked;
        let polled = this.region.poll_into(cx, |ended, region| match ended {
            NoValue::Panicked(payload) => Some(Err(JoinError::panicked(region, payload))),
            NoValue::Cancelled if asked => None,
            NoValue::Cancelled => Some(Err(JoinError::cancelled(region))),
        });
        let ended = match polled {
            Poll::Pending => return None,
            Poll::Ready(Ok(value)) => value.map(Ok),
            Poll::Ready(Err(ended)) => ended,
        };
        let how = match &ended {
            Some(Ok((_, how))) => *how,
            Some(Err(_)) => How::Panic,
            None => How::Stopped,
        };
        this.end.0 = ended.map(|ended| ended.map(|(value, _)| value));
        Some(how)
    }

    pub(super) fn take_end(self: Pin<&mut Self>) -> Kept<F::Output> {
        Kept(self.project().end.0.take())
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Arm<F> {
    /// An arm whose value may be an error.
    pub(super) fn fallible(future: F, at: &'static Location<'static>) -> Self {
        Self::new(future, Result::is_err, at)
    }
}

/// The future of an arm; its value, unless that came too late.
#[pin_project]
struct Body<F: Future> {
    #[pin]
    future: F,
    is_error: fn(&F::Output) -> bool,
    late: bool,
}

impl<F: Future> Future for Body<F> {
    type Output = Option<(F::Output, How)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let value = ready!(this.future.poll(cx));
        let how = match (this.is_error)(&value) {
            true => How::Error,
            false => How::Value,
        };
        // Dropped here, inside the region: its destructor may still defer a clean-up that we wait for.
        Poll::Ready((!*this.late || how == How::Error).then_some((value, how)))
    }
}

/// How an arm ended, until somebody takes it. A panic that nobody takes is reported.
pub struct Kept<T>(Option<Result<T, JoinError>>);

impl<T> Kept<T> {
    pub(super) fn take(&mut self) -> Option<Result<T, JoinError>> {
        self.0.take()
    }

    /// The value of an arm of which it is known that it has one.
    pub(super) fn value(mut self) -> T {
        match self.take() {
            Some(Ok(value)) => value,
            Some(Err(error)) => error.resume_unwind(),
            None => unreachable!("an arm that nobody stopped has an end"),
        }
    }

    /// The outcome of an arm that nobody stopped.
    pub(super) fn outcome(mut self) -> Result<T, JoinError> {
        let end = self.take();
        end.expect("an arm that nobody stopped has an end")
    }

    /// Takes the end where there is neither a value nor an error.
    pub(super) fn take_panic(&mut self) -> Option<JoinError> {
        self.take_if(|_| false)?.err()
    }

    /// Takes the end unless it is a value that is no failure.
    fn take_if(&mut self, is_failure: impl FnOnce(&T) -> bool) -> Option<Result<T, JoinError>> {
        match &self.0 {
            Some(Ok(value)) if !is_failure(value) => None,
            _ => self.take(),
        }
    }
}

impl<T, E> Kept<Result<T, E>> {
    /// The value of an arm of which it is known that it has not failed.
    pub(super) fn ok(self) -> T {
        match self.value() {
            Ok(value) => value,
            Err(_) => unreachable!("an arm that failed was taken for one that did not"),
        }
    }

    /// Takes the end where it is a failure.
    pub(super) fn take_failure(&mut self) -> Option<Result<E, JoinError>> {
        match self.take_if(Result::is_err)? {
            Ok(value) => value.err().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.take() {
            report_unseen(error);
        }
    }
}

/// Reports an end that nobody receives: only panics and other failures are worth it.
pub(crate) fn report_unseen(error: JoinError) {
    let JoinParts {
        kind,
        name,
        location,
        failures,
    } = error.into_repr();
    if let JoinKind::Panicked(payload) = kind {
        let payload = payload
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        report_here(&Failure::new(Phase::Body, name, location, Some(payload)));
    }
    failures.iter().for_each(report_here);
}
