//! Where the outcome of a local child waits for who awaits it.

use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use super::no_value::NoValue;
use crate::region::contain::{contain, drop_contained};
use crate::region::failure::report;
use crate::region::{Failure, Member, Phase, Reason};

/// What a child and its handle share.
pub(super) struct Slot<T> {
    state: Mutex<State<T>>,
    location: &'static Location<'static>,
}

struct State<T> {
    stage: Stage<T>,
    joiner: Option<Waker>,
}

enum Stage<T> {
    /// Not polled yet; perhaps it was asked to stop all the same.
    New(Option<Reason>),
    Running(Weak<dyn Member>),
    Over(Result<T, NoValue>),
    Taken,
}

impl<T> Slot<T> {
    pub(super) fn new(location: &'static Location<'static>) -> Self {
        Self::at(Stage::New(None), location)
    }

    /// The slot of a child that was refused.
    pub(super) fn cancelled(reason: Option<Reason>, location: &'static Location<'static>) -> Self {
        let over = Stage::Over(Err(NoValue::cancelled(reason, location)));
        Self::at(over, location)
    }

    fn at(stage: Stage<T>, location: &'static Location<'static>) -> Self {
        let joiner = None;
        Slot {
            state: Mutex::new(State { stage, joiner }),
            location,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The child is about to be polled for the first time. Asks it to stop, if somebody wants that.
    pub(super) fn started(&self, member: &Weak<dyn Member>) {
        let asked = {
            let mut state = self.state();
            match std::mem::replace(&mut state.stage, Stage::Running(member.clone())) {
                Stage::New(asked) => asked,
                _ => None,
            }
        };
        if let (Some(reason), Some(member)) = (asked, member.upgrade()) {
            member.region().ask(Some(&reason));
        }
    }

    pub(super) fn ask(&self, reason: Reason) {
        let member = {
            let mut state = self.state();
            match &mut state.stage {
                Stage::New(asked) => {
                    asked.get_or_insert(reason);
                    return;
                }
                Stage::Running(member) => member.upgrade(),
                Stage::Over(_) | Stage::Taken => return,
            }
        };
        if let Some(member) = member {
            member.region().ask(Some(&reason));
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state().stage, Stage::Over(_) | Stage::Taken)
    }

    /// Takes the outcome, if `wanted` is true of it.
    pub(super) fn poll(
        &self,
        cx: &Context<'_>,
        wanted: impl FnOnce(&Result<T, NoValue>) -> bool,
    ) -> Poll<Result<T, NoValue>> {
        let mut joiner = Some(cx.waker().clone());
        let mut state = self.state();
        let polled = match &state.stage {
            Stage::Over(outcome) if wanted(outcome) => {
                match std::mem::replace(&mut state.stage, Stage::Taken) {
                    Stage::Over(outcome) => Poll::Ready(outcome),
                    _ => unreachable!("it was over a line above"),
                }
            }
            Stage::Over(_) => Poll::Pending,
            Stage::New(_) | Stage::Running(_) => {
                std::mem::swap(&mut state.joiner, &mut joiner);
                Poll::Pending
            }
            Stage::Taken => {
                drop(state);
                panic!("a local child was polled after it had given its result");
            }
        };
        drop(state);
        drop(joiner);
        polled
    }

    fn publish(&self, outcome: Result<T, NoValue>) {
        let joiner = {
            let mut state = self.state();
            state.stage = Stage::Over(outcome);
            state.joiner.take()
        };
        if let Err(payload) = contain(|| joiner.map(Waker::wake)) {
            self.report(Phase::Waker, payload);
        }
    }

    fn report(&self, phase: Phase, payload: crate::region::contain::Payload) {
        report(&Failure::new(phase, None, self.location, Some(payload)));
    }
}

/// The child's side of a slot: when it goes, the outcome is there, whatever happened.
pub(super) struct Promise<T>(Option<Arc<Slot<T>>>);

impl<T> Promise<T> {
    pub(super) fn new(slot: &Arc<Slot<T>>) -> Self {
        Promise(Some(Arc::clone(slot)))
    }

    pub(super) fn slot(&self) -> Option<&Slot<T>> {
        self.0.as_deref()
    }

    pub(super) fn keep(&mut self, outcome: Result<T, NoValue>) {
        let Some(slot) = self.0.take() else { return };
        slot.publish(outcome);
        let location = slot.location;
        // Perhaps the last one who knows of the value: its destructor is foreign code.
        if let Err(payload) = drop_contained(slot) {
            report(&Failure::new(
                Phase::Destructor,
                None,
                location,
                Some(payload),
            ));
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(location) = self.slot().map(Slot::location) {
            self.keep(Err(NoValue::cancelled(None, location)));
        }
    }
}
