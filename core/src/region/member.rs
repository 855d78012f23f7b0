//! What the code inside a region can know of it, whatever its types.

use std::any::Any;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::aside::Leftovers;
use super::state::flag;
use super::watch::Watch;
use super::work::Work;
use super::{Failure, Phase, Reason, Region, failure, frame};
use crate::region::contain::{discard, drop_contained};
use crate::runtime::AnyRuntime;

/// A region and what it belongs to, with the types erased: a task's cell, or an inline region.
///
/// One `Arc` of this is all that a root owns, and it moves into the thread-local while the root is
/// polled. The outcome goes through `dyn Any` because taking the concrete `Arc` back out of the
/// thread-local would cost a downcast on each poll instead of one in a task's life.
pub(crate) trait Member: Send + Sync {
    fn region(&self) -> &Region;

    /// The runtime of this task, erased anew at each call; see [`runtime_of`]. An inline region has
    /// none of its own.
    fn erase_runtime(&self) -> Option<AnyRuntime>;

    /// Whether this task runs on the runtime of which `handle` is one. An inline region does not know.
    fn runs_on(&self, handle: &dyn Any) -> Option<bool> {
        let _ = handle;
        None
    }

    /// Publishes an outcome: `&mut Option<Result<T, JoinError>>`, which is taken.
    fn publish(&self, outcome: &mut dyn Any);

    /// Ends a task that was stopped, if nobody has its handle; says whether it did.
    ///
    /// Nobody will see the outcome, and where a scope stops many it is most of the work to make it.
    fn end_unseen(&self) -> bool {
        false
    }

    /// The scope that this task is a child of.
    fn scope(&self) -> Option<Arc<dyn Member>> {
        None
    }

    /// The same, to be looked at only.
    fn scope_region(&self) -> Option<&Region> {
        None
    }

    /// Why this task was asked to stop with all the children of its scope, where it was: it may not have
    /// been in the scope's list.
    fn asked_as_child(&self) -> Option<Reason> {
        None
    }

    /// A scope as what it is.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    /// What users hold of a scope, with its type erased.
    fn handle(&self) -> Option<Box<dyn Any>> {
        None
    }

    /// Waits until a task is gone, for who waits in place of its handle.
    fn poll_gone(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// A scope that was dropped half-way has no children any more: its failures want a receiver.
    fn settle(&self) {}

    /// Gives what a region left to a task of its own on this runtime; or back, where there is none.
    fn spawn_orphans(&self, from: &Region, left: Leftovers) -> Result<(), Leftovers>;
}

/// The runtime of the task that this region is in; erased once, then kept.
pub(crate) fn runtime_of(member: &Arc<dyn Member>) -> Option<AnyRuntime> {
    outwards(member, |member| {
        let region = member.region();
        if let Some(rt) = region.erased_runtime() {
            return Some(rt);
        }
        let rt = member.erase_runtime()?;
        region.keep_erased_runtime(rt.clone());
        Some(rt)
    })
}

/// Whether this thread polls a task of the runtime of which `handle` is one.
pub(crate) fn is_polling_on(handle: &dyn Any) -> bool {
    if !frame::is_polling() {
        return false;
    }
    let at_once = frame::look(|here| match here {
        Some(here) => here.runs_on(handle),
        None => Some(false),
    });
    at_once.unwrap_or_else(|| {
        let here = frame::made_around();
        let on = here.and_then(|here| outwards(&here, |member| member.runs_on(handle)));
        on.unwrap_or(false)
    })
}

/// The watch over the task that this region is in.
#[inline]
pub(crate) fn watch_of(member: &Arc<dyn Member>) -> Option<Arc<Watch>> {
    let region = member.region();
    match region.has(flag::INHERITED | flag::INHERITED_AROUND) {
        true => outwards(member, |member| member.region().watch()),
        false => None,
    }
}

/// Asks a region, the one around it, and so on, until one has an answer.
fn outwards<T>(
    member: &Arc<dyn Member>,
    mut ask: impl FnMut(&Arc<dyn Member>) -> Option<T>,
) -> Option<T> {
    if let Some(answer) = ask(member) {
        return Some(answer);
    }
    let mut around = member.region().up();
    while let Some(member) = around {
        if let Some(answer) = ask(&member) {
            return Some(answer);
        }
        around = member.region().up();
    }
    None
}

/// Whether this thread runs code that a request to `scope` stops, where it suspends next.
///
/// So for the body and the children of the scope, and what is open in them, as long as no mask lies
/// between.
pub(crate) fn is_stopped_with(scope: &Region) -> bool {
    if frame::mask() > 0 {
        return false;
    }
    let mut here = frame::current();
    while let Some(member) = here {
        let region = member.region();
        if std::ptr::eq(region, scope) {
            return true;
        }
        here = match region.has(flag::INLINE) {
            true => region.up_if_linked(),
            false => member.scope(),
        };
    }
    false
}

/// Whether this thread runs in the body of `scope`, in a child of it, or something further inside.
pub(crate) fn is_inside(scope: &Region) -> bool {
    // Nearly all code runs in the root of a task that is no child: then one look is enough.
    let at_once = frame::look(|here| {
        let Some(here) = here else {
            return Some(false);
        };
        match here.region() {
            region if std::ptr::eq(region, scope) => Some(true),
            region if region.has(flag::INLINE | flag::BENEATH) => None,
            _ if here.scope_region().is_some() => None,
            _ => Some(false),
        }
    });
    if let Some(inside) = at_once {
        return inside;
    }
    outwards_and_up(|member| std::ptr::eq(member.region(), scope).then_some(())).is_some()
}

/// The innermost scope that this thread runs in.
pub(crate) fn enclosing_scope() -> Option<Arc<dyn Member>> {
    outwards_and_up(|member| member.region().has(flag::SCOPE).then(|| Arc::clone(member)))
}

/// Asks the region that this thread runs in, the one around it, from a child the scope it is in, from a job
/// the region that waits for it, and so on, until one has an answer.
fn outwards_and_up<T>(mut ask: impl FnMut(&Arc<dyn Member>) -> Option<T>) -> Option<T> {
    let mut here = frame::current();
    while let Some(member) = here {
        if let Some(answer) = ask(&member) {
            return Some(answer);
        }
        if member.region().has(flag::EAGER) {
            return None;
        }
        let region = member.region();
        here = region
            .up()
            .or_else(|| member.scope())
            .or_else(|| region.beneath());
    }
    None
}

/// Whether this thread runs a child of `scope`, or something further inside.
pub(crate) fn is_in_child_of(scope: &Region) -> bool {
    let is_child = |member: &Arc<dyn Member>| {
        let of = member.scope_region()?;
        std::ptr::eq(of, scope).then_some(())
    };
    outwards_and_up(is_child).is_some()
}

/// Reports what has no receiver, from code that may run in a task or not.
pub(crate) fn report_here(failure: &Failure) {
    let watch = frame::current().as_ref().and_then(watch_of);
    if let Some(watch) = watch {
        watch.unseen(failure);
    }
    failure::report(failure);
}

/// Nobody is made to wait where nobody is around.
fn hand_drains_to(around: Option<&Arc<dyn Member>>, drains: Vec<Work>) {
    for work in drains {
        if let (Work::Drain(drain), Some(around)) = (work, around) {
            drain.hand_to(around);
        }
    }
}

/// Hands on what a region left when it was dropped half-way: to the region around it, or, where that has
/// ended, the next one outwards; then to a task of its own on the same runtime. What cannot be placed is
/// reported as lost.
pub(crate) fn hand_over(
    from: &Arc<dyn Member>,
    around: Option<&Arc<dyn Member>>,
    mut left: Leftovers,
) {
    if left.is_empty() {
        return;
    }
    let mut drains = Vec::new();
    for work in std::mem::take(&mut left.adopted) {
        match work {
            Work::Drain(_) => drains.push(work),
            // A part of the task that has ended, and of no other.
            Work::Call(_) => drop_contained(work).unwrap_or_else(discard),
            work => left.adopted.push(work),
        }
    }
    hand_drains_to(around, drains);
    if let Some(around) = around {
        left = left.bundled(from);
        let adopted = std::mem::take(&mut left.adopted);
        for work in adopted {
            let mut work = Some(work);
            outwards(around, |member| {
                work = member.region().adopt(work.take()?).err();
                work.is_none().then_some(())
            });
            left.adopted.extend(work);
        }
    }
    let region = from.region();
    // What was handed on once already is lost with the second runtime.
    if !left.is_empty() && !region.has(flag::ORPHANS) {
        let mut homeless = Some(left);
        for start in [Some(from), around].into_iter().flatten() {
            outwards(start, |member| {
                homeless = member.spawn_orphans(region, homeless.take()?).err();
                homeless.is_none().then_some(())
            });
        }
        left = homeless.unwrap_or_default();
    }
    let cleanups = left.cleanups.into_iter().rev().map(Work::clean_up);
    for work in left.adopted.into_iter().chain(cleanups) {
        for _ in 0..work.cleanups() {
            region.report(Phase::LostCleanUp, None);
        }
        if let Err(payload) = drop_contained(work) {
            region.report(Phase::Destructor, Some(payload));
        }
    }
}
