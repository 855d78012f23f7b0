//! Learn: a scope returns when everything that was spawned in it is gone.
//!
//! So no task outlives the call that started it, and what a function started need not be looked for
//! after it has returned. The handle of a child gives its value; dropped, the child runs on.
//!
//! `cargo run --example 01_scope`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyrt::Runtime;
use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;

async fn fetch<R: Runtime>(rt: R, page: usize) -> usize {
    rt.sleep(Duration::from_millis(5)).await;
    page * 100
}

/// Generic over the runtime: it would run on Tokio as well.
async fn fetch_all<R: Runtime>(rt: &R, written: Arc<AtomicUsize>) -> usize {
    rt.scope(async |s| {
        let pages: Vec<_> = (1..=3).map(|n| s.spawn(fetch(s.rt().clone(), n))).collect();

        // Nobody waits for this one by name. The scope does.
        let nap = s.sleep(Duration::from_millis(10));
        s.spawn(async move {
            nap.await;
            written.fetch_add(1, Ordering::SeqCst);
        });

        let mut bytes = 0;
        for page in pages {
            bytes += page.await; // a `usize`: what becomes of a child that fails is the scope's business
        }
        println!("the body has {bytes} bytes; {} child lives", s.live());
        bytes
    })
    .await
}

fn main() {
    let owner = BuiltinRuntime::new();
    let written = Arc::new(AtomicUsize::new(0));

    let bytes = owner.block_on(fetch_all(owner.handle(), written.clone()));

    assert_eq!(bytes, 600);
    assert_eq!(written.load(Ordering::SeqCst), 1);
    assert_eq!(Arc::strong_count(&written), 1, "no child holds anything");
    println!("the scope is over, and so is the last child");
}
