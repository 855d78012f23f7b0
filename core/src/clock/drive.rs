//! The future that an owner drives, and what ends it when time does not go on.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project::pin_project;

use super::current::{Timekeeper, Wait};
use super::quiescence::{Driven, Quiescence};
use super::report::{Report, Why};
use super::tracked::Tracking;
use crate::thread::ThreadCache;

/// The shortest patience: none at all would be spent before anything has begun.
const SHORTEST: Duration = Duration::from_millis(1);

/// The future itself: ready with its value, or with why it never will be.
#[pin_project]
pub(super) struct Driving<F> {
    #[pin]
    body: F,
    listed: Listed,
    // The last to be dropped, but while the drive itself still counts.
    back: Option<AskBack>,
}

impl<F> Driving<F> {
    pub(super) fn new(body: F, listed: Listed, around: Option<Arc<dyn Timekeeper>>) -> Self {
        Driving {
            body,
            listed,
            back: around.map(AskBack),
        }
    }
}

impl<F: Future> Future for Driving<F> {
    type Output = Result<F::Output, Report>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.body.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        match this.listed.driven.verdict() {
            Some(report) => Poll::Ready(Err(report)),
            None => Poll::Pending,
        }
    }
}

/// A drive in its clock's list.
pub(super) struct Listed {
    clock: Arc<Quiescence>,
    driven: Arc<Driven>,
}

impl Listed {
    pub(super) fn new(clock: &Arc<Quiescence>, task: &Arc<Tracking>) -> Self {
        Listed {
            clock: Arc::clone(clock),
            driven: clock.drive(task),
        }
    }

    /// Ends the drive when no virtual time has passed for `patience` of real time. `None` where nobody has
    /// so much patience, or no thread is left to wait.
    pub(super) fn watchdog(&self, patience: Duration) -> Option<Watchdog> {
        if patience == Duration::MAX {
            return None;
        }
        let patience = patience.max(SHORTEST);
        let watched = Arc::new(Watched::default());
        let watches = {
            let watched = Arc::clone(&watched);
            let (clock, driven) = (Arc::clone(&self.clock), Arc::clone(&self.driven));
            move || watched.watch(&clock, &driven, patience)
        };
        let started = ThreadCache::global().run(watches);
        started.is_ok().then_some(Watchdog(watched))
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.clock.end_drive(&self.driven);
    }
}

/// Asks back what the thread that drives has lent.
struct AskBack(Arc<dyn Timekeeper>);

impl Drop for AskBack {
    fn drop(&mut self) {
        self.0.ask_back(Wait::Told);
    }
}

/// Looks from time to time whether the time of a clock moves. Until it is dropped.
pub(super) struct Watchdog(Arc<Watched>);

#[derive(Default)]
struct Watched {
    is_over: Mutex<bool>,
    ends: Condvar,
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *lock(&self.0.is_over) = true;
        self.0.ends.notify_one();
    }
}

impl Watched {
    fn watch(&self, clock: &Quiescence, driven: &Driven, patience: Duration) {
        while !self.is_over_within(patience, clock) {
            let report = clock.report(Why::Hung(patience));
            driven.stop(report.clone());
            if self.is_over_within(patience, clock) {
                return;
            }
            // The thread that drives is stuck itself, and can say nothing.
            eprintln!("{report}\n  the thread that drives does not react");
        }
    }

    /// Waits until the drive is over or time has stood still for so long. Says whether it is over.
    fn is_over_within(&self, patience: Duration, clock: &Quiescence) -> bool {
        let mut is_over = lock(&self.is_over);
        loop {
            let moves = clock.moves();
            let waited = self
                .ends
                .wait_timeout_while(is_over, patience, |is_over| !*is_over);
            let (woken, result) = waited.unwrap_or_else(PoisonError::into_inner);
            is_over = woken;
            if !result.timed_out() {
                return true;
            }
            if clock.moves() == moves {
                return false;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
