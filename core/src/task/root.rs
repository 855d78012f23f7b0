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

use super::cell::Cell;
use super::join_error::JoinError;
use crate::region::contain::{Payload, contain, drop_contained};
use crate::region::frame::Entered;
use crate::region::state::{Seen, flag};
use crate::region::{Aside, BoxFuture, Leftovers, Member, Phase, Region, runtime_of};
use crate::runtime::Spawn;

/// How a body ended.
pub(super) enum Ended<T> {
    Value(T),
    Panicked(Payload),
    Cancelled,
}

/// Where the end of a body is kept while the clean-ups run.
pub(super) trait Stow<T> {
    fn put(&mut self, region: &Region, ended: Ended<T>);
    fn take(&mut self, region: &Region) -> Option<Ended<T>>;
}

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
pub(super) struct Root<F: Future>
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
    pub(super) fn new(body: F, member: Arc<dyn Member>) -> Self {
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
        let Some(ended) = poll_region(this.body, this.member, this.seen, &mut InCell, cx) else {
            return Poll::Pending;
        };
        if let Some(member) = this.member.take() {
            publish(&*member, ended);
        }
        Poll::Ready(())
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
        if let Some(member) = abandon(this.body, this.member.take(), &mut InCell, None) {
            publish_lost::<F::Output>(&*member);
        }
    }
}

fn publish<T: Send + 'static>(member: &dyn Member, ended: Ended<T>) {
    let region = member.region();
    let outcome = match ended {
        Ended::Value(value) => {
            // A value has no place for failures beside it.
            for failure in region.take_failures() {
                region.report_failure(&failure);
            }
            Ok(value)
        }
        Ended::Panicked(payload) => Err(JoinError::panicked(region, payload)),
        Ended::Cancelled => Err(JoinError::cancelled(region)),
    };
    member.publish(&mut Some(outcome));
}

fn publish_lost<T: Send + 'static>(member: &dyn Member) {
    let lost: Result<T, JoinError> = Err(JoinError::lost(member.region()));
    member.publish(&mut Some(lost));
}

/// Polls a body in its region, and the clean-ups after it. Gives the end once everything is over.
///
/// Shared by [`Root`] and by the roots made in place.
pub(super) fn poll_region<F: Future>(
    mut body: Pin<&mut Option<F>>,
    member: &mut Option<Arc<dyn Member>>,
    seen: &mut Seen,
    stow: &mut impl Stow<F::Output>,
    cx: &mut Context<'_>,
) -> Option<Ended<F::Output>> {
    let mut me = member.take()?;

    // A request that came before this poll: what is open inside is polled once more, so that it may
    // unwind before the body around it is dropped.
    let asked = me.region().has(flag::ASKED);
    let mut ended = match body.is_some() {
        true if asked && me.region().inside().0 == 0 => Some(Ended::Cancelled),
        true => None,
        false => stow.take(me.region()),
    };
    let mut last_turn = asked;

    while ended.is_none() && body.is_some() {
        let polled;
        (me, polled) = inside(me, 0, || poll_body(body.as_mut(), cx));
        ended = match polled {
            Ok(Poll::Ready(value)) => Some(Ended::Value(value)),
            Err(payload) => Some(Ended::Panicked(payload)),
            Ok(Poll::Pending) => {
                if me.region().has(flag::WORK) {
                    (me, ()) = beside(me, |region| Aside::poll_beside_body(region, cx));
                }
                me.region().register(cx.waker(), seen);
                // Not before the waker is registered: a request between the two would be missed.
                if !me.region().has(flag::ASKED) {
                    *member = Some(me);
                    return None;
                }
                match me.region().inside() {
                    (0, _) => Some(Ended::Cancelled),
                    (_, 0) if last_turn => Some(Ended::Cancelled),
                    (_, 0) => {
                        last_turn = true;
                        None
                    }
                    _ => {
                        *member = Some(me);
                        return None;
                    }
                }
            }
        };
    }

    if body.is_some() {
        (me, ended) = drop_body(me, body, ended);
    }

    if !me.region().close_idle() {
        let over;
        (me, over) = beside(me, |region| Aside::poll_to_end(region, cx));
        if over.is_pending() {
            if let Some(ended) = ended {
                stow.put(me.region(), ended);
            }
            me.region().register(cx.waker(), seen);
            *member = Some(me);
            return None;
        }
    }
    *member = Some(me);
    ended
}

/// Runs `f`, which lets no panic out, inside the region below `mask` masks.
fn inside<T>(member: Arc<dyn Member>, mask: u32, f: impl FnOnce() -> T) -> (Arc<dyn Member>, T) {
    let entered = Entered::poll(member, mask);
    let value = f();
    let member = entered.leave();
    (member.expect("what is entered is left in order"), value)
}

/// Runs `f`, which lets no panic out, inside the region and masked: a request that made these
/// clean-ups start must not stop them.
fn beside<T>(member: Arc<dyn Member>, f: impl FnOnce(&Region) -> T) -> (Arc<dyn Member>, T) {
    let held = Arc::clone(&member);
    inside(member, 1, || f(held.region()))
}

fn poll_body<F: Future>(
    body: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Result<Poll<F::Output>, Payload> {
    contain(|| match body.as_pin_mut() {
        Some(body) => body.poll(cx),
        None => Poll::Pending,
    })
}

/// Drops the body inside its region. A destructor's panic outranks a value and a cancel, not a panic.
fn drop_body<F: Future>(
    member: Arc<dyn Member>,
    mut body: Pin<&mut Option<F>>,
    ended: Option<Ended<F::Output>>,
) -> (Arc<dyn Member>, Option<Ended<F::Output>>) {
    let (member, (ended, second)) =
        inside(member, 0, || match (contain(|| body.set(None)), ended) {
            (Ok(()), ended) => (ended, None),
            (Err(second), Some(Ended::Panicked(first))) => {
                (Some(Ended::Panicked(first)), Some(second))
            }
            (Err(payload), value) => {
                let second = drop_contained(value).err();
                (Some(Ended::Panicked(payload)), second)
            }
        });
    if let Some(second) = second {
        member.region().fail(Phase::Destructor, second);
    }
    (member, ended)
}

/// Ends a region whose future is dropped half-way: drops the body in it, hands its work over.
pub(super) fn abandon<F: Future>(
    body: Pin<&mut Option<F>>,
    member: Option<Arc<dyn Member>>,
    stow: &mut impl Stow<F::Output>,
    around: Option<Arc<dyn Member>>,
) -> Option<Arc<dyn Member>> {
    let (member, dropped) = drop_body(member?, body, None);
    let stowed = stow.take(member.region());
    for ended in [dropped, stowed].into_iter().flatten() {
        match ended {
            Ended::Panicked(payload) => member.region().fail(Phase::Body, payload),
            Ended::Value(value) => {
                if let Err(payload) = drop_contained(value) {
                    member.region().fail(Phase::Destructor, payload);
                }
            }
            Ended::Cancelled => {}
        }
    }
    let left = member.region().close_with_leftovers();
    hand_over(&member, around, left);
    Some(member)
}

/// Hands on what a region left when it was dropped half-way: to the region around it, or to a root
/// of its own on the same runtime. What cannot be placed is reported as lost.
pub(super) fn hand_over(
    from: &Arc<dyn Member>,
    around: Option<Arc<dyn Member>>,
    mut left: Leftovers,
) {
    if let Some(around) = around {
        if !left.cleanups.is_empty() {
            left.adopted.push(Box::pin(NewestFirst {
                left: std::mem::take(&mut left.cleanups),
                from: Arc::clone(from),
            }));
        }
        let adopt = |work| around.region().adopt(work).err();
        left.adopted = left.adopted.into_iter().filter_map(adopt).collect();
    }
    if left.is_empty() {
        return;
    }
    let region = from.region();
    if region.has(flag::ORPHANS) {
        // Handed on once already, and that runtime is gone too.
        for work in left
            .adopted
            .into_iter()
            .chain(left.cleanups.into_iter().rev())
        {
            region.report(Phase::LostCleanUp, None);
            if let Err(payload) = drop_contained(work) {
                region.report(Phase::Destructor, Some(payload));
            }
        }
        return;
    }
    let rt = runtime_of(&**from);
    let mut orphans = Region::new(region.location(), flag::NO_HANDLE | flag::ORPHANS);
    orphans.dress(region.name(), region.watch());
    let orphanage: Arc<dyn Member> = Arc::new(Cell::<_, ()>::new(orphans, rt.clone()));
    let open = orphanage.region();
    let adopted = left.adopted.into_iter().map(|work| open.adopt(work));
    let deferred = left.cleanups.into_iter().map(|work| open.defer(work));
    let refused = adopted.chain(deferred).filter(Result::is_err).count();
    debug_assert_eq!(refused, 0, "a new region is open");
    rt.spawn_raw(Root::new(std::future::ready(()), orphanage));
}

/// Clean-ups that a region around the one that left them runs: one at a time, newest first.
struct NewestFirst {
    left: Vec<BoxFuture>,
    from: Arc<dyn Member>,
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
