//! Scopes that are stopped from outside, dropped half-way, or lose their runtime.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyrt_core::{Failure, Runtime, ScopeError, defer, rooted, shield};
use futures::channel::oneshot;
use futures::future::{Either, select};

use crate::Harness;
use crate::faults::{reported, unique_name, until, yield_once};

type Log = Arc<Mutex<Vec<&'static str>>>;

fn say(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

fn said(log: &Log) -> Vec<&'static str> {
    std::mem::take(&mut log.lock().unwrap())
}

async fn yields(count: usize) {
    for _ in 0..count {
        yield_once().await;
    }
}

pub async fn a_scope_that_loses_a_select_is_drained_by_its_task<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inner = log.clone();
    let scopes = rt.clone();
    let task = rt.spawn(async move {
        let rt = scopes;
        let (start, started) = oneshot::channel();
        let (open, gate) = oneshot::channel::<()>();
        let child = inner.clone();
        let scope = rt.try_scope(async move |s| {
            s.spawn(async move {
                defer(async move {
                    yields(3).await;
                    say(&child, "child cleaned up");
                });
                shield(async {
                    start.send(()).unwrap();
                    gate.await.unwrap();
                })
                .await;
                Err::<(), _>("late")
            });
            pending::<Result<(), &str>>().await
        });
        let lost = select(Box::pin(scope), started).await;
        assert!(matches!(lost, Either::Right(_)));
        drop(lost);
        open.send(()).unwrap();
        panic!("so that there is an outcome with failures");
    });
    let error = task.await.unwrap_err();
    assert_eq!(said(&log), ["child cleaned up"]);
    let late = error.failures()[0].take_payload().unwrap();
    assert_eq!(late.downcast_ref(), Some(&"late"));
}

pub async fn a_request_from_outside_ends_inside_out_and_gives_nothing<H: Harness>(rt: H::Handle) {
    for step in 0..8 {
        let log = Log::default();
        let inner = log.clone();
        let scopes = rt.clone();
        let reached = Arc::new(AtomicUsize::new(0));
        let reach = reached.clone();
        let task = rt.spawn(async move {
            let rt = scopes;
            let around = inner.clone();
            defer(async move { say(&around, "around cleaned up") });
            loop {
                // Would spin for ever in one poll, if it gave anything.
                let (child, counted) = (inner.clone(), reach.clone());
                let tried: Result<(), ScopeError<&str>> = rt
                    .try_scope(async |s| {
                        s.spawn(async move {
                            defer(async move {
                                yields(2).await;
                                say(&child, "child cleaned up");
                            });
                            counted.fetch_add(1, Ordering::SeqCst);
                            yields(3).await;
                            counted.fetch_add(1, Ordering::SeqCst);
                            pending::<()>().await;
                        });
                        yield_once().await;
                        Ok(())
                    })
                    .await;
                assert!(tried.is_err(), "its child never ends by itself");
                say(&inner, "never");
            }
        });
        yields(step).await;
        if step > 5 {
            until(|| reached.load(Ordering::SeqCst) == 2).await;
        }
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
        match said(&log)[..] {
            [] | ["around cleaned up"] => assert!(step <= 5),
            ["child cleaned up", "around cleaned up"] => {}
            ref other => panic!("{other:?}"),
        }
    }
}

pub async fn a_lost_runtime_is_an_error_of_the_scope<H: Harness>(rt: H::Handle) {
    if !H::CAPS.ends {
        return crate::harness::skip("this runtime never ends");
    }
    let (start, started) = oneshot::channel();
    let owner = H::start();
    let gone = H::handle(&owner);
    let task = rt.spawn(async move {
        let rt = gone;
        let outcome: Result<(), ScopeError<&str>> = rt
            .try_scope(async |s| {
                s.spawn(pending::<()>());
                start.send(()).unwrap();
                pending().await
            })
            .await;
        outcome.unwrap_err()
    });
    started.await.unwrap();
    // Not in this task: an owner may wait for its threads.
    std::thread::spawn(move || drop(owner)).join().unwrap();
    let error = task.await.unwrap();
    assert!(error.errors().unwrap().first().is_lost());
}

/// An error that is counted when it comes to somebody.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("counted")
    }
}

fn receive(error: &Counted) {
    error.0.fetch_add(1, Ordering::SeqCst);
}

fn receive_failure(failure: &Failure) {
    let payload = failure.take_payload();
    if let Some(error) = payload.as_ref().and_then(|payload| payload.downcast_ref()) {
        receive(error);
    }
}

pub async fn every_error_has_one_receiver_though_all_happens_at_once<H: Harness>(rt: H::Handle) {
    for round in 0..200 {
        let (made, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (making, receiving) = (made.clone(), received.clone());
        let scopes = rt.clone();
        let task = rt.spawn(async move {
            let rt = scopes;
            let outcome: Result<(), ScopeError<Counted>> = rt
                .try_scope(async |s| {
                    for n in 0..3 {
                        let (made, error) = (making.clone(), Counted(receiving.clone()));
                        s.spawn(async move {
                            yields(n % 2).await;
                            made.fetch_add(1, Ordering::SeqCst);
                            Err::<(), _>(error)
                        });
                    }
                    pending().await
                })
                .await;
            let error = outcome.unwrap_err();
            for child in error.errors().into_iter().flatten() {
                child.error().into_iter().for_each(receive);
            }
            error.failures().iter().for_each(receive_failure);
            pending::<()>().await;
        });
        let task = Arc::new(task);
        let canceller = {
            let task = task.clone();
            std::thread::spawn(move || {
                for _ in 0..round % 20 {
                    std::thread::yield_now();
                }
                task.cancel("at the same time");
            })
        };
        yields(round % 7).await;
        canceller.join().unwrap();
        let error = Arc::try_unwrap(task).unwrap().await.unwrap_err();
        error.failures().iter().for_each(receive_failure);
        let made = made.load(Ordering::SeqCst);
        assert_eq!(made, received.load(Ordering::SeqCst), "round {round}");
    }
}

pub async fn the_errors_of_a_scope_dropped_in_no_task_go_to_the_hook<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let (start, started) = oneshot::channel();
    let (open, gate) = oneshot::channel::<()>();
    let child = name.clone();
    let thread = std::thread::spawn(move || {
        let scope = rooted(&rt, async {
            rt.try_scope(async |s| {
                s.spawn_with().name(child).spawn(shield(async {
                    start.send(()).unwrap();
                    gate.await.unwrap();
                    Err::<(), _>("late")
                }));
                pending::<Result<(), &str>>().await
            })
            .await
        });
        futures::executor::block_on(async {
            drop(select(Box::pin(scope), started).await);
        });
        open.send(()).unwrap();
    });
    until(|| reported(&name).len() == 1).await;
    thread.join().unwrap();
}
