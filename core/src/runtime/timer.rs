//! Telling the time and waiting for it.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A moment on a runtime's clock: an alias of the standard library's.
pub type Instant = std::time::Instant;

/// The clock of a runtime. The only source of time in this library.
///
/// A primitive for adapters to implement; users call [`Runtime::sleep`](crate::Runtime::sleep).
/// `now` never goes back, and a sleep never ends before `now` has reached its deadline.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no clock: it is not a runtime handle",
    label = "not a runtime handle",
    note = "pass a handle such as `&Builtin`, `&Tokio`, `&Smol`, `&AsyncStd` or `&AnyRuntime`",
    note = "of an owner such as `BuiltinRuntime` or `TokioRuntime`, pass `owner.handle()`"
)]
pub trait Timer: Clone + Debug + Send + Sync + 'static {
    /// What [`sleep_until`](Timer::sleep_until) returns.
    type Sleep: Sleep;

    /// Returns the present moment.
    ///
    /// # Panics
    ///
    /// On Tokio, on a thread that is ending and whose thread-locals are gone: its clock is found by
    /// one. The other backends do not panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Timer, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let before = rt.now();
    /// assert!(rt.now() >= before);
    /// ```
    fn now(&self) -> Instant;

    /// Returns a future that is ready once the clock has reached `deadline`.
    ///
    /// A deadline that has passed already is ready at the first poll; one that passes later is ready
    /// within the grain of the runtime's timer. One too far away for the runtime to represent never
    /// comes; it does not panic. May be called on any thread, and the future may be
    /// polled on any thread, as long as the runtime lives.
    ///
    /// Cancel safe: dropping it forgets the wait.
    ///
    /// # Panics
    ///
    /// On Tokio, as [`now`](Timer::now) does, or without the runtime's time driver; on the other
    /// backends it does not.
    fn sleep_until(&self, deadline: Instant) -> Self::Sleep;
}

/// A wait that can be moved to another deadline.
///
/// Polling it again after it was ready is unspecified until [`reset`](Sleep::reset) has armed it anew.
/// Cancel safe: dropping it forgets the wait.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a future that waits for a deadline")]
pub trait Sleep: Future<Output = ()> + Debug + Send + Sync + 'static {
    /// Moves the wait to `deadline`, earlier or later, also after it was ready.
    ///
    /// The task that polls it must poll it again to be woken at the new deadline. A deadline that has
    /// passed is ready within the grain of the runtime's timer (a millisecond on Tokio).
    fn reset(self: Pin<&mut Self>, deadline: Instant);
}

/// About thirty years: far enough to mean "never", near enough for every timer wheel.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

/// `now + duration`, or a moment that never comes where that cannot be represented.
pub(crate) fn after(now: Instant, duration: Duration) -> Instant {
    now.checked_add(duration)
        .or_else(|| now.checked_add(FAR))
        .unwrap_or(now)
}

/// The earlier of two moments, where nothing is never.
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_duration_ends_decades_from_now() {
        let now = Instant::now();
        assert_eq!(after(now, Duration::MAX), now + FAR);
        assert_eq!(
            after(now, Duration::from_secs(1)),
            now + Duration::from_secs(1)
        );
        assert_eq!(after(now, Duration::ZERO), now);
    }
}
