//! A coroutine, as who runs it sees it.

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::co::{Co, address};
use super::driven::{Driven, DrivenUntil};
use super::lane::{self, Slot};
use super::meeting::{Meeting, Phase, Ticket};
use super::state::CoState;
use crate::region::body::Ended;
use crate::region::{Inline, Reason};

const CLOSED: Reason = Reason::fixed("the coroutine was closed");

/// Makes a coroutine of async code: it hands things out in the middle, and goes on with the answers.
///
/// `body` is called at once with the handle by which it yields, and what it returns is polled only while
/// the coroutine is run. Between two yields it may await anything, as any async code. What it yields, and what
/// it is answered with, borrows nothing.
///
/// ```text
///   who runs it                          the coroutine
///   co.run().await ────────────────────► …
///   Step::Yield(y)  ◄─────────────────── co.yield_(y).await
///   co.resume(r).await ────────────────► … goes on with r
///   Step::Done(t)   ◄─────────────────── returns t
/// ```
///
/// # Examples
///
/// A greeter that asks for names, run in async code, and then, the same, in sync code:
///
/// ```
/// use anyrt::{Co, Step, backend::builtin::BuiltinRuntime, await_sync, coroutine, prelude::*};
///
/// async fn greet(co: Co<&'static str, String>) -> String {
///     let first = co.yield_("first name?").await;
///     let last = co.yield_("last name?").await;
///     format!("hello, {first} {last}")
/// }
///
/// BuiltinRuntime::new().block_on(async {
///     let mut co = coroutine(greet);
///     assert_eq!(co.run().await.unwrap(), Step::Yield("first name?"));
///     assert_eq!(co.resume("Ada".into()).await.unwrap(), Step::Yield("last name?"));
///     assert_eq!(co.resume("Lovelace".into()).await.unwrap(), Step::Done("hello, Ada Lovelace".into()));
/// });
///
/// let greeting = await_sync(coroutine(greet).drive(|asked| asked.to_uppercase()));
/// assert_eq!(greeting.unwrap(), "hello, FIRST NAME? LAST NAME?");
/// ```
///
/// An answer may be an error, which the coroutine sees where it yielded:
///
/// ```
/// use anyrt::{Co, Step, await_sync, coroutine};
///
/// async fn add(co: Co<(), Result<u32, String>>) -> Result<u32, String> {
///     Ok(co.yield_(()).await? + co.yield_(()).await?)
/// }
///
/// let mut co = coroutine(add);
/// await_sync(co.run()).unwrap().unwrap();
/// await_sync(co.resume(Ok(1))).unwrap().unwrap();
/// let step = await_sync(co.throw("no more".into())).unwrap().unwrap();
/// assert_eq!(step, Step::Done(Err("no more".into())));
/// ```
#[track_caller]
pub fn coroutine<Y, R, B, F>(body: B) -> Coroutine<Y, R, F>
where
    Y: 'static,
    R: 'static,
    B: FnOnce(Co<Y, R>) -> F,
    F: Future,
{
    let location = Location::caller();
    let meeting = Arc::new(Meeting::new());
    let body = body(Co::of(&meeting));
    Coroutine {
        body: Box::pin(Inline::new(body, location)),
        meeting,
        slot: None,
        asked: None,
        stage: Stage::New,
        location,
    }
}

/// What a coroutine came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "OOBData")]
pub enum Step<Y, T> {
    /// It yielded this, and is to be resumed with an answer.
    Yield(Y),
    /// It is over, and this is its value.
    Done(T),
}

impl<Y, T> Step<Y, T> {
    /// Returns what was yielded, if it is not over.
    pub fn yielded(self) -> Option<Y> {
        match self {
            Step::Yield(value) => Some(value),
            Step::Done(_) => None,
        }
    }

    /// Returns the value, if it is over.
    pub fn done(self) -> Option<T> {
        match self {
            Step::Yield(_) => None,
            Step::Done(value) => Some(value),
        }
    }
}

/// Async code that yields in the middle: what [`coroutine`] gives.
///
/// It is run by [`run`](Coroutine::run) to its first yield, and by [`resume`](Coroutine::resume) to each
/// next one; or by [`drive`](Coroutine::drive) to its end. It is a value, which may be run in one task and
/// then in another; between two steps no task is held up by it, and no request stops it. It is a region:
/// what it defers runs when it ends, is [closed](Coroutine::close), or, where it is dropped half-way, in the
/// task around.
///
/// | called | when it is new | at a yield | after a dropped `resume` | over |
/// |---|---|---|---|---|
/// | [`run`](Coroutine::run) | starts it | error | goes on | error |
/// | [`resume`](Coroutine::resume), [`throw`](Coroutine::throw) | error | answers | error | error |
/// | [`close`](Coroutine::close) | drops it | stops it | stops it | nothing |
///
/// # Panics
///
/// Whatever runs it panics with the panic of the coroutine, once its clean-ups have run.
#[must_use = "a coroutine does nothing unless it is run"]
#[doc(alias = "BoundMonitor")]
pub struct Coroutine<Y, R, F: Future> {
    body: Pin<Box<Inline<F>>>,
    meeting: Arc<Meeting<Y, R>>,
    /// There but while the body is polled.
    slot: Option<Box<Slot<Y, R>>>,
    /// What the body itself has yielded and is to be answered.
    asked: Option<Ticket>,
    stage: Stage,
    location: &'static Location<'static>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    /// It is being run, or the step that ran it was dropped.
    Runs,
    /// It has yielded, and is to be answered.
    Yielded,
    Closing,
    Over,
}

// What is pinned is in a box.
impl<Y, R, F: Future> Unpin for Coroutine<Y, R, F> {}

impl<Y: 'static, R: 'static, F: Future> Coroutine<Y, R, F> {
    /// Runs it until it yields or is over. For one that is new, or whose last step was dropped.
    ///
    /// Cancel safe: dropped half-way, the coroutine goes on with the next `run`. A *request* while the body runs,
    /// also of a timeout around, stops the body where something in it is to be cleaned up: then it is over.
    ///
    /// # Errors
    ///
    /// [`ResumeError`], if it waits for an answer, or is over.
    #[doc(alias = "start")]
    pub fn run(&mut self) -> Resume<'_, Y, R, F> {
        Resume {
            co: self,
            answer: None,
            begun: false,
        }
    }

    /// Answers what it yielded last, and runs it until it yields again or is over.
    ///
    /// The answer is given at the first poll. Dropped later, the coroutine goes on with the next
    /// [`run`](Coroutine::run), which says what a request does.
    ///
    /// # Errors
    ///
    /// [`ResumeError`] with the answer, if the coroutine does not wait for one.
    #[doc(alias = "aawait")]
    #[doc(alias = "send")]
    #[doc(alias = "try_await")]
    pub fn resume(&mut self, answer: R) -> Resume<'_, Y, R, F> {
        Resume {
            co: self,
            answer: Some(answer),
            begun: false,
        }
    }

    /// Stops it where it suspends, and waits until it is gone: its shields and clean-ups run first.
    ///
    /// Gives the value where it returns one all the same. One that is new is dropped, and one that is over
    /// is not touched. What still yields is told that nobody asks: see [`Co::try_yield`].
    ///
    /// Cancel safe: the request stands once this was polled, and the next `close` waits on.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, coroutine, defer, prelude::*};
    ///
    /// let (cleaned, is_cleaned) = std::sync::mpsc::channel();
    /// BuiltinRuntime::new().block_on(async {
    ///     let mut co = coroutine::<_, (), _, _>(|co| async move {
    ///         defer(async move { cleaned.send("rolled back").unwrap() });
    ///         co.yield_("halfway").await;
    ///         unreachable!("nobody resumes it");
    ///     });
    ///     co.run().await.unwrap();
    ///     co.close().await;
    /// });
    /// assert_eq!(is_cleaned.try_recv(), Ok("rolled back"));
    /// ```
    #[doc(alias = "aclose")]
    pub fn close(&mut self) -> CloseCo<'_, Y, R, F> {
        CloseCo {
            co: self,
            over: false,
        }
    }

    /// Runs it to its end, with `handler` for an answer to each yield; gives its value.
    ///
    /// In sync code: `await_sync(co.drive(handler))`. Where answers are results, an `Err` of the handler is
    /// an error where the coroutine yielded. A coroutine that waits for an answer already is given one when
    /// it is [resumed](Coroutine::resume), and not here.
    ///
    /// Dropping it drops the coroutine.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Co, await_sync, coroutine};
    ///
    /// async fn total(co: Co<usize, u32>) -> u32 {
    ///     let mut sum = 0;
    ///     for index in 0..3 {
    ///         sum += co.yield_(index).await;
    ///     }
    ///     sum
    /// }
    ///
    /// let prices = [5, 7, 9];
    /// assert_eq!(await_sync(coroutine(total).drive(|index| prices[index])), Ok(21));
    /// ```
    #[doc(alias = "coro_drive")]
    #[doc(alias = "drive_async")]
    pub fn drive<H: FnMut(Y) -> R>(self, handler: H) -> Driven<Y, R, F, H> {
        Driven::new(self, handler)
    }

    /// Does as [`drive`](Coroutine::drive), until `handler` breaks: then the coroutine is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use anyrt::{Co, await_sync, coroutine};
    ///
    /// async fn count(co: Co<u32, ()>) {
    ///     for n in 0.. {
    ///         co.yield_(n).await;
    ///     }
    /// }
    ///
    /// let driven = coroutine(count).drive_until(|n| match n {
    ///     7 => ControlFlow::Break("lucky"),
    ///     _ => ControlFlow::Continue(()),
    /// });
    /// assert_eq!(await_sync(driven), Ok(ControlFlow::Break("lucky")));
    /// ```
    pub fn drive_until<B, H>(self, handler: H) -> DrivenUntil<Y, R, F, B, H>
    where
        H: FnMut(Y) -> std::ops::ControlFlow<B, R>,
    {
        DrivenUntil::new(self, handler)
    }

    /// Returns how far it has come. At a yield it is suspended.
    pub fn state(&self) -> CoState {
        match self.stage {
            Stage::New => CoState::New,
            Stage::Over => CoState::Finished,
            Stage::Runs | Stage::Yielded | Stage::Closing => CoState::Suspended,
        }
    }

    /// Returns whether it has yielded, and waits for an answer.
    pub fn is_yielded(&self) -> bool {
        self.stage == Stage::Yielded
    }

    pub(super) fn is_running(&self) -> bool {
        self.stage == Stage::Runs
    }

    pub(super) fn is_closing(&self) -> bool {
        self.stage == Stage::Closing
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Starts a step: with the answer to what was yielded, or with none where none was.
    pub(super) fn begin(&mut self, answer: Option<R>) -> Result<(), ResumeError<R>> {
        let refused = |kind, answer| Err(ResumeError { kind, answer });
        match (self.stage, answer) {
            (Stage::New | Stage::Runs, None) => {}
            (Stage::Yielded, Some(answer)) => {
                let answered = match (self.asked.take(), &mut self.slot) {
                    (Some(ticket), Some(slot)) => {
                        slot.answer = Some((ticket, answer));
                        Ok(())
                    }
                    _ => self.meeting.answer(answer),
                };
                if let Err(answer) = answered {
                    // Who yielded has gone on without it.
                    self.stage = Stage::Runs;
                    return refused(Kind::NotYielded, Some(answer));
                }
            }
            (Stage::Yielded, None) => return refused(Kind::Yielded, None),
            (Stage::New | Stage::Runs, answer) => return refused(Kind::NotYielded, answer),
            (Stage::Closing | Stage::Over, answer) => return refused(Kind::Over, answer),
        }
        self.stage = Stage::Runs;
        Ok(())
    }

    /// Runs it until it yields or is over. Nothing where it was stopped by who does not run it any more.
    pub(super) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Step<Y, F::Output>>> {
        let mut slot = match self.slot.take() {
            Some(slot) => slot,
            None => Box::new(Slot::new()),
        };
        slot.set_driver(cx.waker());
        let entered = lane::enter(address(&self.meeting), slot);
        let polled = self.body.as_mut().poll_end(cx);
        self.slot = entered.leave();
        let Poll::Ready(ended) = polled else {
            let Some(value) = self.next_yield(cx) else {
                return Poll::Pending;
            };
            self.body.as_mut().step_out();
            self.stage = Stage::Yielded;
            return Poll::Ready(Some(Step::Yield(value)));
        };
        self.stage = Stage::Over;
        self.meeting.set(Phase::Over);
        Poll::Ready(match ended {
            Ended::Value(value) => Some(Step::Done(value)),
            Ended::Panicked(payload) => resume_unwind(payload),
            Ended::Cancelled => None,
        })
    }

    /// What was yielded first, once the body is pending: elsewhere, then by the body itself.
    fn next_yield(&mut self, cx: &Context<'_>) -> Option<Y> {
        if let Some(slot) = &mut self.slot {
            if let Some((ticket, answer)) = slot.answer.take() {
                slot.left = true;
                self.meeting.leave_answer(ticket, answer);
            }
            // It was put here when nothing was in the queue.
            if let Some((ticket, value)) = slot.yielded.take() {
                self.asked = Some(ticket);
                return Some(value);
            }
        }
        self.meeting.next_or_wait(cx)
    }

    /// Asks it to stop, once, and runs it to its end.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        match self.stage {
            Stage::New => {
                // Not run, only dropped: nothing was begun.
                self.stage = Stage::Over;
                self.meeting.set(Phase::Over);
                self.body.as_mut().set_ended();
                return Poll::Ready(None);
            }
            Stage::Over => return Poll::Ready(None),
            Stage::Closing => {}
            Stage::Runs | Stage::Yielded => {
                self.stage = Stage::Closing;
                self.asked = None;
                let slot = self.slot.take();
                if let Some((ticket, value)) = slot.and_then(|slot| slot.yielded) {
                    self.meeting.leave_value(ticket, value);
                }
                self.meeting.set(Phase::Closing);
                self.body.as_mut().ask(&CLOSED);
            }
        }
        let polled = self.body.as_mut().poll_end(cx);
        let Poll::Ready(ended) = polled else {
            return Poll::Pending;
        };
        self.stage = Stage::Over;
        self.meeting.set(Phase::Over);
        Poll::Ready(match ended {
            Ended::Value(value) => Some(value),
            Ended::Panicked(payload) => resume_unwind(payload),
            Ended::Cancelled => None,
        })
    }
}

impl<Y: 'static, A: 'static, E: 'static, F: Future> Coroutine<Y, Result<A, E>, F> {
    /// Answers what it yielded last with an error, and runs it on.
    ///
    /// As [`resume`](Coroutine::resume) with an `Err`.
    ///
    /// # Errors
    ///
    /// [`ResumeError`] with the answer, if the coroutine does not wait for one.
    #[doc(alias = "athrow")]
    pub fn throw(&mut self, error: E) -> Resume<'_, Y, Result<A, E>, F> {
        self.resume(Err(error))
    }
}

impl<Y, R, F: Future> Drop for Coroutine<Y, R, F> {
    fn drop(&mut self) {
        // Whoever still yields to it, in a task of its own or a clean-up, does not wait for ever.
        self.meeting.set(Phase::Over);
    }
}

impl<Y: 'static, R: 'static, F: Future> fmt::Debug for Coroutine<Y, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine")
            .field("state", &self.state())
            .field("yielded", &self.is_yielded())
            .field("location", &format_args!("{}", self.location))
            .finish_non_exhaustive()
    }
}

/// The future of [`Coroutine::run`] and [`Coroutine::resume`]: the next [`Step`].
///
/// # Panics
///
/// With the panic of the coroutine, and when it is polled again after it was ready.
#[must_use = "the coroutine does not run unless this is awaited"]
pub struct Resume<'a, Y, R, F: Future> {
    co: &'a mut Coroutine<Y, R, F>,
    answer: Option<R>,
    begun: bool,
}

// The answer is moved before it is given, and never pinned.
impl<Y, R, F: Future> Unpin for Resume<'_, Y, R, F> {}

impl<Y: 'static, R: 'static, F: Future> Future for Resume<'_, Y, R, F> {
    type Output = Result<Step<Y, F::Output>, ResumeError<R>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.begun {
            this.begun = true;
            this.co.begin(this.answer.take())?;
        }
        assert!(
            this.co.stage == Stage::Runs,
            "a `Resume` was polled after it was ready"
        );
        this.co.poll_step(cx).map(|step| {
            step.ok_or(ResumeError {
                kind: Kind::Stopped,
                answer: None,
            })
        })
    }
}

impl<Y: 'static, R: 'static, F: Future> fmt::Debug for Resume<'_, Y, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resume")
            .field("coroutine", &self.co)
            .field("begun", &self.begun)
            .finish()
    }
}

/// The future of [`Coroutine::close`].
///
/// # Panics
///
/// With a panic of the coroutine, and when it is polled again after it was ready.
#[must_use = "nothing is closed unless this is awaited"]
pub struct CloseCo<'a, Y, R, F: Future> {
    co: &'a mut Coroutine<Y, R, F>,
    over: bool,
}

impl<Y: 'static, R: 'static, F: Future> Future for CloseCo<'_, Y, R, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.over, "a `CloseCo` was polled after it was ready");
        let polled = self.co.poll_close(cx);
        self.over = polled.is_ready();
        polled
    }
}

impl<Y: 'static, R: 'static, F: Future> fmt::Debug for CloseCo<'_, Y, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CloseCo").field(&self.co).finish()
    }
}

/// A coroutine was not in the state to be run so.
#[derive(Clone, PartialEq, Eq)]
pub struct ResumeError<R> {
    kind: Kind,
    answer: Option<R>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Yielded,
    NotYielded,
    Over,
    Stopped,
}

impl<R> ResumeError<R> {
    /// Returns whether it waits for an answer: [`resume`](Coroutine::resume) it.
    pub fn is_yielded(&self) -> bool {
        self.kind == Kind::Yielded
    }

    /// Returns whether it waits for no answer, being new or in the middle: [`run`](Coroutine::run) it.
    pub fn is_not_yielded(&self) -> bool {
        self.kind == Kind::NotYielded
    }

    /// Returns whether it is over, or being closed.
    pub fn is_over(&self) -> bool {
        self.kind == Kind::Over
    }

    /// Returns whether a request to another task, in which it was run before, has stopped it.
    pub fn is_stopped(&self) -> bool {
        self.kind == Kind::Stopped
    }

    /// Returns the answer that was not taken.
    pub fn into_answer(self) -> Option<R> {
        self.answer
    }
}

impl<R> fmt::Display for ResumeError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Yielded => "the coroutine has yielded and waits for an answer: resume it",
            Kind::NotYielded => {
                "the coroutine has not yielded, so there is nothing to answer: run it"
            }
            Kind::Over => "the coroutine is over",
            Kind::Stopped => "the coroutine was stopped with the task that it was run in before",
        })
    }
}

impl<R> fmt::Debug for ResumeError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResumeError")
            .field("kind", &self.kind)
            .field("has_answer", &self.answer.is_some())
            .finish()
    }
}

impl<R> std::error::Error for ResumeError<R> {}
