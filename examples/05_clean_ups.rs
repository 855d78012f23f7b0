//! Learn: asynchronous clean-ups run however a task ends, and who waits for the task waits for them.
//!
//! `defer` registers one with the task (or `until`) around: newest first, all of them, unreached by
//! requests; also from a destructor, which cannot await. `defer` of a scope runs when its children are
//! gone. `finally` may borrow; but a task that is cancelled inside it has nobody left to run it.
//!
//! `cargo run --example 05_clean_ups`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt::backend::builtin::{Builtin, BuiltinRuntime};
use anyrt::prelude::*;
use anyrt::{defer, finally};
use futures::channel::oneshot;

type Log = Arc<Mutex<Vec<&'static str>>>;

fn note(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

/// Says goodbye over the wire, which takes time, when it is dropped.
struct Connection(Log, Builtin);

impl Drop for Connection {
    fn drop(&mut self) {
        let (log, rt) = (self.0.clone(), self.1.clone());
        defer(async move {
            rt.sleep(Duration::from_millis(5)).await;
            note(&log, "goodbye");
        });
    }
}

async fn work(log: Log, rt: Builtin, begun: oneshot::Sender<()>) {
    let for_file = log.clone();
    defer(async move { note(&for_file, "remove the file") });
    let _connection = Connection(log.clone(), rt.clone());
    rt.scope(async |s| {
        let for_scope = log.clone();
        let noted = s.defer(async move { note(&for_scope, "the children are gone") });
        noted.expect("the scope is open");
        begun.send(()).ok();
        pending::<()>().await;
    })
    .await;
}

fn main() {
    let owner = BuiltinRuntime::new();
    let log = Log::default();

    let rt = owner.handle();
    let (begun, is_begun) = oneshot::channel();

    let task = rt.spawn(work(log.clone(), rt.clone(), begun));
    let error = owner.block_on(async {
        is_begun.await.expect("it begins");
        task.cancel_and_wait().await.unwrap_err()
    });

    println!("{error}\nit cleaned up: {:?}", log.lock().unwrap());
    let inside_out = "the children are gone, goodbye, remove the file";
    assert_eq!(log.lock().unwrap().join(", "), inside_out);

    let mut steps = Vec::new();
    let failed = async { Err::<(), _>("out of cheese") };
    let result = owner.block_on(finally(failed, async || steps.push("finally")));
    println!("{steps:?} after {result:?}");
    assert_eq!((result, steps), (Err("out of cheese"), vec!["finally"]));
}
