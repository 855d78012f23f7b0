//! Why a local child has no value.

use std::fmt;
use std::panic::Location;

use crate::region::Reason;

/// Why a local child has no value: cancelled, panicked, or failed.
///
/// What it failed with is not in here: that goes, with the error or the panic itself, out of the scope.
/// This is for code in the scope that must know, and is what
/// [`LocalChild::result`](crate::LocalChild::result) gives.
///
/// # Examples
///
/// ```
/// use anyrt::local_scope;
///
/// futures::executor::block_on(local_scope(|n| async move {
///     let child = n.spawn(std::future::pending::<()>());
///     child.cancel("no longer needed");
///     let error = child.result().await.unwrap_err();
///     assert!(error.is_cancelled());
///     assert_eq!(error.reason().unwrap().as_str(), "no longer needed");
/// }));
/// ```
#[derive(Clone, Debug)]
pub struct NoValue {
    kind: Kind,
    location: &'static Location<'static>,
}

#[derive(Clone, Debug)]
enum Kind {
    Cancelled(Option<Reason>),
    Panicked(Option<String>),
    Failed,
}

impl NoValue {
    pub(super) fn cancelled(reason: Option<Reason>, location: &'static Location<'static>) -> Self {
        NoValue {
            kind: Kind::Cancelled(reason),
            location,
        }
    }

    pub(super) fn panicked(message: Option<&str>, location: &'static Location<'static>) -> Self {
        NoValue {
            kind: Kind::Panicked(message.map(str::to_owned)),
            location,
        }
    }

    pub(super) fn failed(location: &'static Location<'static>) -> Self {
        NoValue {
            kind: Kind::Failed,
            location,
        }
    }

    /// Returns whether the child was cancelled, by itself or with the scope.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, Kind::Cancelled(_))
    }

    /// Returns whether the child panicked: its body, or its destructor.
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Panicked(_))
    }

    /// Returns whether the child gave an error to its scope.
    pub fn is_failed(&self) -> bool {
        matches!(self.kind, Kind::Failed)
    }

    /// Returns why the child was cancelled, if a reason was given.
    pub fn reason(&self) -> Option<&Reason> {
        match &self.kind {
            Kind::Cancelled(reason) => reason.as_ref(),
            _ => None,
        }
    }

    /// Returns where the child was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the local child spawned at {}", self.location)?;
        match &self.kind {
            Kind::Cancelled(None) => f.write_str(" was cancelled"),
            Kind::Cancelled(Some(reason)) => write!(f, " was cancelled: {reason}"),
            Kind::Panicked(None) => f.write_str(" panicked"),
            Kind::Panicked(Some(message)) => write!(f, " panicked: {message}"),
            Kind::Failed => f.write_str(" failed, and its error goes out of the scope"),
        }
    }
}

impl std::error::Error for NoValue {}
