//! Which members of a local scope are to be polled next.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The members that were woken, in the order in which they were, and who polls them.
#[derive(Default)]
pub(super) struct Ready(Mutex<State>);

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Member>>,
    /// Of the task around, while it sleeps.
    sleeper: Option<Waker>,
    closed: bool,
}

/// What a member is woken by: it joins the queue, unless it is there.
pub(super) struct Member {
    ready: Arc<Ready>,
    key: usize,
    queued: AtomicBool,
}

impl Member {
    /// A member that waits for its first poll.
    pub(super) fn new(ready: &Arc<Ready>, key: usize) -> Arc<Self> {
        let member = Arc::new(Member {
            ready: Arc::clone(ready),
            key,
            queued: AtomicBool::new(false),
        });
        member.wake_by_ref();
        member
    }

    pub(super) fn key(&self) -> usize {
        self.key
    }
}

impl Wake for Member {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let sleeper = {
            let mut state = self.ready.state();
            // A queue that nobody empties would keep its members, and they keep the queue.
            if state.closed {
                return;
            }
            state.queue.push_back(Arc::clone(self));
            state.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }
}

impl Ready {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.state().queue.len()
    }

    pub(super) fn next(&self) -> Option<Arc<Member>> {
        let next = self.state().queue.pop_front()?;
        // Before it is polled: a wake during the poll queues it again.
        next.queued.store(false, Ordering::Release);
        Some(next)
    }

    /// Says whom to wake for the next member. Says whether there is none yet.
    pub(super) fn sleep(&self, waker: &Waker) -> bool {
        let mut new = Some(waker.clone());
        let mut state = self.state();
        let sleeps = state.queue.is_empty() && !state.closed;
        if sleeps {
            std::mem::swap(&mut state.sleeper, &mut new);
        }
        drop(state);
        // Foreign code, as the clone was: not under the lock.
        drop(new);
        sleeps
    }

    /// Takes back what [`sleep`](Ready::sleep) said: who polls the members looks by itself.
    pub(super) fn awake(&self) {
        let sleeper = self.state().sleeper.take();
        drop(sleeper);
    }

    /// Wakes who sleeps, for what stands in no queue of ours.
    pub(super) fn wake_sleeper(&self) {
        let sleeper = self.state().sleeper.take();
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }

    pub(super) fn close(&self) {
        let left = {
            let mut state = self.state();
            state.closed = true;
            (std::mem::take(&mut state.queue), state.sleeper.take())
        };
        drop(left);
    }
}
