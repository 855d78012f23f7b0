//! The work that a region has beside its body and after it, and how the region closes.

use std::sync::atomic::Ordering;

use super::{Parts, Region, flag};
use crate::region::aside::{Aside, BoxFuture, Leftovers};

/// What the root is to do next with the work beside its body.
pub(crate) enum Next {
    /// Poll this.
    Poll(Box<Aside>),
    /// Nothing is left, and the region is closed.
    Closed,
}

impl Region {
    /// Takes on `work`: it is polled beside the body, masked, and the region does not end before it.
    ///
    /// A region that has ended gives it back.
    pub(crate) fn adopt(&self, work: BoxFuture) -> Result<(), BoxFuture> {
        self.add(work, |rare| &mut rare.arrivals)?;
        self.wake_runner();
        Ok(())
    }

    /// Registers a clean-up, to run when the body is gone, newest first.
    ///
    /// A region that has ended gives it back.
    pub(crate) fn defer(&self, work: BoxFuture) -> Result<(), BoxFuture> {
        self.add(work, |rare| &mut rare.cleanups)
    }

    fn add(
        &self,
        work: BoxFuture,
        list: impl FnOnce(&mut Parts) -> &mut Vec<BoxFuture>,
    ) -> Result<(), BoxFuture> {
        self.rare(|rare| {
            // The flag first, then the list: a root that is about to close sees one or the other.
            if self.state.fetch_or(flag::WORK, Ordering::AcqRel) & flag::CLOSED != 0 {
                return Err(work);
            }
            list(rare).push(work);
            Ok(())
        })
    }

    /// Closes a region that never had any work. Says whether it did.
    #[inline]
    pub(crate) fn close_idle(&self) -> bool {
        let mut state = self.state.load(Ordering::Acquire);
        while state & flag::WORK == 0 {
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
        let arrivals = std::mem::take(&mut rare.arrivals);
        let cleanup = if aside.is_cleaning() {
            None
        } else {
            rare.cleanups.pop()
        };
        if arrivals.is_empty() && cleanup.is_none() && aside.is_empty() {
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
        left.cleanups = std::mem::take(&mut rare.cleanups);
        left.adopted = std::mem::take(&mut rare.arrivals);
        let aside = rare.aside.take();
        drop(rare);
        if let Some(aside) = aside {
            aside.leftovers(&mut left);
        }
        left
    }
}
