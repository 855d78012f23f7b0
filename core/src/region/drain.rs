//! The drain: a task whose handle was dropped in a region is waited for there.
//!
//! A drain makes tasks wait for each other that know nothing of each other, so it must not close a circle:
//! two tasks that drop each other's handles would hang.
//!
//! **The rule.** Take a task together with the scopes in it, their children, and so on inwards, as one
//! *family*; it has the name of its outermost root. A family is *marked* as long as it has drains. To leave
//! a drain for a task, a region marks its own family first, and then looks at that of the task: if it is
//! marked, there is no drain. (A task that has a handle is the root of its family.)
//!
//! **Why there is no circle.** Let a drain lead from family R to family T. R was marked before T was looked
//! at, and T was not marked then; so if T is marked now, that was later. R has been marked all the time
//! since, as it has this drain. Along a chain of drains the moments of marking get later and later: no
//! chain comes back. It holds for families that look at each other at the same time: the fence between
//! marking and looking lets at most one of them find the other unmarked. Within a family everybody waits
//! inwards only, and who drops the handle of the task it is in finds its own mark.
//!
//! **What the rule does not see** is a future that is moved from one family to another by hand, half-run,
//! with its drains. Such a circle, and one that code closes by waiting for a task in a clean-up, is cut by
//! the clean-up deadline: it drops drains as well, which a kill does not.

use crate::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use super::state::flag;
use super::work::Work;
use super::{Member, Reason, Region, frame};

/// The wait for one task, with the mark that it puts on the family of who waits.
pub(crate) struct Drain {
    task: Arc<dyn Member>,
    _mark: Mark,
}

struct Mark(Weak<dyn Member>);

impl Drop for Mark {
    fn drop(&mut self) {
        if let Some(root) = self.0.upgrade() {
            root.region().unmark();
        }
    }
}

impl Drain {
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.task.poll_gone(cx)
    }

    pub(super) fn kill(&self, reason: Option<&Reason>) {
        self.task.region().kill(reason);
    }

    /// Moves the drain of a region that was dropped half-way to the one around, by the same rule.
    pub(super) fn hand_to(self, around: &Arc<dyn Member>) {
        let task = Arc::clone(&self.task);
        drop(self);
        leave_in(around, task);
    }
}

/// Leaves a drain for a task, which has been asked to stop, in the region that runs here.
#[cold]
pub(crate) fn leave(task: Arc<dyn Member>) {
    if let Some(here) = frame::current() {
        leave_in(&here, task);
    }
}

fn leave_in(here: &Arc<dyn Member>, task: Arc<dyn Member>) {
    if task.region().is_done() {
        return;
    }
    let Some(root) = family_of(here) else {
        return;
    };
    root.region().mark();
    let mark = Mark(Arc::downgrade(&root));
    // Against the same of another family: the mark first, then the look.
    fence(Ordering::SeqCst);
    if task.region().has(flag::DRAINS) {
        return;
    }
    let mut work = Work::Drain(Drain { task, _mark: mark });
    let mut here = Some(Arc::clone(here));
    while let Some(member) = here {
        match member.region().adopt(work) {
            Ok(()) => return,
            Err(back) => work = back,
        }
        here = member.region().up();
    }
}

/// Leaves the wait for a job, which has been asked to stop, to the region that runs here: a part of it, as a
/// blocking child is of its scope. A job waits for no drain, so it closes no circle.
pub(crate) fn leave_job(job: Arc<dyn Member>) {
    let mut work = Work::Job(job);
    let mut here = frame::current();
    while let Some(member) = here {
        match member.region().adopt(work) {
            Ok(()) => return,
            Err(back) => work = back,
        }
        here = member.region().up();
    }
}

/// The outermost root around, if it is known and waits at all.
fn family_of(here: &Arc<dyn Member>) -> Option<Arc<dyn Member>> {
    let mut root = Arc::clone(here);
    loop {
        let region = root.region();
        // A job does not wait for what it leaves. Of a root in place it is not known who is around, and
        // neither of a scope that was dropped half-way, whose children live on. An eager task is nobody's part.
        let is_lost = region.has(flag::INLINE) && region.is_done();
        if is_lost || region.has(flag::JOB | flag::IN_PLACE | flag::BENEATH | flag::EAGER) {
            return None;
        }
        match region.up().or_else(|| root.scope()) {
            Some(around) => root = around,
            None => return Some(root),
        }
    }
}

impl Region {
    fn mark(&self) {
        self.rare(|rare| {
            rare.drains += 1;
            self.set(flag::DRAINS);
        });
    }

    fn unmark(&self) {
        self.rare(|rare| {
            rare.drains = rare.drains.saturating_sub(1);
            if rare.drains == 0 {
                self.clear(flag::DRAINS);
            }
        });
    }
}
