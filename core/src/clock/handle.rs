//! The handle of a runtime in virtual time.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::advance::{Advance, AdvanceToNext};
use super::current::{Counted, Timekeeper};
use super::quiescence::{JobSeat, Quiescence};
use super::sleep::VirtualSleep;
use super::timers::nanos;
use super::tracked::{Tracked, What};
use crate::runtime::{Enter, Instant, Known, Spawn, StopHooks, Timer};

/// The handle of a runtime in virtual time: that of a [`VirtualClock`](crate::VirtualClock).
///
/// A runtime as any other, so everything of this library works on it, also erased. Cheap to clone; it does not
/// keep the runtime alive. Blocking jobs do not run on the runtime's pool but on threads of this library, of
/// which there are as many as there are jobs, so jobs that wait for jobs cannot use them up.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{Runtime, Virtual, VirtualClock, backend::builtin::{Builtin, BuiltinRuntime}, prelude::*};
///
/// async fn naps<R: Runtime>(rt: &R) {
///     rt.sleep(Duration::from_secs(3600)).await;
/// }
///
/// let clock = VirtualClock::on(BuiltinRuntime::new());
/// let rt: &Virtual<Builtin> = clock.handle();
/// clock.block_on(async {
///     naps(rt).await;
///     naps(&rt.erased()).await;
/// });
/// assert_eq!(rt.elapsed(), Duration::from_secs(7200));
/// ```
#[derive(Clone)]
pub struct Virtual<H> {
    pub(super) inner: H,
    pub(super) clock: Arc<Quiescence>,
}

impl<H> Virtual<H> {
    pub(super) fn new(inner: H, clock: Arc<Quiescence>) -> Self {
        Virtual { inner, clock }
    }

    /// Returns the handle of the runtime inside. What is done through it bypasses the clock.
    pub fn inner(&self) -> &H {
        &self.inner
    }

    /// Returns how much virtual time has passed since the clock was made.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.clock.timers().now_nanos())
    }

    /// Makes time stand still until the guard is dropped.
    ///
    /// For something that happens outside and is no future; for one, see [`external`](crate::external).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let clock = VirtualClock::on(BuiltinRuntime::new());
    /// let rt = clock.handle();
    /// let hold = rt.hold();
    /// let task = rt.spawn(rt.sleep(Duration::from_secs(5)));
    /// // However long this thread takes:
    /// assert_eq!(rt.elapsed(), Duration::ZERO);
    /// drop(hold);
    /// clock.block_on(task).unwrap();
    /// assert_eq!(rt.elapsed(), Duration::from_secs(5));
    /// ```
    pub fn hold(&self) -> ClockHold {
        let clock = Arc::clone(&self.clock);
        ClockHold(Counted::new(clock))
    }

    /// Moves a clock that is moved [by hand](crate::VirtualClock::by_hand) on by `duration`.
    ///
    /// Everything that is due meanwhile happens in its order, each at its own moment; when this is ready, all
    /// the rest has come to rest, also what is due at the end. So `advance(Duration::ZERO)` waits until
    /// everything else rests. A clock that moves by itself gets there without, and this waits for it in the
    /// same way.
    ///
    /// Counts from the first poll. Of two that advance at a time each gets where it wants to: time does not
    /// add up. Cancel safe: dropping it stops the clock where it is. Polling it again after it was ready is
    /// ready again.
    ///
    /// # Panics
    ///
    /// When it is polled outside any task of the clock.
    ///
    /// # Examples
    ///
    /// See [`by_hand`](crate::VirtualClock::by_hand).
    pub fn advance(&self, duration: Duration) -> Advance {
        Advance::new(Arc::clone(&self.clock), nanos(duration))
    }

    /// Moves the clock on to the next moment that something waits for, and gives that moment.
    ///
    /// It first waits until everything else rests, and then, as [`advance`](Self::advance), until it does
    /// again. `None` if nothing waits for a time.
    ///
    /// Cancel safe: dropping it stops the clock where it is. Polling it again after it was ready begins again.
    ///
    /// # Panics
    ///
    /// When it is polled outside any task of the clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let clock = VirtualClock::on(BuiltinRuntime::new()).by_hand();
    /// let rt = clock.handle();
    /// clock.block_on(async {
    ///     let task = rt.spawn(rt.sleep(Duration::from_secs(5)));
    ///     assert_eq!(rt.advance_to_next().await, Some(rt.now()));
    ///     assert_eq!(rt.elapsed(), Duration::from_secs(5));
    ///     assert!(task.is_finished());
    ///     assert_eq!(rt.advance_to_next().await, None);
    /// });
    /// ```
    pub fn advance_to_next(&self) -> AdvanceToNext {
        AdvanceToNext::new(Arc::clone(&self.clock))
    }
}

impl<H: Spawn> Spawn for Virtual<H> {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let what = What::Task(Location::caller());
        let tracked = Tracked::new(&self.clock, self.inner.clone(), what, |_| future);
        self.inner.spawn_raw(tracked);
    }

    fn spawn_known<F>(&self, root: F)
    where
        F: Future<Output = ()> + Known + Send + 'static,
    {
        // The line of the user, also for children of scopes and through an erased handle.
        let what = What::Task(root.known_as().place);
        let tracked = Tracked::new(&self.clock, self.inner.clone(), what, |_| root);
        self.inner.spawn_raw(tracked);
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        // Not on the pool of the runtime, which may be full of jobs that wait for this one; but inside of it.
        let Some(seat) = JobSeat::new(&self.clock) else {
            return Err(job);
        };
        let inner = self.inner.clone();
        seat.run(move || inner.enter(Enter::Foreign, job));
        Ok(())
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.clock, &other.clock) && self.inner.is_same(&other.inner)
    }

    fn enter<T>(&self, purpose: Enter, f: impl FnOnce() -> T) -> T {
        self.inner.enter(purpose, f)
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        self.inner.stop_hooks()
    }

    fn counts_jobs(&self) -> bool {
        true
    }

    fn may_block(&self) -> bool {
        self.inner.may_block()
    }
}

impl<H: Timer> Timer for Virtual<H> {
    type Sleep = VirtualSleep;

    fn now(&self) -> Instant {
        self.clock.timers().now()
    }

    fn sleep_until(&self, deadline: Instant) -> VirtualSleep {
        VirtualSleep::new(self.clock.timers(), deadline)
    }
}

impl<H: fmt::Debug> fmt::Debug for Virtual<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Virtual")
            .field("inner", &self.inner)
            .field("clock", &self.clock)
            .finish()
    }
}

/// Time stands still while this is there: see [`Virtual::hold`].
#[derive(Debug)]
#[must_use = "time goes on when this is dropped"]
pub struct ClockHold(#[expect(dead_code, reason = "it is dropped")] Counted);
