//! Starting and ending a Tokio runtime of one's own.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Id, Runtime};

use super::{ShutdownReport, StopHooks, Tokio};

/// How long a dropped runtime waits for a thread that is inside a poll or a blocking job.
const PATIENCE: Duration = Duration::from_secs(10);

/// A Tokio runtime of its own.
///
/// The owner. Dropping it ends the runtime: tasks are dropped (their handles say *lost*), and so are
/// blocking jobs that have not started. It waits up to ten seconds for the runtime's threads, those
/// that run blocking jobs included; dropped inside a Tokio context, where Tokio's own runtime would
/// panic, or by a thread-local's destructor, it does not wait.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::tokio::TokioRuntime, prelude::*};
///
/// let owner = TokioRuntime::current_thread().unwrap();
/// let task = owner.handle().spawn(async { 42 });
/// assert_eq!(owner.block_on(task).unwrap(), 42);
/// ```
pub struct TokioRuntime {
    handle: Tokio,
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
    /// Threads that live; zero where the runtime was built elsewhere.
    live: Arc<AtomicUsize>,
    hooks: StopHooks,
}

/// The hooks of each runtime that has an owner of ours: a handle of Tokio has no room for them.
static OWNED: RwLock<Vec<(Id, StopHooks)>> = RwLock::new(Vec::new());

pub(super) fn hooks_of(handle: &Handle) -> Option<StopHooks> {
    let owned = OWNED.read().unwrap_or_else(PoisonError::into_inner);
    let found = owned.iter().find(|(id, _)| *id == handle.id());
    found.map(|(_, hooks)| hooks.clone())
}

impl TokioRuntime {
    /// Starts a multi-thread runtime with one worker for each core, and all drivers.
    ///
    /// # Errors
    ///
    /// What the operating system says when it cannot start a thread or a driver.
    pub fn multi_thread() -> io::Result<Self> {
        Self::build(Builder::new_multi_thread().enable_all())
    }

    /// Starts a multi-thread runtime with `threads` workers, and all drivers.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for zero threads, and what the operating system says when it
    /// cannot start a thread or a driver.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::backend::tokio::TokioRuntime;
    ///
    /// let owner = TokioRuntime::with_threads(2).unwrap();
    /// assert_eq!(owner.handle().as_tokio().metrics().num_workers(), 2);
    ///
    /// assert!(TokioRuntime::with_threads(0).is_err());
    /// ```
    pub fn with_threads(threads: usize) -> io::Result<Self> {
        if threads == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a multi-thread Tokio runtime needs at least one worker",
            ));
        }
        Self::build(
            Builder::new_multi_thread()
                .worker_threads(threads)
                .enable_all(),
        )
    }

    /// Makes a current-thread runtime with all drivers.
    ///
    /// Its tasks and timers make progress only inside [`block_on`](anyrt_core::BlockOn::block_on).
    ///
    /// # Errors
    ///
    /// What the operating system says when it cannot start a driver.
    pub fn current_thread() -> io::Result<Self> {
        Self::build(Builder::new_current_thread().enable_all())
    }

    /// Starts a runtime with the settings of `builder`.
    ///
    /// Sets the builder's `on_thread_start` and `on_thread_stop`, to count the threads.
    ///
    /// # Errors
    ///
    /// What the operating system says when it cannot start a thread or a driver.
    pub fn build(builder: &mut Builder) -> io::Result<Self> {
        let live = Arc::new(AtomicUsize::new(0));
        let (started, stopped) = (Arc::clone(&live), Arc::clone(&live));
        let runtime = builder
            .on_thread_start(move || {
                started.fetch_add(1, Ordering::AcqRel);
            })
            .on_thread_stop(move || {
                stopped.fetch_sub(1, Ordering::AcqRel);
            })
            .build()?;
        Ok(Self::new(runtime, live))
    }

    fn new(runtime: Runtime, live: Arc<AtomicUsize>) -> Self {
        let hooks = StopHooks::new();
        OWNED
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push((runtime.handle().id(), hooks.clone()));
        TokioRuntime {
            handle: Tokio(runtime.handle().clone()),
            runtime: Some(runtime),
            live,
            hooks,
        }
    }

    /// Returns the handle.
    pub fn handle(&self) -> &Tokio {
        &self.handle
    }

    pub(super) fn hooks(&self) -> &StopHooks {
        &self.hooks
    }

    pub(super) fn runtime(&self) -> &Runtime {
        match &self.runtime {
            Some(runtime) => runtime,
            None => unreachable!("the runtime is there until it is dropped"),
        }
    }

    /// Ends the runtime and waits up to `timeout` for its threads.
    ///
    /// Those that run blocking jobs count. Tasks are dropped where they are suspended; their handles
    /// say *lost*. Called inside a Tokio context it does not wait. Threads of a runtime that was built
    /// elsewhere are not counted.
    pub fn shutdown(mut self, timeout: Duration) -> ShutdownReport {
        self.end(timeout)
    }

    fn end(&mut self, timeout: Duration) -> ShutdownReport {
        self.hooks.end();
        let started = Instant::now();
        if let Some(runtime) = self.runtime.take() {
            let id = runtime.handle().id();
            OWNED
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|(owned, _)| *owned != id);
            // Tokio panics when it is asked to wait inside a context of its own.
            match Handle::try_current() {
                Ok(_) => runtime.shutdown_background(),
                Err(_) => runtime.shutdown_timeout(timeout),
            }
        }
        let threads_left = self.live.load(Ordering::Acquire);
        ShutdownReport::new(threads_left, 0, started.elapsed())
    }
}

/// Takes over a runtime that was built elsewhere.
impl From<Runtime> for TokioRuntime {
    fn from(runtime: Runtime) -> Self {
        Self::new(runtime, Arc::default())
    }
}

impl Drop for TokioRuntime {
    fn drop(&mut self) {
        let _ = self.end(PATIENCE);
    }
}

impl fmt::Debug for TokioRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioRuntime")
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}
