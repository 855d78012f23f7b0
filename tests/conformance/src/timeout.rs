//! Limited time, on a clock that is moved by hand.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{Deadline, Runtime, Timed, Timer, deadline, defer, shield};
use futures::channel::oneshot;

use crate::faults::{OnDrop, until, yield_once};
use crate::{ByHand, Harness};

const HOUR: Duration = Duration::from_secs(3_600);

pub async fn a_value_that_is_there_is_given<H: Harness>(rt: H::Handle) {
    assert_eq!(rt.timeout(HOUR, async { 1 }).await.unwrap(), 1);
    assert_eq!(rt.timeout(Duration::ZERO, async { 2 }).await.unwrap(), 2);
    assert_eq!(async { 3 }.timeout(&rt, Duration::MAX).await.unwrap(), 3);
    let past = rt.now();
    assert_eq!(async { 4 }.timeout_at(&rt, past).await.unwrap(), 4);
    assert_eq!(rt.move_on_after(HOUR, yield_once()).await, Some(()));
}

pub async fn no_time_at_all_stops_what_suspends<H: Harness>(rt: H::Handle) {
    // On the runtime's own clock.
    let elapsed = rt
        .timeout(Duration::ZERO, pending::<()>())
        .await
        .unwrap_err();
    assert_eq!(elapsed.limit(), Some(Duration::ZERO));
    let past = rt.now();
    assert!(rt.timeout_at(past, pending::<()>()).await.is_err());
    assert_eq!(
        rt.move_on_after(Duration::ZERO, pending::<()>()).await,
        None
    );
    assert_eq!(rt.move_on_at(past, pending::<()>()).await, None);
}

pub async fn a_timeout_ends_at_its_deadline_and_cleans_up_first<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Arc::new(Mutex::new(Vec::new()));
    let task = rt.spawn({
        let (rt, log) = (rt.clone(), Arc::clone(&log));
        async move {
            let begun = rt.now();
            let cleanup = Arc::clone(&log);
            let body = async {
                defer(async move {
                    yield_once().await;
                    cleanup.lock().unwrap().push("cleaned up");
                });
                let _local = OnDrop::new(|| log.lock().unwrap().push("dropped"));
                pending::<()>().await;
            };
            assert!(rt.timeout(HOUR, body).await.is_err());
            rt.now() - begun
        }
    });
    until(|| rt.clock().waiting() == 1).await;
    rt.clock().advance(HOUR - Duration::from_nanos(1));
    assert!(!task.is_finished());
    rt.clock().advance(Duration::from_nanos(1));
    assert_eq!(task.await.unwrap(), HOUR);
    assert_eq!(*log.lock().unwrap(), ["dropped", "cleaned up"]);
    assert_eq!(rt.clock().waiting(), 0);
}

pub async fn of_nested_timeouts_each_has_its_own_error<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    for (outer, inner, expected) in [(2, 1, "inner"), (1, 2, "outer"), (1, 1, "inner")] {
        let task = rt.spawn({
            let rt = rt.clone();
            async move {
                let inside = async {
                    match rt.timeout(HOUR * inner, pending::<()>()).await {
                        Ok(()) => "nobody",
                        Err(_) => "inner",
                    }
                };
                rt.timeout(HOUR * outer, inside).await.unwrap_or("outer")
            }
        });
        until(|| rt.clock().waiting() == 2).await;
        rt.clock().advance(HOUR);
        assert_eq!(task.await.unwrap(), expected);
    }
}

pub async fn a_request_is_no_timeout<H: Harness>(rt: H::Handle) {
    let (started, is_started) = oneshot::channel();
    let task = rt.spawn({
        let rt = rt.clone();
        async move {
            started.send(()).unwrap();
            loop {
                // With a value here it would spin for ever.
                let _ = rt.timeout(HOUR, pending::<()>()).await;
            }
        }
    });
    is_started.await.unwrap();
    let ended: Result<(), _> = task.cancel_and_wait().await;
    assert!(ended.unwrap_err().is_cancelled());
}

pub async fn a_deadline_is_moved_from_another_task<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let (send, receive) = oneshot::channel();
    let task = rt.spawn({
        let rt = rt.clone();
        async move {
            let limited = rt.timeout_with(HOUR, async |limit: Deadline| {
                assert_eq!(deadline(), Some(limit.when()));
                send.send(limit).unwrap();
                pending::<()>().await;
            });
            limited.await.is_err()
        }
    });
    let limit = receive.await.unwrap();
    until(|| rt.clock().waiting() == 1).await;
    limit.extend(HOUR).unwrap();
    // The task has to hear of it before the clock is moved.
    until(|| rt.clock().next() == Some(limit.when())).await;
    rt.clock().advance(HOUR);
    assert!(!task.is_finished());
    limit.reschedule(rt.now()).unwrap();
    assert!(task.await.unwrap());
    assert!(limit.expired());
    limit.extend(HOUR).unwrap_err();
}

pub async fn a_shield_may_make_it_late<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let (release, released) = oneshot::channel::<()>();
    let task = rt.spawn({
        let rt = rt.clone();
        async move {
            let body = shield(async { released.await.is_ok() });
            rt.timeout(HOUR, body).await.unwrap()
        }
    });
    until(|| rt.clock().waiting() == 1).await;
    // No further: the shield has until the clean-up deadline.
    rt.clock().advance(HOUR);
    assert!(!task.is_finished());
    release.send(()).unwrap();
    assert!(task.await.unwrap());
}
