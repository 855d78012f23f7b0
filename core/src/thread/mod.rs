//! Core's own threads: for blocking jobs that no runtime's pool is to run.
//!
//! The pools of the runtimes have a cap, and jobs that wait for jobs deadlock there. Here a job that finds
//! no idle thread gets a new one.

mod cache;
mod handover;
#[cfg(test)]
#[cfg(loom)]
mod models;
mod moment;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub(crate) use cache::{Seat, ThreadCache, Worker};
pub(crate) use handover::{Held, Holding, while_waiting};
pub(crate) use moment::{Moments, yielding};
