//! Doing several things and making one result of them.
//!
//! [`map`] and the others of this folder spawn: their arms are children of a scope.

mod as_completed;
mod catch;
mod drive;
mod gather;
mod map;

pub(crate) use as_completed::as_completed;
pub use as_completed::{AsCompleted, Completed};
pub use gather::GatherAll;
pub(crate) use gather::gather_all;
pub use map::{Map, MapStream, TryMap, TryMapStream};
pub(crate) use map::{map, map_stream, try_map, try_map_stream};
