//! A little chance in each delay, so that those who failed together do not come back together.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::chance;
use crate::clock::current::seed;

/// Gives durations of `[0, shift)`, all alike in probability.
#[derive(Clone, Debug, Default)]
pub(super) struct Jitter {
    shift: Duration,
    /// Nothing until it is first needed, or was said.
    state: Option<u64>,
}

impl Jitter {
    pub(super) fn set_shift(&mut self, shift: Duration) {
        self.shift = shift;
    }

    pub(super) fn set_seed(&mut self, seed: u64) {
        self.state = Some(seed);
    }

    /// The next one; no chance is used where there is nothing to choose.
    pub(super) fn next(&mut self) -> Duration {
        if self.shift.is_zero() {
            return Duration::ZERO;
        }
        match u64::try_from(self.shift.as_nanos()) {
            Ok(nanos) => Duration::from_nanos(self.below(nanos)),
            // Centuries: their last second is cut.
            Err(_) => {
                let secs = self.below(self.shift.as_secs());
                let nanos = u32::try_from(self.below(1_000_000_000)).unwrap_or(0);
                Duration::new(secs, nanos)
            }
        }
    }

    /// A number below `bound`: the high word of a product is one.
    fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.number()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    fn number(&mut self) -> u64 {
        chance::next(self.state.get_or_insert_with(any_seed))
    }
}

/// Another one in each process, and for each delayer; in virtual time the same in each run.
fn any_seed() -> u64 {
    seed().unwrap_or_else(|| RandomState::new().build_hasher().finish())
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn jitter(shift: Duration, seed: u64) -> Jitter {
        Jitter {
            shift,
            state: Some(seed),
        }
    }

    #[test]
    fn it_is_below_the_shift_and_reaches_all_of_it() {
        let shift = Duration::from_millis(100);
        let mut jitter = jitter(shift, 7);
        let all: Vec<_> = (0..10_000).map(|_| jitter.next()).collect();
        assert!(all.iter().all(|&one| one < shift));
        for tenth in 0..10 {
            let from = shift / 10 * tenth;
            let inside = all
                .iter()
                .filter(|&&one| one >= from && one < from + shift / 10);
            let count = inside.count();
            assert!((850..1_150).contains(&count), "{tenth}: {count}");
        }
    }

    #[test]
    fn a_seed_decides_it_all() {
        let shift = Duration::from_secs(1);
        let some = |seed| {
            let mut jitter = jitter(shift, seed);
            (0..10).map(|_| jitter.next()).collect::<Vec<_>>()
        };
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        let mut unseeded = (Jitter::default(), Jitter::default());
        unseeded.0.set_shift(shift);
        unseeded.1.set_shift(shift);
        assert_ne!(unseeded.0.next(), unseeded.1.next());
    }

    #[test]
    fn the_edges_are_total() {
        assert_eq!(jitter(Duration::ZERO, 1).next(), Duration::ZERO);
        assert_eq!(jitter(Duration::from_nanos(1), 1).next(), Duration::ZERO);
        let mut huge = jitter(Duration::MAX, 3);
        let all: Vec<_> = (0..100).map(|_| huge.next()).collect();
        assert!(all.iter().any(|&one| one > Duration::MAX / 2));
        assert!(all.iter().all(|&one| one < Duration::MAX));
    }
}
