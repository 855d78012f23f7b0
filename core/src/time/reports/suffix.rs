//! Words after a future that say what of it is to be reported.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::impatient::{Impatient, OnCompletion, ReportCompletion};
use super::slow_polls::WarnPolls;
use crate::runtime::Timer;

/// Words after a future that make it say when it takes long.
///
/// Exported by the prelude; implemented by every future. What the future gives, or panics with, passes as
/// it is. Reports are lines of `tracing`, with that feature, or of standard error, if nobody else is named.
pub trait Reportable: Future + Sized {
    /// Reports once if this future is not ready after this long, and then when it is.
    ///
    /// The time counts from the first poll, on the clock of `rt`. The report names the place of this call.
    ///
    /// Cancel safe if this future is: dropping what this returns drops it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{CancelToken, WaitEvent, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let (tx, rx) = std::sync::mpsc::channel();
    /// let bell = CancelToken::new();
    /// let answer = async {
    ///     bell.cancelled().await;
    ///     "hello"
    /// };
    /// let rings = bell.clone();
    /// let impatient = answer.impatient(owner.handle(), 1.millis()).report_to(move |report| {
    ///     rings.cancel("where are you?");
    ///     tx.send(report.event()).unwrap();
    /// });
    /// assert_eq!(owner.block_on(impatient), "hello");
    /// assert!(rx.iter().eq([WaitEvent::StillWaiting, WaitEvent::Completed]));
    /// ```
    #[track_caller]
    fn impatient<R: Timer>(self, rt: &R, after: Duration) -> Impatient<R, Self> {
        let caller = Location::caller();
        Impatient::new(self, rt, Some(after), OnCompletion::AfterLongWait, caller)
    }

    /// Reports how long this future took, when it is ready.
    ///
    /// As [`impatient`](Reportable::impatient), without a report in between.
    ///
    /// Cancel safe if this future is: dropping what this returns drops it.
    ///
    /// # Examples
    ///
    /// See [`WaitReport`](crate::WaitReport).
    #[track_caller]
    fn report_completion<R: Timer>(self, rt: &R) -> ReportCompletion<R, Self> {
        ReportCompletion::new(self, rt, Location::caller())
    }

    /// Reports polls of this future that take longer than `limit`: it blocks where it should wait.
    ///
    /// Measured on the clock of `rt`, as all time here is. So it says nothing on a clock that does not move
    /// during a poll: that of a test is under its control, and what a test prints does not depend on the
    /// machine. Reports name the place of this call, how long the poll took, and how many there were;
    /// without [`report_to`](WarnPolls::report_to), only the 1st, 2nd, 4th, 8th of them is written.
    ///
    /// For a whole task there is [`SpawnWith::warn_polls_over`](crate::SpawnWith::warn_polls_over).
    ///
    /// Cancel safe if this future is: dropping what this returns drops it.
    ///
    /// # Examples
    ///
    /// See [`SlowPoll`](crate::SlowPoll).
    #[track_caller]
    #[doc(alias = "slow_callback_duration")]
    fn warn_polls_over<R: Timer>(self, rt: &R, limit: Duration) -> WarnPolls<R, Self> {
        WarnPolls::new(self, rt, limit, Location::caller())
    }
}

impl<F: Future> Reportable for F {}
