//! A clock that stands still until a test moves it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use anyrt_core::{Enter, Instant, Sleep, Spawn, Timer};

/// A runtime whose clock is moved by hand; everything else is the runtime's own.
#[derive(Clone, Debug)]
pub struct ByHand<R> {
    rt: R,
    clock: HandClock,
}

impl<R: Spawn + Timer> ByHand<R> {
    /// Gives `rt` a clock that stands still.
    pub fn new(rt: R) -> Self {
        let clock = HandClock(Arc::new(Mutex::new(State {
            now: rt.now(),
            next: 0,
            timers: BTreeMap::new(),
        })));
        ByHand { rt, clock }
    }

    /// Returns the clock.
    pub fn clock(&self) -> &HandClock {
        &self.clock
    }
}

impl<R: Spawn> Spawn for ByHand<R> {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.rt.spawn_raw(future);
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        self.rt.spawn_blocking_raw(job)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.rt.is_same(&other.rt)
    }

    fn enter<T>(&self, purpose: Enter, f: impl FnOnce() -> T) -> T {
        self.rt.enter(purpose, f)
    }
    fn may_block(&self) -> bool {
        self.rt.may_block()
    }
}

impl<R: Spawn> Timer for ByHand<R> {
    type Sleep = HandSleep;

    fn now(&self) -> Instant {
        self.clock.state().now
    }

    fn sleep_until(&self, deadline: Instant) -> HandSleep {
        HandSleep {
            clock: self.clock.clone(),
            deadline,
            key: None,
        }
    }
}

/// The clock of a [`ByHand`] runtime.
#[derive(Clone)]
pub struct HandClock(Arc<Mutex<State>>);

struct State {
    now: Instant,
    next: u64,
    timers: BTreeMap<(Instant, u64), Waker>,
}

impl HandClock {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock on, firing what comes due.
    ///
    /// In the order of deadlines, then of registration.
    pub fn advance(&self, by: Duration) {
        let to = {
            let state = self.state();
            state.now + by
        };
        loop {
            let waker = {
                let mut state = self.state();
                match state.timers.first_key_value() {
                    Some((&key, _)) if key.0 <= to => {
                        state.now = state.now.max(key.0);
                        state.timers.remove(&key)
                    }
                    _ => {
                        state.now = to;
                        return;
                    }
                }
            };
            // Not under the lock: a waker is foreign code.
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Returns when the next sleep ends, if any waits.
    pub fn next(&self) -> Option<Instant> {
        self.state().timers.keys().next().map(|key| key.0)
    }

    /// Returns how many sleeps wait.
    pub fn waiting(&self) -> usize {
        self.state().timers.len()
    }
}

impl fmt::Debug for HandClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandClock")
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

/// A sleep on a [`HandClock`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct HandSleep {
    clock: HandClock,
    deadline: Instant,
    key: Option<(Instant, u64)>,
}

impl HandSleep {
    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            let waker = self.clock.state().timers.remove(&key);
            drop(waker);
        }
    }
}

impl Future for HandSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.forget();
        let waker = cx.waker().clone();
        let deadline = self.deadline;
        let mut state = self.clock.state();
        if state.now >= deadline {
            return Poll::Ready(());
        }
        let key = (deadline, state.next);
        state.next += 1;
        state.timers.insert(key, waker);
        drop(state);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Sleep for HandSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.forget();
        self.deadline = deadline;
    }
}

impl Drop for HandSleep {
    fn drop(&mut self) {
        self.forget();
    }
}
