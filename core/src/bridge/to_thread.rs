//! Running a sync function on a thread, and awaiting it.

use std::borrow::Cow;
use std::cell::Cell as StdCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::abandoned::Listed;
use super::link::{Link, Stands};
use super::on_thread;
use crate::clock::current::{self, Timekeeper};
use crate::region::{frame, leave_job, runtime_of};
use crate::runtime::AnyRuntime;
use crate::task::{Job, JoinError, Task};
use crate::thread::{Moments, ThreadCache};

/// Runs `f` on a thread, beginning at once, and gives its value when it is awaited.
///
/// For sync code that blocks, called from async code. It runs on a thread of this library's own, of which
/// there are as many as are needed: it never waits for another job to end. (The pools of runtimes have a cap,
/// and where jobs wait for jobs they deadlock.) The thread sees the [`ContextVar`](crate::ContextVar)s and the
/// runtime of the code that called this, and in it [`from_thread`](crate::from_thread) runs async code in the
/// task that awaits: sync and async functions call each other, to any depth.
///
/// ```text
/// task    ── to_thread(f) ── .await ─ ─ ─ ─ polls fut ─ ─ ─ ─ ─ ─ value
/// thread        └── f ──── from_thread(fut) ▔▔▔▔▔▔▔▔▔ result ── end ┘
/// ```
///
/// A thread cannot be stopped. Dropping the future, also by a timeout or a request, *abandons* it and returns
/// at once: the function runs on with nobody waiting, [`cancel_requested`](crate::cancel_requested) is true
/// in it, and its calls to `from_thread` give an error. It is in
/// [`abandoned_threads`](crate::abandoned_threads) until it ends. For work that a scope waits for in any case,
/// spawn a blocking child instead.
///
/// [`result`](ToThread::result) gives a panic, and that there was no thread, as an error. In code that runs in
/// no task of this library there is no runtime to carry over; there, use
/// [`Runtime::to_thread`](crate::Runtime::to_thread).
///
/// # Panics
///
/// With the panic of `f`, when it is awaited; with advice, if the operating system starts no thread and none
/// lives; and when it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, from_thread, prelude::*, to_thread};
///
/// fn parse(text: &str) -> usize {
///     // Sync code, in the middle of which something is async:
///     from_thread(async { tokenize().await }).unwrap() + text.len()
/// }
/// # async fn tokenize() -> usize { 1 }
///
/// BuiltinRuntime::new().block_on(async {
///     assert_eq!(to_thread(|| parse("abc")).await, 4);
/// });
/// ```
#[track_caller]
#[doc(alias = "async_to_sync")]
#[doc(alias = "unblock")]
#[doc(alias = "run_in_executor")]
pub fn to_thread<F, T>(f: F) -> ToThread<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let here = frame::current();
    let rt = here.as_ref().and_then(runtime_of);
    start(rt, None, f)
}

#[track_caller]
pub(crate) fn start<F, T>(
    rt: Option<AnyRuntime>,
    name: Option<Cow<'static, str>>,
    f: F,
) -> ToThread<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let Threaded { mut handle, start } = prepare(rt, name, f);
    handle.set_hot(start.run(ThreadCache::global(), ()));
    handle
}

/// A function that is about to be handed to a thread, and the future of its value.
pub(super) struct Threaded<F: FnOnce() -> T, T: Send + 'static> {
    pub(super) handle: ToThread<T>,
    pub(super) start: Starts<F, T>,
}

pub(super) struct Starts<F: FnOnce() -> T, T: Send + 'static> {
    job: Job<F, T>,
    returns: Returns,
    /// Who counts it: decided where it is submitted, as it may be started by anybody.
    keeper: Option<Arc<dyn Timekeeper>>,
}

#[track_caller]
pub(super) fn prepare<F, T>(
    rt: Option<AnyRuntime>,
    name: Option<Cow<'static, str>>,
    f: F,
) -> Threaded<impl FnOnce() -> T + Send + 'static + use<F, T>, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let around = frame::current();
    let cell = on_thread::cell(rt.clone(), name, Location::caller(), around.as_ref());
    cell.region.set_beneath(around.as_ref());
    let link = Arc::new(Link::new(rt, Stands::here()));
    let job = {
        let link = Arc::clone(&link);
        Job::new(move || with_link(link, f), Arc::clone(&cell) as _)
    };
    Threaded {
        start: Starts {
            job,
            returns: Returns(Arc::clone(&link)),
            keeper: current::current(),
        },
        handle: ToThread {
            task: Task::new(cell),
            link,
            is_hot: false,
            stands: around.map(|_| Stands::here()),
        },
    }
}

impl<F, T> Starts<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    /// Hands the function to a thread, together with what it `holds` until it has returned. One that does not
    /// run reports itself as lost when it is dropped. Returns whether a thread is awake that has it next.
    #[track_caller]
    pub(super) fn run(self, cache: &ThreadCache, holds: impl Send + 'static) -> bool {
        let Starts {
            job,
            returns,
            keeper,
        } = self;
        returns.0.set_begun();
        let rt = returns.0.rt.clone();
        on_thread::hand_over(job, keeper, rt.as_ref(), cache, move |worker| {
            // The thread is free before anybody learns that it is. Not where nobody receives the value: that is
            // dropped here next, and may wait for somebody who has been given this thread.
            let is_received = !returns.0.is_abandoned();
            drop(returns);
            if let Some(worker) = worker.filter(|_| is_received) {
                worker.list();
                drop(holds);
            }
        })
    }
}

/// The function has returned when this is dropped.
struct Returns(Arc<Link>);

impl Drop for Returns {
    fn drop(&mut self) {
        self.0.set_returned();
    }
}

thread_local! {
    static LINK: StdCell<Option<Arc<Link>>> = const { StdCell::new(None) };
}

/// Runs the function of a thread, as part of its runtime.
fn with_link<T>(link: Arc<Link>, f: impl FnOnce() -> T) -> T {
    struct Back(Option<Arc<Link>>);
    impl Drop for Back {
        fn drop(&mut self) {
            let around = self.0.take();
            drop(LINK.try_with(|cell| cell.replace(around)));
        }
    }
    let rt = link.rt.clone();
    let _back = Back(
        LINK.try_with(|cell| cell.replace(Some(link)))
            .ok()
            .flatten(),
    );
    on_thread::inside(rt, f)
}

/// The link of the function that this thread runs.
pub(super) fn link() -> Option<Arc<Link>> {
    let look = |cell: &StdCell<Option<Arc<Link>>>| {
        let link = cell.take();
        let seen = link.clone();
        cell.set(link);
        seen
    };
    LINK.try_with(look).ok().flatten()
}

/// The future of [`to_thread`]: ready when the function has returned.
///
/// Dropping it abandons the thread. Polling it and dropping the poll loses nothing.
#[must_use = "dropping this abandons the thread: await it"]
pub struct ToThread<T> {
    task: Task<T>,
    link: Arc<Link>,
    /// A thread that is awake has it, and it was not yet polled.
    is_hot: bool,
    /// Where it was polled last, to compare.
    stands: Option<Stands>,
}

impl<T> ToThread<T> {
    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Says whether a thread is awake that has the function next.
    pub(super) fn set_hot(&mut self, is_hot: bool) {
        self.is_hot = is_hot;
    }

    /// Gives the outcome instead of the value: a panic, or that there was no thread, as an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, to_thread};
    ///
    /// BuiltinRuntime::new().block_on(async {
    ///     let error = to_thread(|| panic!("no ink")).result().await.unwrap_err();
    ///     assert_eq!(error.panic_message().as_deref(), Some("no ink"));
    /// });
    /// ```
    pub fn result(self) -> ThreadResult<T> {
        ThreadResult { call: self }
    }

    /// Returns whether the function has returned.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Asks the function to stop, and leaves the wait for its end to the region that runs here.
    pub(super) fn stop_and_leave(self) {
        if self.is_finished() || !self.link.abandon(|| None) {
            return;
        }
        let job = self.task.member();
        job.region().ask(None);
        // Nobody receives its outcome from here on.
        drop(self);
        leave_job(job);
    }

    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        if std::mem::take(&mut self.is_hot) {
            static MOMENTS: Moments = Moments::new();
            MOMENTS.spend(|| self.is_finished() || self.link.has_called());
        }
        // Of a call that was stopped the thread may know sooner than the code around the await, which the same
        // request is about to reach: from there on nothing of it runs.
        if self.is_finished() && self.link.is_cut() && frame::is_about_to_stop() {
            return Poll::Pending;
        }
        if let Poll::Ready(result) = Pin::new(&mut self.task).poll(cx) {
            return Poll::Ready(result);
        }
        let here = Stands::here();
        if !self
            .stands
            .as_ref()
            .is_some_and(|before| before.is_same(&here))
        {
            self.task
                .cell()
                .region()
                .set_beneath(frame::current().as_ref());
            self.stands = Some(here.clone());
            self.link.move_to(here);
        }
        Poll::Pending
    }
}

impl<T> Future for ToThread<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match ready!(self.poll_result(cx)) {
            Ok(value) => Poll::Ready(value),
            Err(error) if error.is_panic() => error.resume_unwind(),
            Err(error) if error.is_lost() => panic!(
                "a function never ran: {error}\n  = help: no thread can be started, or its runtime has ended; \
                 await `to_thread(..).result()` to get this as an error"
            ),
            Err(error) => panic!("a thread gives no value: {error}"),
        }
    }
}

impl<T> Drop for ToThread<T> {
    fn drop(&mut self) {
        let region = self.task.cell().region();
        if region.is_done() || self.link.is_abandoned() {
            return;
        }
        let list = || Some(Listed::new(region.name(), region.location()));
        if self.link.abandon(list) {
            region.set_beneath(None);
            // It may look, and if it has not begun it never does.
            region.ask(None);
        }
    }
}

impl<T> fmt::Debug for ToThread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToThread")
            .field("name", &self.task.name())
            .field("location", &format_args!("{}", self.task.location()))
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// The future of [`ToThread::result`].
///
/// Dropping it abandons the thread.
///
/// # Panics
///
/// When it is polled again after it was ready.
#[must_use = "dropping this abandons the thread: await it"]
pub struct ThreadResult<T> {
    call: ToThread<T>,
}

impl<T> Future for ThreadResult<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.call.poll_result(cx)
    }
}

impl<T> fmt::Debug for ThreadResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadResult").field(&self.call).finish()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::from_thread;
    use crate::region::state::flag;
    use crate::task::rooted;
    use crate::task::tests::Hand;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_call_is_refused_at_once_where_the_await_was_dropped() {
        let rt = Hand::default();
        let (begin, has_begun) = mpsc::channel();
        let (go, may_go) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let mut root = pin!(rooted(&rt, async {
            let call = to_thread(move || {
                begin.send(()).unwrap();
                may_go.recv().unwrap();
                tell.send(from_thread(async {})).unwrap();
            });
            has_begun.recv().unwrap();
            drop(call);
            std::future::pending::<()>().await;
        }));
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        assert!(root.as_mut().poll(cx).is_pending());
        // Nobody polls the task from here on.
        go.send(()).unwrap();
        let refused = told.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(refused.unwrap_err().is_abandoned());
    }

    /// Where the request has told the call and not yet the region around the await.
    #[test]
    fn after_a_call_was_stopped_a_request_on_its_way_lets_no_value_through() {
        for (is_cut, is_asking) in [(false, true), (true, false), (true, true)] {
            let rt = Hand::default();
            let mut polls = 0;
            let root = rooted(
                &rt,
                std::future::poll_fn(|cx| {
                    let mut thread = pin!(to_thread(|| 5));
                    while !thread.is_finished() {
                        std::thread::yield_now();
                    }
                    if is_cut {
                        thread.link.set_cut();
                    }
                    if is_asking {
                        frame::current().unwrap().region().set(flag::ASKING);
                    }
                    polls += 1;
                    let given = thread.as_mut().poll(cx);
                    if given.is_pending() {
                        assert!(thread.poll(cx).is_pending(), "nor later");
                    }
                    Poll::Ready(given.is_ready())
                }),
            );
            let (given, _) = crate::region::tests::finish(pin!(root));
            assert_eq!((given, polls), (!(is_cut && is_asking), 1));
        }
    }
}
