//! Something that is done again and again, each time in a task of its own.
//!
//! This file has the words before it runs; [`run`] is how it runs.

mod run;
mod tick;

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

pub use run::Ticking;
pub use tick::Tick;

use super::missed::MissedTick;
use crate::runtime::{Spawn, Timer};
use crate::scope::{AnyError, ChildError, MayFail, Scope, ScopeWith, TryScope, Verdict};

/// How many ticks may run at a time, if nothing is said.
const MOST: usize = 1_000;

/// What becomes of a tick that is due while others run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlap {
    /// It runs beside them, if they are fewer than this; else it waits for one of them to end.
    AtMost(usize),
    CancelPrevious,
    SkipIfBusy,
}

/// When the first tick is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    AtOnce,
    AfterOnePeriod,
}

/// Words about something that is done again and again: what [`Runtime::every`](crate::Runtime::every) gives.
///
/// Each tick is a task of its own, a child of a scope that [`run`](Every::run) opens. What fails or panics
/// in one is reported, and does not keep the next from coming.
///
/// What becomes of a tick that is due while the one before still runs is its *overlap*, and the last word
/// said about it counts. Here is a period of 1, and ticks that take 2.5, or 0.5 to clean up:
///
/// ```text
/// at_most(2)           0─────────2.5              the third waits until there is room
///                        1─────────3.5
///                               2.5─────────5
/// cancel_previous()    0───✗                      the one before is stopped, and has cleaned up
///                          1.5───✗
/// skip_if_busy()       0─────────2.5  3─────────  1 and 2 are left out
/// ```
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let (tx, rx) = mpsc::channel();
/// let beating = owner.handle().every(1.millis()).skip_if_busy().times(3).run(move |tick| {
///     let tx = tx.clone();
///     async move { tx.send(tick.number()) }
/// });
/// owner.block_on(beating);
/// assert_eq!(rx.iter().collect::<Vec<_>>(), [0, 1, 2]);
/// ```
#[must_use = "nothing is done until `run` is called, and its future awaited"]
pub struct Every<'a, R: Timer> {
    scope: ScopeWith<'a, R, AnyError>,
    rt: &'a R,
    words: Words,
}

/// What is said of it before it runs.
#[derive(Debug)]
struct Words {
    period: Duration,
    name: Option<Cow<'static, str>>,
    overlap: Overlap,
    missed: MissedTick,
    first: First,
    times: Option<u64>,
}

impl<'a, R: Spawn + Timer> Every<'a, R> {
    pub(crate) fn new(rt: &'a R, period: Duration) -> Self {
        Every {
            scope: ScopeWith::new(rt).long_lived(),
            rt,
            words: Words {
                period,
                name: None,
                overlap: Overlap::AtMost(MOST),
                missed: MissedTick::Delay,
                first: First::AtOnce,
                times: None,
            },
        }
    }

    /// Names the ticks, for errors and reports.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        self.words.name = Some(name.clone());
        self.scope = self.scope.name(name);
        self
    }

    /// Waits for one period before the first tick, which else is due at once.
    pub fn wait_first(mut self) -> Self {
        self.words.first = First::AfterOnePeriod;
        self
    }

    /// Lets at most this many ticks run at a time, 1,000 if it is not said; zero counts as one.
    ///
    /// One that is due when there is no room waits for it, and is late then:
    /// [`on_missed`](Every::on_missed).
    pub fn at_most(mut self, ticks: usize) -> Self {
        self.words.overlap = Overlap::AtMost(ticks.max(1));
        self
    }

    /// Stops the previous tick if it still runs when the next is due, and waits until it has cleaned up.
    ///
    /// The next period begins when the next tick does: the time between two ticks is that and the clean-up.
    /// With another [`on_missed`](Every::on_missed) it does not move the schedule.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, defer, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let (log, logged) = std::sync::mpsc::channel();
    /// let polling = owner.handle().every(50.millis()).cancel_previous().times(2).run(move |tick| {
    ///     let log = log.clone();
    ///     async move {
    ///         let over = log.clone();
    ///         defer(async move { over.send((tick.number(), "hung up")).unwrap() });
    ///         log.send((tick.number(), "asks")).unwrap();
    ///         match tick.number() {
    ///             0 => std::future::pending().await, // a server that does not answer
    ///             _ => log.send((tick.number(), "has an answer")).unwrap(),
    ///         }
    ///     }
    /// });
    /// owner.block_on(polling);
    /// let expected = [(0, "asks"), (0, "hung up"), (1, "asks"), (1, "has an answer"), (1, "hung up")];
    /// assert!(logged.iter().eq(expected));
    /// ```
    pub fn cancel_previous(mut self) -> Self {
        self.words.overlap = Overlap::CancelPrevious;
        self
    }

    /// Leaves a tick out if the previous one still runs, or cleans up.
    ///
    /// Ticks that are left out are not [counted](Tick::number).
    pub fn skip_if_busy(mut self) -> Self {
        self.words.overlap = Overlap::SkipIfBusy;
        self
    }

    /// Says what becomes of ticks that come late: [`MissedTick::Delay`], if it is not said.
    pub fn on_missed(mut self, policy: MissedTick) -> Self {
        self.words.missed = policy;
        self
    }

    /// Ends after this many ticks, when all of them are gone; if it is not said, it never ends.
    pub fn times(mut self, ticks: u64) -> Self {
        self.words.times = Some(ticks);
        self
    }

    /// Limits how long a tick may take to unwind, as in [`ScopeWith::cleanup_deadline`].
    pub fn cleanup_deadline(mut self, limit: Duration) -> Self {
        self.scope = self.scope.cleanup_deadline(limit);
        self
    }

    /// Tells `handler` of each tick that failed or panicked, instead of the hook.
    ///
    /// It is called on the tick's task, and must not block. If it panics, its panic and the error go to
    /// the hook of [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{AnyError, ChildError, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let (tx, rx) = std::sync::mpsc::channel();
    /// let told = move |error: &ChildError<AnyError>| tx.send(error.to_string()).unwrap();
    /// let failing = owner.handle().every(1.millis()).on_error(told).times(2).run(|tick| async move {
    ///     match tick.number() {
    ///         0 => Err("out of cheese"),
    ///         _ => Ok(()),
    ///     }
    /// });
    /// owner.block_on(failing);
    /// assert!(rx.recv().unwrap().starts_with("out of cheese (child 0, spawned at"));
    /// ```
    #[doc(alias = "exception_handler")]
    pub fn on_error<H>(mut self, handler: H) -> Self
    where
        H: Fn(&ChildError<AnyError>) + Send + Sync + 'static,
    {
        self.scope = self.scope.supervise(move |error| {
            // That a runtime ends is no failure of what ran there.
            if !error.is_lost() {
                handler(error);
            }
            Verdict::Continue
        });
        self
    }

    /// Calls `f` at each tick, and runs what it gives as a task; until it is stopped, or the last of
    /// [`times`](Every::times) is gone.
    ///
    /// The future of a tick gives `()` or a `Result`. An `Err`, and a panic of it or of `f`, goes to
    /// [`on_error`](Every::on_error), or else to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook); the next tick comes all the same.
    ///
    /// The first tick is due when the future is first polled, or one period after. Stopped, it stops all
    /// ticks that run and waits until they have cleaned up. Dropping it asks them to stop; the task around
    /// it waits for them.
    ///
    /// # Examples
    ///
    /// See [`Every`].
    #[track_caller]
    #[doc(alias = "create_timer")]
    #[doc(alias = "setInterval")]
    pub fn run<F, Fut>(self, f: F) -> Ticking<R, F>
    where
        F: FnMut(Tick) -> Fut,
        Fut: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
    {
        Ticking::new(self.scope, self.rt, self.words, f, Location::caller())
    }
}

impl<R: Timer> fmt::Debug for Every<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Every")
            .field("words", &self.words)
            .finish_non_exhaustive()
    }
}

macro_rules! on_scopes {
    ([$($params:tt)*] $handle:ty) => {
        impl<$($params)*> $handle {
            /// Begins something that is done again and again, on the scope's runtime:
            /// [`Runtime::every`](crate::Runtime::every).
            ///
            /// Spawned into the scope, it runs until that is stopped.
            ///
            /// # Examples
            ///
            /// ```
            /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
            ///
            /// let owner = BuiltinRuntime::new();
            /// let (tx, rx) = std::sync::mpsc::channel();
            /// owner.block_on(owner.handle().scope(async |s| {
            ///     let tx = tx.clone();
            ///     s.spawn(s.every(1.millis()).times(2).run(move |tick| {
            ///         tx.send(tick.number()).unwrap();
            ///         async {}
            ///     }));
            /// }));
            /// assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 1]);
            /// ```
            pub fn every(&self, period: Duration) -> Every<'_, R> {
                Every::new(self.rt(), period)
            }
        }
    };
}

on_scopes!([R: Spawn + Timer] Scope<R>);
on_scopes!([R: Spawn + Timer, E: Send + 'static] TryScope<R, E>);
