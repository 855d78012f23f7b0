//! Deadlines: the one that code is under, and one that can be moved.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use crate::region::frame;
use crate::runtime::Instant;

/// Returns the earliest moment at which a deadline around stops the code that runs here.
///
/// Those of the timeouts and of the scopes [`within`](crate::ScopeWith::within) a time that this code is
/// in, in this task and, from a child of a scope, further out. Code that is shielded from them, and
/// clean-ups, are under none. It is a moment on the clock of the runtime that the deadline was made with.
///
/// For who would rather not begin what cannot be done in time: `Runtime::retry` does not
/// sleep past it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{backend::builtin::BuiltinRuntime, deadline, prelude::*, shield};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// owner.block_on(async {
///     assert_eq!(deadline(), None);
///     let soon = rt.now() + Duration::from_secs(60);
///     let inside = rt.timeout_at(soon, async {
///         // A longer one inside changes nothing.
///         rt.timeout(Duration::from_secs(3600), async { deadline() }).await.unwrap()
///     });
///     assert_eq!(inside.await.unwrap(), Some(soon));
///     let shielded = rt.timeout_at(soon, shield(async { deadline() }));
///     assert_eq!(shielded.await.unwrap(), None);
/// });
/// ```
#[doc(alias = "current_effective_deadline")]
pub fn deadline() -> Option<Instant> {
    frame::deadline()
}

/// The deadline of a [`timeout_with`](crate::Runtime::timeout_with), to be read and moved.
///
/// A handle: clones are of the same deadline, and it may be moved from anywhere. Once it has expired it
/// stays so, also if what it limits takes a while to stop, or still gives a value.
///
/// # Examples
///
/// An answer that is slow, but comes in parts:
///
/// ```
/// use anyrt::{Deadline, VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let clock = VirtualClock::on(BuiltinRuntime::new());
/// let rt = clock.handle();
/// let parts = rt.timeout_with(1.secs(), async |deadline: Deadline| {
///     for _part in 0..3 {
///         rt.sleep(900.millis()).await;
///         deadline.reschedule(rt.now() + 1.secs()).unwrap();
///     }
///     deadline.expired()
/// });
/// assert_eq!(clock.block_on(parts).unwrap(), false);
/// assert_eq!(rt.elapsed(), 2_700.millis());
/// ```
#[derive(Clone)]
pub struct Deadline(Arc<Mutex<State>>);

struct State {
    when: Instant,
    stage: Stage,
    /// Of the task that waits for the deadline.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    Expired,
    Ended,
}

/// What a deadline limits, until this is dropped.
pub(super) struct Limiting(pub(super) Deadline);

impl Drop for Limiting {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Deadline {
    pub(super) fn new(when: Instant) -> Self {
        Deadline(Arc::new(Mutex::new(State {
            when,
            stage: Stage::Running,
            waker: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the moment of the deadline.
    pub fn when(&self) -> Instant {
        self.state().when
    }

    /// Moves the deadline, earlier or later; one that is in the past expires at the next suspension.
    ///
    /// # Errors
    ///
    /// [`RescheduleError`] if it has expired, or if what it limits has ended.
    pub fn reschedule(&self, when: Instant) -> Result<(), RescheduleError> {
        let waker = {
            let mut state = self.state();
            match state.stage {
                Stage::Running => state.when = when,
                Stage::Expired => return Err(RescheduleError::Expired),
                Stage::Ended => return Err(RescheduleError::Ended),
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Moves the deadline later by `more`; no further than can be represented.
    ///
    /// # Errors
    ///
    /// As [`reschedule`](Deadline::reschedule).
    pub fn extend(&self, more: Duration) -> Result<(), RescheduleError> {
        let when = self.when();
        self.reschedule(crate::runtime::after(when, more))
    }

    /// Returns whether the deadline has passed while what it limits was running.
    ///
    /// Also if that had a value all the same, because a shield held the request.
    pub fn expired(&self) -> bool {
        self.state().stage == Stage::Expired
    }

    /// Where the deadline is now, if not where it was; who moves it from here on wakes the task.
    pub(super) fn moved_from(&self, known: Instant, cx: &Context<'_>) -> Option<Instant> {
        let new = cx.waker().clone();
        let (old, when) = {
            let mut state = self.state();
            (state.waker.replace(new), state.when)
        };
        // Foreign code, as the clone was: not under the lock.
        drop(old);
        (when != known).then_some(when)
    }

    /// Expires, unless it was moved away from `known`. Says whether it did.
    pub(super) fn fire(&self, known: Instant) -> bool {
        let mut state = self.state();
        let fires = state.when == known;
        if fires {
            state.stage = Stage::Expired;
        }
        fires
    }

    /// What it limits has ended.
    fn end(&self) {
        let waker = {
            let mut state = self.state();
            if state.stage == Stage::Running {
                state.stage = Stage::Ended;
            }
            state.waker.take()
        };
        drop(waker);
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (when, stage) = {
            let state = self.state();
            (state.when, state.stage)
        };
        f.debug_struct("Deadline")
            .field("when", &when)
            .field("stage", &stage)
            .finish()
    }
}

/// A deadline could not be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RescheduleError {
    /// It has passed: a request that was made is not taken back.
    Expired,
    /// What it limits has ended.
    Ended,
}

impl fmt::Display for RescheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RescheduleError::Expired => "the deadline has passed and cannot be moved any more",
            RescheduleError::Ended => "what the deadline limits has ended",
        })
    }
}

impl std::error::Error for RescheduleError {}
