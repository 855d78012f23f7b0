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

#[inline]
fn publish<T: Send + 'static>(member: &dyn Member, ended: Ended<T>) {
    let region = member.region();
    let outcome = match ended {
        Ended::Value(value) => {
            // A value has no place for failures beside it.
            region.report_kept();
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
    // A request that came before this poll: what is open inside is polled once more, so that it may
    // unwind before the body around it is dropped.
    let region = member.as_deref()?.region();
    let asked = region.has(flag::ASKED);
    let mut ended = match body.is_some() {
        true if asked && region.inside().0 == 0 => Some(Ended::Cancelled),
        true => None,
        false => stow.take(region),
    };
    let mut last_turn = asked;

    while ended.is_none() && body.is_some() {
        let turn = inside(member, 0, || take_turn(body.as_mut(), cx));
        let region = member.as_deref()?.region();
        ended = match turn {
            Poll::Ready((ended, second)) => {
                keep_second(region, second);
                Some(ended)
            }
            Poll::Pending if region.rests(cx.waker(), *seen) => return None,
            Poll::Pending => match after_pending(member, seen, last_turn, cx)? {
                Suspended::Cancelled => Some(Ended::Cancelled),
                Suspended::OnceMore => {
                    last_turn = true;
                    None
                }
            },
        };
    }

    if body.is_some() {
        ended = drop_body(member, body, ended);
    }

    let region = member.as_deref()?.region();
    if !region.close_idle() {
        // First, as above: whoever adds work later finds it.
        region.register(cx.waker(), seen);
        let over = beside(member, |region| Aside::poll_to_end(region, cx))?;
        if over.is_pending() {
            if let Some(ended) = ended {
                stow.put(member.as_deref()?.region(), ended);
            }
            return None;
        }
    }
    ended
}

/// What comes of a body that is pending and does not just wait.
enum Suspended {
    /// It was asked to stop, and nothing inside it has to go first.
    Cancelled,
    /// It was asked to stop while it was polled: what is open inside it is polled once more.
    OnceMore,
}

/// The rest of a turn that ended with `Pending`. Nothing where the body waits: whoever asks it to stop
/// finds the waker.
fn after_pending(
    member: &mut Option<Arc<dyn Member>>,
    seen: &mut Seen,
    last_turn: bool,
    cx: &mut Context<'_>,
) -> Option<Suspended> {
    let region = member.as_deref()?.region();
    // Not after the work and the request are looked at: what comes between would be missed.
    region.register(cx.waker(), seen);
    if region.has(flag::WORK) {
        beside(member, |region| Aside::poll_beside_body(region, cx));
    }
    let region = member.as_deref()?.region();
    if !region.has(flag::ASKED) {
        return None;
    }
    match region.inside() {
        (0, _) => Some(Suspended::Cancelled),
        (_, 0) if last_turn => Some(Suspended::Cancelled),
        (_, 0) => Some(Suspended::OnceMore),
        _ => None,
    }
}

/// Runs `f`, which lets no panic out, inside the region below `mask` masks.
///
/// Meanwhile `member` is what was there before, and not the region itself.
#[inline]
fn inside<T>(member: &mut Option<Arc<dyn Member>>, mask: u32, f: impl FnOnce() -> T) -> T {
    let _entered = Entered::poll(member, mask);
    f()
}

/// Runs `f`, which lets no panic out, inside the region and masked: a request that made these
/// clean-ups start must not stop them.
fn beside<T>(member: &mut Option<Arc<dyn Member>>, f: impl FnOnce(&Region) -> T) -> Option<T> {
    let held = member.clone()?;
    Some(inside(member, 1, || f(held.region())))
}

/// How a body ended, and the panic of a destructor that came on top of another panic.
type End<T> = (Ended<T>, Option<Payload>);

/// Polls the body and, once it is ready, drops it: both inside the region, in one go.
fn take_turn<F: Future>(
    mut body: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Poll<End<F::Output>> {
    let mut value = None;
    let turn = contain(|| {
        let Some(Poll::Ready(ready)) = body.as_mut().as_pin_mut().map(|body| body.poll(cx)) else {
            return;
        };
        value = Some(ready);
        body.set(None);
    });
    match (turn, value) {
        (Ok(()), None) => Poll::Pending,
        (Ok(()), Some(value)) => Poll::Ready((Ended::Value(value), None)),
        // It was the destructor that panicked, which outranks the value.
        (Err(payload), Some(value)) => {
            let second = drop_contained(value).err();
            Poll::Ready((Ended::Panicked(payload), second))
        }
        (Err(payload), None) => {
            let second = contain(|| body.set(None)).err();
            Poll::Ready((Ended::Panicked(payload), second))
        }
    }
}

/// Drops a body that has not ended by itself, inside its region. A destructor's panic outranks a
/// cancel.
fn drop_body<F: Future>(
    member: &mut Option<Arc<dyn Member>>,
    mut body: Pin<&mut Option<F>>,
    ended: Option<Ended<F::Output>>,
) -> Option<Ended<F::Output>> {
    match inside(member, 0, || contain(|| body.set(None))) {
        Ok(()) => ended,
        Err(payload) => Some(Ended::Panicked(payload)),
    }
}

fn keep_second(region: &Region, second: Option<Payload>) {
    if let Some(second) = second {
        region.fail(Phase::Destructor, second);
    }
}

/// Ends a region whose future is dropped half-way: drops the body in it, hands its work over.
pub(super) fn abandon<F: Future>(
    body: Pin<&mut Option<F>>,
    member: Option<Arc<dyn Member>>,
    stow: &mut impl Stow<F::Output>,
    around: Option<Arc<dyn Member>>,
) -> Option<Arc<dyn Member>> {
    let mut member = Some(member?);
    let dropped = drop_body(&mut member, body, None);
    let member = member?;
    if let Some(Ended::Panicked(payload)) = dropped {
        member.region().fail(Phase::Destructor, payload);
    }
    match stow.take(member.region()) {
        Some(Ended::Panicked(payload)) => member.region().fail(Phase::Body, payload),
        Some(Ended::Value(value)) => {
            if let Err(payload) = drop_contained(value) {
                member.region().fail(Phase::Destructor, payload);
            }
        }
        Some(Ended::Cancelled) | None => {}
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
    let orphans = Region::new(region.location(), flag::NO_HANDLE | flag::ORPHANS);
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
