//! What a timeout gives when its time is up.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::region::{Failure, report_here};

/// The time of a timeout was up before its future had a value.
///
/// It belongs to the timeout that gives it: where one stands inside another, the outer one never passes
/// for the inner.
///
/// # Examples
///
/// ```
/// use std::future::pending;
/// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let clock = VirtualClock::on(BuiltinRuntime::new());
/// let slow = clock.handle().timeout(5.secs(), pending::<()>());
/// let elapsed = clock.block_on(slow).unwrap_err();
/// assert!(elapsed.to_string().starts_with("not done after 5s (timeout at "));
/// assert!(elapsed.failures().is_empty());
/// ```
pub struct Elapsed(Box<Repr>);

struct Repr {
    limit: Option<Duration>,
    location: &'static Location<'static>,
    failures: Vec<Failure>,
}

impl Elapsed {
    pub(super) fn new(
        limit: Option<Duration>,
        location: &'static Location<'static>,
        failures: Vec<Failure>,
    ) -> Self {
        Elapsed(Box::new(Repr {
            limit,
            location,
            failures,
        }))
    }

    /// Returns what else failed while the future was stopped: clean-ups, destructors.
    pub fn failures(&self) -> &[Failure] {
        &self.0.failures
    }

    /// Returns what else failed, and ends this error.
    pub fn into_failures(self) -> Vec<Failure> {
        self.0.failures
    }

    /// Returns how long the future had; nothing where a moment was said, or could be moved.
    pub fn limit(&self) -> Option<Duration> {
        self.0.limit
    }

    /// Returns where the timeout stands.
    pub fn location(&self) -> &'static Location<'static> {
        self.0.location
    }

    /// Gives the failures to the hook: nobody is going to look at them.
    pub(in crate::time) fn report(&self) {
        self.0.failures.iter().for_each(report_here);
    }
}

impl fmt::Debug for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elapsed")
            .field("limit", &self.0.limit)
            .field("location", &format_args!("{}", self.0.location))
            .field("failures", &self.0.failures)
            .finish()
    }
}

impl fmt::Display for Elapsed {
    /// One line; `{:#}` adds one for each failure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.limit {
            Some(limit) => write!(f, "not done after {limit:?}")?,
            None => f.write_str("not done by the deadline")?,
        }
        write!(f, " (timeout at {})", self.0.location)?;
        let failures = &self.0.failures;
        match (failures.len(), f.alternate()) {
            (0, _) => Ok(()),
            (count, false) => write!(f, "; {count} more failed meanwhile"),
            (_, true) => failures
                .iter()
                .try_for_each(|failure| write!(f, "\n  {failure}")),
        }
    }
}

impl std::error::Error for Elapsed {}
