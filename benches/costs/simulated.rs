//! What a simulation costs: its sleeps against Tokio's paused clock, its steps against plain polls.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::task::Poll;
use std::time::Duration;

use anyrt::{Runtime, Sim, prelude::*};

use super::labs::Side;
use super::measure::Limit;
use super::peers::{OneThread, timed};
use super::rows::Row;

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    let row = |name, limit, ops, run| Row {
        name,
        limit,
        ops,
        run,
    };
    vec![
        row("sim_sleep", Limit::Ratio(0.65), 10_000, sleeps),
        row("sim_step", Limit::None, 20_000, steps),
        row("sim_on_a_runtime_step", Limit::None, 20_000, hosted_steps),
    ]
}

/// How many tasks sleep at a time.
const SLEEPERS: usize = 100;

/// The nap number `n` of a task: some milliseconds, so that Tokio's grain is none.
fn nap(task: usize, n: usize) -> Duration {
    Duration::from_millis(((task * 7919 + n * 104_729) % 1_000 + 1) as u64)
}

/// A hundred tasks that sleep, in virtual time.
fn sleeps(_: &OneThread, side: Side, ops: usize) -> Duration {
    let each = ops / SLEEPERS;
    match side {
        Side::Ours => {
            let sim = Sim::new(1);
            let rt = sim.handle().clone();
            sim.block_on(timed(async move {
                let sleepers: Vec<_> = (0..SLEEPERS)
                    .map(|task| {
                        let inner = rt.clone();
                        rt.spawn(async move {
                            for n in 0..each {
                                inner.sleep(nap(task, n)).await;
                            }
                        })
                    })
                    .collect();
                for sleeper in sleepers {
                    black_box(sleeper.await).expect("it ends");
                }
            }))
        }
        Side::Theirs => {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let rt = builder.enable_time().start_paused(true).build();
            let rt = rt.expect("Tokio starts");
            rt.block_on(timed(async move {
                let sleepers: Vec<_> = (0..SLEEPERS)
                    .map(|task| {
                        tokio::spawn(async move {
                            for n in 0..each {
                                tokio::time::sleep(nap(task, n)).await;
                            }
                        })
                    })
                    .collect();
                for sleeper in sleepers {
                    black_box(sleeper.await).expect("it ends");
                }
            }))
        }
    }
}

/// A hundred tasks that let each other run, without a runtime; theirs is Tokio's one thread.
fn steps(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => turns_in(&Sim::new(1), ops),
        Side::Theirs => plain_turns(lab, ops),
    }
}

/// The same, with Tokio's one thread as the host.
fn hosted_steps(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let owner = anyrt::backend::tokio::TokioRuntime::current_thread();
            turns_in(&Sim::on(owner.expect("Tokio starts"), 1), ops)
        }
        Side::Theirs => plain_turns(lab, ops),
    }
}

fn turns_in(sim: &Sim, ops: usize) -> Duration {
    let rt = sim.handle().clone();
    sim.block_on(timed(take_turns(rt, ops)))
}

fn plain_turns(lab: &OneThread, ops: usize) -> Duration {
    use super::labs::Lab;
    lab.in_ours(timed(take_turns(lab.handle(), ops)))
}

async fn take_turns<R: Runtime>(rt: R, ops: usize) {
    let tasks: Vec<_> = (0..SLEEPERS)
        .map(|_| rt.spawn(turns(ops / SLEEPERS)))
        .collect();
    for task in tasks {
        black_box(task.await).expect("it ends");
    }
}

fn turns(mut left: usize) -> impl Future<Output = ()> + Send {
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}
