//! Owning a runtime: driving it, ending it.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::{Spawn, StopHooks, Timer};

/// The owner of a runtime, or a global one: it can drive a future on the calling thread.
///
/// A primitive for adapters to implement; users call [`BlockOn::block_on`](crate::BlockOn::block_on).
/// An owner that is dropped shuts its runtime down; a global runtime never ends. The owner does not
/// wait for its own worker when it is dropped there, and its handles do not keep the runtime alive.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not own a runtime, so it cannot block on a future",
    label = "not the owner of a runtime",
    note = "call `block_on` on the owner: `BuiltinRuntime`, `TokioRuntime`, or the globals `Smol` and `AsyncStd`",
    note = "inside async code, `.await` the future instead"
)]
pub trait Drive {
    /// The handle of this runtime.
    type Handle: Spawn + Timer;

    /// Returns the handle: clone it to wherever tasks are spawned.
    fn handle(&self) -> &Self::Handle;

    /// Polls `future` on this thread until it is ready.
    ///
    /// Lets a panic of `future` pass. Whether tasks make progress while nothing is driven is the
    /// runtime's affair (they do not on a current-thread Tokio).
    #[track_caller]
    fn drive<F: Future>(&self, future: F) -> F::Output;

    /// Returns the stop hooks of this runtime: those of its handle.
    ///
    /// An owner that ends its runtime calls [`StopHooks::end`] before.
    fn stop_hooks(&self) -> Option<StopHooks> {
        self.handle().stop_hooks()
    }
}

/// What was still there when a runtime's shutdown ended.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::backend::builtin::BuiltinRuntime;
///
/// let report = BuiltinRuntime::new().shutdown(Duration::from_secs(5));
/// assert!(report.is_clean());
/// assert_eq!(report.to_string(), "everything ended");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "says whether the runtime's threads and blocking jobs ended in time"]
pub struct ShutdownReport {
    threads_left: usize,
    jobs_left: usize,
    waited: Duration,
}

impl ShutdownReport {
    /// Makes a report; for adapters.
    pub fn new(threads_left: usize, jobs_left: usize, waited: Duration) -> Self {
        ShutdownReport {
            threads_left,
            jobs_left,
            waited,
        }
    }

    /// Returns whether every thread and every blocking job had ended.
    pub fn is_clean(&self) -> bool {
        self.threads_left == 0 && self.jobs_left == 0
    }

    /// Returns how many of the runtime's threads had not ended.
    ///
    /// The thread that shut the runtime down counts if it is one of them. On Tokio, threads that run
    /// blocking jobs count too.
    pub fn threads_left(&self) -> usize {
        self.threads_left
    }

    /// Returns how many blocking jobs were waiting or still running.
    ///
    /// On Tokio always zero: there the jobs that run show as [`threads_left`](Self::threads_left), and
    /// those that wait are dropped (*lost*).
    pub fn jobs_left(&self) -> usize {
        self.jobs_left
    }

    /// Returns how long the shutdown waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("everything ended");
        }
        write!(
            f,
            "after {:.1?}, {} threads and {} blocking jobs had not ended",
            self.waited, self.threads_left, self.jobs_left
        )
    }
}
