//! The task that is running, for those who want to say which it is.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::region::failure::describe;
use crate::region::state::flag;
use crate::region::{Member, Region, frame};

/// Returns who this code is: the task that this thread is running, by name and place.
///
/// For log lines and reports. A blocking job, the future of `block_on` and a [`rooted`](crate::rooted) one
/// count as tasks here, and the innermost one counts. `None` in code that runs in no task of this library.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, current_task, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let task = owner.handle().spawn_with().name("clerk").spawn(async {
///     current_task().unwrap().to_string()
/// });
/// let who = owner.block_on(task).unwrap();
/// assert!(who.starts_with("task `clerk` (spawned at "), "{who}");
/// assert!(current_task().is_none());
/// ```
pub fn current_task() -> Option<TaskInfo> {
    let root = frame::look(|here| match here {
        Some(here) if is_task(here.region()) => Ok(Some(TaskInfo::of(here.region()))),
        Some(here) => Err(Arc::clone(here)),
        None => Ok(None),
    });
    match root {
        Ok(info) => info,
        Err(inside) => outwards(inside),
    }
}

/// Also one that has begun where it was spawned, and is polled inside another.
fn is_task(region: &Region) -> bool {
    !region.has(flag::INLINE) || region.has(flag::EAGER)
}

/// The task around a region inside it.
fn outwards(inside: Arc<dyn Member>) -> Option<TaskInfo> {
    let mut here = Some(inside);
    while let Some(member) = here {
        let region = member.region();
        if is_task(region) {
            return Some(TaskInfo::of(region));
        }
        here = region.up();
    }
    None
}

/// Which task it is, as far as can be said: what [`current_task`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
}

impl TaskInfo {
    fn of(region: &Region) -> Self {
        TaskInfo {
            name: region.name(),
            location: region.location(),
        }
    }

    /// Returns the name that was given at the spawn.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, self.name(), self.location)
    }
}
