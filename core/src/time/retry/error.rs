//! Why a retry gave up.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::time::digits::two_digits;

/// The last error of something that was tried again and again, and how often and how long it was.
///
/// An [`Error`] where `E` is one, which is its source. Others, such as those of `anyhow`, come out with
/// [`into_inner`](RetryError::into_inner).
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// let delays = [1.millis(), 2.millis()];
/// let failing = rt.retry_with(delays, || async { Err::<(), _>("out of cheese") });
/// let error = owner.block_on(failing).unwrap_err();
/// assert_eq!(error.attempts(), 3);
/// assert!(error.elapsed() >= 3.millis());
/// assert!(error.to_string().starts_with("gave up after 3 attempts in "));
/// assert!(error.to_string().ends_with(": out of cheese"));
/// assert_eq!(error.into_inner(), Some("out of cheese"));
/// ```
#[derive(Debug)]
pub struct RetryError<E> {
    error: Option<E>,
    out_of_time: bool,
    attempts: u64,
    elapsed: Duration,
}

impl<E> RetryError<E> {
    pub(super) fn new(
        error: Option<E>,
        out_of_time: bool,
        attempts: u64,
        elapsed: Duration,
    ) -> Self {
        RetryError {
            error,
            out_of_time,
            attempts,
            elapsed,
        }
    }

    /// Returns the last error; there is none where all attempts took too long.
    pub fn error(&self) -> Option<&E> {
        self.error.as_ref()
    }

    /// Returns the last error by value.
    pub fn into_inner(self) -> Option<E> {
        self.error
    }

    /// Returns whether the last attempt was stopped because it took too long.
    ///
    /// The [`error`](RetryError::error) is then that of an attempt before.
    pub fn is_elapsed(&self) -> bool {
        self.out_of_time
    }

    /// Returns how often it was tried.
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Returns how long it took, from the first attempt to the end of the last.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl<E: fmt::Display> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.attempts == 1 { "" } else { "s" };
        let elapsed = two_digits(self.elapsed);
        write!(
            f,
            "gave up after {} attempt{plural} in {elapsed}: ",
            self.attempts
        )?;
        match (&self.error, self.out_of_time) {
            (Some(error), false) => write!(f, "{error}"),
            (Some(error), true) => write!(f, "the last one took too long, after: {error}"),
            (None, _) => f.write_str("the last one took too long"),
        }
    }
}

impl<E: Error + 'static> Error for RetryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error
            .as_ref()
            .map(|error| error as &(dyn Error + 'static))
    }
}
