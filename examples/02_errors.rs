//! Learn: the first error stops the others, and the scope gives everything that failed.
//!
//! Who failed, where it was spawned, and in which order: for readers by `{}` and `{:#}`, for code by
//! methods. The others are not killed: they are dropped where they wait, and clean up.
//!
//! `cargo run --example 02_errors`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{Runtime, ScopeError, defer};

async fn serve<R: Runtime>(rt: &R, hung_up: Arc<AtomicBool>) -> Result<(), ScopeError<io::Error>> {
    rt.scope_with()
        .name("server")
        .try_run(async |s| {
            let (connected, is_connected) = futures::channel::oneshot::channel();
            s.spawn_with().name("client").spawn(async move {
                defer(async move { hung_up.store(true, Ordering::SeqCst) });
                connected.send(()).ok();
                pending::<Result<(), io::Error>>().await
            });
            is_connected.await.ok();

            let disk = s.spawn_with().name("disk").spawn(async {
                let full = io::Error::new(io::ErrorKind::StorageFull, "no space left");
                Err::<u64, _>(full)
            });

            let bytes = disk.await;
            unreachable!("the child failed, so nobody gets here with {bytes}");
        })
        .await
}

fn main() {
    let owner = BuiltinRuntime::new();
    let hung_up = Arc::new(AtomicBool::new(false));

    let error = owner
        .block_on(serve(owner.handle(), hung_up.clone()))
        .unwrap_err();

    println!("in one line: {error}\n\nas a tree:\n{error:#}\n");
    assert!(hung_up.load(Ordering::SeqCst), "the other child cleaned up");
    assert_eq!(error.name(), Some("server"));

    let group = error.errors().expect("something failed");
    assert_eq!(group.len(), 1, "to be cancelled is no failure");
    assert_eq!(group.first().name(), Some("disk"));
    assert_eq!(
        group.first().index(),
        Some(1),
        "the second that was spawned"
    );

    let cause = error.into_first_error().expect("an error, not a panic");
    assert_eq!(cause.kind(), io::ErrorKind::StorageFull);
    println!("for code: {:?}", cause.kind());
}
