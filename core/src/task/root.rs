//! The future that a runtime runs: a body, its region, and how the two end.
//!
//! The order of steps is that of the chapter "Tasks and regions" in this crate's README. Everything
//! that makes the runtimes behave alike is here: the runtime sees a future of `()` that never unwinds.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project::{pin_project, pinned_drop};

use super::cell::{Cell, Free};
use super::join_error::JoinError;
use crate::region::body::{Ended, Stow, abandon, poll_region};
use crate::region::state::{Seen, flag};
use crate::region::{Leftovers, Member, Region, hand_over};
use crate::runtime::{Known, KnownAs, Spawn, Timer};

/// In the rare part of the cell: a root has no room to spare.
struct InCell;

impl<T: Send + 'static> Stow<T> for InCell {
    fn put(&mut self, region: &Region, ended: Ended<T>) {
        let stowed: Box<dyn Any + Send> = Box::new(ended);
        region.rare(|rare| rare.stowed = Some(stowed));
    }

    fn take(&mut self, region: &Region) -> Option<Ended<T>> {
        let stowed = region.rare(|rare| rare.stowed.take())?;
        stowed.downcast().ok().map(|ended| *ended)
    }
}

/// The task root that is handed to [`Spawn::spawn_raw`]. At most 32 bytes more than its body.
#[pin_project(PinnedDrop)]
pub(crate) struct Root<F: Future>
where
    F::Output: Send + 'static,
{
    #[pin]
    body: Option<F>,
    /// `None` once the outcome is published. Lives in the thread-local while the body is polled.
    member: Option<Arc<dyn Member>>,
    seen: Seen,
}

impl<F: Future> Root<F>
where
    F::Output: Send + 'static,
{
    pub(crate) fn new(body: F, member: Arc<dyn Member>) -> Self {
        Root {
            body: Some(body),
            member: Some(member),
            seen: Seen::default(),
        }
    }
}

impl<F: Future> Future for Root<F>
where
    F::Output: Send + 'static,
{
    type Output = ();

    /// A poll after `Ready` does nothing and is ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let ended = poll_region(this.body, this.member, this.seen, &mut InCell, cx);
        let Some(ended) = ended else {
            return match this.member {
                Some(_) => Poll::Pending,
                None => Poll::Ready(()),
            };
        };
        if let Some(member) = this.member.take() {
            publish(&*member, ended);
        }
        Poll::Ready(())
    }
}

impl<F: Future> Known for Root<F>
where
    F::Output: Send + 'static,
{
    fn known_as(&self) -> KnownAs {
        match &self.member {
            Some(member) => member.region().known_as(),
            None => KnownAs::here(),
        }
    }
}

#[pinned_drop]
impl<F: Future> PinnedDrop for Root<F>
where
    F::Output: Send + 'static,
{
    /// Only a runtime that goes away drops a root that has not ended.
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if this.member.is_none() {
            return;
        }
        if let Some((member, left)) = abandon(this.body, this.member.take(), &mut InCell) {
            hand_over(&member, None, left);
            publish_lost::<F::Output>(&*member);
        }
    }
}

#[inline]
fn publish<T: Send + 'static>(member: &dyn Member, ended: Ended<T>) {
    let region = member.region();
    let outcome = match ended {
        Ended::Value(value) => Ok(value),
        Ended::Panicked(payload) => Err(JoinError::panicked(region, payload)),
        Ended::Cancelled if member.end_unseen() => return,
        Ended::Cancelled => Err(JoinError::cancelled(region)),
    };
    member.publish(&mut Some(outcome));
}

fn publish_lost<T: Send + 'static>(member: &dyn Member) {
    let lost: Result<T, JoinError> = Err(JoinError::lost(member.region()));
    member.publish(&mut Some(lost));
}

/// Runs what a region left in a task of its own.
pub(crate) fn spawn_orphans<R: Spawn + Timer>(rt: &R, from: &Region, left: Leftovers) {
    let orphans = Region::new(from.location(), flag::NO_HANDLE | flag::ORPHANS);
    orphans.dress(from.name(), from.watch());
    if let Some(limit) = from.cleanup_limit() {
        orphans.limit_cleanups(limit);
    }
    let orphanage: Arc<dyn Member> = Arc::new(Cell::<_, ()>::new(orphans, Free(rt.clone())));
    let open = orphanage.region();
    let adopted = left
        .adopted
        .into_iter()
        .map(|work| open.adopt(work).is_ok());
    let deferred = left
        .cleanups
        .into_iter()
        .map(|work| open.defer(work).is_ok());
    let refused = adopted.chain(deferred).filter(|taken| !taken).count();
    debug_assert_eq!(refused, 0, "a new region is open");
    rt.spawn_known(Root::new(std::future::ready(()), orphanage));
}
