//! What failed in a local scope, and what follows from it for everybody inside.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use crate::region::failure::report;
use crate::region::state::flag;
use crate::region::{Failure, Member, Reason, frame};
use crate::scope::{ChildError, ErrorGroup};

const FAILED: Reason = Reason::fixed("another part of the local scope failed");

/// The failures of one scope, and the region in which they happened.
pub(super) struct Verdict<E> {
    group: Mutex<Option<ErrorGroup<E>>>,
    /// The scope's region, once it is open.
    region: OnceLock<Weak<dyn Member>>,
    into_failures: fn(ChildError<E>) -> Vec<Failure>,
}

impl<E: Send + 'static> Default for Verdict<E> {
    fn default() -> Self {
        Verdict {
            group: Mutex::default(),
            region: OnceLock::new(),
            into_failures: ChildError::into_failures,
        }
    }
}

impl<E> Verdict<E> {
    fn group(&self) -> MutexGuard<'_, Option<ErrorGroup<E>>> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn opened(&self, region: Weak<dyn Member>) {
        // A scope opens once.
        let _ = self.region.set(region);
    }

    fn member(&self) -> Option<Arc<dyn Member>> {
        self.region.get()?.upgrade()
    }

    /// Keeps a failure, and asks the body and all children to stop.
    ///
    /// To be called before the outcome of the one who failed is published: who awaits it must find the
    /// request.
    pub(super) fn fail(&self, error: ChildError<E>) {
        {
            let mut group = self.group();
            match &mut *group {
                Some(group) => drop(group.keep(error, usize::MAX)),
                none => *none = Some(ErrorGroup::new(error)),
            }
        }
        if let Some(member) = self.member() {
            member.region().ask(Some(&FAILED));
        }
    }

    /// Whether the scope was asked to stop, and why.
    pub(super) fn stopped(&self) -> Option<Option<Reason>> {
        let member = self.member()?;
        let region = member.region();
        region.has(flag::ASKING).then(|| region.reason())
    }

    pub(super) fn take(&self) -> Option<ErrorGroup<E>> {
        self.group().take()
    }

    /// Gives failures that the scope's caller does not get to the region around, or to the hook.
    pub(super) fn pass_on(&self, errors: impl IntoIterator<Item = ChildError<E>>) {
        let around = frame::current();
        for failure in errors.into_iter().flat_map(self.into_failures) {
            match &around {
                Some(around) => around.region().keep(failure),
                None => report(&failure),
            }
        }
    }
}

/// Whatever failed in a scope that was dropped before it could say so.
pub(super) struct Unsaid<E>(pub(super) Arc<Verdict<E>>);

impl<E> Drop for Unsaid<E> {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            self.0.pass_on(group);
        }
    }
}
