//! Several futures as one, in one task: each arm is a region, and none is left behind. In [`spawned`] each
//! is a task of its own.
//!
//! | | a failure stops the others | a failure stops nobody |
//! |---|---|---|
//! | **waits for all** | [`gather`], [`try_gather`] | [`gather_all`] |
//! | **waits for the first** | [`race`], [`race_fair`]: to end at all | [`race_ok`]: to succeed |
//!
//! [`policy`] decides what the end of an arm means for the others; [`arm`] is one future in its region;
//! [`arms`] and [`set`] are how a few and how many of them are polled; [`run`] drives them. What a
//! combinator is beyond that, its policy and its output, is in the file of its name; [`tuples`] has all of
//! them for tuples.

#![expect(
    unnameable_types,
    missing_debug_implementations,
    reason = "the traits are sealed, and what their hidden items name is for the compiler only"
)]

mod arm;
mod arms;
mod gather;
mod gather_all;
mod policy;
mod race;
mod race_error;
mod race_ok;
mod run;
mod set;
mod spawned;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod try_gather;
mod tuples;

pub(crate) use arm::report_unseen;
pub use gather::{Gather, Gathering, gather};
pub use gather_all::{GatherAll, GatheringAll, gather_all};
pub use race::{Race, Racing, race, race_fair};
pub use race_error::RaceError;
pub use race_ok::{RaceOk, RacingOk, race_ok};
pub use spawned::{
    AsCompleted, Completed, GatherMap, GatherTasks, Map, MapStream, RaceTasks, RaceTasksOk,
    TryGatherMap, TryMap, TryMapStream,
};
pub(crate) use spawned::{
    Drive, as_completed, catching, gather_all as gather_tasks, map, map_stream, race as race_tasks,
    race_ok as race_tasks_ok, try_map, try_map_stream,
};
pub use try_gather::{TryGather, TryGathering, try_gather};

/// All arms of `A` are over.
type Ended<'a, A> = run::Over<'a, <A as arms::Arms>::Ends>;

mod sealed {
    use std::future::Future;

    use super::arms::{Arms, Nil};
    use super::set::Set;

    /// What may be arms is decided here, and how they are stored.
    ///
    /// Apart from the traits of the combinators, and with no bound but `Future`: the compiler looks up
    /// what is stored when it asks whether a task is `Send`, and there it does not know that two
    /// lifetimes are the same, as those traits demand of `&'static str` errors.
    pub trait Container: Sized {
        type Arms: Arms;
    }

    impl<F: Future> Container for Vec<F> {
        type Arms = Set<F>;
    }

    impl<F: Future, const N: usize> Container for [F; N] {
        type Arms = Set<F>;
    }

    impl Container for () {
        type Arms = Nil;
    }
}

fn to_array<T, const N: usize>(values: Vec<T>) -> [T; N] {
    match values.try_into() {
        Ok(values) => values,
        Err(_) => unreachable!("there are as many ends as arms"),
    }
}
