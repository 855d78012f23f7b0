//! Why a race for a value has none.

use std::error::Error;
use std::fmt::{self, Debug, Display};

use super::try_gather::group;
use crate::scope::{ChildError, ErrorGroup};

/// Why [`race_ok`](crate::race_ok) has no value: all arms failed, or there were none.
///
/// It is written like an [`ErrorGroup`]: `{}` is one line, `{:#}` a tree, and `{:?}`, which `main`
/// prints, a tree with more in it. It is an [`Error`] for any `E` that is `Debug + Display`.
///
/// # Examples
///
/// ```
/// use std::future::Ready;
/// use anyrt::race_ok;
///
/// # futures::executor::block_on(async {
/// let nobody = Vec::<Ready<Result<(), String>>>::new();
/// let error = race_ok(nobody).await.unwrap_err();
/// assert!(error.is_empty());
/// assert_eq!(error.to_string(), "a race of no arms has no winner");
/// # });
/// ```
#[doc(alias = "AggregateError")]
pub struct RaceError<E>(Option<ErrorGroup<E>>);

impl<E> RaceError<E> {
    pub(super) fn new(errors: Vec<ChildError<E>>) -> Self {
        RaceError(group(errors).err())
    }

    /// Returns whether there were no arms, and therefore no errors.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the failures of all arms, in the order in which they came.
    ///
    /// None if there were no arms.
    pub fn errors(&self) -> Option<&ErrorGroup<E>> {
        self.0.as_ref()
    }

    /// Returns the failures of all arms by value.
    ///
    /// None if there were no arms.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::race_ok;
    ///
    /// # futures::executor::block_on(async {
    /// let error = race_ok([async { Err::<(), _>("out of cheese") }]).await.unwrap_err();
    /// let first = error.into_errors().unwrap().into_first();
    /// assert_eq!(first.into_error().unwrap(), "out of cheese");
    /// # });
    /// ```
    pub fn into_errors(self) -> Option<ErrorGroup<E>> {
        self.0
    }
}

const NO_ARMS: &str = "a race of no arms has no winner";

impl<E: Display> Display for RaceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(errors) => Display::fmt(errors, f),
            None => f.write_str(NO_ARMS),
        }
    }
}

impl<E: Debug + Display> Debug for RaceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            _ if f.alternate() => f.debug_tuple("RaceError").field(&self.0).finish(),
            Some(errors) => Debug::fmt(errors, f),
            None => f.write_str(NO_ARMS),
        }
    }
}

impl<E: Debug + Display> Error for RaceError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.errors().and_then(Error::source)
    }
}
