//! What is to be done when a runtime stops: the list. `bridge/hooks.rs` has who goes through it, and when.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// The stop hooks of one runtime; for adapters.
///
/// An adapter keeps one for each runtime that this library drives or ends, and gives it out by
/// [`Spawn::stop_hooks`](crate::Spawn::stop_hooks). [`block_on`](crate::BlockOn::block_on) runs what is due at
/// its end; an owner calls [`end`](StopHooks::end) before it ends its runtime. Users call
/// [`Runtime::on_stop`](crate::Runtime::on_stop).
///
/// Clones are of one list.
///
/// # Examples
///
/// ```
/// use anyrt_core::StopHooks;
///
/// let hooks = StopHooks::new();
/// assert!(hooks.is_empty());
/// hooks.end();
/// ```
#[derive(Clone)]
pub struct StopHooks(Arc<Shared>);

struct Shared {
    /// How many threads drive the runtime.
    drives: AtomicUsize,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    /// In the order of registration.
    hooks: Vec<Registered>,
    /// Threads that are going through the list.
    running: Vec<ThreadId>,
    ended: bool,
}

type Hook = Arc<dyn Fn() + Send + Sync>;

struct Registered {
    id: u64,
    location: &'static Location<'static>,
    hook: Hook,
    has_run: bool,
}

/// Which hooks are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    /// Those that have not been run since they were registered.
    New,
}

impl StopHooks {
    /// Makes an empty list.
    #[expect(clippy::new_without_default, reason = "one for each runtime")]
    pub fn new() -> Self {
        StopHooks(Arc::new(Shared {
            drives: AtomicUsize::new(0),
            list: Mutex::default(),
        }))
    }

    /// Returns whether nothing is registered.
    pub fn is_empty(&self) -> bool {
        self.list().hooks.is_empty()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a hook, under an id that no other one has or will have. `None`: the runtime has ended.
    pub(crate) fn add(&self, location: &'static Location<'static>, hook: Hook) -> Option<u64> {
        // For the process: a handle that is older than its runtime names nobody else's hook.
        static IDS: AtomicU64 = AtomicU64::new(0);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let mut list = self.list();
        if list.ended {
            drop(list);
            drop(hook);
            return None;
        }
        list.hooks.push(Registered {
            id,
            location,
            hook,
            has_run: false,
        });
        Some(id)
    }

    /// Takes a hook out. `None`: it is not there any more.
    pub(crate) fn remove(&self, id: u64) -> Option<Hook> {
        let mut list = self.list();
        let position = list.position(id)?;
        Some(list.hooks.remove(position).hook)
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        self.list().position(id).is_some()
    }

    /// One more thread drives.
    pub(crate) fn enter(&self) {
        self.0.drives.fetch_add(1, Ordering::AcqRel);
    }

    /// One less. Says whether it was the last.
    pub(crate) fn leave(&self) -> bool {
        self.0.drives.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Begins a round: the hooks that are due. `None` where this thread is in one already, whose hook drives
    /// the runtime or ends it.
    pub(crate) fn begin(&self, which: Which) -> Option<Vec<u64>> {
        let here = thread::current().id();
        let mut list = self.list();
        if which == Which::All && list.running.contains(&here) {
            return None;
        }
        list.running.push(here);
        let due = list.hooks.iter();
        let due = due.filter(|hook| which == Which::All || !hook.has_run);
        Some(due.map(|hook| hook.id).collect())
    }

    /// The hook itself, when it is its turn. `None`: it has been removed.
    pub(crate) fn turn(&self, id: u64) -> Option<(&'static Location<'static>, Hook)> {
        let mut list = self.list();
        let position = list.position(id)?;
        let hook = &mut list.hooks[position];
        hook.has_run = true;
        Some((hook.location, Arc::clone(&hook.hook)))
    }

    pub(crate) fn finish(&self) {
        let here = thread::current().id();
        let mut list = self.list();
        if let Some(last) = list.running.iter().rposition(|thread| *thread == here) {
            list.running.remove(last);
        }
    }

    /// Takes no more hooks, and gives those that are there. `None`: one has never run.
    pub(crate) fn close(&self) -> Option<Vec<Hook>> {
        let mut list = self.list();
        if list.hooks.iter().any(|hook| !hook.has_run) {
            return None;
        }
        list.ended = true;
        let hooks = std::mem::take(&mut list.hooks);
        drop(list);
        Some(hooks.into_iter().map(|hook| hook.hook).collect())
    }
}

impl List {
    fn position(&self, id: u64) -> Option<usize> {
        // Ids go up in the order of registration, but for two that register at once.
        self.hooks.iter().position(|hook| hook.id == id)
    }
}

impl fmt::Debug for StopHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = self.list();
        f.debug_struct("StopHooks")
            .field("hooks", &list.hooks.len())
            .field("ended", &list.ended)
            .finish_non_exhaustive()
    }
}
