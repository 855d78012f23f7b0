//! What takes turns: a task, a blocking job, or the future of a `block_on`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
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
pub(super) enum Work {
    Task(Pin<Box<dyn Future<Output = ()> + Send>>),
    Job(Job),
    /// It is being done, or is over; that of a root is with who drives it.
    Elsewhere,
}

/// One of those that take turns.
///
/// Its work is here and not with the host: so the end of a simulation drops what is left in the same
/// order everywhere, and what a host spawns is of one type.
pub(super) struct Entity {
    pub(super) gate: Arc<Gate>,
    pub(super) key: Key,
    pub(super) number: u32,
    work: Mutex<Work>,
}

impl Entity {
    pub(super) fn new(gate: Arc<Gate>, key: Key, number: u32, work: Work) -> Self {
        Entity {
            gate,
            key,
            number,
            work: Mutex::new(work),
        }
    }

    fn put_work(&self, work: Work) -> Work {
        let mut place = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, work)
    }

    pub(super) fn take_work(&self) -> Work {
        self.put_work(Work::Elsewhere)
    }

    /// Does something as a part of this entity's turn: `f` is told the waker that makes it ready.
    pub(super) fn act<T>(self: &Arc<Self>, f: impl FnOnce() -> T) -> T {
        let _inside = Inside::entity(self);
        let mut keeper: Option<Arc<dyn Timekeeper>> = Some(Arc::clone(self) as _);
        let _counted = current::Entered::new(&mut keeper);
        f()
    }

    /// Polls a task whose turn it is.
    pub(super) fn poll(self: &Arc<Self>) -> Poll<()> {
        let turn = TurnOf(self);
        let Work::Task(mut future) = self.take_work() else {
            return Poll::Ready(());
        };
        let polled = self.act(|| {
            let waker = Waker::from(Arc::clone(self));
            let mut polled = Poll::Pending;
            self.gate.host.enter(Enter::Virtual, &mut || {
                polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            });
            match polled {
                Poll::Ready(()) => drop(future),
                Poll::Pending => drop(self.put_work(Work::Task(future))),
            }
            polled
        });
        if polled.is_ready() {
            return polled;
        }
        std::mem::forget(turn);
        if !self.gate.pause(self) {
            // The simulation ended during the poll.
            drop(self.take_work());
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Runs a job whose turn it is.
    pub(super) fn run_job(self: &Arc<Self>) {
        if !self.gate.enter_granted(self) {
            return;
        }
        let _turn = TurnOf(self);
        if let Work::Job(job) = self.take_work() {
            self.act(job);
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
}
