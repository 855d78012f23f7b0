//! A clean-up that borrows.

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::contain::{Payload, contain, drop_contained};
use super::shield::{Shield, shield_whatever_is_due};
use super::{Failure, Phase, frame, report_here};

/// Runs `body`, then `cleanup`, which may borrow; returns what the body gave.
///
/// **It does not run the clean-up when the task is cancelled in the body, or this future is dropped**:
/// there is nobody left who could poll a future that borrows. What must run then too is for
/// [`defer`](crate::defer), which takes only what is `'static`.
///
/// | the body … | clean-up | then |
/// |---|---|---|
/// | gives a value, be it an `Err` | runs | the value |
/// | panics | runs | the panic goes on |
/// | is stopped by a token inside it ([`until`](crate::Cancellable::until)) and returns | runs | the value |
/// | is cancelled, by a request to the task or region around | **does not run** | |
/// | is dropped, as a losing arm of `select!` | **does not run** | |
///
/// Once it runs, a request to stop does not reach it: it is [shielded](crate::shield), even if the request
/// came before, inside a shield of the body. Only dropping this future stops it half-way.
///
/// A panic of the clean-up goes to the hook of [`set_failure_hook`](crate::set_failure_hook), and the
/// value, or the panic, of the body stands. The first poll starts nothing where a request is due.
///
/// Not cancel safe: dropping it drops the body, or the clean-up, where it is. It needs no runtime.
///
/// # Panics
///
/// With a panic of the body, or of its destructor, once the clean-up has run. When it is polled again
/// after it was ready.
///
/// # Examples
///
/// ```
/// use std::cell::RefCell;
/// use anyrt::finally;
///
/// # futures::executor::block_on(async {
/// let log = RefCell::new(Vec::new());
/// let result: Result<(), &str> = finally(
///     async {
///         log.borrow_mut().push("work");
///         Err("out of cheese")
///     },
///     async || log.borrow_mut().push("clean up"),
/// )
/// .await;
/// assert_eq!(result, Err("out of cheese"));
/// assert_eq!(*log.borrow(), ["work", "clean up"]);
/// # });
/// ```
#[track_caller]
#[doc(alias = "try_finally")]
#[doc(alias = "ensure")]
pub fn finally<B, C, Fut>(body: B, cleanup: C) -> Finally<B, C, Fut>
where
    B: Future,
    C: FnOnce() -> Fut,
    Fut: Future<Output = ()>,
{
    Finally {
        body: Some(body),
        cleanup: Some(cleanup),
        cleaning: None,
        ended: None,
        stage: Stage::New,
        location: Location::caller(),
    }
}

/// The future of [`finally`].
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Finally<B: Future, C, Fut> {
    #[pin]
    body: Option<B>,
    cleanup: Option<C>,
    #[pin]
    cleaning: Option<Shield<Fut>>,
    /// How the body ended, while the clean-up runs.
    ended: Option<Result<B::Output, Payload>>,
    stage: Stage,
    location: &'static Location<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Body,
    CleanUp,
    Over,
}

impl<B, C, Fut> Future for Finally<B, C, Fut>
where
    B: Future,
    C: FnOnce() -> Fut,
    Fut: Future<Output = ()>,
{
    type Output = B::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Output> {
        let mut this = self.project();
        let report = |phase, payload| {
            report_here(&Failure::new(phase, None, this.location, Some(payload)));
        };
        if *this.stage == Stage::New {
            if frame::is_stopping() {
                return Poll::Pending;
            }
            *this.stage = Stage::Body;
        }
        if *this.stage == Stage::Body {
            let (ended, second) = ready!(poll_body(this.body.as_mut(), cx));
            *this.ended = Some(ended);
            *this.stage = Stage::CleanUp;
            if let Some(second) = second {
                report(Phase::Destructor, second);
            }
            let cleanup = this.cleanup.take();
            match contain(|| cleanup.map(|cleanup| cleanup())) {
                Ok(future) => this.cleaning.set(future.map(shield_whatever_is_due)),
                Err(payload) => report(Phase::CleanUp, payload),
            }
        }
        assert!(
            *this.stage == Stage::CleanUp,
            "a `Finally` future was polled after it was ready"
        );
        if let Some(cleaning) = this.cleaning.as_mut().as_pin_mut() {
            match contain(|| cleaning.poll(cx)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(())) => {}
                Err(payload) => report(Phase::CleanUp, payload),
            }
        }
        if let Err(payload) = contain(|| this.cleaning.set(None)) {
            report(Phase::CleanUp, payload);
        }
        *this.stage = Stage::Over;
        match this.ended.take() {
            Some(Ok(value)) => Poll::Ready(value),
            Some(Err(payload)) => resume_unwind(payload),
            None => unreachable!("the body has ended before the clean-up"),
        }
    }
}

/// Polls the body, and drops it once it is over; a panic is a value, and so is one of its destructor,
/// which outranks a value of the body. What panicked second comes beside.
#[expect(clippy::type_complexity, reason = "an end, and what came beside")]
fn poll_body<B: Future>(
    mut body: Pin<&mut Option<B>>,
    cx: &mut Context<'_>,
) -> Poll<(Result<B::Output, Payload>, Option<Payload>)> {
    let polled = contain(|| match body.as_mut().as_pin_mut() {
        Some(body) => body.poll(cx),
        None => Poll::Pending,
    });
    let ended = match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(value)) => Ok(value),
        Err(payload) => Err(payload),
    };
    let dropped = contain(|| body.set(None));
    Poll::Ready(match (ended, dropped) {
        (Ok(value), Err(payload)) => {
            let second = drop_contained(value).err();
            (Err(payload), second)
        }
        (ended, dropped) => (ended, dropped.err()),
    })
}

impl<B: Future, C, Fut> fmt::Debug for Finally<B, C, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finally")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
