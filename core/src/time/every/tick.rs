//! What the code of a tick is told.

use crate::runtime::Instant;

/// One tick of something that is done [again and again](crate::Runtime::every).
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// let before = rt.now();
/// owner.block_on(rt.every(1.hours()).times(1).run(move |tick| async move {
///     assert_eq!(tick.number(), 0);
///     assert!(tick.due() >= before);
/// }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    pub(super) number: u64,
    pub(super) due: Instant,
}

impl Tick {
    /// Returns how many ticks were run before this one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns when the tick was due; that it runs may be later.
    pub fn due(&self) -> Instant {
        self.due
    }
}
