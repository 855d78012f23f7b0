//! How a thread waits for the answer to its call.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::clock::current::{self, Timekeeper, Wait};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::thread::{while_waiting, yielding};

/// How often a thread looks for its answer before it sleeps: that takes about as long as to wake it.
const LOOKS: usize = 100;

/// Waits, as a thread that others share something with may: everything of the bridge that blocks goes
/// through here.
///
/// What the thread holds is given away while it is counted, and taken back when it is counted again: so the
/// whole wait is inside, what is lent and what comes back.
pub(crate) fn parked<T>(wait: impl FnOnce() -> T) -> T {
    while_waiting(wait)
}

/// Where a thread waits for one value, which comes from another.
pub(super) struct Answer<T> {
    slot: Mutex<Slot<T>>,
    bell: Condvar,
    /// Who counts the thread that waits.
    keeper: Option<Arc<dyn Timekeeper>>,
}

struct Slot<T> {
    value: Option<T>,
    /// The thread is not counted: whoever gives the value has it counted again.
    lent: bool,
}

impl<T> Answer<T> {
    /// To be waited for by this thread.
    pub(super) fn new() -> Self {
        Answer {
            slot: Mutex::new(Slot {
                value: None,
                lent: false,
            }),
            bell: Condvar::new(),
            keeper: current::current(),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the value. Called while whoever gives it is counted.
    pub(super) fn give(&self, value: T) {
        let mut slot = self.slot();
        slot.value = Some(value);
        let lent = slot.lent;
        drop(slot);
        if let Some(keeper) = self.keeper.as_ref().filter(|_| lent) {
            keeper.ask_back(Wait::Told);
        }
        self.bell.notify_one();
    }

    /// Blocks this thread until the value is there. None comes where the simulation around is over.
    pub(super) fn wait(&self) -> Option<T> {
        parked(|| self.wait_parked())
    }

    fn wait_parked(&self) -> Option<T> {
        let mut slot = self.slot();
        if let Some(keeper) = self.keeper.as_ref().filter(|_| slot.value.is_none()) {
            slot.lent = true;
            drop(slot);
            keeper.lend(Wait::Told);
            // In a simulation that is all the waiting there is.
            keeper.wait_back();
            slot = self.slot();
        }
        if slot.value.is_some() {
            return slot.value.take();
        }
        if self.keeper.is_none() {
            drop(slot);
            yielding(LOOKS, || self.slot().value.is_some());
            slot = self.slot();
        }
        let is_over = || self.keeper.as_ref().is_some_and(|keeper| keeper.is_over());
        while slot.value.is_none() && !is_over() {
            slot = self.bell.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
        slot.value.take()
    }
}

#[cfg(test)]
#[cfg(loom)]
impl<T> Answer<T> {
    /// The value, if it is there.
    pub(super) fn take_now(&self) -> Option<T> {
        self.slot().value.take()
    }
}

/// Where a thread waits for wake-ups: its waker unparks it.
pub(super) struct Parker {
    state: Mutex<Parked>,
    bell: Condvar,
    keeper: Option<Arc<dyn Timekeeper>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Parked {
    Running,
    Woken,
    Waiting,
}

impl Parker {
    /// Of this thread.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Parker {
            state: Mutex::new(Parked::Running),
            bell: Condvar::new(),
            keeper: current::current(),
        })
    }

    /// Waits for a wake-up since the last one, at most so long in real time, or for less. Time that is kept by
    /// somebody comes with a wake-up.
    pub(super) fn park(&self, at_most: Option<Duration>) {
        if self.begin() {
            parked(|| self.park_parked(at_most));
        }
    }

    fn park_parked(&self, at_most: Option<Duration>) {
        if let Some(keeper) = &self.keeper {
            keeper.lend(Wait::Told);
            keeper.wait_back();
        }
        let mut state = self.state();
        while *state == Parked::Waiting {
            let Some(at_most) = at_most.filter(|_| self.keeper.is_none()) else {
                assert!(
                    !self.is_over(),
                    "the simulation is over, and a thread still waited for something in it"
                );
                state = self
                    .bell
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let waited = self.bell.wait_timeout(state, at_most);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            break;
        }
        *state = Parked::Running;
    }

    fn is_over(&self) -> bool {
        self.keeper.as_ref().is_some_and(|keeper| keeper.is_over())
    }

    /// Whether it is to wait: nothing has woken it meanwhile.
    fn begin(&self) -> bool {
        let mut state = self.state();
        let is_woken = *state == Parked::Woken;
        *state = match is_woken {
            true => Parked::Running,
            false => Parked::Waiting,
        };
        !is_woken
    }

    fn state(&self) -> MutexGuard<'_, Parked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let before = std::mem::replace(&mut *self.state(), Parked::Woken);
        if before == Parked::Waiting {
            if let Some(keeper) = &self.keeper {
                keeper.ask_back(Wait::Told);
            }
            self.bell.notify_one();
        }
    }
}

/// Polls a future on this thread until it is ready.
pub(super) fn block<F: Future>(future: F) -> F::Output {
    let parker = Parker::new();
    let waker = Waker::from(Arc::clone(&parker));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        parker.park(None);
    }
}
