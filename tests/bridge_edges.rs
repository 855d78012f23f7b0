//! The bridge where its sides meet: who moves, who is asked to stop, who waits for whom.
//!
//! In real time, with a watchdog: what is wrong here hangs.

#![allow(
    clippy::unwrap_used,
    clippy::async_yields_async,
    clippy::redundant_async_block,
    reason = "all of it is tests"
)]

mod watchdog;

use std::future::{Future, pending, poll_fn};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::{
    Sim, Task, Threads, VirtualClock, abandoned_threads, allow_blocking, block_anywhere, external,
    from_thread, from_thread_local, idle_runtime, prelude::*, to_thread, try_block_anywhere,
};
use futures::channel::oneshot;

use watchdog::watched;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_call_goes_to_the_task_that_its_await_has_moved_to() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let (go, gone) = mpsc::channel::<()>();
            let thread = to_thread(move || {
                gone.recv().unwrap();
                from_thread(async { 1 })
            });
            let mut timed = Box::pin(rt.timeout(Duration::from_secs(60), thread));
            let timed = rt
                .spawn(async move {
                    poll_fn(|cx| {
                        assert!(timed.as_mut().poll(cx).is_pending());
                        Poll::Ready(())
                    })
                    .await;
                    timed
                })
                .await
                .unwrap();
            let mut timed = timed;
            let mut go = Some(go);
            let got = poll_fn(|cx| {
                let polled = timed.as_mut().poll(cx);
                if let Some(go) = go.take() {
                    go.send(()).unwrap();
                }
                polled
            })
            .await
            .unwrap();
            assert_eq!(got, Ok(1));
        });
    });
}

#[test]
fn a_call_from_an_eager_task_goes_to_that_task() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let (go, gone) = mpsc::channel::<()>();
            let inner = rt.clone();
            let eager = rt
                .spawn(async move {
                    inner.spawn_eager(async move {
                        to_thread(move || {
                            gone.recv().unwrap();
                            from_thread(async { 1 })
                        })
                        .await
                    })
                })
                .await
                .unwrap();
            rt.sleep(ms(100)).await;
            go.send(()).unwrap();
            assert_eq!(eager.await.unwrap(), Ok(1));
        });
    });
}

#[test]
fn a_thread_may_wait_for_the_task_that_started_it_if_another_awaits_it() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let (tell, told) = mpsc::channel::<Task<u32>>();
            let (out, result) = oneshot::channel();
            let inner = rt.clone();
            let a = rt.spawn(async move {
                let thread = to_thread(move || {
                    let a = told.recv().unwrap();
                    from_thread_local(async { a.await.map_err(|e| e.to_string()) })
                });
                // Another task waits for the thread.
                let _ = out.send(inner.spawn(thread));
                inner.sleep(ms(300)).await;
                7
            });
            tell.send(a).unwrap();
            let b = result.await.unwrap();
            assert_eq!(b.await.unwrap(), Ok(Ok(7)));
        });
    });
}

#[test]
fn a_queued_function_is_counted_by_the_clock_it_was_submitted_under() {
    watched(|| {
        let pool = Threads::limited(1);
        let (started, is_started) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let first = pool.clone();
        let clocked = std::thread::spawn(move || {
            let clock = VirtualClock::on(BuiltinRuntime::new());
            clock.block_on(async move {
                let f = first.to_thread(move || {
                    started.send(()).unwrap();
                    gone.recv().unwrap();
                });
                f.unwrap().await;
            });
            clock.finish_jobs(Duration::from_secs(5));
        });
        is_started.recv().unwrap();
        // No clock here.
        let waits = pool
            .to_thread(|| {
                let owner = idle_runtime();
                let rt = owner.handle().clone();
                let before = Instant::now();
                owner.block_on(async move { rt.sleep(Duration::from_secs(1)).await });
                before.elapsed()
            })
            .unwrap();
        go.send(()).unwrap();
        let slept = futures::executor::block_on(waits);
        clocked.join().unwrap();
        assert!(slept >= ms(900), "a second took {slept:?}");
    });
}

#[test]
fn a_job_that_is_asked_to_stop_gets_an_error_from_its_call() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let (started, is_started) = oneshot::channel();
            let job = rt.spawn_blocking(move || {
                started.send(()).unwrap();
                from_thread(pending::<()>())
            });
            is_started.await.unwrap();
            rt.sleep(ms(100)).await;
            let ended = rt
                .timeout(Duration::from_secs(2), job.cancel_and_wait())
                .await;
            assert!(ended.is_ok(), "the job waits for ever");
        });
    });
}

#[test]
fn a_function_that_is_abandoned_in_the_queue_is_gone() {
    watched(|| {
        let pool = Threads::limited(1).named("t7");
        let (started, is_started) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let first = pool.to_thread(move || {
            started.send(()).unwrap();
            let _ = gone.recv();
        });
        is_started.recv().unwrap();
        let held = Arc::new(());
        for _ in 0..100 {
            let held = held.clone();
            drop(pool.to_thread(move || drop(held)).unwrap());
        }
        let listed = abandoned_threads()
            .iter()
            .filter(|t| t.name() == Some("t7"))
            .count();
        let queued = pool.queued();
        let kept = Arc::strong_count(&held);
        drop(go);
        futures::executor::block_on(first.unwrap());
        assert_eq!((listed, queued, kept), (0, 0, 1));
    });
}

#[test]
fn who_waits_for_itself_through_a_blocking_child_is_told() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let (tell, told) = mpsc::channel::<Task<()>>();
            let (out, result) = oneshot::channel();
            let inner = rt.clone();
            let host = rt.spawn(async move {
                inner
                    .scope(async |s| {
                        s.spawn_blocking(move || {
                            let host = told.recv().unwrap();
                            let got = from_thread(async move {
                                let mut host = host;
                                let got = (&mut host).await.map_err(|e| e.is_oneself());
                                host.detach();
                                got
                            });
                            let _ = out.send(got);
                        });
                    })
                    .await;
            });
            tell.send(host).unwrap();
            let got = rt.timeout(Duration::from_secs(3), result).await;
            assert_eq!(got.expect("waits for ever").unwrap(), Ok(Err(true)));
        });
    });
}

#[test]
fn a_wake_up_from_outside_a_simulation_is_not_lost() {
    for seed in 0..400 {
        watched(move || {
            Sim::new(seed).block_on(async {
                let rt = anyrt::current().unwrap();
                let job = rt.spawn_blocking(move || {
                    for _ in 0..20 {
                        let (tx, rx) = oneshot::channel();
                        std::thread::spawn(move || tx.send(1));
                        assert_eq!(block_anywhere(external(rx)), Ok(1));
                    }
                });
                job.await.unwrap();
            });
        });
    }
}

#[test]
fn a_blocking_child_that_calls_does_not_hold_up_its_scope() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let inner = rt.clone();
            let task = rt.spawn_with().cleanup_deadline(ms(500)).spawn(async move {
                inner
                    .timeout(
                        ms(100),
                        inner.scope(async |s| {
                            s.spawn_blocking(|| drop(from_thread(pending::<()>())));
                        }),
                    )
                    .await
                    .is_err()
            });
            let ended = rt
                .timeout(Duration::from_secs(4), async { task.await })
                .await;
            assert!(ended.is_ok(), "waits for ever");
        });
    });
}

#[test]
fn a_blocking_child_may_drop_the_handle_of_its_host() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let (tell, told) = mpsc::channel::<Task<()>>();
            let (out, result) = oneshot::channel();
            let inner = rt.clone();
            let host = rt.spawn(async move {
                inner
                    .scope(async |s| {
                        s.spawn_blocking(move || {
                            let host = told.recv().unwrap();
                            let got =
                                block_anywhere(
                                    async move { host.await.map_err(|e| e.is_oneself()) },
                                );
                            let _ = out.send(got);
                        });
                    })
                    .await;
            });
            tell.send(host).unwrap();
            let got = rt.timeout(Duration::from_secs(3), result).await;
            assert_eq!(got.expect("waits for ever").unwrap(), Err(true));
        });
    });
}

#[test]
fn a_value_that_nobody_receives_may_wait_for_another_thread_when_it_is_dropped() {
    struct Waits(Threads, mpsc::Sender<bool>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let (tx, rx) = mpsc::channel();
            let job = self.0.to_thread(move || tx.send(()).unwrap()).unwrap();
            self.1
                .send(rx.recv_timeout(Duration::from_secs(2)).is_ok())
                .unwrap();
            drop(job);
        }
    }
    let pool = Threads::limited(4);
    let (go, gone) = mpsc::channel::<()>();
    let (started, is_started) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let inner = pool.clone();
    let call = pool.to_thread(move || {
        started.send(()).unwrap();
        gone.recv().unwrap();
        Waits(inner, tell)
    });
    is_started.recv().unwrap();
    drop(call);
    go.send(()).unwrap();
    assert!(
        told.recv().unwrap(),
        "its job waits for the thread that waits for it"
    );
}

#[test]
fn a_job_that_is_asked_to_stop_gets_an_error_from_its_local_call() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let rt = owner.handle().clone();
        owner.block_on(async {
            let (started, is_started) = oneshot::channel();
            let job = rt.spawn_blocking(move || {
                started.send(()).unwrap();
                from_thread_local(pending::<()>())
            });
            is_started.await.unwrap();
            rt.sleep(ms(100)).await;
            let ended = rt
                .timeout(Duration::from_secs(2), job.cancel_and_wait())
                .await;
            assert!(ended.is_ok(), "the job waits for ever");
        });
    });
}

/// Above another executor a call is a task of its own: an await that is dropped stops that too.
#[test]
fn a_call_that_is_a_task_ends_when_its_await_is_dropped() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let (begin, has_begun) = oneshot::channel();
        let (end, ended) = mpsc::channel();
        let mut thread = Box::pin(owner.handle().to_thread(move || {
            let called = from_thread(async move {
                begin.send(()).unwrap();
                pending::<()>().await;
            });
            end.send(called).unwrap();
        }));
        futures::executor::block_on(async {
            let begun = futures::future::select(&mut thread, has_begun).await;
            assert!(matches!(begun, futures::future::Either::Right((Ok(()), _))));
        });
        drop(thread);
        assert!(ended.recv().unwrap().unwrap_err().is_abandoned());
    });
}

#[test]
fn another_thread_stands_in_for_the_only_one_that_is_blocked() {
    watched(|| {
        let owner = BuiltinRuntime::builder().threads(1).build().unwrap();
        let rt = owner.handle().clone();
        let blocked = owner.handle().spawn(async move {
            for n in 0..20 {
                let inner = rt.clone();
                let outer = rt.spawn(async move {
                    // On the stand-in, which needs one in its turn.
                    let task = inner.spawn(async move { n });
                    allow_blocking(|| block_anywhere(task)).unwrap()
                });
                assert_eq!(allow_blocking(|| block_anywhere(outer)).unwrap(), n);
            }
            assert!(try_block_anywhere(async {}).is_err());
        });
        owner.block_on(blocked).unwrap();
        assert!(owner.shutdown(Duration::from_secs(60)).is_clean());
    });
}
