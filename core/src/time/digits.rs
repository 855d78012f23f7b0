//! How long something took, for people.

use std::fmt;
use std::time::Duration;

/// Shows a duration with its two first digits: `1.2 s`, `46 ms`.
pub(super) fn two_digits(duration: Duration) -> impl fmt::Display {
    let nanos = duration.as_nanos();
    // Everything from the third digit on is rounded away.
    let mut scale = 1;
    while nanos / scale >= 100 {
        scale *= 10;
    }
    let rounded = (nanos + scale / 2) / scale * scale;
    Digits(rounded)
}

/// Nanoseconds, of which all but the two first digits are zero.
struct Digits(u128);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "µs"),
            (1, "ns"),
        ];
        let nanos = self.0;
        let unit = units.into_iter().find(|&(unit, _)| nanos >= unit);
        let (unit, name) = unit.unwrap_or((1_000_000_000, "s"));
        match nanos / unit {
            whole if whole >= 10 || unit == 1 || nanos == 0 => write!(f, "{whole} {name}"),
            whole => write!(f, "{whole}.{} {name}", nanos % unit * 10 / unit),
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn two_digits_are_shown_and_the_rest_is_rounded() {
        let shown = [
            (Duration::ZERO, "0 s"),
            (Duration::from_nanos(7), "7 ns"),
            (Duration::from_nanos(99), "99 ns"),
            (Duration::from_nanos(994), "990 ns"),
            (Duration::from_nanos(995), "1.0 µs"),
            (Duration::from_nanos(1_250), "1.3 µs"),
            (Duration::from_micros(45_678), "46 ms"),
            (Duration::from_micros(999_600), "1.0 s"),
            (Duration::from_millis(1_234), "1.2 s"),
            (Duration::from_millis(9_960), "10 s"),
            (Duration::from_secs(12), "12 s"),
            (Duration::from_secs(125), "130 s"),
            (Duration::from_secs(3_661), "3700 s"),
        ];
        for (duration, expected) in shown {
            assert_eq!(two_digits(duration).to_string(), expected);
        }
        assert!(two_digits(Duration::MAX).to_string().starts_with("1800000"));
    }
}
