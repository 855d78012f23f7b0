//! Several futures as one, each in a task of its own: children of a scope.
//!
//! Each is a scope whose body this library writes: a [`drive`].

mod arms;
mod as_completed;
mod catch;
mod drive;
mod gather;
mod map;
mod race;

pub(crate) use as_completed::as_completed;
pub use as_completed::{AsCompleted, Completed};
pub(crate) use drive::Drive;
pub use gather::GatherTasks;
pub(crate) use gather::{catching, gather_all};
pub use map::{GatherMap, Map, MapStream, TryGatherMap, TryMap, TryMapStream};
pub(crate) use map::{map, map_stream, try_map, try_map_stream};
pub use race::{RaceTasks, RaceTasksOk};
pub(crate) use race::{race, race_ok};
