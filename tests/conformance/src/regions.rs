//! Shields, clean-ups, regions inside tasks, on a real runtime.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyrt_core::{
    CancelToken, Cancellable, Runtime, blocking_wait, cancel_requested, checkpoint, current, defer,
    rooted, shield, uncancellable,
};
use futures::channel::oneshot;
use futures::future::{Either, join_all, select};

use crate::Harness;
use crate::faults::{OnDrop, dropped, until, yield_once};

type Log = Arc<Mutex<Vec<&'static str>>>;

fn say(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

pub async fn a_shield_holds_a_request_back_to_its_end<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (start, started) = oneshot::channel();
    let (open, gate) = oneshot::channel::<()>();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            shield(async {
                start.send(()).unwrap();
                gate.await.unwrap();
                say(&log, "critical part over");
            })
            .await;
            yield_once().await;
            say(&log, "never");
        }
    });
    started.await.unwrap();
    task.cancel("in the middle");
    open.send(()).unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(*log.lock().unwrap(), ["critical part over"]);
}

pub async fn clean_ups_run_before_the_task_is_gone<H: Harness>(rt: H::Handle) {
    for how in ["value", "panic", "cancel", "drop"] {
        let log = Log::default();
        let (start, started) = oneshot::channel();
        let (guard, gone) = dropped();
        let sleeper = rt.clone();
        let task = rt.spawn({
            let log = log.clone();
            async move {
                let (first, second) = (log.clone(), log.clone());
                defer(async move {
                    yield_once().await;
                    say(&first, "first");
                    drop(guard);
                });
                defer(async move {
                    // A clean-up has the runtime, and may wait.
                    sleeper.sleep(std::time::Duration::from_micros(10)).await;
                    assert!(current().is_ok());
                    say(&second, "second");
                });
                start.send(()).unwrap();
                match how {
                    "value" => {}
                    "panic" => panic!("in the body"),
                    _ => pending().await,
                }
            }
        });
        started.await.unwrap();
        match how {
            "value" => task.await.unwrap(),
            "panic" => assert!(task.await.unwrap_err().is_panic()),
            "cancel" => assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled()),
            _ => {
                drop(task);
                gone.await;
            }
        }
        assert_eq!(*log.lock().unwrap(), ["second", "first"], "{how}");
    }
}

pub async fn a_token_stops_what_runs_until_it<H: Harness>(rt: H::Handle) {
    let token = CancelToken::new();
    let log = Log::default();
    let (start, started) = oneshot::channel();
    let task = rt.spawn({
        let (token, log) = (token.child(), log.clone());
        async move {
            let body = async {
                let cleanup = log.clone();
                defer(async move {
                    yield_once().await;
                    say(&cleanup, "cleaned up");
                });
                start.send(()).unwrap();
                pending::<()>().await;
            };
            let reason = body.until(&token).await.unwrap_err();
            say(&log, "stopped");
            reason
        }
    });
    started.await.unwrap();
    // From a thread of no runtime.
    std::thread::spawn(move || token.cancel("closing time"))
        .join()
        .unwrap();
    assert_eq!(task.await.unwrap().as_str(), "closing time");
    assert_eq!(*log.lock().unwrap(), ["cleaned up", "stopped"]);
}

pub async fn a_thousand_tasks_stop_by_one_token<H: Harness>(rt: H::Handle) {
    let token = CancelToken::new();
    let cleaned = Arc::new(AtomicUsize::new(0));
    let running = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..H::CAPS.many.min(1_000))
        .map(|_| {
            let (token, cleaned, running) = (token.child(), cleaned.clone(), running.clone());
            rt.spawn(async move {
                let body = async {
                    defer(async move {
                        yield_once().await;
                        cleaned.fetch_add(1, Ordering::SeqCst);
                    });
                    running.fetch_add(1, Ordering::SeqCst);
                    pending::<()>().await;
                };
                body.until(&token).await.unwrap_err()
            })
        })
        .collect();
    let count = tasks.len();
    until(|| running.load(Ordering::SeqCst) == count).await;
    token.cancel("all of you");
    for result in join_all(tasks).await {
        assert_eq!(result.unwrap().as_str(), "all of you");
    }
    assert_eq!(cleaned.load(Ordering::SeqCst), count);
}

pub async fn an_inner_region_unwinds_before_what_is_around_it<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (start, started) = oneshot::channel();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            let outer = log.clone();
            let _temporary = OnDrop::new(move || say(&outer, "folder removed"));
            let token = CancelToken::new();
            let inner = async {
                let cleanup = log.clone();
                defer(async move {
                    yield_once().await;
                    say(&cleanup, "file closed");
                });
                start.send(()).unwrap();
                pending::<()>().await;
            };
            let _ = inner.until(&token).await;
            say(&log, "never");
        }
    });
    started.await.unwrap();
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert_eq!(*log.lock().unwrap(), ["file closed", "folder removed"]);
}

pub async fn a_losing_arm_of_a_select_is_cleaned_up_by_its_task<H: Harness>(rt: H::Handle) {
    let cleaned = Arc::new(AtomicUsize::new(0));
    let rounds = 1_000;
    let task = rt.spawn({
        let cleaned = cleaned.clone();
        async move {
            let token = CancelToken::new();
            for _ in 0..rounds {
                let cleaned = cleaned.clone();
                let connection = async move {
                    defer(async move {
                        yield_once().await;
                        cleaned.fetch_add(1, Ordering::SeqCst);
                    });
                    pending::<()>().await;
                };
                let (connection, tick) = (pin!(connection.until(&token)), pin!(yield_once()));
                let lost = select(connection, tick).await;
                assert!(matches!(lost, Either::Right(_)));
            }
        }
    });
    task.await.unwrap();
    assert_eq!(cleaned.load(Ordering::SeqCst), rounds);
}

pub async fn a_hole_in_a_mask_can_be_cancelled<H: Harness>(rt: H::Handle) {
    let (start, started) = oneshot::channel();
    let before = Arc::new(AtomicBool::new(false));
    let task = rt.spawn({
        let before = before.clone();
        uncancellable(move |mut mask| async move {
            yield_once().await;
            before.store(true, Ordering::SeqCst);
            start.send(()).unwrap();
            mask.open(pending::<()>()).await;
        })
    });
    started.await.unwrap();
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert!(before.load(Ordering::SeqCst));
}

pub async fn a_blocking_job_sees_that_it_was_asked_to_stop<H: Harness>(rt: H::Handle) {
    let (start, started) = oneshot::channel();
    let job = rt.spawn_blocking(move || {
        start.send(()).unwrap();
        blocking_wait(|| {
            while !cancel_requested() {
                std::thread::yield_now();
            }
        });
        3
    });
    started.await.unwrap();
    assert_eq!(job.cancel_and_wait().await.unwrap(), 3);
}

pub async fn a_checkpoint_stops_a_body_that_never_waits<H: Harness>(rt: H::Handle) {
    let (give, take) = oneshot::channel();
    let (guard, gone) = dropped();
    let task = rt.spawn(async move {
        let _guard = guard;
        let own: anyrt_core::Task<()> = take.await.unwrap();
        own.cancel("myself");
        checkpoint().await;
        drop(own);
        unreachable!("past the checkpoint");
    });
    assert!(give.send(task).is_ok());
    gone.await;
}

pub async fn a_root_in_place_waits_for_its_clean_ups<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inside = log.clone();
    let value = rooted(&rt, async move {
        let cleanup = inside.clone();
        defer(async move {
            yield_once().await;
            say(&cleanup, "cleaned up");
        });
        say(&inside, "body over");
        5
    });
    assert_eq!(value.await, 5);
    assert_eq!(*log.lock().unwrap(), ["body over", "cleaned up"]);
}
