//! A blocking job: a closure with the region, the context and the outcome of a task.

use std::sync::Arc;

use super::join_error::JoinError;
use crate::context;
use crate::region::body::take_leftovers;
use crate::region::contain::{contain, drop_contained};
use crate::region::frame::Entered;
use crate::region::state::flag;
use crate::region::{Member, Phase, Region, hand_over};
use crate::runtime::{Enter, KnownAs, Spawn, Timer};
use crate::thread::ThreadCache;

/// What is handed to `spawn_blocking_raw`. Dropped without being run, it reports its task as lost.
pub(crate) struct Job<F, T>
where
    F: FnOnce() -> T,
    T: Send + 'static,
{
    run: Option<F>,
    member: Option<Arc<dyn Member>>,
}

impl<F, T> Job<F, T>
where
    F: FnOnce() -> T,
    T: Send + 'static,
{
    pub(crate) fn new(run: F, member: Arc<dyn Member>) -> Self {
        Job {
            run: Some(run),
            member: Some(member),
        }
    }

    /// Who it is, for reports.
    pub(crate) fn known_as(&self) -> KnownAs {
        match &self.member {
            Some(member) => member.region().known_as(),
            None => KnownAs::here(),
        }
    }

    /// Runs the job, unless it was asked to stop before it started. Never unwinds.
    pub(crate) fn run(self) {
        self.run_and(|| {});
    }

    /// The same, and calls `before` when its code has returned and its outcome is not yet published.
    pub(crate) fn run_and(mut self, before: impl FnOnce()) {
        let (Some(run), Some(member)) = (self.run.take(), self.member.take()) else {
            return;
        };
        let scope_stops = |scope: &Region| scope.has(flag::ASKING);
        let stopped = member.scope_region().is_some_and(scope_stops);
        let outcome = if stopped || member.region().has(flag::ASKED) {
            drop_unrun(&member, run);
            Err(JoinError::cancelled(member.region()))
        } else {
            let mut entered = Some(Arc::clone(&member));
            let mut context = member.region().context();
            let ran = {
                let _bound = context.as_mut().map(context::Entered::new);
                let _entered = Entered::job(&mut entered);
                contain(run)
            };
            ran.map_err(|payload| JoinError::panicked(member.region(), payload))
        };
        before();
        finish(&member, outcome);
    }
}

/// Hands a job to its runtime; to core's own threads where the runtime has none for it.
///
/// A runtime that is shut down does not give a job back, it drops it: that one is *lost*. So is one for which
/// the operating system has no thread.
#[track_caller]
pub(crate) fn start_job<R, F, T>(rt: &R, job: Job<F, T>)
where
    R: Spawn + Timer,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let Err(run) = rt.spawn_blocking_known(job.known_as(), move || job.run()) else {
        return;
    };
    let inside = rt.clone();
    // A job that does not run reports itself when it is dropped.
    drop(ThreadCache::global().run(move || inside.enter(Enter::Foreign, run)));
}

impl<F, T> Drop for Job<F, T>
where
    F: FnOnce() -> T,
    T: Send + 'static,
{
    fn drop(&mut self) {
        let Some(member) = self.member.take() else {
            return;
        };
        drop_unrun(&member, self.run.take());
        let lost = JoinError::lost(member.region());
        finish::<T>(&member, Err(lost));
    }
}

/// Drops a closure inside its region, as a body is dropped.
fn drop_unrun<F>(member: &Arc<dyn Member>, run: F) {
    let mut entered = Some(Arc::clone(member));
    let mut context = member.region().context();
    let dropped = {
        let _bound = context.as_mut().map(context::Entered::new);
        let _entered = Entered::unrun(&mut entered);
        drop_contained(run)
    };
    if let Err(payload) = dropped {
        member.region().fail(Phase::Destructor, payload);
    }
}

fn finish<T: Send + 'static>(member: &Arc<dyn Member>, outcome: Result<T, JoinError>) {
    let left = take_leftovers(member);
    hand_over(member, None, left);
    member.publish(&mut Some(outcome));
}
