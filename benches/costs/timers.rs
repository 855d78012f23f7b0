//! Intervals, and what is done again and again, against Tokio's interval.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::task::Poll;
use std::time::Duration;

use anyrt::prelude::*;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::labs::{Lab, Side};
use super::peers::{OneThread, row, timed};
use super::rows::Row;

const HOUR: Duration = Duration::from_secs(3600);
/// So short that each tick is due when it is asked for.
const AT_ONCE: Duration = Duration::from_nanos(1);

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    vec![
        row("interval_tick_due", 20_000, tick_due),
        row("interval_tick_armed", 4_000, tick_armed),
        row("every_tick", 4_000, every_tick),
    ]
}

/// Ticks that are due already.
fn tick_due(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let mut interval = lab.handle().interval(AT_ONCE);
            lab.in_ours(timed(async move {
                for _ in 0..ops {
                    black_box(interval.tick().await);
                }
            }))
        }
        Side::Theirs => lab.in_theirs(timed(async move {
            let mut interval = tokio::time::interval(AT_ONCE);
            for _ in 0..ops {
                black_box(interval.tick().await);
            }
        })),
    }
}

/// A tick that is an hour away: its timer is moved and armed, and it is dropped.
fn tick_armed(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let mut interval = lab.handle().interval(HOUR);
            lab.in_ours(timed(async move {
                for _ in 0..ops {
                    interval.reset();
                    let mut tick = std::pin::pin!(interval.tick());
                    poll_fn(|cx| Poll::Ready(black_box(tick.as_mut().poll(cx).is_ready()))).await;
                }
            }))
        }
        Side::Theirs => lab.in_theirs(timed(async move {
            let mut interval = tokio::time::interval_at(Instant::now() + HOUR, HOUR);
            for _ in 0..ops {
                interval.reset();
                poll_fn(|cx| Poll::Ready(black_box(interval.poll_tick(cx).is_ready()))).await;
            }
        })),
    }
}

/// A tick that is a task of its own, in a scope; there in a `JoinSet`.
fn every_tick(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let times = u64::try_from(ops).unwrap_or(u64::MAX);
            let rt = lab.handle();
            let every = rt.every(AT_ONCE).times(times);
            let every = every.on_missed(anyrt::MissedTick::Burst);
            lab.in_ours(timed(every.run(|_| async {})))
        }
        Side::Theirs => lab.in_theirs(timed(async move {
            let mut interval = tokio::time::interval(AT_ONCE);
            let mut ticks = JoinSet::new();
            for _ in 0..ops {
                interval.tick().await;
                ticks.spawn(async {});
                while let Some(done) = ticks.try_join_next() {
                    black_box(done).expect("it ends");
                }
            }
            while let Some(done) = ticks.join_next().await {
                black_box(done).expect("it ends");
            }
        })),
    }
}
