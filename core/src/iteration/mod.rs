//! Iteration with `await`: what streams of the `futures` crate do not have.

mod enumerate_from;
mod iter_until;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use enumerate_from::{EnumerateFrom, Enumerated};
pub use iter_until::{IterUntil, TryIterUntil, iter_until, try_iter_until};
