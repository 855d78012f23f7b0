//! Learn: a stream that is written as a loop, holds something open, and closes it asynchronously.
//!
//! The generator pages through a table with a cursor that the server keeps. However the reader ends — it
//! has seen enough, it fails, its task is cancelled — the cursor is closed, with `await`, by what the
//! generator deferred: `close` waits for it, and one that is just dropped leaves it to the task around.
//!
//! `cargo run --example generator`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{Co, Runtime, defer, generator};
use futures::{Stream, StreamExt};

/// A server that counts the cursors it keeps.
#[derive(Clone, Default)]
struct Server {
    open: Arc<AtomicUsize>,
}

impl Server {
    async fn open_cursor<R: Runtime>(&self, rt: &R) {
        rt.sleep(1.millis()).await;
        self.open.fetch_add(1, Ordering::SeqCst);
    }

    async fn page<R: Runtime>(&self, rt: &R, number: u32) -> Vec<u32> {
        rt.sleep(1.millis()).await;
        match number {
            0..=2 => (number * 10..number * 10 + 10).collect(),
            _ => Vec::new(),
        }
    }

    async fn close_cursor<R: Runtime>(self, rt: R) {
        rt.sleep(1.millis()).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    fn cursors(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// All rows. An error thrown in ends it.
async fn rows<R: Runtime>(
    co: Co<u32, Result<(), String>>,
    rt: R,
    server: Server,
) -> Result<(), String> {
    server.open_cursor(&rt).await;
    defer(server.clone().close_cursor(rt.clone()));
    for number in 0.. {
        let page = server.page(&rt, number).await;
        if page.is_empty() {
            break;
        }
        for row in page {
            co.yield_(row).await?;
        }
    }
    Ok(())
}

async fn sum(rows: impl Stream<Item = Result<u32, String>>) -> Result<u32, String> {
    let mut rows = std::pin::pin!(rows);
    let mut sum = 0;
    while let Some(row) = rows.next().await {
        sum += row?;
    }
    Ok(sum)
}

fn main() {
    let owner = BuiltinRuntime::new();
    let rt = owner.handle();
    let server = Server::default();
    let all = || generator(|co| rows(co, rt.clone(), server.clone()));
    owner.block_on(async {
        // Read to its end: the clean-up has run when the last item was given.
        assert_eq!(sum(all()).await, Ok((0..30).sum()));
        assert_eq!(server.cursors(), 0);

        // Closed in the middle.
        let mut some = all();
        assert_eq!(some.next().await, Some(Ok(0)));
        assert_eq!(server.cursors(), 1);
        some.close().await;
        assert_eq!(server.cursors(), 0);

        // Ended by an error that is thrown in.
        let mut some = all();
        some.next().await;
        let last = some.throw("enough".into()).await.unwrap();
        assert_eq!(last, Some(Err("enough".into())));
        assert_eq!(server.cursors(), 0);
    });

    // Dropped half-way: the task is not over before the cursor is closed.
    let dropped = rt.spawn({
        let mut some = generator({
            let (rt, server) = (rt.clone(), server.clone());
            move |co| rows(co, rt, server)
        });
        async move { some.next().await }
    });
    assert_eq!(owner.block_on(dropped).unwrap(), Some(Ok(0)));
    assert_eq!(server.cursors(), 0);
    println!("four readers, and no cursor left open");
}
