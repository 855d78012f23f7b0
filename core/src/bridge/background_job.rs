//! A job in the background: its handle, and its place among the others.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::background::Pool;
use super::idle::idle_runtime;
use super::{on_thread, park};
use crate::clock::current;
use crate::region::flat::flat;
use crate::region::state::flag;
use crate::region::{Member, Region, frame, runtime_of};
use crate::runtime::{Drive, Timer, after};
use crate::task::{Job, JoinError, Task};
use crate::thread::ThreadCache;

/// A job on a thread in the background; made by [`BackgroundThreads::start`](crate::BackgroundThreads::start).
///
/// It is a future of the job's outcome, and sync code waits for it with [`wait`](BackgroundJob::wait) and
/// [`wait_timeout`](BackgroundJob::wait_timeout).
///
/// **Dropping it abandons the job**, also by a timeout around it: nobody waits for it any more, so it takes no
/// place that others may have, and is not waited for at the end of its
/// [`BackgroundThreads`](crate::BackgroundThreads). One that has not begun never does.
/// [`detach`](BackgroundJob::detach) lets it run as one of them.
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{AtDrop, BackgroundThreads, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let threads = BackgroundThreads::new(AtDrop::Abandon).limit(1);
/// let (end, ends) = std::sync::mpsc::channel::<()>();
/// let owner = BuiltinRuntime::new();
/// owner.block_on(async {
///     let hangs = threads.start(move || ends.recv());
///     assert!(hangs.timeout(owner.handle(), Duration::ZERO).await.is_err());
///     // Its place is free, though it still hangs.
///     assert_eq!(threads.start(|| 5).await.unwrap(), 5);
/// });
/// # drop(end);
/// ```
#[must_use = "dropping it abandons the job: await it, or call `detach()`"]
#[doc(alias = "ThreadFuture")]
pub struct BackgroundJob<T> {
    task: Task<T>,
    /// `None` once it is detached.
    ticket: Option<Ticket>,
}

impl<T> BackgroundJob<T> {
    /// Waits on this thread until the job is over, and gives its outcome.
    ///
    /// In a job of a virtual clock or a simulator this is exact, and takes no time.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: the job panicked, was cancelled before it began, or had no thread.
    ///
    /// # Panics
    ///
    /// In async code, whose thread it would block: await it there.
    #[track_caller]
    pub fn wait(mut self) -> Result<T, JoinError> {
        guard();
        park::block(&mut self)
    }

    /// Does as [`wait`](BackgroundJob::wait) for at most this long. `None`: it is not over, and runs on.
    ///
    /// The time is that of the clock or simulator that runs the calling job, else real. The job is not
    /// abandoned: it can be waited for again.
    ///
    /// # Errors
    ///
    /// As [`wait`](BackgroundJob::wait) gives.
    ///
    /// # Panics
    ///
    /// In async code; and when it is called again after it gave an outcome.
    #[track_caller]
    #[doc(alias = "result")]
    pub fn wait_timeout(&mut self, timeout: Duration) -> Option<Result<T, JoinError>> {
        guard();
        let owner = idle_runtime();
        let rt = owner.handle();
        let mut sleep = pin!(rt.sleep_until(after(rt.now(), timeout)));
        owner.drive(poll_fn(|cx| {
            // The job first: what has come at the last moment has come.
            if let Poll::Ready(outcome) = Pin::new(&mut *self).poll(cx) {
                return Poll::Ready(Some(outcome));
            }
            sleep.as_mut().poll(cx).map(|()| None)
        }))
    }

    /// Says that nobody waits for the job any more. Its handle stays, and gives the outcome if there is one.
    ///
    /// See [`BackgroundThreads`](crate::BackgroundThreads) for what that means. Again it changes nothing, and so
    /// it does when the job is over.
    pub fn abandon(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.pool.abandon(ticket.number);
        }
    }

    /// Returns whether the job was abandoned.
    pub fn is_abandoned(&self) -> bool {
        let ticket = self.ticket.as_ref();
        ticket.is_some_and(|ticket| ticket.who.abandoned.load(Ordering::Acquire))
    }

    /// Returns whether the job is over.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Lets the job run without a handle. A panic of it goes to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    pub fn detach(mut self) {
        self.ticket = None;
    }
}

#[track_caller]
fn guard() {
    assert!(
        !frame::is_polling(),
        "a background job was waited for inside async code, whose thread that would block: `.await` the job"
    );
}

impl<T> Future for BackgroundJob<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx)
    }
}

impl<T> Drop for BackgroundJob<T> {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl<T> fmt::Debug for BackgroundJob<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundJob")
            .field("location", &format_args!("{}", self.task.location()))
            .field("finished", &self.is_finished())
            .field("abandoned", &self.is_abandoned())
            .finish_non_exhaustive()
    }
}

/// A place among the jobs of a pool.
struct Ticket {
    pool: Arc<Pool>,
    number: u64,
    who: Arc<Who>,
}

/// Which job it is, to the pool.
pub(super) struct Who {
    member: Arc<dyn Member>,
    abandoned: AtomicBool,
}

impl Who {
    pub(super) fn region(&self) -> &Region {
        self.member.region()
    }

    /// Tells the job that nobody waits for it: it may look, and if it has not begun it never does.
    pub(super) fn tell(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.region().ask(None);
    }
}

/// A job that has its handle, and no thread yet.
pub(super) struct Started {
    pub(super) number: u64,
    pub(super) who: Arc<Who>,
    go: Box<dyn FnOnce(Go) + Send>,
}

enum Go {
    OnThread,
    /// Asked to stop already: it does not run.
    Nowhere,
}

impl Started {
    /// Gives it a thread. Where there is none, it is lost.
    pub(super) fn run(self) {
        // Whoever finds no thread gives its place to the next, who finds none either.
        flat(move || (self.go)(Go::OnThread));
    }

    /// Ends it without having run it.
    pub(super) fn refuse(self) {
        self.who.tell();
        // It may hold the handle of the one before.
        flat(move || (self.go)(Go::Nowhere));
    }
}

/// The job is over when this is dropped, and with it what nobody receives of it.
struct Over {
    pool: Arc<Pool>,
    number: u64,
    who: Arc<Who>,
}

impl Over {
    /// The function has returned: the next one may begin.
    fn leave_place(&self) {
        self.pool.leave_place(self.number);
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        self.pool.over(self.number);
    }
}

pub(super) fn prepared<F, T>(
    pool: &Arc<Pool>,
    location: &'static Location<'static>,
    f: F,
) -> (BackgroundJob<T>, Started)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let around = frame::current();
    let rt = around.as_ref().and_then(runtime_of);
    let cell = on_thread::cell(rt.clone(), None, location, around.as_ref());
    let number = pool.number();
    let job = Job::new(|| on_thread::inside(rt, f), Arc::clone(&cell) as _);
    let keeper = current::current();
    let who = Arc::new(Who {
        member: Arc::clone(&cell) as _,
        abandoned: AtomicBool::new(false),
    });
    let over = Over {
        pool: Arc::clone(pool),
        number,
        who: Arc::clone(&who),
    };
    let started = Started {
        number,
        who: Arc::clone(&who),
        go: Box::new(move |go| match go {
            Go::OnThread => {
                on_thread::hand_over(job, keeper, None, ThreadCache::global(), move |worker| {
                    // First: the next one has this thread. Not where nobody receives the value, as that is dropped
                    // here next, and may wait for somebody who has been given this thread.
                    let is_received = !over.who.region().has(flag::NO_HANDLE);
                    if let Some(worker) = worker.filter(|_| is_received) {
                        worker.list();
                    }
                    over.leave_place();
                    over
                });
            }
            Go::Nowhere => job.run_and(|| drop(over)),
        }),
    };
    let job = BackgroundJob {
        task: Task::new(cell),
        ticket: Some(Ticket {
            pool: Arc::clone(pool),
            number,
            who,
        }),
    };
    (job, started)
}
