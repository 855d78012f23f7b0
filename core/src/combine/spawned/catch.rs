//! A future whose panic is a value.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use crate::region::contain::{Payload, contain};
use crate::region::failure::report;
use crate::region::{Failure, Phase, Region};
use crate::task::JoinError;

/// Runs a future, and gives its panic, or that of its destructor, as a value.
#[pin_project]
pub(super) struct Catch<F> {
    #[pin]
    future: Option<F>,
    location: &'static Location<'static>,
}

impl<F> Catch<F> {
    pub(super) fn new(future: F, location: &'static Location<'static>) -> Self {
        Catch {
            future: Some(future),
            location,
        }
    }
}

impl<F: Future> Future for Catch<F> {
    type Output = Result<F::Output, Caught>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = contain(|| match this.future.as_mut().as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        });
        let output = match polled {
            Ok(polled) => Ok(ready!(polled)),
            Err(payload) => Err(payload),
        };
        let dropped = contain(|| this.future.set(None));
        let outcome = match (output, dropped) {
            (Ok(value), Ok(())) => Ok(value),
            (Err(payload), Ok(())) => Err(Caught::new(payload, this.location)),
            (Ok(value), Err(payload)) => {
                let dropped = contain(|| drop(value)).err();
                drop(dropped.map(|payload| Caught::new(payload, this.location)));
                Err(Caught::new(payload, this.location))
            }
            (Err(payload), Err(second)) => {
                drop(Caught::new(second, this.location));
                Err(Caught::new(payload, this.location))
            }
        };
        Poll::Ready(outcome)
    }
}

/// A panic that was caught. Dropped without being taken, it is reported: it has no other receiver.
pub(super) struct Caught {
    payload: Option<Payload>,
    /// There instead of a payload, where the task did not panic: it was stopped, or lost.
    joined: Option<JoinError>,
    location: &'static Location<'static>,
}

impl Caught {
    fn new(payload: Payload, location: &'static Location<'static>) -> Self {
        Caught {
            payload: Some(payload),
            joined: None,
            location,
        }
    }

    pub(super) fn joined(error: JoinError) -> Self {
        Caught {
            payload: None,
            location: error.location(),
            joined: Some(error),
        }
    }

    /// As the error of a task.
    pub(super) fn into_join_error(mut self) -> JoinError {
        let region = Region::new(self.location, 0);
        match (self.payload.take(), self.joined.take()) {
            (Some(payload), _) => JoinError::panicked(&region, payload),
            (None, Some(error)) => error,
            (None, None) => JoinError::lost(&region),
        }
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        if let Some(payload) = self.payload.take() {
            let failure = Failure::new(Phase::Body, None, self.location, Some(payload));
            report(&failure);
        }
    }
}
