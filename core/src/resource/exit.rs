//! How the use of a resource ended, as its release learns it.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use super::ends::Ends;

/// How the use of a resource ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExitKind {
    /// By itself, with a value; of what is [held](crate::hold()), also with an error.
    Value,
    /// With an error.
    Error,
    /// With a panic.
    Panicked,
    /// It did not end: a request stopped it, or its future was dropped.
    Cancelled,
}

impl fmt::Display for ExitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExitKind::Value => "value",
            ExitKind::Error => "error",
            ExitKind::Panicked => "panicked",
            ExitKind::Cancelled => "cancelled",
        })
    }
}

/// What a release is told: how the use ended, and its error, if there is one here.
///
/// The error stands as it is, unless the release changes it ([`error_mut`](Exit::error_mut)) or suppresses
/// it ([`suppress`](Exit::suppress)). Nothing can be done about a panic, or about a request to stop.
///
/// # Examples
///
/// ```
/// use anyrt::{Exit, ExitKind, bracket};
///
/// # futures::executor::block_on(async {
/// let result: Result<(), String> = bracket(
///     async { Ok("transaction") },
///     async |_| Err("out of cheese".to_owned()),
///     async |transaction, mut exit: Exit<String>| match exit.kind() {
///         ExitKind::Value => unreachable!("here is the place to commit"),
///         _ => {
///             if let Some(error) = exit.error_mut() {
///                 *error = format!("{error}; the {transaction} was rolled back");
///             }
///         }
///     },
/// )
/// .await;
/// assert_eq!(result.unwrap_err(), "out of cheese; the transaction was rolled back");
/// # });
/// ```
#[doc(alias = "exc_info")]
pub struct Exit<E = Infallible> {
    kind: ExitKind,
    error: Option<E>,
    suppressed: bool,
    /// Where the error goes back to.
    ends: Option<Arc<Ends<E>>>,
}

impl<E> Exit<E> {
    /// Of a use whose error, if it has one, is not here.
    pub(super) fn bare(kind: ExitKind) -> Self {
        Exit {
            kind,
            error: None,
            suppressed: false,
            ends: None,
        }
    }

    /// With the error of `ends`, which goes back there.
    pub(super) fn of(ends: &Arc<Ends<E>>) -> Self {
        let (kind, error, suppressed) = ends.take_body();
        let kind = match suppressed {
            true => ExitKind::Value,
            false => kind,
        };
        Exit {
            kind,
            error,
            suppressed,
            ends: Some(Arc::clone(ends)),
        }
    }

    /// Returns how the use ended.
    pub fn kind(&self) -> ExitKind {
        self.kind
    }

    /// Returns the error of the use, where there is one and the release may know it.
    ///
    /// A release of what is [held](crate::hold()), or of one of [several](crate::using_all), knows only
    /// how it ended.
    pub fn error(&self) -> Option<&E> {
        self.error.as_ref().filter(|_| !self.suppressed)
    }

    /// Returns the error of the use, to be changed or replaced.
    pub fn error_mut(&mut self) -> Option<&mut E> {
        self.error.as_mut().filter(|_| !self.suppressed)
    }

    /// Suppresses the error of the use. Without one, nothing happens.
    ///
    /// There is no value in its place, so whoever awaits the use says what then:
    /// [`or_none`](crate::Bracket::or_none) gives `None`, and a plain `await` the error all the same.
    pub fn suppress(&mut self) {
        self.suppressed = self.error.is_some();
    }
}

impl<E> Drop for Exit<E> {
    fn drop(&mut self) {
        if let Some(ends) = &self.ends {
            ends.put_body(self.error.take(), self.suppressed);
        }
    }
}

impl<E> fmt::Debug for Exit<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exit")
            .field("kind", &self.kind)
            .field("suppressed", &self.suppressed)
            .finish_non_exhaustive()
    }
}
