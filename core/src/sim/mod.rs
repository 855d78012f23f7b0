//! The simulator: one entity runs at a time, and a seed decides which.
//!
//! [`gate`] is the heart: who may run, who is next, when the time moves, what is a stall. [`schedule`] picks,
//! [`trace`] records. [`host`] lends the threads: a runtime, or nobody. [`owner`] is what users see of it;
//! [`explore`] runs many seeds, and [`shrink`] makes of one that fails a short list of switches.

mod entity;
mod explore;
mod failed;
mod gate;
mod host;
mod inside;
mod notes;
mod owner;
mod ready;
mod root;
mod schedule;
mod shrink;
#[cfg(test)]
mod tests;
mod trace;

pub use explore::{Explore, Explored};
pub use failed::FailedSeed;
#[doc(hidden)]
pub use owner::end;
pub use owner::{Sim, SimHandle, SimWith};
pub use schedule::Schedule;
pub use trace::SimTrace;
