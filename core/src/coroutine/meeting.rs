//! Where a coroutine and who runs it meet: what was yielded, who is answered, who is to be woken.
//!
//! ```text
//!   yield_(y) ──► queue ──► handed out, one at a time ──► Step::Yield(y)
//!   R ◄────────── answers ◄─────────────────────────────── resume(r)
//! ```
//!
//! What the body itself yields takes a shorter way (see `lane.rs`). A yield in another task wakes who runs
//! the coroutine, and is woken when its answer is there.

use std::collections::VecDeque;
use std::mem;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// What the coroutine and its handles share.
pub(super) struct Meeting<Y, R> {
    state: Mutex<State<Y, R>>,
    /// Whether something is in the queue, to be looked at without the lock.
    queued: AtomicBool,
}

struct State<Y, R> {
    phase: Phase,
    next: u64,
    queue: VecDeque<(Ticket, Y)>,
    /// The yield that was handed out and is not answered.
    asked: Option<Ticket>,
    answers: Vec<(Ticket, R)>,
    /// Who waits for an answer and is not polled with the body.
    waiting: Vec<(Ticket, Waker)>,
    /// Who runs the coroutine, and waits for something to be yielded.
    driver: Option<Waker>,
}

/// The number of a yield, and the way it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ticket {
    Lane(u64),
    Queue(u64),
}

/// Whether there is, and will be, somebody to yield to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Closing,
    Over,
}

impl<Y, R> Meeting<Y, R> {
    pub(super) fn new() -> Self {
        let state = State {
            phase: Phase::Open,
            next: 0,
            queue: VecDeque::new(),
            asked: None,
            answers: Vec::new(),
            waiting: Vec::new(),
            driver: None,
        };
        Meeting {
            state: Mutex::new(state),
            queued: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<Y, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- the side that yields

    /// Leaves a value to be handed out, and the waker of who waits for the answer.
    ///
    /// # Errors
    ///
    /// Gives the value back where nobody will ask for it.
    pub(super) fn put(&self, value: Y, cx: &Context<'_>) -> Result<Ticket, (Phase, Y)> {
        let (ticket, driver) = {
            let mut state = self.state();
            if state.phase != Phase::Open {
                return Err((state.phase, value));
            }
            let ticket = Ticket::Queue(state.next);
            state.next += 1;
            state.queue.push_back((ticket, value));
            self.queued.store(true, Ordering::Release);
            (ticket, state.driver.take())
        };
        if let Some(driver) = driver {
            driver.wake();
        }
        self.wait(ticket, cx.waker().clone());
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
        {
            let mut state = self.state();
            let answer = state.answers.iter().position(|answer| answer.0 == ticket);
            if let Some(at) = answer {
                return Poll::Ready(Ok(state.answers.swap_remove(at).1));
            }
            if state.phase != Phase::Open {
                let value = state.take_queued(ticket);
                return Poll::Ready(Err((state.phase, value)));
            }
        }
        self.wait(ticket, cx.waker().clone());
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

    /// Whether something was yielded elsewhere. What comes just now is found when its waker is registered.
    pub(super) fn has_queued(&self) -> bool {
        self.queued.load(Ordering::Acquire)
    }

    /// Gives out what was yielded elsewhere first.
    pub(super) fn next_queued(&self) -> Option<Y> {
        let mut state = self.state();
        let next = state.queue.pop_front();
        self.queued
            .store(!state.queue.is_empty(), Ordering::Release);
        let (ticket, value) = next?;
        state.asked = Some(ticket);
        Some(value)
    }

    /// The same, or leaves the waker of who runs the coroutine.
    pub(super) fn next_or_wait(&self, cx: &Context<'_>) -> Option<Y> {
        let waker = cx.waker().clone();
        let before = {
            let mut state = self.state();
            match state.queue.is_empty() {
                true => Ok(state.driver.replace(waker)),
                false => Err(waker),
            }
        };
        match before {
            Ok(before) => {
                drop(before);
                None
            }
            Err(_) => self.next_queued(),
        }
    }

    /// Leaves an answer that the body was to take and did not: who waits for it is elsewhere by now.
    pub(super) fn leave_answer(&self, ticket: Ticket, answer: R) {
        let waker = {
            let mut state = self.state();
            state.answers.push((ticket, answer));
            state.take_waiting(ticket)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Puts a value that nobody will hand out where who yielded it finds it.
    pub(super) fn leave_value(&self, ticket: Ticket, value: Y) {
        self.state().queue.push_back((ticket, value));
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
            (mem::take(&mut state.waiting), state.driver.take())
        };
        drop(driver);
        for (_, waker) in waiting {
            waker.wake();
        }
    }
}

impl<Y, R> State<Y, R> {
    fn take_waiting(&mut self, ticket: Ticket) -> Option<Waker> {
        let at = self.waiting.iter().position(|(one, _)| *one == ticket)?;
        Some(self.waiting.swap_remove(at).1)
    }

    fn take_queued(&mut self, ticket: Ticket) -> Option<Y> {
        let at = self.queue.iter().position(|(one, _)| *one == ticket)?;
        Some(self.queue.remove(at)?.1)
    }
}
