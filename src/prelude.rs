//! The traits whose methods are called on runtimes, for `use anyrt::prelude::*`.
//!
//! Generic code does not need it: the bound `R: Runtime` brings the methods along.

pub use anyrt_core::{
    BlockOn as _, Cancellable as _, Drive as _, Durations as _, Reportable as _, Runtime as _,
    Sleep as _, Spawn as _, Timed as _, Timer as _, stream::Enumerated as _,
};
