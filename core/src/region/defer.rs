//! Asynchronous clean-ups.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::sync::atomic::AtomicBool;

use super::work::Work;
use super::{BoxFuture, Member, Region, frame};
use crate::context::Within;

/// Runs `cleanup` when the innermost task or `until` around ends, however it ends.
///
/// These are the *regions* that clean-ups belong to: a task, a [`rooted`](crate::rooted) future, the
/// future of `block_on`, a blocking job, and a future with [`until`](crate::Cancellable::until).
///
/// Clean-ups run after the body is dropped, one at a time, the newest first; all of them run even if one
/// panics. A request to stop does not reach them (they are shielded), and the task is not over before
/// they are: who awaits its handle, or [`cancel_and_wait`](crate::Task::cancel_and_wait), waits for them
/// too. A clean-up may defer more.
///
/// A clean-up that hangs would keep the task for ever: 30 seconds after the request, or after the body's
/// end, what is left is dropped and reported as [`Phase::CleanUpDeadline`](crate::Phase::CleanUpDeadline);
/// [`cleanup_deadline`](crate::SpawnWith::cleanup_deadline) says another time. A
/// [`kill`](crate::Task::kill) drops it at once.
///
/// What a blocking job defers runs when the job has ended, in a task of its own: there a handle does
/// not wait for it.
///
/// Called in a destructor while a body is being dropped, it is asynchronous drop.
///
/// It belongs to the region in which it is *called*, and sees every [`ContextVar`](crate::ContextVar) as
/// it is bound there. A future that is moved to another task by hand leaves its clean-ups where it
/// registered them.
///
/// # Panics
///
/// In code that runs in no task of this library and in no `until`: there is no end to wait for.
/// [`try_defer`] gives the clean-up back instead; [`rooted`](crate::rooted) makes a root.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use anyrt::{backend::builtin::BuiltinRuntime, defer, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let task = owner.handle().spawn({
///     let log = log.clone();
///     async move {
///         let (first, second) = (log.clone(), log.clone());
///         defer(async move { first.lock().unwrap().push("close the connection") });
///         defer(async move { second.lock().unwrap().push("roll back") });
///         std::future::pending::<()>().await
///     }
/// });
/// let error = owner.block_on(async {
///     while Arc::strong_count(&log) < 4 {
///         owner.handle().sleep(std::time::Duration::from_millis(1)).await; // until it runs
///     }
///     task.cancel_and_wait().await.unwrap_err()
/// });
/// assert!(error.is_cancelled());
/// assert_eq!(*log.lock().unwrap(), ["roll back", "close the connection"]);
/// ```
#[track_caller]
#[doc(alias = "adefer")]
#[doc(alias = "finally")]
pub fn defer<F>(cleanup: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    if let Err(NoRegion(_)) = try_defer(cleanup) {
        panic!(
            "`defer` was called in code that runs in no task of anyrt, so its clean-up would never run: \
             enter one with `block_on`, `spawn`, or `rooted(&rt, future)`"
        );
    }
}

/// Does as [`defer`] does, or gives the clean-up back.
///
/// # Errors
///
/// [`NoRegion`] with the clean-up, in code that runs in no task of this library and in no
/// [`until`](crate::Cancellable::until).
///
/// # Examples
///
/// ```
/// let refused = anyrt::try_defer(async {});
/// assert!(refused.unwrap_err().to_string().contains("no task"));
/// ```
pub fn try_defer<F>(cleanup: F) -> Result<(), NoRegion<F>>
where
    F: Future<Output = ()> + Send + 'static,
{
    register(cleanup, Region::defer)
}

/// Does as [`defer`], for a clean-up that may be `over` before its time: then it is dropped when others come.
#[track_caller]
pub(crate) fn defer_held<F>(cleanup: F, over: Arc<AtomicBool>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let registered = register(cleanup, |region, cleanup| region.defer_held(cleanup, over));
    if let Err(NoRegion(_)) = registered {
        panic!("what is held was acquired in code that runs in no task of anyrt");
    }
}

/// Puts a clean-up, among what is bound here, into the list of the region that runs here.
fn register<F>(
    cleanup: F,
    add: impl FnOnce(&Region, BoxFuture) -> Result<(), BoxFuture>,
) -> Result<(), NoRegion<F>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(member) = frame::current() else {
        return Err(NoRegion(cleanup));
    };
    // It may run in a region further out, or in a task of its own.
    let cleanup: BoxFuture = Box::pin(Within::here(cleanup));
    if let Err(cleanup) = add(member.region(), cleanup) {
        // Code of a region that has ended still runs: a waker, a callback.
        defer_outwards(&member, cleanup);
    }
    Ok(())
}

/// Gives a clean-up of a region that has ended to the next one outwards; the outermost reports it as lost.
pub(crate) fn defer_outwards(member: &Arc<dyn Member>, mut cleanup: BoxFuture) {
    let mut around = member.region().up();
    while let Some(next) = around {
        match next.region().adopt(Work::clean_up(cleanup)) {
            Err(Work::CleanUp(back)) => cleanup = back,
            _ => return,
        }
        around = next.region().up();
    }
    let left = super::Leftovers {
        cleanups: vec![cleanup],
        ..super::Leftovers::default()
    };
    super::hand_over(member, None, left);
}

/// A clean-up that no region took, because the code that deferred it runs in none.
pub struct NoRegion<F>(
    /// The clean-up.
    pub F,
);

impl<F> fmt::Debug for NoRegion<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoRegion(..)")
    }
}

impl<F> fmt::Display for NoRegion<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no task of anyrt is running on this thread, so the clean-up would never run")
    }
}

impl<F> std::error::Error for NoRegion<F> {}
