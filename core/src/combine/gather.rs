//! Waiting for all: the first panic stops the others.

use std::future::Future;
use std::panic::Location;

use super::Ended;
use super::arm::{Arm, Kept};
use super::policy::{Policy, Ruling, Ties};
use super::run::{combine, combined};
use super::set::Set;
use crate::task::JoinError;

combine! {
    /// Arms of [`gather`]: tuples of up to 8 futures, arrays and vectors of futures.
    ///
    /// Sealed: it is implemented here only.
    Gather
}

combined! {
    /// The future of [`gather`].
    Gathering, Gather, "gather"
}

/// Runs all arms at once, in this task, and returns their values in the order of the arguments.
///
/// The arms are a tuple of up to 8 futures, an array of futures, or a `Vec` of futures; they may borrow,
/// and need not be `Send`. Each is a region of its own: what it [`defer`](crate::defer)s runs when it
/// ends, and before this returns. A panic of one stops the others: they are asked to stop, which runs
/// their shields and clean-ups to the end, and only then does the panic go on. Later panics go to the
/// hook of [`set_failure_hook`](crate::set_failure_hook).
///
/// ```text
/// gather ──┬── arm 0 ───── value ┐
///          ├── arm 1 ── value    ├─ (0, 1, 2)
///          └── arm 2 ───── value ┘
/// ```
///
/// The whole family, by what is waited for and by what a failure does:
///
/// | | a failure stops the others | a failure stops nobody |
/// |---|---|---|
/// | waits for all | [`gather`], [`try_gather`](crate::try_gather) | [`gather_all`](crate::gather_all) |
/// | waits for the first | [`race`](crate::race), [`race_fair`](crate::race_fair): to end at all | [`race_ok`](crate::race_ok): to succeed |
///
/// A request to the task around stops the arms one by one, and the body around them last; then this
/// never returns. No arm is polled once it has ended, and of a `Vec` or an array only those that were
/// woken are polled, at most 64 in one go: thousands of arms are fine. The arms of a tuple are all polled
/// each time. It needs no runtime, and no task of this library.
///
/// Use [`futures-concurrency`](https://github.com/yoshuawuyts/futures-concurrency) instead where nothing
/// in the arms has shields or clean-ups, and the cost of a region (one small allocation for each arm)
/// matters; also for streams.
///
/// Dropping this drops the arms where they are; the clean-ups they have left go on in the region around.
///
/// # Panics
///
/// With the first panic of an arm. When it is polled again after it was ready. And when a request
/// stopped the task in which this was begun, an arm has shields, clean-ups or scopes to unwind, and it was
/// then moved to another.
///
/// # Examples
///
/// ```
/// use anyrt::gather;
///
/// # futures::executor::block_on(async {
/// let name = String::from("Zoë");
/// let (greeting, length) = gather((async { format!("hello {name}") }, async { name.len() })).await;
/// assert_eq!((greeting.as_str(), length), ("hello Zoë", 4));
///
/// let squares = gather((1..=4).map(|n| async move { n * n }).collect::<Vec<_>>()).await;
/// assert_eq!(squares, [1, 4, 9, 16]);
/// # });
/// ```
#[track_caller]
#[doc(alias = "join!")]
#[doc(alias = "join")]
#[doc(alias = "join_all")]
#[doc(alias = "zip")]
#[doc(alias = "nursery")]
pub fn gather<A: Gather>(arms: A) -> Gathering<A> {
    Gathering::new(arms, Policy::FailFast, Ties::InOrder, Location::caller())
}

/// Goes on with the first panic, if there was one; the others are reported before.
pub(super) fn resume_first(ruling: &Ruling, panics: impl IntoIterator<Item = Option<JoinError>>) {
    let Some(&first) = ruling.failed().first() else {
        return;
    };
    let mut resumed = None;
    for (index, panic) in panics.into_iter().enumerate() {
        match panic {
            Some(panic) if index == first => resumed = Some(panic),
            Some(panic) => super::arm::report_unseen(panic),
            None => {}
        }
    }
    if let Some(panic) = resumed {
        panic.resume_unwind();
    }
}

impl<F: Future> Gather for Vec<F> {
    type Output = Vec<F::Output>;

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        Set::new(self.into_iter().map(|arm| Arm::plain(arm, at)))
    }

    fn output(mut over: Ended<'_, Set<F>>) -> Vec<F::Output> {
        resume_first(over.ruling, over.ends.iter_mut().map(Kept::take_panic));
        over.ends.into_iter().map(Kept::value).collect()
    }
}

impl<F: Future, const N: usize> Gather for [F; N] {
    type Output = [F::Output; N];

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        Set::new(self.into_iter().map(|arm| Arm::plain(arm, at)))
    }

    fn output(over: Ended<'_, Set<F>>) -> [F::Output; N] {
        super::to_array(<Vec<F>>::output(over))
    }
}
