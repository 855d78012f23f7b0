//! Several futures in one task.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyrt::local_scope;
use futures::stream::{FuturesUnordered, StreamExt};
use futures_concurrency::future::Race as _;

use super::labs::{Lab, Side};
use super::peers::{OneThread, row, timed};
use super::rows::Row;

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    vec![
        row("race_of_2_ready", 4_000, race_of_2_ready),
        row("race_of_2", 4_000, race_of_2),
        row("race_of_100_ready", 100, race_of_100_ready),
        row("race_of_100", 100, race_of_100),
        row("local_scope_of_1000", 1_000, local),
    ]
}

/// An arm that is ready when it has been polled so often; `NEVER` is.
struct Arm(usize);

const NEVER: usize = usize::MAX;

impl Future for Arm {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        match self.0 {
            0 => return Poll::Ready(1),
            NEVER => {}
            _ => {
                self.0 -= 1;
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

/// All wait but one, which is the last that is polled.
fn arms(count: usize, polls: usize) -> Vec<Arm> {
    let last = count - 1;
    let polls = |index| if index == last { polls } else { NEVER };
    (0..count).map(|index| Arm(polls(index))).collect()
}

fn pairs_of_arms(lab: &OneThread, side: Side, ops: usize, polls: usize) -> Duration {
    match side {
        Side::Ours => lab.in_ours(timed(async move {
            for _ in 0..ops {
                black_box(anyrt::race((Arm(NEVER), Arm(polls))).await);
            }
        })),
        Side::Theirs => lab.in_ours(timed(async move {
            for _ in 0..ops {
                black_box((Arm(NEVER), Arm(polls)).race().await);
            }
        })),
    }
}

fn hundreds(lab: &OneThread, side: Side, ops: usize, polls: usize) -> Duration {
    match side {
        Side::Ours => lab.in_ours(timed(async move {
            for _ in 0..ops {
                black_box(anyrt::race(arms(100, polls)).await);
            }
        })),
        Side::Theirs => lab.in_ours(timed(async move {
            for _ in 0..ops {
                black_box(arms(100, polls).race().await);
            }
        })),
    }
}

/// Two, the second of which is ready at once.
fn race_of_2_ready(lab: &OneThread, side: Side, ops: usize) -> Duration {
    pairs_of_arms(lab, side, ops, 0)
}

/// Two, and a turn of the runtime before the second is ready.
fn race_of_2(lab: &OneThread, side: Side, ops: usize) -> Duration {
    pairs_of_arms(lab, side, ops, 1)
}

fn race_of_100_ready(lab: &OneThread, side: Side, ops: usize) -> Duration {
    hundreds(lab, side, ops, 0)
}

fn race_of_100(lab: &OneThread, side: Side, ops: usize) -> Duration {
    hundreds(lab, side, ops, 1)
}

/// A thousand children in one task, each of which suspends once.
fn local(lab: &OneThread, side: Side, children: usize) -> Duration {
    match side {
        Side::Ours => lab.in_ours(timed(local_scope(move |n| async move {
            for _ in 0..children {
                n.spawn(Arm(1));
            }
        }))),
        Side::Theirs => lab.in_ours(timed(async move {
            let mut all: FuturesUnordered<_> = (0..children).map(|_| Arm(1)).collect();
            while let Some(done) = all.next().await {
                black_box(done);
            }
        })),
    }
}
