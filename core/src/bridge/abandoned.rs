//! The threads that run on though nobody waits for them any more.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A thread whose function runs on, though nobody waits for it any more.
///
/// Given by [`abandoned_threads`].
#[derive(Clone, Debug)]
pub struct AbandonedThread {
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
}

impl AbandonedThread {
    /// Returns the name that the thread's function was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns where the function was handed to its thread.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl fmt::Display for AbandonedThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "thread `{name}` (started at {})", self.location),
            None => write!(f, "thread started at {}", self.location),
        }
    }
}

/// Lists the threads that run on though nobody waits for them, in the whole process.
///
/// What [`to_thread`](crate::to_thread) runs cannot be stopped from outside. Where its await is dropped, by a
/// timeout or a request, the thread is *abandoned*: it is the one thing that may outlive the scope that it
/// was started in. It is here from then on until its function returns, the one that was abandoned first
/// comes first. A function that has no thread yet never gets one then, and is not here.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use anyrt::{abandoned_threads, backend::builtin::BuiltinRuntime, prelude::*, to_thread};
/// use futures::channel::oneshot;
///
/// let (end, is_ended) = mpsc::channel::<()>();
/// BuiltinRuntime::new().block_on(async {
///     let (begin, has_begun) = oneshot::channel();
///     let call = to_thread(move || {
///         begin.send(()).unwrap();
///         is_ended.recv()
///     });
///     has_begun.await.unwrap();
///     drop(call);
///     assert_eq!(abandoned_threads().len(), 1);
/// });
/// end.send(()).unwrap();
/// ```
pub fn abandoned_threads() -> Vec<AbandonedThread> {
    lock().threads.values().cloned().collect()
}

#[derive(Default)]
struct List {
    threads: BTreeMap<u64, AbandonedThread>,
    next: u64,
}

static LIST: Mutex<List> = Mutex::new(List {
    threads: BTreeMap::new(),
    next: 0,
});

fn lock() -> MutexGuard<'static, List> {
    LIST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread is in the list, until this is dropped.
pub(super) struct Listed(u64);

impl Listed {
    pub(super) fn new(
        name: Option<Cow<'static, str>>,
        location: &'static Location<'static>,
    ) -> Self {
        let thread = AbandonedThread { name, location };
        let mut list = lock();
        let number = list.next;
        list.next += 1;
        list.threads.insert(number, thread);
        Listed(number)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let gone = lock().threads.remove(&self.0);
        drop(gone);
    }
}
