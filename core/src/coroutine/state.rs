//! How far a future has come.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use pin_project::{pin_project, pinned_drop};

/// How far a future has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoState {
    /// It was never polled.
    New,
    /// It is being polled right now.
    Running,
    /// It was polled, and waits.
    Suspended,
    /// It is over: it gave its value, panicked, or was dropped.
    Finished,
}

impl CoState {
    /// Returns whether it was never polled.
    #[doc(alias = "coro_is_new")]
    pub fn is_new(self) -> bool {
        self == CoState::New
    }

    /// Returns whether it waits in the middle.
    #[doc(alias = "coro_is_suspended")]
    pub fn is_suspended(self) -> bool {
        self == CoState::Suspended
    }

    /// Returns whether it is over.
    #[doc(alias = "coro_is_finished")]
    pub fn is_finished(self) -> bool {
        self == CoState::Finished
    }
}

/// Runs `future`, and lets others see how far it has come.
///
/// Cancel safe as far as `future` is: dropping this drops it, and it is then finished.
///
/// # Examples
///
/// ```
/// use anyrt::{CoState, await_sync, tracked};
///
/// let (future, progress) = tracked(async { 7 });
/// assert_eq!(progress.state(), CoState::New);
/// assert_eq!(await_sync(future), Ok(7));
/// assert_eq!(progress.state(), CoState::Finished);
/// ```
pub fn tracked<F: Future>(future: F) -> (Tracked<F>, Progress) {
    let state = Arc::new(AtomicU8::new(NEW));
    let progress = Progress(Arc::clone(&state));
    let future = Some(future);
    (Tracked { future, state }, progress)
}

const NEW: u8 = 0;
const RUNNING: u8 = 1;
const SUSPENDED: u8 = 2;
const FINISHED: u8 = 3;

/// The future of [`tracked`].
///
/// # Panics
///
/// When it is polled again after it was ready.
#[pin_project(PinnedDrop)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Tracked<F> {
    #[pin]
    future: Option<F>,
    state: Arc<AtomicU8>,
}

/// Says so also where the poll panics.
struct Then<'a>(&'a AtomicU8, u8);

impl Drop for Then<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, Ordering::Release);
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("a `Tracked` future was polled after it was ready");
        this.state.store(RUNNING, Ordering::Release);
        let mut then = Then(this.state, FINISHED);
        let polled = future.poll(cx);
        match polled {
            Poll::Pending => then.1 = SUSPENDED,
            Poll::Ready(_) => this.future.set(None),
        }
        polled
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Tracked<F> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        let _then = Then(this.state, FINISHED);
        this.future.set(None);
    }
}

impl<F> fmt::Debug for Tracked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = Progress(Arc::clone(&self.state)).state();
        f.debug_struct("Tracked").field("state", &state).finish()
    }
}

/// Says how far a [`tracked`] future has come. A clone says the same.
#[derive(Clone)]
pub struct Progress(Arc<AtomicU8>);

impl Progress {
    /// Returns how far the future has come.
    pub fn state(&self) -> CoState {
        match self.0.load(Ordering::Acquire) {
            NEW => CoState::New,
            RUNNING => CoState::Running,
            SUSPENDED => CoState::Suspended,
            _ => CoState::Finished,
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.state()).finish()
    }
}
