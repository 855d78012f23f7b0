//! The future of a local scope: its region, and what comes of its failures.

use std::convert::Infallible;
use std::fmt;
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

/// A kind of local scope with a body that returns `Out`, named by its handle.
///
/// Sealed: [`LocalScope`](crate::LocalScope) and the three like it.
pub trait LocalKind<Out> {
    /// What the body has when it did not fail.
    type Value;
    /// What may fail, beside a panic.
    type Error;
    /// A box of a child, with its type forgotten.
    type Job: Future<Output = ()> + Unpin;
    /// What awaiting the scope gives.
    type Output;

    #[doc(hidden)]
    fn end(end: End<Self::Value, Self::Error>) -> Self::Output;
}

/// How a scope ended.
#[doc(hidden)]
#[expect(
    unnameable_types,
    reason = "who cannot name it cannot make kinds of scopes"
)]
#[derive(Debug)]
pub struct End<T, E>(Way<T, E>);

enum Way<T, E> {
    Value(T),
    Failed(ErrorGroup<E>, Arc<Verdict<E>>, &'static Location<'static>),
    /// By a request to the task that it was begun in.
    Stopped(Option<Reason>, &'static Location<'static>),
}

impl<T, E> fmt::Debug for Way<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Value(_) => "Value",
            Way::Failed(..) => "Failed",
            Way::Stopped(..) => "Stopped",
        })
    }
}

/// The first panic goes on, and the others go where failures go.
pub(super) fn value_or_panic<T>(end: End<T, Infallible>) -> T {
    match end.0 {
        Way::Value(value) => value,
        Way::Failed(group, verdict, _) => {
            let mut panics = group.into_iter();
            let first = panics.next().map(ChildError::into_panic);
            verdict.pass_on(panics);
            match first {
                Some(Ok(payload)) => resume_unwind(payload),
                _ => unreachable!("nothing fails here but by a panic"),
            }
        }
        Way::Stopped(_, location) => panic!(
            "the local scope opened at {location} was stopped by a request to the task in which it was \
             begun, and was then polled in another: it has no value there"
        ),
    }
}

pub(super) fn value_or_error<T, E>(end: End<T, E>) -> Result<T, ScopeError<E>> {
    match end.0 {
        Way::Value(value) => Ok(value),
        Way::Failed(group, _, location) => Err(ScopeError::failed(group).of_scope(None, location)),
        Way::Stopped(reason, location) => {
            let stop = Stop::Cancelled(reason);
            Err(ScopeError::stopped(stop, None, location))
        }
    }
}

type Drives<Fut, Out, S> = Driver<
    Fut,
    <S as LocalKind<Out>>::Value,
    <S as LocalKind<Out>>::Error,
    <S as LocalKind<Out>>::Job,
>;

/// The future of [`local_scope`](crate::local_scope) and its kin: `S` is the handle that the body gets.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct InLocalScope<S, Fut>
where
    S: LocalKind<Fut::Output>,
    Fut: Future,
{
    #[pin]
    region: Inline<Drives<Fut, Fut::Output, S>>,
    opened: bool,
    // After the region, whose end may fail too.
    unsaid: Unsaid<S::Error>,
    shared: Arc<Shared<S::Job, S::Error>>,
}

impl<S, Fut> InLocalScope<S, Fut>
where
    S: LocalKind<Fut::Output>,
    Fut: Future,
{
    pub(super) fn new(
        body: Fut,
        split: Split<Fut::Output, S::Value, S::Error>,
        shared: Arc<Shared<S::Job, S::Error>>,
    ) -> Self {
        let driver = Driver::new(body, split, Arc::clone(&shared));
        InLocalScope {
            region: Inline::new(driver, shared.location),
            opened: false,
            unsaid: Unsaid(Arc::clone(&shared.verdict)),
            shared,
        }
    }
}

impl<S, Fut> Future for InLocalScope<S, Fut>
where
    S: LocalKind<Fut::Output>,
    Fut: Future,
{
    type Output = S::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
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
        let way = match (group, value) {
            (None, Some(value)) => Way::Value(value),
            (None, None) => Way::Stopped(this.region.take_reason(), location),
            (Some(group), value) => {
                if let Err(payload) = drop_contained(value) {
                    report(&Failure::new(
                        Phase::Destructor,
                        None,
                        location,
                        Some(payload),
                    ));
                }
                Way::Failed(group, Arc::clone(verdict), location)
            }
        };
        Poll::Ready(S::end(End(way)))
    }
}

impl<S, Fut> fmt::Debug for InLocalScope<S, Fut>
where
    S: LocalKind<Fut::Output>,
    Fut: Future,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.describe("InLocalScope", f)
    }
}
