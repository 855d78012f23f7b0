//! A future that has been started before it is awaited.
//!
//! ```text
//! Started::now(future) ── first poll, here ──┬── ready ───► the value is kept, the box is freed
//!                                            └── pending ─► kept in its region, in a box
//!                    started.await ──────────────► polled on, wherever that is
//! ```

use std::fmt;
use std::future::{Future, Ready, ready};
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::state::CoState;
use crate::context::{Bindings, Within};
use crate::region::body::Ended;
use crate::region::contain::Payload;
use crate::region::{Failure, Inline, Phase, Reason, report_here};

const CLOSED: Reason = Reason::fixed("it was closed");

/// A future that was started, and is awaited later: here, or in another task.
///
/// It runs to its first suspension when it is made. What became of it can be looked at, and taken where it
/// is done; awaiting it goes on where it stopped, in whatever task that happens.
///
/// It is a region: what it defers and shields is its own, and goes along when it is polled elsewhere.
/// A panic of the start is kept for who awaits it.
///
/// | it is | [`is_done`](Started::is_done) | [`take`](Started::take) | awaiting it |
/// |---|---|---|---|
/// | ready | yes | the value, once | gives the value at once |
/// | suspended | no | [`NotDone`] | goes on |
/// | panicked | yes | goes on with the panic | goes on with the panic |
/// | taken | no | [`NotDone`] | panics |
///
/// The first poll has no waker that matters: awaiting it polls it anew. It runs on the caller's stack and
/// as part of the caller's task; [`Runtime::spawn_eager`](crate::Runtime::spawn_eager) makes a task of what
/// is not ready.
///
/// Where a request to stop is due, the start is put off until it is awaited. Dropped half-way, the future
/// is dropped, and its clean-ups go on in the task around.
///
/// Cancel safe: awaiting `&mut started` and dropping that loses nothing. A *request* while it is awaited, also of
/// a timeout or a race around, stops it where something in it is to be cleaned up.
///
/// # Panics
///
/// With the panic of the future; when it is polled after its value was given or taken; and when it is polled
/// in one task after a request to another, in which it was polled before, has stopped it.
///
/// # Examples
///
/// ```
/// use anyrt::{Started, backend::builtin::BuiltinRuntime, prelude::*};
/// use futures::channel::oneshot;
///
/// let owner = BuiltinRuntime::new();
/// owner.block_on(async {
///     let mut ready = Started::now(async { 1 + 1 });
///     assert_eq!(ready.take(), Ok(2));
///
///     let (send, receive) = oneshot::channel();
///     let waiting = Started::now(async { receive.await.unwrap() });
///     assert!(waiting.is_pending());
///     send.send("later").unwrap();
///     assert_eq!(owner.handle().spawn(waiting).await.unwrap(), "later"); // goes on in a task
/// });
/// ```
#[must_use = "what is not ready goes no further unless it is awaited"]
#[doc(alias = "CoroStart")]
#[doc(alias = "PyCoroStart")]
#[doc(alias = "coro_continue")]
#[doc(alias = "maybe_done")]
pub struct Started<F: Future> {
    stage: Stage<F>,
    begun: bool,
    location: &'static Location<'static>,
}

enum Stage<F: Future> {
    Live(Pin<Box<Inline<Within<F>>>>),
    Done(F::Output),
    Panicked(Payload),
    /// A request to where it was polled before has stopped it.
    Stopped,
    Taken,
}

// What it gives is kept as a value; only what is in the box is pinned.
impl<F: Future> Unpin for Started<F> {}

impl<F: Future> Started<F> {
    /// Starts `future` now.
    ///
    /// Its context is what is bound here, also where it goes on; see [`within`](Started::within).
    #[track_caller]
    #[doc(alias = "coro_start")]
    pub fn now(future: F) -> Self {
        let mut started = Started::later(future);
        started.start();
        started
    }

    /// Keeps `future` to be started by [`start`](Started::start), or by awaiting it.
    ///
    /// Its context is what is bound here, as of [`now`](Started::now).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{CoState, Started};
    ///
    /// let mut started = Started::later(async { 5 });
    /// assert_eq!(started.state(), CoState::New);
    /// assert!(started.start());
    /// assert_eq!(started.take(), Ok(5));
    /// ```
    #[track_caller]
    pub fn later(future: F) -> Self {
        let location = Location::caller();
        Started {
            stage: Stage::Live(Box::pin(Inline::new(Within::here(future), location))),
            begun: false,
            location,
        }
    }

    /// Runs it from here on among `bindings`, whatever is bound where that is.
    ///
    /// Said before the start, it holds for all of it; said after, for what comes then. Bindings of
    /// [`Bindings::none`] count as given.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Bindings, ContextVar, Started};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// let mut seen = USER.sync_scope("ann", || {
    ///     let mut seen = Started::later(async { USER.get() }).within(Bindings::none());
    ///     seen.start();
    ///     seen
    /// });
    /// assert_eq!(seen.take(), Ok(None));
    /// ```
    #[doc(alias = "context")]
    pub fn within(mut self, bindings: Bindings) -> Self {
        if let Stage::Live(region) = &mut self.stage {
            if let Some(body) = region.as_mut().body() {
                drop(body.rebind(bindings.into_chain()));
            }
        }
        self
    }

    /// Starts it, unless that was done. Returns whether it is done.
    pub fn start(&mut self) -> bool {
        self.start_with(&mut Context::from_waker(Waker::noop()))
    }

    /// Starts it with a waker that counts. Returns whether it is done.
    ///
    /// For futures written by hand, which poll it on.
    pub fn start_with(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.begun {
            self.advance(cx);
        }
        self.is_done()
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        let Stage::Live(region) = &mut self.stage else {
            return;
        };
        let ended = region.as_mut().poll_end(cx);
        self.begun |= ended.is_ready() || region.is_running() || region.is_stopped_from_outside();
        if let Poll::Ready(ended) = ended {
            self.stage = match ended {
                Ended::Value(value) => Stage::Done(value),
                Ended::Panicked(payload) => Stage::Panicked(payload),
                Ended::Cancelled => Stage::Stopped,
            };
        }
    }

    /// Returns whether it is over, and what it gave is still here.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done(_) | Stage::Panicked(_))
    }

    /// Returns whether it is to be awaited: it waits, or was not started.
    #[doc(alias = "coro_is_blocked")]
    pub fn is_pending(&self) -> bool {
        matches!(self.stage, Stage::Live(_))
    }

    /// Returns whether what it gave was taken.
    #[doc(alias = "continued")]
    pub fn is_taken(&self) -> bool {
        matches!(self.stage, Stage::Taken)
    }

    /// Returns whether it panicked, and the panic is still here.
    pub fn has_panicked(&self) -> bool {
        matches!(self.stage, Stage::Panicked(_))
    }

    /// Returns how far it has come.
    pub fn state(&self) -> CoState {
        match self.stage {
            Stage::Live(_) if !self.begun => CoState::New,
            Stage::Live(_) => CoState::Suspended,
            _ => CoState::Finished,
        }
    }

    /// Takes what it gave.
    ///
    /// # Errors
    ///
    /// [`NotDone`], if it is not done, or was taken before.
    ///
    /// # Panics
    ///
    /// With the panic of the future, if it panicked.
    #[doc(alias = "result")]
    pub fn take(&mut self) -> Result<F::Output, NotDone> {
        if !self.is_done() {
            let taken = self.is_taken();
            return Err(NotDone { taken });
        }
        match std::mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Done(value) => Ok(value),
            Stage::Panicked(payload) => resume_unwind(payload),
            _ => unreachable!("it is done"),
        }
    }

    /// Takes the panic of the future, if it panicked.
    #[doc(alias = "exception")]
    pub fn take_panic(&mut self) -> Option<Payload> {
        if !self.has_panicked() {
            return None;
        }
        match std::mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Panicked(payload) => Some(payload),
            _ => unreachable!("it has panicked"),
        }
    }

    /// Gives its value as a future that is ready, if it has one.
    ///
    /// # Errors
    ///
    /// Gives `self` back otherwise: await that.
    #[doc(alias = "as_future")]
    #[doc(alias = "coro_as_future")]
    #[doc(alias = "as_awaitable")]
    #[doc(alias = "as_coroutine")]
    pub fn into_ready(mut self) -> Result<Ready<F::Output>, Self> {
        match self.take_value() {
            Some(value) => Ok(ready(value)),
            None => Err(self),
        }
    }

    fn take_value(&mut self) -> Option<F::Output> {
        if !matches!(self.stage, Stage::Done(_)) {
            return None;
        }
        match std::mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Done(value) => Some(value),
            _ => unreachable!("it has a value"),
        }
    }

    /// Stops it where it suspends, and waits until it is gone: its shields and clean-ups run first.
    ///
    /// Gives the value where there is one all the same. Dropping it stops it at once, and leaves its
    /// clean-ups to the task around. See [`Close`] for what this is as a future.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use anyrt::{Started, backend::builtin::BuiltinRuntime, defer, prelude::*};
    ///
    /// let (closed, is_closed) = std::sync::mpsc::channel();
    /// BuiltinRuntime::new().block_on(async {
    ///     let waiting = Started::now(async move {
    ///         defer(async move { closed.send(()).unwrap() });
    ///         pending::<()>().await
    ///     });
    ///     assert_eq!(waiting.close().await, None);
    ///     is_closed.try_recv().unwrap();
    /// });
    /// ```
    #[doc(alias = "aclose")]
    pub fn close(mut self) -> Close<F> {
        match &mut self.stage {
            Stage::Live(region) if self.begun => region.as_mut().ask(&CLOSED),
            Stage::Live(_) => self.stage = Stage::Taken,
            _ => {}
        }
        Close {
            started: self,
            over: false,
        }
    }
}

impl<F: Future> Future for Started<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.advance(cx);
        match &self.stage {
            Stage::Live(_) => Poll::Pending,
            Stage::Taken => panic!("a `Started` was polled after its value was given or taken"),
            Stage::Stopped => panic!(
                "the future started at {} was stopped by a request to the task in which it was polled, and \
                 was then polled in another: it has no value there",
                self.location
            ),
            Stage::Done(_) | Stage::Panicked(_) => match self.take() {
                Ok(value) => Poll::Ready(value),
                Err(_) => unreachable!("it is done"),
            },
        }
    }
}

impl<F: Future> Drop for Started<F> {
    /// A panic that nobody has seen is told.
    fn drop(&mut self) {
        if let Some(payload) = self.take_panic() {
            report_here(&Failure::new(
                Phase::Body,
                None,
                self.location,
                Some(payload),
            ));
        }
    }
}

impl<F: Future> fmt::Debug for Started<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started")
            .field("state", &self.state())
            .field("location", &format_args!("{}", self.location))
            .field("taken", &self.is_taken())
            .finish_non_exhaustive()
    }
}

/// The future of [`Started::close`]: ready when it is gone, with its value if it had one.
///
/// Cancel safe: the request was made when this was made; dropped, what is left goes on in the task around.
///
/// # Panics
///
/// With the panic of the future; and when it is polled again after it was ready.
#[must_use = "the request is made, but nothing waits for it to be gone unless this is awaited"]
pub struct Close<F: Future> {
    started: Started<F>,
    over: bool,
}

impl<F: Future> Future for Close<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.over, "a `Close` was polled after it was ready");
        let started = &mut self.started;
        started.advance(cx);
        if started.is_pending() {
            return Poll::Pending;
        }
        let value = started.take().ok();
        self.over = true;
        Poll::Ready(value)
    }
}

impl<F: Future> fmt::Debug for Close<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Close").field(&self.started).finish()
    }
}

/// What a [`Started`] has no value to [`take`](Started::take) for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDone {
    taken: bool,
}

impl NotDone {
    /// Returns whether the value was there, and is gone.
    pub fn is_taken(&self) -> bool {
        self.taken
    }
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.taken {
            true => "the value of the started future was taken before",
            false => "the started future is not done",
        })
    }
}

impl std::error::Error for NotDone {}
