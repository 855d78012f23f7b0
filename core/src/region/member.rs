//! What the code inside a task can know of the task, whatever its types.

use std::any::Any;

use super::Region;
use crate::runtime::AnyRuntime;

/// A task's cell with its types erased: the region, the runtime, the place for the outcome.
///
/// One `Arc` of this is all that a root owns, and it moves into the thread-local while the root is
/// polled. The outcome goes through `dyn Any` because taking the concrete `Arc` back out of the
/// thread-local would cost a downcast on each poll instead of one in a task's life.
pub(crate) trait Member: Send + Sync {
    fn region(&self) -> &Region;

    /// The runtime of this task, erased anew at each call; see [`runtime_of`].
    fn erase_runtime(&self) -> AnyRuntime;

    /// Publishes an outcome: `&mut Option<Result<T, JoinError>>`, which is taken.
    fn publish(&self, outcome: &mut dyn Any);
}

/// The runtime of this task; erased once, then kept.
pub(crate) fn runtime_of(member: &dyn Member) -> AnyRuntime {
    let region = member.region();
    if let Some(rt) = region.erased_runtime() {
        return rt;
    }
    let rt = member.erase_runtime();
    region.keep_erased_runtime(rt.clone());
    rt
}
