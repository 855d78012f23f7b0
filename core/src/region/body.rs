//! A body in its region: how it is polled, asked to stop, dropped, and cleaned up after.
//!
//! One engine for every kind of region: the root of a task, a root made in place, an inline region. The
//! order of steps is that of the chapter "One task" in this crate's README.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::aside::{Aside, Leftovers};
use super::contain::{Payload, contain, drop_contained};
use super::frame::Entered;
use super::state::{Seen, flag};
use super::{Member, Phase, Region, deadline};
use crate::context;

/// How a body ended.
pub(crate) enum Ended<T> {
    Value(T),
    Panicked(Payload),
    Cancelled,
}

/// Where the end of a body is kept while the clean-ups run.
pub(crate) trait Stow<T> {
    fn put(&mut self, region: &Region, ended: Ended<T>);
    fn take(&mut self, region: &Region) -> Option<Ended<T>>;
}

/// Where the body's end waits for the clean-ups: in the future itself, as its type is known there.
pub(crate) struct InPlace<'a, T>(pub(crate) &'a mut Option<Ended<T>>);

impl<T> Stow<T> for InPlace<'_, T> {
    fn put(&mut self, _: &Region, ended: Ended<T>) {
        *self.0 = Some(ended);
    }

    fn take(&mut self, _: &Region) -> Option<Ended<T>> {
        self.0.take()
    }
}

/// Polls a body in its region, and the clean-ups after it. Gives the end once everything is over.
///
/// What stands here is the turn that nearly all are: nobody has asked, and the body is pending or ready
/// with nothing beside it and nothing bound around it. Everything else is out of line, so that this is
/// small.
#[inline]
pub(crate) fn poll_region<F: Future>(
    mut body: Pin<&mut Option<F>>,
    member: &mut Option<Arc<dyn Member>>,
    seen: &mut Seen,
    stow: &mut impl Stow<F::Output>,
    cx: &mut Context<'_>,
) -> Option<Ended<F::Output>> {
    let mut taken = None;
    let special = flag::ASKED | flag::UNLISTED | flag::CONTEXT;
    if body.is_some() && !member.as_deref()?.region().has(special) && !context::is_bound() {
        let turn = {
            let _entered = Entered::poll(member, 0);
            take_turn(body.as_mut(), cx)
        };
        let region = member.as_deref()?.region();
        match turn {
            Poll::Pending if region.rests(cx.waker(), *seen) => return None,
            Poll::Ready((ended, None)) if region.close_idle() => return Some(ended),
            turn => taken = Some(turn),
        }
    }
    go_on(taken, body, member, seen, stow, cx)
}

/// The rest of a poll, after a turn that was taken already.
#[inline(never)]
pub(super) fn go_on<F: Future>(
    mut taken: Option<Poll<End<F::Output>>>,
    mut body: Pin<&mut Option<F>>,
    member: &mut Option<Arc<dyn Member>>,
    seen: &mut Seen,
    stow: &mut impl Stow<F::Output>,
    cx: &mut Context<'_>,
) -> Option<Ended<F::Output>> {
    let region = member.as_deref()?.region();
    if region.has(flag::UNLISTED) {
        // A child is in its scope's list only from its first `Pending` on: most never are.
        let scope = member.as_deref()?.scope_region();
        if let Some(scope) = scope.filter(|scope| scope.has(flag::ASKING)) {
            scope.ask_alike(region);
        } else if let Some(reason) = member.as_deref()?.asked_as_child() {
            region.ask(Some(&reason));
        }
    }
    // A request that came before this poll: what is open inside is polled once more, so that it may
    // unwind before the body around it is dropped.
    let due = taken.is_none() && region.is_due();
    let mut last_turn = due;
    let mut ended = match (&taken, body.is_some()) {
        (None, false) => stow.take(region),
        (None, true) if due && (region.has(flag::KILLED) || region.inside().0 == 0) => {
            Some(Ended::Cancelled)
        }
        _ => None,
    };

    while ended.is_none() && (taken.is_some() || body.is_some()) {
        let turn = match taken.take() {
            Some(turn) => turn,
            None => inside(member, 0, || take_turn(body.as_mut(), cx)),
        };
        let region = member.as_deref()?.region();
        ended = match turn {
            Poll::Ready((ended, second)) => {
                keep_second(region, second);
                Some(ended)
            }
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
        member.as_deref()?.region().tell();
        ended = drop_body(member, body, ended);
    }

    let region = member.as_deref()?.region();
    if !region.close_idle() {
        // Whatever comes while they run does not change it.
        match &ended {
            Some(Ended::Value(_)) => region.set(flag::GAVE),
            Some(Ended::Panicked(_)) => region.set(flag::PANICKED),
            Some(Ended::Cancelled) | None => {}
        }
        // First, as above: whoever adds work later finds it.
        region.register(cx.waker(), seen);
        let mut over = beside(member, |region| Aside::poll_to_end(region, cx))?;
        if over.is_pending() && deadline::has_passed(member.as_ref()?, cx) {
            over = beside(member, |region| {
                Aside::pass_deadline(region);
                Aside::poll_to_end(region, cx)
            })?;
            // The clock, if it is needed again, starts in a poll of its own.
            cx.waker().wake_by_ref();
        }
        if over.is_pending() {
            let region = member.as_deref()?.region();
            if let Some(ended) = ended {
                stow.put(region, ended);
            }
            // Also where the body ended by itself: who is asked around us waits for our clean-ups.
            if region.has(flag::ASKED) {
                region.tell();
            }
            return None;
        }
    }
    member.as_deref()?.region().disarm();
    ended
}

/// What comes of a body that is pending and does not just wait.
enum Suspended {
    /// It was asked to stop, and nothing inside it has to go first; or it was killed.
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
    if region.has(flag::UNLISTED) {
        Region::enlist(member.as_ref()?);
    }
    if region.has(flag::WORK) && !region.has(flag::KILLED) {
        beside(member, |region| Aside::poll_beside_body(region, cx));
    }
    let region = member.as_deref()?.region();
    if !region.has(flag::ASKED) {
        return None;
    }
    if region.has(flag::KILLED) {
        return Some(Suspended::Cancelled);
    }
    if region.is_due() {
        match region.inside() {
            // Those inside are on their way out. So are we, and who is around us must wait as well.
            (_, 1..) => region.tell(),
            (0, 0) => return Some(Suspended::Cancelled),
            (_, 0) if last_turn => return Some(Suspended::Cancelled),
            (_, 0) => return Some(Suspended::OnceMore),
        }
    }
    deadline::has_passed(member.as_ref()?, cx).then_some(Suspended::Cancelled)
}

/// Runs `f`, which lets no panic out, inside the region and its context, below `mask` masks.
///
/// Meanwhile `member` is what was there before, and not the region itself.
#[inline]
fn inside<T>(member: &mut Option<Arc<dyn Member>>, mask: u32, f: impl FnOnce() -> T) -> T {
    let mut context = member
        .as_deref()
        .and_then(|member| member.region().context());
    let _bound = context.as_mut().map(context::Entered::new);
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
pub(super) type End<T> = (Ended<T>, Option<Payload>);

/// Polls the body and, once it is ready, drops it: both inside the region, in one go.
#[inline]
pub(super) fn take_turn<F: Future>(
    mut body: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Poll<End<F::Output>> {
    let (turn, value) = turn_once(body.as_mut(), cx);
    end_of(body, turn, value)
}

/// The same, and nothing made of it yet.
#[inline]
pub(super) fn turn_once<F: Future>(
    mut body: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> (Result<(), Payload>, Option<F::Output>) {
    let mut value = None;
    let turn = contain(|| {
        let Some(Poll::Ready(ready)) = body.as_mut().as_pin_mut().map(|body| body.poll(cx)) else {
            return;
        };
        value = Some(ready);
        body.set(None);
    });
    (turn, value)
}

/// What came of such a turn.
pub(super) fn end_of<F: Future>(
    mut body: Pin<&mut Option<F>>,
    turn: Result<(), Payload>,
    value: Option<F::Output>,
) -> Poll<End<F::Output>> {
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

pub(super) fn keep_second(region: &Region, second: Option<Payload>) {
    if let Some(second) = second {
        region.fail(Phase::Destructor, second);
    }
}

/// Ends a region whose future is dropped half-way: drops the body in it, gives out what is left.
pub(crate) fn abandon<F: Future>(
    body: Pin<&mut Option<F>>,
    member: Option<Arc<dyn Member>>,
    stow: &mut impl Stow<F::Output>,
) -> Option<(Arc<dyn Member>, Leftovers)> {
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
    let mut left = take_leftovers(&member);
    left.wait_for_children_of(&member);
    Some((member, left))
}

/// Closes a region that ends half-way, and gives out what others are to run; of a killed one, that is
/// nothing but waits.
pub(crate) fn take_leftovers(member: &Arc<dyn Member>) -> Leftovers {
    member.region().disarm();
    let mut left = member.region().close_with_leftovers();
    if member.region().has(flag::KILLED) {
        inside(&mut Some(Arc::clone(member)), 1, || {
            left.kill(member.region())
        });
    }
    left
}
