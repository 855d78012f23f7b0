//! What a scope does when one of its children fails.

use std::fmt;

use super::child_error::ChildError;

/// What is to become of a scope in which a child failed: the answer of a handler.
///
/// Given by the handler of [`ScopeWith::supervise`](crate::ScopeWith::supervise).
///
/// # Examples
///
/// ```
/// use anyrt::{ChildError, Verdict};
///
/// fn only_panics_are_serious(error: &ChildError<std::io::Error>) -> Verdict {
///     match error.is_panic() {
///         true => Verdict::Stop,
///         false => Verdict::Continue,
///     }
/// }
/// # let _ = only_panics_are_serious;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The error is dealt with: nobody else learns of it, everybody goes on.
    Continue,
    /// Everybody goes on, and the scope gives the error in the end.
    Keep,
    /// The other children and the body are asked to stop; the scope gives the error in the end.
    Stop,
}

type Handler<E> = dyn Fn(&ChildError<E>) -> Verdict + Send + Sync;

/// What a scope does with the error of a child.
pub(super) enum OnError<E> {
    /// The first stops everybody else.
    FailFast,
    /// All are kept, and nobody is disturbed.
    Collect,
    /// None is kept: each is reported at once.
    Report,
    /// A handler says.
    Supervise(Box<Handler<E>>),
}

impl<E> fmt::Debug for OnError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OnError::FailFast => "FailFast",
            OnError::Collect => "Collect",
            OnError::Report => "Report",
            OnError::Supervise(_) => "Supervise(..)",
        })
    }
}
