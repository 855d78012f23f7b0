//! Doing things in time: within a limit, again and again, again after a failure; and saying what takes long.
//!
//! [`timeout`] gives a future a limited time, which [`deadline`] moves and tells to who is inside;
//! [`elapsed`] is what it gives when that is up. [`interval`] ticks for who polls it, [`every`] runs a child
//! of a scope at each tick; [`missed`] says what both do when they are late. [`retry`] tries again what
//! failed, [`reports`] say what takes long. [`durations`] are for writing all this down, [`digits`] for
//! reading it; [`timed`] has the suffix forms.

mod deadline;
mod digits;
mod durations;
mod elapsed;
mod every;
mod interval;
mod missed;
mod reports;
mod retry;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod timed;
mod timeout;

pub use deadline::{Deadline, RescheduleError, deadline};
pub use durations::Durations;
pub use elapsed::Elapsed;
pub use every::{Every, Tick, Ticking};
pub use interval::{Interval, NextTick};
pub use missed::MissedTick;
pub use reports::{
    Impatient, OnCompletion, ReportCompletion, Reportable, SlowPoll, SpawnWarned, WaitEvent,
    WaitReport, WarnPolls,
};
pub(crate) use retry::default_delays;
pub use retry::{DefaultDelays, NoDelays, Retry, RetryDelayer, RetryError, RetrySleep, When};
pub use timed::Timed;
pub use timeout::{MoveOn, Timeout};
