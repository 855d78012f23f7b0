//! A waker for a thread that waits: exact under a virtual clock, and in a simulator.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
#[cfg(not(loom))]
use std::time::Duration;

#[cfg(not(loom))]
use crate::clock::VirtualSleep;
use crate::clock::current::{self, Timekeeper, Wait};
#[cfg(not(loom))]
use crate::runtime::after;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::thread::while_waiting;

/// Parks the thread that made it; others wake it as a waker.
pub(super) struct Parker {
    state: Mutex<State>,
    bell: Condvar,
    /// Who counts the thread.
    keeper: Option<Arc<dyn Timekeeper>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Awake,
    /// The thread is about to lend, or waits.
    Parked,
    /// Somebody asks back what the thread has lent.
    Asked,
    Woken,
}

impl Parker {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Parker {
            state: Mutex::new(State::Awake),
            bell: Condvar::new(),
            keeper: current::current(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a wake-up; at once where there was one since the last wait.
    pub(super) fn park(&self) {
        self.parked(|mut state| {
            while *state != State::Woken {
                state = self
                    .bell
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            *state = State::Awake;
        });
    }

    /// The same, but no longer than this, in real time: for a thread that nobody counts.
    #[cfg(not(loom))]
    fn park_for(&self, duration: Duration) {
        self.parked(|state| {
            let not_woken = |state: &mut State| *state != State::Woken;
            let waited = self.bell.wait_timeout_while(state, duration, not_woken);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            *state = State::Awake;
        });
    }

    fn parked(&self, wait: impl FnOnce(MutexGuard<'_, State>)) {
        {
            let mut state = self.state();
            if *state == State::Woken {
                *state = State::Awake;
                return;
            }
            *state = State::Parked;
        }
        while_waiting(|| {
            if let Some(keeper) = &self.keeper {
                keeper.lend(Wait::Told);
            }
            wait(self.state());
            if let Some(keeper) = &self.keeper {
                keeper.wait_back();
            }
        });
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        {
            let mut state = self.state();
            match *state {
                State::Awake => *state = State::Woken,
                State::Parked => *state = State::Asked,
                // Whoever asks back wakes it.
                State::Asked | State::Woken => return,
            }
            if *state == State::Woken {
                return;
            }
        }
        // While whoever wakes still counts, and before the thread goes on.
        if let Some(keeper) = &self.keeper {
            keeper.ask_back(Wait::Told);
        }
        let mut state = self.state();
        // A wait with a limit may be over.
        if *state == State::Asked {
            *state = State::Woken;
        }
        drop(state);
        self.bell.notify_one();
    }
}

/// Polls `future` on this thread, which waits between the polls.
///
/// For futures of this crate that need no runtime: ends of jobs, turns.
pub(super) fn wait_for<F: Future>(future: F) -> F::Output {
    let parker = Parker::new();
    let waker = Waker::from(Arc::clone(&parker));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        parker.park();
    }
}

/// The same for at most this long: on the clock that counts this thread, else in real time. Such a future is
/// woken once at most, when it is ready.
#[cfg(not(loom))]
pub(super) fn wait_for_at_most<F>(future: &mut F, duration: Duration) -> Option<F::Output>
where
    F: Future + Unpin,
{
    let parker = Parker::new();
    let waker = Waker::from(Arc::clone(&parker));
    let cx = &mut Context::from_waker(&waker);
    let mut poll = |cx: &mut Context<'_>| match std::pin::Pin::new(&mut *future).poll(cx) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    };
    if let Some(value) = poll(cx) {
        return Some(value);
    }
    if duration.is_zero() {
        return None;
    }
    let Some(keeper) = &parker.keeper else {
        parker.park_for(duration);
        return poll(cx);
    };
    let timers = keeper.timers();
    let mut sleep = pin!(VirtualSleep::new(timers, after(timers.now(), duration)));
    loop {
        let is_over = sleep.as_mut().poll(cx).is_ready();
        // The value first: what has come at the last moment has come.
        if let Some(value) = poll(cx) {
            return Some(value);
        }
        if is_over {
            return None;
        }
        parker.park();
    }
}
