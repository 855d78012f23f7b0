//! What the use of a resource and its release leave for who awaits both: errors, by their types.

use std::fmt::Display;
use std::panic::Location;

use super::exit::ExitKind;
use crate::region::contain::Payload;
use crate::region::state::flag;
use crate::region::{Failure, frame, report_here};
use crate::sync::Mutex;

/// Shared by the future of a use, and the clean-up that releases.
pub(crate) struct Ends<E> {
    /// A leaf: held for no more than a move.
    inner: Mutex<Inner<E>>,
    /// Where the resource was acquired.
    location: &'static Location<'static>,
    fail: fn(E, &'static Location<'static>),
}

struct Inner<E> {
    kind: ExitKind,
    /// The error of the body; not here while a release looks at it.
    body: Option<E>,
    suppressed: bool,
    /// What releases failed with, in the order in which they did.
    releases: Vec<E>,
    /// Nobody will look any more.
    unattended: bool,
}

impl<E: Display + Send + 'static> Ends<E> {
    pub(super) fn new(location: &'static Location<'static>) -> Self {
        Ends {
            inner: Mutex::new(Inner {
                kind: ExitKind::Cancelled,
                body: None,
                suppressed: false,
                releases: Vec::new(),
                unattended: false,
            }),
            location,
            fail: |error, location| fail(&error.to_string(), Box::new(error), location),
        }
    }
}

impl<E> Ends<E> {
    fn lock(&self) -> crate::sync::MutexGuard<'_, Inner<E>> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The body has ended.
    pub(super) fn end_body(&self, kind: ExitKind, error: Option<E>) {
        let mut inner = self.lock();
        inner.kind = kind;
        inner.body = error;
    }

    pub(super) fn take_body(&self) -> (ExitKind, Option<E>, bool) {
        let mut inner = self.lock();
        (inner.kind, inner.body.take(), inner.suppressed)
    }

    pub(super) fn put_body(&self, error: Option<E>, suppressed: bool) {
        let mut inner = self.lock();
        inner.body = error;
        inner.suppressed = suppressed;
    }

    /// A release has failed.
    pub(super) fn release_failed(&self, error: E) {
        let unseen = {
            let mut inner = self.lock();
            if inner.unattended {
                Some(error)
            } else {
                inner.releases.push(error);
                None
            }
        };
        if let Some(error) = unseen {
            (self.fail)(error, self.location);
        }
    }

    /// Takes what releases failed with.
    pub(super) fn take_releases(&self) -> Vec<E> {
        std::mem::take(&mut self.lock().releases)
    }

    /// Reports what nobody took.
    pub(super) fn report_releases(&self) {
        for error in self.take_releases() {
            (self.fail)(error, self.location);
        }
    }

    /// From now on nobody looks: what failed, and what will, is reported.
    ///
    /// The error of a body that was dropped is not there: it had none.
    pub(super) fn leave(&self) {
        self.lock().unattended = true;
        self.report_releases();
    }
}

/// Reports a release that failed where nobody is to be given its error: beside the outcome of a region
/// that is ending, else to the hook.
pub(super) fn fail(text: &str, error: Payload, location: &'static Location<'static>) {
    let failure = Failure::of_release(location, text.to_owned(), error);
    match frame::current() {
        Some(here) if here.region().has(flag::ASKED) => here.region().keep(failure),
        _ => report_here(&failure),
    }
}
