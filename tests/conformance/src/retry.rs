//! Trying again, and reports of what takes long, on a clock that is moved by hand.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{pending, ready};
use std::iter;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{Durations, OnCompletion, Reportable, RetryDelayer, Runtime, WaitEvent, defer};

use crate::faults::{until, yield_once};
use crate::timers::Log;
use crate::{ByHand, Harness};

pub async fn attempts_are_made_when_the_clock_says_so<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Log::new(&rt);
    let (said, inner) = (log.clone(), rt.clone());
    let task = rt.spawn(async move {
        let attempt = || {
            said.say("tries");
            ready(Err::<(), _>("out of cheese"))
        };
        inner.retry_with([1.secs(), 3.secs()], attempt).await
    });
    log.until("tries", 1).await;
    log.advance(1, 1.secs()).await;
    log.until("tries", 2).await;
    log.advance(1, 3.secs()).await;
    let error = task.await.unwrap().unwrap_err();
    assert_eq!(log.times("tries"), [0, 1_000, 4_000]);
    assert_eq!((error.attempts(), error.elapsed()), (3, 4.secs()));
    assert_eq!(error.into_inner(), Some("out of cheese"));
}

pub async fn an_attempt_that_hangs_is_stopped_and_cleans_up<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Log::new(&rt);
    let (said, inner) = (log.clone(), rt.clone());
    let task = rt.spawn(async move {
        let mut attempts = 0;
        let attempt = || {
            attempts += 1;
            let (number, log, over) = (attempts, said.clone(), said.clone());
            async move {
                // It does not suspend: a clean-up deadline would be one more that sleeps.
                defer(async move { over.say("is gone") });
                log.say("tries");
                match number {
                    1 => pending().await,
                    _ => Ok::<_, String>("hello"),
                }
            }
        };
        inner
            .retry_with([1.secs()], attempt)
            .each_within(5.secs())
            .await
    });
    log.until("tries", 1).await;
    log.advance(1, 5.secs()).await;
    log.until("is gone", 1).await;
    log.advance(1, 1.secs()).await;
    assert_eq!(task.await.unwrap().unwrap(), "hello");
    assert_eq!(log.times("tries"), [0, 6_000]);
    assert_eq!(log.times("is gone"), [5_000, 6_000]);
}

pub async fn stopped_between_two_attempts_it_ends_at_once<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let inner = rt.clone();
    let task = rt.spawn(async move {
        let attempt = || ready(Err::<(), _>("out of cheese"));
        inner.retry_with(iter::repeat(1.hours()), attempt).await
    });
    until(|| rt.clock().waiting() == 1).await;
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert_eq!(rt.clock().waiting(), 0);
}

pub async fn what_is_stopped_from_outside_is_not_tried_again<H: Harness>(rt: H::Handle) {
    let attempts = Arc::new(AtomicUsize::new(0));
    let (counted, inner) = (Arc::clone(&attempts), rt.clone());
    let task = rt.spawn(async move {
        let attempt = || {
            counted.fetch_add(1, Ordering::SeqCst);
            inner.try_scope(async |s| {
                s.spawn(pending::<Result<(), String>>());
                Ok(())
            })
        };
        inner
            .retry_with(iter::repeat(Duration::ZERO), attempt)
            .await
    });
    until(|| attempts.load(Ordering::SeqCst) == 1).await;
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
}

pub async fn attempts_that_fail_at_once_let_other_tasks_run<H: Harness>(rt: H::Handle) {
    let over = Arc::new(AtomicBool::new(false));
    let (seen, inner) = (Arc::clone(&over), rt.clone());
    let task = rt.spawn(async move {
        let attempt = || ready(seen.load(Ordering::SeqCst).then_some(()).ok_or("not yet"));
        inner
            .retry_with(iter::repeat(Duration::ZERO), attempt)
            .await
    });
    let other = rt.spawn(async move {
        yield_once().await;
        over.store(true, Ordering::SeqCst);
    });
    other.await.unwrap();
    task.await.unwrap().unwrap();
}

pub async fn attempts_may_borrow<H: Harness>(rt: H::Handle) {
    let names = [String::from("ada"), String::from("grace")];
    let mut left = names.iter();
    let attempt = || {
        let name = left.next();
        async move {
            yield_once().await;
            name.filter(|name| name.len() > 3).ok_or("too short")
        }
    };
    let retry = rt.retry_with(iter::repeat(Duration::ZERO), attempt);
    let found = retry
        .when(|error| *error == "too short")
        .within(1.hours())
        .await;
    assert_eq!(found.unwrap(), "grace");
}

pub async fn a_delayer_sleeps_by_the_clock_of_its_runtime<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Log::new(&rt);
    let (said, inner) = (log.clone(), rt.clone());
    let task = rt.spawn(async move {
        let mut delayer = RetryDelayer::default();
        for _ in 0..3 {
            delayer.sleep(&inner).await;
            said.say("tries");
        }
    });
    log.until("tries", 1).await;
    log.advance(1, 1.secs()).await;
    log.until("tries", 2).await;
    log.advance(1, 10.secs()).await;
    task.await.unwrap();
    assert_eq!(log.times("tries"), [0, 1_000, 11_000]);
}

pub async fn a_long_wait_is_reported_while_it_lasts<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Log::new(&rt);
    let events = Arc::new(Mutex::new(Vec::new()));
    let (said, told) = (log.clone(), Arc::clone(&events));
    let (wait, inner) = (rt.sleep(9.secs()), rt.clone());
    let task = rt.spawn(async move {
        let impatient = wait
            .impatient(&inner, 2.secs())
            .on_completion(OnCompletion::Always);
        let impatient = impatient.report_to(move |report| {
            told.lock()
                .unwrap()
                .push((report.event(), report.elapsed()));
            said.say("report");
        });
        impatient.await;
    });
    log.advance(2, 2.secs()).await;
    log.until("report", 1).await;
    log.advance(1, 7.secs()).await;
    task.await.unwrap();
    let expected = [
        (WaitEvent::StillWaiting, 2.secs()),
        (WaitEvent::Completed, 9.secs()),
    ];
    assert_eq!(*events.lock().unwrap(), expected);
}

pub async fn a_poll_that_takes_long_is_reported<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let (inner, said) = (rt.clone(), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&said);
    let busy = async move {
        inner.clock().advance(1.secs());
        yield_once().await;
        inner.clock().advance(3.secs());
    };
    let watched = busy.warn_polls_over(&rt, 2.secs());
    let watched = watched.report_to(move |slow| {
        told.lock()
            .unwrap()
            .push((slow.took(), slow.count(), slow.polls()));
    });
    rt.spawn(watched).await.unwrap();
    assert_eq!(*said.lock().unwrap(), [(3.secs(), 1, 2)]);
}
