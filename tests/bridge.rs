//! The bridge at its limits: depths and numbers that no pool with a cap stands.
//!
//! Each case has a watchdog that names it: nothing here may hang.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod watchdog;

use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyrt::backend::async_std::AsyncStd;
use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::smol::Smol;
use anyrt::backend::tokio::TokioRuntime;
use anyrt::{BlockOn, Threads, abandoned_threads, from_thread, prelude::*, to_thread};

/// One at a time: some want as many threads as a process may have.
fn watched<T: Send + 'static>(case: impl FnOnce() -> T + Send + 'static) -> T {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    watchdog::watched(case)
}

/// As many calls into async code as functions on threads, each inside the one before.
fn down(depth: u32) -> u32 {
    match depth {
        0 => 0,
        _ => from_thread(async move { to_thread(move || down(depth - 1)).await + 2 }).unwrap(),
    }
}

/// 10,000 crossings: 5,000 threads at once.
fn ten_thousand_crossings(owner: impl BlockOn + Send + 'static) {
    let crossed = watched(move || owner.block_on(to_thread(|| down(5_000))));
    assert_eq!(crossed, 10_000);
}

#[test]
fn ten_thousand_crossings_on_builtin() {
    ten_thousand_crossings(BuiltinRuntime::new());
}

#[test]
fn ten_thousand_crossings_on_tokio_current() {
    ten_thousand_crossings(TokioRuntime::current_thread().unwrap());
}

#[test]
fn ten_thousand_crossings_on_tokio_multi() {
    ten_thousand_crossings(TokioRuntime::multi_thread().unwrap());
}

#[test]
fn ten_thousand_crossings_on_smol() {
    ten_thousand_crossings(Smol);
}

#[test]
fn ten_thousand_crossings_on_async_std() {
    ten_thousand_crossings(AsyncStd);
}

#[test]
fn a_thread_that_is_faster_than_its_await_waits_for_it() {
    let (called, is_called) = mpsc::channel();
    let thread = to_thread(move || {
        called.send(()).unwrap();
        from_thread(async { 1 })
    });
    is_called.recv().unwrap();
    assert_eq!(BuiltinRuntime::new().block_on(thread), Ok(1));

    // Awaited by an executor that knows of no task, or by nobody at all, it is an error.
    let thread = to_thread(|| from_thread(async { 1 }));
    let error = watched(|| futures::executor::block_on(thread));
    assert!(error.unwrap_err().is_no_origin());
    let (tell, told) = mpsc::channel();
    let (called, is_called) = mpsc::channel();
    let thread = to_thread(move || {
        called.send(()).unwrap();
        tell.send(from_thread(async { 1 })).unwrap();
    });
    is_called.recv().unwrap();
    drop(thread);
    let error = watched(move || told.recv().unwrap());
    assert!(error.unwrap_err().is_abandoned());
}

#[test]
fn two_thousand_functions_that_each_wait_for_the_next_all_end() {
    let sum = watched(|| {
        let owner = BuiltinRuntime::new();
        owner.block_on(async {
            let (first, mut before) = mpsc::channel();
            let mut functions = Vec::new();
            for _ in 0..2_000_u32 {
                let (tx, rx) = mpsc::channel();
                functions.push(to_thread(move || {
                    let got: u32 = before.recv().unwrap();
                    tx.send(got + 1).unwrap();
                }));
                before = rx;
            }
            // All of them have a thread by now, and wait for it.
            first.send(0).unwrap();
            for function in functions {
                function.await;
            }
            before.recv().unwrap()
        })
    });
    assert_eq!(sum, 2_000);
}

#[test]
fn a_chain_over_a_pool_of_one_thread_is_an_error_and_not_a_hang() {
    let refused = watched(|| {
        let pool = Threads::limited(1);
        BuiltinRuntime::new().block_on(async move {
            let inner = pool.clone();
            let chain = pool.to_thread(move || {
                from_thread(async move { inner.to_thread(|| ()).map(drop).is_err() })
            });
            chain.unwrap().await
        })
    });
    assert_eq!(refused, Ok(true));
}

/// In real time, as the functions are not stopped by anything else.
#[test]
fn a_function_that_outlasts_its_timeout_does_not_hold_up_the_next() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async move {
            let begun = Instant::now();
            let (end, ends) = mpsc::channel::<()>();
            let line = line!() + 1;
            let slow = to_thread(move || ends.recv_timeout(Duration::from_secs(100)));
            assert!(rt.timeout(50.millis(), slow).await.is_err());
            assert_eq!(to_thread(|| 1).await, 1);
            assert!(begun.elapsed() < Duration::from_secs(50));
            // It runs on, and is listed until it ends.
            let here = |thread: &anyrt::AbandonedThread| {
                let place = thread.location();
                place.file().ends_with("bridge.rs") && place.line() == line
            };
            assert!(abandoned_threads().iter().any(here));
            end.send(()).unwrap();
            while abandoned_threads().iter().any(here) {
                std::thread::yield_now();
            }
        });
    });
}

const LIMITED: &str = "ANYRT_TEST_LIMITED";

/// Not a test of its own: what the next one runs, with few threads to be had.
#[test]
fn four_hundred_functions_with_a_hundred_threads() {
    if std::env::var_os(LIMITED).is_none() {
        return;
    }
    watched(|| {
        let owner = TokioRuntime::current_thread().unwrap();
        owner.block_on(async {
            let functions: Vec<_> = (0..400_u32)
                .map(|n| {
                    to_thread(move || {
                        // Long enough for others to want a thread meanwhile.
                        std::thread::sleep(Duration::from_millis(2));
                        from_thread(async move { n }).unwrap()
                    })
                })
                .collect();
            for (n, function) in (0..).zip(functions) {
                assert_eq!(function.await, n);
            }
        });
        let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
        assert!(threads <= 100, "{threads} threads");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn four_hundred_functions_end_where_a_hundred_threads_are_to_be_had() {
    use std::process::Command;

    let is_root = Command::new("id").arg("-u").output();
    if !is_root.is_ok_and(|id| id.stdout == b"0\n") {
        eprintln!("not run: this user has other threads, and only root can become another one");
        return;
    }
    // The limit counts all threads of a user, and does not hold for root.
    let mut command = Command::new("prlimit");
    command
        .args([
            "--nproc=100",
            "setpriv",
            "--reuid=64999",
            "--regid=64999",
            "--clear-groups",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "four_hundred_functions_with_a_hundred_threads"])
        .env(LIMITED, "1");
    let Ok(ran) = command.output() else {
        eprintln!("not run: there is no `prlimit` here");
        return;
    };
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    if !said.contains("1 test") {
        eprintln!("not run: the other user may not read this file: {said}");
        return;
    }
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}
