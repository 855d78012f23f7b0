//! Who waits for something to happen in a scope.

use std::sync::PoisonError;
use std::task::Waker;

use slab::Slab;

use crate::region::contain::{contain, discard};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

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

    /// Registers a waker under `key`, or under a new one. What is waited for must be looked at *after*, and
    /// be a `SeqCst` load: then either it is seen to have happened, or who makes it happen sees the waker.
    pub(super) fn register(&self, key: &mut Option<usize>, waker: &Waker) {
        let waker = Some(waker.clone());
        let before = {
            let mut wakers = self.wakers();
            match *key {
                Some(key) => std::mem::replace(&mut wakers[key], waker),
                None => {
                    *key = Some(wakers.insert(waker));
                    self.count.store(wakers.len(), Ordering::SeqCst);
                    None
                }
            }
        };
        drop(before);
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

    /// Wakes them all, outside the lock. What they wait for must have happened *before*, by a `SeqCst`
    /// write.
    #[inline]
    pub(super) fn wake(&self) {
        if self.count.load(Ordering::SeqCst) > 0 {
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
