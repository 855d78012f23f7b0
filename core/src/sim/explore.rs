//! Running a program under many seeds.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;

use super::failed::FailedSeed;
use super::notes::{Note, Notes, Noting, Sound};
use super::owner::{HostedBy, Sim, SimWith};
use super::schedule::{Plan, Schedule, Switch};
use super::shrink::shrink;
use super::trace::SimTrace;
use crate::region::contain::{contain, discard, drop_contained, message};
use crate::runtime::Drive;

/// The environment variable that says which seed to run, instead of all.
const SEED: &str = "ANYRT_SEED";
/// Beside it: which switches to make, instead of those of the seed.
const SWITCHES: &str = "ANYRT_SWITCHES";
/// How many seeds to run, instead of what the program says.
const SEEDS: &str = "ANYRT_SEEDS";

/// Runs a program under many seeds, and says which one fails.
///
/// A program is a closure that is given a fresh [`Sim`] for each seed; it fails by panicking. The first seed
/// that fails ends the search, and is *shrunk*: run again with fewer and fewer switches between tasks, as
/// long as it fails at the same place. [`FailedSeed`] prints what is left, and how to replay it:
///
/// | environment variable | runs |
/// |---|---|
/// | `ANYRT_SEED=17` | that seed, and prints panics as they happen |
/// | `ANYRT_SEED=17 ANYRT_SWITCHES=5:2,7:1` | the shrunk run of it |
/// | `ANYRT_SEEDS=100000` | that many seeds, from the first one on |
///
/// Panics inside the runs are not printed, but kept for the report: for that a panic hook goes round the one
/// that is there, once in the process, and lets all other panics through.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use anyrt::{Explore, Sim, checkpoint, prelude::*};
///
/// fn lost_update(sim: &Sim) {
///     let rt = sim.handle().clone();
///     let total = Arc::new(AtomicU32::new(0));
///     let add = |total: Arc<AtomicU32>| async move {
///         let seen = total.load(Ordering::Relaxed);
///         anyrt::current().unwrap().spawn(async {}).await.unwrap(); // others may run here
///         total.store(seen + 1, Ordering::Relaxed);
///     };
///     let adds = (0..2).map(|_| add(Arc::clone(&total)));
///     sim.block_on(rt.gather(adds));
///     assert_eq!(total.load(Ordering::Relaxed), 2, "an update was lost");
/// }
///
/// let failed = Explore::seeds(0..1000).run(lost_update).unwrap_err();
/// assert!(failed.message().contains("an update was lost"));
/// // The seed is replayed by its number.
/// assert_eq!(Explore::seed(failed.seed()).run(lost_update).unwrap_err().trace(), failed.trace());
/// ```
#[must_use = "nothing is run until `run` is called"]
pub struct Explore {
    seeds: Range<u64>,
    words: SimWith,
    schedule: Schedule,
    start: Box<dyn Fn() -> HostedBy>,
    repeat: Repeat,
    shrink_runs: u32,
}

/// How often each seed is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Once,
    Twice,
}

/// How many runs are spent on shrinking, if nothing is said.
const SHRINK_RUNS: u32 = 200;

/// One run.
pub(super) struct Run {
    pub(super) trace: SimTrace,
    pub(super) failure: Option<Failure>,
}

/// How it failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) notes: Vec<Note>,
    /// Who was there.
    pub(super) waiting: String,
}

impl Failure {
    /// Whether the two are of one bug: what failed last did so at the same place.
    fn is_like(&self, other: &Failure) -> bool {
        let place = |failure: &Failure| failure.notes.last().map(|note| note.place.clone());
        match (place(self), place(other)) {
            (None, None) => self.message == other.message,
            (one, two) => one == two,
        }
    }
}

impl Explore {
    /// Begins with these seeds.
    pub fn seeds(seeds: Range<u64>) -> Self {
        Explore {
            seeds,
            words: Sim::with(),
            schedule: Schedule::Random,
            start: Box::new(|| HostedBy::Nobody),
            repeat: Repeat::Once,
            shrink_runs: SHRINK_RUNS,
        }
    }

    /// Begins with one seed.
    pub fn seed(seed: u64) -> Self {
        Self::seeds(seed..seed.saturating_add(1))
    }

    /// Runs each on a runtime, which is started anew for it: [`Sim::on`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Explore, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let explored = Explore::seeds(0..10)
    ///     .on(BuiltinRuntime::new)
    ///     .run(|sim| assert_eq!(sim.block_on(async { 42 }), 42))
    ///     .unwrap();
    /// assert_eq!(explored.runs(), 10);
    /// ```
    pub fn on<D>(mut self, start: impl Fn() -> D + 'static) -> Self
    where
        D: Drive + Send + Sync + 'static,
    {
        self.start = Box::new(move || HostedBy::runtime(start()));
        self
    }

    /// Sets who is next: a random one, if it is not said.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Allows wake-ups from threads that are no part of the simulation:
    /// [`SimWith::allow_outside_wakes`].
    pub fn allow_outside_wakes(mut self) -> Self {
        self.words = self.words.allow_outside_wakes();
        self
    }

    /// Runs each seed twice, and fails where the two runs differ.
    ///
    /// So it finds hidden chance: a real clock, a hash map's order, a thread of somebody's own. The report
    /// names the first step in which they differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use anyrt::{Explore, Sim, prelude::*};
    ///
    /// static RUNS: AtomicU32 = AtomicU32::new(0);
    ///
    /// let failed = Explore::seeds(0..10).twice().run(|sim: &Sim| {
    ///     let rt = sim.handle().clone();
    ///     // Another number of tasks each time.
    ///     let tasks = RUNS.fetch_add(1, Ordering::Relaxed);
    ///     sim.block_on(rt.gather((0..tasks).map(|_| async {})));
    /// }).unwrap_err();
    /// assert!(failed.is_divergence());
    /// ```
    pub fn twice(mut self) -> Self {
        self.repeat = Repeat::Twice;
        self
    }

    /// Sets how many runs may be spent on shrinking: 200, if it is not said; none with zero.
    pub fn shrink_runs(mut self, runs: u32) -> Self {
        self.shrink_runs = runs;
        self
    }

    /// Runs `program` for each seed, until one fails.
    ///
    /// # Errors
    ///
    /// The first seed for which it panics, or for which the simulation stalls.
    ///
    /// # Panics
    ///
    /// If an environment variable says something that is no seed.
    #[track_caller]
    pub fn run(mut self, mut program: impl FnMut(&Sim)) -> Result<Explored, FailedSeed> {
        let asked = Asked::from_env();
        let mut sound = Sound::Quiet;
        if let Some(seed) = asked.seed {
            self.seeds = seed..seed.saturating_add(1);
            sound = Sound::Loud;
        } else if let Some(count) = asked.seeds {
            self.seeds.end = self.seeds.start.saturating_add(count);
        }
        let place = Location::caller();
        let mut traces = HashSet::new();
        let mut runs = 0;
        for seed in self.seeds.clone() {
            let plan = match &asked.switches {
                Some(switches) => Plan::Replay(switches.as_slice().into()),
                None => Plan::Seeded(self.schedule),
            };
            let run = self.once(seed, plan.clone(), sound, &mut program);
            if let Some(failure) = run.failure {
                let shrunk = match asked.switches {
                    None => self.shrink(seed, &run.trace, &failure, &mut program),
                    Some(_) => None,
                };
                return Err(FailedSeed::failed(
                    seed, runs, place, run.trace, failure, shrunk,
                ));
            }
            if self.repeat == Repeat::Twice {
                let again = self.once(seed, plan, Sound::Quiet, &mut program);
                if let Some(divergence) = run.trace.divergence(&again.trace) {
                    return Err(FailedSeed::diverged(
                        seed, runs, place, run.trace, divergence,
                    ));
                }
            }
            runs += 1;
            traces.insert(run.trace.hash());
        }
        Ok(Explored {
            runs,
            distinct: traces.len() as u64,
        })
    }

    fn once(&self, seed: u64, plan: Plan, sound: Sound, program: &mut impl FnMut(&Sim)) -> Run {
        let notes = Arc::new(Notes::new(sound));
        let _noting = Noting::new(&notes);
        let words = self.words.clone().seed(seed).noted_by(&notes);
        let sim = Sim::start_with(&words, plan, (self.start)());
        let ended = contain(|| program(&sim));
        let failure = ended.err().map(|payload| {
            let text = message(&payload).unwrap_or("a payload that is no text");
            let failure = Failure {
                message: text.to_owned(),
                notes: notes.seen().clone(),
                waiting: sim.waiting(),
            };
            discard(payload);
            failure
        });
        let trace = sim.trace();
        // What its end drops may panic too.
        drop_contained(sim).unwrap_or_else(discard);
        Run { trace, failure }
    }

    fn shrink(
        &self,
        seed: u64,
        trace: &SimTrace,
        failure: &Failure,
        program: &mut impl FnMut(&Sim),
    ) -> Option<super::shrink::Shrunk> {
        if !trace.log.is_whole() {
            return None;
        }
        let switches = trace.log.switches();
        shrink(&switches, self.shrink_runs, |switches| {
            let plan = Plan::Replay(switches.into());
            let run = self.once(seed, plan, Sound::Quiet, program);
            let alike = run.failure.is_some_and(|again| again.is_like(failure));
            (alike && run.trace.log.is_whole()).then(|| (*run.trace.log).clone())
        })
    }
}

impl Sim {
    /// Runs `program` under each of these seeds: [`Explore`] without further words.
    ///
    /// # Errors
    ///
    /// The first seed for which it panics, or for which the simulation stalls.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Sim, prelude::*};
    ///
    /// let explored = Sim::explore(0..100, |sim| {
    ///     let rt = sim.handle().clone();
    ///     let sum: u32 = sim.block_on(rt.gather((1..=4).map(|n| async move { n }))).iter().sum();
    ///     assert_eq!(sum, 10);
    /// })
    /// .unwrap();
    /// assert_eq!(explored.runs(), 100);
    /// assert!(explored.distinct() > 10, "of the 24 orders in which four tasks can run");
    /// ```
    #[track_caller]
    pub fn explore(seeds: Range<u64>, program: impl FnMut(&Sim)) -> Result<Explored, FailedSeed> {
        Explore::seeds(seeds).run(program)
    }
}

impl fmt::Debug for Explore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore")
            .field("seeds", &self.seeds)
            .field("schedule", &self.schedule)
            .field("repeat", &self.repeat)
            .finish_non_exhaustive()
    }
}

/// What a search that found nothing has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    runs: u64,
    distinct: u64,
}

impl Explored {
    /// Returns how many seeds were run.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Returns how many different runs there were among them.
    pub fn distinct(&self) -> u64 {
        self.distinct
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seeds, {} different runs", self.runs, self.distinct)
    }
}

/// What the environment asks for.
#[derive(Debug, Default)]
struct Asked {
    seed: Option<u64>,
    seeds: Option<u64>,
    switches: Option<Vec<Switch>>,
}

impl Asked {
    #[track_caller]
    fn from_env() -> Asked {
        let read = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let number = |name: &str| {
            let text = read(name)?;
            match text.trim().parse() {
                Ok(number) => Some(number),
                Err(_) => panic!("the environment variable {name} is no number: {text:?}"),
            }
        };
        let seed = number(SEED);
        Asked {
            seed,
            seeds: number(SEEDS),
            // Of another seed they would mean nothing.
            switches: seed
                .and(read(SWITCHES))
                .map(|text| match parse_switches(&text) {
                    Some(switches) => switches,
                    None => panic!(
                        "the environment variable {SWITCHES} is no list like `5:2,7:1`: {text:?}"
                    ),
                }),
        }
    }
}

/// `5:2,7:1`: in step 5 entity 2, in step 7 entity 1.
fn parse_switches(text: &str) -> Option<Vec<Switch>> {
    let parse = |part: &str| {
        let (step, number) = part.trim().split_once(':')?;
        Some(Switch {
            step: step.parse().ok()?,
            number: number.parse().ok()?,
        })
    };
    let mut switches = text.split(',').map(parse).collect::<Option<Vec<_>>>()?;
    switches.sort_by_key(|switch| switch.step);
    Some(switches)
}

/// How to run a seed again.
pub(super) fn replay(seed: u64, switches: Option<&[Switch]>) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{SEED}={seed}");
    let mut separator = format!(" {SWITCHES}=");
    for switch in switches.unwrap_or_default() {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{separator}{}:{}", switch.step, switch.number);
        separator = ",".to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_as_they_are_written() {
        let switches = [
            Switch { step: 5, number: 2 },
            Switch {
                step: 17,
                number: 1,
            },
        ];
        let text = replay(3, Some(&switches));
        assert_eq!(text, "ANYRT_SEED=3 ANYRT_SWITCHES=5:2,17:1");
        let (_, list) = text.split_once("SWITCHES=").expect("it has them");
        assert_eq!(parse_switches(list).as_deref(), Some(&switches[..]));
        assert_eq!(parse_switches("5"), None);
        assert_eq!(replay(3, None), "ANYRT_SEED=3");
    }
}
