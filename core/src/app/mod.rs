//! A whole application: its body, its tasks, and their end within a grace period.
//!
//! ```text
//! body ───────── stop ┈ dropped ── clean-ups ┐
//!   ├─ task ───── asked ┈ clean-ups ─────────┤ all gone: over
//!   └─ task ───── asked ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┊┈┈┈┈┈┈┈┈┈ the grace period is over: given up on
//!                       who is left, each second
//! ```
//!
//! The application is a scope; what says *stop* is any future. [`shutdown`] runs it, [`running`] is how
//! code finds the one it runs in, [`left`] says who is left.

mod left;
mod running;
mod shutdown;
mod stopped;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use running::{application, stopping};
pub use shutdown::Shutdown;
pub use stopped::Stopped;
