//! Random programs of everything that a region can do, with a request at a random step, and what must
//! hold for each of them.
//!
//! `ANYRT_PROGRAMS=200000 cargo test --release -p anyrt-core --lib random_programs` runs more of them;
//! `ANYRT_PROGRAM_SEED=N` runs the one that failed.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use super::counted::{Count, Counted, received};
use super::poll_once;
use crate::region::{BoxFuture, frame};
use crate::runtime::{Instant, Sleep, Timer};
use crate::task::tests::{Hand, tick};
use crate::{
    CancelToken, Cancellable, CancelledOwned, JoinError, Runtime, ScopeError, Timed, TryScope,
    Verdict, defer, gather, local_scope, race, shield, uncancellable,
};

/// One step of a program.
#[derive(Clone, Debug)]
enum Step {
    Tick,
    /// A clean-up that suspends this often.
    Defer(usize),
    Shield(Vec<Step>),
    /// Shielded, with a hole in which the steps run.
    Hole(Vec<Step>),
    /// A region that a token may stop.
    Until(usize, Vec<Step>),
    /// A region whose time is up when a token is cancelled.
    Timeout(usize, Vec<Step>),
    /// The same, tried again as long as it is stopped.
    Retry(usize, Vec<Step>),
    Join(Vec<Step>, Vec<Step>),
    /// The arm that loses is dropped where it is.
    Select(Vec<Step>, Vec<Step>),
    /// Arms that are all waited for: as a tuple, or as a vector.
    Gather(Form, [Vec<Step>; 3]),
    /// The arms that lose are drained.
    Race(Form, [Vec<Step>; 3]),
    /// Shields back to back that never end by themselves: only a request ends them.
    Endless,
    /// A task that is awaited.
    Spawn(Vec<Step>),
    /// A task whose handle is dropped.
    SpawnDrop(Vec<Step>),
    /// A region that is polled here once, and then by another task.
    Move(usize, Vec<Step>),
    /// A body and two children that run in this task.
    Local([Vec<Step>; 3]),
    /// A scope with children.
    Scope(Box<ScopePlan>),
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Tuple,
    Vector,
}

/// A scope of a program. Who fails does so after its steps.
#[derive(Clone, Debug)]
struct ScopePlan {
    policy: usize,
    limit: Option<usize>,
    shielded: bool,
    token: Option<usize>,
    body: Vec<Step>,
    body_fails: bool,
    /// Whether the body waits for the ends of the children.
    joins: bool,
    children: Vec<ChildPlan>,
}

#[derive(Clone, Debug)]
struct ChildPlan {
    steps: Vec<Step>,
    fails: bool,
    /// What it spawns into the scope when its steps are over.
    grandchild: Option<Box<ChildPlan>>,
}

/// A clock on which every deadline passes when a token is cancelled.
#[derive(Clone, Debug)]
struct Bell(CancelToken);

impl Timer for Bell {
    type Sleep = Rung;

    fn now(&self) -> Instant {
        Hand::default().now()
    }

    fn sleep_until(&self, _: Instant) -> Rung {
        Rung(self.0.cancelled_owned())
    }
}

#[derive(Debug)]
struct Rung(CancelledOwned);

impl Future for Rung {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Sleep for Rung {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}

/// A small generator of its own: a failing program must be the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    /// Some steps, at most `depth` deep; `masked` where a request does not reach them.
    fn steps(&mut self, depth: usize, masked: bool) -> Vec<Step> {
        let count = 1 + self.below(3);
        (0..count).map(|_| self.step(depth, masked)).collect()
    }

    fn step(&mut self, depth: usize, masked: bool) -> Step {
        let token = self.below(TOKENS);
        let Some(below) = depth.checked_sub(1) else {
            return match self.below(20) {
                0..=11 => Step::Tick,
                // In a shield it would never end, and rightly so.
                12 if !masked => Step::Endless,
                _ => Step::Defer(self.below(3)),
            };
        };
        match self.below(28) {
            0..=2 => Step::Tick,
            26 | 27 => Step::Timeout(token, self.steps(below, masked)),
            3 | 4 => Step::Defer(self.below(3)),
            5..=7 => Step::Shield(self.steps(below, true)),
            8 => Step::Hole(self.steps(below, masked)),
            9 | 10 => Step::Until(token, self.steps(below, masked)),
            11 => Step::Retry(token, self.steps(below, masked)),
            12 | 13 => Step::Join(self.steps(below, masked), self.steps(below, masked)),
            14 => Step::Select(self.steps(below, masked), self.steps(below, masked)),
            // A task of its own, but one that may be awaited inside a shield.
            15 => Step::Spawn(self.steps(below, masked)),
            16 => Step::SpawnDrop(self.steps(below, false)),
            17 => Step::Move(token, self.steps(below, masked)),
            18 | 19 => Step::Gather(self.form(), self.arms(below, masked)),
            20 => Step::Race(self.form(), self.arms(below, masked)),
            // Regions of their own, but the scope waits for them, perhaps inside a shield.
            21 | 22 => Step::Local(self.arms(below, masked)),
            _ => Step::Scope(Box::new(self.scope(below, masked))),
        }
    }

    fn scope(&mut self, below: usize, masked: bool) -> ScopePlan {
        let shielded = self.below(8) == 0;
        let masked = masked || shielded;
        ScopePlan {
            policy: self.below(7),
            limit: (self.below(3) == 0).then(|| 1 + self.below(2)),
            shielded,
            token: (self.below(3) == 0).then(|| self.below(TOKENS)),
            body: self.steps(below, masked),
            body_fails: self.below(6) == 0,
            joins: self.below(3) == 0,
            children: (0..1 + self.below(3))
                .map(|_| self.child(below, masked))
                .collect(),
        }
    }

    fn child(&mut self, depth: usize, masked: bool) -> ChildPlan {
        let below = depth.saturating_sub(1);
        ChildPlan {
            steps: self.steps(below, masked),
            fails: self.below(3) == 0,
            grandchild: (self.below(5) == 0).then(|| Box::new(self.child(below, masked))),
        }
    }

    fn form(&mut self) -> Form {
        match self.below(2) {
            0 => Form::Tuple,
            _ => Form::Vector,
        }
    }

    fn arms(&mut self, below: usize, masked: bool) -> [Vec<Step>; 3] {
        // Less deep, as there are three of them: a program must stay small.
        let below = below.saturating_sub(1);
        [(); 3].map(|()| self.steps(below, masked))
    }
}

const TOKENS: usize = 3;

/// What a program leaves behind while it runs.
#[derive(Default)]
struct World {
    rt: Hand,
    tokens: [CancelToken; TOKENS],
    locals: AtomicIsize,
    cleanups: AtomicUsize,
    cleaned: AtomicUsize,
    /// Clean-ups that were dropped unfinished.
    cut: AtomicUsize,
    /// Tasks are killed in this program.
    kills: bool,
    /// An arm that lost is being dropped: what is inside it could not unwind.
    dropping_an_arm: AtomicBool,
    wrong: Mutex<Vec<String>>,
    errors: Count,
}

impl World {
    /// A region has returned to its caller, perhaps because it was stopped.
    fn returned(&self, stopped: bool) {
        if stopped && frame::is_stopping() {
            self.wrong("a region that a request around it stopped returned a value");
        }
    }

    fn wrong(&self, what: impl Into<String>) {
        self.wrong.lock().unwrap().push(what.into());
    }
}

/// A clean-up that has not run to its end.
struct Unfinished(Option<Arc<World>>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(world) = &self.0 {
            world.cut.fetch_add(1, SeqCst);
        }
    }
}

/// A region of the program: how many of its clean-ups have not run.
#[derive(Default)]
struct Record(AtomicUsize);

/// Declared before all the regions of a sequence of steps, so it must outlive them.
struct Local {
    world: Arc<World>,
    regions: Vec<Arc<Record>>,
}

impl Drop for Local {
    fn drop(&mut self) {
        self.world.locals.fetch_sub(1, SeqCst);
        let left: usize = self
            .regions
            .iter()
            .map(|region| region.0.load(SeqCst))
            .sum();
        // A kill skips the order.
        if left > 0 && !self.world.dropping_an_arm.load(SeqCst) && !self.world.kills {
            self.world
                .wrong("a local died before the clean-ups of a region that was opened after it");
        }
    }
}

/// A child that runs: one more thing of its region that has not ended.
struct Child(Arc<Record>);

impl Child {
    fn new(record: Arc<Record>) -> Self {
        record.0.fetch_add(1, SeqCst);
        Child(record)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, SeqCst);
    }
}

/// The first arm to end wins; the other is dropped half-way.
async fn select(world: Arc<World>, one: BoxFuture, two: BoxFuture) {
    let (mut one, mut two) = (Some(one), Some(two));
    poll_fn(|cx| {
        for (winner, loser) in [(0, 1), (1, 0)] {
            let arms = [&mut one, &mut two];
            let ended = match arms.into_iter().nth(winner) {
                Some(Some(arm)) => arm.as_mut().poll(cx).is_ready(),
                _ => false,
            };
            if ended {
                let loser = if loser == 0 { one.take() } else { two.take() };
                let nested = world.dropping_an_arm.swap(true, SeqCst);
                drop(loser);
                world.dropping_an_arm.store(nested, SeqCst);
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}

/// A future that another task has begun.
struct Moved {
    half_run: Option<BoxFuture>,
    polled: bool,
    world: Arc<World>,
}

impl Future for Moved {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polled = true;
        match &mut self.half_run {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Moved {
    fn drop(&mut self) {
        // Its new task was cancelled before it was polled, and never runs: nothing could unwind.
        let nested = self.world.dropping_an_arm.load(SeqCst);
        self.world
            .dropping_an_arm
            .store(nested || !self.polled, SeqCst);
        drop(self.half_run.take());
        self.world.dropping_an_arm.store(nested, SeqCst);
    }
}

/// Each arm is a region of its own.
fn arms_of(world: &Arc<World>, local: &mut Local, arms: [Vec<Step>; 3]) -> [BoxFuture; 3] {
    arms.map(|steps| {
        let inner = Arc::new(Record::default());
        local.regions.push(Arc::clone(&inner));
        run(Arc::clone(world), inner, steps)
    })
}

/// Runs `steps` as part of the region that `record` stands for.
fn run(world: Arc<World>, record: Arc<Record>, steps: Vec<Step>) -> BoxFuture {
    world.locals.fetch_add(1, SeqCst);
    let mut local = Local {
        world: Arc::clone(&world),
        regions: Vec::new(),
    };
    Box::pin(async move {
        for step in steps {
            let part = |steps| run(Arc::clone(&world), Arc::clone(&record), steps);
            match step {
                Step::Tick => tick().await,
                Step::Defer(ticks) => {
                    world.cleanups.fetch_add(1, SeqCst);
                    record.0.fetch_add(1, SeqCst);
                    let (world, record) = (Arc::clone(&world), Arc::clone(&record));
                    let mut unfinished = Unfinished(Some(Arc::clone(&world)));
                    defer(async move {
                        for _ in 0..ticks {
                            tick().await;
                        }
                        // Masked: what is opened here is not stopped by what started it.
                        shield(tick()).await;
                        world.cleaned.fetch_add(1, SeqCst);
                        record.0.fetch_sub(1, SeqCst);
                        unfinished.0.take();
                    });
                }
                Step::Shield(steps) => shield(part(steps)).await,
                Step::Hole(steps) => {
                    let body = part(steps);
                    uncancellable(move |mut mask| async move {
                        tick().await;
                        mask.open(body).await;
                        tick().await;
                    })
                    .await;
                }
                Step::Until(token, steps) => {
                    let inner = Arc::new(Record::default());
                    local.regions.push(Arc::clone(&inner));
                    let body = run(Arc::clone(&world), inner, steps);
                    let stopped = body.until(&world.tokens[token]).await;
                    world.returned(stopped.is_err());
                }
                Step::Timeout(token, steps) => {
                    let inner = Arc::new(Record::default());
                    local.regions.push(Arc::clone(&inner));
                    let body = run(Arc::clone(&world), inner, steps);
                    let bell = Bell(world.tokens[token].clone());
                    let stopped = body.timeout(&bell, Duration::ZERO).await;
                    world.returned(stopped.is_err());
                    if let Err(elapsed) = stopped {
                        elapsed.failures().iter().for_each(received);
                    }
                }
                Step::Retry(token, steps) => {
                    for tries in 0.. {
                        let inner = Arc::new(Record::default());
                        local.regions.push(Arc::clone(&inner));
                        let body = run(Arc::clone(&world), inner, steps.clone());
                        // A token stays cancelled: only a request from outside could spin here.
                        let fresh = CancelToken::new();
                        let token = if tries == 0 {
                            &world.tokens[token]
                        } else {
                            &fresh
                        };
                        let stopped = body.until(token).await;
                        world.returned(stopped.is_err());
                        if stopped.is_ok() {
                            break;
                        }
                        if tries > 3 {
                            world.wrong("a stopped region gave its error again and again");
                            break;
                        }
                    }
                }
                Step::Join(one, two) => {
                    futures::future::join(part(one), part(two)).await;
                }
                Step::Endless => loop {
                    shield(tick()).await;
                },
                Step::Select(one, two) => {
                    select(Arc::clone(&world), part(one), part(two)).await;
                }
                Step::Gather(form, arms) => {
                    let arms = arms_of(&world, &mut local, arms);
                    match (form, arms) {
                        (Form::Tuple, [a, b, c]) => drop(gather((a, b, c)).await),
                        (Form::Vector, arms) => drop(gather(Vec::from(arms)).await),
                    }
                }
                Step::Race(form, arms) => {
                    let arms = arms_of(&world, &mut local, arms);
                    match (form, arms) {
                        (Form::Tuple, [a, b, c]) => race((a, b, c)).await,
                        (Form::Vector, arms) => drop(race(Vec::from(arms)).await),
                    }
                }
                Step::Spawn(steps) => {
                    let record = Arc::new(Record::default());
                    let killed = world.kills && steps.len() == 1;
                    let body = run(Arc::clone(&world), record, steps);
                    let task = world.rt.spawn(body);
                    if killed {
                        tick().await;
                        task.kill("by the program");
                    }
                    received_by(task.await);
                }
                Step::SpawnDrop(steps) => {
                    let record = Arc::new(Record::default());
                    let body = run(Arc::clone(&world), record, steps);
                    drop(world.rt.spawn(body));
                }
                Step::Local(parts) => {
                    let ended = AtomicUsize::new(0);
                    let [body, one, two] = parts.map(|steps| {
                        let inner = Arc::new(Record::default());
                        local.regions.push(Arc::clone(&inner));
                        let part = run(Arc::clone(&world), Arc::clone(&inner), steps);
                        let ended = &ended;
                        async move {
                            let _child = Child::new(inner);
                            part.await;
                            ended.fetch_add(1, SeqCst);
                        }
                    });
                    local_scope(|n| async move {
                        n.spawn(one);
                        n.clone().spawn(async move { n.spawn(two).await });
                        body.await;
                    })
                    .await;
                    if ended.load(SeqCst) != 3 {
                        world.wrong("a local scope returned though a part of it was cut");
                    }
                }
                Step::Move(token, steps) => {
                    let record = Arc::new(Record::default());
                    let body = run(Arc::clone(&world), record, steps);
                    let token = world.tokens[token].clone();
                    let mut moving: BoxFuture = Box::pin(async move {
                        let _ = body.until(&token).await;
                    });
                    let first = poll_fn(|cx| Poll::Ready(moving.as_mut().poll(cx))).await;
                    if first.is_pending() {
                        // Its shields and clean-ups belong to whoever polls it now.
                        let moved = Moved {
                            half_run: Some(moving),
                            polled: false,
                            world: Arc::clone(&world),
                        };
                        received_by(world.rt.spawn(moved).await);
                    }
                }
                Step::Scope(plan) => {
                    let inner = Arc::new(Record::default());
                    local.regions.push(Arc::clone(&inner));
                    let shielded = plan.shielded;
                    let ended = scope(Arc::clone(&world), Arc::clone(&inner), *plan).await;
                    // Whoever is around a shielded one has not stopped it.
                    world.returned(ended.is_err() && !shielded);
                    if inner.0.load(SeqCst) > 0 {
                        world.wrong("a scope returned before its children and clean-ups were over");
                    }
                    if let Err(error) = ended {
                        receive(error);
                    }
                }
            }
        }
        drop(local);
    })
}

/// How the task of a program is ended, at a random step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Asked,
    /// Killed, perhaps asked before. The order and the clean-ups are skipped; nothing else is.
    Killed,
}

/// Runs a scope. What lives in it counts in `record`.
fn scope(
    world: Arc<World>,
    record: Arc<Record>,
    plan: ScopePlan,
) -> Pin<Box<dyn Future<Output = Result<(), ScopeError<Counted>>> + Send>> {
    Box::pin(async move {
        let rt = world.rt.clone();
        let mut scope = rt.scope_with();
        scope = match plan.policy {
            1 => scope.collect_errors(),
            2 => scope.supervise(|error| {
                error.error().into_iter().for_each(Counted::seen);
                error.failures().iter().for_each(received);
                Verdict::Continue
            }),
            3 => scope.supervise(|_| Verdict::Keep),
            4 => scope.supervise(|_| Verdict::Stop),
            5 => scope.long_lived(),
            6 => scope.cancel_on_exit(),
            _ => scope,
        };
        if let Some(limit) = plan.limit {
            scope = scope.limit(limit);
        }
        if plan.shielded {
            scope = scope.shielded();
        }
        if let Some(token) = plan.token {
            scope = scope.until(&world.tokens[token]);
        }
        scope
            .try_run(async move |s| {
                let children: Vec<_> = plan
                    .children
                    .into_iter()
                    .map(|plan| s.spawn(child(&world, &record, s.clone(), plan)))
                    .collect();
                run(Arc::clone(&world), Arc::clone(&record), plan.body).await;
                for child in children.into_iter().filter(|_| plan.joins) {
                    received_by(child.result().await);
                }
                match plan.body_fails {
                    true => Err(world.errors.error()),
                    false => Ok(()),
                }
            })
            .await
    })
}

/// A child that counts in `record` as long as its body lives.
struct Live(Arc<Record>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, SeqCst);
    }
}

fn child(
    world: &Arc<World>,
    record: &Arc<Record>,
    scope: TryScope<Hand, Counted>,
    plan: ChildPlan,
) -> Pin<Box<dyn Future<Output = Result<(), Counted>> + Send>> {
    record.0.fetch_add(1, SeqCst);
    let live = Live(Arc::clone(record));
    let steps = run(Arc::clone(world), Arc::clone(record), plan.steps);
    let (world, record) = (Arc::clone(world), Arc::clone(record));
    Box::pin(async move {
        let _live = live;
        steps.await;
        if let Some(plan) = plan.grandchild {
            drop(scope.spawn(child(&world, &record, scope.clone(), *plan)));
        }
        match plan.fails {
            true => Err(world.errors.error()),
            false => Ok(()),
        }
    })
}

fn receive(error: ScopeError<Counted>) {
    error.failures().iter().for_each(received);
    for child in error.into_errors().into_iter().flatten() {
        child.failures().iter().for_each(received);
        if let Ok(error) = child.into_error() {
            error.receive();
        }
    }
}

fn received_by<T>(joined: Result<T, JoinError>) {
    if let Err(error) = joined {
        error.failures().iter().for_each(received);
    }
}

/// Runs the program of one seed, and says what was wrong with it.
fn program(seed: u64, end: End) -> Result<(), String> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..8 {
        random.below(2);
    }
    let steps = random.steps(5, false);
    let world = Arc::new(World {
        kills: end == End::Killed,
        ..World::default()
    });
    let record = Arc::new(Record::default());
    let task = world
        .rt
        .spawn(run(Arc::clone(&world), record, steps.clone()));
    let request = random.below(40);
    let kill = match end {
        End::Asked => usize::MAX,
        End::Killed => random.below(60),
    };
    let mut roots: Vec<BoxFuture> = Vec::new();
    let fail = |what: String| Err(format!("seed {seed}: {what}\n{steps:#?}"));
    for step in 0..4_000 {
        roots.extend(world.rt.take_roots());
        if roots.is_empty() {
            break;
        }
        if step == request {
            task.cancel("a random step");
        } else if step == kill {
            task.kill("a random step");
        } else if random.below(30) == 0 {
            world.tokens[random.below(TOKENS)].cancel("a random token");
        }
        let next = random.below(roots.len());
        if poll_once(roots[next].as_mut()).is_ready() {
            drop(roots.swap_remove(next));
        }
    }
    if !roots.is_empty() {
        return fail(format!("{} tasks are stuck", roots.len()));
    }
    if !task.is_finished() {
        return fail("the task is not finished".into());
    }
    let mut task = pin!(task);
    if let Poll::Ready(joined) = poll_once(task.as_mut()) {
        received_by(joined);
    }
    let (made, received) = (world.errors.made(), world.errors.received());
    if made != received {
        return fail(format!("{made} errors were made, {received} received"));
    }
    let (due, run) = (world.cleanups.load(SeqCst), world.cleaned.load(SeqCst));
    let cut = world.cut.load(SeqCst);
    if due != run + cut || (cut > 0 && !world.kills) {
        return fail(format!("{run} of {due} clean-ups ran, {cut} were dropped"));
    }
    let locals = world.locals.load(SeqCst);
    if locals != 0 {
        return fail(format!("{locals} locals are alive"));
    }
    let wrong = std::mem::take(&mut *world.wrong.lock().unwrap());
    match wrong.first() {
        Some(what) => fail(what.clone()),
        None => Ok(()),
    }
}

#[test]
fn random_programs_end_clean_whatever_is_asked_of_them() {
    programs(End::Asked);
}

#[test]
fn random_programs_end_whole_when_they_are_killed() {
    programs(End::Killed);
}

fn programs(end: End) {
    if let Some(seed) = number("ANYRT_PROGRAM_SEED") {
        return program(seed, end).unwrap();
    }
    let programs = number("ANYRT_PROGRAMS").unwrap_or(20_000);
    let failed: Vec<String> = (1..=programs)
        .filter_map(|seed| program(seed, end).err())
        .collect();
    if let Some(first) = failed.iter().min_by_key(|text| text.len()) {
        panic!(
            "{} of {programs} programs; the shortest: {first}",
            failed.len()
        );
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
