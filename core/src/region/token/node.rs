//! The tree of tokens: what a token shares with its clones, and how a request goes down.
//!
//! A child holds its parent, a parent only knows its children: so a child that goes takes its entry
//! along, and a parent whose handles are gone still passes on what comes from above.
//!
//! A request goes down in two passes. The first only marks: it runs no code but ours, and when it is
//! over everything below is cancelled. The second tells those who wait. Both go through lists, not
//! through recursion: a chain may be deeper than the stack.
//!
//! Locks: each node has one, and it is a leaf. No other lock is taken under it, and nothing of the
//! user's is run, cloned or dropped under it: not a waker, not a callback, not the last `Arc` of a node.
//!
//! The wakers stand in a slab of our own: a list that wakes under its lock would hang with a waker that
//! asks the token something.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use slab::Slab;

use super::super::contain::{contain, drop_contained};
use super::super::failure::{Failure, Phase, report};
use super::super::reason::Reason;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard, OnceLock};

/// How many empty places a list keeps when the last entry goes.
const SPARE: usize = 32;

/// What the clones of a token share.
pub(super) struct Node {
    /// Set once, under the lock: what is added under the lock either sees it, or is found by the one
    /// who set it.
    reason: OnceLock<Reason>,
    /// Everything below is cancelled too, so that nobody needs to look there again.
    settled: AtomicBool,
    parent: Option<Link>,
    made_at: &'static Location<'static>,
    parts: Mutex<Parts>,
}

struct Link {
    parent: Arc<Node>,
    /// Our entry among its children.
    key: usize,
}

#[derive(Default)]
struct Parts {
    /// Stay after the request until all of them have seen it, so that a second request, further up,
    /// does not return before.
    children: Slab<Weak<Node>>,
    waiting: Slab<Waker>,
    /// In the order in which they were registered.
    callbacks: BTreeMap<u64, Callback>,
}

impl Node {
    pub(super) fn root(made_at: &'static Location<'static>) -> Arc<Self> {
        Arc::new(Self::new(None, made_at))
    }

    fn new(parent: Option<Link>, made_at: &'static Location<'static>) -> Self {
        Node {
            reason: OnceLock::new(),
            settled: AtomicBool::new(false),
            parent,
            made_at,
            parts: Mutex::default(),
        }
    }

    /// Makes a child; a cancelled node's is cancelled, and has no need of a parent.
    pub(super) fn child(self: &Arc<Self>, made_at: &'static Location<'static>) -> Arc<Self> {
        let mut parts = self.parts();
        if let Some(reason) = self.reason() {
            drop(parts);
            let mut child = Self::new(None, made_at);
            child.reason = OnceLock::from(reason.clone());
            child.settled = AtomicBool::new(true);
            return Arc::new(child);
        }
        let entry = parts.children.vacant_entry();
        let link = Link {
            parent: Arc::clone(self),
            key: entry.key(),
        };
        let child = Arc::new(Self::new(Some(link), made_at));
        entry.insert(Arc::downgrade(&child));
        child
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }

    /// One atomic load.
    pub(super) fn reason(&self) -> Option<&Reason> {
        self.reason.get()
    }

    // --- the request

    /// Cancels this node and all below it. Says whether this node was not cancelled before.
    pub(super) fn cancel(self: &Arc<Self>, reason: &Reason) -> bool {
        let mut told = Told::default();
        if !self.mark(reason, &mut told) {
            return false;
        }
        self.mark_below(reason, &mut told);
        told.tell(reason);
        true
    }

    /// Marks this node alone, and takes out whom to tell.
    fn mark(&self, reason: &Reason, told: &mut Told) -> bool {
        if self.reason().is_some() {
            return false;
        }
        let mut parts = self.parts();
        if self.reason.set(reason.clone()).is_err() {
            return false;
        }
        if parts.children.is_empty() {
            self.settled.store(true, Ordering::Release);
        }
        // Most tokens of a large tree have nobody to tell.
        if parts.waiting.is_empty() && parts.callbacks.is_empty() {
            return true;
        }
        let waiting = std::mem::take(&mut parts.waiting);
        let callbacks = std::mem::take(&mut parts.callbacks);
        drop(parts);
        told.wakers
            .extend(waiting.into_iter().map(|(_, waker)| (waker, self.made_at)));
        told.callbacks.extend(callbacks.into_values());
        true
    }

    /// Marks what is below, parents before children.
    ///
    /// Goes also through what another request has marked but not settled: that one may not have come
    /// to the end yet, and nothing below may be open when this returns.
    fn mark_below(self: &Arc<Self>, reason: &Reason, told: &mut Told) {
        if self.is_settled() {
            return;
        }
        let mut reached = vec![Arc::clone(self)];
        let mut children = Vec::new();
        let mut next = 0;
        while let Some(node) = reached.get(next) {
            node.live_children(&mut children);
            children.retain(|child: &Arc<Node>| {
                child.mark(reason, told);
                !child.is_settled()
            });
            reached.append(&mut children);
            next += 1;
        }
        for node in &reached {
            node.settle();
        }
    }

    fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    fn live_children(&self, into: &mut Vec<Arc<Node>>) {
        let parts = self.parts();
        into.extend(
            parts
                .children
                .iter()
                .filter_map(|(_, child)| child.upgrade()),
        );
    }

    /// Forgets the children: all below is cancelled.
    fn settle(&self) {
        self.settled.store(true, Ordering::Release);
        let children = std::mem::take(&mut self.parts().children);
        drop(children);
    }

    // --- those who are told

    /// Waits with the entry `key`, which it makes, renews or forgets.
    pub(super) fn poll_cancelled(
        &self,
        key: &mut Option<usize>,
        cx: &mut Context<'_>,
    ) -> Poll<Reason> {
        if let Some(reason) = self.reason() {
            *key = None;
            return Poll::Ready(reason.clone());
        }
        if key.is_some_and(|key| self.is_waiting(key, cx.waker())) {
            return Poll::Pending;
        }
        // Cloned before the lock, and what it replaces is dropped after it: both are foreign code.
        let new = cx.waker().clone();
        let mut parts = self.parts();
        if let Some(reason) = self.reason() {
            drop(parts);
            *key = None;
            return Poll::Ready(reason.clone());
        }
        let old = match key.and_then(|key| parts.waiting.get_mut(key)) {
            Some(entry) => Some(std::mem::replace(entry, new)),
            None => {
                *key = Some(parts.waiting.insert(new));
                None
            }
        };
        drop(parts);
        drop(old);
        Poll::Pending
    }

    fn is_waiting(&self, key: usize, waker: &Waker) -> bool {
        let parts = self.parts();
        let entry = parts.waiting.get(key);
        entry.is_some_and(|registered| registered.will_wake(waker))
    }

    /// Takes back a waker. One that a request has taken out already is woken, or was.
    pub(super) fn forget_waiting(&self, key: usize) {
        let waker = take_out(&mut self.parts().waiting, key);
        if let Err(payload) = drop_contained(waker) {
            report(&Failure::of_token(Phase::Waker, self.made_at, payload));
        }
    }

    /// Registers a callback; gives it back where it is too late.
    pub(super) fn add_callback(&self, callback: Callback) -> Result<u64, Callback> {
        let mut parts = self.parts();
        if self.reason().is_some() {
            return Err(callback);
        }
        let key = match parts.callbacks.last_key_value() {
            Some((last, _)) => last + 1,
            None => 0,
        };
        parts.callbacks.insert(key, callback);
        Ok(key)
    }

    /// Takes back a callback. One that a request has taken out already is called, or was.
    pub(super) fn forget_callback(&self, key: u64) {
        let callback = self.parts().callbacks.remove(&key);
        if let Some(callback) = callback {
            callback.discard();
        }
    }

    fn forget_child(&self, key: usize) {
        if !self.is_settled() {
            let child = take_out(&mut self.parts().children, key);
            drop(child);
        }
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> Counts {
        let parts = self.parts();
        Counts {
            children: parts.children.len(),
            places: parts.children.capacity(),
            waiting: parts.waiting.len(),
            callbacks: parts.callbacks.len(),
        }
    }
}

/// What a node has on its lists.
#[cfg(test)]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) children: usize,
    pub(super) places: usize,
    pub(super) waiting: usize,
    pub(super) callbacks: usize,
}

impl Drop for Node {
    fn drop(&mut self) {
        let parts = self.parts.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Of futures that were forgotten rather than dropped.
        for waker in parts.waiting.drain() {
            if let Err(payload) = drop_contained(waker) {
                report(&Failure::of_token(Phase::Waker, self.made_at, payload));
            }
        }
        for callback in std::mem::take(&mut parts.callbacks).into_values() {
            callback.discard();
        }
        // Upwards by hand: each parent that has nobody but us would else be dropped on top of us.
        let mut link = self.parent.take();
        while let Some(Link { parent, key }) = link {
            parent.forget_child(key);
            link = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

/// Takes an entry out. A list that is empty again gives back what a burst has made it take.
fn take_out<T>(list: &mut Slab<T>, key: usize) -> Option<T> {
    let entry = list.try_remove(key);
    if list.is_empty() && list.capacity() > SPARE {
        *list = Slab::new();
    }
    entry
}

/// A callback, and where it was registered.
pub(super) struct Callback {
    pub(super) call: Box<dyn FnOnce(&Reason) + Send>,
    pub(super) location: &'static Location<'static>,
}

impl Callback {
    /// Calls it. A panic goes to the hook.
    pub(super) fn call(self, reason: &Reason) {
        if let Err(payload) = contain(|| (self.call)(reason)) {
            report(&Failure::of_callback(
                Phase::Callback,
                self.location,
                payload,
            ));
        }
    }

    /// Drops it uncalled. A panic goes to the hook.
    fn discard(self) {
        if let Err(payload) = drop_contained(self.call) {
            report(&Failure::of_callback(
                Phase::Destructor,
                self.location,
                payload,
            ));
        }
    }
}

/// Whom a request has to tell, once everything is marked and nothing is locked.
#[derive(Default)]
struct Told {
    wakers: Vec<(Waker, &'static Location<'static>)>,
    callbacks: Vec<Callback>,
}

impl Told {
    /// Wakers first: a callback may take its time.
    fn tell(self, reason: &Reason) {
        for (waker, made_at) in self.wakers {
            if let Err(payload) = contain(|| waker.wake()) {
                report(&Failure::of_token(Phase::Waker, made_at, payload));
            }
        }
        for callback in self.callbacks {
            callback.call(reason);
        }
    }
}
