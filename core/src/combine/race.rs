//! Waiting for the first, whatever it is.

use std::future::Future;
use std::panic::Location;

use super::Ended;
use super::arm::{Arm, Kept};
use super::policy::{Policy, Ruling, Ties};
use super::run::{combine, combined};
use super::set::Set;

combine! {
    /// Arms of [`race`]: tuples of up to 8, arrays and vectors of futures with the same output.
    ///
    /// Sealed: it is implemented here only. An array of no arms does not compile; of an empty vector the
    /// output is `None`.
    Race
}

combined! {
    /// The future of [`race`] and [`race_fair`].
    Racing, Race, "race"
}

/// Runs all arms at once, in this task, and returns what the first gives once the others are gone.
///
/// The losers are asked to stop and *drained*: their shields and their clean-ups run to the end before
/// this returns. **So it takes as long as the slowest shield or clean-up of a loser**, and nothing of a
/// loser is left behind. A value that a loser gives meanwhile is dropped, inside its region; a panic of
/// a loser goes to the hook of [`set_failure_hook`](crate::set_failure_hook).
///
/// ```text
/// race ──┬── arm 0 ──────────▲ asked, dropped, cleaned up ┐
///        └── arm 1 ── value ─┘                            └─ value of arm 1
/// ```
///
/// Of two that are ready at once the first argument wins, and the second may never have been polled;
/// [`race_fair`] leaves it to a seed. All arms give the same type; the output for a `Vec` is an `Option`,
/// `None` if it is empty. All else is as [`gather`](crate::gather) does it: regions, requests, borrows,
/// bounded work.
///
/// Use `futures_lite::future::or`, `select!` or
/// [`futures-concurrency`](https://github.com/yoshuawuyts/futures-concurrency) instead where a loser is to
/// be dropped at once, whatever it was doing: it is faster, and what the losers `defer` then goes on in
/// the region around.
///
/// Dropping this drops the arms where they are; the clean-ups they have left go on in the region around.
///
/// A race of no arms has no winner; where that is known, it does not compile:
///
/// ```compile_fail
/// # async fn nobody() {
/// let arms: [std::future::Ready<u8>; 0] = [];
/// anyrt::race(arms).await;
/// # }
/// # futures::executor::block_on(nobody());
/// ```
///
/// # Panics
///
/// With the panic of an arm that ends first. When it is polled again after it was ready. And when a
/// request stopped the task in which this was begun, and it was then moved to another.
///
/// # Examples
///
/// ```
/// use std::{future::pending, sync::Mutex};
/// use anyrt::{backend::builtin::BuiltinRuntime, defer, prelude::*, race};
///
/// static LOG: Mutex<Vec<&str>> = Mutex::new(Vec::new());
///
/// let owner = BuiltinRuntime::new();
/// let slow = async {
///     defer(async { LOG.lock().unwrap().push("the loser hung up") });
///     pending().await
/// };
/// assert_eq!(owner.block_on(race((slow, async { "fast" }))), "fast");
/// assert_eq!(*LOG.lock().unwrap(), ["the loser hung up"]);
/// ```
#[track_caller]
#[doc(alias = "select!")]
#[doc(alias = "select")]
#[doc(alias = "select_all")]
#[doc(alias = "or")]
#[doc(alias = "Promise.race")]
#[doc(alias = "FIRST_COMPLETED")]
pub fn race<A: Race>(arms: A) -> Racing<A> {
    Racing::new(arms, Policy::First, Ties::InOrder, Location::caller())
}

/// Does as [`race`] does, with `seed` deciding which of several ready arms is first.
///
/// For arms that are ready again and again, in a loop: the later arguments get their turn. The same seed
/// gives the same order each time; take another one in each round.
///
/// Dropping this does what dropping a [`race`] does.
///
/// # Panics
///
/// As [`race`] does.
///
/// # Examples
///
/// ```
/// use anyrt::race_fair;
///
/// # futures::executor::block_on(async {
/// let mut won = [0, 0];
/// for seed in 0..100 {
///     won[race_fair(seed, (async { 0 }, async { 1 })).await] += 1;
/// }
/// assert!(won[0] > 20 && won[1] > 20, "{won:?}");
/// # });
/// ```
#[track_caller]
pub fn race_fair<A: Race>(seed: u64, arms: A) -> Racing<A> {
    Racing::new(arms, Policy::First, Ties::Seeded(seed), Location::caller())
}

/// What the first arm gave; its panic goes on. What the others left is dropped before, or reported.
pub(super) fn winner<T>(ruling: &Ruling, ends: impl IntoIterator<Item = Kept<T>>) -> Option<T> {
    let first = ruling.decided()?;
    let mut won = None;
    for (index, end) in ends.into_iter().enumerate() {
        if index == first {
            won = Some(end);
        }
    }
    won.map(Kept::value)
}

impl<F: Future> Race for Vec<F> {
    type Output = Option<F::Output>;

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        Set::new(self.into_iter().map(|arm| Arm::plain(arm, at)))
    }

    fn output(over: Ended<'_, Set<F>>) -> Option<F::Output> {
        winner(over.ruling, over.ends)
    }
}

impl<F: Future, const N: usize> Race for [F; N] {
    type Output = F::Output;

    fn arms(self, at: &'static Location<'static>) -> Set<F> {
        const { assert!(N > 0, "a race of no arms has no winner") };
        Set::new(self.into_iter().map(|arm| Arm::plain(arm, at)))
    }

    fn output(over: Ended<'_, Set<F>>) -> F::Output {
        winner(over.ruling, over.ends).expect("a race of some arms has a winner")
    }
}
