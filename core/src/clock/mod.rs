//! Virtual time: a clock that moves when nothing can run.
//!
//! [`quiescence`] is the count of what is busy, [`tracked`] how a future is counted. [`virtual_clock`] and
//! [`handle`] are what users see of it.
//!
//! [`timers`] is what a virtual clock and a simulator have in common: the time, and who waits for it.
//! [`current`] is how code finds the clock that counts it.

mod advance;
pub(crate) mod current;
mod drive;
mod external;
mod handle;
mod probe;
mod quiescence;
mod report;
mod sleep;
pub(crate) mod timers;
mod tracked;
mod virtual_clock;

#[cfg(test)]
#[cfg(loom)]
mod models;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use advance::{Advance, AdvanceToNext};
pub use external::{External, blocking_wait, external};
pub use handle::{ClockHold, Virtual};
pub use sleep::VirtualSleep;
pub use virtual_clock::VirtualClock;
