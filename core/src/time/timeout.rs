//! A future that is given a limited time: `timeout`, `timeout_at`, `timeout_with`.
//!
//! ```text
//! timeout ── region ── body ─────────────── value ──► Ok(value)
//!              ▲
//!            sleep ── deadline: asked to stop ── body dropped ── clean-ups ──► Err(Elapsed)
//! ```
//!
//! The body is polled first, so a value that is there is given. The sleep is made when the body is first
//! pending: what is ready at once costs one look at the clock.

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project::pin_project;

use super::deadline::{Deadline, Limiting};
use super::elapsed::Elapsed;
use crate::region::contain::Payload;
use crate::region::inline::NoValue;
use crate::region::{Failure, Inline, Reason, report_here};
use crate::runtime::{Instant, Sleep, Timer, after};

const ELAPSED: Reason = Reason::fixed("its time was up");

/// The future of [`Runtime::timeout`](crate::Runtime::timeout),
/// [`timeout_at`](crate::Runtime::timeout_at) and [`timeout_with`](crate::Runtime::timeout_with).
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Timeout<R: Timer, F: Future> {
    #[pin]
    region: Inline<F>,
    /// Made when the body is first pending.
    #[pin]
    sleep: Option<R::Sleep>,
    rt: R,
    /// Nothing for one that has no end.
    deadline: Option<Instant>,
    /// Shared with who moves the deadline, if anybody can.
    shared: Option<Limiting>,
    limit: Option<Duration>,
    fired: bool,
    location: &'static Location<'static>,
}

impl<R: Timer, F: Future> Timeout<R, F> {
    #[track_caller]
    pub(crate) fn after(rt: &R, limit: Duration, future: F) -> Self {
        let mut timeout = Self::at(rt, after(rt.now(), limit), future);
        timeout.limit = Some(limit);
        timeout
    }

    #[track_caller]
    pub(crate) fn at(rt: &R, deadline: Instant, future: F) -> Self {
        Self::maybe(rt, Some(deadline), future, Location::caller())
    }

    /// A region that is stopped at a deadline, if there is one.
    pub(super) fn maybe(
        rt: &R,
        deadline: Option<Instant>,
        future: F,
        location: &'static Location<'static>,
    ) -> Self {
        Timeout {
            region: Inline::until(deadline, future, location),
            sleep: None,
            rt: rt.clone(),
            deadline,
            shared: None,
            limit: None,
            fired: false,
            location,
        }
    }

    #[track_caller]
    pub(crate) fn with(rt: &R, limit: Duration, body: impl FnOnce(Deadline) -> F) -> Self {
        let shared = Deadline::new(after(rt.now(), limit));
        let mut timeout = Self::at(rt, shared.when(), body(shared.clone()));
        timeout.shared = Some(Limiting(shared));
        timeout
    }
}

impl<R: Timer, F: Future> Future for Timeout<R, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        assert!(
            !this.region.has_ended(),
            "a `Timeout` was polled after it was ready"
        );
        loop {
            let fired = *this.fired;
            let ended = this
                .region
                .as_mut()
                .poll_into(cx, |ended, region| match ended {
                    NoValue::Panicked(payload) => Stopped::Panicked(payload),
                    NoValue::Cancelled => Stopped::Cancelled(region.take_failures()),
                });
            let Poll::Ready(ended) = ended else {
                // Once the deadline has passed, it is up to what is inside.
                if fired || !this.region.is_running() {
                    return Poll::Pending;
                }
                let Some(known) = *this.deadline else {
                    return Poll::Pending;
                };
                let shared = this.shared.as_ref();
                let moved = shared.and_then(|shared| shared.0.moved_from(known, cx));
                let deadline = moved.unwrap_or(known);
                if moved.is_some() {
                    *this.deadline = moved;
                    this.region.as_mut().set_deadline(Some(deadline));
                    if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
                        sleep.reset(deadline);
                    }
                }
                if this.sleep.is_none() {
                    this.sleep.set(Some(this.rt.sleep_until(deadline)));
                }
                let sleep = this.sleep.as_mut().as_pin_mut();
                if sleep.is_some_and(|sleep| sleep.poll(cx).is_pending()) {
                    return Poll::Pending;
                }
                // Moved in this very moment: then it has not passed.
                let shared = this.shared.as_ref();
                if shared.is_none_or(|shared| shared.0.fire(deadline)) {
                    *this.fired = true;
                    this.region.as_mut().ask(&ELAPSED);
                }
                continue;
            };
            this.sleep.set(None);
            *this.shared = None;
            return match ended {
                Ok(value) => Poll::Ready(Ok(value)),
                Err(Stopped::Panicked(payload)) => resume_unwind(payload),
                Err(Stopped::Cancelled(failures)) if fired => {
                    Poll::Ready(Err(Elapsed::new(*this.limit, this.location, failures)))
                }
                Err(Stopped::Cancelled(failures)) => {
                    failures.iter().for_each(report_here);
                    panic!(
                        "the timeout at {} was stopped by a request to the task in which it was begun, \
                         and was then polled in another: it has no value there",
                        this.location
                    )
                }
            };
        }
    }
}

/// Why there is no value; the failures are only here where nothing else is left to tell of.
enum Stopped {
    Panicked(Payload),
    Cancelled(Vec<Failure>),
}

impl<R: Timer, F: Future> fmt::Debug for Timeout<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("deadline", &self.deadline)
            .field("fired", &self.fired)
            .field("ready", &self.region.has_ended())
            .finish_non_exhaustive()
    }
}

/// The future of [`Runtime::move_on_after`](crate::Runtime::move_on_after) and
/// [`move_on_at`](crate::Runtime::move_on_at).
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct MoveOn<R: Timer, F: Future> {
    #[pin]
    timeout: Timeout<R, F>,
}

impl<R: Timer, F: Future> MoveOn<R, F> {
    pub(crate) fn new(timeout: Timeout<R, F>) -> Self {
        MoveOn { timeout }
    }
}

impl<R: Timer, F: Future> Future for MoveOn<R, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().timeout.poll(cx).map(|ended| match ended {
            Ok(value) => Some(value),
            Err(elapsed) => {
                elapsed.report();
                None
            }
        })
    }
}

impl<R: Timer, F: Future> fmt::Debug for MoveOn<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MoveOn").field(&self.timeout).finish()
    }
}
