//! What the code inside a region can know of it, whatever its types.

use std::any::Any;
use std::sync::Arc;

use super::aside::Leftovers;
use super::state::flag;
use super::watch::Watch;
use super::{Failure, Phase, Region, failure, frame};
use crate::region::contain::drop_contained;
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

    /// Publishes an outcome: `&mut Option<Result<T, JoinError>>`, which is taken.
    fn publish(&self, outcome: &mut dyn Any);

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

/// The watch over the task that this region is in.
#[inline]
pub(crate) fn watch_of(member: &Arc<dyn Member>) -> Option<Arc<Watch>> {
    let region = member.region();
    // Asked at each spawn: mostly in a task's root, which has nothing around it.
    match region.has(flag::INHERITED | flag::INLINE) {
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

/// Reports what has no receiver, from code that may run in a task or not.
pub(crate) fn report_here(failure: &Failure) {
    let watch = frame::current().as_ref().and_then(watch_of);
    if let Some(watch) = watch {
        watch.unseen(failure);
    }
    failure::report(failure);
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
    let lost = left
        .adopted
        .into_iter()
        .chain(left.cleanups.into_iter().rev());
    for work in lost {
        region.report(Phase::LostCleanUp, None);
        if let Err(payload) = drop_contained(work) {
            region.report(Phase::Destructor, Some(payload));
        }
    }
}
