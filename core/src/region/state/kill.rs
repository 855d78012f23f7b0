//! The request that skips the order: what is open inside does not unwind, it is dropped.

use crate::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Weak};

use super::{Region, flag};
use crate::region::{Member, Reason};

impl Region {
    /// Kills the region: its body is dropped at its next poll, whatever is open inside, and so are its
    /// clean-ups. Children are killed and waited for.
    ///
    /// It is a request as well, and the reason of an earlier one stays.
    ///
    /// Only what is linked is listed, and needs no more: everything else that is open inside, under
    /// however many shields, is a part of the body or of a clean-up, and is dropped with it. A scope that
    /// is dropped so leaves the wait for its children, through which they are killed. That goes on from
    /// poll to poll, so no depth is too deep for it.
    pub(crate) fn kill(&self, reason: Option<&Reason>) {
        let Some(mut todo) = self.begin_kill(reason) else {
            return;
        };
        let mut told: Vec<Arc<dyn Member>> = Vec::new();
        while let Some(kid) = todo.pop() {
            if let Some(kid) = kid.upgrade() {
                if let Some(below) = kid.region().begin_kill(reason) {
                    todo.extend(below);
                    told.push(kid);
                }
            }
        }
        for kid in told.into_iter().rev() {
            kid.region().finish_ask();
        }
        self.finish_ask();
    }

    /// Marks the region as killed, and gives out who is linked to it. Nothing if it was killed before.
    fn begin_kill(&self, reason: Option<&Reason>) -> Option<Vec<Weak<dyn Member>>> {
        // A scope that was dropped half-way is done, and its children may still live.
        let is_over = || self.has(flag::KILLED) || (self.is_done() && !self.has(flag::CHILDREN));
        if is_over() {
            return None;
        }
        let runner = self.runner();
        if is_over() {
            return None;
        }
        if let Some(reason) = reason.filter(|_| !self.has(flag::ASKING)) {
            self.rare(|rare| rare.reason = Some(reason.clone()));
        }
        self.set(flag::ASKING | flag::KILLED);
        // Against `link`, as for a request.
        fence(Ordering::SeqCst);
        let kids = self.rare_if_any(|rare| rare.kids.clone());
        drop(runner);
        Some(kids.unwrap_or_default())
    }

    /// Asks `kid` to stop as this region was asked.
    pub(crate) fn ask_alike(&self, kid: &Region) {
        let reason = self.reason();
        match self.has(flag::KILLED) {
            true => kid.kill(reason.as_ref()),
            false => kid.ask(reason.as_ref()),
        }
    }
}
