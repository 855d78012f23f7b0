//! Who waits for something to happen in a scope.

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use slab::Slab;

use crate::region::contain::{contain, discard};

/// Wakers, all woken whenever something happens.
#[derive(Default)]
pub(super) struct Waiters {
    /// How many there are: where there are none, no lock is taken.
    count: AtomicUsize,
    wakers: Mutex<Slab<Option<Waker>>>,
}

impl Waiters {
    fn wakers(&self) -> MutexGuard<'_, Slab<Option<Waker>>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a waker under `key`, or under a new one. What is waited for must be looked at *after*.
    pub(super) fn register(&self, key: &mut Option<usize>, waker: &Waker) {
        let waker = Some(waker.clone());
        let before = {
            let mut wakers = self.wakers();
            match *key {
                Some(key) => std::mem::replace(&mut wakers[key], waker),
                None => {
                    *key = Some(wakers.insert(waker));
                    self.count.store(wakers.len(), Ordering::Release);
                    None
                }
            }
        };
        drop(before);
        fence(Ordering::SeqCst);
    }

    pub(super) fn forget(&self, key: &mut Option<usize>) {
        let Some(key) = key.take() else { return };
        let before = {
            let mut wakers = self.wakers();
            let before = wakers.remove(key);
            self.count.store(wakers.len(), Ordering::Release);
            before
        };
        drop(before);
    }

    /// Wakes them all, outside the lock. What they wait for must have happened *before*.
    #[inline]
    pub(super) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::Acquire) > 0 {
            self.wake_all();
        }
    }

    fn wake_all(&self) {
        let woken: Vec<Waker> = {
            let mut wakers = self.wakers();
            wakers
                .iter_mut()
                .filter_map(|(_, waker)| waker.take())
                .collect()
        };
        for waker in woken {
            if let Err(payload) = contain(|| waker.wake()) {
                discard(payload);
            }
        }
    }
}
