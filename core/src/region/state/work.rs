//! The work that a region has beside its body and after it, and how the region closes.

use std::sync::Arc;

use super::{CleanUp, Parts, Region, flag};
use crate::region::aside::{Aside, BoxFuture, Leftovers};
use crate::region::work::Work;
use crate::sync::atomic::{AtomicBool, Ordering};

/// What the root is to do next with the work beside its body.
pub(crate) enum Next {
    /// Poll this.
    Poll(Box<Aside>),
    /// Only the children of a scope are left.
    Wait,
    /// Nothing is left, and the region is closed.
    Closed,
}

/// Takes all out.
fn works(all: &mut Vec<CleanUp>) -> Vec<BoxFuture> {
    let all = std::mem::take(all).into_iter();
    all.map(|(work, _)| work).collect()
}

impl Region {
    /// Takes on `work`: it is polled beside the body, masked, and the region does not end before it.
    ///
    /// A region that has ended gives it back.
    pub(crate) fn adopt(&self, work: Work) -> Result<(), Work> {
        self.add(work, |rare| &mut rare.arrivals)?;
        self.wake_runner();
        Ok(())
    }

    /// Takes on a call from a thread, likewise.
    pub(crate) fn call(&self, call: BoxFuture) -> Result<(), Work> {
        self.adopt(Work::Call(call))
    }

    /// Registers a clean-up, to run when the body is gone, newest first.
    ///
    /// A region that has ended gives it back.
    pub(crate) fn defer(&self, work: BoxFuture) -> Result<(), BoxFuture> {
        self.add((work, None), |rare| &mut rare.cleanups)
            .map_err(|(work, _)| work)
    }

    /// The same, of one that may be over before: it is dropped then when the list would grow.
    pub(crate) fn defer_held(
        &self,
        work: BoxFuture,
        over: Arc<AtomicBool>,
    ) -> Result<(), BoxFuture> {
        let swept: Vec<_> = self.rare(|rare| {
            if rare.cleanups.len() < rare.cleanups.capacity() {
                return Vec::new();
            }
            let is_over = |over: &Option<Arc<AtomicBool>>| {
                over.as_ref()
                    .is_some_and(|over| over.load(Ordering::Acquire))
            };
            let all = std::mem::take(&mut rare.cleanups).into_iter();
            let (swept, live) = all.partition(|(_, over)| is_over(over));
            rare.cleanups = live;
            let room = rare.cleanups.len().max(8);
            rare.cleanups.reserve(room);
            swept
        });
        // What they capture is dropped outside the lock.
        drop(swept);
        self.add((work, Some(over)), |rare| &mut rare.cleanups)
            .map_err(|(work, _)| work)
    }

    /// The same, but it runs only when the children of the scope are gone too.
    pub(crate) fn defer_after_children(&self, work: BoxFuture) -> Result<(), BoxFuture> {
        self.add(work, |rare| &mut rare.scope_cleanups)
    }

    fn add<W>(&self, work: W, list: impl FnOnce(&mut Parts) -> &mut Vec<W>) -> Result<(), W> {
        self.rare(|rare| {
            // The flag first, then the list: a root that is about to close sees one or the other.
            if self.state.fetch_or(flag::WORK, Ordering::AcqRel) & flag::CLOSED != 0 {
                return Err(work);
            }
            list(rare).push(work);
            Ok(())
        })
    }

    /// Holds the region open for the first child that lives; refused once it has closed.
    pub(crate) fn hold(&self) -> bool {
        self.rare(|rare| {
            // The flag first, as in `add`.
            if self.state.fetch_or(flag::CHILDREN, Ordering::AcqRel) & flag::CLOSED != 0 {
                if rare.holds == 0 {
                    self.clear(flag::CHILDREN);
                }
                return false;
            }
            rare.holds += 1;
            true
        })
    }

    /// Lets go of it: the last child is gone.
    pub(crate) fn release(&self) {
        let wake = self.rare(|rare| {
            rare.holds = rare.holds.saturating_sub(1);
            if rare.holds > 0 {
                return false;
            }
            self.clear(flag::CHILDREN);
            self.state.fetch_and(!flag::WAITING, Ordering::AcqRel) & flag::WAITING != 0
        });
        if wake {
            self.wake_runner();
        }
    }

    /// Whether children live. If so, their end wakes who is registered.
    pub(crate) fn waits_for_children(&self) -> bool {
        self.has(flag::CHILDREN)
            && self.rare(|rare| {
                if rare.holds > 0 {
                    self.set(flag::WAITING);
                }
                rare.holds > 0
            })
    }

    /// Closes a region that has no work and no children. Says whether it did.
    #[inline]
    pub(crate) fn close_idle(&self) -> bool {
        let mut state = self.state.load(Ordering::Acquire);
        while state & (flag::WORK | flag::CHILDREN) == 0 {
            match self.state.compare_exchange_weak(
                state,
                state | flag::CLOSED,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Takes out what is to be polled beside the body.
    pub(crate) fn take_aside(&self) -> Option<Box<Aside>> {
        if !self.has(flag::WORK) {
            return None;
        }
        let mut rare = self.rare.get()?.parts();
        if rare.aside.is_none() && rare.arrivals.is_empty() {
            return None;
        }
        let mut aside = rare.aside.take().unwrap_or_default();
        let arrivals = std::mem::take(&mut rare.arrivals);
        drop(rare);
        aside.extend(arrivals);
        Some(aside)
    }

    /// Takes out what is to be polled now that the body is gone: adopted work, and the newest
    /// clean-up once the one before it is over. Closes the region when nothing is left, under the same
    /// lock that new work needs, so that none can slip in.
    pub(crate) fn next_aside(&self, put_back: Option<Box<Aside>>) -> Next {
        let mut rare = self.rare.get_or_init(Box::default).parts();
        let mut aside = put_back.or_else(|| rare.aside.take()).unwrap_or_default();
        // Of a killed region nothing is begun: what has come since it was last looked at is dropped first.
        let killed = self.has(flag::KILLED);
        let arrivals = match killed {
            true => Vec::new(),
            false => std::mem::take(&mut rare.arrivals),
        };
        let to_drop = killed
            && !(rare.arrivals.is_empty()
                && rare.cleanups.is_empty()
                && rare.scope_cleanups.is_empty());
        if rare.holds > 0 {
            self.set(flag::WAITING);
        }
        let cleanup = match () {
            () if killed || aside.is_cleaning() => None,
            () if !rare.cleanups.is_empty() => rare.cleanups.pop().map(|(work, _)| work),
            () if rare.holds == 0 => rare.scope_cleanups.pop(),
            () => None,
        };
        if arrivals.is_empty() && cleanup.is_none() && aside.is_empty() && !to_drop {
            if rare.holds > 0 {
                rare.aside = Some(aside);
                return Next::Wait;
            }
            self.set(flag::CLOSED);
            drop(rare);
            // Empty, but it keeps a clone of the waker it was last polled with.
            self.let_go(Some(aside));
            return Next::Closed;
        }
        drop(rare);
        aside.extend(arrivals);
        aside.clean_up(cleanup);
        Next::Poll(aside)
    }

    /// Takes out all there is, started or not.
    pub(crate) fn take_all(
        &self,
        put_back: Option<Box<Aside>>,
        left: &mut Leftovers,
    ) -> Box<Aside> {
        self.rare(|rare| {
            left.cleanups = works(&mut rare.cleanups);
            left.after_children = std::mem::take(&mut rare.scope_cleanups);
            left.adopted = std::mem::take(&mut rare.arrivals);
            put_back.or_else(|| rare.aside.take()).unwrap_or_default()
        })
    }

    /// Puts back the oldest clean-ups of those that wait for the children.
    pub(crate) fn put_after_children(&self, cleanups: Vec<BoxFuture>) {
        self.rare(|rare| {
            rare.scope_cleanups.splice(0..0, cleanups);
        });
    }

    /// Puts back what was polled. Says whether something arrived meanwhile.
    pub(crate) fn put_aside(&self, aside: Box<Aside>) -> bool {
        self.rare(|rare| {
            rare.aside = Some(aside);
            !rare.arrivals.is_empty()
        })
    }

    /// Closes a region that cannot run its work any more, and gives out what is left.
    pub(crate) fn close_with_leftovers(&self) -> Leftovers {
        let mut left = Leftovers::default();
        if self.close_idle() {
            return left;
        }
        let mut rare = self.rare.get_or_init(Box::default).parts();
        self.set(flag::CLOSED);
        left.cleanups = works(&mut rare.cleanups);
        left.after_children = std::mem::take(&mut rare.scope_cleanups);
        left.adopted = std::mem::take(&mut rare.arrivals);
        let aside = rare.aside.take();
        drop(rare);
        if let Some(aside) = aside {
            aside.leftovers(&mut left);
        }
        left
    }
}
