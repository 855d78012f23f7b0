//! Starting and ending a built-in runtime.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_executor::Executor;
use event_listener::Event;

use super::{Builtin, ShutdownReport, StopHooks};

/// How long a dropped runtime waits for a thread that is inside a poll.
const PATIENCE: Duration = Duration::from_secs(10);

/// A runtime of its own: executor threads, and the tasks on them.
///
/// The owner. Dropping it ends the runtime: tasks are dropped (their handles say *lost*) and the
/// executor threads have ended when the drop returns. It waits at most ten seconds for a thread that
/// is stuck inside a poll, and not at all for the thread it is dropped on.
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
    threads: Vec<JoinHandle<()>>,
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
    stop: Event,
    /// Blocking jobs that wait or run.
    jobs: AtomicUsize,
    /// Executor threads that live.
    live: Mutex<usize>,
    ended: Condvar,
}

thread_local! {
    /// Set on executor threads, while they work.
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// What an executor thread works for.
struct Worker {
    shared: Arc<Shared>,
    executor: Arc<Executor<'static>>,
}

impl Worker {
    /// Spawns on the runtime that this thread works for, if that is `shared` and it goes on; else
    /// gives the future back. Saves the lock, which costs a twentieth of the whole spawn.
    fn spawn<F>(shared: &Shared, future: F) -> Option<F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut future = Some(future);
        // On a thread that is ending there is no worker any more.
        let _ = WORKER.try_with(|worker| {
            let worker = worker.borrow();
            let Some(worker) = &*worker else { return };
            if std::ptr::eq(&*worker.shared, shared) && !shared.stopping.load(Ordering::Acquire) {
                if let Some(future) = future.take() {
                    worker.executor.spawn(future).detach();
                }
            }
        });
        future
    }
}

impl Shared {
    pub(super) fn has_several_threads(&self) -> bool {
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) > 1
    }

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
        if self.stopping.load(Ordering::Acquire) {
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

    /// Runs tasks until the runtime stops.
    fn work(&self, executor: &Executor<'static>) {
        let stopped = async {
            loop {
                let listener = self.stop.listen();
                if self.stopping.load(Ordering::Acquire) {
                    return;
                }
                listener.await;
            }
        };
        async_io::block_on(executor.run(stopped));
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
        // Under the lock, or a shutdown that is about to wait would miss it.
        drop(self.0.live.lock());
        self.0.ended.notify_all();
    }
}

/// One executor thread in the count.
struct Live(Arc<Shared>);

impl Live {
    fn new(shared: Arc<Shared>) -> Self {
        *shared.live.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Live(shared)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        *self.0.live.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.ended.notify_all();
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
            stop: Event::new(),
            jobs: AtomicUsize::new(0),
            live: Mutex::new(0),
            ended: Condvar::new(),
        });
        let mut owner = BuiltinRuntime {
            handle: Builtin(Arc::clone(&shared)),
            threads: Vec::with_capacity(count),
        };
        for number in 0..count {
            // Counted before it starts: it may end at once. Where it does not start, the count is
            // taken back as the closure is dropped.
            let live = Live::new(Arc::clone(&shared));
            let executor = Arc::clone(&executor);
            let thread = thread::Builder::new()
                .name(format!("{}-{number}", self.name))
                .spawn(move || {
                    WORKER.set(Some(Worker {
                        shared: Arc::clone(&live.0),
                        executor: Arc::clone(&executor),
                    }));
                    // A task never unwinds, a foreign waker might.
                    while catch_unwind(AssertUnwindSafe(|| live.0.work(&executor))).is_err() {}
                    // The last to go drops the tasks that are left, and only then counts as gone.
                    // What their destructors spawn finds no worker here.
                    drop(WORKER.take());
                    drop(executor);
                    drop(live);
                })?;
            owner.threads.push(thread);
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
        shared.stop.notify(usize::MAX);
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

        let here = thread::current().id();
        let inside = self.threads.iter().any(|t| t.thread().id() == here);
        let mut live = shared.live.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let jobs = shared.jobs.load(Ordering::Acquire);
            let over = *live == usize::from(inside) && !(and_jobs && jobs > 0);
            let left = timeout.saturating_sub(started.elapsed());
            if over || left.is_zero() {
                break;
            }
            live = shared
                .ended
                .wait_timeout(live, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let threads_left = *live;
        drop(live);

        for thread in self.threads.drain(..) {
            // One that has counted itself out is at its last instruction; others are let go.
            if thread.thread().id() != here && (threads_left == 0 || thread.is_finished()) {
                let _ = thread.join();
            }
        }
        ShutdownReport::new(
            threads_left,
            shared.jobs.load(Ordering::Acquire),
            started.elapsed(),
        )
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
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}
