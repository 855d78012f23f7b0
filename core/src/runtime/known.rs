//! Who a root is: for a runtime that reports on its tasks.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

/// What this crate hands to a runtime, and knows by name. No part of the public interface.
pub trait Known {
    /// Says who it is.
    fn known_as(&self) -> KnownAs;
}

/// A task's name, and where it was spawned. No part of the public interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAs {
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) place: &'static Location<'static>,
}

impl KnownAs {
    /// Something without a name, spawned where this is called.
    #[track_caller]
    pub(crate) fn here() -> Self {
        KnownAs {
            name: None,
            place: Location::caller(),
        }
    }
}

impl fmt::Display for KnownAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "`{name}`, spawned at {}", self.place),
            None => write!(f, "spawned at {}", self.place),
        }
    }
}

/// A root with its types erased.
pub(crate) trait KnownFuture: Future<Output = ()> + Known + Send {}

impl<F: Future<Output = ()> + Known + Send> KnownFuture for F {}

impl Known for Pin<Box<dyn KnownFuture>> {
    fn known_as(&self) -> KnownAs {
        (**self).known_as()
    }
}
