//! A future that the clock counts: its state, its waker, its polls.
//!
//! ```text
//!            wake: +1                poll                    Pending: −1
//!   IDLE ──────────────► SCHED ─────────────► RUN ───────────────────────► IDLE
//!     └────────────── a poll nobody asked for: +1 ──► RUN
//!                                              │ wake
//!                          Pending: kept       ▼               Ready, drop: −1
//!                 SCHED ◄───────────────── RUN_WOKEN    any ───────────────► DONE
//! ```
//!
//! One that is not IDLE counts as busy. Its count is taken *before* the state says so and given back *after*:
//! counted twice for a moment is harmless, not counted for a moment moves the time.

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use pin_project::{pin_project, pinned_drop};

use super::current::{Counted, Entered, Timekeeper};
use super::quiescence::Quiescence;
use super::timers::Nanos;
use crate::region::contain::{contain, discard};
use crate::runtime::{Enter, Spawn};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering};

const IDLE: u8 = 0;
const SCHED: u8 = 1;
const RUN: u8 = 2;
const RUN_WOKEN: u8 = 3;
const DONE: u8 = 4;

/// What is tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Task(&'static Location<'static>),
    /// The future that an owner drives.
    Driven,
    /// A blocking job.
    Job(&'static Location<'static>),
}

/// What a tracked future shares with its wakers. A waker counts nothing by being there.
pub(crate) struct Tracking {
    clock: Arc<Quiescence>,
    state: AtomicU8,
    /// The runtime's own waker.
    outer: Mutex<Option<Waker>>,
    what: What,
    /// When it was last polled, for reports.
    since: AtomicU64,
}

impl Tracking {
    fn new(clock: &Arc<Quiescence>, what: What) -> Arc<Self> {
        clock.begin();
        Arc::new(Tracking {
            clock: Arc::clone(clock),
            // As if it were woken: whoever runs it will poll it. A job is never anything else.
            state: AtomicU8::new(SCHED),
            outer: Mutex::new(None),
            what,
            since: AtomicU64::new(clock.timers().now_nanos()),
        })
    }

    pub(crate) fn what(&self) -> What {
        self.what
    }

    pub(crate) fn since(&self) -> Nanos {
        self.since.load(Ordering::Relaxed)
    }

    /// Whether it waits to be woken.
    pub(crate) fn rests(&self) -> bool {
        self.state.load(Ordering::Acquire) == IDLE
    }

    fn register(&self, waker: &Waker) {
        let mut outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
        if outer.as_ref().is_some_and(|outer| outer.will_wake(waker)) {
            return;
        }
        drop(outer);
        let new = waker.clone();
        outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
        let old = outer.replace(new);
        drop(outer);
        drop(old);
    }

    pub(crate) fn wake_up(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let next = match state {
                IDLE => SCHED,
                RUN => RUN_WOKEN,
                DONE => return,
                // Written all the same: a plain read may be of the past, and the wake-up lost.
                woken => woken,
            };
            if state == IDLE {
                self.clock.begin();
            }
            let swapped =
                self.state
                    .compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire);
            match swapped {
                Ok(IDLE) => {
                    let outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
                    let waker = outer.clone();
                    drop(outer);
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                    return;
                }
                Ok(_) => return,
                Err(now) => {
                    if state == IDLE {
                        self.clock.end();
                    }
                    state = now;
                }
            }
        }
    }

    /// Begins a poll: what was counted when it was woken is counted on.
    fn start(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            assert!(
                state == SCHED || state == IDLE,
                "a tracked future was polled after it was ready"
            );
            if state == IDLE {
                // Nobody has woken it: a parent polls all its children, or the runtime is generous.
                self.clock.begin();
            }
            let swapped =
                self.state
                    .compare_exchange(state, RUN, Ordering::AcqRel, Ordering::Acquire);
            let Err(now) = swapped else {
                return;
            };
            if state == IDLE {
                self.clock.end();
            }
            state = now;
        }
    }

    /// Ends a poll that gave `Pending`. Says whether it was woken meanwhile: it counts on, and its runtime is
    /// to poll it again.
    fn rest(&self) -> bool {
        let now = self.clock.timers().now_nanos();
        self.since.store(now, Ordering::Relaxed);
        let rests = self
            .state
            .compare_exchange(RUN, IDLE, Ordering::AcqRel, Ordering::Acquire);
        match rests {
            Ok(_) => {
                self.clock.end();
                false
            }
            Err(_) => {
                self.state.swap(SCHED, Ordering::AcqRel);
                true
            }
        }
    }

    /// Ends it. Its future is dropped already, and its result handed over.
    fn finish(&self) {
        let before = self.state.swap(DONE, Ordering::AcqRel);
        // The waker holds the task, which holds this.
        let mut outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = outer.take();
        drop(outer);
        drop(waker);
        if matches!(before, SCHED | RUN | RUN_WOKEN) {
            self.clock.end();
        }
    }
}

impl Wake for Tracking {
    fn wake(self: Arc<Self>) {
        self.wake_up();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_up();
    }
}

impl fmt::Debug for Tracking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracking")
            .field("what", &self.what)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// A blocking job in the count and in the list, until this is dropped.
#[derive(Debug)]
pub(crate) struct TrackedJob {
    task: Arc<Tracking>,
    place: usize,
}

impl TrackedJob {
    pub(crate) fn new(clock: &Arc<Quiescence>, submitted: &'static Location<'static>) -> Self {
        let task = Tracking::new(clock, What::Job(submitted));
        clock.begin_job();
        TrackedJob {
            place: clock.list(&task),
            task,
        }
    }
}

impl Drop for TrackedJob {
    fn drop(&mut self) {
        end(&self.task, self.place);
        self.task.clock.end_job();
    }
}

/// A future that the clock counts as busy from now on: while it is woken or polled, and while it is dropped.
///
/// On `rt` it is polled without a limit on how much it may do at once: a wake-up that a runtime holds back
/// looks like rest.
#[pin_project(PinnedDrop)]
#[must_use = "it counts as busy until it is polled or dropped"]
pub(crate) struct Tracked<R: Spawn, F: Future> {
    /// `None` once it has ended.
    #[pin]
    future: Option<F>,
    rt: R,
    task: Arc<Tracking>,
    /// Where the task stands in the clock's list.
    place: usize,
    waker: Waker,
    /// Lives in the thread-local while the future is polled.
    keeper: Option<Arc<dyn Timekeeper>>,
}

impl<R: Spawn, F: Future> Tracked<R, F> {
    pub(crate) fn new(
        clock: &Arc<Quiescence>,
        rt: R,
        what: What,
        future: impl FnOnce(&Arc<Tracking>) -> F,
    ) -> Self {
        let task = Tracking::new(clock, what);
        Tracked {
            future: Some(future(&task)),
            rt,
            place: clock.list(&task),
            waker: Waker::from(Arc::clone(&task)),
            keeper: Some(Arc::<Quiescence>::clone(clock)),
            task,
        }
    }
}

impl<R: Spawn, F: Future> Future for Tracked<R, F> {
    type Output = F::Output;

    /// Panics when it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        this.task.register(cx.waker());
        this.task.start();
        let polled = {
            let _entered = Entered::new(this.keeper);
            let mut inner = Context::from_waker(this.waker);
            let future = this.future.as_mut().as_pin_mut();
            let future = future.expect("a future that has not ended");
            contain(|| this.rt.enter(Enter::Virtual, || future.poll(&mut inner)))
        };
        if matches!(polled, Ok(Poll::Pending)) {
            if this.task.rest() {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        // Its destructors may wake others, at this very moment of the clock.
        let dropped = {
            let _entered = Entered::new(this.keeper);
            contain(|| this.future.set(None))
        };
        end(this.task, *this.place);
        match (polled, dropped) {
            (Ok(polled), Ok(())) => polled,
            (Err(payload), dropped) => {
                dropped.unwrap_or_else(discard);
                resume_unwind(payload)
            }
            (Ok(value), Err(payload)) => {
                drop(value);
                resume_unwind(payload)
            }
        }
    }
}

#[pinned_drop]
impl<R: Spawn, F: Future> PinnedDrop for Tracked<R, F> {
    /// Where its runtime goes, or drops it for some other reason.
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.future.is_none() {
            return;
        }
        // It may rest, and then nothing else would count while its destructors run.
        let counted = Counted::new(Arc::<Quiescence>::clone(&this.task.clock));
        let dropped = {
            let _entered = Entered::new(this.keeper);
            contain(|| this.future.set(None))
        };
        end(this.task, *this.place);
        drop(counted);
        if let Err(payload) = dropped {
            match std::thread::panicking() {
                true => discard(payload),
                false => resume_unwind(payload),
            }
        }
    }
}

fn end(task: &Tracking, place: usize) {
    task.clock.unlist(place);
    task.finish();
}

impl<R: Spawn, F: Future> fmt::Debug for Tracked<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked")
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}
