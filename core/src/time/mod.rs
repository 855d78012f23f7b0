//! Doing things in time: again and again, again after a failure, and saying what takes long.
//!
//! [`interval`] ticks for who polls it, [`every`] runs a child of a scope at each tick; [`missed`] says what
//! both do when they are late. [`retry`] tries again what failed, [`reports`] say what takes long.
//! [`durations`] are for writing all this down, [`digits`] for reading it.

mod digits;
mod durations;
mod every;
mod interval;
mod missed;
mod reports;
mod retry;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use durations::Durations;
pub use every::{Every, Tick, Ticking};
pub use interval::{Interval, NextTick};
pub use missed::MissedTick;
pub use reports::{
    Impatient, OnCompletion, ReportCompletion, Reportable, SlowPoll, SpawnWarned, WaitEvent,
    WaitReport, WarnPolls,
};
pub(crate) use retry::default_delays;
pub use retry::{DefaultDelays, NoDelays, Retry, RetryDelayer, RetryError, RetrySleep, When};
