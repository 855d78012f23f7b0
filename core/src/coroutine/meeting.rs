//! Where a coroutine and who runs it meet: what was yielded, who is answered, who is to be woken.
//!
//! ```text
//!   yield_(y) ──► queue ──► handed out, one at a time ──► Step::Yield(y)
//!   R ◄────────── answers ◄─────────────────────────────── resume(r)
//! ```
//!
//! What the body itself yields wakes nobody, as who runs it polls it right then and looks here after. A
//! yield in another task wakes who runs the coroutine, and is woken when its answer is there.

use std::collections::VecDeque;
use std::mem;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, MutexGuard};

/// What the coroutine and its handles share.
pub(super) struct Meeting<Y, R>(Mutex<State<Y, R>>);

struct State<Y, R> {
    phase: Phase,
    /// The body is being polled: who polls it looks for what was yielded afterwards.
    polling: bool,
    next: Ticket,
    queue: VecDeque<(Ticket, Y)>,
    /// The yield that was handed out and is not answered.
    asked: Option<Ticket>,
    answers: Vec<(Ticket, R)>,
    /// Who waits for an answer and is not polled with the body.
    waiting: Vec<(Ticket, Waker)>,
    /// Who runs the coroutine, as of its last poll. Kept between polls, so that it is cloned once.
    driver: Option<Waker>,
}

/// The number of a yield.
pub(super) type Ticket = u64;

/// Whether there is, and will be, somebody to yield to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Closing,
    Over,
}

impl<Y, R> Meeting<Y, R> {
    pub(super) fn new() -> Self {
        Meeting(Mutex::new(State {
            phase: Phase::Open,
            polling: false,
            next: 0,
            queue: VecDeque::new(),
            asked: None,
            answers: Vec::new(),
            waiting: Vec::new(),
            driver: None,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State<Y, R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- the side that yields

    /// Leaves a value to be handed out, and the waker of who waits for the answer.
    ///
    /// # Errors
    ///
    /// Gives the value back where nobody will ask for it.
    pub(super) fn put(&self, value: Y, cx: &Context<'_>) -> Result<Ticket, (Phase, Y)> {
        let (ticket, direct, driver) = {
            let mut state = self.state();
            if state.phase != Phase::Open {
                return Err((state.phase, value));
            }
            let ticket = state.next;
            state.next += 1;
            state.queue.push_back((ticket, value));
            // Not where the body is being polled: who does that looks afterwards.
            let driver = match state.polling {
                true => None,
                false => state.driver.take(),
            };
            (ticket, state.polls(cx.waker()), driver)
        };
        if let Some(driver) = driver {
            driver.wake();
        }
        if !direct {
            self.wait(ticket, cx.waker().clone());
        }
        Ok(ticket)
    }

    /// Leaves a waker for who answers, unless the answer is there: then it is woken.
    fn wait(&self, ticket: Ticket, waker: Waker) {
        let mut waker = Some(waker);
        let before = {
            let mut state = self.state();
            let answered = state.answers.iter().any(|answer| answer.0 == ticket);
            if answered || state.phase != Phase::Open {
                None
            } else {
                let before = state.take_waiting(ticket);
                state
                    .waiting
                    .extend(waker.take().map(|waker| (ticket, waker)));
                before
            }
        };
        drop(before);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the answer to a yield; or its value back, if it was not handed out and never will be.
    pub(super) fn poll_answer(
        &self,
        ticket: Ticket,
        cx: &Context<'_>,
    ) -> Poll<Result<R, (Phase, Option<Y>)>> {
        let direct = {
            let mut state = self.state();
            let answer = state.answers.iter().position(|answer| answer.0 == ticket);
            if let Some(at) = answer {
                return Poll::Ready(Ok(state.answers.swap_remove(at).1));
            }
            if state.phase != Phase::Open {
                let value = state.take_queued(ticket);
                return Poll::Ready(Err((state.phase, value)));
            }
            state.polls(cx.waker())
        };
        if !direct {
            self.wait(ticket, cx.waker().clone());
        }
        Poll::Pending
    }

    /// The yield is given up.
    pub(super) fn withdraw(&self, ticket: Ticket) {
        let left = {
            let mut state = self.state();
            if state.asked == Some(ticket) {
                state.asked = None;
            }
            let answer = state.answers.iter().position(|answer| answer.0 == ticket);
            (
                state.take_queued(ticket),
                answer.map(|at| state.answers.swap_remove(at)),
                state.take_waiting(ticket),
            )
        };
        // Foreign code, so: outside the lock.
        drop(left);
    }

    // --- the side that runs it

    /// The body is about to be polled.
    pub(super) fn begin_poll(&self, cx: &Context<'_>) {
        {
            let mut state = self.state();
            state.polling = true;
            if state.polls(cx.waker()) {
                return;
            }
        }
        let waker = cx.waker().clone();
        let before = self.state().driver.replace(waker);
        drop(before);
    }

    /// The body was polled, and is pending: gives out what was yielded first.
    pub(super) fn end_poll(&self) -> Option<Y> {
        let mut state = self.state();
        state.polling = false;
        let (ticket, value) = state.queue.pop_front()?;
        state.asked = Some(ticket);
        Some(value)
    }

    /// Answers the yield that was handed out last.
    ///
    /// # Errors
    ///
    /// Gives the answer back where nobody waits for it.
    pub(super) fn answer(&self, answer: R) -> Result<(), R> {
        let waker = {
            let mut state = self.state();
            let Some(ticket) = state.asked.take() else {
                return Err(answer);
            };
            state.answers.push((ticket, answer));
            state.take_waiting(ticket)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// From here on nobody asks for what is yielded.
    pub(super) fn set(&self, phase: Phase) {
        let (waiting, driver) = {
            let mut state = self.state();
            state.phase = phase;
            state.polling = false;
            let driver = match phase {
                Phase::Over => state.driver.take(),
                _ => None,
            };
            (mem::take(&mut state.waiting), driver)
        };
        drop(driver);
        for (_, waker) in waiting {
            waker.wake();
        }
    }
}

impl<Y, R> State<Y, R> {
    /// Whether who has this waker is polled whenever the body is: then it needs no wake-up.
    fn polls(&self, waker: &Waker) -> bool {
        self.polling
            && self
                .driver
                .as_ref()
                .is_some_and(|driver| driver.will_wake(waker))
    }

    fn take_waiting(&mut self, ticket: Ticket) -> Option<Waker> {
        let at = self.waiting.iter().position(|(one, _)| *one == ticket)?;
        Some(self.waiting.swap_remove(at).1)
    }

    fn take_queued(&mut self, ticket: Ticket) -> Option<Y> {
        let at = self.queue.iter().position(|(one, _)| *one == ticket)?;
        Some(self.queue.remove(at)?.1)
    }
}
