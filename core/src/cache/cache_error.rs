//! Why a cache gives no value.

use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::sync::Arc;

/// Why a [`Cache`](crate::Cache) gave no value. Nothing of it is kept: the next call computes anew.
///
/// Each of those who wait for one computation gets a clone.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "cache")] {
/// use anyrt::{Cache, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let cache: Cache<u32, u32, String> = Cache::on(owner.handle()).open();
/// let failed = owner.block_on(cache.get(1, || async { Err("out of cheese".to_owned()) }));
/// let error = failed.unwrap_err();
/// assert_eq!(error.error().map(String::as_str), Some("out of cheese"));
/// assert_eq!(error.to_string(), "out of cheese");
/// # }
/// ```
pub struct CacheError<E>(Kind<E>);

enum Kind<E> {
    Failed(Arc<E>),
    Panicked(Option<Arc<str>>),
    Lost,
    Closed,
    Recursive,
}

impl<E> CacheError<E> {
    pub(super) fn failed(error: E) -> Self {
        CacheError(Kind::Failed(Arc::new(error)))
    }

    pub(super) fn panicked(message: Option<&str>) -> Self {
        CacheError(Kind::Panicked(message.map(Arc::from)))
    }

    pub(super) fn lost() -> Self {
        CacheError(Kind::Lost)
    }

    pub(super) fn closed() -> Self {
        CacheError(Kind::Closed)
    }

    pub(super) fn recursive() -> Self {
        CacheError(Kind::Recursive)
    }

    /// Returns what the computation failed with.
    pub fn error(&self) -> Option<&E> {
        match &self.0 {
            Kind::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Returns what the computation failed with, shared with all who waited for it.
    pub fn into_error(self) -> Option<Arc<E>> {
        match self.0 {
            Kind::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Returns whether the computation panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Kind::Panicked(_))
    }

    /// Returns whether the computation's task was stopped, or its runtime was gone.
    pub fn is_lost(&self) -> bool {
        matches!(self.0, Kind::Lost)
    }

    /// Returns whether the cache was closed.
    pub fn is_closed(&self) -> bool {
        matches!(self.0, Kind::Closed)
    }

    /// Returns whether a computation asked for itself, or for one that waits for it: it would wait for itself.
    pub fn is_recursive(&self) -> bool {
        matches!(self.0, Kind::Recursive)
    }
}

impl<E> Clone for CacheError<E> {
    fn clone(&self) -> Self {
        CacheError(match &self.0 {
            Kind::Failed(error) => Kind::Failed(Arc::clone(error)),
            Kind::Panicked(message) => Kind::Panicked(message.clone()),
            Kind::Lost => Kind::Lost,
            Kind::Closed => Kind::Closed,
            Kind::Recursive => Kind::Recursive,
        })
    }
}

impl<E: Display> Display for CacheError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Failed(error) => Display::fmt(error, f),
            Kind::Panicked(Some(message)) => write!(f, "the computation panicked: {message}"),
            Kind::Panicked(None) => f.write_str("the computation panicked"),
            Kind::Lost => f.write_str("the computation was stopped, or its runtime is gone"),
            Kind::Closed => f.write_str("the cache is closed"),
            Kind::Recursive => f.write_str("the computation of this key waits for itself"),
        }
    }
}

impl<E: Debug> Debug for CacheError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
            Kind::Panicked(message) => f.debug_tuple("Panicked").field(message).finish(),
            Kind::Lost => f.write_str("Lost"),
            Kind::Closed => f.write_str("Closed"),
            Kind::Recursive => f.write_str("Recursive"),
        }
    }
}

impl<E: Debug + Display> Error for CacheError<E> {}
