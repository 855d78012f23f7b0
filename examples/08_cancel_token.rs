//! Learn: a token is a request to stop that code hands around; `until` is where it takes effect.
//!
//! Tokens form a tree: one for the program, one for each connection, one for each request. A future
//! with `until(&token)` is dropped where it waits, cleans up, and gives the reason. It needs no runtime.
//!
//! `cargo run --example 08_cancel_token`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{CancelToken, defer};
use futures::channel::oneshot;

fn main() {
    let owner = BuiltinRuntime::new();
    let program = CancelToken::new();
    let (first, second) = (program.child(), program.child());

    // Cancelling a child leaves its parent and its siblings alone.
    assert!(first.cancel("hung up"), "this call was the first");
    assert!(!program.is_cancelled() && !second.is_cancelled());

    // A future that the token stops; what it deferred has run when it returns.
    let saved = Arc::new(AtomicBool::new(false));
    let (begun, is_begun) = oneshot::channel();
    let serve = {
        let saved = saved.clone();
        async move {
            defer(async move { saved.store(true, Ordering::SeqCst) });
            begun.send(()).ok();
            pending::<()>().await;
        }
    };
    let task = owner
        .handle()
        .spawn(async move { serve.until(&second).await });
    let reason = owner.block_on(async {
        is_begun.await.expect("it begins");
        program.cancel("closing time");
        task.await.unwrap().unwrap_err()
    });
    assert!(saved.load(Ordering::SeqCst));
    println!("stopped: {reason}");
    assert_eq!(reason.as_str(), "closing time");

    // The first reason stays, and who comes later is cancelled from the start.
    assert_eq!(first.reason().unwrap().as_str(), "hung up");
    assert_eq!(program.child().reason().unwrap().as_str(), "closing time");

    // For code that cannot await: a callback, and a guard that cancels on the way out.
    let token = CancelToken::new();
    let told = token.on_cancel(|reason| println!("a callback was told: {reason}"));
    {
        let _guard = token.guard("the block was left");
        assert!(!token.is_cancelled());
    }
    assert!(token.is_cancelled());
    drop(told);
}
