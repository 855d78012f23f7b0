//! The executor threads, and those that stand in for them while all of them are blocked.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_executor::Executor;
use event_listener::Event;

use super::owner::Shared;

/// How long a stand-in that is not needed stays.
const KEEP: Duration = Duration::from_secs(10);

/// The threads of one runtime.
pub(super) struct Crew {
    name: Cow<'static, str>,
    /// How many there are when nobody stands in.
    size: usize,
    state: Mutex<State>,
    /// The runtime stops.
    stopped: Event,
    /// The same, or a thread is free again: a stand-in may be one too many.
    relieved: Event,
    /// A stand-in is called, or the runtime stops.
    called: Condvar,
    /// A thread or a job has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// How many threads there have been, for their names.
    numbers: usize,
    /// Threads that live or are being started.
    live: usize,
    /// Of these, those that run tasks and are not blocked.
    free: usize,
    /// Stand-ins that wait to be called.
    spare: usize,
    /// Calls that no stand-in has heard yet. Who is called is free already, and spare no more.
    calls: usize,
    threads: Vec<JoinHandle<()>>,
}

thread_local! {
    /// Set on executor threads, while they work.
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// What an executor thread works for.
pub(super) struct Worker {
    shared: Arc<Shared>,
    executor: Arc<Executor<'static>>,
    blocked: Cell<bool>,
}

impl Worker {
    /// Spawns on the runtime that this thread works for, if that is `shared` and it goes on; else
    /// gives the future back. Saves the lock, which costs a twentieth of the whole spawn.
    pub(super) fn spawn<F>(shared: &Shared, future: F) -> Option<F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut future = Some(future);
        // On a thread that is ending there is no worker any more.
        let _ = WORKER.try_with(|worker| {
            let worker = worker.borrow();
            let Some(worker) = &*worker else { return };
            if std::ptr::eq(&*worker.shared, shared) && !shared.is_stopping() {
                if let Some(future) = future.take() {
                    worker.executor.spawn(future).detach();
                }
            }
        });
        future
    }

    /// Whether this thread works for `crew`.
    fn is_of(crew: &Crew) -> bool {
        let look = |worker: &RefCell<Option<Worker>>| {
            let worker = worker.borrow();
            worker
                .as_ref()
                .is_some_and(|worker| std::ptr::eq(&worker.shared.crew, crew))
        };
        WORKER.try_with(look).unwrap_or(false)
    }

    /// Marks this thread as blocked, if it works for `shared` and is not.
    fn block(shared: &Shared) -> Option<Arc<Executor<'static>>> {
        let block = |worker: &RefCell<Option<Worker>>| {
            let worker = worker.borrow();
            let worker = worker.as_ref()?;
            let is_news = std::ptr::eq(&*worker.shared, shared) && !worker.blocked.replace(true);
            is_news.then(|| Arc::clone(&worker.executor))
        };
        WORKER.try_with(block).ok().flatten()
    }

    fn unblock() {
        let _ = WORKER.try_with(|worker| {
            if let Some(worker) = &*worker.borrow() {
                worker.blocked.set(false);
            }
        });
    }
}

impl Crew {
    pub(super) fn new(name: Cow<'static, str>, size: usize) -> Self {
        Crew {
            name,
            size,
            state: Mutex::new(State::default()),
            stopped: Event::new(),
            relieved: Event::new(),
            called: Condvar::new(),
            ended: Condvar::new(),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all threads, as the runtime stops.
    pub(super) fn stop(&self) {
        self.stopped.notify(usize::MAX);
        self.relieved.notify(usize::MAX);
        // Under the lock, or a stand-in that is about to wait would miss it.
        drop(self.state());
        self.called.notify_all();
    }

    /// A blocking job has ended.
    pub(super) fn tell_of_an_end(&self) {
        // Under the lock, or a shutdown that is about to wait would miss it.
        drop(self.state());
        self.ended.notify_all();
    }

    /// Waits until no thread is left but the one that asks, and joins them. `more` says for how long, and
    /// whether there is more to wait for. Returns how many are left.
    pub(super) fn wait(&self, more: impl Fn() -> (Duration, bool)) -> usize {
        let here = thread::current().id();
        let mut state = self.state();
        // One that has just been started is not among the threads yet, one that is ending works for nobody.
        let is_listed = state.threads.iter().any(|t| t.thread().id() == here);
        let inside = usize::from(is_listed || Worker::is_of(self));
        loop {
            let (left, is_more) = more();
            if left.is_zero() || (state.live == inside && !is_more) {
                break;
            }
            let waited = self.ended.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let left = state.live;
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        for thread in threads {
            // One that has counted itself out is at its last instruction; others are let go.
            if thread.thread().id() != here && (left == 0 || thread.is_finished()) {
                let _ = thread.join();
            }
        }
        left
    }
}

/// Starts one of the threads that are there all the time.
pub(super) fn start(shared: &Arc<Shared>, executor: &Arc<Executor<'static>>) -> io::Result<()> {
    let mut state = shared.crew.state();
    state.live += 1;
    state.free += 1;
    drop(state);
    launch(shared, executor, false)
}

/// Starts a thread that is counted already, as it may end at once.
fn launch(
    shared: &Arc<Shared>,
    executor: &Arc<Executor<'static>>,
    stands_in: bool,
) -> io::Result<()> {
    // Where it does not start, it is counted out as the closure is dropped.
    let mut live = Live {
        shared: Arc::clone(shared),
        is_free: true,
    };
    let executor = Arc::clone(executor);
    let crew = &shared.crew;
    let number = {
        let mut state = crew.state();
        state.numbers += 1;
        state.numbers - 1
    };
    let thread = thread::Builder::new()
        .name(format!("{}-{number}", crew.name))
        .spawn(move || {
            WORKER.set(Some(Worker {
                shared: Arc::clone(&live.shared),
                executor: Arc::clone(&executor),
                blocked: Cell::new(false),
            }));
            loop {
                // A task never unwinds, a foreign waker might.
                let run = || work(&live.shared, &executor, stands_in);
                while catch_unwind(AssertUnwindSafe(run)).is_err() {}
                if !stands_in || !live.rest() {
                    break;
                }
            }
            // The last to go drops the tasks that are left, and only then counts as gone.
            // What their destructors spawn finds no worker here.
            drop(WORKER.take());
            drop(executor);
            drop(live);
        })?;
    let mut state = crew.state();
    // Stand-ins come and go.
    state.threads.retain(|thread| !thread.is_finished());
    state.threads.push(thread);
    Ok(())
}

/// Runs tasks until the runtime stops, or until whoever stands in may not be needed.
fn work(shared: &Shared, executor: &Executor<'static>, stands_in: bool) {
    let crew = &shared.crew;
    let event = match stands_in {
        true => &crew.relieved,
        false => &crew.stopped,
    };
    let over = async {
        loop {
            let listener = event.listen();
            if shared.is_stopping() || (stands_in && crew.state().free > 1) {
                return;
            }
            listener.await;
        }
    };
    async_io::block_on(executor.run(over));
}

/// One executor thread in the count.
struct Live {
    shared: Arc<Shared>,
    is_free: bool,
}

impl Live {
    /// Lets a stand-in wait until it is needed again. Returns whether it is.
    fn rest(&mut self) -> bool {
        let crew = &self.shared.crew;
        let mut state = crew.state();
        if self.shared.is_stopping() {
            return false;
        }
        if state.free <= 1 {
            // Somebody has been blocked meanwhile.
            return true;
        }
        state.free -= 1;
        state.spare += 1;
        let begun = Instant::now();
        loop {
            if state.calls > 0 {
                state.calls -= 1;
                return true;
            }
            let left = KEEP.saturating_sub(begun.elapsed());
            if left.is_zero() || self.shared.is_stopping() {
                state.spare -= 1;
                self.is_free = false;
                return false;
            }
            let waited = crew.called.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut state = self.shared.crew.state();
        state.live -= 1;
        state.free -= usize::from(self.is_free);
        drop(state);
        self.shared.crew.ended.notify_all();
    }
}

/// Calls `f`, which blocks this thread. If that is the last one that runs tasks, another one stands in.
pub(super) fn blocking<T>(shared: &Arc<Shared>, f: impl FnOnce() -> T) -> T {
    match Worker::block(shared) {
        Some(executor) => {
            let _blocked = Blocked::begin(shared, &executor);
            f()
        }
        // Not a thread of this runtime, or known to be blocked.
        None => f(),
    }
}

/// This thread runs no tasks, until this is dropped.
struct Blocked<'a>(&'a Crew);

impl<'a> Blocked<'a> {
    fn begin(shared: &'a Arc<Shared>, executor: &Arc<Executor<'static>>) -> Self {
        let crew = &shared.crew;
        let blocked = Blocked(crew);
        let mut state = crew.state();
        state.free -= 1;
        if state.free > 0 || shared.is_stopping() {
            return blocked;
        }
        state.free += 1;
        if state.spare > 0 {
            state.spare -= 1;
            state.calls += 1;
            drop(state);
            crew.called.notify_one();
        } else {
            state.live += 1;
            drop(state);
            // Where the system has no thread, tasks wait until this one comes back.
            drop(launch(shared, executor, true));
        }
        blocked
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        Worker::unblock();
        let mut state = self.0.state();
        state.free += 1;
        let is_relief = state.free > 1;
        drop(state);
        if is_relief {
            self.0.relieved.notify(usize::MAX);
        }
    }
}
