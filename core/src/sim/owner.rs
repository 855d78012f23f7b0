//! The simulator as users see it: an owner, its handle, and the words to start it with.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::entity::{Body, Entity, Work};
use super::gate::{Foreign, Gate};
use super::host::{Alone, Driver, Drives, Runs};
use super::inside::{self, Inside};
use super::notes::Notes;
use super::root::Root;
use super::schedule::{Plan, Schedule};
use super::trace::{Kind, SimTrace};
use crate::clock::VirtualSleep;
use crate::clock::current::Wait;
use crate::clock::timers::Timers;
use crate::runtime::{Drive, Enter, Instant, Known, KnownAs, Spawn, StopHooks, Timer};

/// A deterministic simulation of a program: a race is a number.
///
/// One entity runs at a time: a task, a blocking job, the future of `block_on`. Who is next is decided by
/// the seed, so the same seed gives the same run, and another seed another order. Time is virtual: it moves
/// when nobody can run, to the exact nanosecond at which the next sleep ends, and an hour takes no time.
/// Where nobody can run and nobody sleeps, the program hangs, and `block_on` panics with a list of who waits.
///
/// [`Sim::new`] needs no runtime. [`Sim::on`] takes one and lets it run the tasks, on its threads; the order
/// is the same. Either is an owner like any other: its [`handle`](Drive::handle) is a
/// [`Runtime`](crate::Runtime), and code below finds it as [`current`](crate::current).
///
/// Tasks run only while something is in `block_on`. Dropping the simulator drops the tasks that are left,
/// and the jobs that have not started, in the order in which they were spawned; they are *lost*. Blocking
/// jobs run on threads of this library.
///
/// What stays a matter of chance is listed in `anyrt::testing`; a wake-up from a thread that is no part of
/// the simulation is an error, unless it is [allowed](SimWith::allow_outside_wakes). To run many seeds, see
/// [`Explore`](crate::Explore).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{Sim, prelude::*};
///
/// let sim = Sim::new(7);
/// let rt = sim.handle().clone();
/// let slept = sim.block_on(async {
///     let start = rt.now();
///     rt.sleep(Duration::from_secs(3600)).await;
///     rt.now() - start
/// });
/// assert_eq!(slept, Duration::from_secs(3600));
/// ```
///
/// On a runtime:
///
/// ```
/// use anyrt::{Runtime, Sim, backend::builtin::BuiltinRuntime, prelude::*};
///
/// async fn sum<R: Runtime>(rt: R) -> u32 {
///     rt.gather((1..=4).map(|n| async move { n })).await.into_iter().sum()
/// }
///
/// let (alone, hosted) = (Sim::new(7), Sim::on(BuiltinRuntime::new(), 7));
/// assert_eq!(alone.block_on(sum(alone.handle().clone())), 10);
/// assert_eq!(hosted.block_on(sum(hosted.handle().clone())), 10);
/// assert_eq!(alone.trace(), hosted.trace());
/// ```
#[doc(alias = "LabRuntime")]
#[doc(alias = "madsim")]
pub struct Sim {
    handle: SimHandle,
    /// Dropped after the simulation has ended.
    driver: Box<dyn Driver>,
    patience: Duration,
}

impl Sim {
    /// Starts a simulation that needs no runtime: its tasks run on the threads that call `block_on`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Sim, prelude::*};
    ///
    /// let sim = Sim::new(1);
    /// let task = sim.handle().spawn(async { 6 * 7 });
    /// assert_eq!(sim.block_on(task).unwrap(), 42);
    /// ```
    pub fn new(seed: u64) -> Sim {
        Sim::with().seed(seed).start()
    }

    /// Starts a simulation whose tasks run on `owner`, a runtime of any kind.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Sim, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let sim = Sim::on(BuiltinRuntime::new(), 1);
    /// let task = sim.handle().spawn(async { 6 * 7 });
    /// assert_eq!(sim.block_on(task).unwrap(), 42);
    /// ```
    pub fn on<D>(owner: D, seed: u64) -> Sim
    where
        D: Drive + Send + Sync + 'static,
    {
        Sim::with().seed(seed).on(owner)
    }

    /// Begins a simulation that says more about itself: a schedule, what is allowed.
    pub fn with() -> SimWith {
        SimWith::default()
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.handle.gate.seed
    }

    /// Returns what happened so far, to compare it with another run.
    pub fn trace(&self) -> SimTrace {
        SimTrace {
            log: Arc::new(self.handle.gate.log()),
        }
    }

    /// Says who there is and who waits: the tree of tasks and jobs, a line for each.
    ///
    /// Where each was spawned, and since when it waits; only of code, no addresses. Empty when there is
    /// nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Sim, prelude::*};
    ///
    /// let sim = Sim::new(1);
    /// sim.handle().spawn_detached(std::future::pending());
    /// sim.block_on(async {});
    /// assert!(sim.waiting().starts_with("  - task 0 (spawned at "), "{}", sim.waiting());
    /// ```
    pub fn waiting(&self) -> String {
        self.handle.gate.waiting()
    }

    pub(super) fn start_with(words: &SimWith, plan: Plan, owner: HostedBy) -> Sim {
        let foreign = words.foreign;
        let gate = |start, host| {
            Gate::new(
                words.seed,
                plan,
                foreign,
                Arc::new(Timers::new(start)),
                words.notes.clone(),
                host,
            )
        };
        let (gate, driver) = match owner {
            HostedBy::Nobody => {
                let alone = Arc::new(Alone::default());
                let driver: Box<dyn Driver> = Box::new(Arc::clone(&alone));
                // The epoch of a clock that nobody else has: only differences are seen.
                (gate(Instant::now(), Box::new(alone)), driver)
            }
            HostedBy::Runtime(start, host, driver) => (gate(start, host), driver),
        };
        Sim {
            handle: SimHandle {
                gate,
                hooks: StopHooks::new(),
            },
            driver,
            patience: words.patience,
        }
    }
}

/// Who polls the tasks of a simulation.
pub(super) enum HostedBy {
    Nobody,
    Runtime(Instant, Box<dyn super::host::Host>, Box<dyn Driver>),
}

impl HostedBy {
    pub(super) fn runtime<D>(owner: D) -> HostedBy
    where
        D: Drive + Send + Sync + 'static,
    {
        let host = owner.handle().clone();
        HostedBy::Runtime(host.now(), Box::new(Runs(host)), Box::new(Drives(owner)))
    }
}

impl Drive for Sim {
    type Handle = SimHandle;

    fn handle(&self) -> &SimHandle {
        &self.handle
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        let gate = &self.handle.gate;
        let around = inside::entity_of(gate);
        let Ok(root) = gate.admit(Kind::Root, KnownAs::here(), Work::Elsewhere) else {
            panic!("the simulation has ended");
        };
        let mut value = None;
        {
            // The inner one is ready before the outer one lends its turn: else, for a moment, nobody would be.
            let _lent = around.as_ref().map(Lent::new);
            let root = pin!(Root::new(future, &mut value, root, around.clone()));
            // No step may be number `u64::MAX`.
            let seen = Cell::new(u64::MAX);
            let stuck = || seen.set(gate.look_whether_stuck(seen.get(), self.patience));
            self.driver.drive(root, self.patience, &stuck);
        }
        value.expect("a runtime drives a future to its end")
    }
}

/// The turn of a job, lent to a future that it blocks on.
struct Lent<'a> {
    entity: &'a Entity,
    outside: Option<Inside>,
}

impl<'a> Lent<'a> {
    fn new(entity: &'a Arc<Entity>) -> Self {
        entity.lend_for(Wait::Told);
        Lent {
            entity,
            outside: Some(Inside::nothing()),
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.entity.wait_until_back();
        self.outside = None;
    }
}

/// Ends a simulation before it is dropped: for `#[anyrt::test]`, which asks what that made panic.
#[doc(hidden)]
pub fn end(sim: &Sim) {
    sim.handle.hooks.end();
    sim.handle.gate.end();
}

impl Drop for Sim {
    fn drop(&mut self) {
        end(self);
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.seed())
            .field("entities", &self.handle.gate.len())
            .finish_non_exhaustive()
    }
}

/// Words to say about a simulation before it starts.
///
/// Made by [`Sim::with`].
///
/// # Examples
///
/// ```
/// use anyrt::{Schedule, Sim, prelude::*};
///
/// let sim = Sim::with().seed(7).schedule(Schedule::Fifo).start();
/// assert_eq!(sim.seed(), 7);
/// assert_eq!(sim.block_on(async { 42 }), 42);
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is started until `start` or `on` is called"]
pub struct SimWith {
    seed: u64,
    schedule: Schedule,
    foreign: Foreign,
    notes: Option<Arc<Notes>>,
    patience: Duration,
}

impl Default for SimWith {
    fn default() -> Self {
        SimWith {
            seed: 0,
            schedule: Schedule::default(),
            foreign: Foreign::default(),
            notes: None,
            patience: PATIENCE,
        }
    }
}

/// How long one entity may have the turn, in real time, if nothing is said.
const PATIENCE: Duration = Duration::from_secs(60);

impl SimWith {
    /// Sets the seed: zero, if it is not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets who is next: a random one, if it is not said.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Allows wake-ups, and spawns, from threads that are no part of the simulation.
    ///
    /// They come when they come, so the run cannot be repeated; and since one may always come, a program
    /// that hangs is not told from one that waits for the world outside. To wait for it and stay exact, put
    /// what waits into [`external`](crate::external), which needs no such word.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Sim, prelude::*};
    /// use futures::channel::oneshot;
    ///
    /// let sim = Sim::with().allow_outside_wakes().start();
    /// let (tx, rx) = oneshot::channel();
    /// let thread = std::thread::spawn(move || tx.send(42).unwrap());
    /// assert_eq!(sim.block_on(rx), Ok(42));
    /// thread.join().unwrap();
    /// ```
    pub fn allow_outside_wakes(mut self) -> Self {
        self.foreign = Foreign::Allowed;
        self
    }

    /// Sets how long one entity may have the turn, in real time: a minute, if it is not said.
    ///
    /// It finds a blocking job that waits for a task by other means than `block_on`: the task never has a turn.
    /// `block_on` then panics with a list of who is there. A simulation on a runtime has no such watchdog.
    /// `Duration::MAX` is never.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// use std::{sync::mpsc, time::Duration};
    /// use anyrt::{Schedule, Sim, prelude::*};
    ///
    /// let sim = Sim::with().schedule(Schedule::Fifo).watchdog(Duration::from_millis(10)).start();
    /// let rt = sim.handle().clone();
    /// sim.block_on(async {
    ///     let (tx, rx) = mpsc::channel();
    ///     let job = rt.spawn_blocking(move || rx.recv());
    ///     rt.spawn(async move { tx.send(1) }).detach(); // has no turn, once the job has begun
    ///     job.await.unwrap().unwrap();
    /// });
    /// ```
    pub fn watchdog(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Panics inside the simulation go here, and not to the hook.
    pub(super) fn noted_by(mut self, notes: &Arc<Notes>) -> Self {
        self.notes = Some(Arc::clone(notes));
        self
    }

    /// Starts it without a runtime: [`Sim::new`].
    pub fn start(self) -> Sim {
        let plan = Plan::Seeded(self.schedule);
        Sim::start_with(&self, plan, HostedBy::Nobody)
    }

    /// Starts it on a runtime: [`Sim::on`].
    pub fn on<D>(self, owner: D) -> Sim
    where
        D: Drive + Send + Sync + 'static,
    {
        let plan = Plan::Seeded(self.schedule);
        Sim::start_with(&self, plan, HostedBy::runtime(owner))
    }
}

/// The handle of a [`Sim`].
///
/// Cheap to clone; does not keep the simulation alive. One type, whatever the simulation runs on.
///
/// # Examples
///
/// ```
/// use anyrt::{Sim, SimHandle, prelude::*};
///
/// let sim = Sim::new(1);
/// let rt: SimHandle = sim.handle().clone();
/// assert_eq!(sim.block_on(async { rt.spawn(async { 42 }).await.unwrap() }), 42);
/// ```
#[derive(Clone)]
pub struct SimHandle {
    gate: Arc<Gate>,
    hooks: StopHooks,
}

impl Spawn for SimHandle {
    #[track_caller]
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let work = Work::Task(Body::new(future));
        let admitted = self.gate.admit(Kind::Task, KnownAs::here(), work);
        drop(admitted);
    }

    fn spawn_known<F>(&self, root: F)
    where
        F: Future<Output = ()> + Known + Send + 'static,
    {
        let who = root.known_as();
        let work = Work::Task(Body::new(root));
        let admitted = self.gate.admit(Kind::Task, who, work);
        drop(admitted);
    }

    #[track_caller]
    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        self.spawn_blocking_known(KnownAs::here(), job)
    }

    fn spawn_blocking_known<F>(&self, who: KnownAs, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        let work = Work::Job(Box::new(job));
        let admitted = self.gate.admit(Kind::Job, who, work);
        drop(admitted);
        Ok(())
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.gate, &other.gate)
    }

    fn enter<T>(&self, purpose: Enter, f: impl FnOnce() -> T) -> T {
        let mut f = Some(f);
        let mut value = None;
        self.gate.host.enter(purpose, &mut || {
            if let Some(f) = f.take() {
                value = Some(f());
            }
        });
        value.expect("`enter` calls its closure once")
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        Some(self.hooks.clone())
    }

    fn counts_jobs(&self) -> bool {
        true
    }

    fn may_block(&self) -> bool {
        // One runs at a time.
        false
    }
}

impl Timer for SimHandle {
    type Sleep = VirtualSleep;

    fn now(&self) -> Instant {
        self.gate.timers.now()
    }

    fn sleep_until(&self, deadline: Instant) -> VirtualSleep {
        VirtualSleep::new(&self.gate.timers, deadline)
    }
}

impl fmt::Debug for SimHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimHandle")
            .field("seed", &self.gate.seed)
            .finish_non_exhaustive()
    }
}
