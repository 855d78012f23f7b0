//! The parts of a virtual clock, polled by hand.

mod sleep;
mod tracked;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::current::{Entered, Job, Timekeeper, Wait};
use super::timers::Timers;

/// A keeper that only counts; the test moves the time.
#[derive(Debug)]
struct ByHand {
    timers: Arc<Timers>,
    counted: AtomicIsize,
}

impl ByHand {
    fn new() -> Arc<Self> {
        let now = crate::runtime::Timer::now(&crate::task::tests::Hand::default());
        Arc::new(ByHand {
            timers: Arc::new(Timers::new(now)),
            counted: AtomicIsize::new(0),
        })
    }

    fn counted(&self) -> isize {
        self.counted.load(Ordering::SeqCst)
    }

    /// Calls `f` as code that this clock counts.
    fn enter<T>(self: &Arc<Self>, f: impl FnOnce() -> T) -> T {
        let mut keeper: Option<Arc<dyn Timekeeper>> = Some(Arc::<Self>::clone(self));
        let _entered = Entered::new(&mut keeper);
        f()
    }

    fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F, waker: &Waker) -> Poll<F::Output> {
        self.enter(|| Pin::new(future).poll(&mut Context::from_waker(waker)))
    }

    /// Ends the next wait, if there is one.
    fn fire(&self) -> bool {
        let waker = self.timers.lock().pop(u64::MAX);
        waker.map(Waker::wake).is_some()
    }
}

impl Timekeeper for ByHand {
    fn timers(&self) -> &Arc<Timers> {
        &self.timers
    }

    fn hold(&self) {
        self.counted.fetch_add(1, Ordering::SeqCst);
    }

    fn release(&self) {
        self.counted.fetch_sub(1, Ordering::SeqCst);
    }

    fn run_blocking(self: Arc<Self>, job: Job) -> Result<(), Job> {
        Err(job)
    }

    fn lend(&self, _: Wait) {
        self.release();
    }

    fn ask_back(&self, _: Wait) {
        self.hold();
    }

    fn wait_back(&self) {}
}

#[derive(Default)]
struct Woken(AtomicIsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    fn new() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Woken::default());
        (Arc::clone(&woken), Waker::from(woken))
    }

    fn times(&self) -> isize {
        self.0.load(Ordering::SeqCst)
    }
}
