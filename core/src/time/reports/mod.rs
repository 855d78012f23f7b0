//! Saying what takes long: a wait, or a poll.
//!
//! [`impatient`] and [`slow_polls`] watch a future and pass on what it gives; [`sink`] is who is told.
//! [`suffix`] has the words by which both are reached.

mod impatient;
mod sink;
mod slow_polls;
mod suffix;

pub use impatient::{Impatient, OnCompletion, ReportCompletion, WaitEvent, WaitReport};
pub use slow_polls::{SlowPoll, SpawnWarned, WarnPolls};
pub use suffix::Reportable;
