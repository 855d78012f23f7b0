//! What a task inherits of the context in which it was started.

use super::{Region, flag};
use crate::context::{self, Chain};
use crate::region::Phase;
use crate::region::contain::drop_contained;

impl Region {
    /// Takes over what is bound here, for a task that is started here.
    #[inline]
    pub(crate) fn inherit_context(&self) {
        if context::is_bound() {
            self.keep_context(Chain::inherit());
        }
    }

    fn keep_context(&self, context: Chain) {
        self.rare(|rare| rare.context = context);
        self.set(flag::CONTEXT);
    }

    /// The context to enter together with the region. Nothing where the one that holds here is right:
    /// an inline region is in that of its task.
    #[inline]
    pub(crate) fn context(&self) -> Option<Chain> {
        if !self.has(flag::CONTEXT) && (!context::is_bound() || self.has(flag::INLINE)) {
            return None;
        }
        // A task that has inherited nothing is polled where something is bound: it must not see that.
        Some(
            self.rare_if_any(|rare| rare.context.clone())
                .unwrap_or_default(),
        )
    }

    /// Lets go what was inherited, once the task is over: its handle may be kept for long.
    #[inline]
    pub(crate) fn forget_context(&self) {
        if self.has(flag::CONTEXT) {
            self.drop_context();
        }
    }

    fn drop_context(&self) {
        let context = self.rare(|rare| std::mem::take(&mut rare.context));
        if let Err(payload) = drop_contained(context) {
            self.report(Phase::Destructor, Some(payload));
        }
    }
}
