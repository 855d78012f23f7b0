//! An elastic cache of threads: no cap, idle ones are used again, and go after a while.
//!
//! A job needs a seat first. A seat is the promise of a thread: an idle one, or a new one. So nobody has to
//! take a job back out of a queue when the operating system starts no thread.

use std::any::Any;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use super::moment::yielding;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// How often a thread looks for its next job before it sleeps: that takes about as long as to wake it.
const LOOKS: usize = 200;

/// How long an idle thread stays.
const KEEP: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce(&Worker<'_>) + Send>;

/// Starts a thread with a name.
type Start = dyn Fn(String, Box<dyn FnOnce() + Send>) -> io::Result<()> + Send + Sync;

/// An elastic cache of threads. Dropping it lets its idle threads go; what is queued is run first.
pub(crate) struct ThreadCache {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// How many jobs are in the queue, for who looks.
    queued: AtomicUsize,
    start: Box<Start>,
    keep: Duration,
    name: Cow<'static, str>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// The bells of those who wait, the last to come at the end: it is rung first, so that the others
    /// wait long enough to go.
    waiting: Vec<Arc<Condvar>>,
    /// Threads that live or are being started.
    threads: usize,
    /// Threads that are being started: they may come to nothing.
    starting: usize,
    /// Threads that run no job, those being started included.
    resting: usize,
    /// Seats, and jobs in the queue. At most as many as rest, but where a thread could not be started.
    promised: usize,
    closed: bool,
    /// How many threads there have been, for their names.
    numbers: usize,
    /// A thread looks for a job: one at a time, as each would take a core.
    looking: bool,
}

/// What a cache is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// Threads that live or are being started.
    pub(crate) threads: usize,
    /// Threads that run no job and are promised to none.
    pub(crate) idle: usize,
    /// Jobs that wait for a thread.
    pub(crate) queued: usize,
}

/// No thread could be started, and none lives.
#[derive(Debug)]
pub(crate) struct NoThread(io::Error);

impl fmt::Display for NoThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system starts no thread")
    }
}

impl std::error::Error for NoThread {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl ThreadCache {
    /// The cache of the process.
    pub(crate) fn global() -> &'static ThreadCache {
        static GLOBAL: OnceLock<ThreadCache> = OnceLock::new();
        GLOBAL.get_or_init(|| ThreadCache::new("anyrt-job", KEEP))
    }

    /// A cache of its own. Idle threads go after `keep`.
    pub(crate) fn new(name: impl Into<Cow<'static, str>>, keep: Duration) -> Self {
        Self::started_by(name, keep, |name, work| {
            let thread = std::thread::Builder::new().name(name).spawn(work);
            thread.map(drop)
        })
    }

    /// A cache whose threads are started by `start`.
    pub(crate) fn started_by(
        name: impl Into<Cow<'static, str>>,
        keep: Duration,
        start: impl Fn(String, Box<dyn FnOnce() + Send>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        ThreadCache {
            shared: Arc::new(Shared {
                state: Mutex::new(State::default()),
                queued: AtomicUsize::new(0),
                start: Box::new(start),
                keep,
                // The system takes no other names, and a name is no reason to fail.
                name: Cow::Owned(name.into().replace('\0', "")),
            }),
        }
    }

    /// Promises a thread: an idle one, a new one, or, where none can be started, the next that is free.
    ///
    /// # Errors
    ///
    /// No thread can be started, and none lives that could become free.
    pub(crate) fn reserve(&self) -> Result<Seat, NoThread> {
        let shared = &self.shared;
        let mut state = shared.lock();
        state.promised += 1;
        let seat = Seat {
            shared: Some(Arc::clone(shared)),
        };
        if state.resting >= state.promised {
            return Ok(seat);
        }
        state.threads += 1;
        state.starting += 1;
        state.resting += 1;
        state.numbers += 1;
        let name = format!("{}-{}", shared.name, state.numbers);
        // Starting a thread takes long, and others want to hand over their jobs.
        drop(state);
        let work = {
            let shared = Arc::clone(shared);
            Box::new(move || shared.work())
        };
        let Err(error) = (shared.start)(name, work) else {
            return Ok(seat);
        };
        let mut state = shared.lock();
        state.threads -= 1;
        state.starting -= 1;
        state.resting -= 1;
        // Not those being started: they might rely on each other, and none come.
        let one_lives = state.threads > state.starting;
        drop(state);
        match one_lives {
            true => Ok(seat),
            false => Err(NoThread(error)),
        }
    }

    /// Runs `job` on a thread of the cache.
    ///
    /// # Errors
    ///
    /// Gives the job back if there is no thread for it.
    pub(crate) fn run<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
        match self.reserve() {
            Ok(seat) => {
                seat.run(|_| job());
                Ok(())
            }
            Err(_) => Err(job),
        }
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let state = self.shared.lock();
        Statistics {
            threads: state.threads,
            idle: state.resting.saturating_sub(state.promised),
            queued: state.queue.len(),
        }
    }
}

impl fmt::Debug for ThreadCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadCache")
            .field(&self.statistics())
            .finish()
    }
}

impl Drop for ThreadCache {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        for bell in state.waiting.drain(..) {
            bell.notify_one();
        }
    }
}

/// The promise of a thread. Dropped without a job, the thread is idle.
#[must_use = "a thread waits for its job"]
pub(crate) struct Seat {
    /// `None` once the job is handed over.
    shared: Option<Arc<Shared>>,
}

impl Seat {
    /// Hands the job over. A panic of it ends in the thread. Returns whether a thread is awake that has it next.
    pub(crate) fn run<F: FnOnce(&Worker<'_>) + Send + 'static>(mut self, job: F) -> bool {
        let job: Job = Box::new(job);
        let Some(shared) = self.shared.take() else {
            return false;
        };
        let mut state = shared.lock();
        state.queue.push_back(job);
        shared.count(&state);
        let is_awake = state.looking && state.queue.len() == 1;
        // Who looks finds it.
        let bell = match is_awake {
            true => None,
            false => state.waiting.pop(),
        };
        drop(state);
        // Not under the lock, where it would be waited for at once.
        if let Some(bell) = bell {
            bell.notify_one();
        }
        is_awake
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            let mut state = shared.lock();
            state.promised -= 1;
            if state.closed {
                // It stayed for this seat.
                state.ring();
            }
        }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

/// The thread that a job runs on.
pub(crate) struct Worker<'a> {
    shared: &'a Shared,
    listed: Cell<bool>,
}

impl Worker<'_> {
    /// Lists this thread as idle, before the job is quite over.
    ///
    /// For a job that has its result and is about to publish it: whoever is told by that, and has another
    /// job, finds this thread. What comes after must be short.
    pub(crate) fn list(&self) {
        if !self.listed.replace(true) {
            self.shared.lock().resting += 1;
        }
    }
}

impl fmt::Debug for Worker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("listed", &self.listed)
            .finish_non_exhaustive()
    }
}

impl State {
    fn ring(&mut self) {
        if let Some(bell) = self.waiting.pop() {
            bell.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does all its life.
    fn work(&self) {
        self.lock().starting -= 1;
        let bell = Arc::new(Condvar::new());
        while let Some(job) = self.next(&bell) {
            let worker = Worker {
                shared: self,
                listed: Cell::new(false),
            };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job(&worker))) {
                discard(payload);
            }
            worker.list();
        }
    }

    fn count(&self, state: &State) {
        self.queued.store(state.queue.len(), Ordering::Release);
    }

    /// Looks for a job for a moment: jobs often come one after the other, and to sleep and be woken takes
    /// longer than most of them.
    fn look<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.looking = true;
        drop(state);
        yielding(LOOKS, || self.queued.load(Ordering::Acquire) > 0);
        let mut state = self.lock();
        state.looking = false;
        state
    }

    /// Waits for a job. `None`: for too long.
    fn next(&self, bell: &Arc<Condvar>) -> Option<Job> {
        let mut state = self.lock();
        let mut has_waited = false;
        let mut has_looked = false;
        loop {
            if let Some(job) = state.queue.pop_front() {
                self.count(&state);
                state.promised -= 1;
                state.resting -= 1;
                return Some(job);
            }
            if !has_looked && !state.looking && !state.closed {
                has_looked = true;
                state = self.look(state);
                continue;
            }
            let is_spare = state.resting > state.promised;
            if is_spare && (has_waited || state.closed) {
                state.resting -= 1;
                state.threads -= 1;
                return None;
            }
            state.waiting.push(Arc::clone(bell));
            let (woken, result) = bell
                .wait_timeout(state, self.keep)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            has_waited = result.timed_out();
            // Who rang has taken the bell.
            state.waiting.retain(|other| !Arc::ptr_eq(other, bell));
        }
    }
}

/// Drops what a job panicked with. One whose destructor panics too is given up on.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}
