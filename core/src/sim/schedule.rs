//! Who is next: the policy that picks one of the ready.

use std::sync::Arc;

use super::ready::{Key, Ready};
use crate::chance::mix;

/// How a simulation picks who runs next, of all that could run.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use anyrt::{Schedule, Sim, prelude::*};
///
/// /// The order in which three tasks run.
/// fn order(schedule: Schedule) -> Vec<u32> {
///     let sim = Sim::with().schedule(schedule).start();
///     let seen = Arc::new(Mutex::new(Vec::new()));
///     let rt = sim.handle().clone();
///     let here = Arc::clone(&seen);
///     sim.block_on(async move {
///         let tasks = [1, 2, 3].map(|n| {
///             let seen = Arc::clone(&here);
///             rt.spawn(async move { seen.lock().unwrap().push(n) })
///         });
///         for task in tasks {
///             task.await.unwrap();
///         }
///     });
///     seen.lock().unwrap().clone()
/// }
///
/// assert_eq!(order(Schedule::Fifo), [1, 2, 3]);
/// assert_eq!(order(Schedule::Lifo), [3, 2, 1]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// Each of the ready is as likely as the others; the seed decides.
    #[default]
    Random,
    /// Who has waited longest.
    Fifo,
    /// Who was woken last. A task that wakes itself over and over starves the others.
    Lifo,
}

/// A choice that differs from what [`Picker::usual`] would have been: in this step, this entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Switch {
    pub(super) step: u64,
    pub(super) number: u32,
}

/// What a gate picks by.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    Seeded(Schedule),
    /// The usual choice everywhere but in these steps, which are sorted.
    Replay(Arc<[Switch]>),
}

/// How often in a row the usual choice goes on with the same entity: one that wakes itself for ever must
/// not starve the others.
const STREAK: u32 = 64;

/// Picks, and remembers who ran last.
#[derive(Debug)]
pub(super) struct Picker {
    plan: Plan,
    /// Which switch of the plan is next.
    position: usize,
    chance: Chance,
    last: Option<Key>,
    streak: u32,
}

/// What was picked, and what the usual choice was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    pub(super) key: Key,
    pub(super) usual: Key,
}

impl Picker {
    pub(super) fn new(plan: Plan, seed: u64) -> Self {
        Picker {
            plan,
            position: 0,
            chance: Chance::new(seed),
            last: None,
            streak: 0,
        }
    }

    /// Picks one and takes it from the list. `number_of` says what an entity is called in a plan.
    pub(super) fn pick(
        &mut self,
        ready: &mut Ready,
        step: u64,
        number_of: impl Fn(Key) -> u32,
    ) -> Option<Pick> {
        let usual = self.usual(ready)?;
        let key = match &self.plan {
            Plan::Seeded(Schedule::Fifo) => ready.oldest()?,
            Plan::Seeded(Schedule::Lifo) => ready.newest()?,
            Plan::Seeded(Schedule::Random) => match ready.len() {
                // Chance is not asked where there is no choice.
                1 => usual,
                len => ready.at(self.chance.below(len))?,
            },
            Plan::Replay(switches) => {
                while switches.get(self.position).is_some_and(|s| s.step < step) {
                    self.position += 1;
                }
                let wanted = switches.get(self.position).filter(|s| s.step == step);
                let found = wanted
                    .and_then(|wanted| ready.iter().find(|&key| number_of(key) == wanted.number));
                // In a run that went another way before, it may not be there.
                found.unwrap_or(usual)
            }
        };
        ready.remove(key);
        if self.last == Some(key) {
            self.streak += 1;
        } else {
            self.streak = 0;
        }
        self.last = Some(key);
        Some(Pick { key, usual })
    }

    /// The choice with the fewest switches: on with the same, if it can; else who has waited longest.
    fn usual(&self, ready: &mut Ready) -> Option<Key> {
        match self.last {
            Some(last) if self.streak < STREAK && ready.contains(last) => Some(last),
            _ => ready.oldest(),
        }
    }

    /// Forgets an entity that has ended: its key may go to another.
    pub(super) fn gone(&mut self, key: Key) {
        if self.last == Some(key) {
            self.last = None;
        }
    }
}

/// A small generator (xorshift, seeded through splitmix): no dependency, and the same everywhere.
#[derive(Clone, Debug)]
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        // Never zero, which xorshift would keep.
        Chance(mix(seed) | 1)
    }

    /// A number below `limit`, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The high half is the better one; the bias of such a small range does not matter here.
        ((self.0 >> 32).wrapping_mul(limit as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(keys: &[Key]) -> Ready {
        let mut ready = Ready::default();
        for &key in keys {
            ready.push(key);
        }
        ready
    }

    fn picked(plan: Plan, seed: u64) -> Vec<Key> {
        let mut ready = ready(&[0, 1, 2, 3]);
        let mut picker = Picker::new(plan, seed);
        let pick = |step| Some(picker.pick(&mut ready, step, |key| key as u32)?.key);
        (0..).map_while(pick).collect()
    }

    #[test]
    fn fifo_takes_the_oldest_and_lifo_the_newest() {
        assert_eq!(picked(Plan::Seeded(Schedule::Fifo), 1), [0, 1, 2, 3]);
        assert_eq!(picked(Plan::Seeded(Schedule::Lifo), 1), [3, 2, 1, 0]);
    }

    #[test]
    fn all_orders_come_from_some_seed_and_each_from_equally_many() {
        let mut orders = std::collections::BTreeMap::new();
        for seed in 0..24_000 {
            let order = picked(Plan::Seeded(Schedule::Random), seed);
            *orders.entry(order).or_insert(0) += 1;
        }
        assert_eq!(orders.len(), 24);
        assert!(
            orders.values().all(|&n| (800..1_200).contains(&n)),
            "{orders:?}"
        );
    }

    #[test]
    fn a_replay_is_the_usual_choice_but_where_it_says_otherwise() {
        let switches = [Switch { step: 1, number: 3 }, Switch { step: 2, number: 9 }];
        assert_eq!(picked(Plan::Replay(switches.into()), 1), [0, 3, 1, 2]);
    }

    #[test]
    fn the_usual_choice_goes_on_with_the_same_but_not_for_ever() {
        let mut ready = ready(&[0, 1]);
        let mut picker = Picker::new(Plan::Replay([].into()), 1);
        let mut turns = Vec::new();
        for step in 0..100 {
            let pick = picker
                .pick(&mut ready, step, |key| key as u32)
                .expect("two are ready");
            turns.push(pick.key);
            ready.push(pick.key);
        }
        assert!(turns[..60].iter().all(|&key| key == 0));
        assert!(turns.contains(&1));
    }
}
