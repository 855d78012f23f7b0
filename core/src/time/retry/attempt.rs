//! One attempt, and how long it may take.

use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use crate::region::body::Ended;
use crate::region::{Inline, Reason};
use crate::runtime::{Instant, Timer};

/// The attempt had no more time.
pub(super) struct OutOfTime;

const TOO_LONG: Reason = Reason::fixed("the attempt took too long");

/// Runs a future as a region of its own: what it defers runs before the next attempt; and, at a deadline,
/// stops it.
///
/// The future is polled before the clock is looked at, so a value that is there is given.
#[pin_project]
pub(super) struct Attempt<R: Timer, Fut: Future> {
    #[pin]
    region: Inline<Fut>,
    deadline: Option<Instant>,
    #[pin]
    sleep: Option<R::Sleep>,
}

impl<R: Timer, Fut: Future> Attempt<R, Fut> {
    pub(super) fn new(
        future: Fut,
        deadline: Option<Instant>,
        location: &'static Location<'static>,
    ) -> Self {
        Attempt {
            region: Inline::new(future, location),
            deadline,
            sleep: None,
        }
    }

    pub(super) fn poll(
        self: Pin<&mut Self>,
        rt: &R,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Fut::Output, OutOfTime>> {
        let mut this = self.project();
        loop {
            let region = this.region.as_mut().open();
            if let Poll::Ready(ended) = this.region.as_mut().poll_end(cx) {
                return Poll::Ready(match ended {
                    Ended::Value(value) => Ok(value),
                    Ended::Panicked(payload) => resume_unwind(payload),
                    Ended::Cancelled => Err(OutOfTime),
                });
            }
            // Made only now: most attempts need no clock. Where nothing has started, none runs.
            let (Some(deadline), Some(region)) = (*this.deadline, region) else {
                return Poll::Pending;
            };
            if this.sleep.is_none() {
                this.sleep.set(Some(rt.sleep_until(deadline)));
            }
            let sleep = this.sleep.as_mut().as_pin_mut();
            if sleep.is_none_or(|sleep| sleep.poll(cx).is_pending()) {
                return Poll::Pending;
            }
            this.sleep.set(None);
            *this.deadline = None;
            if let Some(region) = region.upgrade() {
                region.region().ask(Some(&TOO_LONG));
            }
        }
    }
}
