//! Background threads: one for each job, an owner that decides what becomes of them, and a limit if wanted.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::sync::{Arc, PoisonError};
use std::task::{Poll, Waker};

use super::abandoned::Listed;
use super::background_job::{BackgroundJob, Started, Who, prepared};
use super::park;
use crate::clock::current;
use crate::region::contain::{contain, discard};
use crate::region::{frame, is_inside};
use crate::sync::{Mutex, MutexGuard};

/// Threads in the background, and who decides what becomes of them.
///
/// Each [job](BackgroundThreads::start) has a thread of its own; threads that are free are used again. Its
/// handle is a future, and waits for sync code too. Without a [limit](BackgroundThreads::limit) no job waits for
/// another one to end.
///
/// Dropping this closes it, and does with the jobs that are left what was said:
///
/// | | those that run | those that wait for a thread | the drop |
/// |---|---|---|---|
/// | [`AtDrop::Abandon`] | are abandoned | never run, and their handles say *cancelled* | returns at once |
/// | [`AtDrop::NoWait`] | run on | run when it is their turn | returns at once |
/// | [`AtDrop::Wait`] | run to their ends | run when it is their turn | waits for all |
///
/// An *abandoned* job is one that nobody waits for any more, because of this or because its handle was
/// [dropped](BackgroundJob). Its thread runs on, as nothing can stop it, but
/// [`cancel_requested`](crate::cancel_requested) is true there, it counts against no limit, and the drop does
/// not wait for it. It is in [`abandoned_threads`](crate::abandoned_threads). No thread keeps the process
/// alive when `main` has ended.
///
/// A job sees the [`ContextVar`](crate::ContextVar)s and the runtime of the code that started it. For async work,
/// start `move || block(work)`, with [`block`](crate::block).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{AtDrop, BackgroundThreads};
///
/// let threads = BackgroundThreads::new(AtDrop::Wait);
/// let (answer, asked) = std::sync::mpsc::channel();
/// let mut slow = threads.start(move || asked.recv());
///
/// assert!(slow.wait_timeout(Duration::ZERO).is_none()); // it runs on
/// answer.send(42).unwrap();
/// assert_eq!(slow.wait().unwrap(), Ok(42));
/// ```
#[doc(alias = "ThreadExecutor")]
#[doc(alias = "ThreadPoolExecutor")]
#[must_use = "dropped, it does with its jobs what it was told: keep it"]
pub struct BackgroundThreads {
    pool: Arc<Pool>,
    at_drop: AtDrop,
}

/// What becomes of the jobs that are left when a [`BackgroundThreads`] is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "ExitOption")]
pub enum AtDrop {
    /// Those that run are abandoned, those that wait for a thread never run.
    #[default]
    Abandon,
    /// They run to their ends, and nobody waits.
    NoWait,
    /// They run to their ends, and the drop waits for them. In async code it does not: that would block the thread
    /// which runs it.
    Wait,
}

impl BackgroundThreads {
    /// Makes one without jobs; no thread is started for it.
    pub fn new(at_drop: AtDrop) -> Self {
        BackgroundThreads {
            pool: Arc::new(Pool {
                state: Mutex::new(State::default()),
            }),
            at_drop,
        }
    }

    /// Lets at most so many jobs run at once; others wait, and begin in the order in which they were started.
    ///
    /// Zero counts as one. A job that waits for one that waits for a thread may wait for ever: that is what
    /// limits do, and why there is none if it is not said. [`try_start`](BackgroundThreads::try_start) never
    /// waits for a thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{AtDrop, BackgroundThreads};
    ///
    /// let threads = BackgroundThreads::new(AtDrop::Wait).limit(1);
    /// let (end, ends) = std::sync::mpsc::channel::<()>();
    /// threads.start(move || ends.recv()).detach();
    /// assert!(threads.would_queue());
    /// assert!(threads.try_start(|| ()).is_err());
    /// end.send(()).unwrap();
    /// ```
    pub fn limit(self, most: usize) -> Self {
        let mut state = self.pool.state();
        state.limit = Some(most.max(1));
        let next = state.next();
        drop(state);
        next.go();
        self
    }

    /// Starts a job on a thread of its own.
    ///
    /// Closed, it gives a job that is cancelled. Where the operating system starts no thread, the job is *lost*.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{AtDrop, BackgroundThreads};
    ///
    /// let threads = BackgroundThreads::new(AtDrop::Abandon);
    /// assert_eq!(threads.start(|| 6 * 7).wait().unwrap(), 42);
    /// ```
    #[track_caller]
    #[doc(alias = "submit")]
    #[doc(alias = "queue_background_thread")]
    pub fn start<F, T>(&self, f: F) -> BackgroundJob<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (job, started) = prepared(&self.pool, Location::caller(), f);
        self.pool.start(started);
        job
    }

    /// Starts a job on a thread of its own, if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`NotStarted`] with the closure: it would have to wait for a thread, or this is closed.
    #[track_caller]
    pub fn try_start<F, T>(&self, f: F) -> Result<BackgroundJob<T>, NotStarted<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.pool.take_place() {
            Ok(()) => {
                let (job, started) = prepared(&self.pool, Location::caller(), f);
                self.pool.start_in_place(started);
                Ok(job)
            }
            Err(why) => Err(NotStarted { f, why }),
        }
    }

    /// Returns whether a job that is started now would wait for a thread.
    pub fn would_queue(&self) -> bool {
        let state = self.pool.state();
        state.is_full() || !state.queue.is_empty()
    }

    /// Returns how many jobs run, those not counted that were abandoned.
    pub fn running(&self) -> usize {
        self.pool.state().running.len()
    }

    /// Returns how many jobs wait for a thread.
    pub fn queued(&self) -> usize {
        self.pool.state().queue.len()
    }

    /// Takes no more jobs, and does with those that are left as if this were dropped with `how`.
    ///
    /// Calling it again is fine.
    ///
    /// # Panics
    ///
    /// With [`AtDrop::Wait`] in async code, where it would block the thread that runs it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{AtDrop, BackgroundThreads};
    ///
    /// let threads = BackgroundThreads::new(AtDrop::Abandon);
    /// let job = threads.start(|| 5);
    /// threads.shutdown(AtDrop::Wait);
    /// assert_eq!(job.wait().unwrap(), 5);
    /// assert!(threads.start(|| 6).wait().unwrap_err().is_cancelled());
    /// ```
    #[track_caller]
    pub fn shutdown(&self, how: AtDrop) {
        assert!(
            how != AtDrop::Wait || !frame::is_polling(),
            "`BackgroundThreads::shutdown` was told to wait in async code, whose thread it would block: call \
             it in `to_thread(..)`, or await the jobs"
        );
        self.pool.close(how);
    }
}

impl Drop for BackgroundThreads {
    fn drop(&mut self) {
        if self.pool.state().closed {
            // What becomes of the jobs has been said.
            return;
        }
        let how = match self.at_drop {
            AtDrop::Wait if frame::is_polling() => AtDrop::NoWait,
            how => how,
        };
        self.pool.close(how);
    }
}

impl fmt::Debug for BackgroundThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.pool.state();
        f.debug_struct("BackgroundThreads")
            .field("at_drop", &self.at_drop)
            .field("running", &state.running.len())
            .field("queued", &state.queue.len())
            .finish_non_exhaustive()
    }
}

/// A job was not started; and its closure.
///
/// # Examples
///
/// ```
/// use anyrt::{AtDrop, BackgroundThreads};
///
/// let threads = BackgroundThreads::new(AtDrop::Abandon);
/// threads.shutdown(AtDrop::Abandon);
/// let refused = threads.try_start(|| 5).unwrap_err();
/// assert!(refused.is_closed());
/// assert_eq!(refused.into_inner()(), 5);
/// ```
pub struct NotStarted<F> {
    f: F,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Closed,
    Full,
}

impl<F> NotStarted<F> {
    /// Returns the closure, which was not run.
    pub fn into_inner(self) -> F {
        self.f
    }

    /// Returns whether the owner of the threads was closed.
    pub fn is_closed(&self) -> bool {
        self.why == Why::Closed
    }

    /// Returns whether the job would have had to wait for a thread.
    pub fn would_queue(&self) -> bool {
        self.why == Why::Full
    }
}

impl<F> fmt::Debug for NotStarted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotStarted")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Display for NotStarted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.why {
            Why::Closed => "the job was not started: its background threads are closed",
            Why::Full => "the job was not started: it would have to wait for a thread",
        })
    }
}

impl<F> std::error::Error for NotStarted<F> {}

/// What the owner and its jobs share.
pub(super) struct Pool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    limit: Option<usize>,
    /// How many jobs there have been.
    numbers: u64,
    /// Places that are taken, by jobs which are about to be made.
    taken: usize,
    /// Those that run, or are about to, and are not abandoned.
    running: BTreeMap<u64, Arc<Who>>,
    /// Those that wait for a place, by number.
    queue: BTreeMap<u64, Started>,
    /// Those that run though nobody waits.
    abandoned: BTreeMap<u64, Listed>,
    /// Those that have returned, and whose outcome nobody knows yet.
    ending: BTreeMap<u64, Arc<Who>>,
    closed: bool,
    /// Who waits until none is left.
    waiting: Vec<Waker>,
}

impl State {
    fn is_full(&self) -> bool {
        let busy = self.running.len() + self.taken;
        self.limit.is_some_and(|limit| busy >= limit)
    }

    /// Whether there are none but those in `spare`.
    fn is_empty_but(&self, spare: &[u64]) -> bool {
        let mut left = self.running.keys().chain(self.ending.keys());
        self.queue.is_empty() && self.taken == 0 && left.all(|number| spare.contains(number))
    }

    /// Those that have a place now.
    fn next(&mut self) -> Next {
        let mut next = Next::default();
        while !self.is_full() {
            let Some((_, started)) = self.queue.pop_first() else {
                break;
            };
            self.admit(&started);
            next.started.push(started);
        }
        // Each looks for itself: some wait for all but their own.
        next.wakers = std::mem::take(&mut self.waiting);
        next
    }

    fn admit(&mut self, started: &Started) {
        let who = Arc::clone(&started.who);
        self.running.insert(started.number, who);
    }

    /// Takes one from those that run.
    fn abandon(&mut self, number: u64) -> Option<Arc<Who>> {
        let who = self.running.remove(&number)?;
        let region = who.region();
        let listed = Listed::new(region.name(), region.location());
        self.abandoned.insert(number, listed);
        Some(who)
    }
}

/// What follows when there is a place: done when the lock is gone.
#[derive(Default)]
#[must_use = "the next ones wait"]
struct Next {
    started: Vec<Started>,
    wakers: Vec<Waker>,
}

impl Next {
    fn go(self) {
        self.started.into_iter().for_each(Started::run);
        for waker in self.wakers {
            if let Err(payload) = contain(|| waker.wake()) {
                discard(payload);
            }
        }
    }
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a new job.
    pub(super) fn number(&self) -> u64 {
        let mut state = self.state();
        state.numbers += 1;
        state.numbers
    }

    /// Runs a job, or puts it into the queue, or refuses it.
    fn start(&self, started: Started) {
        let mut state = self.state();
        if state.closed {
            drop(state);
            return started.refuse();
        }
        let before = state.queue.insert(started.number, started);
        debug_assert!(before.is_none(), "a number is of one job");
        let next = state.next();
        drop(state);
        next.go();
    }

    /// Takes a place for a job that is about to be made.
    fn take_place(&self) -> Result<(), Why> {
        let mut state = self.state();
        if state.closed {
            return Err(Why::Closed);
        }
        // Who waits already comes first.
        if state.is_full() || !state.queue.is_empty() {
            return Err(Why::Full);
        }
        state.taken += 1;
        Ok(())
    }

    /// Runs the job that a place was taken for.
    fn start_in_place(&self, started: Started) {
        let mut state = self.state();
        state.taken -= 1;
        state.admit(&started);
        drop(state);
        started.run();
    }

    /// A function has returned: another may have its place.
    pub(super) fn leave_place(&self, number: u64) {
        let mut state = self.state();
        let listed = state.abandoned.remove(&number);
        let who = state.running.remove(&number);
        let before = who.and_then(|who| state.ending.insert(number, who));
        let next = state.next();
        drop(state);
        drop((before, listed));
        next.go();
    }

    /// A job is over, or was dropped.
    pub(super) fn over(&self, number: u64) {
        let mut state = self.state();
        let listed = state.abandoned.remove(&number);
        let who = state.running.remove(&number);
        let ending = state.ending.remove(&number);
        let next = state.next();
        drop(state);
        drop((who, ending, listed));
        next.go();
    }

    /// Nobody waits for a job any more.
    pub(super) fn abandon(&self, number: u64) {
        let mut state = self.state();
        let running = state.abandon(number);
        let queued = state.queue.remove(&number);
        let next = state.next();
        drop(state);
        if let Some(who) = running {
            who.tell();
        }
        if let Some(started) = queued {
            started.refuse();
        }
        next.go();
    }

    fn close(&self, how: AtDrop) {
        let mut state = self.state();
        state.closed = true;
        match how {
            AtDrop::NoWait => {}
            AtDrop::Abandon => {
                let queue = std::mem::take(&mut state.queue);
                let numbers: Vec<_> = state.running.keys().copied().collect();
                let running: Vec<_> = numbers
                    .into_iter()
                    .filter_map(|number| state.abandon(number))
                    .collect();
                let next = state.next();
                drop(state);
                for who in running {
                    who.tell();
                }
                queue.into_values().for_each(Started::refuse);
                next.go();
            }
            AtDrop::Wait => {
                // Those that this thread itself runs do not end before this returns.
                let all = state.running.iter().chain(&state.ending);
                let all: Vec<_> = all
                    .map(|(number, who)| (*number, Arc::clone(who)))
                    .collect();
                drop(state);
                let own = all.iter().filter(|(_, who)| is_inside(who.region()));
                let own: Vec<u64> = own.map(|(number, _)| *number).collect();
                drop(all);
                if current::current().is_some_and(|keeper| keeper.is_over()) {
                    // Nothing comes to its end there any more.
                    return;
                }
                park::block(poll_fn(|cx| {
                    let waker = cx.waker().clone();
                    let mut state = self.state();
                    if state.is_empty_but(&own) {
                        drop(state);
                        drop(waker);
                        return Poll::Ready(());
                    }
                    state.waiting.push(waker);
                    Poll::Pending
                }));
            }
        }
    }
}
