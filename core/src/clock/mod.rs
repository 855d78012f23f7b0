//! Virtual time: a clock that moves when nothing can run.
//!
//! [`timers`] is what a virtual clock and a simulator have in common: the time, and who waits for it.
//! [`current`] is how code finds the clock that counts it.

pub(crate) mod current;
mod external;
mod sleep;
pub(crate) mod timers;

#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use external::{External, blocking_wait, external};
pub use sleep::VirtualSleep;
