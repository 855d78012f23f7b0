//! Learn: a shield is a stretch that a request to stop does not reach. It takes effect after it.
//!
//! For what must not be left half done. `uncancellable` gives its body a mask, with which a long wait in
//! the middle can be opened for requests.
//!
//! ```text
//! request ───────▼ (kept)
//! task    ── shield ── write ── flush ── end ── .await ▲ stopped here
//! ```
//!
//! `cargo run --example 04_shield`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::future::pending;
use std::sync::{Arc, Mutex};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{cancel_requested, shield, uncancellable};
use futures::channel::oneshot;

type Log = Arc<Mutex<Vec<&'static str>>>;

async fn commit(log: Log, begun: oneshot::Sender<()>, disk: oneshot::Receiver<()>) {
    shield(async {
        log.lock().unwrap().push("write");
        begun.send(()).ok();
        disk.await.ok(); // suspends, and the request comes meanwhile
        assert!(cancel_requested(), "who wants to know can ask");
        log.lock().unwrap().push("flush");
    })
    .await;
    log.lock().unwrap().push("code between two awaits runs too");
    pending::<()>().await;
    log.lock().unwrap().push("never");
}

fn main() {
    let owner = BuiltinRuntime::new();
    let log = Log::default();
    let ((begun, is_begun), (disk, wait)) = (oneshot::channel(), oneshot::channel());

    let error = owner.block_on(async {
        let task = owner.handle().spawn(commit(log.clone(), begun, wait));
        is_begun.await.expect("it begins");
        task.cancel("closing time");
        disk.send(()).expect("it still waits for the disk");
        task.await.unwrap_err()
    });

    println!("{error}");
    println!("it did: {:?}", log.lock().unwrap());
    assert_eq!(error.reason().unwrap().as_str(), "closing time");
    let done = ["write", "flush", "code between two awaits runs too"];
    assert_eq!(*log.lock().unwrap(), done);

    // A hole: the wait for work may be stopped, what comes before and after it may not.
    let worker = owner.handle().spawn(uncancellable(async |mut mask| {
        mask.open(pending::<()>()).await;
    }));
    let error = owner.block_on(worker.cancel_and_wait()).unwrap_err();
    assert!(error.is_cancelled());
    println!("a worker that waits in a hole stops at once");
}
