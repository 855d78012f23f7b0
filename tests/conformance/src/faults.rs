//! Fault injectors and instruments: what the cases are built from.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use anyrt_core::{Failure, Phase, set_failure_hook};
use futures::channel::oneshot;

/// Completes when its guard is dropped: how a case learns that a future is gone.
pub fn dropped() -> (Dropped, impl Future<Output = ()> + Send + use<>) {
    let (tx, rx) = oneshot::channel();
    let gone = async move {
        let _ = rx.await;
    };
    (Dropped(tx), gone)
}

/// The guard of [`dropped`].
#[derive(Debug)]
pub struct Dropped(#[expect(dead_code, reason = "its drop is the message")] oneshot::Sender<()>);

/// Counts the clones of itself that live.
#[derive(Clone, Debug, Default)]
pub struct Alive(Arc<()>);

impl Alive {
    /// Returns how many live besides this one.
    pub fn others(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// Counts how often values were dropped.
#[derive(Debug)]
pub struct CountDrops(pub Arc<AtomicUsize>);

impl Drop for CountDrops {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Panics when it is dropped.
#[derive(Debug)]
pub struct PanicOnDrop(pub &'static str);

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        std::panic::panic_any(self.0);
    }
}

/// Runs a closure when it is dropped.
#[derive(Debug)]
pub struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    /// Keeps `f` for later.
    pub fn new(f: F) -> Self {
        OnDrop(Some(f))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// A waker that counts how often it is woken.
#[derive(Debug, Default)]
pub struct CountingWaker(AtomicUsize);

impl CountingWaker {
    /// Makes a waker and its counter.
    pub fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(CountingWaker::default());
        (Arc::clone(&count), Waker::from(count))
    }

    /// Returns how often it was woken.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that panics when it is woken.
#[derive(Debug)]
pub struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

/// A waker that calls back when it is woken, and when its last clone is dropped.
pub struct ReentrantWaker<F: Fn() + Send + Sync + 'static>(F);

impl<F: Fn() + Send + Sync + 'static> ReentrantWaker<F> {
    /// Makes a waker that calls `f`.
    pub fn waker(f: F) -> Waker {
        Waker::from(Arc::new(ReentrantWaker(f)))
    }
}

impl<F: Fn() + Send + Sync + 'static> Wake for ReentrantWaker<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for ReentrantWaker<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync + 'static> std::fmt::Debug for ReentrantWaker<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReentrantWaker")
    }
}

/// Polls `future` once, with a waker that does nothing.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Suspends once, and is woken at once.
pub async fn yield_once() {
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

/// Yields until `condition` holds.
///
/// For conditions that a running task will bring about.
pub async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
        yield_once().await;
    }
}

static FAILURES: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

/// A failure that went to the hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The name of the task.
    pub name: Option<String>,
    /// What was going on.
    pub phase: Phase,
    /// The text of the panic.
    pub message: Option<String>,
}

/// Sets a hook that keeps the failures of named tasks.
pub(crate) fn collect_failures() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        set_failure_hook(|failure: &Failure| {
            let seen = Seen {
                name: failure.name().map(str::to_owned),
                phase: failure.phase(),
                message: failure.message().map(str::to_owned),
            };
            if seen.name.is_some() {
                FAILURES
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(seen);
            }
        });
    });
}

/// Returns a name for a task that no other task has.
pub fn unique_name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("case-{}", NEXT.fetch_add(1, Ordering::SeqCst))
}

/// Returns what was reported to the hook about the task of that name.
pub fn reported(name: &str) -> Vec<Seen> {
    FAILURES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .filter(|seen| seen.name.as_deref() == Some(name))
        .cloned()
        .collect()
}
