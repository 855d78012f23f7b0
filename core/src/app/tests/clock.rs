//! A runtime whose tasks and whose clock are moved by hand.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::runtime::{Enter, Instant, Sleep, Spawn, Timer};
use crate::task::tests::Hand;

#[derive(Clone, Debug)]
pub(super) struct Clock {
    hand: Hand,
    time: Arc<Mutex<Time>>,
}

#[derive(Debug)]
struct Time {
    now: Instant,
    wakers: BTreeMap<Instant, Vec<Waker>>,
}

impl Clock {
    pub(super) fn new() -> Self {
        let hand = Hand::default();
        let now = hand.now();
        let time = Time {
            now,
            wakers: BTreeMap::new(),
        };
        Clock {
            hand,
            time: Arc::new(Mutex::new(time)),
        }
    }

    pub(super) fn hand(&self) -> &Hand {
        &self.hand
    }

    pub(super) fn pass(&self, duration: Duration) {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        time.now += duration;
        let due = time.now;
        let wakers: Vec<_> = time
            .wakers
            .range(..=due)
            .flat_map(|(_, w)| w.clone())
            .collect();
        drop(time);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Spawn for Clock {
    fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        self.hand.spawn_raw(future);
    }

    fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
        self.hand.spawn_blocking_raw(job)
    }

    fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
        f()
    }
    fn may_block(&self) -> bool {
        false
    }
}

impl Timer for Clock {
    type Sleep = Alarm;

    fn now(&self) -> Instant {
        let time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        time.now
    }

    fn sleep_until(&self, deadline: Instant) -> Alarm {
        Alarm {
            clock: self.clone(),
            deadline,
        }
    }
}

#[derive(Debug)]
pub(super) struct Alarm {
    clock: Clock,
    deadline: Instant,
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.deadline {
            return Poll::Ready(());
        }
        let mut time = self
            .clock
            .time
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let wakers = time.wakers.entry(self.deadline).or_default();
        wakers.push(cx.waker().clone());
        Poll::Pending
    }
}

impl Sleep for Alarm {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
    }
}
