//! Waiting for all: the first error stops the others.

use std::future::Future;
use std::panic::Location;

use super::Ended;
use super::arm::{Arm, Kept};
use super::policy::{Policy, Ruling, Ties};
use super::run::{combine, combined};
use super::set::Set;
use crate::scope::{ChildError, ErrorGroup, Origin, Place};
use crate::task::JoinError;

combine! {
    /// Arms of [`try_gather`]: tuples of up to 8, arrays and vectors of futures that may fail.
    ///
    /// Sealed: it is implemented here only. The arms have one type of error.
    TryGather
}

combined! {
    /// The future of [`try_gather`].
    TryGathering, TryGather, "try_gather"
}

/// Runs all arms at once, in this task, until one fails; returns the values or the errors.
///
/// Each arm is a future of a `Result`. On the first error, or panic, the others are asked to stop: their
/// shields and clean-ups run to the end, and only then does this return. So the error comes as late as
/// these allow. What fails meanwhile joins the group; values that come meanwhile are dropped. All else is
/// as [`gather`](crate::gather) does it.
///
/// ```text
/// try_gather ──┬── arm 0 ─────────────▲ asked, dropped, cleaned up ┐
///              ├── arm 1 ──────── Err ┘                            ├─ Err([1])
///              └── arm 2 ── Ok                                     ┘
/// ```
///
/// Dropping this drops the arms where they are; the clean-ups they have left go on in the region around.
///
/// # Errors
///
/// The errors and panics in the order in which they came, the first one being the one that stopped the
/// others; each with the [index](ChildError::index) of its arm and [`Origin::Arm`].
///
/// # Panics
///
/// When it is polled again after it was ready. And when a request stopped the task in which this was
/// begun, and it was then moved to another.
///
/// # Examples
///
/// ```
/// use anyrt::{Origin, try_gather};
///
/// # futures::executor::block_on(async {
/// let fine = try_gather((async { Ok::<_, &str>(1) }, async { Ok("two") })).await;
/// assert_eq!(fine.unwrap(), (1, "two"));
///
/// let arms = (std::future::pending::<Result<(), _>>(), async { Err::<(), _>("out of cheese") });
/// let group = try_gather(arms).await.unwrap_err();
/// assert_eq!(group.errors().collect::<Vec<_>>(), [&"out of cheese"]);
/// assert_eq!(group.first().index(), Some(1));
/// assert_eq!(group.first().origin(), Origin::Arm);
/// # });
/// ```
#[track_caller]
#[doc(alias = "try_join!")]
#[doc(alias = "try_join")]
#[doc(alias = "try_join_all")]
#[doc(alias = "Promise.all")]
#[doc(alias = "FIRST_EXCEPTION")]
#[doc(alias = "TaskGroup")]
pub fn try_gather<A: TryGather>(arms: A) -> TryGathering<A> {
    TryGathering::new(arms, Policy::FailFast, Ties::InOrder, Location::caller())
}

/// The error of an arm that failed.
pub(super) fn arm_error<E>(
    index: usize,
    failure: Result<E, JoinError>,
    location: &'static Location<'static>,
) -> ChildError<E> {
    let origin = Origin::Arm;
    let place = Place {
        origin,
        index,
        name: None,
        location,
    };
    match failure {
        Ok(error) => ChildError::error_of(place, error, Vec::new()),
        Err(error) => match ChildError::from_join(origin, index, error) {
            Ok(error) => error,
            Err(cancelled) => cancelled.resume_unwind(),
        },
    }
}

/// The errors of the arms that failed, in the order in which they came.
pub(super) fn errors<E>(
    ruling: &Ruling,
    failures: impl IntoIterator<Item = Option<Result<E, JoinError>>>,
    location: &'static Location<'static>,
) -> Vec<ChildError<E>> {
    if ruling.failed().is_empty() {
        return Vec::new();
    }
    let mut failures: Vec<_> = failures.into_iter().collect();
    let failed = ruling.failed().iter();
    let errors = failed.filter_map(|&index| Some((index, failures.get_mut(index)?.take()?)));
    errors
        .map(|(index, failure)| arm_error(index, failure, location))
        .collect()
}

/// The group of these errors; no errors are no group.
pub(super) fn group<E>(errors: Vec<ChildError<E>>) -> Result<(), ErrorGroup<E>> {
    let mut errors = errors.into_iter();
    let Some(first) = errors.next() else {
        return Ok(());
    };
    let mut group = ErrorGroup::new(first);
    for error in errors {
        let beyond = group.keep(error, usize::MAX);
        debug_assert!(beyond.is_none(), "there is no limit");
    }
    Err(group)
}

impl<F, T, E> TryGather for Vec<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Vec<T>, ErrorGroup<E>>;

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        Set::new(self.into_iter().map(|arm| Arm::fallible(arm, at)))
    }

    fn output(mut over: Ended<'_, Set<F>>) -> Self::Output {
        let failures = over.ends.iter_mut().map(Kept::take_failure);
        group(errors(over.ruling, failures, over.at))?;
        Ok(over.ends.into_iter().map(Kept::ok).collect())
    }
}

impl<F, T, E, const N: usize> TryGather for [F; N]
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<[T; N], ErrorGroup<E>>;

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        Set::new(self.into_iter().map(|arm| Arm::fallible(arm, at)))
    }

    fn output(over: Ended<'_, Set<F>>) -> Self::Output {
        <Vec<F> as TryGather>::output(over).map(super::to_array)
    }
}
