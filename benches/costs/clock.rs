//! Virtual time: against Tokio's own, which is paused, on one thread; and what it costs to be counted.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use anyrt::backend::tokio::TokioRuntime;
use anyrt::prelude::*;
use anyrt::{Runtime, VirtualClock};

use super::labs::{Lab, Side};
use super::measure::Limit;
use super::peers::{OneThread, row};
use super::rows::Row;

const TASKS: usize = 100;

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    let gated = |name, ops, run| Row {
        limit: Limit::Ratio(0.65),
        ..row(name, ops, run)
    };
    vec![
        gated("virtual_sleep_in_one_task", 2_000, |_, side, ops| {
            sleeps(side, 1, ops)
        }),
        gated("virtual_sleep_in_100_tasks", 4_000, |_, side, ops| {
            sleeps(side, TASKS, ops)
        }),
        row("virtual_extra_poll", 20_000, polls),
        row("virtual_extra_spawn_join", 2_000, joins),
    ]
}

/// How long the next sleep is: up to an hour, and each run alike.
fn next(dice: &mut u64) -> Duration {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    Duration::from_nanos(*dice % 3_600_000_000_000)
}

fn clock() -> VirtualClock<TokioRuntime> {
    VirtualClock::on(TokioRuntime::current_thread().expect("Tokio starts"))
}

/// One sleep after the other, in each of so many tasks.
fn sleeps(side: Side, tasks: usize, ops: usize) -> Duration {
    let each = ops / tasks;
    match side {
        Side::Ours => {
            let clock = clock();
            let rt = clock.handle().clone();
            clock.block_on(async {
                let begun = Instant::now();
                let sleeping: Vec<_> = (0..tasks)
                    .map(|task| {
                        let inside = rt.clone();
                        rt.spawn(async move {
                            let mut dice = task as u64 + 1;
                            for _ in 0..each {
                                inside.sleep(next(&mut dice)).await;
                            }
                        })
                    })
                    .collect();
                for task in sleeping {
                    task.await.expect("it ends");
                }
                begun.elapsed()
            })
        }
        Side::Theirs => {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let paused = builder.enable_time().start_paused(true).build();
            paused.expect("Tokio starts").block_on(async {
                let begun = Instant::now();
                let sleeping: Vec<_> = (0..tasks)
                    .map(|task| {
                        tokio::spawn(async move {
                            let mut dice = task as u64 + 1;
                            for _ in 0..each {
                                tokio::time::sleep(next(&mut dice)).await;
                            }
                        })
                    })
                    .collect();
                for task in sleeping {
                    task.await.expect("it ends");
                }
                begun.elapsed()
            })
        }
    }
}

async fn yields(times: usize) -> Duration {
    let mut left = times;
    let begun = Instant::now();
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    begun.elapsed()
}

/// A task that yields: under the clock, and on the runtime of `anyrt` without one.
fn polls(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let clock = clock();
            let task = clock.handle().spawn(yields(ops));
            clock.block_on(task).expect("it ends")
        }
        Side::Theirs => lab.in_ours(yields(ops)),
    }
}

async fn spawns<R: Runtime>(rt: R, ops: usize) -> Duration {
    let begun = Instant::now();
    for _ in 0..ops {
        rt.spawn(async {}).await.expect("it ends");
    }
    begun.elapsed()
}

/// Tasks of nothing, one by one: under the clock, and on the runtime of `anyrt` without one.
fn joins(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let clock = clock();
            let rt = clock.handle().clone();
            let task = rt.spawn(spawns(rt.clone(), ops));
            clock.block_on(task).expect("it ends")
        }
        Side::Theirs => lab.in_ours(spawns(lab.handle(), ops)),
    }
}
