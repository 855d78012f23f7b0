//! What failed, whatever its type.

use std::any::Any;
use std::error::Error;
use std::fmt;

use crate::region::contain::{contain, discard};

/// An error of any type: its text, and itself for who knows the type.
///
/// What a [`Nursery`](crate::Nursery) has of its children, each of which may fail with another type.
///
/// # Examples
///
/// ```
/// use anyrt::AnyError;
///
/// let error = AnyError::new(std::io::Error::other("out of cheese"));
/// assert_eq!(error.to_string(), "out of cheese");
/// assert!(error.downcast_ref::<std::io::Error>().is_some());
/// assert!(error.downcast::<std::fmt::Error>().is_err());
/// ```
pub struct AnyError {
    text: String,
    error: Box<dyn Any + Send + Sync>,
}

impl AnyError {
    /// Keeps `error`, and the text that it has now (`{:#}`).
    pub fn new<E: fmt::Display + Send + Sync + 'static>(error: E) -> Self {
        let text = contain(|| format!("{error:#}")).unwrap_or_else(|payload| {
            discard(payload);
            "an error whose text cannot be written".to_owned()
        });
        AnyError {
            text,
            error: Box::new(error),
        }
    }

    /// Returns the error, if it is an `E`.
    pub fn downcast_ref<E: 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }

    /// Returns the error by value.
    ///
    /// # Errors
    ///
    /// Gives `self` back if it is no `E`.
    pub fn downcast<E: 'static>(self) -> Result<E, Self> {
        let AnyError { text, error } = self;
        match error.downcast() {
            Ok(error) => Ok(*error),
            Err(error) => Err(AnyError { text, error }),
        }
    }

    pub(super) fn into_parts(self) -> (String, Box<dyn Any + Send>) {
        (self.text, self.error)
    }
}

impl fmt::Display for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyError").field(&self.text).finish()
    }
}

impl Error for AnyError {}
