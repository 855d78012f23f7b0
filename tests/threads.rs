//! Which threads there are. In a test binary of its own, with one test: threads belong to the process.

#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::tokio::TokioRuntime;
use anyrt::prelude::*;

/// The names of this process's threads that `wanted` accepts.
fn threads(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    std::fs::read_dir("/proc/self/task")
        .expect("Linux lists threads there")
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| wanted(name))
        .collect()
}

#[test]
fn a_runtime_starts_its_own_threads_only_and_they_end_with_it() {
    // Tokio alone: nothing of another runtime may be started by our being there.
    let owner = TokioRuntime::multi_thread().unwrap();
    let rt = owner.handle().clone();
    owner.block_on(async {
        rt.spawn(async {}).await.unwrap();
        rt.spawn_blocking(|| ()).await.unwrap();
        rt.sleep(Duration::from_millis(1)).await;
        rt.erased().spawn(async {}).await.unwrap();
    });
    let hidden = threads(|name| {
        ["anyrt", "async-io", "smol", "blocking"]
            .iter()
            .any(|other| name.starts_with(other))
    });
    assert!(hidden.is_empty(), "{hidden:?}");
    assert!(owner.shutdown(Duration::from_secs(10)).is_clean());
    wait_for(|| threads(|name| name.starts_with("tokio")).is_empty());

    // The built-in one: its executor threads are there while it lives, and gone when it is dropped.
    let ours = || threads(|name| name.starts_with("mine-"));
    for round in 0..50 {
        let builder = BuiltinRuntime::builder().threads(3).name("mine");
        let owner = builder.build().unwrap();
        let rt = owner.handle().clone();
        let busy = rt.spawn(async {
            for _ in 0..10 {
                anyrt_conformance::faults::yield_once().await;
            }
            std::future::pending::<()>().await;
        });
        if round % 2 == 0 {
            owner.block_on(rt.spawn(async {})).unwrap();
            // A thread takes its name when it first runs.
            wait_for(|| ours().len() == 3);
        }
        drop(owner);
        // Joined, so at its end; the system may list it for a moment longer.
        wait_for(|| ours().is_empty());
        assert!(futures::executor::block_on(busy).unwrap_err().is_lost());
    }

    // Dropped on one of its own threads, it waits for the others only, and that one ends by itself.
    let owner = BuiltinRuntime::builder()
        .threads(3)
        .name("mine")
        .build()
        .unwrap();
    let rt = owner.handle().clone();
    let (give, take) = std::sync::mpsc::channel::<BuiltinRuntime>();
    let (tx, rx) = std::sync::mpsc::channel();
    rt.spawn_detached(async move {
        let before = Instant::now();
        let report = take.recv().unwrap().shutdown(Duration::from_secs(10));
        tx.send((report, before.elapsed())).unwrap();
    });
    give.send(owner).unwrap();
    let (report, waited) = rx.recv().unwrap();
    assert_eq!(report.threads_left(), 1);
    assert!(
        waited < Duration::from_secs(9),
        "it waited for its own thread"
    );
    wait_for(|| ours().is_empty());
}

fn wait_for(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not so after ten seconds");
        std::thread::yield_now();
    }
}
