//! What takes turns: a task, a blocking job, or the future of a `block_on`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::gate::Gate;
use super::inside::Inside;
use super::ready::Key;
use super::trace::Kind;
use crate::clock::current::{self, Job, Timekeeper, Wait};
use crate::clock::timers::Timers;
use crate::runtime::{Enter, KnownAs};

/// What an entity has to do.
///
/// It is kept by the gate and not by the host: so the end of a simulation drops what is left in the same
/// order everywhere, and what a host spawns is of one type.
pub(super) enum Work {
    Task(Body),
    Job(Job),
    /// It is being done, or is over; that of a root is with who drives it.
    Elsewhere,
}

/// The future of a task, and what it is polled with: made at its first poll.
pub(super) struct Body {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    waker: Option<Waker>,
    keeper: Option<Arc<dyn Timekeeper>>,
}

impl Body {
    pub(super) fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Body {
            future: Box::pin(future),
            waker: None,
            keeper: None,
        }
    }
}

/// One of those that take turns.
pub(super) struct Entity {
    pub(super) gate: Arc<Gate>,
    pub(super) key: Key,
    pub(super) number: u32,
}

impl Entity {
    /// Does something as a part of this entity's turn.
    pub(super) fn act<T>(self: &Arc<Self>, f: impl FnOnce() -> T) -> T {
        self.act_with(&mut Some(Arc::clone(self) as _), f)
    }

    fn act_with<T>(
        self: &Arc<Self>,
        keeper: &mut Option<Arc<dyn Timekeeper>>,
        f: impl FnOnce() -> T,
    ) -> T {
        let _inside = Inside::entity(self);
        let _counted = current::Entered::new(keeper);
        f()
    }

    /// Polls a task whose turn it is.
    pub(super) fn poll(self: &Arc<Self>, work: Work) -> Poll<()> {
        let turn = TurnOf(self);
        let Work::Task(Body {
            mut future,
            waker,
            keeper,
        }) = work
        else {
            return Poll::Ready(());
        };
        let waker = waker.unwrap_or_else(|| Waker::from(Arc::clone(self)));
        let mut keeper = keeper.or_else(|| Some(Arc::clone(self) as _));
        let future = self.act_with(&mut keeper, || {
            let mut polled = Poll::Pending;
            self.gate.host.enter(Enter::Virtual, &mut || {
                polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            });
            match polled {
                // Dropped as a part of the turn.
                Poll::Ready(()) => {
                    drop(future);
                    None
                }
                Poll::Pending => Some(future),
            }
        });
        let Some(future) = future else {
            return Poll::Ready(());
        };
        std::mem::forget(turn);
        let work = Work::Task(Body {
            future,
            waker: Some(waker),
            keeper,
        });
        match self.gate.pause(self, work) {
            Ok(()) => Poll::Pending,
            // The simulation ended during the poll.
            Err(work) => {
                drop(work);
                Poll::Ready(())
            }
        }
    }

    /// Runs a job whose turn it is.
    pub(super) fn run_job(self: &Arc<Self>, job: Work) {
        let _turn = TurnOf(self);
        match job {
            Work::Job(job) if self.gate.enter_granted(self) => self.act(|| {
                // Not on the pool of the host, but inside of it.
                let mut job = Some(job);
                self.gate.host.enter(Enter::Foreign, &mut || {
                    if let Some(job) = job.take() {
                        job();
                    }
                });
            }),
            job => self.act(|| drop(job)),
        }
    }

    /// Lends the turn while this thread waits.
    pub(super) fn lend_for(&self, why: Wait) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        self.gate.lend(self, why, waker);
    }

    /// Waits, on the thread that lent the turn, until it is back.
    pub(super) fn wait_until_back(&self) {
        while !self.gate.is_back(self) {
            thread::park();
        }
    }
}

/// Wakes a thread that looks again whenever it is unparked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Gives the turn back and ends the entity when it is dropped, as by a panic.
struct TurnOf<'a>(&'a Arc<Entity>);

impl Drop for TurnOf<'_> {
    fn drop(&mut self) {
        self.0.gate.leave(self.0);
    }
}

impl Wake for Entity {
    fn wake(self: Arc<Self>) {
        self.gate.wake(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.gate.wake(self);
    }
}

impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entity")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// How the rest of core finds the simulation: by what runs in it.
impl Timekeeper for Entity {
    fn timers(&self) -> &Arc<Timers> {
        &self.gate.timers
    }

    fn hold(&self) {
        self.gate.hold();
    }

    fn release(&self) {
        self.gate.release();
    }

    #[track_caller]
    fn run_blocking(self: Arc<Self>, job: Job) -> Result<(), Job> {
        // One that is over drops it: it is lost.
        drop(self.gate.admit(Kind::Job, KnownAs::here(), Work::Job(job)));
        Ok(())
    }

    fn lend(&self, wait: Wait) {
        self.lend_for(wait);
    }

    fn ask_back(&self, _: Wait) {
        self.gate.ask_back(self);
    }

    fn wait_back(&self) {
        self.wait_until_back();
    }

    fn is_over(&self) -> bool {
        self.gate.is_over()
    }
}
