//! The bridge and its jobs where two things happen at once, or in a place where nobody looks.
//!
//! In real time, with a watchdog. Tests called `child` are parts of others that run them in a process of their own,
//! as they would end the process.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::async_yields_async,
    clippy::redundant_async_block,
    reason = "all of it is tests"
)]

mod watchdog;

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::{
    AtDrop, BackgroundThreads, BatonGroup, ToThread, VirtualClock, block_anywhere, from_thread,
    from_thread_local, idle_runtime, prelude::*, shield, to_thread,
};

use watchdog::watched;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// "Polling it and dropping the poll loses nothing."
#[test]
fn an_await_that_a_timeout_gave_back_still_gives_its_value() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let inner = rt.clone();
            let mut call = to_thread(|| {
                let stopped = from_thread(pending::<()>()).unwrap_err();
                assert!(stopped.is_stopped());
                5
            });
            let borrowed = &mut call;
            let late = rt
                .timeout(ms(50), async move {
                    futures::join!(borrowed, shield(inner.sleep(ms(300))))
                })
                .await;
            assert!(late.is_err());
            assert_eq!(call.await, 5);
        });
    });
}

/// `AtDrop::Wait`: "run to their ends".
#[test]
fn a_drop_that_waits_waits_for_what_the_job_gave() {
    struct Slow(Arc<AtomicBool>);
    impl Drop for Slow {
        fn drop(&mut self) {
            std::thread::sleep(ms(200));
            self.0.store(true, SeqCst);
        }
    }
    let gone = Arc::new(AtomicBool::new(false));
    let threads = BackgroundThreads::new(AtDrop::Wait);
    let slow = Slow(gone.clone());
    threads
        .start(move || {
            std::thread::sleep(ms(50));
            slow
        })
        .detach();
    drop(threads);
    assert!(
        gone.load(SeqCst),
        "the drop has returned, and the job is not over"
    );
}

#[test]
fn a_drop_that_waits_waits_until_a_panic_is_told() {
    let told = Arc::new(AtomicBool::new(false));
    let seen = told.clone();
    anyrt::set_failure_hook(move |_| {
        std::thread::sleep(ms(100));
        seen.store(true, SeqCst);
    });
    let threads = BackgroundThreads::new(AtDrop::Wait);
    threads
        .start(|| {
            std::thread::sleep(ms(50));
            panic!("told?");
        })
        .detach();
    drop(threads);
    assert!(
        told.load(SeqCst),
        "main would end now, and nobody has been told"
    );
}

#[test]
fn the_last_one_that_is_dropped_by_its_own_job_does_not_wait_for_that() {
    watched(|| {
        let threads = Arc::new(BackgroundThreads::new(AtDrop::Wait));
        let (end, ended) = channel();
        let (go, gone) = channel::<()>();
        let own = threads.clone();
        threads
            .start(move || {
                gone.recv().unwrap();
                drop(own);
                end.send(()).unwrap();
            })
            .detach();
        drop(threads);
        go.send(()).unwrap();
        assert!(
            ended.recv_timeout(Duration::from_secs(60)).is_ok(),
            "the job waits for itself"
        );
    });
}

#[test]
fn an_abandoned_member_passes_the_baton_on_at_each_kind_of_call() {
    for local in [false, true] {
        watched(move || {
            let group = BatonGroup::new();
            let owner = BuiltinRuntime::new();
            let rt = owner.handle().clone();
            let (begin, begun) = channel::<()>();
            let (give_up, given_up) = channel();
            let stop = Arc::new(AtomicBool::new(false));
            let stopped = stop.clone();
            owner.block_on(async {
                let hog = group.to_thread(move || {
                    begin.send(()).unwrap();
                    let since = Instant::now();
                    while !stopped.load(SeqCst) && since.elapsed() < Duration::from_secs(60) {
                        // A loop that looks whether there is something, and takes errors for "nothing".
                        let _ = match local {
                            true => from_thread_local(async {}),
                            false => from_thread(async {}),
                        };
                        std::thread::sleep(ms(1));
                    }
                    give_up.send(stopped.load(SeqCst)).unwrap();
                });
                begun.recv().unwrap();
                let other = group.to_thread({
                    let stop = stop.clone();
                    move || stop.store(true, SeqCst)
                });
                drop(hog);
                let _ = rt.timeout(Duration::from_secs(90), other).await;
            });
            assert!(
                given_up.recv().unwrap(),
                "local {local}: nobody else had a turn"
            );
        });
    }
}

#[test]
fn what_shutdown_said_of_the_jobs_holds_when_it_is_dropped() {
    let threads = BackgroundThreads::new(AtDrop::Abandon).limit(1);
    let (go, gone) = channel::<()>();
    threads.start(move || gone.recv()).detach();
    let queued = threads.start(|| 5);
    threads.shutdown(AtDrop::NoWait);
    drop(threads);
    go.send(()).unwrap();
    assert_eq!(queued.wait().map_err(|e| e.to_string()), Ok(5));
}

#[test]
fn a_limit_that_is_raised_lets_those_that_wait_begin() {
    let threads = BackgroundThreads::new(AtDrop::Abandon).limit(1);
    let (go, gone) = channel::<()>();
    threads.start(move || gone.recv()).detach();
    let mut queued = threads.start(|| 5);
    let threads = threads.limit(2);
    let got = queued.wait_timeout(Duration::from_secs(60));
    go.send(()).unwrap();
    assert!(got.is_some(), "{threads:?}");
}

#[test]
fn the_idle_runtime_runs_stop_hooks() {
    let owner = idle_runtime();
    let runs = Arc::new(AtomicU32::new(0));
    let seen = runs.clone();
    let hook = owner.handle().on_stop(move || {
        seen.fetch_add(1, SeqCst);
    });
    owner.block_on(async {});
    assert!(hook.is_ok(), "{}", hook.unwrap_err());
}

#[test]
fn a_pool_may_have_a_name_with_a_nul() {
    watched(|| {
        let pool = anyrt::Threads::limited(2).named("a\0b");
        let first = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            block_anywhere(pool.to_thread(|| 1).unwrap())
        }));
        let second = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            block_anywhere(pool.to_thread(|| 1).unwrap())
        }));
        assert!(first.is_ok() && second.is_ok());
    });
}

#[test]
fn two_simulations_on_one_thread_share_nothing() {
    use anyrt::Sim;
    static TURNS: AtomicU32 = AtomicU32::new(0);
    let run = || {
        TURNS.store(0, SeqCst);
        let ran = std::panic::catch_unwind(|| {
            Sim::new(1).block_on(async {
                let rt = anyrt::current().unwrap();
                rt.spawn_blocking(|| {
                    let owner = idle_runtime();
                    let rt = owner.handle().clone();
                    let inner = rt.clone();
                    rt.spawn(async move {
                        loop {
                            TURNS.fetch_add(1, SeqCst);
                            inner.sleep(Duration::from_secs(1)).await;
                        }
                    })
                    .detach();
                    owner.block_on(async move { rt.sleep(Duration::from_secs(5)).await });
                })
                .await
                .unwrap();
            });
        });
        (ran.is_ok(), TURNS.load(SeqCst))
    };
    let runs: Vec<_> = (0..4).map(|_| run()).collect();
    assert!(runs.windows(2).all(|two| two[0] == two[1]), "{runs:?}");
}

/// Run by the next one, as it may end the process.
#[test]
#[ignore = "a part of another test, in a process of its own"]
fn t25_child() {
    use anyrt::{Sim, Threads};
    let pool = Threads::limited(1);
    let inner = pool.clone();
    let kept = Sim::new(1).block_on(async move {
        let first = inner
            .to_thread(|| from_thread(pending::<()>()).is_err())
            .unwrap();
        let queue: Vec<_> = (0..100_000)
            .map(|i| inner.to_thread(move || i).unwrap())
            .collect();
        (first, queue)
    });
    drop(pool);
    std::thread::sleep(Duration::from_secs(1));
    drop(kept);
}

#[test]
fn a_simulation_may_end_with_a_long_queue_in_a_pool() {
    watched(|| child("t25_child"));
}

#[test]
fn a_thread_that_waits_for_itself_gets_a_true_text() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let (tell, told) = channel::<ToThread<()>>();
        let (out, result) = channel();
        owner.block_on(async {
            let call = to_thread(move || {
                let own = told.recv().unwrap();
                let caught =
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_anywhere(own)));
                let text = caught
                    .unwrap_err()
                    .downcast_ref::<String>()
                    .cloned()
                    .unwrap_or_default();
                out.send(text).unwrap();
            });
            tell.send(call).unwrap();
        });
        let text = result.recv().unwrap();
        assert!(!text.contains("no thread can be started"), "{text}");
    });
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn t40_child() {
    use anyrt::Sim;
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            std::thread::sleep(ms(20));
        }
    }
    for seed in 0..50 {
        Sim::new(seed).block_on(async {
            let rt = anyrt::current().unwrap();
            let job = rt.spawn_blocking(|| {
                let threads = BackgroundThreads::new(AtDrop::Wait);
                threads
                    .start(|| {
                        let _slow = Slow;
                        block_anywhere(pending::<()>());
                    })
                    .detach();
                block_anywhere(pending::<()>());
            });
            rt.sleep(Duration::from_secs(1)).await;
            job.detach();
        });
    }
    // The threads of the simulations unwind.
    std::thread::sleep(ms(500));
}

fn child(name: &str) {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stderr);
    let start = text.len().saturating_sub(1500);
    assert!(
        child.status.success(),
        "{:?} {}",
        child.status,
        text.get(start..).unwrap_or(&text)
    );
}

#[test]
fn a_simulation_may_end_while_a_thread_holds_background_threads() {
    watched(|| child("t40_child"));
}

/// "So each hook that is not removed runs at least once."
#[test]
fn a_hook_that_is_registered_while_the_owner_ends_runs_or_is_refused() {
    let owner = BuiltinRuntime::new();
    let rt = owner.handle().clone();
    let (accepted, ran) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (a, r) = (accepted.clone(), ran.clone());
    owner
        .handle()
        .on_stop(move || {
            let r = r.clone();
            if let Ok(hook) = rt.on_stop(move || r.store(true, SeqCst)) {
                a.store(true, SeqCst);
                hook.detach();
            }
        })
        .unwrap()
        .detach();
    drop(owner);
    assert_eq!(
        accepted.load(SeqCst),
        ran.load(SeqCst),
        "accepted, and never run"
    );
}

/// "On a thread that was started outside any task, this waits until somebody awaits it."
#[test]
fn a_thread_that_was_begun_outside_any_task_calls_who_awaits_it() {
    for started in [false, true] {
        watched(move || {
            let owner = BuiltinRuntime::new();
            let rt = owner.handle().clone();
            let got = if started {
                let call =
                    anyrt::Started::now(async { to_thread(|| from_thread(async { 1 })).await });
                std::thread::sleep(ms(100));
                owner.block_on(async { rt.timeout(Duration::from_secs(3), call).await })
            } else {
                let call = to_thread(|| from_thread(async { 1 }));
                std::thread::sleep(ms(100));
                owner.block_on(async { rt.timeout(Duration::from_secs(3), call).await })
            };
            eprintln!("t60 started {started}: {got:?}");
            assert_eq!(got.ok(), Some(Ok(1)), "started {started}");
        });
    }
}

/// `Runtime::to_thread`: "as part of this runtime"; `spawn_blocking` does it.
#[test]
fn a_clock_counts_what_its_handle_runs_on_a_thread() {
    fn f() -> u32 {
        std::thread::sleep(ms(200));
        1
    }
    watched(|| {
        let clock = VirtualClock::on(BuiltinRuntime::new());
        let rt = clock.handle().clone();
        let call = rt.spawn_blocking(f);
        let got = clock.block_on(async { rt.timeout(Duration::from_secs(1), call).await });
        assert_eq!(got.unwrap().unwrap(), 1);
        let call = rt.to_thread(f);
        let got = clock.block_on(async { rt.timeout(Duration::from_secs(1), call).await });
        assert!(got.is_ok(), "a second has passed while it ran");
    });
}

#[test]
fn a_clock_waits_for_what_its_handle_runs_on_a_thread() {
    watched(|| {
        let clock = VirtualClock::on(BuiltinRuntime::new());
        let call = clock.handle().to_thread(|| std::thread::sleep(ms(200)));
        clock.block_on(call);
    });
}

#[test]
fn a_simulation_waits_for_what_its_handle_runs_on_a_thread() {
    watched(|| {
        let sim = anyrt::Sim::new(1);
        let call = sim.handle().to_thread(|| std::thread::sleep(ms(200)));
        sim.block_on(call);
    });
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn t66_child() {
    let pool = anyrt::Threads::limited(1);
    let (go, gone) = channel::<()>();
    let first = pool.to_thread(move || gone.recv()).unwrap();
    let mut last = pool.to_thread(|| 0_u32).unwrap();
    for _ in 0..depth() {
        last = pool.to_thread(move || block_anywhere(last)).unwrap();
    }
    drop(last);
    drop(go);
    block_anywhere(first).unwrap_err();
}

#[test]
fn a_queue_whose_functions_hold_each_other_is_dropped() {
    watched(|| child("t66_child"));
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn t67_child() {
    let threads = BackgroundThreads::new(AtDrop::Abandon).limit(1);
    let (go, gone) = channel::<()>();
    let first = threads.start(move || gone.recv());
    let mut last = threads.start(|| 0_u32);
    for _ in 0..depth() {
        last = threads.start(move || last.wait().unwrap());
    }
    drop(last);
    drop(go);
    first.wait().unwrap().unwrap_err();
}

#[test]
fn jobs_in_a_queue_that_hold_each_other_are_dropped() {
    watched(|| child("t67_child"));
}

fn depth() -> u32 {
    std::env::var("R1_DEPTH").map_or(100_000, |depth| depth.parse().unwrap())
}

/// "A request reaches the call before the body around the await (R1)."
fn order_where(
    stop: fn(
        anyrt::backend::builtin::Builtin,
        futures::future::BoxFuture<'static, ()>,
    ) -> futures::future::BoxFuture<'static, ()>,
) {
    struct Local(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Local {
        fn drop(&mut self) {
            self.0.lock().unwrap().push("local");
        }
    }
    struct Body(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Body {
        fn drop(&mut self) {
            self.0.lock().unwrap().push("call's body");
        }
    }
    watched(move || {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let order = Arc::new(Mutex::new(Vec::new()));
            let (o1, o2, r1) = (order.clone(), order.clone(), rt.clone());
            let arm = async move {
                let _local = Local(o2);
                to_thread(move || {
                    let o3 = o1.clone();
                    let got = from_thread(async move {
                        let o = o1.clone();
                        let _body = Body(o1);
                        anyrt::defer(async move {
                            r1.sleep(ms(50)).await;
                            o.lock().unwrap().push("call");
                        });
                        pending::<()>().await;
                    });
                    o3.lock().unwrap().push(if got.unwrap_err().is_stopped() {
                        "stopped"
                    } else {
                        "not stopped"
                    });
                })
                .await;
            };
            stop(rt.clone(), Box::pin(arm)).await;
            let mut seen = order.lock().unwrap().clone();
            rt.sleep(ms(200)).await;
            eprintln!("{seen:?} and then {:?}", order.lock().unwrap());
            seen.retain(|what| !what.ends_with("stopped"));
            assert_eq!(seen, ["call's body", "call", "local"]);
        });
    });
}

#[test]
fn a_race_unwinds_a_call_before_its_arm() {
    order_where(|rt, arm| {
        Box::pin(async move {
            let _ = anyrt::race((arm, async move { rt.sleep(ms(50)).await })).await;
        })
    });
}

#[test]
fn a_timeout_unwinds_a_call_before_its_body() {
    order_where(|rt, arm| {
        Box::pin(async move {
            let _ = rt.timeout(ms(50), arm).await;
        })
    });
}

#[test]
fn a_scope_that_fails_unwinds_a_call_before_its_body() {
    order_where(|rt, arm| {
        Box::pin(async move {
            let r2 = rt.clone();
            let _ = rt.timeout(ms(50), r2.scope(async |_| arm.await)).await;
        })
    });
}
