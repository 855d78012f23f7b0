//! A seed that fails, and what is known of it.

use std::error::Error;
use std::fmt;
use std::panic::Location;

use super::explore::{Failure, replay};
use super::schedule::Switch;
use super::shrink::Shrunk;
use super::trace::{Log, SimTrace};

/// A seed under which a program fails.
///
/// Its text is the whole story: the seed and how to replay it, what panicked and where, the few switches
/// between tasks that it takes, and who was waiting at the end. Made by [`Explore::run`](crate::Explore::run).
///
/// # Examples
///
/// ```
/// use anyrt::{Sim, prelude::*};
///
/// let failed = Sim::explore(0..10, |sim| {
///     sim.block_on(std::future::pending::<()>()); // nobody will ever wake it
/// })
/// .unwrap_err();
/// assert_eq!(failed.seed(), 0);
/// assert!(failed.message().contains("has stalled"));
/// assert!(failed.to_string().contains("ANYRT_SEED=0"));
/// ```
pub struct FailedSeed(Box<Parts>);

struct Parts {
    seed: u64,
    passed: u64,
    place: &'static Location<'static>,
    trace: SimTrace,
    what: What,
    shrunk: Option<Shrunk>,
}

enum What {
    Failed(Failure),
    Diverged(String),
}

impl FailedSeed {
    pub(super) fn failed(
        seed: u64,
        passed: u64,
        place: &'static Location<'static>,
        trace: SimTrace,
        failure: Failure,
        shrunk: Option<Shrunk>,
    ) -> Self {
        FailedSeed(Box::new(Parts {
            seed,
            passed,
            place,
            trace,
            what: What::Failed(failure),
            shrunk,
        }))
    }

    pub(super) fn diverged(
        seed: u64,
        passed: u64,
        place: &'static Location<'static>,
        trace: SimTrace,
        divergence: String,
    ) -> Self {
        FailedSeed(Box::new(Parts {
            seed,
            passed,
            place,
            trace,
            what: What::Diverged(divergence),
            shrunk: None,
        }))
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Returns how many seeds passed before.
    pub fn passed(&self) -> u64 {
        self.0.passed
    }

    /// Returns what the program panicked with; for a divergence, where the two runs differ.
    pub fn message(&self) -> &str {
        match &self.0.what {
            What::Failed(failure) => &failure.message,
            What::Diverged(divergence) => divergence,
        }
    }

    /// Returns whether two runs of the seed differed: see [`twice`](crate::Explore::twice).
    pub fn is_divergence(&self) -> bool {
        matches!(self.0.what, What::Diverged(_))
    }

    /// Returns the trace of the run that failed, before it was shrunk.
    pub fn trace(&self) -> &SimTrace {
        &self.0.trace
    }

    /// Returns the switches that it takes to fail, a line for each.
    ///
    /// Between them everybody goes on until they wait. Empty where it fails without any; `None` where
    /// nothing was shrunk: a divergence, a replay, a run that did not fail a second time.
    pub fn switches(&self) -> Option<Vec<String>> {
        let shrunk = self.0.shrunk.as_ref()?;
        let line = |switch: &Switch| {
            let Some(step) = shrunk.log.steps.get(switch.step as usize) else {
                return format!("step {}", switch.step);
            };
            format!(
                "step {}: {} runs instead of {}",
                switch.step,
                shrunk.log.name(step.number),
                shrunk.log.name(step.usual),
            )
        };
        Some(shrunk.switches.iter().map(line).collect())
    }

    /// Returns the environment variables that replay the seed; the shrunk run of it, where there is one.
    pub fn replay(&self) -> String {
        let shrunk = self.0.shrunk.as_ref();
        replay(self.0.seed, shrunk.map(|shrunk| shrunk.switches.as_slice()))
    }
}

/// How many groups of turns, and how many switches, are printed.
const SHOWN: usize = 40;

/// Who had the turn, in short: `the root, task 1 ×3, task 2`.
fn turns(log: &Log) -> String {
    let mut groups: Vec<(u32, usize)> = Vec::new();
    for step in &log.steps {
        match groups.last_mut() {
            Some((number, count)) if *number == step.number => *count += 1,
            _ => groups.push((step.number, 1)),
        }
    }
    let shown = groups.len().min(SHOWN);
    let mut words: Vec<String> = groups[groups.len() - shown..]
        .iter()
        .map(|&(number, count)| match count {
            1 => log.short_name(number),
            _ => format!("{} ×{count}", log.short_name(number)),
        })
        .collect();
    if shown < groups.len() {
        words.insert(0, format!("… {} more", groups.len() - shown));
    }
    words.join(", ")
}

impl fmt::Display for FailedSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &*self.0;
        let Parts { seed, passed, .. } = parts;
        let failure = match &parts.what {
            What::Diverged(divergence) => {
                return write!(
                    f,
                    "seed {seed} does not run the same way twice (after {passed} that do): {divergence}\n  \
                     = replay it with: {}",
                    replay(*seed, None)
                );
            }
            What::Failed(failure) => failure,
        };
        write!(
            f,
            "seed {seed} fails (after {passed} that pass): {}\n  = replay it with: {}\n  \
             = explored at {}",
            failure.message,
            replay(*seed, None),
            parts.place,
        )?;
        for note in &failure.notes {
            // The text of the last is above.
            let text = note.message.lines().next().unwrap_or_default();
            write!(f, "\n  = panicked at {}: {text}", note.place)?;
        }
        if let (Some(shrunk), Some(lines)) = (&parts.shrunk, self.switches()) {
            write!(
                f,
                "\nthe same with {} of {} switches (found in {} runs); between them everybody goes on \
                 until they wait:",
                lines.len(),
                shrunk.before,
                shrunk.runs,
            )?;
            for line in lines.iter().take(SHOWN) {
                write!(f, "\n  - {line}")?;
            }
            if lines.len() > SHOWN {
                write!(f, "\n  … and {} more", lines.len() - SHOWN)?;
            }
            write!(f, "\n  = turns: {}", turns(&shrunk.log))?;
            write!(f, "\n  = replay just that with: {}", self.replay())?;
        }
        if !failure.waiting.is_empty() && !failure.message.contains("has stalled") {
            write!(f, "\nwho was there when it failed:\n{}", failure.waiting)?;
        }
        Ok(())
    }
}

impl fmt::Debug for FailedSeed {
    /// The same text: what `unwrap` prints should be readable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for FailedSeed {}
