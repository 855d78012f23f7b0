//! Running a future to its end on this very stack, without a runtime.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::region::body::Ended;
use crate::region::driven::{Depth, is_driven};
use crate::region::{Inline, Masks, Reason};

/// How often a future may yield before it is taken for one that waits for somebody in a loop.
const MOST_YIELDS: u32 = 1_000_000;

const WOULD_BLOCK: Reason = Reason::fixed("it would have blocked");

thread_local! {
    /// A waker from an earlier drive that nobody else has any more.
    static SPARE: Cell<Option<Arc<Woken>>> = const { Cell::new(None) };
}

/// Runs a future that never really waits, and returns its value.
///
/// For code that is written once, as async code, and is called from sync code too, over something that
/// never has to wait there: a reader that blocks, data that is in memory. No runtime is needed. The future
/// is polled on this stack; where it only *yields* (it is woken while it is polled, as by a `yield_now`), it
/// is polled again at once. After a million yields it is taken for one that waits in a loop.
///
/// It is a region. Where the future would block, it is dropped and its clean-ups run, as far as they do not
/// block either; what is left goes on in the task around, or is reported as lost. A request to stop the
/// task around is not due inside: sync code does not suspend.
///
/// # Errors
///
/// [`WouldBlock`], if the future waits for something.
///
/// # Panics
///
/// With the panic of the future.
///
/// # Examples
///
/// ```
/// use anyrt::await_sync;
///
/// async fn sum(numbers: &[u32]) -> u32 {
///     numbers.iter().sum()
/// }
///
/// assert_eq!(await_sync(sum(&[1, 2, 3])), Ok(6));
/// assert!(await_sync(std::future::pending::<()>()).unwrap_err().is_wait());
/// ```
#[track_caller]
#[doc(alias = "now_or_never")]
pub fn await_sync<F: Future>(future: F) -> Result<F::Output, WouldBlock> {
    run(Yields::Skipped, future)
}

/// Runs a future that is ready at its first poll, and returns its value.
///
/// The strict form of [`await_sync`]: a future that yields is refused as well.
///
/// # Errors
///
/// [`WouldBlock`], if the future is not ready at once.
///
/// # Panics
///
/// With the panic of the future.
///
/// # Examples
///
/// ```
/// use anyrt::{await_sync_strictly, backend::builtin::BuiltinRuntime, prelude::*};
/// use std::time::Duration;
///
/// assert_eq!(await_sync_strictly(async { 5 }), Ok(5));
///
/// let owner = BuiltinRuntime::new();
/// assert!(await_sync_strictly(owner.handle().sleep(Duration::MAX)).is_err());
/// ```
#[track_caller]
pub fn await_sync_strictly<F: Future>(future: F) -> Result<F::Output, WouldBlock> {
    run(Yields::Refused, future)
}

/// What becomes of a future that yields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Yields {
    Skipped,
    Refused,
}

#[track_caller]
fn run<F: Future>(yields: Yields, future: F) -> Result<F::Output, WouldBlock> {
    let mut region = pin!(Inline::new(future, Location::caller()));
    // Sync code does not suspend, so no request takes effect here.
    let _masked = Masks::one_more();
    let driven = drive(yields, |cx| region.as_mut().poll_end(cx));
    let (ended, blocked) = match driven {
        Ok(ended) => (ended, None),
        Err(blocked) => {
            region.as_mut().ask(&WOULD_BLOCK);
            match drive(Yields::Skipped, |cx| region.as_mut().poll_end(cx)) {
                Ok(ended) => (ended, Some(blocked)),
                Err(_) => return Err(blocked),
            }
        }
    };
    match (ended, blocked) {
        (Ended::Value(value), _) => Ok(value),
        (Ended::Panicked(payload), _) => resume_unwind(payload),
        (Ended::Cancelled, blocked) => Err(blocked.unwrap_or(WouldBlock(Why::Waits))),
    }
}

/// Polls until it is ready, or really waits.
pub(super) fn drive<T>(
    yields: Yields,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Result<T, WouldBlock> {
    let woken = Spare::take();
    let waker = Waker::from(Arc::clone(&woken.0));
    let cx = &mut Context::from_waker(&waker);
    let _driven = Depth::one_more();
    for _ in 0..MOST_YIELDS {
        woken.0.0.store(false, Ordering::Relaxed);
        if let Poll::Ready(value) = poll(cx) {
            return Ok(value);
        }
        if !woken.0.0.load(Ordering::Acquire) {
            return Err(WouldBlock(Why::Waits));
        }
        if yields == Yields::Refused {
            return Err(WouldBlock(Why::Yields));
        }
    }
    Err(WouldBlock(Why::NeverEnds))
}

/// Whether the future was woken since it was polled last.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A waker to drive with, kept for the next drive if nobody else keeps it.
struct Spare(Arc<Woken>);

impl Spare {
    fn take() -> Self {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let spare = spare.filter(|spare| Arc::strong_count(spare) == 1);
        Spare(spare.unwrap_or_else(|| Arc::new(Woken(AtomicBool::new(false)))))
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        let spare = Arc::clone(&self.0);
        let _ = SPARE.try_with(|kept| kept.set(Some(spare)));
    }
}

/// Returns whether the code that runs here is being driven by sync code.
///
/// True inside [`await_sync`], [`sync_iter`](crate::sync_iter) and their kin, on their thread and while
/// they poll. A task that is spawned inside is not driven.
///
/// # Examples
///
/// ```
/// use anyrt::{await_sync, in_sync_drive};
///
/// assert!(!in_sync_drive());
/// assert_eq!(await_sync(async { in_sync_drive() }), Ok(true));
/// ```
pub fn in_sync_drive() -> bool {
    is_driven()
}

/// Refuses to go on where the code that runs here is not driven by sync code.
///
/// # Errors
///
/// [`SyncDriveRequired`], where [`in_sync_drive`] is false.
///
/// # Examples
///
/// ```
/// use anyrt::{await_sync, require_sync_drive};
///
/// assert!(require_sync_drive().is_err());
/// assert!(await_sync(async { require_sync_drive() }).unwrap().is_ok());
/// ```
pub fn require_sync_drive() -> Result<(), SyncDriveRequired> {
    match in_sync_drive() {
        true => Ok(()),
        false => Err(SyncDriveRequired(())),
    }
}

/// Sync code was reached through async code that is not driven by sync code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "SyncDriveRequiredError")]
pub struct SyncDriveRequired(pub(super) ());

impl fmt::Display for SyncDriveRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this may block, and runs only where `await_sync` or its kin drive it")
    }
}

impl std::error::Error for SyncDriveRequired {}

/// A future that was driven by sync code had something to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldBlock(Why);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    Waits,
    Yields,
    NeverEnds,
}

impl WouldBlock {
    /// Returns whether it waited for something that was not there.
    pub fn is_wait(&self) -> bool {
        self.0 == Why::Waits
    }

    /// Returns whether it only yielded: once where that is refused, or without an end.
    pub fn is_yield(&self) -> bool {
        !self.is_wait()
    }
}

impl fmt::Display for WouldBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Why::Waits => "a future that is driven by sync code would have to wait",
            Why::Yields => "a future that is to be ready at once yielded",
            Why::NeverEnds => "a future that is driven by sync code yielded a million times",
        })
    }
}

impl std::error::Error for WouldBlock {}
