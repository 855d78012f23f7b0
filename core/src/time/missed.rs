//! What becomes of ticks that nobody came for in time.

use std::time::Duration;

use crate::runtime::Instant;

/// What an interval does when a tick comes late.
///
/// Late is what comes more than 5 milliseconds, or half a period if that is less, after it was due: timers
/// have a grain, and what is within it shifts no schedule. With a period of 10, and a tick that was due at
/// 10 and came at 35:
///
/// ```text
/// due      0    10    20    30    40    50    60
/// Burst    *     .     .    35*** 40    50    60     those that were missed, at once
/// Delay    *     .     .    35      45      55       a period after the one that was late
/// Skip     *     .     .    35    40    50    60     in step again, the others are left out
/// ```
///
/// # Examples
///
/// ```
/// use anyrt::{MissedTick, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let interval = owner.handle().interval(10.millis()).on_missed(MissedTick::Skip);
/// assert_eq!(interval.period(), 10.millis());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "MissedTickBehavior")]
pub enum MissedTick {
    /// They come one after the other, at once, until the schedule is caught up with.
    Burst,
    /// The next one comes a period after the late one: the schedule moves.
    Delay,
    /// They are left out: the next one comes at the next moment of the schedule.
    Skip,
}

/// What is this late is not late. As in the field's intervals.
const GRAIN: Duration = Duration::from_millis(5);

impl MissedTick {
    /// When the next tick is due, after one that was due at `due` and came at `now`; nothing is never.
    pub(super) fn next(self, due: Instant, now: Instant, period: Duration) -> Option<Instant> {
        if period.is_zero() {
            return Some(now.max(due));
        }
        let late = now.saturating_duration_since(due);
        let policy = match late <= GRAIN.min(period / 2) {
            true => MissedTick::Burst,
            false => self,
        };
        match policy {
            MissedTick::Burst => due.checked_add(period),
            MissedTick::Delay => now.checked_add(period),
            MissedTick::Skip => {
                let into = late.as_nanos() % period.as_nanos();
                now.checked_add(from_nanos(period.as_nanos() - into))
            }
        }
    }
}

/// `Duration::from_nanos`, of more than a `u64` has.
fn from_nanos(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let secs = u64::try_from(nanos / SECOND).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanos % SECOND).unwrap_or(0);
    Duration::new(secs, rest)
}
