//! Several futures in one task, all of them waited for.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{Runtime, defer, finally, gather, gather_all, shield, try_gather};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{OnDrop, until, yield_once};

type Log = Arc<Mutex<Vec<&'static str>>>;

fn say(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

pub async fn values_come_in_order_whoever_is_first<H: Harness>(rt: H::Handle) {
    let (first, is_first) = oneshot::channel();
    let (second, is_second) = oneshot::channel();
    let names = [String::from("a"), String::from("b")];
    let task = rt.spawn(async move {
        // The first arm waits for the second one, and that for another task.
        let borrowing = async {
            is_second.await.unwrap();
            names[0].as_str()
        };
        let other = async {
            let value: u8 = is_first.await.unwrap();
            second.send(()).unwrap();
            value
        };
        let (name, value) = gather((borrowing, other)).await;
        assert_eq!(
            gather(names.each_ref().map(async |name| name.len())).await,
            [1, 1]
        );
        format!("{name}{value}")
    });
    let sender = rt.spawn(async move { first.send(7) });
    sender.await.unwrap().unwrap();
    assert_eq!(task.await.unwrap(), "a7");
}

pub async fn an_error_comes_when_the_others_are_cleaned_up<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let sleeper = rt.clone();
    let slow = async {
        let cleanup = log.clone();
        defer(async move {
            // On the runtime's own clock.
            sleeper.sleep(Duration::from_micros(10)).await;
            say(&cleanup, "cleaned up");
        });
        shield(async {
            yield_once().await;
            yield_once().await;
            say(&log, "shield over");
        })
        .await;
        pending::<Result<(), &str>>().await
    };
    let bad = async {
        yield_once().await;
        Err::<(), _>("out of cheese")
    };
    let group = try_gather((slow, bad)).await.unwrap_err();
    assert_eq!(group.first().index(), Some(1));
    assert_eq!(group.first().error(), Some(&"out of cheese"));
    assert_eq!(*log.lock().unwrap(), ["shield over", "cleaned up"]);
}

pub async fn a_panic_of_an_arm_is_the_panic_of_its_task<H: Harness>(rt: H::Handle) {
    let task = rt.spawn(async {
        let bad = async {
            yield_once().await;
            panic!("in an arm")
        };
        gather((pending::<()>(), bad)).await
    });
    let error = task.await.unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("in an arm"));

    let outcomes = rt.spawn(gather_all((async { 1 }, async {
        yield_once().await;
        panic!("collected")
    })));
    let (fine, bad): (_, Result<(), _>) = outcomes.await.unwrap();
    assert_eq!(fine.unwrap(), 1);
    assert!(bad.unwrap_err().is_panic());
}

pub async fn a_request_stops_the_arms_before_the_body_around_them<H: Harness>(rt: H::Handle) {
    for many in [false, true] {
        let log = Log::default();
        let (start, started) = oneshot::channel();
        let task = rt.spawn({
            let log = log.clone();
            async move {
                let around = log.clone();
                let _around = OnDrop::new(move || say(&around, "body dropped"));
                let start = Mutex::new(Some(start));
                let waiting = AtomicUsize::new(0);
                let arm = || async {
                    let cleanup = log.clone();
                    defer(async move {
                        yield_once().await;
                        say(&cleanup, "cleaned up");
                    });
                    if waiting.fetch_add(1, Ordering::SeqCst) == 1 {
                        start.lock().unwrap().take().unwrap().send(()).unwrap();
                    }
                    pending::<()>().await;
                };
                match many {
                    true => drop(gather(vec![arm(), arm()]).await),
                    false => drop(gather((arm(), arm())).await),
                }
                unreachable!("a value for what was stopped from outside");
            }
        });
        started.await.unwrap();
        let error = task.cancel_and_wait().await;
        let error: anyrt_core::JoinError = match error {
            Err(error) => error,
            Ok(()) => unreachable!(),
        };
        assert!(error.is_cancelled());
        let expected = ["cleaned up", "cleaned up", "body dropped"];
        assert_eq!(*log.lock().unwrap(), expected, "many: {many}");
    }
}

pub async fn ten_thousand_arms_are_woken_from_other_tasks<H: Harness>(rt: H::Handle) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..10_000).map(|_| oneshot::channel()).unzip();
    let task = rt.spawn(gather(receivers));
    let mut parts: Vec<Vec<_>> = (0..4).map(|_| Vec::new()).collect();
    for (index, sender) in senders.into_iter().enumerate() {
        parts[index % 4].push((index, sender));
    }
    let parts = parts.into_iter().map(|part| {
        rt.spawn(async move {
            for (index, sender) in part {
                sender.send(index).unwrap();
            }
        })
    });
    let outcomes = gather_all(parts.collect::<Vec<_>>()).await;
    assert!(
        outcomes
            .into_iter()
            .all(|outcome| matches!(outcome, Ok(Ok(()))))
    );
    let values = task.await.unwrap();
    assert!(values.into_iter().map(Result::unwrap).eq(0..10_000));
}

pub async fn ten_thousand_arms_end_by_one_request<H: Harness>(rt: H::Handle) {
    let cleaned = Arc::new(AtomicUsize::new(0));
    let started = Arc::new(AtomicUsize::new(0));
    let task = rt.spawn({
        let (cleaned, started) = (cleaned.clone(), started.clone());
        async move {
            let arm = |_| async {
                let cleaned = cleaned.clone();
                defer(async move {
                    cleaned.fetch_add(1, Ordering::SeqCst);
                });
                started.fetch_add(1, Ordering::SeqCst);
                pending::<()>().await;
            };
            gather((0..10_000).map(arm).collect::<Vec<_>>()).await;
        }
    });
    until(|| started.load(Ordering::SeqCst) == 10_000).await;
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert_eq!(cleaned.load(Ordering::SeqCst), 10_000);
}

pub async fn it_works_on_a_thread_of_no_runtime<H: Harness>(_: H::Handle) {
    let log = Log::default();
    let thread = std::thread::spawn({
        let log = log.clone();
        move || {
            let local = std::rc::Rc::new(5);
            let arm = async {
                let cleanup = log.clone();
                defer(async move { say(&cleanup, "cleaned up") });
                *local
            };
            futures::executor::block_on(gather((arm, async { *local + 1 })))
        }
    });
    assert_eq!(thread.join().unwrap(), (5, 6));
    assert_eq!(*log.lock().unwrap(), ["cleaned up"]);
}

pub async fn a_clean_up_that_borrows_is_not_stopped<H: Harness>(rt: H::Handle) {
    let (start, started) = oneshot::channel();
    let (open, gate) = oneshot::channel::<()>();
    let log = Log::default();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            let mut start = Some(start);
            let name = String::from("connection");
            let length = finally(async { name.len() }, async || {
                start.take().unwrap().send(()).unwrap();
                gate.await.unwrap();
                assert_eq!(name, "connection");
                say(&log, "cleaned up");
            })
            .await;
            assert_eq!(length, 10);
            yield_once().await;
            say(&log, "never");
        }
    });
    started.await.unwrap();
    task.cancel("in the clean-up");
    open.send(()).unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(*log.lock().unwrap(), ["cleaned up"]);
}
