//! Knowing that nothing can run: one count, and what happens when it is zero.
//!
//! *Busy* are: a task that is woken or running, a blocking job from its submission, a hold, and whoever moves
//! the time. When nobody is, and only then, one wait ends: the time is its deadline, and what waited is woken
//! before the one who moved the time stops counting. Everything here follows from one rule: **hand over before
//! you release**.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;

use super::current::{Entered, Job, Timekeeper, Wait};
use super::probe::Probing;
use super::report::{Report, Why};
use super::timers::{Locked, Nanos, Timers};
use super::tracked::{TrackedJob, Tracking};
use crate::region::contain::{contain, discard};
use crate::runtime::Instant;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::thread::{Seat, ThreadCache};

/// Who moves the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It moves when nothing is busy.
    Auto,
    /// So it does, but no further than somebody has told it to.
    ByHand,
}

/// What it means that nothing is busy and no wait is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// Nobody will ever wake anything.
    Silent,
    /// Something that the clock does not know may.
    MayWake,
}

/// A clock, and the count of what is busy under it.
pub(crate) struct Quiescence {
    timers: Arc<Timers>,
    busy: AtomicUsize,
    /// Threads that wait for anything.
    untold: AtomicUsize,
    pace: Pace,
    outside: Outside,
    // Not raced for but by reports: a model need not explore them.
    tasks: Mutex<Slab<Arc<Tracking>>>,
    driven: Mutex<Vec<Arc<Driven>>>,
    /// Blocking jobs that wait or run.
    jobs: Mutex<usize>,
    jobs_over: Condvar,
    /// For a clock that does not trust its count alone.
    probing: Option<Probing>,
}

/// A future that somebody drives: who is told that it will never end.
pub(crate) struct Driven {
    task: Arc<Tracking>,
    verdict: Mutex<Option<Report>>,
}

impl Quiescence {
    pub(crate) fn new(start: Instant, pace: Pace, outside: Outside) -> Self {
        Quiescence {
            timers: Arc::new(Timers::new(start)),
            busy: AtomicUsize::new(0),
            untold: AtomicUsize::new(0),
            pace,
            outside,
            tasks: Mutex::new(Slab::new()),
            driven: Mutex::new(Vec::new()),
            jobs: Mutex::new(0),
            jobs_over: Condvar::new(),
            probing: None,
        }
    }

    /// The same with somebody who looks whether all rests, before time moves.
    pub(crate) fn probed(mut self) -> Self {
        self.probing = Some(Probing::default());
        self
    }

    pub(super) fn probing(&self) -> Option<&Probing> {
        self.probing.as_ref()
    }

    /// Counts one more.
    #[inline]
    pub(crate) fn begin(&self) {
        if self.busy.fetch_add(1, Ordering::AcqRel) == 0 {
            if let Some(probing) = &self.probing {
                probing.became_busy();
            }
        }
    }

    /// Counts one less; what it was busy with has been handed over.
    #[inline]
    pub(crate) fn end(&self) {
        let before = self.busy.fetch_sub(1, Ordering::AcqRel);
        debug_assert!(before != 0, "released more often than held");
        if before == 1 {
            match &self.probing {
                None => self.advance(),
                Some(probing) => probing.ask(),
            }
        }
    }

    /// Moves the time, as long as nothing is busy.
    #[cold]
    pub(super) fn advance(&self) {
        loop {
            let mut waits = self.timers.lock();
            // Read and written, as a plain read may be of the past.
            if self.busy.fetch_add(0, Ordering::AcqRel) != 0 {
                return;
            }
            let fired = waits.pop(self.limit(&waits));
            let stalled = match fired {
                Some(_) => None,
                None => match self.stalled() {
                    Some(driven) => Some(driven),
                    None => return,
                },
            };
            // Before the lock goes: another thread that finds nothing busy must not move the time, too.
            self.begin();
            drop(waits);
            if let Some(waker) = fired {
                if let Err(payload) = contain(|| waker.wake()) {
                    discard(payload);
                }
            }
            if let Some(driven) = stalled {
                driven.stop(self.report(Why::Stalled));
            }
            if self.busy.fetch_sub(1, Ordering::AcqRel) != 1 {
                return;
            }
            if let Some(probing) = &self.probing {
                return probing.ask();
            }
        }
    }

    fn limit(&self, waits: &Locked<'_>) -> Nanos {
        match self.pace {
            Pace::Auto => self.timers.end(),
            Pace::ByHand => waits.last_goal(),
        }
    }

    /// Who is told that nothing will happen any more: the last who began to drive, as the others may wait
    /// for it.
    fn stalled(&self) -> Option<Arc<Driven>> {
        if self.outside == Outside::MayWake || self.untold.load(Ordering::Acquire) != 0 {
            return None;
        }
        let driven = lock(&self.driven);
        let untold = |driven: &&Arc<Driven>| lock(&driven.verdict).is_none();
        driven.iter().rev().find(untold).map(Arc::clone)
    }

    /// What the clock knows of who waits and who runs.
    pub(crate) fn report(&self, why: Why) -> Report {
        let tasks: Vec<_> = {
            let tasks = lock(&self.tasks);
            tasks.iter().map(|(_, task)| Arc::clone(task)).collect()
        };
        let (now, waiting) = {
            let waits = self.timers.lock();
            (waits.now(), waits.len())
        };
        Report::new(why, self.pace, now, waiting, &tasks)
    }

    /// Lists a task for reports. Says where.
    pub(crate) fn list(&self, task: &Arc<Tracking>) -> usize {
        lock(&self.tasks).insert(Arc::clone(task))
    }

    pub(crate) fn unlist(&self, place: usize) {
        let listed = lock(&self.tasks).try_remove(place);
        drop(listed);
    }

    /// How often the time has moved.
    pub(crate) fn moves(&self) -> u64 {
        self.timers.lock().moves()
    }

    pub(crate) fn begin_job(&self) {
        *lock(&self.jobs) += 1;
    }

    pub(crate) fn end_job(&self) {
        *lock(&self.jobs) -= 1;
        self.jobs_over.notify_all();
    }

    /// Waits for the blocking jobs. Says how many are left.
    pub(crate) fn wait_for_jobs(&self, timeout: Duration) -> usize {
        let jobs = lock(&self.jobs);
        let waited = self
            .jobs_over
            .wait_timeout_while(jobs, timeout, |jobs| *jobs > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    #[cfg(test)]
    #[cfg(loom)]
    pub(crate) fn busy(&self) -> usize {
        self.busy.load(Ordering::SeqCst)
    }

    pub(crate) fn drive(&self, task: &Arc<Tracking>) -> Arc<Driven> {
        let driven = Arc::new(Driven {
            task: Arc::clone(task),
            verdict: Mutex::new(None),
        });
        lock(&self.driven).push(Arc::clone(&driven));
        driven
    }

    pub(crate) fn end_drive(&self, driven: &Arc<Driven>) {
        lock(&self.driven).retain(|other| !Arc::ptr_eq(other, driven));
    }
}

impl Drop for Quiescence {
    fn drop(&mut self) {
        if let Some(probing) = &self.probing {
            probing.wake();
        }
    }
}

impl Driven {
    /// Ends the drive with this report, at its next poll.
    pub(crate) fn stop(&self, report: Report) {
        lock(&self.verdict).get_or_insert(report);
        if let Err(payload) = contain(|| self.task.wake_up()) {
            discard(payload);
        }
    }

    pub(crate) fn verdict(&self) -> Option<Report> {
        lock(&self.verdict).clone()
    }
}

impl Timekeeper for Quiescence {
    fn timers(&self) -> &Arc<Timers> {
        &self.timers
    }

    fn hold(&self) {
        self.begin();
    }

    fn release(&self) {
        self.end();
    }

    #[track_caller]
    fn run_blocking(self: Arc<Self>, job: Job) -> Result<(), Job> {
        match JobSeat::new(&self) {
            Some(seat) => {
                seat.run(job);
                Ok(())
            }
            None => Err(job),
        }
    }

    fn lend(&self, wait: Wait) {
        if wait == Wait::Untold {
            self.untold.fetch_add(1, Ordering::AcqRel);
        }
        self.end();
    }

    fn ask_back(&self, wait: Wait) {
        self.begin();
        if wait == Wait::Untold {
            self.untold.fetch_sub(1, Ordering::AcqRel);
        }
    }

    // More than one may run at a time.
    fn wait_back(&self) {}
}

/// A thread of core's own for a blocking job, which counts from now until it has returned, that is until
/// whoever waits for it was woken.
pub(crate) struct JobSeat {
    seat: Seat,
    counted: TrackedJob,
    clock: Arc<Quiescence>,
}

impl JobSeat {
    /// `None` if there is no thread.
    #[track_caller]
    pub(crate) fn new(clock: &Arc<Quiescence>) -> Option<Self> {
        let seat = ThreadCache::global().reserve().ok()?;
        Some(JobSeat {
            seat,
            counted: TrackedJob::new(clock, Location::caller()),
            clock: Arc::clone(clock),
        })
    }

    pub(crate) fn run(self, job: impl FnOnce() + Send + 'static) {
        let JobSeat {
            seat,
            counted,
            clock,
        } = self;
        seat.run(move |_| {
            // The last to be dropped, also when the job panics.
            let _counted = counted;
            let mut keeper: Option<Arc<dyn Timekeeper>> = Some(clock);
            let _entered = Entered::new(&mut keeper);
            job();
        });
    }
}

impl fmt::Debug for Quiescence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quiescence")
            .field("timers", &self.timers)
            .field("busy", &self.busy)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
