//! What the handles of a local scope and its driver share.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::child::LocalChild;
use super::job::{Job, Split};
use super::ready::Ready;
use super::slot::Slot;
use super::verdict::Verdict;
use crate::region::Reason;

/// Forgets the type of a child.
pub(super) type Boxed<F, T, E, J> = fn(Pin<Box<Job<F, T, E>>>) -> J;

/// A scope whose children are `J`, a box of futures, and whose errors are `E`.
pub(super) struct Shared<J, E> {
    spawned: Mutex<Spawned<J>>,
    pub(super) ready: Arc<Ready>,
    pub(super) verdict: Arc<Verdict<E>>,
    /// Where the scope was opened.
    pub(super) location: &'static Location<'static>,
}

struct Spawned<J> {
    /// What the driver has not seen yet. Empty once it is closed: these may hold the scope.
    arrivals: Vec<J>,
    count: usize,
    closed: bool,
}

impl<J, E> Shared<J, E> {
    pub(super) fn new(location: &'static Location<'static>) -> Arc<Self>
    where
        E: Send + 'static,
    {
        Arc::new(Shared {
            spawned: Mutex::new(Spawned {
                arrivals: Vec::new(),
                count: 0,
                closed: false,
            }),
            ready: Arc::default(),
            verdict: Arc::default(),
            location,
        })
    }

    fn spawned(&self) -> MutexGuard<'_, Spawned<J>> {
        self.spawned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn arrivals(&self) -> Vec<J> {
        std::mem::take(&mut self.spawned().arrivals)
    }

    pub(super) fn has_arrivals(&self) -> bool {
        !self.spawned().arrivals.is_empty()
    }

    /// Takes no more children, unless one has arrived meanwhile. Says whether it does not.
    pub(super) fn close_if_idle(&self) -> bool {
        let mut spawned = self.spawned();
        spawned.closed |= spawned.arrivals.is_empty();
        spawned.closed
    }

    /// Takes no more children, and gives out those that have not been seen.
    pub(super) fn close(&self) -> Vec<J> {
        let mut spawned = self.spawned();
        spawned.closed = true;
        std::mem::take(&mut spawned.arrivals)
    }

    /// Adds a child, or gives its future back.
    pub(super) fn add<F: Future, T>(
        &self,
        future: F,
        split: Split<F::Output, T, E>,
        boxed: Boxed<F, T, E, J>,
        location: &'static Location<'static>,
    ) -> Result<LocalChild<T>, LocalRefused<F>> {
        if let Some(reason) = self.verdict.stopped() {
            return Err(LocalRefused { future, reason });
        }
        let slot = Arc::new(Slot::new(location));
        {
            let mut spawned = self.spawned();
            if spawned.closed {
                drop(spawned);
                return Err(LocalRefused {
                    future,
                    reason: None,
                });
            }
            let index = spawned.count;
            spawned.count += 1;
            let job = Job::new(future, &slot, &self.verdict, split, index);
            spawned.arrivals.push(boxed(Box::pin(job)));
        }
        self.ready.wake_sleeper();
        Ok(LocalChild(slot))
    }

    /// Adds a child. One that is refused is dropped, and its handle says that it is cancelled.
    pub(super) fn add_or_drop<F: Future, T>(
        &self,
        future: F,
        split: Split<F::Output, T, E>,
        boxed: Boxed<F, T, E, J>,
        location: &'static Location<'static>,
    ) -> LocalChild<T> {
        match self.add(future, split, boxed, location) {
            Ok(child) => child,
            Err(refused) => LocalChild(Arc::new(Slot::cancelled(refused.reason, location))),
        }
    }

    pub(super) fn describe(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (spawned, closed) = {
            let spawned = self.spawned();
            (spawned.count, spawned.closed)
        };
        f.debug_struct(name)
            .field("location", &format_args!("{}", self.location))
            .field("spawned", &spawned)
            .field("closed", &closed)
            .finish()
    }
}

/// A future that a local scope did not take: the scope has ended, or was asked to stop.
///
/// # Examples
///
/// ```
/// use anyrt::local_scope;
///
/// // Misuse: the handle outlives its scope.
/// let late = futures::executor::block_on(local_scope(|n| async move { n.clone() }));
/// let refused = late.try_spawn(async { 5 }).unwrap_err();
/// assert!(refused.reason().is_none(), "nobody asked it to stop: it is over");
/// assert_eq!(futures::executor::block_on(refused.future), 5);
/// ```
pub struct LocalRefused<F> {
    /// The future, as it was.
    pub future: F,
    reason: Option<Reason>,
}

impl<F> LocalRefused<F> {
    /// Returns why the scope was asked to stop, if it was, and a reason was given.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }
}

impl<F> fmt::Debug for LocalRefused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRefused")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Display for LocalRefused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "the local scope was asked to stop: {reason}"),
            None => f.write_str("the local scope takes no more children"),
        }
    }
}

impl<F> std::error::Error for LocalRefused<F> {}
