//! Blocking jobs.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};

use anyrt_core::{JoinError, Runtime, blocking_wait, current};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::until;

pub async fn a_job_gives_its_value<H: Harness>(rt: H::Handle) {
    assert_eq!(rt.spawn_blocking(|| 9).await.unwrap(), 9);
    let named = rt.spawn_with().name("job").spawn_blocking(|| 10);
    assert_eq!(named.name().as_deref(), Some("job"));
    assert_eq!(named.await.unwrap(), 10);
}

pub async fn a_panic_of_a_job_is_a_value<H: Harness>(rt: H::Handle) {
    let error: JoinError = rt.spawn_blocking(|| panic_any(7_u8)).await.unwrap_err();
    assert!(error.is_panic());
    assert_eq!(*error.into_panic().unwrap().downcast::<u8>().unwrap(), 7);
    assert_eq!(rt.spawn_blocking(|| 1).await.unwrap(), 1);
}

pub async fn a_job_runs_though_its_handle_is_dropped<H: Harness>(rt: H::Handle) {
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..30 {
        let ran = Arc::clone(&ran);
        drop(rt.spawn_blocking(move || ran.fetch_add(1, Ordering::SeqCst)));
    }
    until(|| ran.load(Ordering::SeqCst) == 30).await;
}

pub async fn a_job_may_be_detached<H: Harness>(rt: H::Handle) {
    let (tx, rx) = oneshot::channel();
    rt.spawn_blocking(move || tx.send(()).unwrap()).detach();
    rx.await.unwrap();
}

pub async fn a_job_that_has_started_is_not_stopped<H: Harness>(rt: H::Handle) {
    let (started, is_started) = oneshot::channel();
    let (go_on, wait) = mpsc::channel();
    let job = rt.spawn_blocking(move || {
        started.send(()).unwrap();
        blocking_wait(|| wait.recv()).unwrap();
        5
    });
    is_started.await.unwrap();
    let result = job.cancel_and_wait();
    go_on.send(()).unwrap();
    assert_eq!(result.await.unwrap(), 5);
}

pub async fn a_job_knows_its_runtime<H: Harness>(rt: H::Handle) {
    let found = rt.spawn_blocking(|| current().map(|rt| rt.spawn(async { 3 })));
    assert_eq!(found.await.unwrap().unwrap().await.unwrap(), 3);
}

pub async fn a_job_may_spawn_and_block<H: Harness>(rt: H::Handle) {
    let inside = rt.clone();
    let job = rt.spawn_blocking(move || {
        let task = inside.spawn(async { 4 });
        blocking_wait(|| futures::executor::block_on(task)).unwrap()
    });
    assert_eq!(job.await.unwrap(), 4);
}

pub async fn a_job_may_start_jobs<H: Harness>(rt: H::Handle) {
    let inside = rt.clone();
    let job = rt.spawn_blocking(move || {
        let jobs: Vec<_> = (0..10_u32)
            .map(|n| inside.spawn_blocking(move || n))
            .collect();
        jobs.into_iter()
            .map(|job| blocking_wait(|| futures::executor::block_on(job)).unwrap())
            .sum::<u32>()
    });
    assert_eq!(job.await.unwrap(), 45);
}

pub async fn a_full_pool_loses_no_job<H: Harness>(rt: H::Handle) {
    // One more than the largest pool has threads, all blocked until the last is submitted. Only one
    // such case at a time: the pool of `blocking` is shared by the process.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let jobs = 513;
    let submit = move || {
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let handles: Vec<_> = (0..jobs)
            .map(|_| {
                let gate = Arc::clone(&gate);
                rt.spawn_blocking(move || {
                    let (open, opened) = &*gate;
                    let guard = opened.wait_while(open.lock().unwrap(), |open| !*open);
                    drop(guard.unwrap());
                    1
                })
            })
            .collect();
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        handles
            .into_iter()
            .map(|job| futures::executor::block_on(job).unwrap())
            .sum::<i32>()
    };
    // On a plain thread: it must not block the thread that runs this case's tasks.
    let (tx, rx) = oneshot::channel();
    let thread = std::thread::spawn(move || tx.send(submit()).unwrap());
    assert_eq!(rx.await.unwrap(), jobs);
    thread.join().unwrap();
}
