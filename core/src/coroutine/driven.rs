//! A coroutine that is run to its end with a handler for what it yields.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::run::{Coroutine, Step};

/// The future of [`Coroutine::drive`]: the value of the coroutine.
///
/// # Panics
///
/// With the panic of the coroutine or the handler; if the coroutine waited for an answer when it was given,
/// or was over; and when it is polled again after it was ready.
#[must_use = "the coroutine does not run unless this is awaited"]
pub struct Driven<Y, R, F: Future, H> {
    run: Run<Y, R, F>,
    handler: H,
}

struct Run<Y, R, F: Future> {
    co: Coroutine<Y, R, F>,
    begun: bool,
}

impl<Y: 'static, R: 'static, F: Future> Run<Y, R, F> {
    fn new(co: Coroutine<Y, R, F>) -> Self {
        Run { co, begun: false }
    }

    fn begin(&mut self, answer: Option<R>) {
        if let Err(error) = self.co.begin(answer) {
            panic!("{error}; of the one made at {}", self.co.location());
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step<Y, F::Output>> {
        if !self.begun {
            self.begin(None);
            self.begun = true;
        }
        assert!(
            !self.co.is_over(),
            "a driven coroutine was polled after it was ready"
        );
        self.co.poll_step(cx).map(|step| match step {
            Some(step) => step,
            None => panic!(
                "the coroutine made at {} was stopped by a request to another task, in which it was run \
                 before: it has no value here",
                self.co.location()
            ),
        })
    }

    /// Answers what was yielded, unless who yielded has gone on without.
    fn answer(&mut self, answer: R) {
        if self.co.begin(Some(answer)).is_err() {
            self.begin(None);
        }
    }
}

impl<Y: 'static, R: 'static, F: Future, H> Driven<Y, R, F, H> {
    pub(super) fn new(co: Coroutine<Y, R, F>, handler: H) -> Self {
        let run = Run::new(co);
        Driven { run, handler }
    }
}

// What is pinned is in a box; the handler is called and never pinned.
impl<Y, R, F: Future, H> Unpin for Driven<Y, R, F, H> {}

impl<Y: 'static, R: 'static, F: Future, H: FnMut(Y) -> R> Future for Driven<Y, R, F, H> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Driven { run, handler } = &mut *self;
        loop {
            match ready!(run.poll(cx)) {
                Step::Done(value) => return Poll::Ready(value),
                Step::Yield(value) => run.answer(handler(value)),
            }
        }
    }
}

impl<Y: 'static, R: 'static, F: Future, H> fmt::Debug for Driven<Y, R, F, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Driven").field(&self.run.co).finish()
    }
}

/// The future of [`Coroutine::drive_until`]: the value of the coroutine, or what the handler broke with.
///
/// # Panics
///
/// As [`Driven`].
#[must_use = "the coroutine does not run unless this is awaited"]
pub struct DrivenUntil<Y, R, F: Future, B, H> {
    run: Run<Y, R, F>,
    handler: H,
    broken: Option<B>,
}

impl<Y: 'static, R: 'static, F: Future, B, H> DrivenUntil<Y, R, F, B, H> {
    pub(super) fn new(co: Coroutine<Y, R, F>, handler: H) -> Self {
        DrivenUntil {
            run: Run::new(co),
            handler,
            broken: None,
        }
    }
}

// As above; what it broke with is only kept.
impl<Y, R, F: Future, B, H> Unpin for DrivenUntil<Y, R, F, B, H> {}

impl<Y, R, F, B, H> Future for DrivenUntil<Y, R, F, B, H>
where
    Y: 'static,
    R: 'static,
    F: Future,
    H: FnMut(Y) -> ControlFlow<B, R>,
{
    type Output = ControlFlow<B, F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let DrivenUntil {
            run,
            handler,
            broken,
        } = &mut *self;
        while broken.is_none() {
            match ready!(run.poll(cx)) {
                Step::Done(value) => return Poll::Ready(ControlFlow::Continue(value)),
                Step::Yield(value) => match handler(value) {
                    ControlFlow::Continue(answer) => run.answer(answer),
                    ControlFlow::Break(value) => *broken = Some(value),
                },
            }
        }
        // A value that it returns when it is closed has no receiver.
        drop(ready!(run.co.poll_close(cx)));
        match broken.take() {
            Some(value) => Poll::Ready(ControlFlow::Break(value)),
            None => unreachable!("just looked at"),
        }
    }
}

impl<Y: 'static, R: 'static, F: Future, B, H> fmt::Debug for DrivenUntil<Y, R, F, B, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrivenUntil")
            .field("coroutine", &self.run.co)
            .field("broken", &self.broken.is_some())
            .finish_non_exhaustive()
    }
}
