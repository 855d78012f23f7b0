//! A runtime by hand with a clock by hand, and all its tasks.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use super::poll_once;
use crate::region::BoxFuture;
use crate::runtime::{Enter, Instant, Sleep, Spawn, Timer};
use crate::task::tests::Hand;
use crate::{Runtime, Task};

/// A runtime whose tasks are polled, and whose clock is moved, by the test.
#[derive(Clone, Debug)]
pub(crate) struct Clocked {
    hand: Hand,
    now: Arc<Mutex<Instant>>,
    /// How many sleeps were made.
    sleeps: Arc<Mutex<usize>>,
}

impl Default for Clocked {
    fn default() -> Self {
        let hand = Hand::default();
        Clocked {
            now: Arc::new(Mutex::new(hand.now())),
            hand,
            sleeps: Arc::default(),
        }
    }
}

impl Clocked {
    pub(crate) fn next_root(&self) -> BoxFuture {
        self.hand.next_root()
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.now.lock().unwrap() += by;
    }

    /// How many sleeps are there.
    pub(crate) fn waiting(&self) -> usize {
        Arc::weak_count(&self.now)
    }

    pub(crate) fn sleeps(&self) -> usize {
        *self.sleeps.lock().unwrap()
    }
}

impl Spawn for Clocked {
    fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        self.hand.spawn_raw(future);
    }

    fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
        self.hand.spawn_blocking_raw(job)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.hand.is_same(&other.hand)
    }

    fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
        f()
    }
    fn may_block(&self) -> bool {
        false
    }
}

impl Timer for Clocked {
    type Sleep = ClockedSleep;

    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn sleep_until(&self, deadline: Instant) -> ClockedSleep {
        *self.sleeps.lock().unwrap() += 1;
        ClockedSleep {
            now: Arc::clone(&self.now),
            _counted: Arc::downgrade(&self.now),
            deadline,
        }
    }
}

/// Wakes nobody: every task is polled in every turn.
#[derive(Debug)]
pub(crate) struct ClockedSleep {
    now: Arc<Mutex<Instant>>,
    _counted: Weak<Mutex<Instant>>,
    deadline: Instant,
}

impl Future for ClockedSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match *self.now.lock().unwrap() >= self.deadline {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Sleep for ClockedSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
    }
}

/// All tasks of a runtime, each polled once in a turn, the oldest first.
#[derive(Default)]
pub(crate) struct Play {
    pub(crate) rt: Clocked,
    roots: Vec<BoxFuture>,
}

impl Play {
    /// Spawns a task, and polls it once.
    pub(crate) fn start<F>(&mut self, body: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = self.rt.spawn(body);
        self.turn();
        task
    }

    pub(crate) fn turn(&mut self) {
        self.roots.extend(self.rt.hand.take_roots());
        self.roots
            .retain_mut(|root| poll_once(root.as_mut()).is_pending());
    }

    pub(crate) fn turns(&mut self, n: usize) {
        for _ in 0..n {
            self.turn();
        }
    }

    /// Takes all tasks, to be polled elsewhere.
    pub(crate) fn take_roots(&mut self) -> Vec<BoxFuture> {
        self.live();
        std::mem::take(&mut self.roots)
    }

    pub(crate) fn put_roots(&mut self, roots: Vec<BoxFuture>) {
        self.roots.extend(roots);
    }

    /// How many tasks live.
    pub(crate) fn live(&mut self) -> usize {
        self.roots.extend(self.rt.hand.take_roots());
        self.roots.len()
    }

    /// Turns until nobody is left; says how many.
    pub(crate) fn finish(&mut self) -> usize {
        for turns in 1..10_000 {
            self.turn();
            if self.live() == 0 {
                return turns;
            }
        }
        panic!("{} tasks are stuck", self.roots.len());
    }
}
