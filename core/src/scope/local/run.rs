//! The future of a local scope: its region, and what comes of its failures.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::driver::{Driver, place_of_body};
use super::job::Split;
use super::shared::Shared;
use super::verdict::{Unsaid, Verdict};
use crate::region::body::Ended;
use crate::region::contain::drop_contained;
use crate::region::failure::report;
use crate::region::inline::Inline;
use crate::region::{Failure, Phase, Reason};
use crate::scope::scope_error::Stop;
use crate::scope::{ChildError, ErrorGroup, ScopeError};

/// How a scope ended.
pub(super) enum End<T, E> {
    Value(T),
    Failed(ErrorGroup<E>, Arc<Verdict<E>>, &'static Location<'static>),
    /// By a request to the task that it was begun in.
    Stopped(Option<Reason>, &'static Location<'static>),
}

/// The first panic goes on, and the others go where failures go.
pub(super) fn value_or_panic<T>(end: End<T, Infallible>) -> T {
    match end {
        End::Value(value) => value,
        End::Failed(group, verdict, _) => {
            let mut panics = group.into_iter();
            let first = panics.next().map(ChildError::into_panic);
            verdict.pass_on(panics);
            match first {
                Some(Ok(payload)) => resume_unwind(payload),
                _ => unreachable!("nothing fails here but by a panic"),
            }
        }
        End::Stopped(_, location) => panic!(
            "the local scope opened at {location} was stopped by a request to the task in which it was \
             begun, and was then polled in another: it has no value there"
        ),
    }
}

pub(super) fn value_or_error<T, E>(end: End<T, E>) -> Result<T, ScopeError<E>> {
    match end {
        End::Value(value) => Ok(value),
        End::Failed(group, _, location) => Err(ScopeError::failed(group).of_scope(None, location)),
        End::Stopped(reason, location) => {
            let stop = Stop::Cancelled(reason);
            Err(ScopeError::stopped(stop, None, location))
        }
    }
}

/// The future of [`local_scope`](crate::local_scope) and its kin.
///
/// What is related by a trait elsewhere is so by two functions here: whether a future is `Send` is asked
/// with every lifetime apart from every other, and a trait that relates two would not be implemented.
#[pin_project]
pub(super) struct InScope<B, T, E, J, Out>
where
    B: Future,
    J: Future<Output = ()> + Unpin,
{
    #[pin]
    region: Inline<Driver<B, T, E, J>>,
    opened: bool,
    // After the region, whose end may fail too.
    unsaid: Unsaid<E>,
    shared: Arc<Shared<J, E>>,
    end: fn(End<T, E>) -> Out,
}

impl<B, T, E, J, Out> InScope<B, T, E, J, Out>
where
    B: Future,
    J: Future<Output = ()> + Unpin,
{
    pub(super) fn new(
        body: B,
        split: Split<B::Output, T, E>,
        shared: Arc<Shared<J, E>>,
        end: fn(End<T, E>) -> Out,
    ) -> Self {
        let driver = Driver::new(body, split, Arc::clone(&shared));
        InScope {
            region: Inline::new(driver, shared.location),
            opened: false,
            unsaid: Unsaid(Arc::clone(&shared.verdict)),
            shared,
            end,
        }
    }
}

impl<B, T, E, J, Out> Future for InScope<B, T, E, J, Out>
where
    B: Future,
    J: Future<Output = ()> + Unpin,
{
    type Output = Out;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Out> {
        let mut this = self.project();
        assert!(
            !this.region.has_ended(),
            "a local scope was polled after it was ready"
        );
        let verdict = &this.shared.verdict;
        if !*this.opened {
            let Some(region) = this.region.as_mut().open() else {
                return Poll::Pending;
            };
            verdict.opened(region);
            *this.opened = true;
        }
        let Poll::Ready(ended) = this.region.as_mut().poll_end(cx) else {
            return Poll::Pending;
        };
        let location = this.shared.location;
        let mut group = verdict.take();
        let value = match ended {
            Ended::Value(value) => value,
            Ended::Cancelled => None,
            Ended::Panicked(payload) => {
                let late = ChildError::panic_of(place_of_body(this.shared), payload, Vec::new());
                match &mut group {
                    Some(group) => drop(group.keep(late, usize::MAX)),
                    none => *none = Some(ErrorGroup::new(late)),
                }
                None
            }
        };
        let end = match (group, value) {
            (None, Some(value)) => End::Value(value),
            (None, None) => End::Stopped(this.region.take_reason(), location),
            (Some(group), value) => {
                if let Err(payload) = drop_contained(value) {
                    report(&Failure::new(
                        Phase::Destructor,
                        None,
                        location,
                        Some(payload),
                    ));
                }
                End::Failed(group, Arc::clone(verdict), location)
            }
        };
        Poll::Ready((this.end)(end))
    }
}
