//! The root, polled by hand: which waker it keeps, what it runs beside its body, in which order it ends.

use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::region::frame;
use crate::region::state::flag;
use crate::region::{BoxFuture, Member, Phase, Region, Work};
use crate::runtime::{Enter, Instant, Sleep, Spawn, Timer};
use crate::task::cell::{Cell, Free};
use crate::task::job::Job;
use crate::task::root::Root;
use crate::{AnyRuntime, Runtime, Task};

/// A runtime whose tasks wait in a queue for the test to poll them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hand(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    tasks: VecDeque<BoxFuture>,
    gone: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("tasks", &self.tasks.len())
            .finish_non_exhaustive()
    }
}

impl Hand {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_root(&self) -> BoxFuture {
        self.queue().tasks.pop_front().expect("a task was spawned")
    }

    /// Takes all that were spawned.
    pub(crate) fn take_roots(&self) -> VecDeque<BoxFuture> {
        std::mem::take(&mut self.queue().tasks)
    }

    /// The runtime goes: every task is dropped.
    pub(crate) fn go(&self) {
        let tasks = {
            let mut queue = self.queue();
            queue.gone = true;
            std::mem::take(&mut queue.tasks)
        };
        drop(tasks);
    }
}

impl Spawn for Hand {
    fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        let mut queue = self.queue();
        if queue.gone {
            drop(queue);
            drop(future);
            return;
        }
        queue.tasks.push_back(Box::pin(future));
    }

    fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
        match self.queue().gone {
            true => {
                drop(job);
                Ok(())
            }
            false => Err(job),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
        f()
    }
    fn may_block(&self) -> bool {
        false
    }
}

impl Timer for Hand {
    type Sleep = Never;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, _: Instant) -> Never {
        Never
    }
}

#[derive(Debug)]
pub(crate) struct Never;

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Never {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll_with(root: &mut BoxFuture, waker: &Waker) -> Poll<()> {
    root.as_mut().poll(&mut Context::from_waker(waker))
}

fn poll(root: &mut BoxFuture) -> Poll<()> {
    poll_with(root, Waker::noop())
}

fn join<T>(task: &mut Task<T>) -> Result<T, crate::JoinError> {
    match Pin::new(task).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task has not ended"),
    }
}

type Log = Arc<Mutex<Vec<&'static str>>>;

fn say(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

struct OnDrop(Log, &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        say(&self.0, self.1);
    }
}

/// One suspension.
pub(crate) async fn tick() {
    let mut over = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut over, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Pending until somebody opens it.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(bool, Option<Waker>)>>);

impl Gate {
    fn open(&self) {
        let waker = {
            let mut gate = self.0.lock().unwrap();
            gate.0 = true;
            gate.1.take()
        };
        waker.expect("somebody waits").wake();
    }

    async fn opened(&self) {
        poll_fn(|cx| {
            let mut gate = self.0.lock().unwrap();
            gate.1 = Some(cx.waker().clone());
            if gate.0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// Registers a clean-up with the region that is running.
fn defer(work: impl Future<Output = ()> + Send + 'static) {
    let member = frame::current().expect("called in a task");
    assert!(member.region().defer(Box::pin(work)).is_ok());
}

fn adopt(work: impl Future<Output = ()> + Send + 'static) {
    let member = frame::current().expect("called in a task");
    assert!(
        member
            .region()
            .adopt(Work::clean_up(Box::pin(work)))
            .is_ok()
    );
}

// --- wakers

#[test]
fn a_changed_waker_is_the_one_that_a_cancel_wakes() {
    let rt = Hand::default();
    let task = rt.spawn(pending::<()>());
    let mut root = rt.next_root();
    let (first, first_waker) = Count::new();
    let (second, second_waker) = Count::new();
    assert!(poll_with(&mut root, &first_waker).is_pending());
    assert!(poll_with(&mut root, &second_waker).is_pending());
    task.cancel("test");
    assert_eq!((first.get(), second.get()), (0, 1));
}

#[test]
fn an_unchanged_waker_is_cloned_once() {
    let rt = Hand::default();
    let _task = rt.spawn(pending::<()>());
    let mut root = rt.next_root();
    let (count, waker) = Count::new();
    for _ in 0..5 {
        assert!(poll_with(&mut root, &waker).is_pending());
    }
    // Ours, the waker's, the root's one clone.
    assert_eq!(Arc::strong_count(&count), 3);
}

#[test]
fn a_waker_that_a_request_took_is_registered_again() {
    let rt = Hand::default();
    let log = Log::default();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            defer(async move {
                tick().await;
                pending::<()>().await;
                say(&log, "never");
            });
            pending::<()>().await;
        }
    });
    let mut root = rt.next_root();
    let (count, waker) = Count::new();
    assert!(poll_with(&mut root, &waker).is_pending());
    task.cancel("test");
    assert_eq!(count.get(), 1);
    assert_eq!(Arc::strong_count(&count), 2, "the request took the waker");
    assert!(poll_with(&mut root, &waker).is_pending());
    assert_eq!(
        Arc::strong_count(&count),
        3,
        "and the next `Pending` registered it again"
    );
}

#[test]
fn a_finished_task_keeps_no_waker() {
    let rt = Hand::default();
    let task = rt.spawn(tick());
    let mut root = rt.next_root();
    let (count, waker) = Count::new();
    assert!(poll_with(&mut root, &waker).is_pending());
    assert!(poll_with(&mut root, &waker).is_ready());
    assert_eq!(Arc::strong_count(&count), 2);
    assert!(task.is_finished());
}

/// A waker that does something when its last clone is dropped.
struct WhenDropped<F: Fn()>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for WhenDropped<F> {
    fn wake(self: Arc<Self>) {}
}

impl<F: Fn()> Drop for WhenDropped<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_changed_waker_whose_destructor_panics_does_not_unwind_out_of_the_root() {
    let rt = Hand::default();
    let _task = rt.spawn(pending::<()>());
    let mut root = rt.next_root();
    let bad = Waker::from(Arc::new(WhenDropped(|| panic!("in a waker"))));
    assert!(poll_with(&mut root, &bad).is_pending());
    drop(bad);
    assert!(poll(&mut root).is_pending());
}

#[test]
fn a_joiner_whose_waker_panics_when_dropped_cancels_all_the_same() {
    let rt = Hand::default();
    let log = Log::default();
    let guard = OnDrop(log.clone(), "dropped");
    let mut task = rt.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    let mut root = rt.next_root();
    assert!(poll(&mut root).is_pending());
    let bad = Waker::from(Arc::new(WhenDropped(|| panic!("in a waker"))));
    let polled = Pin::new(&mut task).poll(&mut Context::from_waker(&bad));
    assert!(polled.is_pending());
    drop(bad);
    drop(task);
    assert!(poll(&mut root).is_ready());
    assert_eq!(*log.lock().unwrap(), ["dropped"]);
}

#[test]
fn a_waker_kept_beside_the_body_is_dropped_outside_all_locks() {
    let rt = Hand::default();
    let gate = Gate::default();
    let task = rt.spawn_with().name("named").spawn({
        let gate = gate.clone();
        async move {
            adopt(async move { tick().await });
            gate.opened().await;
        }
    });
    let task = Arc::new(task);
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut root = rt.next_root();
        let seen = task.clone();
        let waker = Waker::from(Arc::new(WhenDropped(move || drop(seen.name()))));
        // The adopted work ends; the waker it was polled with is still kept.
        assert!(poll_with(&mut root, &waker).is_pending());
        assert!(poll_with(&mut root, &waker).is_pending());
        drop(waker);
        assert!(poll(&mut root).is_pending());
        gate.open();
        assert!(poll(&mut root).is_ready());
        done.send(task.is_finished()).unwrap();
    });
    let finished = is_done.recv_timeout(std::time::Duration::from_secs(10));
    assert!(finished.expect("a deadlock"));
}

// --- requests

#[test]
fn a_task_cancelled_before_its_first_poll_never_runs() {
    let rt = Hand::default();
    let log = Log::default();
    let guard = OnDrop(log.clone(), "dropped");
    let mut task = rt.spawn({
        let log = log.clone();
        async move {
            let _guard = guard;
            say(&log, "ran");
        }
    });
    task.cancel("too late");
    assert!(poll(&mut rt.next_root()).is_ready());
    assert!(join(&mut task).unwrap_err().is_cancelled());
    assert_eq!(*log.lock().unwrap(), ["dropped"]);
}

#[test]
fn a_request_made_inside_a_poll_takes_effect_at_its_pending() {
    let rt = Hand::default();
    let log = Log::default();
    let handle = Arc::new(Mutex::new(None::<Task<()>>));
    let task = rt.spawn({
        let (handle, log) = (handle.clone(), log.clone());
        async move {
            handle.lock().unwrap().as_ref().unwrap().cancel("myself");
            say(&log, "still here");
            tick().await;
            say(&log, "never");
        }
    });
    *handle.lock().unwrap() = Some(task);
    assert!(poll(&mut rt.next_root()).is_ready(), "in the same poll");
    let mut task = handle.lock().unwrap().take().unwrap();
    let error = join(&mut task).unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "myself");
    assert_eq!(*log.lock().unwrap(), ["still here"]);
}

#[test]
fn a_request_after_the_last_suspension_changes_nothing() {
    let rt = Hand::default();
    let handle = Arc::new(Mutex::new(None::<Task<u8>>));
    let task = rt.spawn({
        let handle = handle.clone();
        async move {
            handle.lock().unwrap().as_ref().unwrap().cancel("too late");
            7
        }
    });
    *handle.lock().unwrap() = Some(task);
    assert!(poll(&mut rt.next_root()).is_ready());
    let mut task = handle.lock().unwrap().take().unwrap();
    assert_eq!(join(&mut task).unwrap(), 7);
}

#[test]
fn only_the_first_reason_is_kept() {
    let rt = Hand::default();
    let mut task = rt.spawn(pending::<()>());
    task.cancel("first");
    task.cancel("second");
    assert!(poll(&mut rt.next_root()).is_ready());
    let error = join(&mut task).unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "first");
}

#[test]
fn what_is_open_inside_is_polled_once_more_before_the_body_is_dropped() {
    let rt = Hand::default();
    let polls = Arc::new(AtomicUsize::new(0));
    let mut task = rt.spawn({
        let polls = polls.clone();
        poll_fn(move |_| {
            if polls.fetch_add(1, Ordering::SeqCst) == 0 {
                let member = frame::current().unwrap();
                member.region().set_inside(1, 0);
            }
            Poll::<()>::Pending
        })
    });
    let mut root = rt.next_root();
    assert!(poll(&mut root).is_pending());
    task.cancel("test");
    assert!(poll(&mut root).is_ready());
    assert_eq!(polls.load(Ordering::SeqCst), 2);
    assert!(join(&mut task).unwrap_err().is_cancelled());
}

#[test]
fn what_is_unwinding_inside_is_waited_for() {
    let rt = Hand::default();
    let log = Log::default();
    let stop = Arc::new(AtomicUsize::new(0));
    let task = rt.spawn({
        let (stop, guard) = (stop.clone(), OnDrop(log.clone(), "body dropped"));
        poll_fn(move |_| {
            let _ = &guard;
            let region = frame::current().unwrap();
            match stop.load(Ordering::SeqCst) {
                0 => region.region().set_inside(1, 1),
                _ => region.region().set_inside(0, 0),
            }
            Poll::<()>::Pending
        })
    });
    let mut root = rt.next_root();
    assert!(poll(&mut root).is_pending());
    task.cancel("test");
    for _ in 0..3 {
        assert!(poll(&mut root).is_pending());
    }
    assert!(log.lock().unwrap().is_empty());
    stop.store(1, Ordering::SeqCst);
    assert!(poll(&mut root).is_ready());
    assert_eq!(*log.lock().unwrap(), ["body dropped"]);
}

// --- work beside the body

#[test]
fn adopted_work_runs_beside_the_body_and_the_region_waits_for_it() {
    let rt = Hand::default();
    let log = Log::default();
    let gate = Gate::default();
    let mut task = rt.spawn({
        let (log, gate) = (log.clone(), gate.clone());
        async move {
            let beside = log.clone();
            adopt(async move {
                say(&beside, "beside");
                assert_eq!(frame::mask(), 1, "adopted work is masked");
                gate.opened().await;
                say(&beside, "beside over");
            });
            tick().await;
            say(&log, "body over");
            5
        }
    });
    let mut root = rt.next_root();
    assert!(poll(&mut root).is_pending());
    assert!(poll(&mut root).is_pending());
    assert_eq!(*log.lock().unwrap(), ["beside", "body over"]);
    assert!(!task.is_finished());
    task.cancel("does not reach what is masked");
    assert!(poll(&mut root).is_pending());
    gate.open();
    assert!(poll(&mut root).is_ready());
    assert_eq!(*log.lock().unwrap(), ["beside", "body over", "beside over"]);
    assert_eq!(
        join(&mut task).unwrap(),
        5,
        "the body had ended before the request"
    );
}

#[test]
fn work_adopted_from_outside_wakes_the_root() {
    let rt = Hand::default();
    let log = Log::default();
    let member = Arc::new(Mutex::new(None));
    let _task = rt.spawn({
        let member = member.clone();
        async move {
            *member.lock().unwrap() = frame::current();
            pending::<()>().await;
        }
    });
    let mut root = rt.next_root();
    let (count, waker) = Count::new();
    assert!(poll_with(&mut root, &waker).is_pending());
    let member = member.lock().unwrap().take().unwrap();
    let beside = log.clone();
    let adopted = member
        .region()
        .adopt(Work::clean_up(Box::pin(async move { say(&beside, "ran") })));
    assert!(adopted.is_ok());
    assert_eq!(count.get(), 1);
    assert!(poll_with(&mut root, &waker).is_pending());
    assert_eq!(*log.lock().unwrap(), ["ran"]);
}

#[test]
fn the_waker_is_there_before_the_work_beside_the_body_is_looked_at() {
    // Else what another thread adds between that look and the waker is forgotten.
    for body_is_over in [false, true] {
        let rt = Hand::default();
        let (count, waker) = Count::new();
        let woken = Arc::new(AtomicUsize::new(0));
        let _task = rt.spawn({
            let (count, woken) = (count.clone(), woken.clone());
            async move {
                let beside = async move {
                    adopt(async {});
                    woken.store(count.get(), Ordering::SeqCst);
                    pending::<()>().await;
                };
                match body_is_over {
                    true => defer(beside),
                    false => {
                        adopt(beside);
                        pending::<()>().await;
                    }
                }
            }
        });
        let mut root = rt.next_root();
        assert!(poll_with(&mut root, &waker).is_pending());
        assert_eq!(woken.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn clean_ups_run_newest_first_after_the_body_is_dropped() {
    for cancel in [false, true] {
        let rt = Hand::default();
        let log = Log::default();
        let mut task = rt.spawn({
            let log = log.clone();
            async move {
                let (a, b) = (log.clone(), log.clone());
                defer(async move {
                    say(&a, "first");
                    tick().await;
                    say(&a, "first over");
                });
                defer(async move {
                    assert_eq!(frame::mask(), 1, "clean-ups are masked");
                    say(&b, "second");
                    tick().await;
                    say(&b, "second over");
                });
                let _local = OnDrop(log, "body dropped");
                tick().await;
            }
        });
        let mut root = rt.next_root();
        assert!(poll(&mut root).is_pending());
        if cancel {
            task.cancel("test");
        }
        let mut polls = 0;
        while poll(&mut root).is_pending() {
            assert!(!task.is_finished());
            polls += 1;
        }
        assert!(polls >= 2, "each clean-up suspends once");
        assert_eq!(
            *log.lock().unwrap(),
            [
                "body dropped",
                "second",
                "second over",
                "first",
                "first over"
            ]
        );
        assert_eq!(join(&mut task).is_err(), cancel);
    }
}

#[test]
fn a_panicking_clean_up_does_not_stop_the_others_and_is_kept() {
    let rt = Hand::default();
    let log = Log::default();
    let mut task = rt.spawn({
        let log = log.clone();
        async move {
            defer(async move { say(&log, "first") });
            defer(async { panic!("in a clean-up") });
            adopt(async { panic!("adopted") });
            tick().await;
            panic!("in the body");
        }
    });
    let mut root = rt.next_root();
    assert!(poll(&mut root).is_pending());
    assert!(poll(&mut root).is_ready());
    let error = join(&mut task).unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("in the body"));
    let failures: Vec<_> = error
        .failures()
        .iter()
        .map(|f| f.message().unwrap())
        .collect();
    assert_eq!(failures, ["adopted", "in a clean-up"]);
    assert!(error.failures().iter().all(|f| f.phase() == Phase::CleanUp));
    assert_eq!(*log.lock().unwrap(), ["first"]);
}

#[test]
fn a_region_that_has_ended_gives_work_back() {
    let rt = Hand::default();
    let member = Arc::new(Mutex::new(None));
    let _task = rt.spawn({
        let member = member.clone();
        async move { *member.lock().unwrap() = frame::current() }
    });
    assert!(poll(&mut rt.next_root()).is_ready());
    let member = member.lock().unwrap().take().unwrap();
    assert!(
        member
            .region()
            .adopt(Work::clean_up(Box::pin(async {})))
            .is_err()
    );
    assert!(member.region().defer(Box::pin(async {})).is_err());
}

// --- a runtime that goes

#[test]
fn clean_ups_of_a_dropped_root_go_on_as_a_task_of_the_runtime() {
    let rt = Hand::default();
    let log = Log::default();
    let mut task = rt.spawn({
        let log = log.clone();
        async move {
            let (a, b) = (log.clone(), log.clone());
            defer(async move { say(&a, "first") });
            defer(async move {
                tick().await;
                say(&b, "second");
            });
            let _local = OnDrop(log, "body dropped");
            pending::<()>().await;
        }
    });
    let mut root = rt.next_root();
    assert!(poll(&mut root).is_pending());
    drop(root);
    assert!(join(&mut task).unwrap_err().is_lost());
    let mut orphans = rt.next_root();
    while poll(&mut orphans).is_pending() {}
    assert_eq!(*log.lock().unwrap(), ["body dropped", "second", "first"]);
}

#[test]
fn clean_ups_that_no_runtime_takes_are_reported_once() {
    let rt = Hand::default();
    let watch = Arc::new(crate::testing::Watch::default());
    // The watch is handed down to the task by the root around the spawn.
    let mut outer = Box::pin(super::watched(&rt, watch.clone(), async {
        let rt = crate::current().unwrap();
        let task = rt.spawn(async {
            defer(async {});
            defer(async {});
            pending::<()>().await;
        });
        Some(task)
    }));
    let Poll::Ready(task) = outer.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("nothing to wait for");
    };
    let mut root = rt.next_root();
    assert!(poll(&mut root).is_pending());
    rt.go();
    drop(root);
    assert!(join(&mut task.unwrap()).unwrap_err().is_lost());
    let lost = watch.unseen_panics();
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert!(
        lost.iter()
            .all(|line| line.starts_with("clean-up lost with its runtime"))
    );
    assert!(watch.live().is_empty(), "{:?}", watch.live());
}

#[test]
fn a_root_polled_after_it_was_ready_is_ready() {
    let rt = Hand::default();
    let _task = rt.spawn(async {});
    let mut root = rt.next_root();
    assert!(poll(&mut root).is_ready());
    assert!(poll(&mut root).is_ready());
}

#[test]
fn a_destructor_that_panics_as_the_runtime_goes_is_called_one() {
    let rt = Hand::default();
    let mut task = rt.spawn(async {
        let _guard = PanicOnDrop;
        pending::<()>().await;
    });
    let mut root = rt.next_root();
    assert!(poll(&mut root).is_pending());
    drop(root);
    let error = join(&mut task).unwrap_err();
    assert!(error.is_lost());
    assert_eq!(error.failures()[0].phase(), Phase::Destructor);
}

struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic!("in a destructor");
    }
}

#[test]
fn a_blocking_job_that_never_runs_is_dropped_inside_its_region() {
    #[derive(Clone)]
    struct Seen(Arc<Mutex<Vec<bool>>>);
    impl Drop for Seen {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(crate::current().is_ok());
        }
    }
    let rt = Hand::default();
    let seen = Arc::default();
    // Dropped.
    let held = Seen(Arc::clone(&seen));
    rt.go();
    let mut lost = rt.spawn_blocking(move || drop(held));
    assert!(join(&mut lost).unwrap_err().is_lost());
    // Cancelled while it waits.
    let held = Seen(Arc::clone(&seen));
    let region = Region::new(std::panic::Location::caller(), flag::JOB | flag::NO_HANDLE);
    let member: Arc<dyn Member> = Arc::new(Cell::<_, ()>::new(region, Free(rt)));
    let job = Job::new(move || drop(held), member.clone());
    member.region().ask(None);
    job.run();
    assert_eq!(*seen.lock().unwrap(), [true, true]);
}

#[test]
fn a_blocking_job_that_is_given_back_runs_on_a_thread_of_our_own_inside_its_runtime() {
    #[derive(Clone, Debug, Default)]
    struct NoPool(Hand, Arc<AtomicUsize>);
    impl Spawn for NoPool {
        fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
            self.0.spawn_raw(future);
        }
        fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
            Err(job)
        }
        fn enter<T>(&self, purpose: Enter, f: impl FnOnce() -> T) -> T {
            assert_eq!(purpose, Enter::Foreign);
            self.1.fetch_add(1, Ordering::SeqCst);
            f()
        }
        fn may_block(&self) -> bool {
            false
        }
    }
    impl Timer for NoPool {
        type Sleep = Never;
        fn now(&self) -> Instant {
            self.0.now()
        }
        fn sleep_until(&self, deadline: Instant) -> Never {
            self.0.sleep_until(deadline)
        }
    }
    let rt = NoPool::default();
    for rt in [rt.erased(), AnyRuntime::new(rt.clone())] {
        let here = std::thread::current().id();
        let job = rt.spawn_blocking(move || {
            assert!(crate::current().is_ok());
            std::thread::current().id() != here
        });
        assert!(futures::executor::block_on(job).unwrap());
    }
    let job = rt.spawn_blocking(|| panic!("on purpose"));
    assert!(futures::executor::block_on(job).unwrap_err().is_panic());
    assert_eq!(rt.1.load(Ordering::SeqCst), 3);
}

// --- depth

#[test]
fn a_hundred_thousand_values_that_hold_the_next_task_are_dropped_on_a_small_stack() {
    struct Next(#[expect(dead_code, reason = "is there to be dropped")] Option<Task<Next>>);
    let rt = Hand::default();
    let mut head = Next(None);
    for _ in 0..100_000 {
        let task = rt.spawn(async move { head });
        assert!(poll(&mut rt.next_root()).is_ready());
        head = Next(Some(task));
    }
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    thread.spawn(move || drop(head)).unwrap().join().unwrap();
}

// --- sizes

#[test]
fn a_root_is_at_most_32_bytes_more_than_its_body() {
    fn extra<F: Future>(_: &F) -> usize
    where
        F::Output: Send + 'static,
    {
        size_of::<Root<F>>().saturating_sub(size_of::<F>())
    }
    async fn body<const WORDS: usize>() {
        let held = [1_usize; WORDS];
        pending::<()>().await;
        std::hint::black_box(&held);
    }
    assert!(extra(&body::<8>()) <= 32);
    assert!(extra(&body::<25>()) <= 32);
    assert!(extra(&body::<50>()) <= 32);
    // One of a single byte is rounded up to a whole word.
    assert!(extra(&body::<0>()) <= 32 + 7);
}

#[test]
fn code_deep_inside_a_task_finds_out_which_one_it_is() {
    let rt = Hand::default();
    assert_eq!(crate::current_task(), None);
    let mut task = rt.spawn_with().name("deep").spawn(async {
        let token = crate::CancelToken::new();
        let inside = async {
            // In a region that is made, in one that is not, and in a clean-up.
            crate::defer(async { assert_eq!(crate::current_task().unwrap().name(), Some("deep")) });
            let named = async { crate::current_task().unwrap() };
            crate::gather((named, async {})).await.0
        };
        crate::Cancellable::until(inside, &token).await.unwrap()
    });
    let mut root = rt.next_root();
    while poll(&mut root).is_pending() {}
    let cx = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(info)) = Pin::new(&mut task).poll(cx) else {
        panic!("it has ended");
    };
    assert_eq!(info.name(), Some("deep"));
    assert!(info.location().file().ends_with("tests.rs"));
}
