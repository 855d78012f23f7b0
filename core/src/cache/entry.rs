//! One key: its value once it is there, the computation until then, and who waits for it.

use std::sync::{Arc, PoisonError, Weak};
use std::task::{Poll, Waker};

use slab::Slab;

use super::cache_error::CacheError;
use super::circle::Computation;
use crate::region::contain::{contain, discard};
use crate::region::{Member, is_inside};
use crate::runtime::Instant;
use crate::sync::{Mutex, MutexGuard, OnceLock};
use crate::task::Task;

pub(super) struct Entry<K, V, E> {
    pub(super) key: K,
    pub(super) hash: u64,
    kept: OnceLock<Kept<V>>,
    /// A leaf: held for no more than a few moves.
    flight: Mutex<Flight<E>>,
}

pub(super) struct Kept<V> {
    pub(super) value: V,
    expires: Option<Instant>,
}

impl<V> Kept<V> {
    pub(super) fn is_fresh(&self, now: Option<Instant>) -> bool {
        match (self.expires, now) {
            (Some(expires), Some(now)) => now < expires,
            _ => true,
        }
    }
}

/// A computation under way, or how it ended.
struct Flight<E> {
    /// Those who wait, each with the waker it was polled with last.
    waiters: Slab<Option<Waker>>,
    stage: Stage<E>,
    /// The root of the task that computes, to find whether who asks is part of it.
    root: Option<Weak<dyn Member>>,
}

enum Stage<E> {
    Computing(Option<Task<()>>),
    /// All who waited have gone, and the computation is stopped: who comes now computes anew.
    Left,
    Landed(Result<(), CacheError<E>>),
}

/// Whether one may wait for a computation.
pub(super) enum Join {
    As(usize),
    /// There is a value.
    Landed,
    /// It has failed, or is being stopped: this entry is of no use any more.
    Gone,
}

impl<K, V, E> Entry<K, V, E> {
    /// With its maker as the first who waits: another may come and leave before that one goes on.
    pub(super) fn new(key: K, hash: u64) -> Self {
        let mut waiters = Slab::with_capacity(1);
        let maker = waiters.insert(None);
        debug_assert_eq!(maker, MAKER);
        Entry {
            key,
            hash,
            kept: OnceLock::new(),
            flight: Mutex::new(Flight {
                waiters,
                stage: Stage::Computing(None),
                root: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Flight<E>> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn kept(&self) -> Option<&Kept<V>> {
        self.kept.get()
    }

    /// Keeps a value; it is seen before the flight has landed.
    pub(super) fn keep(&self, value: V, expires: Option<Instant>) {
        // One task computes, and that once.
        let _ = self.kept.set(Kept { value, expires });
    }

    /// One more who waits.
    pub(super) fn join(&self) -> Join {
        let mut flight = self.lock();
        match &flight.stage {
            Stage::Landed(Ok(())) => Join::Landed,
            Stage::Landed(Err(_)) | Stage::Left => Join::Gone,
            Stage::Computing(_) => Join::As(flight.waiters.insert(None)),
        }
    }

    /// The computation has begun, in the task with this root.
    pub(super) fn set_root(&self, root: Weak<dyn Member>) {
        self.lock().root = Some(root);
    }

    /// Keeps the handle by which who leaves last stops the computation.
    pub(super) fn set_task(&self, task: Task<()>) {
        let mut task = Some(task);
        let closed = {
            let mut flight = self.lock();
            match &mut flight.stage {
                Stage::Computing(slot) => {
                    *slot = task.take();
                    false
                }
                Stage::Left => true,
                Stage::Landed(end) => end.as_ref().is_err_and(CacheError::is_closed),
            }
        };
        match task {
            // Dropped, it is stopped.
            Some(task) if closed => drop(task),
            // It has landed already, and needs nobody any more.
            Some(task) => task.detach(),
            None => {}
        }
    }

    /// How it has landed; else the waker is kept.
    pub(super) fn poll_landed(&self, id: usize, waker: &Waker) -> Poll<Result<(), CacheError<E>>> {
        let mut new = Some(waker.clone());
        let mut flight = self.lock();
        match &flight.stage {
            Stage::Landed(end) => Poll::Ready(end.clone()),
            Stage::Computing(_) | Stage::Left => {
                if let Some(slot) = flight.waiters.get_mut(id) {
                    std::mem::swap(slot, &mut new);
                }
                drop(flight);
                // The one before, outside the lock.
                drop(new);
                Poll::Pending
            }
        }
    }

    /// One less who waits. The last gets the task to stop, and the entry is of no use any more.
    pub(super) fn leave(&self, id: usize) -> Option<Option<Task<()>>> {
        let (waker, left) = {
            let mut flight = self.lock();
            let waker = flight.waiters.try_remove(id);
            let is_last = flight.waiters.is_empty();
            let left = match &mut flight.stage {
                Stage::Computing(task) if is_last => {
                    let task = task.take();
                    flight.stage = Stage::Left;
                    Some(task)
                }
                _ => None,
            };
            (waker, left)
        };
        drop(waker);
        left
    }

    /// The computation is over: everybody is told. Gives the task, of which nothing is wanted any more.
    ///
    /// Nothing where it has landed already.
    pub(super) fn land(&self, end: Result<(), CacheError<E>>) -> Option<Task<()>> {
        let (task, wakers) = {
            let mut flight = self.lock();
            let before = match flight.stage {
                Stage::Landed(_) => return None,
                Stage::Computing(_) | Stage::Left => {
                    std::mem::replace(&mut flight.stage, Stage::Landed(end))
                }
            };
            // It would keep the memory of a task that is over.
            flight.root = None;
            let waiters = flight.waiters.iter_mut();
            let wakers: Vec<Waker> = waiters.filter_map(|(_, waker)| waker.take()).collect();
            let task = match before {
                Stage::Computing(task) => task,
                Stage::Left | Stage::Landed(_) => None,
            };
            (task, wakers)
        };
        for waker in wakers {
            if let Err(payload) = contain(|| waker.wake()) {
                discard(payload);
            }
        }
        task
    }
}

impl<K, V, E> Computation for Entry<K, V, E>
where
    K: Send + Sync,
    V: Send + Sync,
    E: Send + Sync,
{
    fn is_around(&self) -> bool {
        let root = self.lock().root.clone();
        let root = root.and_then(|root| root.upgrade());
        root.is_some_and(|root| is_inside(root.region()))
    }
}

/// The number of who made an entry among those who wait.
pub(super) const MAKER: usize = 0;

/// To be compared.
pub(super) fn is_same<K, V, E>(one: &Arc<Entry<K, V, E>>, other: &Arc<Entry<K, V, E>>) -> bool {
    Arc::ptr_eq(one, other)
}
