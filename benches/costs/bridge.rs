//! Between sync and async code, against Tokio's pool and the `blocking` crate's.

use std::hint::black_box;
use std::time::Duration;

use anyrt::{from_thread, to_thread};
use tokio::runtime::Handle;

use super::labs::{Lab, Side};
use super::measure::Limit;
use super::peers::{OneThread, row, timed};
use super::rows::Row;

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    let round_trip = Row {
        limit: Limit::Ratio(0.60),
        ..row("bridge_round_trip", 2_000, round_trip)
    };
    vec![
        round_trip,
        row("bridge_round_trip_unblock", 2_000, against_unblock),
        row("bridge_crossing_pair", 1_000, crossing_pair),
    ]
}

/// A function that does nothing, on a thread that is idle.
fn round_trip(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => ours(lab, ops),
        Side::Theirs => lab.in_theirs(timed(async move {
            for _ in 0..ops {
                black_box(tokio::task::spawn_blocking(|| 1).await).expect("it returns");
            }
        })),
    }
}

/// The same against `blocking::unblock`.
fn against_unblock(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => ours(lab, ops),
        Side::Theirs => lab.in_theirs(timed(async move {
            for _ in 0..ops {
                black_box(blocking::unblock(|| 1).await);
            }
        })),
    }
}

fn ours(lab: &OneThread, ops: usize) -> Duration {
    lab.in_ours(timed(async move {
        for _ in 0..ops {
            black_box(to_thread(|| 1).await);
        }
    }))
}

/// From async to sync and from there to async, and back.
fn crossing_pair(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => lab.in_ours(timed(async move {
            for _ in 0..ops {
                black_box(to_thread(|| from_thread(async { 1 })).await).expect("it is awaited");
            }
        })),
        Side::Theirs => lab.in_theirs(timed(async move {
            for _ in 0..ops {
                let job = || Handle::current().block_on(async { 1 });
                black_box(tokio::task::spawn_blocking(job).await).expect("it returns");
            }
        })),
    }
}
