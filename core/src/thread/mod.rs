//! Core's own threads: for blocking jobs that no runtime's pool is to run.
//!
//! The pools of the runtimes have a cap, and jobs that wait for jobs deadlock there. Here a job that finds
//! no idle thread gets a new one.

mod cache;
mod handover;
#[cfg(test)]
#[cfg(loom)]
mod models;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

#[allow(unused_imports, reason = "the bridge and the reports will use them")]
pub(crate) use cache::{NoThread, Seat, Statistics, ThreadCache, Worker};
pub(crate) use handover::{Held, Holding, while_waiting};
