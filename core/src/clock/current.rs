//! The clock that counts what this thread runs.
//!
//! It stands in a thread-local, beside the region. Whatever of core parks a thread, starts one, or waits for
//! the world outside asks here first, and so need not know whether there is a clock, and which.

use std::cell::Cell;
use std::fmt::Debug;
use std::sync::Arc;

use super::timers::Timers;
use crate::sync::thread_local;

/// A job for a thread of core's own.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Who keeps a virtual time: the clock, or, in a simulator, what is running under it.
///
/// Time stands still while anything is *counted*. A task is, from the moment it is woken until it rests; a
/// blocking job, from the moment it is submitted; a hold, as long as it is there. One rule holds for all:
/// **hand over before you release**.
pub(crate) trait Timekeeper: Debug + Send + Sync + 'static {
    /// The time it keeps. Two keepers with the same timers are of one clock.
    fn timers(&self) -> &Arc<Timers>;

    /// Counts one more, tied to no thread.
    fn hold(&self);

    /// Counts one less. May move the time and wake others, so no lock is held here.
    fn release(&self);

    /// Runs a job on a thread of core's own, counted from now until it has returned.
    ///
    /// There the job finds its keeper as the [`current`] one.
    ///
    /// # Errors
    ///
    /// Gives the job back if there is no thread for it.
    #[track_caller]
    fn run_blocking(self: Arc<Self>, job: Job) -> Result<(), Job>;

    /// Does not count what runs here any more: this thread is about to wait.
    fn lend(&self, wait: Wait);

    /// What was lent is counted again, though it may not run yet. Called by whoever ends the wait, while
    /// that one is still counted itself, so on any thread; or by the thread that waited.
    fn ask_back(&self, wait: Wait);

    /// Whether nobody will ever ask back any more: the simulation is over.
    fn is_over(&self) -> bool {
        false
    }

    /// Waits until what was asked back may run. At once, where more than one runs at a time.
    fn wait_back(&self);
}

/// How a thread waits that has lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// For something counted, which asks back before it ends.
    Told,
    /// For anything: nobody asks back but the thread, some time after the wait is over. So that nothing is
    /// counted does not mean that nothing will happen.
    Untold,
}

thread_local! {
    static CURRENT: Cell<Option<Arc<dyn Timekeeper>>> = const { Cell::new(None) };
}

/// A keeper that is current on this thread, until this is dropped.
///
/// Moved there and back, like the region: cloning it would be measurable on each poll.
pub(crate) struct Entered<'a>(&'a mut Option<Arc<dyn Timekeeper>>);

impl<'a> Entered<'a> {
    #[inline]
    pub(crate) fn new(keeper: &'a mut Option<Arc<dyn Timekeeper>>) -> Self {
        swap(keeper);
        Entered(keeper)
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        swap(self.0);
    }
}

/// On a thread that is ending and has no thread-locals any more, nothing moves.
#[inline]
fn swap(keeper: &mut Option<Arc<dyn Timekeeper>>) {
    let _ = CURRENT.try_with(|current| current.swap(Cell::from_mut(keeper)));
}

/// Looks at the current keeper. `f` is our own code and small: while it runs, there seems to be none.
fn look<T>(f: impl FnOnce(Option<&Arc<dyn Timekeeper>>) -> T) -> T {
    let mut f = Some(f);
    let seen = CURRENT.try_with(|current| {
        let keeper = current.take();
        let value = f.take().map(|f| f(keeper.as_ref()));
        current.set(keeper);
        value
    });
    match (seen, f) {
        (Ok(Some(value)), _) => value,
        (_, Some(f)) => f(None),
        (_, None) => unreachable!("`look` calls its closure once"),
    }
}

/// The keeper of what this thread runs.
pub(crate) fn current() -> Option<Arc<dyn Timekeeper>> {
    look(|keeper| keeper.map(Arc::clone))
}

/// The same, if it is of the clock with these timers.
pub(crate) fn current_of(timers: &Arc<Timers>) -> Option<Arc<dyn Timekeeper>> {
    look(|keeper| {
        keeper
            .filter(|keeper| is_of(keeper, timers))
            .map(Arc::clone)
    })
}

/// A number for who needs one that is like chance: nothing where there is no keeper, and so real chance will
/// do.
pub(crate) fn seed() -> Option<u64> {
    current().map(|keeper| keeper.timers().seed())
}

fn is_of(keeper: &Arc<dyn Timekeeper>, timers: &Arc<Timers>) -> bool {
    Arc::ptr_eq(keeper.timers(), timers)
}

/// Panics with advice if what this thread runs is not counted by the clock with these timers.
pub(crate) fn assert_counted(timers: &Arc<Timers>) {
    assert!(
        look(|keeper| keeper.is_some_and(|keeper| is_of(keeper, timers))),
        "a sleep on a virtual clock was polled outside any task of that clock, where nothing tells it \
         that time must not stand still: await it in a task spawned on the clock's runtime, or inside \
         `block_on` of the `VirtualClock` itself"
    );
}

/// One that is counted, until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<dyn Timekeeper>);

impl Counted {
    pub(crate) fn new(keeper: Arc<dyn Timekeeper>) -> Self {
        keeper.hold();
        Counted(keeper)
    }

    /// Counted by the current clock, if there is one.
    pub(crate) fn here() -> Option<Self> {
        current().map(Counted::new)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// What runs on this thread, not counted until this is dropped: it waits for anything.
#[derive(Debug)]
pub(crate) struct Lent(Arc<dyn Timekeeper>);

impl Lent {
    /// Lends to the current clock, if there is one.
    pub(crate) fn here() -> Option<Self> {
        let keeper = current()?;
        keeper.lend(Wait::Untold);
        Some(Lent(keeper))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.ask_back(Wait::Untold);
        self.0.wait_back();
    }
}
