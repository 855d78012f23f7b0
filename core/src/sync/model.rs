//! How a model is run, and what all models have in common.
//!
//! A model never blocks: each of its threads polls something once, and when all threads are over, the
//! model polls what was woken, and only that, until all has ended. A wake-up that was lost shows as
//! something that has not ended and will not be polled.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::runtime::{Enter, Instant, Sleep, Spawn, Timer};

pub(crate) use loom::thread;

std::thread_local! {
    /// What went to the hook. All threads of a model run on one of the system's.
    static REPORTED: Cell<usize> = const { Cell::new(0) };
}

/// Runs `f` in all interleavings of at most three preemptions, or `LOOM_MAX_PREEMPTIONS`.
pub(crate) fn model(f: impl Fn() + Send + Sync + 'static) {
    model_within(3, f);
}

/// The same with another number, for a model that has too many.
pub(crate) fn model_within(preemptions: usize, f: impl Fn() + Send + Sync + 'static) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        crate::set_failure_hook(|failure| {
            eprintln!("{failure}");
            REPORTED.set(REPORTED.get() + 1);
        });
    });
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 10_000;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        f();
    });
    // With `--nocapture`.
    eprintln!("{} interleavings", runs.load(Ordering::Relaxed));
    assert_eq!(REPORTED.get(), 0, "something has failed");
}

/// Counts; no part of the model, so it explores nothing. For the model to look at when its threads are over.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }

    /// A waker that counts here.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// What counts here when it is dropped.
    pub(crate) fn on_drop(self: &Arc<Self>) -> OnDrop {
        OnDrop(Arc::clone(self))
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.add();
    }
}

#[derive(Debug)]
pub(crate) struct OnDrop(Arc<Count>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// A future, and how often it was woken since it was last polled.
pub(crate) struct Polled<F: Future> {
    future: Pin<Box<F>>,
    woken: Arc<Count>,
    output: Option<F::Output>,
}

impl<F: Future + Unpin> Polled<F> {
    pub(crate) fn into_future(self) -> F {
        *Pin::into_inner(self.future)
    }
}

impl<F: Future> Polled<F> {
    pub(crate) fn new(future: F) -> Self {
        Polled {
            future: Box::pin(future),
            woken: Count::new(),
            output: None,
        }
    }

    /// Polls it, woken or not, unless it has ended.
    pub(crate) fn poll(&mut self) -> bool {
        if self.output.is_none() {
            self.woken.take();
            let waker = self.woken.waker();
            if let Poll::Ready(output) = self.future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                self.output = Some(output);
            }
        }
        self.output.is_some()
    }

    /// Polls it; it must end.
    pub(crate) fn end_now(&mut self) {
        assert!(self.poll(), "it has not ended");
    }

    /// Polls it if it was woken. Says whether it was.
    pub(crate) fn poll_if_woken(&mut self) -> bool {
        let woken = self.output.is_none() && self.woken.get() > 0;
        if woken {
            self.poll();
        }
        woken
    }

    pub(crate) fn times_woken(&self) -> usize {
        self.woken.get()
    }

    /// What its waker counts with, and is held by.
    pub(crate) fn waker_count(&self) -> Arc<Count> {
        Arc::clone(&self.woken)
    }

    /// The same future, to be polled with another waker.
    pub(crate) fn with_new_waker(mut self) -> Self {
        self.woken = Count::new();
        self
    }

    pub(crate) fn get(&self) -> &F {
        &self.future
    }

    /// What it gives to a single poll, woken or not.
    pub(crate) fn now(mut self) -> F::Output {
        self.poll();
        self.end()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.output.is_some()
    }

    /// Polls it as long as it is woken; what it gives in the end.
    pub(crate) fn end(mut self) -> F::Output {
        while self.poll_if_woken() {}
        self.output.expect("it was woken until it had ended")
    }
}

type Root = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A runtime whose tasks are polled by the model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hand(Arc<Mutex<Tasks>>);

#[derive(Default)]
struct Tasks {
    new: Vec<Polled<Root>>,
    /// A thread for each task that is spawned, which polls it once.
    threads: Option<Vec<thread::JoinHandle<Polled<Root>>>>,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tasks")
    }
}

impl Hand {
    /// A runtime that starts a thread for each task, which polls it once.
    pub(crate) fn of_threads() -> Self {
        let hand = Hand::default();
        hand.with(|tasks| tasks.threads = Some(Vec::new()));
        hand
    }

    fn with<T>(&self, f: impl FnOnce(&mut Tasks) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The task that was spawned first, of those that nobody has taken.
    pub(crate) fn root(&self) -> Polled<Root> {
        self.with(|tasks| tasks.new.remove(0))
    }

    /// How many tasks wait for a first poll.
    pub(crate) fn new_tasks(&self) -> usize {
        self.with(|tasks| tasks.new.len())
    }

    /// Waits for the threads; then polls what is new or woken, and `others` too, until all rests.
    /// Panics if a task has not ended then.
    pub(crate) fn rest(&self, mut others: impl FnMut() -> bool) {
        let mut tasks = Vec::new();
        loop {
            let threads = self.with(|tasks| tasks.threads.take());
            for thread in threads.into_iter().flatten() {
                tasks.push(thread.join().expect("a thread that does not panic"));
            }
            // From here on the model polls them itself.
            let new = self.with(|tasks| std::mem::take(&mut tasks.new));
            let mut busy = !new.is_empty();
            for mut task in new {
                task.poll();
                tasks.push(task);
            }
            for task in &mut tasks {
                busy |= task.poll_if_woken();
            }
            busy |= others();
            if !busy {
                break;
            }
        }
        assert!(tasks.iter().all(Polled::is_over), "a task was not woken");
    }
}

impl Spawn for Hand {
    fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        let root: Root = Box::pin(future);
        let mut task = Polled::new(root);
        if self.with(|tasks| tasks.threads.is_some()) {
            let thread = thread::spawn(move || {
                task.poll();
                task
            });
            self.with(|tasks| tasks.threads.get_or_insert_default().push(thread));
        } else {
            self.with(|tasks| tasks.new.push(task));
        }
    }

    fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
        Err(job)
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
        unreachable!("a model has no time")
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

/// Suspends for ever.
pub(crate) fn never() -> std::future::Pending<()> {
    std::future::pending()
}

/// Suspends once, and wakes itself.
pub(crate) async fn once() {
    let mut done = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut done, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
