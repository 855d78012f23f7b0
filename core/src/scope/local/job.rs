//! A local child as its scope polls it: a region, and where its outcome goes.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::no_value::NoValue;
use super::slot::{Promise, Slot};
use super::verdict::Verdict;
use crate::region::body::Ended;
use crate::region::contain::message;
use crate::region::inline::Inline;
use crate::scope::child_error::Place;
use crate::scope::{ChildError, Origin};

/// How a value and an error come out of what a body or a child returns.
pub(super) type Split<Out, T, E> = fn(Out) -> Result<T, E>;

#[pin_project]
pub(super) struct Job<F: Future, T, E> {
    #[pin]
    region: Inline<F>,
    // After the region: when the outcome is there, the future is gone.
    promise: Promise<T>,
    verdict: Arc<Verdict<E>>,
    split: Split<F::Output, T, E>,
    index: usize,
    opened: bool,
    location: &'static Location<'static>,
}

impl<F: Future, T, E> Job<F, T, E> {
    pub(super) fn new(
        future: F,
        slot: &Arc<Slot<T>>,
        verdict: &Arc<Verdict<E>>,
        split: Split<F::Output, T, E>,
        index: usize,
    ) -> Self {
        let location = slot.location();
        Job {
            region: Inline::new(future, location),
            promise: Promise::new(slot),
            verdict: Arc::clone(verdict),
            split,
            index,
            opened: false,
            location,
        }
    }
}

impl<F: Future, T, E> Future for Job<F, T, E> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if !*this.opened {
            let Some(member) = this.region.as_mut().open() else {
                return Poll::Pending;
            };
            *this.opened = true;
            if let Some(slot) = this.promise.slot() {
                slot.started(&member);
            }
        }
        let Poll::Ready(ended) = this.region.as_mut().poll_end(cx) else {
            return Poll::Pending;
        };
        let location = *this.location;
        let place = Place {
            origin: Origin::Child,
            index: *this.index,
            name: None,
            location,
        };
        let (outcome, error) = match ended {
            Ended::Value(value) => match (this.split)(value) {
                Ok(value) => (Ok(value), None),
                Err(error) => (
                    Err(NoValue::failed(location)),
                    Some(ChildError::error_of(place, error, Vec::new())),
                ),
            },
            Ended::Panicked(payload) => (
                Err(NoValue::panicked(message(&payload), location)),
                Some(ChildError::panic_of(place, payload, Vec::new())),
            ),
            Ended::Cancelled => {
                let reason = this.region.take_reason();
                (Err(NoValue::cancelled(reason, location)), None)
            }
        };
        // The verdict first: who awaits this child must find the request.
        if let Some(error) = error {
            this.verdict.fail(error);
        }
        this.promise.keep(outcome);
        Poll::Ready(())
    }
}
