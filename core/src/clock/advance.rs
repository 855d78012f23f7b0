//! Moving a clock by hand.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::current::{Timekeeper, assert_counted};
use super::quiescence::Quiescence;
use super::timers::{Key, Nanos};
use crate::runtime::Instant;

/// The future of [`Virtual::advance`](crate::Virtual::advance).
#[must_use = "the clock does not move unless this is awaited"]
pub struct Advance {
    clock: Arc<Quiescence>,
    by: Nanos,
    step: Step,
}

enum Step {
    New,
    Waits(Key),
    Over,
}

impl Advance {
    pub(super) fn new(clock: Arc<Quiescence>, by: Nanos) -> Self {
        Advance {
            clock,
            by,
            step: Step::New,
        }
    }
}

impl Future for Advance {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if matches!(this.step, Step::Over) {
            return Poll::Ready(());
        }
        let timers = this.clock.timers();
        assert_counted(timers);
        let waker = cx.waker().clone();
        let mut waits = timers.lock();
        let key = match this.step {
            Step::Waits(key) => key,
            _ => {
                let to = waits.now().saturating_add(this.by);
                waits.goal(to.min(timers.end()))
            }
        };
        if matches!(this.step, Step::Waits(_)) && !waits.waits(key) {
            drop(waits);
            this.step = Step::Over;
            return Poll::Ready(());
        }
        this.step = Step::Waits(key);
        let before = waits.insert(key, waker);
        drop(waits);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Advance {
    fn drop(&mut self) {
        if let Step::Waits(key) = self.step {
            let waker = self.clock.timers().lock().remove(key);
            drop(waker);
        }
    }
}

impl fmt::Debug for Advance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advance")
            .field("by", &Duration::from_nanos(self.by))
            .field("ready", &matches!(self.step, Step::Over))
            .finish_non_exhaustive()
    }
}

/// The future of [`Virtual::advance_to_next`](crate::Virtual::advance_to_next).
#[derive(Debug)]
#[must_use = "the clock does not move unless this is awaited"]
pub struct AdvanceToNext {
    advance: Advance,
    /// Where it goes; not known before all rests.
    to: Option<Instant>,
}

impl AdvanceToNext {
    pub(super) fn new(clock: Arc<Quiescence>) -> Self {
        AdvanceToNext {
            advance: Advance::new(clock, 0),
            to: None,
        }
    }
}

impl Future for AdvanceToNext {
    type Output = Option<Instant>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        let this = &mut *self;
        loop {
            if Pin::new(&mut this.advance).poll(cx).is_pending() {
                return Poll::Pending;
            }
            let clock = Arc::clone(&this.advance.clock);
            if let Some(to) = this.to.take() {
                this.advance = Advance::new(clock, 0);
                return Poll::Ready(Some(to));
            }
            let timers = clock.timers();
            let (now, next) = {
                let waits = timers.lock();
                (waits.now(), waits.next())
            };
            let Some(next) = next else {
                this.advance = Advance::new(clock, 0);
                return Poll::Ready(None);
            };
            this.to = Some(timers.instant(next));
            this.advance = Advance::new(Arc::clone(&clock), next.saturating_sub(now));
        }
    }
}
