//! Waiting for the first that is no failure.

use std::future::Future;
use std::panic::Location;

use super::arm::{Arm, Kept};
use super::policy::{Policy, Ruling, Ties};
use super::run::{combine, combined};
use super::set::Set;
use super::try_gather::errors;
use super::{Ended, RaceError};
use crate::scope::ChildError;

combine! {
    /// Arms of [`race_ok`]: tuples of up to 8, arrays and vectors of futures that may fail.
    ///
    /// Sealed: it is implemented here only. The arms have one type of value and one type of error. An
    /// array of no arms does not compile; an empty vector is an error that says so.
    RaceOk
}

combined! {
    /// The future of [`race_ok`].
    RacingOk, RaceOk, "race_ok"
}

/// Runs all arms at once, in this task, and returns the first `Ok` with the failures so far.
///
/// Each arm is a future of a `Result`. An error or a panic of one is kept, and the others run on; the
/// first value decides, and the losers are asked to stop and drained as those of [`race`](crate::race)
/// are: this takes as long as their shields and clean-ups do. What fails meanwhile is kept as well.
///
/// Dropping this drops the arms where they are; the clean-ups they have left go on in the region around.
///
/// # Errors
///
/// [`RaceError`] with all failures, in the order in which they came, if no arm gave a value; of an empty
/// vector one that [says so](RaceError::is_empty).
///
/// # Panics
///
/// When it is polled again after it was ready. And when a request stopped the task in which this was
/// begun, and it was then moved to another.
///
/// # Examples
///
/// ```
/// use anyrt::race_ok;
///
/// # futures::executor::block_on(async {
/// let mirrors = [("a", false), ("b", true), ("c", true)];
/// let ask = |(name, up): (&'static str, bool)| async move {
///     if up { Ok(name) } else { Err(format!("{name} is down")) }
/// };
/// let (name, failed) = race_ok(mirrors.map(ask)).await.unwrap();
/// assert_eq!(name, "b");
/// assert_eq!(failed[0].to_string().split(" (").next(), Some("a is down"));
///
/// let error = race_ok([ask(("a", false)), ask(("b", false))]).await.unwrap_err();
/// assert_eq!(error.errors().unwrap().len(), 2);
/// # });
/// ```
#[track_caller]
#[doc(alias = "select_ok")]
#[doc(alias = "Promise.any")]
pub fn race_ok<A: RaceOk>(arms: A) -> RacingOk<A> {
    RacingOk::new(arms, Policy::FirstOk, Ties::InOrder, Location::caller())
}

/// What `race_ok` of arms that give a `T` returns.
pub(super) type Won<T, E> = Result<(T, Vec<ChildError<E>>), RaceError<E>>;

/// The value of the arm that decided, and the failures of the others.
pub(super) fn first_ok<T, E>(
    ruling: &Ruling,
    ends: impl IntoIterator<Item = Kept<Result<T, E>>>,
    at: &'static Location<'static>,
) -> Won<T, E> {
    let mut won = None;
    let mut failures = Vec::new();
    for (index, mut end) in ends.into_iter().enumerate() {
        failures.push(end.take_failure());
        if ruling.decided() == Some(index) {
            won = Some(end.ok());
        }
    }
    let errors = errors(ruling, failures, at);
    match won {
        Some(value) => Ok((value, errors)),
        None => Err(RaceError::new(errors)),
    }
}

impl<F, T, E> RaceOk for Vec<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Won<T, E>;

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        Set::new(self.into_iter().map(|arm| Arm::fallible(arm, at)))
    }

    fn output(over: Ended<'_, Set<F>>) -> Won<T, E> {
        first_ok(over.ruling, over.ends, over.at)
    }
}

impl<F, T, E, const N: usize> RaceOk for [F; N]
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Won<T, E>;

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        const { assert!(N > 0, "a race of no arms has no winner") };
        Set::new(self.into_iter().map(|arm| Arm::fallible(arm, at)))
    }

    fn output(over: Ended<'_, Set<F>>) -> Won<T, E> {
        first_ok(over.ruling, over.ends, over.at)
    }
}
