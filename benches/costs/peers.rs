//! What is measured against other libraries, on Tokio's one thread: scopes and what stands on them.

use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyrt::Runtime;
use tokio::task::JoinSet;

use super::labs::{Lab, OnTokio, Side};
use super::measure::Limit;
use super::rows::Row;
use super::{
    arms, bridge, caches, clock, coroutines, inherited, limits, maps, simulated, timers, tokens,
    works,
};

pub(crate) type OneThread = OnTokio<false>;

/// All rows of this file.
pub(crate) fn rows() -> Vec<Row<OneThread>> {
    let row = |name, limit, ops, run| Row {
        name,
        limit,
        ops,
        run,
    };
    let mut rows = vec![
        row("scope_of_100000", Limit::Ratio(0.95), 100_000, scope),
        row(
            "drain_of_100000_sleepers",
            Limit::Ratio(0.95),
            100_000,
            drain,
        ),
    ];
    rows.extend(limits::rows());
    rows.extend(maps::rows());
    rows.extend(arms::rows());
    rows.extend(tokens::rows());
    rows.extend(inherited::rows());
    rows.extend(timers::rows());
    rows.extend(bridge::rows());
    rows.extend(simulated::rows());
    rows.extend(clock::rows());
    rows.extend(coroutines::rows());
    rows.extend(caches::rows());
    rows.extend(works::rows());
    rows
}

/// A row without a limit: what it costs is to be known, and nobody has promised anything.
pub(crate) fn row(
    name: &'static str,
    ops: usize,
    run: fn(&OneThread, Side, usize) -> Duration,
) -> Row<OneThread> {
    Row {
        name,
        limit: Limit::None,
        ops,
        run,
    }
}

pub(crate) async fn timed(work: impl Future<Output = ()>) -> Duration {
    let begun = Instant::now();
    work.await;
    begun.elapsed()
}

/// A hundred thousand children of nothing, spawned and waited for.
fn scope(lab: &OneThread, side: Side, children: usize) -> Duration {
    match side {
        Side::Ours => {
            let rt = lab.handle();
            lab.in_ours(timed(async move {
                rt.scope(async |s| {
                    for _ in 0..children {
                        s.spawn(async {});
                    }
                })
                .await;
            }))
        }
        Side::Theirs => lab.in_theirs(timed(async move {
            let mut set = JoinSet::new();
            for _ in 0..children {
                set.spawn(async {});
            }
            while let Some(done) = set.join_next().await {
                black_box(done).expect("it ends");
            }
        })),
    }
}

/// As many that sleep, asked to stop and waited for. Only the end is timed.
fn drain(lab: &OneThread, side: Side, children: usize) -> Duration {
    const HOUR: Duration = Duration::from_secs(3600);
    match side {
        Side::Ours => {
            let rt = lab.handle();
            lab.in_ours(async move {
                let mut begun = None;
                let scope = rt.scope_with().cancel_on_exit().run(async |s| {
                    for _ in 0..children {
                        s.spawn(s.sleep(HOUR));
                    }
                    yield_once().await;
                    begun = Some(Instant::now());
                });
                scope.await.expect("nothing fails");
                begun.expect("it began").elapsed()
            })
        }
        Side::Theirs => lab.in_theirs(async move {
            let mut set = JoinSet::new();
            for _ in 0..children {
                set.spawn(tokio::time::sleep(HOUR));
            }
            yield_once().await;
            let begun = Instant::now();
            set.shutdown().await;
            begun.elapsed()
        }),
    }
}

/// Lets all that was spawned be polled once.
async fn yield_once() {
    tokio::task::yield_now().await;
}
