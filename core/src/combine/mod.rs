//! Several futures as one.

mod spawned;

pub use spawned::{AsCompleted, Completed, GatherTasks, Map, MapStream, TryMap, TryMapStream};
pub(crate) use spawned::{as_completed, gather_all, map, map_stream, try_map, try_map_stream};
