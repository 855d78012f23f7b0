//! What becomes of errors, panics and requests in scopes.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyrt_core::{Runtime, ScopeError, Verdict, defer, shield};
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
