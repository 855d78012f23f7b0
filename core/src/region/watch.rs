//! A watch over everything that is started below a root: what `#[anyrt::test]` asks at its end.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Knows the live tasks of one lineage, and the panics among them that nobody saw.
///
/// Handed down from each root to the roots it starts, so that tests that share a global runtime do not
/// blame each other.
#[derive(Debug, Default)]
pub struct Watch {
    next: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    live: BTreeMap<u64, Origin>,
    unseen_panics: Vec<String>,
}

#[derive(Debug)]
struct Origin {
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::failure::describe(f, self.name.as_deref(), self.location)
    }
}

impl Watch {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn started(
        &self,
        name: Option<Cow<'static, str>>,
        location: &'static Location<'static>,
    ) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.seen().live.insert(id, Origin { name, location });
        id
    }

    pub(crate) fn ended(&self, id: u64) {
        self.seen().live.remove(&id);
    }

    pub(crate) fn unseen(&self, failure: &super::Failure) {
        self.seen().unseen_panics.push(failure.to_string());
    }

    /// Says how many tasks live.
    pub fn live_count(&self) -> usize {
        self.seen().live.len()
    }

    /// Says which tasks live, in the order in which they were spawned.
    pub fn live(&self) -> Vec<String> {
        self.seen().live.values().map(Origin::to_string).collect()
    }

    /// Says which failures went to the hook, in the order in which they happened.
    pub fn unseen_panics(&self) -> Vec<String> {
        self.seen().unseen_panics.clone()
    }
}
