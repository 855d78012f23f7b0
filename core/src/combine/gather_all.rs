//! Waiting for all: nobody stops anybody.

use std::future::Future;
use std::panic::Location;

use super::Ended;
use super::arm::{Arm, Kept};
use super::policy::{Policy, Ties};
use super::run::{combine, combined};
use super::set::Set;
use crate::task::JoinError;

combine! {
    /// Arms of [`gather_all`]: tuples of up to 8 futures, arrays and vectors of futures.
    ///
    /// Sealed: it is implemented here only.
    GatherAll
}

combined! {
    /// The future of [`gather_all`].
    GatheringAll, GatherAll, "gather_all"
}

/// Runs all arms at once, in this task, and returns the outcome of each, in the order of the arguments.
///
/// A panic is a value, [`JoinError::is_panic`], and so is what failed beside it:
/// [`JoinError::failures`]. Nobody stops anybody. All else is as [`gather`](crate::gather) does it.
///
/// Dropping this drops the arms where they are; the clean-ups they have left go on in the region around,
/// and panics it has collected go to the hook of [`set_failure_hook`](crate::set_failure_hook).
///
/// # Errors
///
/// Of each arm: its panic. Cancelled is only an arm whose task was asked to stop before this was moved
/// to another one.
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use anyrt::gather_all;
///
/// # futures::executor::block_on(async {
/// let (fine, bad) = gather_all((async { 1 }, async { panic!("out of cheese") })).await;
/// let bad: Result<(), _> = bad;
/// assert_eq!(fine.unwrap(), 1);
/// assert_eq!(bad.unwrap_err().panic_message().as_deref(), Some("out of cheese"));
/// # });
/// ```
#[track_caller]
#[doc(alias = "allSettled")]
#[doc(alias = "Promise.allSettled")]
#[doc(alias = "gather_safe")]
#[doc(alias = "return_exceptions")]
#[doc(alias = "join")]
pub fn gather_all<A: GatherAll>(arms: A) -> GatheringAll<A> {
    GatheringAll::new(arms, Policy::Collect, Ties::InOrder, Location::caller())
}

impl<F: Future> GatherAll for Vec<F> {
    type Output = Vec<Result<F::Output, JoinError>>;

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        Set::new(self.into_iter().map(|arm| Arm::plain(arm, at)))
    }

    fn output(over: Ended<'_, Set<F>>) -> Self::Output {
        over.ends.into_iter().map(Kept::outcome).collect()
    }
}

impl<F: Future, const N: usize> GatherAll for [F; N] {
    type Output = [Result<F::Output, JoinError>; N];

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        Set::new(self.into_iter().map(|arm| Arm::plain(arm, at)))
    }

    fn output(over: Ended<'_, Set<F>>) -> Self::Output {
        super::to_array(<Vec<F> as GatherAll>::output(over))
    }
}
