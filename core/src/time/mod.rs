//! Doing things in time: again and again, again after a failure, and saying what takes long.
//!
//! [`interval`] ticks for who polls it, [`every`] runs a child of a scope at each tick; [`missed`] says what
//! both do when they are late. [`durations`] are for writing all this down.

mod durations;
mod every;
mod interval;
mod missed;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use durations::Durations;
pub use every::{Every, Tick, Ticking};
pub use interval::{Interval, NextTick};
pub use missed::MissedTick;
