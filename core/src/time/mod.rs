//! What depends on a clock: limited time, things that happen again and again, trying again.

mod deadline;
mod elapsed;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod timed;
mod timeout;

pub use deadline::{Deadline, RescheduleError, deadline};
pub use elapsed::Elapsed;
pub use timed::Timed;
pub use timeout::{MoveOn, Timeout};
