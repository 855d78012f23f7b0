//! The time of a virtual clock, and the wakers of those who wait for it.
//!
//! Knows nothing of who decides when the time moves: a [`VirtualClock`](super::VirtualClock) does when
//! nothing is busy, a simulator when nothing is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::task::Waker;
use std::time::Duration;

use crate::runtime::Instant;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// How far a clock goes. What a runtime takes for "never" is this far from its present, so never before it.
const HORIZON: Duration = Duration::from_secs(86_400 * 365 * 30);

/// Set in the number of a wait that comes after all others with its deadline.
const LAST: u64 = 1 << 63;

/// A moment: nanoseconds since the start.
pub(crate) type Nanos = u64;

/// When a wait ends, and its number among those that end then.
pub(crate) type Key = (Nanos, u64);

/// The time, and who waits for it.
#[derive(Debug)]
pub(crate) struct Timers {
    start: Instant,
    /// No time comes after it.
    horizon: Nanos,
    /// Written under the lock, never back.
    now: AtomicU64,
    waits: Mutex<Waits>,
}

#[derive(Debug, Default)]
struct Waits {
    by_deadline: BTreeMap<Key, Waker>,
    /// The waits of those who move a clock by hand: how far it may go.
    goals: BTreeSet<Key>,
    numbers: u64,
    moves: u64,
    seeds: u64,
}

impl Timers {
    pub(crate) fn new(start: Instant) -> Self {
        // Near the end of what an `Instant` can say there is less left.
        let mut horizon = HORIZON;
        while start.checked_add(horizon).is_none() {
            horizon /= 2;
        }
        Timers {
            start,
            horizon: nanos(horizon),
            now: AtomicU64::new(0),
            waits: Mutex::new(Waits::default()),
        }
    }

    /// Another number at each call, and in each run the same ones: for who would else leave it to chance.
    pub(crate) fn seed(&self) -> u64 {
        let waits = &mut self.lock().waits;
        waits.seeds += 1;
        waits.seeds
    }

    pub(crate) fn now(&self) -> Instant {
        self.instant(self.now_nanos())
    }

    #[inline]
    pub(crate) fn now_nanos(&self) -> Nanos {
        self.now.load(Ordering::Acquire)
    }

    /// A moment of this clock, as users see it.
    pub(crate) fn instant(&self, at: Nanos) -> Instant {
        let at = Duration::from_nanos(at.min(self.horizon));
        self.start.checked_add(at).unwrap_or(self.start)
    }

    /// The same the other way round. What lies before the start is the start; from the horizon on it is
    /// [`never`](Self::is_never).
    pub(crate) fn nanos(&self, at: Instant) -> Nanos {
        nanos(at.saturating_duration_since(self.start)).min(self.horizon)
    }

    /// Whether no time comes to this.
    pub(crate) fn is_never(&self, at: Nanos) -> bool {
        at >= self.horizon
    }

    /// The last moment that comes.
    pub(crate) fn end(&self) -> Nanos {
        self.horizon.saturating_sub(1)
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked {
            timers: self,
            waits: self.waits.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// The waits, locked. Wakers are cloned before, and woken and dropped after.
pub(crate) struct Locked<'a> {
    timers: &'a Timers,
    waits: MutexGuard<'a, Waits>,
}

impl Locked<'_> {
    pub(crate) fn now(&self) -> Nanos {
        self.timers.now.load(Ordering::Relaxed)
    }

    /// A wait that ends at `deadline`, after those that are there already.
    pub(crate) fn key(&mut self, deadline: Nanos) -> Key {
        self.waits.numbers += 1;
        (deadline, self.waits.numbers)
    }

    /// A wait that ends at `deadline`, after all others that end then, also those that come later. A clock
    /// that is moved by hand may go there.
    pub(crate) fn goal(&mut self, deadline: Nanos) -> Key {
        let (deadline, number) = self.key(deadline);
        let key = (deadline, number | LAST);
        self.waits.goals.insert(key);
        key
    }

    /// How far a clock that is moved by hand may go.
    pub(crate) fn last_goal(&self) -> Nanos {
        let last = self.waits.goals.last().map(|(deadline, _)| *deadline);
        last.unwrap_or(0).max(self.now())
    }

    /// Lets `waker` wait. Gives back what waited in its place.
    #[must_use = "a waker is dropped when the lock is gone"]
    pub(crate) fn insert(&mut self, key: Key, waker: Waker) -> Option<Waker> {
        self.waits.by_deadline.insert(key, waker)
    }

    /// Whether this wait has not ended.
    pub(crate) fn waits(&self, key: Key) -> bool {
        self.waits.by_deadline.contains_key(&key)
    }

    #[must_use = "a waker is dropped when the lock is gone"]
    pub(crate) fn remove(&mut self, key: Key) -> Option<Waker> {
        self.waits.goals.remove(&key);
        self.waits.by_deadline.remove(&key)
    }

    /// When the next wait ends.
    pub(crate) fn next(&self) -> Option<Nanos> {
        let ((deadline, _), _) = self.waits.by_deadline.first_key_value()?;
        Some(*deadline)
    }

    /// Takes out the wait that ends first, if it does by `limit`: its deadline is the time now.
    #[must_use = "who waited must be woken when the lock is gone"]
    pub(crate) fn pop(&mut self, limit: Nanos) -> Option<Waker> {
        let first = self.waits.by_deadline.first_entry()?;
        let key = *first.key();
        let (deadline, number) = key;
        if deadline > limit {
            return None;
        }
        let waker = first.remove();
        if number & LAST != 0 {
            self.waits.goals.remove(&key);
        }
        if deadline > self.now() {
            self.waits.moves += 1;
            self.timers.now.store(deadline, Ordering::Release);
        }
        Some(waker)
    }

    /// How many waits there are.
    pub(crate) fn len(&self) -> usize {
        self.waits.by_deadline.len()
    }

    /// How often the time has moved.
    pub(crate) fn moves(&self) -> u64 {
        self.waits.moves
    }
}

/// A duration in nanoseconds; centuries are as long as can be said.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}
