//! A runtime in virtual time: the owner, and how it is set up.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::current::{Timekeeper, Wait, current_of};
use super::drive::{Driving, Listed};
use super::handle::Virtual;
use super::probe::{Before, Prober};
use super::quiescence::{Outside, Pace, Quiescence};
use super::tracked::{Tracked, What};
use crate::runtime::{Drive, Instant, Spawn, Timer};

/// How long a clock may stand still, in real time, if nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime in virtual time: an hour takes a microsecond.
///
/// It takes the owner of any runtime, multi-threaded ones included, and is an owner itself; its handle is
/// [`Virtual`]. Tasks run as before, in parallel where there are threads. The time moves when nothing can run:
/// no task is woken or running, no blocking job waits or runs, and no [hold](Virtual::hold) is there. Then
/// it jumps to the earliest deadline that something waits for, to the nanosecond, and that one is woken. So
/// everything that is due at a moment has happened before the next one comes.
///
/// # What it counts, and what not
///
/// It counts what is spawned through its handle, and the future that it drives. What bypasses these is not
/// seen, and time may move while it is at work:
///
/// | bypasses the clock | do |
/// |---|---|
/// | sockets, other processes, plain threads | await them in [`external`](crate::external) |
/// | tasks and blocking jobs that are spawned on the runtime inside, such as with `tokio::spawn` | spawn them through the handle; or await their handles in [`external`](crate::external) |
/// | sleeps of the runtime inside, such as `tokio::time::sleep` | sleep through the handle |
/// | `tokio::task::yield_now`, which keeps its wake-up back | yield with a wake-up of your own |
/// | a job that blocks its thread for something that waits for this clock | [`blocking_wait`](crate::blocking_wait), or `block_on` in the job |
/// | `std::time::Instant::now()`, in whatever library | nothing: it is real |
///
/// Where that cannot be done, [`probe`](VirtualClock::probe) and [`grace`](VirtualClock::grace) make the clock
/// wait a little before it moves.
///
/// A sleep of this clock that is polled outside any task of it panics and says so. The runtime inside keeps
/// its own clock; it is not needed, and one of Tokio need not be paused.
///
/// # When time does not go on
///
/// * Nothing can run, and nothing waits for a time: that can never end. [`block_on`](crate::BlockOn::block_on)
///   panics with a list of who waits, where it was spawned and since when. Where something outside may still
///   wake a task, and is not awaited in [`external`](crate::external), say
///   [`allow_outside_wakes`](VirtualClock::allow_outside_wakes).
/// * Something is busy for ever: a task that never rests, a job that waits for a task that sleeps. After 60
///   seconds of real time without a step of virtual time `block_on` panics with the same list;
///   [`watchdog`](VirtualClock::watchdog) sets another limit.
///
/// A clock goes for thirty years. What lies beyond never comes, as `Duration::MAX` does not.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let clock = VirtualClock::on(BuiltinRuntime::new());
/// let rt = clock.handle();
/// let before = rt.now();
/// let hours = clock.block_on(async {
///     let day = rt.spawn({
///         let rt = rt.clone();
///         async move { rt.sleep(Duration::from_secs(24 * 3600)).await; 24 }
///     });
///     rt.sleep(Duration::from_secs(3600)).await;
///     assert_eq!(rt.now() - before, Duration::from_secs(3600));
///     day.await.unwrap()
/// });
/// assert_eq!(hours, 24);
/// assert_eq!(rt.now() - before, Duration::from_secs(24 * 3600));
/// ```
#[doc(alias = "pause")]
#[doc(alias = "MockClock")]
#[doc(alias = "TestClock")]
pub struct VirtualClock<D: Drive> {
    owner: D,
    handle: Virtual<D::Handle>,
    settings: Settings,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    start: Instant,
    pace: Pace,
    outside: Outside,
    patience: Duration,
    before: Before,
}

impl<D: Drive> VirtualClock<D> {
    /// Takes a runtime into virtual time.
    ///
    /// The clock starts where that of the runtime stands. To set it up otherwise, go on with
    /// [`starting_at`](Self::starting_at), [`by_hand`](Self::by_hand),
    /// [`allow_outside_wakes`](Self::allow_outside_wakes) or [`watchdog`](Self::watchdog), before the handle
    /// is given to anybody.
    pub fn on(owner: D) -> Self {
        let settings = Settings {
            start: owner.handle().now(),
            pace: Pace::Auto,
            outside: Outside::Silent,
            patience: PATIENCE,
            before: Before::Nothing,
        };
        VirtualClock {
            handle: settings.handle(owner.handle()),
            owner,
            settings,
        }
    }

    /// Starts the clock at `start`.
    ///
    /// # Panics
    ///
    /// If the handle was cloned already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let tomorrow = Instant::now() + Duration::from_secs(24 * 3600);
    /// let clock = VirtualClock::on(BuiltinRuntime::new()).starting_at(tomorrow);
    /// assert_eq!(clock.handle().now(), tomorrow);
    /// ```
    pub fn starting_at(self, start: Instant) -> Self {
        self.set(|settings| settings.start = start)
    }

    /// Moves the clock by hand: only as far as [`advance`](Virtual::advance) says.
    ///
    /// # Panics
    ///
    /// If the handle was cloned already.
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
    ///     let seconds = |n| Duration::from_secs(n);
    ///     let task = rt.spawn(rt.sleep(seconds(5)));
    ///     rt.advance(seconds(4)).await;
    ///     assert!(!task.is_finished());
    ///     rt.advance(seconds(1)).await;
    ///     assert!(task.is_finished());
    /// });
    /// ```
    pub fn by_hand(self) -> Self {
        self.set(|settings| settings.pace = Pace::ByHand)
    }

    /// Waits, where nothing can run and nothing waits for a time, for wake-ups from outside.
    ///
    /// Otherwise that is taken for the end, and `block_on` panics with a list of who waits. A clock that
    /// moves by itself still does so meanwhile, whenever something waits for a time:
    /// [`external`](crate::external) tells it not to.
    ///
    /// # Panics
    ///
    /// If the handle was cloned already.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    /// use futures::channel::oneshot;
    ///
    /// let clock = VirtualClock::on(BuiltinRuntime::new()).allow_outside_wakes();
    /// let (tx, rx) = oneshot::channel();
    /// std::thread::spawn(move || tx.send(42));
    /// assert_eq!(clock.block_on(rx), Ok(42));
    /// ```
    pub fn allow_outside_wakes(self) -> Self {
        self.set(|settings| settings.outside = Outside::MayWake)
    }

    /// Sets how long, in real time, the clock may stand still before `block_on` panics with a report.
    ///
    /// `Duration::MAX` is for ever.
    ///
    /// # Panics
    ///
    /// If the handle was cloned already.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// use std::{future::pending, time::Duration};
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, external, prelude::*};
    ///
    /// let clock = VirtualClock::on(BuiltinRuntime::new()).watchdog(Duration::from_millis(1));
    /// clock.block_on(external(pending::<()>()));
    /// ```
    pub fn watchdog(self, patience: Duration) -> Self {
        self.set(|settings| settings.patience = patience)
    }

    /// Yields `times` times on the runtime inside, each time before the time moves.
    ///
    /// For code that one does not own and that bypasses the clock for a moment: it keeps wake-ups back and wakes
    /// tasks a little later, as Tokio's `yield_now` does, or awaits tasks that were spawned past the clock. On a
    /// runtime with one thread all that was woken by then has run. With several it is a guess.
    ///
    /// Tokio gives wake-ups that it has kept back only when it is idle or every 61st step: there, say 100.
    ///
    /// # Panics
    ///
    /// If the handle was cloned already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::builder().threads(1).build().unwrap();
    /// let clock = VirtualClock::on(owner).probe(3);
    /// let rt = clock.handle();
    /// clock.block_on(rt.spawn({
    ///     let rt = rt.clone();
    ///     async move {
    ///         let _later = rt.spawn(rt.sleep(Duration::from_secs(10)));
    ///         assert_eq!(rt.inner().spawn(async { 42 }).await.unwrap(), 42);
    ///         assert_eq!(rt.elapsed(), Duration::ZERO);
    ///     }
    /// }))
    /// .unwrap();
    /// ```
    pub fn probe(self, times: usize) -> Self {
        self.set(|settings| settings.before = Before::Yields(times))
    }

    /// Waits for `real` of real time, each time before the time moves.
    ///
    /// For code that one does not own and that bypasses the clock: whatever it does within that is seen. It is
    /// a guess, and slow: the clock makes at most one step in that time.
    ///
    /// # Panics
    ///
    /// If the handle was cloned already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    /// use futures::channel::oneshot;
    ///
    /// let clock = VirtualClock::on(BuiltinRuntime::new()).grace(Duration::from_millis(200));
    /// let rt = clock.handle();
    /// clock.block_on(async {
    ///     let _later = rt.spawn(rt.sleep(Duration::from_secs(10)));
    ///     let (tx, rx) = oneshot::channel();
    ///     std::thread::spawn(move || tx.send(42));
    ///     assert_eq!(rx.await, Ok(42));
    ///     assert_eq!(rt.elapsed(), Duration::ZERO);
    /// });
    /// ```
    pub fn grace(self, real: Duration) -> Self {
        self.set(|settings| settings.before = Before::Passes(real))
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        assert!(
            Arc::strong_count(&self.handle.clock) == 1,
            "a virtual clock is set up before its handle is cloned"
        );
        set(&mut self.settings);
        self.handle = self.settings.handle(self.owner.handle());
        self
    }

    /// Returns the handle.
    pub fn handle(&self) -> &Virtual<D::Handle> {
        &self.handle
    }

    /// Returns the owner of the runtime inside: to end that, with a report.
    ///
    /// The tasks of the clock end with the runtime. Its blocking jobs do not run there:
    /// [`finish_jobs`](Self::finish_jobs) waits for them.
    pub fn into_inner(self) -> D {
        self.owner
    }

    /// Waits up to `timeout`, in real time, for the blocking jobs of this clock.
    ///
    /// Returns how many are left, waiting or running; they run on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let clock = VirtualClock::on(BuiltinRuntime::new());
    /// clock.handle().spawn_blocking(|| 42).detach();
    /// assert_eq!(clock.finish_jobs(Duration::from_secs(10)), 0);
    /// let report = clock.into_inner().shutdown(Duration::from_secs(10));
    /// assert!(report.is_clean());
    /// ```
    pub fn finish_jobs(&self, timeout: Duration) -> usize {
        self.handle.clock.wait_for_jobs(timeout)
    }
}

impl Settings {
    fn handle<H: Spawn + Timer>(self, inner: &H) -> Virtual<H> {
        let clock = Quiescence::new(self.start, self.pace, self.outside);
        if self.before == Before::Nothing {
            return Virtual::new(inner.clone(), Arc::new(clock));
        }
        let clock = Arc::new(clock.probed());
        inner.spawn_raw(Prober::new(&clock, inner.clone(), self.before));
        Virtual::new(inner.clone(), clock)
    }
}

impl<D: Drive> Drive for VirtualClock<D> {
    type Handle = Virtual<D::Handle>;

    fn handle(&self) -> &Virtual<D::Handle> {
        &self.handle
    }

    /// In a blocking job of the same clock, the job does not count meanwhile.
    ///
    /// # Panics
    ///
    /// When time does not go on, with a report.
    fn drive<F: Future>(&self, future: F) -> F::Output {
        let clock = &self.handle.clock;
        let around = current_of(clock.timers());
        let mut watchdog = None;
        let tracked = Tracked::new(clock, self.handle.inner.clone(), What::Driven, |task| {
            let listed = Listed::new(clock, task);
            watchdog = listed.watchdog(self.settings.patience);
            Driving::new(future, listed, around.clone())
        });
        // The drive counts by now. What is lent is asked back in its last poll, while it still does.
        let lent = around.map(LentToDrive::new);
        let ended = self.owner.drive(tracked);
        drop(lent);
        drop(watchdog);
        match ended {
            Ok(value) => value,
            Err(report) => panic!("{report}"),
        }
    }
}

/// What the thread that drives has lent. The drive itself asks it back.
struct LentToDrive(Arc<dyn Timekeeper>);

impl LentToDrive {
    fn new(keeper: Arc<dyn Timekeeper>) -> Self {
        keeper.lend(Wait::Told);
        LentToDrive(keeper)
    }
}

impl Drop for LentToDrive {
    fn drop(&mut self) {
        self.0.wait_back();
    }
}

impl<D: Drive + fmt::Debug> fmt::Debug for VirtualClock<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualClock")
            .field("owner", &self.owner)
            .field("clock", &self.handle.clock)
            .finish_non_exhaustive()
    }
}
