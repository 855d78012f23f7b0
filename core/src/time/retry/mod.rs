//! Doing something again after it has failed.
//!
//! [`run`] tries, waits, and tries again; each try is a timeout, perhaps without an end; [`error`] is what it gives when it gives
//! up. [`delayer`] only says how long to wait, for loops that are written by hand. Both may add a [`jitter`].

mod delayer;
mod error;
mod jitter;
mod pause;
mod run;

pub use delayer::{NoDelays, RetryDelayer, RetrySleep};
pub use error::RetryError;
pub(crate) use run::default_delays;
pub use run::{DefaultDelays, Retry, When};
