//! Waiting for a virtual clock.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::current;
use super::timers::{Key, Nanos, Timers};
use crate::runtime::{Instant, Sleep};

/// The sleep of a virtual clock: it ends at the exact nanosecond.
///
/// What [`sleep`](crate::Runtime::sleep) gives on the runtime of a `VirtualClock` or of a simulator.
/// Polling it again after it was ready is ready again, until it is [`reset`](Sleep::reset). It is an `Unpin`
/// future. Cancel safe: dropping it forgets the wait.
///
/// # Panics
///
/// When it is polled outside any task of its clock. The clock does not count such code, so it could not
/// know that time must not stand still.
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct VirtualSleep {
    timers: Arc<Timers>,
    deadline: Nanos,
    /// Set while it waits.
    key: Option<Key>,
}

impl VirtualSleep {
    pub(crate) fn new(timers: &Arc<Timers>, deadline: Instant) -> Self {
        VirtualSleep {
            timers: Arc::clone(timers),
            deadline: timers.nanos(deadline),
            key: None,
        }
    }

    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            let waker = self.timers.lock().remove(key);
            // The lock is gone: a waker's destructor may drop a task, and that another sleep.
            drop(waker);
        }
    }
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.timers.now_nanos() >= this.deadline {
            this.forget();
            return Poll::Ready(());
        }
        current::assert_counted(&this.timers);
        if this.timers.is_never(this.deadline) {
            return Poll::Pending;
        }
        let waker = cx.waker().clone();
        let mut waits = this.timers.lock();
        // Once more: it may have been fired since.
        if waits.now() >= this.deadline {
            drop(waits);
            drop(waker);
            this.forget();
            return Poll::Ready(());
        }
        let key = match this.key {
            Some(key) => key,
            None => waits.key(this.deadline),
        };
        this.key = Some(key);
        let before = waits.insert(key, waker);
        drop(waits);
        drop(before);
        Poll::Pending
    }
}

impl Sleep for VirtualSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.forget();
        self.deadline = self.timers.nanos(deadline);
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for VirtualSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.deadline.saturating_sub(self.timers.now_nanos());
        let mut shown = f.debug_struct("VirtualSleep");
        match self.timers.is_never(self.deadline) {
            true => shown.field("left", &"for ever"),
            false => shown.field("left", &Duration::from_nanos(left)),
        };
        shown.field("waits", &self.key.is_some()).finish()
    }
}
