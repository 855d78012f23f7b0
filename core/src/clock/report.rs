//! Who waits for what, where time does not go on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::quiescence::Pace;
use super::timers::Nanos;
use super::tracked::{Tracking, What};

/// How many tasks a report names.
const NAMED: usize = 50;

/// Why a report is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nothing can run, and nothing is waited for that the clock knows.
    Stalled,
    /// So much real time has passed, and no virtual time.
    Hung(Duration),
}

/// What a clock knows of who waits and who runs.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    why: Why,
    pace: Pace,
    now: Nanos,
    /// How many sleeps there are.
    sleeps: usize,
    tasks: Vec<Line>,
}

/// One task.
#[derive(Clone, Copy, Debug)]
struct Line {
    what: What,
    since: Nanos,
    rests: bool,
}

impl Report {
    pub(crate) fn new(
        why: Why,
        pace: Pace,
        now: Nanos,
        sleeps: usize,
        tasks: &[Arc<Tracking>],
    ) -> Self {
        let mut tasks: Vec<_> = tasks
            .iter()
            .map(|task| Line {
                what: task.what(),
                since: task.since(),
                rests: task.rests(),
            })
            .collect();
        // Who has waited longest is the most likely cause.
        tasks.sort_by_key(|line| (line.rests, line.since));
        Report {
            why,
            pace,
            now,
            sleeps,
            tasks,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = Duration::from_nanos(self.now);
        write!(f, "virtual time stands still, {now:?} after its start: ")?;
        match self.why {
            Why::Stalled if self.sleeps > 0 && self.pace == Pace::ByHand => write!(
                f,
                "nothing can run, {} sleeps wait, and nobody moves the clock on by `advance`",
                self.sleeps
            )?,
            Why::Stalled => f.write_str(
                "nothing can run, and no sleep is left to wake anything. If something outside is to, \
                 await it in `anyrt::external(..)`",
            )?,
            Why::Hung(real) => write!(
                f,
                "something has been busy for {real:?} of real time: a task that never rests, a blocking \
                 job, a hold, or an `external` future",
            )?,
        }
        for line in self.tasks.iter().take(NAMED) {
            f.write_str(if line.rests { "\n  waits" } else { "\n  runs" })?;
            let since = Duration::from_nanos(line.since);
            match line.what {
                What::Driven => f.write_str(": the future that is driven")?,
                What::Task(spawned) => write!(f, ": the task spawned at {spawned}")?,
                What::Job(submitted) => write!(f, ": the blocking job submitted at {submitted}")?,
            }
            write!(f, ", since {since:?}")?;
        }
        match self.tasks.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}
