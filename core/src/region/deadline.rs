//! The clean-up deadline: how long a region may take to unwind before what is left of it is killed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::contain::{Payload, contain};
use super::failure::Phase;
use super::frame::{self, Entered};
use super::state::flag;
use super::{Member, Reason, runtime_of};
use crate::runtime::{AnySleep, Timer, after};

/// What counts where nobody has said anything.
const DEFAULT: Duration = Duration::from_secs(30);

const REASON: Reason = Reason::fixed("the clean-up deadline passed");

/// Looks at the deadline of a region that is pending though it should end. Says whether it passed just
/// now: then its clean-ups are gone, and it must be looked at again.
///
/// Called nowhere else, so that it costs nothing before. The clock starts here: at the first `Pending`
/// after the request, or, where nobody asked, after the body has ended and left clean-ups. Who then only
/// waits for children that nobody stops has no deadline.
#[cold]
pub(super) fn has_passed(member: &Arc<dyn Member>, cx: &mut Context<'_>) -> bool {
    let region = member.region();
    let asked = region.has(flag::ASKED);
    let is_on = (asked && !region.has(flag::KILLED)) || region.has_droppable_work();
    if !is_on {
        region.disarm();
        return false;
    }
    let timer = region.take_timer().or_else(|| arm(member));
    let Some(mut timer) = timer else {
        return false;
    };
    match inside(member, || Pin::new(&mut timer).poll(cx)) {
        Ok(Poll::Pending) => {
            region.put_timer(timer);
            return false;
        }
        Ok(Poll::Ready(())) => region.let_go(Some(timer)),
        // A runtime without a clock: there is no deadline, and one word of it.
        Err(payload) => {
            region.report(Phase::Callback, Some(payload));
            region.let_go(Some(timer));
            region.limit_cleanups(Duration::MAX);
            return false;
        }
    }
    region.keep(region.failure(Phase::CleanUpDeadline, None));
    if asked {
        // Also what is not linked below: as for any kill.
        region.kill(Some(&REASON));
    }
    true
}

/// Starts the clock, unless who is around does it: what passes there ends us too.
fn arm(member: &Arc<dyn Member>) -> Option<AnySleep> {
    let region = member.region();
    if region.has(flag::EAGER) {
        // It starts in the task that runs the rest.
        return None;
    }
    let own = region.cleanup_limit();
    if own.is_none() && region.has(flag::INLINE) {
        let is_asked = |around: Option<&Arc<dyn Member>>| {
            around.is_some_and(|around| around.region().has(flag::ASKED))
        };
        if frame::look(is_asked) {
            return None;
        }
    }
    let limit = own.unwrap_or_else(|| inherited(member));
    if limit == Duration::MAX {
        return None;
    }
    let rt = runtime_of(member)?;
    match inside(member, || rt.sleep_until(after(rt.now(), limit))) {
        Ok(timer) => Some(timer),
        Err(payload) => {
            region.report(Phase::Callback, Some(payload));
            region.limit_cleanups(Duration::MAX);
            None
        }
    }
}

/// Calls the runtime's clock as code of the region would; its panic becomes a value.
fn inside<T>(member: &Arc<dyn Member>, f: impl FnOnce() -> T) -> Result<T, Payload> {
    let mut held = Some(Arc::clone(member));
    let _entered = Entered::poll(&mut held, 1);
    contain(f)
}

/// The deadline of who has none of its own: that of the region around, of a child that of its scope.
fn inherited(member: &Arc<dyn Member>) -> Duration {
    let mut around = outwards(member);
    while let Some(member) = around {
        if let Some(limit) = member.region().cleanup_limit() {
            return limit;
        }
        around = outwards(&member);
    }
    DEFAULT
}

/// Not from a task that has begun where it was spawned.
fn outwards(member: &Arc<dyn Member>) -> Option<Arc<dyn Member>> {
    let region = member.region();
    let is_nobodys = region.has(flag::EAGER);
    (!is_nobodys).then(|| region.up().or_else(|| member.scope()))?
}
