//! What is measured in time: each row does the same work through `anyrt` and without it.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use anyrt::{AnyRuntime, ContextVar, Enter, Runtime, Spawn, Timer};

use super::coroutines;
use super::labs::{Lab, Own, Side};
use super::measure::Limit;

/// How long the sleeps are that are dropped at once.
const HOUR: Duration = Duration::from_secs(3600);

/// One row of the table: does its work `ops` times and says how long that took.
pub(crate) struct Row<L> {
    pub(crate) name: &'static str,
    pub(crate) limit: Limit,
    pub(crate) ops: usize,
    pub(crate) run: fn(&L, Side, usize) -> Duration,
}

/// All rows that a backend is measured by.
pub(crate) fn rows<L: Lab>() -> Vec<Row<L>> {
    let row = |name, limit, ops, run| Row {
        name,
        limit,
        ops,
        run,
    };
    let sleep = if L::NAME.starts_with("tokio") {
        1.20
    } else {
        1.05
    };
    vec![
        row("spawn_raw", Limit::Ratio(1.05), 4_000, spawn_raw),
        // Larger batches are not as steady: the allocator gives memory back and faults it in again.
        row("spawn_join_batch", Limit::Ratio(1.15), 4_000, join_batch),
        row("spawn_join_batch_of_1000", Limit::None, 1_000, join_batch),
        row("spawn_join_one", Limit::Ratio(1.30), 4_000, join_one),
        row("spawn_join_any_batch", Limit::Ratio(1.40), 4_000, any_batch),
        row("spawn_join_any_one", Limit::Ratio(1.40), 4_000, any_one),
        row(
            "eager_ready",
            Limit::Ratio(0.08),
            4_000,
            coroutines::eager_ready,
        ),
        row(
            "eager_pending",
            Limit::None,
            4_000,
            coroutines::eager_pending,
        ),
        row("poll", Limit::Extra(6.0), 20_000, poll),
        row("sleep", Limit::Ratio(sleep), 2_000, sleep_row),
        row("current", Limit::Alone(25.0), 20_000, current),
        row("any_extra_sleep", Limit::None, 2_000, any_sleep),
        row("context_extra_poll", Limit::None, 20_000, context_poll),
        row("context_extra_batch", Limit::None, 4_000, context_batch),
        row("any_extra_blocking", Limit::None, 50, any_blocking),
    ]
}

/// Times `work` inside a task of ours.
pub(crate) fn ours<L: Lab>(lab: &L, work: impl Future<Output = ()> + Send + 'static) -> Duration {
    lab.in_ours(timed(work))
}

/// Times `work` inside a task of the runtime's own.
pub(crate) fn theirs<L: Lab>(lab: &L, work: impl Future<Output = ()> + Send + 'static) -> Duration {
    lab.in_theirs(timed(work))
}

async fn timed(work: impl Future<Output = ()>) -> Duration {
    let begun = Instant::now();
    work.await;
    begun.elapsed()
}

/// Futures of nothing, handed to the runtime. The last one is joined: on one thread, which takes
/// tasks in order, all others have run then.
fn spawn_raw<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    let (rt, own) = (lab.handle(), lab.own());
    match side {
        Side::Ours => ours(lab, async move {
            for _ in 0..ops {
                rt.spawn_raw(async {});
            }
            black_box(rt.spawn(async {}).await).expect("it ends");
        }),
        Side::Theirs => theirs(lab, async move {
            for _ in 0..ops {
                own.spawn_detached(async {});
            }
            black_box(own.spawn(async {}).await);
        }),
    }
}

fn join_batch<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => ours(lab, batch_of_ours(lab.handle(), ops)),
        Side::Theirs => theirs(lab, batch_of_theirs(lab.own(), ops)),
    }
}

fn any_batch<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => ours(lab, batch_of_ours(lab.handle().erased(), ops)),
        Side::Theirs => theirs(lab, batch_of_theirs(lab.own(), ops)),
    }
}

async fn batch_of_ours<R: Runtime>(rt: R, ops: usize) {
    let tasks: Vec<_> = (0..ops).map(|_| rt.spawn(async {})).collect();
    for task in tasks {
        black_box(task.await).expect("it ends");
    }
}

async fn batch_of_theirs<O: Own>(own: O, ops: usize) {
    let tasks: Vec<_> = (0..ops).map(|_| own.spawn(async {})).collect();
    for task in tasks {
        black_box(task.await);
    }
}

fn join_one<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => ours(lab, one_by_one_ours(lab.handle(), ops)),
        Side::Theirs => theirs(lab, one_by_one_theirs(lab.own(), ops)),
    }
}

fn any_one<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => ours(lab, one_by_one_ours(lab.handle().erased(), ops)),
        Side::Theirs => theirs(lab, one_by_one_theirs(lab.own(), ops)),
    }
}

async fn one_by_one_ours<R: Runtime>(rt: R, ops: usize) {
    for _ in 0..ops {
        black_box(rt.spawn(async {}).await).expect("it ends");
    }
}

async fn one_by_one_theirs<O: Own>(own: O, ops: usize) {
    for _ in 0..ops {
        black_box(own.spawn(async {}).await);
    }
}

/// One task that yields `ops` times: the runtime's part of a turn is in both.
fn poll<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    let (rt, own) = (lab.handle(), lab.own());
    match side {
        Side::Ours => ours(lab, async move {
            black_box(rt.spawn(yields(ops)).await).expect("it ends");
        }),
        Side::Theirs => theirs(lab, async move {
            black_box(own.spawn(yields(ops)).await);
        }),
    }
}

fn yields(mut left: usize) -> impl Future<Output = ()> + Send {
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

fn sleep_row<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    let (rt, own) = (lab.handle(), lab.own());
    match side {
        Side::Ours => ours(lab, drop_polled(ops, move || rt.sleep(HOUR))),
        Side::Theirs => theirs(lab, drop_polled(ops, move || own.sleep(HOUR))),
    }
}

/// What a sleep costs more through an erased handle.
fn any_sleep<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    let rt = lab.handle();
    let any = rt.erased();
    match side {
        Side::Ours => ours(lab, drop_polled(ops, move || any.sleep(HOUR))),
        Side::Theirs => ours(lab, drop_polled(ops, move || rt.sleep(HOUR))),
    }
}

/// Makes, polls once and drops `ops` futures, one after the other, in place.
async fn drop_polled<F: Future>(ops: usize, make: impl Fn() -> F + Send) {
    for _ in 0..ops {
        let mut future = pin!(make());
        poll_fn(|cx| Poll::Ready(black_box(future.as_mut().poll(cx).is_ready()))).await;
    }
}

/// Looking up the runtime, after the first time in the task.
fn current<L: Lab>(lab: &L, _: Side, ops: usize) -> Duration {
    lab.in_ours(async move {
        let _ = black_box(anyrt::current());
        let begun = Instant::now();
        for _ in 0..ops {
            let _ = black_box(anyrt::current());
        }
        begun.elapsed()
    })
}

static BOUND: ContextVar<u8> = ContextVar::new("bound");

/// What a poll costs more in a task that has inherited something.
fn context_poll<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    let rt = lab.handle();
    let polled = async move {
        black_box(rt.spawn(yields(ops)).await).expect("it ends");
    };
    match side {
        Side::Ours => ours(lab, BOUND.scope(1, polled)),
        Side::Theirs => ours(lab, polled),
    }
}

/// What a spawn and join costs more where something is bound.
fn context_batch<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    let batch = batch_of_ours(lab.handle(), ops);
    match side {
        Side::Ours => ours(lab, BOUND.scope(1, batch)),
        Side::Theirs => ours(lab, batch),
    }
}

/// What a blocking job costs more through an erased handle.
fn any_blocking<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    let rt = lab.handle();
    match side {
        Side::Ours => ours(lab, jobs(rt.erased(), ops)),
        Side::Theirs => ours(lab, jobs(rt, ops)),
    }
}

async fn jobs<R: Runtime>(rt: R, ops: usize) {
    for _ in 0..ops {
        black_box(rt.spawn_blocking(|| ()).await).expect("it ends");
    }
}

/// The poll of a root with no runtime around it: what `poll` shows as a small difference of large
/// numbers, by itself.
pub(crate) fn poll_by_hand(side: Side, ops: usize) -> Duration {
    let future = match side {
        Side::Ours => root_of(std::future::pending()),
        Side::Theirs => Box::pin(std::future::pending()),
    };
    polled(future, ops)
}

/// The same through a root whose body waits in a shield.
pub(crate) fn poll_through_a_shield(side: Side, ops: usize) -> Duration {
    let future = match side {
        Side::Ours => root_of(anyrt::shield(std::future::pending())),
        Side::Theirs => Box::pin(std::future::pending()),
    };
    polled(future, ops)
}

fn root_of(body: impl Future<Output = ()> + Send + 'static) -> BoxFuture {
    let rt = ByHand::default();
    rt.spawn_detached(body);
    let mut given = rt.given.lock().unwrap_or_else(PoisonError::into_inner);
    given.take().expect("a root was handed over")
}

fn polled(mut future: BoxFuture, ops: usize) -> Duration {
    let mut cx = Context::from_waker(Waker::noop());
    let begun = Instant::now();
    for _ in 0..ops {
        let _ = black_box(future.as_mut().poll(&mut cx));
    }
    begun.elapsed()
}

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A runtime that keeps the root it is given, for somebody else to poll.
#[derive(Clone, Default)]
struct ByHand {
    given: Arc<Mutex<Option<BoxFuture>>>,
}

impl std::fmt::Debug for ByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByHand")
    }
}

impl Spawn for ByHand {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(future));
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        Err(job)
    }

    fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
        f()
    }
    fn may_block(&self) -> bool {
        true
    }
}

/// Never asked for the time here; the erased handle has a clock to lend.
impl Timer for ByHand {
    type Sleep = <AnyRuntime as Timer>::Sleep;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        anyrt::backend::smol::Smol.erased().sleep_until(deadline)
    }
}
