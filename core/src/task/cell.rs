//! The one allocation that a task's root and its handle share.

use std::any::Any;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use super::join_error::JoinError;
use super::root::spawn_orphans;
use crate::region::contain::drop_contained;
use crate::region::flat::flat;
use crate::region::state::flag;
use crate::region::{Leftovers, Member, Phase, Reason, Region};
use crate::runtime::{AnyRuntime, Spawn, Timer, are_same};
use crate::sync::{Mutex, MutexGuard};

/// What becomes of a task.
pub(crate) type Joined<T> = Result<T, JoinError>;

/// What a task belongs to: a runtime alone ([`Free`]), or a scope. `O` is what the task's body gives.
pub(crate) trait Owner<O>: Send + Sync + 'static {
    type Runtime: Spawn + Timer;
    /// What the handle gives.
    type Value: Send + 'static;

    /// A job that was started outside any task has none.
    fn runtime(&self) -> Option<&Self::Runtime>;

    /// Makes of a body's end what the handle gives. Called before that is published.
    fn judge(&self, region: &Region, ended: Joined<O>) -> Joined<Self::Value>;

    /// Called instead where a task was stopped and nobody will see its outcome.
    fn stopped(&self) {}

    /// Called when everything of the task is over, and published.
    fn ended(&self, _: &Region) {}

    /// The scope that the task is a child of.
    fn scope(&self) -> Option<Arc<dyn Member>> {
        None
    }

    /// The same, to be looked at only.
    fn scope_region(&self) -> Option<&Region> {
        None
    }

    /// Why it was asked to stop with all children of its scope, if it was.
    fn asked_as_child(&self) -> Option<Reason> {
        None
    }

    /// Lets a child start that waits for its turn, if it must not wait any longer.
    fn hurry(&self, _: &Region) {}
}

/// The owner of a task that belongs to no scope.
pub(super) struct Free<R>(pub(super) R);

impl<R: Spawn + Timer, T: Send + 'static> Owner<T> for Free<R> {
    type Runtime = R;
    type Value = T;

    #[inline]
    fn runtime(&self) -> Option<&R> {
        Some(&self.0)
    }

    #[inline]
    fn judge(&self, _: &Region, ended: Joined<T>) -> Joined<T> {
        ended
    }
}

/// A task's region, its owner, and the place where its outcome waits for the handle.
///
/// At most 104 bytes for `T = ()` and a runtime of 16 bytes; a test says so.
pub(crate) struct Cell<W: Owner<O>, O> {
    pub(crate) region: Region,
    owner: W,
    slot: Mutex<Slot<W::Value>>,
}

enum Slot<T> {
    /// No outcome yet, and nobody waits.
    Empty,
    /// No outcome yet; this waker waits.
    Joiner(Waker),
    Done(Joined<T>),
    Taken,
}

impl<W: Owner<O>, O> Cell<W, O> {
    #[inline]
    pub(crate) fn new(region: Region, owner: W) -> Self {
        Cell {
            region,
            owner,
            slot: Mutex::new(Slot::Empty),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot<W::Value>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves `waker` for the root to wake, unless the outcome is there. Says whether it did.
    ///
    /// Cloning and dropping a waker is foreign code, so it is given as a clone, and the one that is not
    /// needed any more is dropped outside the lock.
    fn wait(&self, waker: Waker) -> bool {
        let mut slot = self.slot();
        if matches!(*slot, Slot::Done(_) | Slot::Taken) {
            drop(slot);
            return false;
        }
        let before = std::mem::replace(&mut *slot, Slot::Joiner(waker));
        drop(slot);
        if let Slot::Joiner(waker) = before {
            self.region.let_go(Some(waker));
        }
        true
    }

    /// The outcome that the handle has taken out of its place.
    fn outcome_of(&self, slot: Slot<W::Value>) -> Joined<W::Value> {
        let Slot::Done(outcome) = slot else {
            panic!("a `Task` was polled after it had given its result");
        };
        self.region.set_taken();
        outcome
    }

    /// Gets rid of an outcome that nobody receives. Foreign code runs, so: outside the lock.
    fn unreceived(&self, outcome: Joined<W::Value>) {
        match outcome {
            Ok(value) => {
                if let Err(payload) = drop_contained(value) {
                    self.region.report(Phase::Destructor, Some(payload));
                }
            }
            Err(error) => error.report_unseen(&self.region),
        }
    }
}

impl<W: Owner<O>, O: Send + 'static> Member for Cell<W, O> {
    fn region(&self) -> &Region {
        &self.region
    }

    fn erase_runtime(&self) -> Option<AnyRuntime> {
        Some(AnyRuntime::new(self.owner.runtime()?.clone()))
    }

    fn runs_on(&self, handle: &dyn Any) -> Option<bool> {
        Some(are_same(self.owner.runtime()?, handle))
    }

    fn scope(&self) -> Option<Arc<dyn Member>> {
        self.owner.scope()
    }

    fn scope_region(&self) -> Option<&Region> {
        self.owner.scope_region()
    }

    fn asked_as_child(&self) -> Option<Reason> {
        self.owner.asked_as_child()
    }

    fn spawn_orphans(&self, from: &Region, left: Leftovers) -> Result<(), Leftovers> {
        let Some(rt) = self.owner.runtime() else {
            return Err(left);
        };
        spawn_orphans(rt, from, left);
        Ok(())
    }

    fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.region.is_done() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let mut slot = self.slot();
        // Set under the lock, so: either it is seen here, or the waker is found there.
        if self.region.is_done() {
            drop(slot);
            self.region.let_go(Some(waker));
            return Poll::Ready(());
        }
        let before = std::mem::replace(&mut *slot, Slot::Joiner(waker));
        drop(slot);
        if let Slot::Joiner(waker) = before {
            self.region.let_go(Some(waker));
        }
        Poll::Pending
    }

    fn end_unseen(&self) -> bool {
        // Never taken back: who sees it needs no lock. For a task in no scope a drain may wait.
        if !self.region.has(flag::NO_HANDLE) || self.owner.scope_region().is_none() {
            return false;
        }
        self.owner.stopped();
        self.region.forget_runner();
        self.region.forget_context();
        self.region.set_done();
        self.region.report_kept();
        self.region.unwatch();
        self.owner.ended(&self.region);
        true
    }

    fn publish(&self, outcome: &mut dyn Any) {
        let outcome = outcome
            .downcast_mut::<Option<Joined<O>>>()
            .and_then(Option::take);
        debug_assert!(
            outcome.is_some(),
            "a root publishes an outcome of its own type"
        );
        let Some(outcome) = outcome else { return };

        let outcome = self.owner.judge(&self.region, outcome);
        if outcome.is_ok() {
            // A value has no place for failures beside it.
            self.region.report_kept();
        }
        self.region.forget_runner();
        self.region.forget_context();
        if self.region.has(flag::NO_HANDLE) && self.owner.scope_region().is_some() {
            // Nobody waits for a child but its scope: no lock is needed. For another task a drain may.
            self.region.set_done();
            self.unreceived(outcome);
            self.region.unwatch();
            self.owner.ended(&self.region);
            return;
        }
        let mut slot = self.slot();
        // Read under the lock: the handle sets it there.
        let (before, unreceived) = if self.region.has(flag::NO_HANDLE) {
            (std::mem::replace(&mut *slot, Slot::Taken), Some(outcome))
        } else {
            (std::mem::replace(&mut *slot, Slot::Done(outcome)), None)
        };
        self.region.set_done();
        drop(slot);

        if let Some(outcome) = unreceived {
            self.unreceived(outcome);
        }
        // Before the joiner is woken: who has joined a task does not find it among the living.
        self.region.unwatch();
        if let Slot::Joiner(waker) = before {
            self.region.wake(Some(waker));
        }
        self.owner.ended(&self.region);
    }
}

/// A cell as its handle sees it: the runtime's type erased.
pub(crate) trait Joinable<T>: Send + Sync {
    fn region(&self) -> &Region;

    /// The scope that this is a child of, if it is one.
    fn scope_region(&self) -> Option<&Region>;

    /// Lets a child start that waits for its turn, if it must not wait any longer.
    fn hurry(&self);

    /// Takes the outcome, or registers the waker.
    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<Joined<T>>;

    /// Takes the outcome of a task that is over, if nobody else has the cell any more.
    fn take_outcome(&mut self) -> Joined<T>;

    /// The handle goes: an outcome that comes later has no receiver. Says whether it is there already.
    fn release(&self) -> bool;

    /// Gets rid of the outcome of a task that is over.
    fn discard(self: Arc<Self>);

    /// The same cell as what its root sees of it.
    fn into_member(self: Arc<Self>) -> Arc<dyn Member>;
}

impl<W: Owner<O>, O: Send + 'static> Joinable<W::Value> for Cell<W, O> {
    fn region(&self) -> &Region {
        &self.region
    }

    fn scope_region(&self) -> Option<&Region> {
        self.owner.scope_region()
    }

    fn hurry(&self) {
        self.owner.hurry(&self.region);
    }

    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<Joined<W::Value>> {
        if !self.region.is_done() && self.wait(cx.waker().clone()) {
            return Poll::Pending;
        }
        let slot = std::mem::replace(&mut *self.slot(), Slot::Taken);
        Poll::Ready(self.outcome_of(slot))
    }

    fn take_outcome(&mut self) -> Joined<W::Value> {
        let slot = self.slot.get_mut().unwrap_or_else(PoisonError::into_inner);
        let slot = std::mem::replace(slot, Slot::Taken);
        self.outcome_of(slot)
    }

    fn release(&self) -> bool {
        let mut slot = self.slot();
        if matches!(*slot, Slot::Done(_)) {
            return true;
        }
        self.region.set(flag::NO_HANDLE);
        let before = std::mem::replace(&mut *slot, Slot::Taken);
        drop(slot);
        if let Slot::Joiner(waker) = before {
            self.region.let_go(Some(waker));
        }
        false
    }

    fn into_member(self: Arc<Self>) -> Arc<dyn Member> {
        self
    }

    fn discard(self: Arc<Self>) {
        let before = std::mem::replace(&mut *self.slot(), Slot::Taken);
        if let Slot::Done(outcome) = before {
            // A value may hold the handle of a task whose value holds the next, and so on.
            flat(move || self.unreceived(outcome));
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use std::panic::Location;

    #[test]
    fn a_cell_is_at_most_104_bytes() {
        assert!(size_of::<Cell<Free<AnyRuntime>, ()>>() <= 104);
        assert_eq!(size_of::<AnyRuntime>(), 16);
        assert_eq!(size_of::<JoinError>(), size_of::<usize>());
    }

    #[test]
    fn a_new_cell_has_no_rare_part() {
        let rt = Free(crate::task::tests::Hand::default());
        let cell = Cell::<_, ()>::new(Region::new(Location::caller(), 0), rt);
        assert!(cell.region.name().is_none());
        assert!(!cell.region.has(flag::WORK | flag::INHERITED));
    }
}
