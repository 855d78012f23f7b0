//! How many children of a scope run at a time, and the queue of those that wait for their turn.

use std::collections::{BTreeMap, btree_map::OccupiedEntry};
use std::sync::PoisonError;

use super::shared::Shared;
use crate::region::Region;
use crate::region::state::flag;
use crate::runtime::{Spawn, Timer};
use crate::sync::{Mutex, MutexGuard};

/// A child that has not been given to the runtime.
pub(super) trait Waiting<R>: Send {
    fn start(self: Box<Self>, rt: &R);
}

/// A limit on how many children run at a time.
pub(super) struct Limit<R> {
    most: usize,
    queue: Mutex<Queue<R>>,
}

struct Queue<R> {
    running: usize,
    /// Somebody is at it: one at a time, as a start may end a child at once, and that start the next.
    starting: bool,
    /// By spawn index: first in, first out.
    waiting: BTreeMap<usize, Box<dyn Waiting<R>>>,
}

impl<R: Spawn + Timer> Limit<R> {
    /// Zero would run nothing ever: it counts as one.
    pub(super) fn new(most: usize) -> Self {
        Limit {
            most: most.max(1),
            queue: Mutex::new(Queue {
                running: 0,
                starting: false,
                waiting: BTreeMap::new(),
            }),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<R>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a child that is spawned now would run at once.
    pub(super) fn is_free(&self) -> bool {
        let queue = self.queue();
        queue.running < self.most && queue.waiting.is_empty()
    }

    /// Gives a child back that may start now; keeps it otherwise.
    pub(super) fn enter<W>(&self, index: usize, child: &Region, waiting: W) -> Option<W>
    where
        W: Waiting<R> + 'static,
    {
        {
            let mut queue = self.queue();
            if queue.running < self.most && queue.waiting.is_empty() {
                queue.running += 1;
                return Some(waiting);
            }
        }
        // Outside the lock. Room that is made meanwhile is found by `start_next`.
        let boxed = Box::new(waiting);
        let mut queue = self.queue();
        child.set(flag::QUEUED);
        queue.waiting.insert(index, boxed);
        None
    }

    /// Takes out who may start now; asked to stop, that is all that wait.
    fn next(&self, all: bool) -> Option<Box<dyn Waiting<R>>> {
        let mut queue = self.queue();
        let room = all || queue.running < self.most;
        let next = match room {
            true => queue.waiting.pop_first(),
            false => None,
        };
        queue.starting = next.is_some();
        queue.running += usize::from(next.is_some());
        next.map(|(_, next)| next)
    }

    /// A child is gone, which makes room.
    pub(super) fn ended<E: Send + 'static>(&self, scope: &Shared<R, E>) {
        self.queue().running -= 1;
        self.start_next(scope);
    }

    /// Starts all that may. Asked to stop, that is all that wait: they end without being polled.
    pub(super) fn start_next<E: Send + 'static>(&self, scope: &Shared<R, E>) {
        if std::mem::replace(&mut self.queue().starting, true) {
            return;
        }
        while let Some(next) = self.next(scope.is_asked()) {
            next.start(&scope.rt);
        }
    }

    /// Starts those that were spawned before the child of that index: they are asked to stop.
    pub(super) fn start_below<E: Send + 'static>(&self, scope: &Shared<R, E>, index: usize) {
        loop {
            let waiting = {
                let mut queue = self.queue();
                let first = queue.waiting.first_entry();
                let first = first.filter(|first| *first.key() < index);
                let waiting = first.map(OccupiedEntry::remove);
                queue.running += usize::from(waiting.is_some());
                waiting
            };
            match waiting {
                Some(waiting) => waiting.start(&scope.rt),
                None => return,
            }
        }
    }

    /// Starts one beyond the limit: a running child waits for it.
    pub(super) fn hurry<E: Send + 'static>(&self, scope: &Shared<R, E>, index: usize) {
        let waiting = {
            let mut queue = self.queue();
            let waiting = queue.waiting.remove(&index);
            queue.running += usize::from(waiting.is_some());
            waiting
        };
        if let Some(waiting) = waiting {
            waiting.start(&scope.rt);
        }
    }
}
