//! `#[anyrt::test(sim)]`: a test's body under many schedules.

use std::future::Future;
use std::process::{ExitCode, Termination};
use std::sync::Arc;

use anyrt_core::testing::{Watch, block_on_watched, end_sim};
use anyrt_core::{BlockOn, Drive, Explore, Sim, SimHandle};

use super::{Settings, Verdict, complaint, until_over_virtually};

/// How many seeds are run where nothing is said.
const SEEDS: u64 = 100;

/// Which seeds a test runs.
#[derive(Clone, Copy, Debug)]
#[must_use = "seeds do nothing by themselves"]
pub struct Seeds {
    first: u64,
    count: u64,
    twice: bool,
}

impl Default for Seeds {
    fn default() -> Self {
        Seeds::new()
    }
}

impl Seeds {
    /// Those of an attribute without words.
    pub const fn new() -> Self {
        Seeds {
            first: 0,
            count: SEEDS,
            twice: false,
        }
    }

    /// `seeds = N`.
    pub const fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// `seed = N`.
    pub const fn only(mut self, seed: u64) -> Self {
        self.first = seed;
        self.count = 1;
        self
    }

    /// `twice`.
    pub const fn twice(mut self) -> Self {
        self.twice = true;
        self
    }
}

/// Runs a test in the simulator, once for each seed.
///
/// # Panics
///
/// With the story of the first seed that fails: by a panic of the body or an error that it returns, a stall,
/// a task that is left behind, a panic that nobody saw.
#[track_caller]
pub fn on_sim<F, Fut>(settings: Settings, seeds: Seeds, body: F)
where
    F: Fn(SimHandle) -> Fut,
    Fut: Future<Output: Termination>,
{
    let end = seeds.first.saturating_add(seeds.count);
    let mut explore = Explore::seeds(seeds.first..end);
    if seeds.twice {
        explore = explore.twice();
    }
    let explored = explore.run(|sim| once(sim, settings, &body));
    if let Err(failed) = explored {
        panic!("{failed}");
    }
}

fn once<F, Fut>(sim: &Sim, settings: Settings, body: &F)
where
    F: Fn(SimHandle) -> Fut,
    Fut: Future<Output: Termination>,
{
    let watch = Arc::new(Watch::default());
    let handle = sim.handle().clone();
    let value = block_on_watched(sim, Arc::clone(&watch), async { body(handle).await });
    let leftover = match settings.leftover_tasks {
        Verdict::Allow => Vec::new(),
        Verdict::Fail => {
            sim.block_on(until_over_virtually(sim.handle(), &watch));
            watch.live()
        }
    };
    // Drops what is left, and that may panic.
    end_sim(sim);
    let lost = match settings.lost_panics {
        Verdict::Allow => Vec::new(),
        Verdict::Fail => watch.unseen_panics(),
    };
    // Prints an error before a panic of ours would hide it.
    let failed = value.report() != ExitCode::SUCCESS;
    if let Some(complaint) = complaint(&leftover, &lost) {
        panic!("{complaint}");
    }
    assert!(!failed, "the test returned an error");
}
