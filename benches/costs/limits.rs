//! Limited time: against the timeouts of Tokio.

use std::future::{Future, pending, poll_fn, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use anyrt::{Runtime, Timer};

use super::labs::{Lab, Side};
use super::measure::Limit;
use super::peers::{OneThread, row, timed};
use super::rows::Row;

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    let ready = Row {
        limit: Limit::Ratio(0.95),
        ..row("timeout_ready", 10_000, around_ready)
    };
    vec![
        ready,
        row("timeout_pending", 2_000, around_pending),
        row("timeout_elapsed", 2_000, elapsed),
    ]
}

/// Around a future that is ready at its first poll.
fn around_ready(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let rt = lab.handle();
            lab.in_ours(timed(async move {
                for _ in 0..ops {
                    black_box(rt.timeout(HOUR, ready(1)).await).expect("it is ready");
                }
            }))
        }
        Side::Theirs => lab.in_theirs(timed(async move {
            for _ in 0..ops {
                black_box(tokio::time::timeout(HOUR, ready(1)).await).expect("it is ready");
            }
        })),
    }
}

/// Around one that is pending: made, polled once and dropped.
fn around_pending(lab: &OneThread, side: Side, ops: usize) -> Duration {
    async fn drop_polled(future: impl Future) {
        let mut future = pin!(future);
        poll_fn(|cx| Poll::Ready(black_box(future.as_mut().poll(cx).is_ready()))).await;
    }
    match side {
        Side::Ours => {
            let rt = lab.handle();
            lab.in_ours(timed(async move {
                for _ in 0..ops {
                    drop_polled(rt.timeout(HOUR, pending::<()>())).await;
                }
            }))
        }
        Side::Theirs => lab.in_theirs(timed(async move {
            for _ in 0..ops {
                drop_polled(tokio::time::timeout(HOUR, pending::<()>())).await;
            }
        })),
    }
}

/// Whose time is up at once.
fn elapsed(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let rt = lab.handle();
            lab.in_ours(timed(async move {
                let past = rt.now();
                for _ in 0..ops {
                    black_box(rt.timeout_at(past, pending::<()>()).await).expect_err("it is late");
                }
            }))
        }
        Side::Theirs => lab.in_theirs(timed(async move {
            let past = tokio::time::Instant::now();
            for _ in 0..ops {
                black_box(tokio::time::timeout_at(past, pending::<()>()).await)
                    .expect_err("it is late");
            }
        })),
    }
}
