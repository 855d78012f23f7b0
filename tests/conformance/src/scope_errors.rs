//! What becomes of errors, panics and requests in scopes.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyrt_core::{Failure, Runtime, ScopeError, Verdict, defer, rooted, shield};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{PanicOnDrop, reported, unique_name, until, yield_once};

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

/// The errors of a scope, as text, in their order.
fn texts<E: ToString>(error: &ScopeError<E>) -> Vec<String> {
    let errors = error.errors().into_iter().flatten();
    let text = |error: &anyrt_core::ChildError<E>| match error.error() {
        Some(error) => error.to_string(),
        None => error.panic_message().unwrap_or_else(|| "lost".to_owned()),
    };
    errors.map(text).collect()
}

pub async fn the_first_error_stops_everybody_and_all_clean_ups_run_before<H: Harness>(
    rt: H::Handle,
) {
    let log = Log::default();
    let inner = log.clone();
    let outcome: Result<(), ScopeError<&str>> = rt
        .try_scope(async |s| {
            let (start, started) = oneshot::channel();
            let child = inner.clone();
            s.spawn(async move {
                defer(async move {
                    yields(5).await;
                    say(&child, "sibling cleaned up");
                });
                start.send(()).unwrap();
                pending::<()>().await;
            });
            let body = inner.clone();
            defer(async move { say(&body, "body cleaned up") });
            started.await.unwrap();
            s.spawn_with()
                .name("bad")
                .spawn(async { Err::<(), _>("out of cheese") });
            pending().await
        })
        .await;
    let error = outcome.unwrap_err();
    assert_eq!(texts(&error), ["out of cheese"]);
    let first = error.errors().unwrap().first();
    assert_eq!((first.index(), first.name()), (Some(1), Some("bad")));
    let mut said = said(&log);
    said.sort_unstable();
    assert_eq!(said, ["body cleaned up", "sibling cleaned up"]);
}

pub async fn who_learns_of_a_failure_finds_the_scope_asked<H: Harness>(rt: H::Handle) {
    for _ in 0..50 {
        let outcome: Result<(), ScopeError<&str>> = rt
            .try_scope(async |s| {
                let failing = s.spawn_with().spawn(async { Err::<(), _>("bad") });
                let scope = s.clone();
                // Elsewhere, so that nothing but the verdict could have asked the scope.
                let (give, given) = oneshot::channel();
                std::thread::spawn(move || {
                    let outcome = futures::executor::block_on(failing.result());
                    let refused = scope.try_spawn(async {}).is_err();
                    give.send(outcome.unwrap_err().is_failed() && refused)
                        .unwrap();
                });
                let asked = shield(given).await.unwrap();
                assert!(asked);
                Ok(())
            })
            .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["bad"]);
    }
}

pub async fn collected_errors_disturb_nobody<H: Harness>(rt: H::Handle) {
    let outcome: Result<(), ScopeError<&str>> = rt
        .scope_with()
        .collect_errors()
        .try_run(async |s| {
            let first = s.spawn(async { Err::<(), _>("first") });
            assert!(first.result().await.unwrap_err().is_failed());
            let second = s.spawn(async {
                yield_once().await;
                Err::<(), _>("second")
            });
            assert!(second.result().await.unwrap_err().is_failed());
            s.spawn(async {
                yields(20).await;
                Err::<(), _>("last")
            });
            Err("body")
        })
        .await;
    let mut texts = texts(&outcome.unwrap_err());
    assert_eq!(texts[..2], ["first", "second"]);
    // These two come at the same time.
    texts[2..].sort();
    assert_eq!(texts[2..], ["body", "last"]);
}

pub async fn a_handler_decides<H: Harness>(rt: H::Handle) {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    let outcome: Result<(), ScopeError<&str>> = rt
        .scope_with()
        .supervise(move |error| {
            counted.fetch_add(1, Ordering::SeqCst);
            match error.error() {
                Some(&"keep") => Verdict::Keep,
                Some(&"stop") => Verdict::Stop,
                _ => Verdict::Continue,
            }
        })
        .try_run(async |s| {
            for text in ["continue", "keep", "stop"] {
                let child = s.spawn(async move { Err::<(), _>(text) });
                assert!(child.result().await.unwrap_err().is_failed());
                if text != "stop" {
                    yields(3).await;
                }
            }
            pending().await
        })
        .await;
    assert_eq!(texts(&outcome.unwrap_err()), ["keep", "stop"]);
    assert_eq!(seen.load(Ordering::SeqCst), 3);
}

pub async fn a_handler_that_panics_harms_nobody<H: Harness>(rt: H::Handle) {
    let (scope, child) = (unique_name(), unique_name());
    let outcome: Result<i32, ScopeError<&str>> = rt
        .scope_with()
        .name(scope.clone())
        .supervise(|_| panic!("in the handler"))
        .try_run(async |s| {
            s.spawn_with()
                .name(child.clone())
                .spawn(async { Err::<(), _>("bad") });
            let other = s.spawn(async {
                yields(5).await;
                Ok(3)
            });
            Ok(other.await)
        })
        .await;
    assert_eq!(outcome.unwrap(), 3);
    let handler = reported(&scope);
    assert_eq!(handler[0].message.as_deref(), Some("in the handler"));
    assert_eq!(reported(&child).len(), 1, "the error itself");
}

pub async fn a_long_lived_scope_reports_and_keeps_nothing<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let outcome: Result<&str, ScopeError<&str>> = rt
        .scope_with()
        .long_lived()
        .try_run(async |s| {
            for _ in 0..3 {
                let child = s.spawn_with().name(name.clone());
                let child = child.spawn(async { Err::<(), _>("a client hung up") });
                assert!(child.result().await.unwrap_err().is_failed());
            }
            let panics = s.spawn_with().name(name.clone());
            let panics = panics.spawn(async {
                if true {
                    panic!("a client broke us")
                }
            });
            assert!(panics.result().await.is_err());
            Ok("served")
        })
        .await;
    assert_eq!(outcome.unwrap(), "served");
    assert_eq!(reported(&name).len(), 4);
}

pub async fn errors_beyond_those_kept_go_to_the_hook<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let outcome: Result<(), ScopeError<usize>> = rt
        .scope_with()
        .collect_errors()
        .errors_kept(2)
        .try_run(async |s| {
            for n in 0..5 {
                s.spawn_with()
                    .name(name.clone())
                    .spawn(async move { Err::<(), _>(n) });
            }
            Ok(())
        })
        .await;
    let error = outcome.unwrap_err();
    let group = error.errors().unwrap();
    assert_eq!((group.len(), group.omitted()), (2, 3));
    assert_eq!(reported(&name).len(), 3);
}

pub async fn leaving_the_body_stops_the_children_where_it_was_said<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inner = log.clone();
    let outcome = rt
        .scope_with()
        .cancel_on_exit()
        .run(async |s| {
            let (start, started) = oneshot::channel();
            s.spawn(async move {
                defer(async move {
                    yields(3).await;
                    say(&inner, "helper cleaned up");
                });
                start.send(()).unwrap();
                pending::<()>().await;
            });
            started.await.unwrap();
            "value"
        })
        .await;
    assert_eq!(outcome.unwrap(), "value");
    assert_eq!(said(&log), ["helper cleaned up"]);
}

pub async fn a_panic_of_a_child_goes_on_where_the_scope_is_awaited<H: Harness>(rt: H::Handle) {
    let scopes = rt.clone();
    let task = rt.spawn(async move {
        let rt = scopes;
        rt.scope(async |s| {
            s.spawn(pending::<()>());
            s.spawn(async {
                yield_once().await;
                panic!("in the child")
            });
            pending::<()>().await;
        })
        .await;
    });
    let error = task.await.unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("in the child"));
}

pub async fn a_panic_of_the_body_goes_on_when_the_children_are_gone<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inner = log.clone();
    let scopes = rt.clone();
    let task = rt.spawn(async move {
        let rt = scopes;
        let outcome: Result<(), ScopeError<&str>> = rt
            .try_scope(async |s| {
                let (start, started) = oneshot::channel();
                s.spawn(async move {
                    defer(async move {
                        yields(3).await;
                        say(&inner, "child cleaned up");
                    });
                    start.send(()).unwrap();
                    pending::<()>().await;
                });
                started.await.unwrap();
                panic!("in the body")
            })
            .await;
        outcome.is_ok()
    });
    let error = task.await.unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("in the body"));
    assert_eq!(said(&log), ["child cleaned up"]);
}

pub async fn destructors_that_panic_are_errors_too<H: Harness>(rt: H::Handle) {
    // Of a child: an error of the scope, though the child was asked to stop.
    let outcome: Result<(), ScopeError<&str>> = rt
        .try_scope(async |s| {
            let (start, started) = oneshot::channel();
            s.spawn(async move {
                let _guard = PanicOnDrop("in the child's destructor");
                start.send(()).unwrap();
                pending::<()>().await;
            });
            started.await.unwrap();
            Err("body")
        })
        .await;
    let error = outcome.unwrap_err();
    assert_eq!(texts(&error), ["body", "in the child's destructor"]);

    // Of the body: its panic.
    let scopes = rt.clone();
    let task = rt.spawn(async move {
        let rt = scopes;
        let outcome: Result<(), ScopeError<&str>> = rt
            .try_scope(async |s| {
                let _guard = PanicOnDrop("in the body's destructor");
                s.spawn(async { Err::<(), _>("bad") });
                pending().await
            })
            .await;
        outcome.is_ok()
    });
    let error = task.await.unwrap_err();
    let message = error.panic_message();
    assert_eq!(message.as_deref(), Some("in the body's destructor"));
    assert_eq!(error.failures().len(), 1, "the child's error is beside it");

    // Of an output that nobody takes: to the hook.
    let name = unique_name();
    rt.scope(async |s| {
        let child = s.spawn_with().name(name.clone());
        drop(child.spawn(async { PanicOnDrop("in the output's destructor") }));
    })
    .await;
    until(|| reported(&name).len() == 1).await;
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
            drop(futures::future::select(Box::pin(scope), started).await);
        });
        open.send(()).unwrap();
    });
    until(|| reported(&name).len() == 1).await;
    thread.join().unwrap();
}
