//! Which members of a local scope are to be polled next.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The members that were woken, in the order in which they were, and who polls them.
#[derive(Default)]
pub(super) struct Ready(Mutex<State>);

#[derive(Default)]
struct State {
    round: usize,
    queue: VecDeque<Arc<Member>>,
    /// Who was woken again after its turn in this round: it made way, and so should the task around.
    later: VecDeque<Arc<Member>>,
    /// Of the task around, while it sleeps.
    sleeper: Option<Waker>,
    closed: bool,
}

/// What a member is woken by: it joins the queue, unless it is there.
pub(super) struct Member {
    ready: Arc<Ready>,
    key: usize,
    queued: AtomicBool,
    /// The last round in which it had a turn.
    round: AtomicUsize,
}

/// Who comes next in a round, which is one poll of the scope.
pub(super) enum Next {
    Turn(Arc<Member>),
    /// Somebody, in the next round.
    Later,
    Nobody,
}

impl Member {
    /// A member that waits for its first poll.
    pub(super) fn new(ready: &Arc<Ready>, key: usize) -> Arc<Self> {
        let member = Arc::new(Member {
            ready: Arc::clone(ready),
            key,
            queued: AtomicBool::new(false),
            round: AtomicUsize::new(0),
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
            match self.round.load(Ordering::Relaxed) == state.round {
                true => state.later.push_back(Arc::clone(self)),
                false => state.queue.push_back(Arc::clone(self)),
            }
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
        let state = self.state();
        state.queue.len() + state.later.len()
    }

    /// Begins a round. Who polls the members looks by itself now, and need not be woken.
    pub(super) fn begin_round(&self) {
        let sleeper = {
            let mut state = self.state();
            let State { queue, later, .. } = &mut *state;
            queue.append(later);
            // Zero is for those who never had a turn.
            state.round = state.round.checked_add(1).unwrap_or(1);
            state.sleeper.take()
        };
        drop(sleeper);
    }

    /// Takes out who comes next in this round, which has some turns left.
    pub(super) fn next(&self, left: usize) -> Next {
        let mut state = self.state();
        let next = match left {
            0 => None,
            _ => state.queue.pop_front(),
        };
        let Some(next) = next else {
            return match state.queue.is_empty() && state.later.is_empty() {
                true => Next::Nobody,
                false => Next::Later,
            };
        };
        next.round.store(state.round, Ordering::Relaxed);
        drop(state);
        // Before it is polled: a wake during the poll queues it again.
        next.queued.store(false, Ordering::Release);
        Next::Turn(next)
    }

    /// Says whom to wake for the next member. Says whether there is none yet.
    pub(super) fn sleep(&self, waker: &Waker) -> bool {
        let mut new = Some(waker.clone());
        let mut state = self.state();
        let sleeps = state.queue.is_empty() && state.later.is_empty();
        if sleeps {
            mem::swap(&mut state.sleeper, &mut new);
        }
        drop(state);
        // Foreign code, as the clone was: not under the lock.
        drop(new);
        sleeps
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
            let State { queue, later, .. } = &mut *state;
            (mem::take(queue), mem::take(later), state.sleeper.take())
        };
        drop(left);
    }
}
