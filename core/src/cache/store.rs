//! The entries of a cache: by hash, and those with a value by recency.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use slab::Slab;

use super::entry::{Entry, is_same};

const NONE: usize = usize::MAX;

/// A list and an index over one slab. Only what has a value is in the list and counts.
pub(super) struct Store<K, V, E> {
    /// The first with a hash; the others follow it.
    index: HashMap<u64, usize, BuildHasherDefault<AsItIs>>,
    slots: Slab<Slot<K, V, E>>,
    newest: usize,
    oldest: usize,
    pub(super) kept: usize,
    pub(super) capacity: Option<usize>,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) joins: u64,
    pub(super) closed: bool,
    /// Those that were removed while they were computed, until they land: closing stops them, too.
    pub(super) loose: Vec<Arc<Entry<K, V, E>>>,
}

struct Slot<K, V, E> {
    entry: Arc<Entry<K, V, E>>,
    /// Of the same hash.
    alike: usize,
    newer: usize,
    older: usize,
    in_list: bool,
}

/// The first entry with a hash, and whether it is the only one.
pub(super) type First<'a, K, V, E> = (&'a Arc<Entry<K, V, E>>, bool);

/// What is hashed already is not hashed again.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<K, V, E> Store<K, V, E> {
    pub(super) fn new(capacity: Option<usize>) -> Self {
        Store {
            index: HashMap::default(),
            slots: Slab::new(),
            newest: NONE,
            oldest: NONE,
            kept: 0,
            capacity,
            hits: 0,
            misses: 0,
            joins: 0,
            closed: false,
            loose: Vec::new(),
        }
    }

    /// What was counted before it was known was none. The count may have been set back meanwhile.
    pub(super) fn take_back_hit(&mut self) {
        self.hits = self.hits.saturating_sub(1);
    }

    /// The first entry with this hash, and whether it is the only one.
    pub(super) fn first(&self, hash: u64) -> Option<First<'_, K, V, E>> {
        let slot = &self.slots[*self.index.get(&hash)?];
        Some((&slot.entry, slot.alike == NONE))
    }

    /// All entries with this hash.
    pub(super) fn alike(&self, hash: u64) -> Vec<Arc<Entry<K, V, E>>> {
        let mut all = Vec::new();
        let mut at = self.index.get(&hash).copied().unwrap_or(NONE);
        while at != NONE {
            let slot = &self.slots[at];
            all.push(Arc::clone(&slot.entry));
            at = slot.alike;
        }
        all
    }

    fn find(&self, entry: &Arc<Entry<K, V, E>>) -> Option<usize> {
        let mut at = self.index.get(&entry.hash).copied().unwrap_or(NONE);
        while at != NONE && !is_same(&self.slots[at].entry, entry) {
            at = self.slots[at].alike;
        }
        (at != NONE).then_some(at)
    }

    /// Adds an entry that has no value yet.
    pub(super) fn add(&mut self, entry: Arc<Entry<K, V, E>>) {
        let hash = entry.hash;
        let alike = self.index.get(&hash).copied().unwrap_or(NONE);
        let at = self.slots.insert(Slot {
            entry,
            alike,
            newer: NONE,
            older: NONE,
            in_list: false,
        });
        self.index.insert(hash, at);
    }

    /// It was used just now. Nothing where it is no entry, or has no value yet.
    pub(super) fn touch(&mut self, entry: &Arc<Entry<K, V, E>>) {
        if let Some(at) = self.find(entry) {
            self.use_now(at);
        }
    }

    /// The same of the first with its hash.
    ///
    /// Says which was the next newer one before.
    pub(super) fn touch_first(&mut self, hash: u64) -> usize {
        let Some(at) = self.index.get(&hash).copied() else {
            return NONE;
        };
        let newer = self.slots[at].newer;
        self.use_now(at);
        newer
    }

    /// It was another key that was used: puts it back behind the one that was newer.
    pub(super) fn put_back(&mut self, entry: &Arc<Entry<K, V, E>>, newer: usize) {
        let Some(at) = self.find(entry).filter(|at| self.slots[*at].in_list) else {
            return;
        };
        if newer == at || !self.slots.get(newer).is_some_and(|slot| slot.in_list) {
            return;
        }
        self.unlink(at);
        let older = std::mem::replace(&mut self.slots[newer].older, at);
        let slot = &mut self.slots[at];
        (slot.newer, slot.older, slot.in_list) = (newer, older, true);
        match older {
            NONE => self.oldest = at,
            older => self.slots[older].newer = at,
        }
        self.kept += 1;
    }

    fn use_now(&mut self, at: usize) {
        if self.slots[at].in_list && self.newest != at {
            self.unlink(at);
            self.link(at);
        }
    }

    /// Its value is there: it is the newest, unless it was removed meanwhile. Gives out what is too much.
    pub(super) fn keep(&mut self, entry: &Arc<Entry<K, V, E>>) -> Vec<Arc<Entry<K, V, E>>> {
        let mut out = Vec::new();
        self.loose.retain(|one| !is_same(one, entry));
        if let Some(at) = self.find(entry) {
            self.link(at);
            while self.capacity.is_some_and(|capacity| self.kept > capacity) {
                let oldest = self.oldest;
                out.push(self.take(oldest));
            }
        }
        out
    }

    /// Removes an entry; says which, to be dropped where no lock is held.
    pub(super) fn remove(&mut self, entry: &Arc<Entry<K, V, E>>) -> Option<Arc<Entry<K, V, E>>> {
        self.loose.retain(|one| !is_same(one, entry));
        let at = self.find(entry)?;
        Some(self.take(at))
    }

    /// Removes all.
    pub(super) fn clear(&mut self) -> Vec<Arc<Entry<K, V, E>>> {
        self.index.clear();
        self.newest = NONE;
        self.oldest = NONE;
        self.kept = 0;
        self.slots.drain().map(|slot| slot.entry).collect()
    }

    fn link(&mut self, at: usize) {
        let before = std::mem::replace(&mut self.newest, at);
        let slot = &mut self.slots[at];
        slot.newer = NONE;
        slot.older = before;
        slot.in_list = true;
        match before {
            NONE => self.oldest = at,
            before => self.slots[before].newer = at,
        }
        self.kept += 1;
    }

    fn unlink(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        slot.in_list = false;
        let (newer, older) = (slot.newer, slot.older);
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older].newer = newer,
        }
        self.kept -= 1;
    }

    fn take(&mut self, at: usize) -> Arc<Entry<K, V, E>> {
        if self.slots[at].in_list {
            self.unlink(at);
        }
        let slot = self.slots.remove(at);
        let hash = slot.entry.hash;
        let mut before = self.index[&hash];
        if before == at {
            match slot.alike {
                NONE => self.index.remove(&hash),
                next => self.index.insert(hash, next),
            };
        } else {
            while self.slots[before].alike != at {
                before = self.slots[before].alike;
            }
            self.slots[before].alike = slot.alike;
        }
        slot.entry
    }
}
