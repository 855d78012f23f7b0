//! Starting and ending a built-in runtime.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use async_executor::Executor;

use super::crew::{self, Crew, Worker};
use super::{Builtin, ShutdownReport, StopHooks};

/// How long a dropped runtime waits for a thread that is inside a poll.
const PATIENCE: Duration = Duration::from_secs(10);

/// A runtime of its own: executor threads, and the tasks on them.
///
/// The owner. Dropping it ends the runtime: tasks are dropped (their handles say *lost*) and the
/// executor threads have ended when the drop returns. It waits at most ten seconds for a thread that
/// is stuck inside a poll, and not at all for the thread it is dropped on. Where tasks block all of them at
/// once, in [`Enter::Blocking`](anyrt_core::Enter::Blocking), one more stands in meanwhile.
///
/// Timers, sockets and blocking jobs use the threads of [`async_io`] and [`blocking`], which belong to
/// the process and not to this runtime. `blocking` runs at most 500 jobs at a time (environment
/// variable `BLOCKING_MAX_THREADS`); more wait in its queue. A job is never lost there: it runs even if
/// the runtime ends meanwhile. So the drop does not wait for blocking jobs;
/// [`shutdown`](BuiltinRuntime::shutdown) does.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::builder().threads(2).name("worker").build().unwrap();
/// let task = owner.handle().spawn(async { std::thread::current().name().map(str::to_owned) });
/// let name = owner.block_on(task).unwrap().unwrap();
/// assert!(name.starts_with("worker-"));
///
/// let report = owner.shutdown(Duration::from_secs(1));
/// assert!(report.is_clean());
/// ```
pub struct BuiltinRuntime {
    handle: Builtin,
}

/// Settings for a [`BuiltinRuntime`].
#[derive(Clone, Debug)]
#[must_use = "nothing is started until `build` is called"]
pub struct Builder {
    threads: Option<usize>,
    name: Cow<'static, str>,
}

/// What owner, handles and threads share.
pub(super) struct Shared {
    /// `None` once the runtime has ended. The threads have an `Arc` of their own, and are joined.
    executor: RwLock<Option<Arc<Executor<'static>>>>,
    pub(super) hooks: StopHooks,
    stopping: AtomicBool,
    /// Blocking jobs that wait or run.
    jobs: AtomicUsize,
    pub(super) crew: Crew,
}

impl Shared {
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let Some(future) = Worker::spawn(self, future) else {
            return;
        };
        let executor = self.executor.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(executor) = &*executor {
            executor.spawn(future).detach();
            return;
        }
        // The future's destructor may spawn again: not under the lock.
        drop(executor);
        drop(future);
    }

    pub(super) fn spawn_blocking<F>(self: &Arc<Self>, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        if self.is_stopping() {
            return drop(job);
        }
        let counted = Counted::new(Arc::clone(self));
        let run = move || {
            job();
            drop(counted);
        };
        // Detached: `blocking` would otherwise cancel a job that waits in its queue.
        blocking::unblock(run).detach();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("stopping", &self.stopping)
            .field("jobs", &self.jobs)
            .finish_non_exhaustive()
    }
}

/// One blocking job in the count.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: Arc<Shared>) -> Self {
        shared.jobs.fetch_add(1, Ordering::AcqRel);
        Counted(shared)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.jobs.fetch_sub(1, Ordering::AcqRel);
        self.0.crew.tell_of_an_end();
    }
}

impl Builder {
    /// Sets how many executor threads to start; one for each core by default.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Sets the threads' name; a number is appended. `anyrt` by default.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for zero threads or a name that contains a NUL, and whatever
    /// the operating system says when it cannot start a thread. Threads already started then end.
    pub fn build(self) -> io::Result<BuiltinRuntime> {
        let count = match self.threads {
            Some(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a built-in runtime needs at least one executor thread",
                ));
            }
            Some(count) => count,
            None => thread::available_parallelism().map_or(1, usize::from),
        };
        if self.name.contains('\0') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a thread's name cannot contain a NUL",
            ));
        }
        let executor = Arc::new(Executor::new());
        let shared = Arc::new(Shared {
            executor: RwLock::new(Some(Arc::clone(&executor))),
            hooks: StopHooks::new(),
            stopping: AtomicBool::new(false),
            jobs: AtomicUsize::new(0),
            crew: Crew::new(self.name, count),
        });
        let owner = BuiltinRuntime {
            handle: Builtin(Arc::clone(&shared)),
        };
        for _ in 0..count {
            crew::start(&shared, &executor)?;
        }
        Ok(owner)
    }
}

impl BuiltinRuntime {
    /// Starts a runtime with one executor thread for each core.
    ///
    /// # Panics
    ///
    /// If the operating system cannot start a thread; [`Builder::build`] returns that as an error.
    #[expect(clippy::new_without_default, reason = "starting threads is no default")]
    pub fn new() -> Self {
        Self::builder()
            .build()
            .expect("the operating system can start a thread")
    }

    /// Begins the settings for a runtime.
    pub fn builder() -> Builder {
        Builder {
            threads: None,
            name: "anyrt".into(),
        }
    }

    /// Returns the handle.
    pub fn handle(&self) -> &Builtin {
        &self.handle
    }

    /// Ends the runtime and waits up to `timeout` for its threads and jobs.
    ///
    /// The jobs are the blocking ones, those in the queue included. Tasks are dropped where they are
    /// suspended; their handles say *lost*. Called from one of the runtime's own threads, it does not
    /// wait for that thread, which is then counted as left.
    pub fn shutdown(mut self, timeout: Duration) -> ShutdownReport {
        self.end(timeout, true)
    }

    /// Ends the runtime. The second call, by the drop after a shutdown, has nothing to do.
    fn end(&mut self, timeout: Duration, and_jobs: bool) -> ShutdownReport {
        let shared = Arc::clone(&self.handle.0);
        shared.hooks.end();
        let started = Instant::now();

        shared.stopping.store(true, Ordering::Release);
        shared.crew.stop();
        let executor = shared
            .executor
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if executor.is_none() {
            return ShutdownReport::new(0, 0, Duration::ZERO);
        }
        // Drops the tasks here if the threads are gone already; else the last of them does.
        drop(executor);

        let jobs = || shared.jobs.load(Ordering::Acquire);
        let threads_left = shared.crew.wait(|| {
            let left = timeout.saturating_sub(started.elapsed());
            (left, and_jobs && jobs() > 0)
        });
        ShutdownReport::new(threads_left, jobs(), started.elapsed())
    }
}

impl Drop for BuiltinRuntime {
    fn drop(&mut self) {
        let _ = self.end(PATIENCE, false);
    }
}

impl fmt::Debug for BuiltinRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltinRuntime")
            .field("threads", &self.handle.0.crew.size())
            .finish_non_exhaustive()
    }
}
