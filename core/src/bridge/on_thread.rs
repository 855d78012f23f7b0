//! A function on a thread of core's own: what it is known as, and how it gets there.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;

use crate::clock::current::Timekeeper;
use crate::region::state::flag;
use crate::region::{Member, Region, watch_of};
use crate::runtime::{AnyRuntime, Enter, Spawn};
use crate::task::{Cell, Job, Joined, Owner};
use crate::thread::{ThreadCache, Worker};

/// The owner of a function on a thread: a runtime it has only if whoever called had one.
pub(super) struct OnThread(Option<AnyRuntime>);

impl<T: Send + 'static> Owner<T> for OnThread {
    type Runtime = AnyRuntime;
    type Value = T;

    fn runtime(&self) -> Option<&AnyRuntime> {
        self.0.as_ref()
    }

    fn judge(&self, _: &Region, ended: Joined<T>) -> Joined<T> {
        ended
    }
}

/// Makes the cell of a function that is called from `around`.
pub(super) fn cell<T: Send + 'static>(
    rt: Option<AnyRuntime>,
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
    around: Option<&Arc<dyn Member>>,
) -> Arc<Cell<OnThread, T>> {
    let region = Region::new(location, flag::JOB);
    let cell = Arc::new(Cell::new(region, OnThread(rt)));
    cell.region.dress(name, around.and_then(watch_of));
    cell.region.inherit_context();
    cell
}

/// Runs a function as part of its runtime, where it has one.
pub(super) fn inside<T>(rt: Option<AnyRuntime>, f: impl FnOnce() -> T) -> T {
    match rt {
        Some(rt) => rt.enter(Enter::Foreign, f),
        None => f(),
    }
}

/// Hands a job to a thread: of the keeper, who counts it, or of a runtime that does, or of the cache. One that gets none reports itself as
/// lost.
///
/// `before` is called when its function has returned and nobody knows yet, with the thread if it is one of the
/// cache; what it gives is dropped when everybody knows. Returns whether a thread is awake that has the job next.
#[track_caller]
pub(super) fn hand_over<F, T, G>(
    job: Job<F, T>,
    keeper: Option<Arc<dyn Timekeeper>>,
    rt: Option<&AnyRuntime>,
    cache: &ThreadCache,
    before: impl FnOnce(Option<&Worker<'_>>) -> G + Send + 'static,
) -> bool
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let who = job.known_as();
    let run = move |worker: Option<&Worker<'_>>| {
        let mut known = None;
        job.run_and(|| known = Some(before(worker)));
        drop(known);
    };
    if let Some(keeper) = keeper {
        // Its threads are those of the whole process.
        drop(keeper.run_blocking(Box::new(move || run(None))));
        return false;
    }
    if let Some(rt) = rt.filter(|rt| rt.counts_jobs()) {
        drop(rt.spawn_blocking_known(who, move || run(None)));
        return false;
    }
    match cache.reserve() {
        Ok(seat) => seat.run(move |worker| run(Some(worker))),
        Err(_) => false,
    }
}
