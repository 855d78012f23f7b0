//! Words after a future that limit its time, and the same words on a scope.

use std::future::Future;
use std::time::Duration;

use super::deadline::Deadline;
use super::timeout::{MoveOn, Timeout};
use crate::runtime::{Instant, Spawn, Timer};
use crate::scope::{Scope, TryScope};

/// Words after a future that limit its time.
///
/// Exported by the prelude; implemented by every future.
pub trait Timed: Future + Sized {
    /// Gives this future so much time: [`Runtime::timeout`](crate::Runtime::timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let answer = async { 42 }.timeout(rt, Duration::from_secs(2));
    /// assert_eq!(owner.block_on(answer).unwrap(), 42);
    /// ```
    #[track_caller]
    fn timeout<R: Timer>(self, rt: &R, limit: Duration) -> Timeout<R, Self> {
        Timeout::after(rt, limit, self)
    }

    /// Gives this future time until `deadline`: [`Runtime::timeout_at`](crate::Runtime::timeout_at).
    #[track_caller]
    fn timeout_at<R: Timer>(self, rt: &R, deadline: Instant) -> Timeout<R, Self> {
        Timeout::at(rt, deadline, self)
    }

    /// Gives this future so much time, and nothing if that was too little:
    /// [`Runtime::move_on_after`](crate::Runtime::move_on_after).
    #[track_caller]
    fn move_on_after<R: Timer>(self, rt: &R, limit: Duration) -> MoveOn<R, Self> {
        MoveOn::new(Timeout::after(rt, limit, self))
    }
}

impl<F: Future> Timed for F {}

macro_rules! on_scopes {
    ($([$($params:tt)*] $handle:ty;)*) => {$(
        impl<$($params)*> $handle {
            /// Gives a future so much time: [`Runtime::timeout`](crate::Runtime::timeout).
            #[track_caller]
            pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<R, F> {
                Timeout::after(self.rt(), limit, future)
            }

            /// Gives a future time until `deadline`: [`Runtime::timeout_at`](crate::Runtime::timeout_at).
            #[track_caller]
            pub fn timeout_at<F: Future>(&self, deadline: Instant, future: F) -> Timeout<R, F> {
                Timeout::at(self.rt(), deadline, future)
            }

            /// Gives a future a time that can be moved:
            /// [`Runtime::timeout_with`](crate::Runtime::timeout_with).
            #[track_caller]
            pub fn timeout_with<B, F>(&self, limit: Duration, body: B) -> Timeout<R, F>
            where
                B: FnOnce(Deadline) -> F,
                F: Future,
            {
                Timeout::with(self.rt(), limit, body)
            }

            /// Gives a future so much time, and nothing if that was too little:
            /// [`Runtime::move_on_after`](crate::Runtime::move_on_after).
            #[track_caller]
            pub fn move_on_after<F: Future>(&self, limit: Duration, future: F) -> MoveOn<R, F> {
                MoveOn::new(Timeout::after(self.rt(), limit, future))
            }
        }
    )*};
}

on_scopes! {
    [R: Spawn + Timer] Scope<R>;
    [R: Spawn + Timer, E: Send + 'static] TryScope<R, E>;
}
