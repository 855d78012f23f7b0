//! Waiting before time moves, for code that wakes its tasks past the clock.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pin_project::pin_project;

use super::quiescence::Quiescence;
use crate::runtime::{Timer, after};

/// What happens before time moves, once nothing is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing: what is counted is all there is.
    Nothing,
    /// A task of the runtime inside yields so often.
    Yields(usize),
    /// So much real time passes.
    Passes(Duration),
}

/// What a clock and its prober share.
#[derive(Default)]
pub(super) struct Probing {
    /// How often something has become busy: whether it did since.
    times_busy: AtomicUsize,
    is_asked: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Probing {
    pub(super) fn became_busy(&self) {
        self.times_busy.fetch_add(1, Ordering::SeqCst);
    }

    /// Asks the prober to look whether all rests, and to move the time then.
    pub(super) fn ask(&self) {
        self.is_asked.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Also at the end of the clock: the prober ends then.
    pub(super) fn wake(&self) {
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn register(&self, waker: &Waker) {
        let new = waker.clone();
        let old = lock(&self.waker).replace(new);
        drop(old);
    }
}

/// The task that moves the time of a clock. It is a task of the runtime inside, and does not count.
#[pin_project]
pub(super) struct Prober<R: Timer> {
    clock: Weak<Quiescence>,
    rt: R,
    before: Before,
    step: Step<R::Sleep>,
}

enum Step<S> {
    Rests,
    Yields {
        left: usize,
        times_busy: usize,
    },
    Waits {
        sleep: Pin<Box<S>>,
        times_busy: usize,
    },
}

impl<R: Timer> Prober<R> {
    pub(super) fn new(clock: &Arc<Quiescence>, rt: R, before: Before) -> Self {
        Prober {
            clock: Arc::downgrade(clock),
            rt,
            before,
            step: Step::Rests,
        }
    }
}

impl<R: Timer> Future for Prober<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        loop {
            let Some(clock) = this.clock.upgrade() else {
                return Poll::Ready(());
            };
            let Some(probing) = clock.probing() else {
                return Poll::Ready(());
            };
            probing.register(cx.waker());
            let times_busy = probing.times_busy.load(Ordering::SeqCst);
            let (is_over, since) = match this.step {
                Step::Rests => {
                    if !probing.is_asked.swap(false, Ordering::SeqCst) {
                        return Poll::Pending;
                    }
                    *this.step = match *this.before {
                        Before::Nothing | Before::Yields(0) => Step::Yields {
                            left: 0,
                            times_busy,
                        },
                        Before::Yields(left) => Step::Yields { left, times_busy },
                        Before::Passes(duration) => Step::Waits {
                            sleep: Box::pin(this.rt.sleep_until(after(this.rt.now(), duration))),
                            times_busy,
                        },
                    };
                    continue;
                }
                Step::Yields {
                    left: 0,
                    times_busy,
                } => (true, *times_busy),
                Step::Yields { left, times_busy } => {
                    *left -= 1;
                    cx.waker().wake_by_ref();
                    (false, *times_busy)
                }
                Step::Waits { sleep, times_busy } => {
                    (sleep.as_mut().poll(cx).is_ready(), *times_busy)
                }
            };
            // What has become busy since asks again when it rests.
            if since != times_busy {
                *this.step = Step::Rests;
                continue;
            }
            if !is_over {
                return Poll::Pending;
            }
            *this.step = Step::Rests;
            clock.advance();
        }
    }
}

impl<R: Timer> fmt::Debug for Prober<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober")
            .field("before", &self.before)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
