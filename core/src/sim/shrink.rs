//! Making of a run that fails one that fails with few switches.

use super::schedule::Switch;
use super::trace::Log;

/// A run with as few switches as were found.
#[derive(Clone, Debug)]
pub(super) struct Shrunk {
    pub(super) switches: Vec<Switch>,
    /// The run itself.
    pub(super) log: Log,
    /// How many switches there were before.
    pub(super) before: usize,
    /// How many runs it took.
    pub(super) runs: u32,
}

/// Leaves out what is not needed, as long as `fails` gives a run; it is asked at most `budget` times.
///
/// Chunks first, then single switches; from the end, because what comes before then stays as it was.
/// `None`: the run could not be repeated at all.
pub(super) fn shrink(
    switches: &[Switch],
    budget: u32,
    mut fails: impl FnMut(&[Switch]) -> Option<Log>,
) -> Option<Shrunk> {
    let mut left = budget;
    let mut attempt = |switches: &[Switch]| {
        left = left.checked_sub(1)?;
        fails(switches)
    };
    // Many a failure needs no switch at all.
    let first = attempt(&[]).or_else(|| attempt(switches))?;
    let mut best = first.switches();
    let mut log = first;
    let mut chunk = best.len().div_ceil(2);
    while chunk > 0 && !best.is_empty() {
        let mut end = best.len();
        let mut smaller = false;
        while end > 0 {
            let start = end.saturating_sub(chunk);
            let kept = [&best[..start], &best[end..]].concat();
            if let Some(shorter) = attempt(&kept) {
                // What was not applied, because the run went another way, is not needed either.
                best = shorter.switches();
                log = shorter;
                smaller = true;
            }
            end = start.min(best.len());
        }
        if !(smaller && chunk == 1) {
            chunk /= 2;
        }
    }
    Some(Shrunk {
        switches: best,
        log,
        before: switches.len(),
        runs: budget - left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(step: u64) -> Switch {
        Switch { step, number: 7 }
    }

    /// A run that made these switches.
    fn run(switches: &[Switch]) -> Log {
        let mut log = Log::default();
        let end = switches.last().map_or(0, |switch| switch.step + 1);
        for step in 0..end {
            let made = switches.iter().find(|switch| switch.step == step);
            let number = made.map_or(1, |switch| switch.number);
            log.step(number, 1, super::super::trace::Kind::Task, 0);
        }
        log
    }

    #[test]
    fn only_what_is_needed_stays() {
        let all: Vec<_> = (0..100).map(switch).collect();
        let needed = [switch(17), switch(63)];
        let fails = |kept: &[Switch]| needed.iter().all(|n| kept.contains(n)).then(|| run(kept));
        let shrunk = shrink(&all, 200, fails).expect("it fails");
        assert_eq!(shrunk.switches, needed);
        assert_eq!(shrunk.before, 100);
        assert!(shrunk.runs < 60, "{}", shrunk.runs);
    }

    #[test]
    fn what_fails_anyway_needs_no_switch() {
        let all: Vec<_> = (0..100).map(switch).collect();
        let shrunk = shrink(&all, 200, |kept| Some(run(kept))).expect("it fails");
        assert!(shrunk.switches.is_empty());
        assert_eq!(shrunk.runs, 1);
    }

    #[test]
    fn what_does_not_fail_again_is_not_shrunk() {
        assert!(shrink(&[switch(1)], 200, |_| None).is_none());
    }

    #[test]
    fn the_number_of_runs_is_bounded() {
        let all: Vec<_> = (0..1_000).map(switch).collect();
        let mut runs = 0;
        let fails = |kept: &[Switch]| {
            runs += 1;
            (kept.len() > 500).then(|| run(kept))
        };
        let shrunk = shrink(&all, 20, fails).expect("it fails");
        assert_eq!(shrunk.runs, 20);
        assert_eq!(runs, 20);
        assert!(shrink(&all, 0, |_| Some(Log::default())).is_none());
    }
}
