//! Ticks, for who polls for them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::stream::{FusedStream, Stream};

use super::missed::MissedTick;
use crate::runtime::{Instant, Sleep, Timer};

/// How many ticks that are due already come in a row before the task lets others run.
const IN_A_ROW: u8 = 32;

/// Ticks in a fixed period: what [`Runtime::interval`](crate::Runtime::interval) gives.
///
/// Wait for the next one with [`tick`](Interval::tick), or take it as a stream that never ends. A tick is
/// the moment when it was *due*; what becomes of those that nobody came for in time says
/// [`on_missed`](Interval::on_missed).
///
/// A period of zero is due whenever it is asked for, and now and then lets other tasks run; one that leads
/// beyond the clock's last moment never comes.
///
/// Cancel safe: dropping what waits for a tick takes none away.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// owner.block_on(async {
///     let mut interval = owner.handle().interval(1.millis());
///     let first = interval.tick().await; // at once
///     assert_eq!(interval.tick().await - first, 1.millis());
///     assert_eq!(interval.tick().await - first, 2.millis());
/// });
/// ```
#[must_use = "an interval does nothing unless its ticks are awaited"]
pub struct Interval<R: Timer> {
    rt: R,
    period: Duration,
    missed: MissedTick,
    /// When the next one is due; nothing is never.
    next: Option<Instant>,
    /// Made when it is first waited for, and moved on from then.
    sleep: Option<Pin<Box<R::Sleep>>>,
    /// What the sleep was last set to; nothing once it has been ready.
    armed: Option<Instant>,
    in_a_row: u8,
}

/// Nothing in it is pinned in place.
impl<R: Timer> Unpin for Interval<R> {}

impl<R: Timer> Interval<R> {
    pub(crate) fn new(rt: &R, first: Option<Instant>, period: Duration) -> Self {
        Interval {
            rt: rt.clone(),
            period,
            missed: MissedTick::Burst,
            next: first,
            sleep: None,
            armed: None,
            in_a_row: 0,
        }
    }

    /// Says what becomes of ticks that were missed: [`MissedTick::Burst`], if it is not said.
    ///
    /// # Examples
    ///
    /// See [`MissedTick`].
    #[doc(alias = "set_missed_tick_behavior")]
    pub fn on_missed(mut self, policy: MissedTick) -> Self {
        self.missed = policy;
        self
    }

    /// Waits for the next tick, and gives the moment when it was due.
    ///
    /// Cancel safe: a tick that was not given comes next. Polled again after it was ready, it waits for
    /// the one after.
    ///
    /// # Examples
    ///
    /// See [`Interval`].
    pub fn tick(&mut self) -> NextTick<'_, R> {
        NextTick { interval: self }
    }

    /// Returns the time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Starts anew: the next tick is due one period from now.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// owner.block_on(async {
    ///     let rt = owner.handle();
    ///     let mut idle = rt.interval(1.millis());
    ///     let before = rt.now();
    ///     idle.reset(); // something happened: not idle
    ///     assert!(idle.tick().await >= before + 1.millis());
    /// });
    /// ```
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Moves the next tick to this long from now; those after it follow in the period.
    ///
    /// Zero is at once; what leads beyond the clock's last moment is never.
    pub fn reset_after(&mut self, after: Duration) {
        self.next = self.rt.now().checked_add(after);
    }

    /// Moves the next tick to `deadline`, which may have passed; those after it follow in the period.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.next = Some(deadline);
    }

    /// Waits until a tick is due, and says when it was. It stays due until it is [`taken`](Interval::take).
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let Some(due) = self.next else {
            return Poll::Pending;
        };
        if self.armed != Some(due) {
            // A sleep that is reset to a moment that has passed may be late by the grain of its timer.
            if self.rt.now() >= due {
                if self.in_a_row == IN_A_ROW {
                    self.in_a_row = 0;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.in_a_row += 1;
                return Poll::Ready(due);
            }
            self.in_a_row = 0;
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(due),
                none => *none = Some(Box::pin(self.rt.sleep_until(due))),
            }
            self.armed = Some(due);
        }
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
        }
        self.armed = None;
        Poll::Ready(due)
    }

    /// The tick that was due has come, now.
    pub(super) fn take(&mut self, policy: MissedTick) {
        if let Some(due) = self.next {
            self.next = policy.next(due, self.rt.now(), self.period);
        }
    }

    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let due = ready!(self.poll_due(cx));
        self.take(self.missed);
        Poll::Ready(due)
    }
}

impl<R: Timer> Stream for Interval<R> {
    type Item = Instant;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.get_mut().poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl<R: Timer> FusedStream for Interval<R> {
    fn is_terminated(&self) -> bool {
        false
    }
}

impl<R: Timer> fmt::Debug for Interval<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("period", &self.period)
            .field("on_missed", &self.missed)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// The future of [`Interval::tick`].
///
/// Cancel safe: a tick that was not given comes next. Polled again after it was ready, it waits for the
/// one after.
#[must_use = "a future does nothing unless it is awaited"]
pub struct NextTick<'a, R: Timer> {
    interval: &'a mut Interval<R>,
}

impl<R: Timer> Future for NextTick<'_, R> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.interval.poll_tick(cx)
    }
}

impl<R: Timer> fmt::Debug for NextTick<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NextTick").field(&self.interval).finish()
    }
}
