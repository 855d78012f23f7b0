//! Lists of work, against tasks joined by hand.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use anyrt::{Parallel, Serial};

use super::labs::{Lab, Side};
use super::peers::{OneThread, row, timed};
use super::rows::Row;

/// How many members a list has.
const MEMBERS: usize = 100;

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    vec![
        row("parallel_of_100", 100 * MEMBERS, parallel),
        row("serial_of_100", 100 * MEMBERS, serial),
    ]
}

/// A list of async work, done again and again; against as many tasks, all of which are joined.
fn parallel(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let list = (0..MEMBERS).fold(Parallel::new(), |list, n| {
                list.add(move || async move { Ok::<_, Infallible>(n) })
            });
            lab.in_ours(timed(async move {
                for _ in 0..ops / MEMBERS {
                    black_box(list.run().await).expect("nothing fails");
                }
            }))
        }
        Side::Theirs => lab.in_theirs(timed(async move {
            for _ in 0..ops / MEMBERS {
                let tasks = (0..MEMBERS).map(|n| tokio::spawn(async move { n }));
                black_box(futures::future::join_all(tasks).await);
            }
        })),
    }
}

/// One after the other; against tasks that are joined before the next is spawned.
fn serial(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let list = (0..MEMBERS).fold(Serial::new(), |list, n| {
                list.add(move || async move { Ok::<_, Infallible>(n) })
            });
            lab.in_ours(timed(async move {
                for _ in 0..ops / MEMBERS {
                    black_box(list.run().await).expect("nothing fails");
                }
            }))
        }
        Side::Theirs => lab.in_theirs(timed(async move {
            for n in 0..ops {
                black_box(tokio::spawn(async move { n }).await).expect("it ends");
            }
        })),
    }
}
