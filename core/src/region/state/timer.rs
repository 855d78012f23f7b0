//! The clean-up deadline of a region, and its clock, which runs only while it is needed.

use std::time::Duration;

use super::{Region, flag};
use crate::runtime::AnySleep;

impl Region {
    /// The clean-up deadline that was said of this very region.
    pub(crate) fn cleanup_limit(&self) -> Option<Duration> {
        self.rare_if_any(|rare| rare.cleanup_limit).flatten()
    }

    pub(crate) fn limit_cleanups(&self, limit: Duration) {
        self.rare(|rare| rare.cleanup_limit = Some(limit));
    }

    /// Whether there is anything that a passed deadline would drop.
    pub(crate) fn has_droppable_work(&self) -> bool {
        self.has(flag::WORK)
            && self
                .rare_if_any(|rare| {
                    let aside = rare.aside.as_ref();
                    aside.is_some_and(|aside| aside.is_droppable())
                        || !rare.arrivals.is_empty()
                        || !rare.cleanups.is_empty()
                })
                .unwrap_or_default()
    }

    /// Takes the clock out, to be polled outside the lock.
    pub(crate) fn take_timer(&self) -> Option<AnySleep> {
        self.rare_if_any(|rare| rare.timer.take()).flatten()
    }

    pub(crate) fn put_timer(&self, timer: AnySleep) {
        self.set(flag::TIMED);
        self.rare(|rare| rare.timer = Some(timer));
    }

    /// Stops the clock. Its sleep holds a waker, which must not outlive the task.
    #[inline]
    pub(crate) fn disarm(&self) {
        if self.has(flag::TIMED) {
            self.clear(flag::TIMED);
            self.let_go(self.take_timer());
        }
    }
}
