//! Work on many items, some at a time.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anyrt::Runtime;
use futures::stream::{self, StreamExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::labs::{Lab, Side};
use super::peers::{OneThread, row, timed};
use super::rows::Row;

const AT_A_TIME: usize = 32;

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    vec![
        row("map_of_1000_join_set", 1_000, join_set),
        row("map_of_1000_buffered", 1_000, buffered),
    ]
}

/// What is done with an item: suspends once, as a read from a socket would.
async fn item(number: usize) -> usize {
    tokio::task::yield_now().await;
    number
}

fn ours(lab: &OneThread, items: usize) -> Duration {
    let rt = lab.handle();
    lab.in_ours(timed(async move {
        black_box(rt.map(0..items, AT_A_TIME, item).await);
    }))
}

/// As one writes it with Tokio alone: the results come as they come, and are put in order after.
fn join_set(lab: &OneThread, side: Side, items: usize) -> Duration {
    if side == Side::Ours {
        return ours(lab, items);
    }
    lab.in_theirs(timed(async move {
        let room = Arc::new(Semaphore::new(AT_A_TIME));
        let mut set = JoinSet::new();
        for number in 0..items {
            let room = Arc::clone(&room);
            let permit = room.acquire_owned().await.expect("it stays open");
            set.spawn(async move {
                let _permit = permit;
                (number, item(number).await)
            });
        }
        let mut all = vec![0; items];
        while let Some(done) = set.join_next().await {
            let (number, value) = done.expect("it ends");
            all[number] = value;
        }
        black_box(all);
    }))
}

/// As one writes it with streams: each a task, of which some are awaited at a time.
fn buffered(lab: &OneThread, side: Side, items: usize) -> Duration {
    if side == Side::Ours {
        return ours(lab, items);
    }
    lab.in_theirs(timed(async move {
        let mut all = vec![0; items];
        let mut done = stream::iter(0..items)
            .map(|number| tokio::spawn(async move { (number, item(number).await) }))
            .buffer_unordered(AT_A_TIME);
        while let Some(done) = done.next().await {
            let (number, value) = done.expect("it ends");
            all[number] = value;
        }
        black_box(all);
    }))
}
