//! Who may run: the entities that were woken and are not running yet.

use std::collections::VecDeque;

/// An entity's place in the gate's table.
pub(super) type Key = usize;

/// The ready list. Each operation takes constant time, over many calls.
///
/// Two orders of the same keys: by arrival, with gaps that are skipped later, and packed, so that one of
/// them can be drawn. The packed order is no order that means anything, but alike in alike runs.
#[derive(Debug, Default)]
pub(super) struct Ready {
    arrivals: VecDeque<(Key, u64)>,
    packed: Vec<Key>,
    places: Vec<Place>,
    tickets: u64,
}

/// Where a key stands. A ticket of zero: nowhere.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    ticket: u64,
    packed: usize,
}

impl Ready {
    pub(super) fn len(&self) -> usize {
        self.packed.len()
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.places.get(key).is_some_and(|place| place.ticket != 0)
    }

    /// Appends a key that is not in the list.
    pub(super) fn push(&mut self, key: Key) {
        if self.places.len() <= key {
            self.places.resize(key + 1, Place::default());
        }
        debug_assert!(!self.contains(key), "an entity is ready once");
        self.tickets += 1;
        self.places[key] = Place {
            ticket: self.tickets,
            packed: self.packed.len(),
        };
        self.packed.push(key);
        self.arrivals.push_back((key, self.tickets));
    }

    /// Takes a key out, wherever it stands; says whether it was there.
    pub(super) fn remove(&mut self, key: Key) -> bool {
        if !self.contains(key) {
            return false;
        }
        let place = std::mem::take(&mut self.places[key]);
        self.packed.swap_remove(place.packed);
        if let Some(&moved) = self.packed.get(place.packed) {
            self.places[moved].packed = place.packed;
        }
        // The arrivals keep a gap. Drawn at random, many may stand behind one that is never drawn.
        if self.arrivals.len() > 2 * self.packed.len() + 64 {
            let places = &self.places;
            self.arrivals
                .retain(|&(key, ticket)| places[key].ticket == ticket);
        }
        true
    }

    /// Returns who has waited longest.
    pub(super) fn oldest(&mut self) -> Option<Key> {
        while let Some(&(key, ticket)) = self.arrivals.front() {
            if self.places[key].ticket == ticket {
                return Some(key);
            }
            self.arrivals.pop_front();
        }
        None
    }

    /// Returns who came last.
    pub(super) fn newest(&mut self) -> Option<Key> {
        while let Some(&(key, ticket)) = self.arrivals.back() {
            if self.places[key].ticket == ticket {
                return Some(key);
            }
            self.arrivals.pop_back();
        }
        None
    }

    /// Returns one of them; `position` is less than the length.
    pub(super) fn at(&self, position: usize) -> Option<Key> {
        self.packed.get(position).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Key> + '_ {
        self.packed.iter().copied()
    }

    pub(super) fn clear(&mut self) {
        *self = Ready::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_and_the_newest_are_found_past_gaps() {
        let mut ready = Ready::default();
        for key in 0..5 {
            ready.push(key);
        }
        assert!(ready.remove(0));
        assert!(ready.remove(4));
        assert!(!ready.remove(4), "it is gone");
        assert_eq!((ready.oldest(), ready.newest()), (Some(1), Some(3)));
        ready.push(0);
        assert_eq!((ready.oldest(), ready.newest()), (Some(1), Some(0)));
        assert_eq!(ready.len(), 4);
    }

    #[test]
    fn each_position_is_a_key_that_is_there() {
        let mut ready = Ready::default();
        for key in 0..100 {
            ready.push(key);
        }
        for key in (0..100).step_by(3) {
            assert!(ready.remove(key));
        }
        let mut drawn: Vec<_> = (0..ready.len()).map(|n| ready.at(n)).collect();
        drawn.sort_unstable();
        let expected: Vec<_> = (0..100).filter(|key| key % 3 != 0).map(Some).collect();
        assert_eq!(drawn, expected);
        assert_eq!(ready.at(ready.len()), None);
    }

    #[test]
    fn gaps_behind_one_that_is_never_drawn_are_given_back() {
        let mut ready = Ready::default();
        ready.push(0);
        for _ in 0..100_000 {
            ready.push(1);
            assert!(ready.remove(1));
        }
        assert!(ready.arrivals.len() < 200);
        assert_eq!(ready.oldest(), Some(0));
    }
}
