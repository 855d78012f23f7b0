//! Adopted work: what a region polls beside its body and cannot end before.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::aside::{BoxFuture, Leftovers};
use super::contain::{contain, discard, drop_contained};
use super::drain::Drain;
use super::failure::Phase;
use super::state::{Seen, flag};
use super::{Member, Reason};

/// One piece of adopted work. Its kinds differ in what becomes of them when they cannot run to their end.
pub(crate) enum Work {
    /// Code of users: dropped by a kill, reported where it is lost.
    CleanUp(BoxFuture),
    /// The same, of another region: one after the other.
    CleanUps(NewestFirst),
    /// A wait for children, and clean-ups after it. A kill goes on to the children, and the wait stays.
    Wait(Wait),
    /// A wait for a task whose handle was dropped. A kill goes on to it, and the wait stays.
    Drain(Drain),
    /// A wait for a job that was asked to stop and is a part of this region. Nothing ends the wait but the job.
    Job(Arc<dyn Member>),
    /// A call from a thread into this task: a part of it, and not handed on when it ends. Whoever called is
    /// told when this is dropped.
    Call(BoxFuture),
}

impl Work {
    pub(crate) fn clean_up(future: BoxFuture) -> Self {
        Work::CleanUp(future)
    }

    /// How many clean-ups are in it.
    pub(super) fn cleanups(&self) -> usize {
        match self {
            Work::CleanUp(_) => 1,
            Work::CleanUps(some) => some.left.len(),
            Work::Wait(wait) => wait.then.as_ref().map_or(0, |then| then.left.len()),
            Work::Drain(_) | Work::Job(_) | Work::Call(_) => 0,
        }
    }

    /// Whether there is anything that the clean-up deadline drops.
    pub(super) fn is_droppable(&self) -> bool {
        matches!(self, Work::Drain(_) | Work::Call(_)) || self.cleanups() > 0
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Work::CleanUp(future) | Work::Call(future) => future.as_mut().poll(cx),
            Work::CleanUps(some) => Pin::new(some).poll(cx),
            Work::Wait(wait) => Pin::new(wait).poll(cx),
            Work::Drain(drain) => drain.poll(cx),
            Work::Job(job) => job.poll_gone(cx),
        }
    }

    /// Kills it: gives out its clean-ups, oldest first, and leaves what must be waited for all the same.
    pub(super) fn kill(
        self,
        reason: Option<&Reason>,
        cleanups: &mut Vec<BoxFuture>,
    ) -> Option<Work> {
        match self {
            Work::CleanUp(future) => cleanups.push(future),
            Work::CleanUps(some) => cleanups.extend(some.left),
            Work::Wait(mut wait) => {
                wait.scope.region().kill(reason);
                cleanups.extend(wait.then.take().into_iter().flat_map(|then| then.left));
                return Some(Work::Wait(wait));
            }
            Work::Drain(drain) => {
                drain.kill(reason);
                return Some(Work::Drain(drain));
            }
            Work::Job(job) => {
                job.region().kill(reason);
                return Some(Work::Job(job));
            }
            // It has its own region to report to.
            Work::Call(call) => drop_contained(call).unwrap_or_else(discard),
        }
        None
    }
}

/// Clean-ups that a region around the one that left them runs: one at a time, newest first.
pub(crate) struct NewestFirst {
    left: Vec<BoxFuture>,
    from: Arc<dyn Member>,
}

impl NewestFirst {
    pub(super) fn new(left: Vec<BoxFuture>, from: &Arc<dyn Member>) -> Self {
        let from = Arc::clone(from);
        NewestFirst { left, from }
    }
}

impl Future for NewestFirst {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let NewestFirst { left, from } = &mut *self;
        while let Some(newest) = left.last_mut() {
            match contain(|| newest.as_mut().poll(cx)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(())) => {}
                Err(payload) => from.region().report(Phase::CleanUp, Some(payload)),
            }
            if let Err(payload) = drop_contained(left.pop()) {
                from.region().report(Phase::Destructor, Some(payload));
            }
        }
        Poll::Ready(())
    }
}

/// The wait for the children of a scope that was dropped half-way.
///
/// Polled by the region that adopted it; the scope's own region has no other use for its waker any more.
pub(crate) struct Wait {
    scope: Arc<dyn Member>,
    seen: Seen,
    /// What the scope runs when its children are gone.
    then: Option<NewestFirst>,
}

impl Leftovers {
    /// Adds what a scope that was dropped half-way still waits for.
    pub(super) fn wait_for_children_of(&mut self, scope: &Arc<dyn Member>) {
        let left = std::mem::take(&mut self.after_children);
        if !scope.region().waits_for_children() {
            // Popped from the end: these come after all others.
            self.cleanups.splice(0..0, left);
            scope.settle();
            return;
        }
        self.adopted.push(Work::Wait(Wait {
            scope: Arc::clone(scope),
            seen: Seen::default(),
            then: (!left.is_empty()).then(|| NewestFirst::new(left, scope)),
        }));
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Wait { scope, seen, then } = &mut *self;
        let region = scope.region();
        if region.has(flag::CHILDREN) {
            region.register(cx.waker(), seen);
            if region.waits_for_children() {
                return Poll::Pending;
            }
            region.forget_runner();
        }
        if let Some(cleanups) = then {
            ready!(Pin::new(cleanups).poll(cx));
        }
        scope.settle();
        Poll::Ready(())
    }
}
