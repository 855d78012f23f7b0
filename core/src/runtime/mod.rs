//! What a runtime is to this library: four small traits, and a handle that erases which one it is.
//!
//! This folder depends on nothing else in the crate.

mod any;
mod drive;
mod known;
mod spawn;
mod stop;
mod timer;

pub use any::{AnyRuntime, AnySleep};
pub use drive::{Drive, ShutdownReport};
pub(crate) use known::KnownFuture;
pub use known::{Known, KnownAs};
pub(crate) use spawn::are_same;
pub use spawn::{Enter, Spawn};
pub use stop::StopHooks;
pub(crate) use stop::Which;
pub use timer::{Instant, Sleep, Timer};
pub(crate) use timer::{after, earlier};
