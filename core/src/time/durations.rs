//! Durations as they are read: `2.secs()`.

use std::time::Duration;

/// Words after a number that make it a [`Duration`].
///
/// Exported by the prelude. What is too long to be represented is the longest that is. Only for `u64`, so
/// that plain numbers need no suffix.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::prelude::*;
///
/// assert_eq!(2.secs(), Duration::from_secs(2));
/// assert_eq!(1.hours() + 30.mins(), Duration::from_secs(5_400));
/// assert_eq!(1.secs(), 1_000.millis());
/// assert_eq!(1.millis(), 1_000.micros());
/// assert_eq!(1.micros(), 1_000.nanos());
/// assert_eq!(u64::MAX.hours(), u64::MAX.secs());
/// ```
pub trait Durations: sealed::Sealed {
    /// Returns this many nanoseconds.
    fn nanos(self) -> Duration;
    /// Returns this many microseconds.
    fn micros(self) -> Duration;
    /// Returns this many milliseconds.
    fn millis(self) -> Duration;
    /// Returns this many seconds.
    fn secs(self) -> Duration;
    /// Returns this many minutes.
    fn mins(self) -> Duration;
    /// Returns this many hours.
    fn hours(self) -> Duration;
}

impl Durations for u64 {
    fn nanos(self) -> Duration {
        Duration::from_nanos(self)
    }

    fn micros(self) -> Duration {
        Duration::from_micros(self)
    }

    fn millis(self) -> Duration {
        Duration::from_millis(self)
    }

    fn secs(self) -> Duration {
        Duration::from_secs(self)
    }

    fn mins(self) -> Duration {
        Duration::from_secs(self.saturating_mul(60))
    }

    fn hours(self) -> Duration {
        Duration::from_secs(self.saturating_mul(3_600))
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else implements it")]
    pub trait Sealed {}
    impl Sealed for u64 {}
}
