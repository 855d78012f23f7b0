//! What happened: a hash over all steps, and for the first millions of them who ran.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::schedule::Switch;
use crate::runtime::KnownAs;

/// How many steps, and how many entities, are kept by name. What comes later is in the hash only.
const KEPT: usize = 1 << 22;

/// What kind of thing takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The future of a `block_on`.
    Root,
    Task,
    Job,
}

/// Who an entity is.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) kind: Kind,
    pub(super) who: KnownAs,
    /// Who spawned it, if that was an entity.
    pub(super) parent: Option<u32>,
}

/// One turn of one entity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) number: u32,
    /// Who would have run by the usual choice.
    pub(super) usual: u32,
    /// The hash up to here.
    pub(super) hash: u64,
}

/// The record of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    pub(super) steps: Vec<Step>,
    pub(super) origins: Vec<Origin>,
    pub(super) count: u64,
    pub(super) hash: u64,
    pub(super) now: u64,
}

impl Log {
    /// Gives an entity its number.
    pub(super) fn born(&mut self, number: u32, origin: Origin) {
        if self.origins.len() < KEPT && self.origins.len() == number as usize {
            self.origins.push(origin);
        }
    }

    pub(super) fn step(&mut self, number: u32, usual: u32, kind: Kind, now: u64) {
        let word = u64::from(number) << 2 | kind as u64;
        self.hash = (self.hash ^ word ^ now.rotate_left(32))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(23);
        self.now = now;
        if self.steps.len() < KEPT {
            self.steps.push(Step {
                number,
                usual,
                hash: self.hash,
            });
        }
        self.count += 1;
    }

    /// Whether all steps are there.
    pub(super) fn is_whole(&self) -> bool {
        self.steps.len() as u64 == self.count
    }

    /// Where this run did not make the usual choice.
    pub(super) fn switches(&self) -> Vec<Switch> {
        let steps = self.steps.iter().enumerate();
        steps
            .filter(|(_, step)| step.number != step.usual)
            .map(|(at, step)| Switch {
                step: at as u64,
                number: step.number,
            })
            .collect()
    }

    /// An entity in words: `task 3 (spawned at src/lib.rs:7:9)`.
    pub(super) fn name(&self, number: u32) -> String {
        let Some(origin) = self.origins.get(number as usize) else {
            return format!("entity {number}");
        };
        let who = &origin.who;
        match origin.kind {
            Kind::Root => format!("the future of `block_on` at {}", who.place),
            Kind::Task => format!("task {number} ({who})"),
            Kind::Job => format!("blocking job {number} ({who})"),
        }
    }

    /// The same in a few letters: `task 3`.
    pub(super) fn short_name(&self, number: u32) -> String {
        let Some(origin) = self.origins.get(number as usize) else {
            return format!("entity {number}");
        };
        match (origin.kind, &origin.who.name) {
            (Kind::Root, _) => "the root".to_owned(),
            (_, Some(name)) => format!("`{name}`"),
            (Kind::Task, None) => format!("task {number}"),
            (Kind::Job, None) => format!("job {number}"),
        }
    }
}

/// What happened in a simulation, as a number: the same seed gives the same on every backend.
///
/// The hash is over each step: who ran, of what kind it is, and the virtual time. So two traces are equal
/// where the two runs did the same in the same order; what the code did inside a step is not seen.
///
/// Made by [`Sim::trace`](crate::Sim::trace).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{Sim, SimTrace, prelude::*};
///
/// fn run(seed: u64) -> SimTrace {
///     let sim = Sim::new(seed);
///     let rt = sim.handle().clone();
///     sim.block_on(async move {
///         let naps = (1..=3).map(|n| rt.sleep(Duration::from_secs(n)));
///         rt.gather(naps).await;
///     });
///     sim.trace()
/// }
///
/// assert_eq!(run(7), run(7));
/// assert_eq!(run(7).elapsed(), Duration::from_secs(3));
/// assert!(run(7).steps() >= 4);
/// ```
#[derive(Clone)]
pub struct SimTrace {
    pub(super) log: Arc<Log>,
}

impl SimTrace {
    /// Returns the hash.
    pub fn hash(&self) -> u64 {
        self.log.hash
    }

    /// Returns how many steps were taken: polls of tasks, and turns of blocking jobs.
    pub fn steps(&self) -> u64 {
        self.log.count
    }

    /// Returns how much virtual time had passed at the last step.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.log.now)
    }

    /// Returns the first step in which the two differ, in words; `None` where they are alike.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Schedule, Sim, SimTrace, prelude::*};
    ///
    /// fn run(schedule: Schedule) -> SimTrace {
    ///     let sim = Sim::with().schedule(schedule).start();
    ///     let rt = sim.handle().clone();
    ///     sim.block_on(async move { rt.gather((0..3).map(|_| async {})).await });
    ///     sim.trace()
    /// }
    ///
    /// let (fifo, lifo) = (run(Schedule::Fifo), run(Schedule::Lifo));
    /// assert_eq!(fifo.divergence(&fifo), None);
    /// let told = fifo.divergence(&lifo).unwrap();
    /// assert!(told.contains("step 1") && told.contains("task 1") && told.contains("task 3"), "{told}");
    /// ```
    #[must_use]
    pub fn divergence(&self, other: &SimTrace) -> Option<String> {
        if self == other {
            return None;
        }
        let (one, two) = (&self.log, &other.log);
        let pairs = one.steps.iter().zip(&two.steps);
        let at = pairs.take_while(|(a, b)| a.hash == b.hash).count();
        let told = |log: &Log| match log.steps.get(at) {
            Some(step) => log.name(step.number),
            None if log.is_whole() => "nobody: the run was over".to_owned(),
            None => "not recorded any more".to_owned(),
        };
        let (first, second) = (told(one), told(two));
        Some(match first == second {
            false => {
                format!("in step {at} ran, the first time, {first}; the second time, {second}")
            }
            true => format!(
                "in step {at} ran {first}, but at another virtual time, or as something else"
            ),
        })
    }
}

impl PartialEq for SimTrace {
    fn eq(&self, other: &Self) -> bool {
        let key = |log: &Log| (log.hash, log.count, log.now);
        key(&self.log) == key(&other.log)
    }
}

impl Eq for SimTrace {}

impl fmt::Debug for SimTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTrace")
            .field("hash", &format_args!("{:#018x}", self.hash()))
            .field("steps", &self.steps())
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SimTrace {
    /// `9c41f7aa01b2c3d4, 12 steps, 3s`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hash, steps) = (self.hash(), self.steps());
        write!(f, "{hash:016x}, {steps} steps, {:?}", self.elapsed())
    }
}
