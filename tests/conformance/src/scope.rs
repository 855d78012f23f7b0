//! Scopes on a real runtime: values, children, waits, handles.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use anyrt_core::{
    Child, Runtime, Scope, ScopeError, TryScope, WaitFor, blocking_wait, cancel_requested,
    current_scope, defer,
};
use futures::channel::oneshot;
use futures::future::select;

use crate::faults::{OnDrop, until, yield_once};
use crate::{ByHand, Harness};

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

pub async fn a_scope_gives_its_value_when_all_children_are_gone<H: Harness>(rt: H::Handle) {
    let gone = Arc::new(AtomicUsize::new(0));
    let (outer, inner) = (&gone, gone.clone());
    let value = rt
        .scope(async |s| {
            for n in 0..10 {
                let gone = inner.clone();
                s.spawn(async move {
                    yields(n).await;
                    gone.fetch_add(1, Ordering::SeqCst);
                });
            }
            7
        })
        .await;
    assert_eq!((value, outer.load(Ordering::SeqCst)), (7, 10));
}

pub async fn children_give_plain_values_and_the_scope_an_ok<H: Harness>(rt: H::Handle) {
    let sum: Result<i32, ScopeError<String>> = rt
        .try_scope(async |s| {
            let parsed = s.spawn(async {
                yield_once().await;
                "40".parse::<i32>().map_err(|error| error.to_string())
            });
            let value = s.spawn_value(async { 2 });
            s.spawn(async {});
            Ok(parsed.await + value.await)
        })
        .await;
    assert_eq!(sum.unwrap(), 42);
}

pub async fn children_of_children_are_waited_for<H: Harness>(rt: H::Handle) {
    fn tree<R: Runtime>(
        s: Scope<R>,
        depth: usize,
        leaves: Arc<AtomicUsize>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            yield_once().await;
            match depth.checked_sub(1) {
                Some(below) => {
                    for _ in 0..2 {
                        s.spawn(tree(s.clone(), below, leaves.clone()));
                    }
                }
                None => {
                    leaves.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    }
    let leaves = Arc::new(AtomicUsize::new(0));
    let counted = leaves.clone();
    let spawned = rt
        .scope(async |s| {
            s.spawn(tree(s.clone(), 8, counted));
            s.wait(WaitFor::All).await.unwrap();
            s.spawned()
        })
        .await;
    assert_eq!((spawned, leaves.load(Ordering::SeqCst)), (511, 256));
}

pub async fn the_innermost_scope_is_found_from_deep_inside<H: Harness>(rt: H::Handle) {
    assert!(current_scope().is_none());
    let counted = Arc::new(AtomicUsize::new(0));
    let inner = counted.clone();
    let spawned = rt
        .scope(async |s| {
            s.spawn(async move {
                let found = current_scope().unwrap();
                for _ in 0..3 {
                    let counted = inner.clone();
                    found.spawn(async move {
                        counted.fetch_add(1, Ordering::SeqCst);
                    });
                }
            })
            .await;
            s.spawned()
        })
        .await;
    assert_eq!((spawned, counted.load(Ordering::SeqCst)), (4, 3));
    assert!(current_scope().is_none());
}

pub async fn a_start_waits_for_the_word_of_the_child<H: Harness>(rt: H::Handle) {
    let outcome: Result<(), ScopeError<&str>> = rt
        .try_scope(async |s| {
            let served = Arc::new(AtomicBool::new(false));
            let serves = served.clone();
            let port = s.start(|ready| async move {
                yield_once().await;
                ready.ready(8080);
                yield_once().await;
                serves.store(true, Ordering::SeqCst);
            });
            assert_eq!(port.await.unwrap(), 8080);
            until(|| served.load(Ordering::SeqCst)).await;

            let early = s.start::<(), _, _>(|_ready| async { Err::<(), _>("early") });
            assert_eq!(early.await.unwrap_err().into_error().unwrap(), "early");
            let silent = s.start::<(), _, _>(|_ready| yields(2));
            assert!(silent.await.unwrap_err().never_said());
            drop(s.start::<(), _, _>(|_ready| pending::<()>()));
            s.wait(WaitFor::All).await.unwrap();
            Ok(())
        })
        .await;
    outcome.unwrap();
}

pub async fn blocking_children_are_waited_for_and_told<H: Harness>(rt: H::Handle) {
    let over = Arc::new(AtomicBool::new(false));
    let ran = over.clone();
    let (start, started) = oneshot::channel();
    let outcome: Result<(), ScopeError<&str>> = rt
        .try_scope(async |s| {
            let value = s.spawn_blocking(|| Ok::<_, &str>(3));
            assert_eq!(value.await, 3);
            s.spawn_blocking(move || {
                start.send(()).unwrap();
                blocking_wait(|| {
                    while !cancel_requested() {
                        std::thread::yield_now();
                    }
                });
                ran.store(true, Ordering::SeqCst);
            });
            started.await.unwrap();
            Err("enough")
        })
        .await;
    assert!(outcome.is_err());
    assert!(over.load(Ordering::SeqCst), "it was waited for");
}

pub async fn a_request_keeps_a_blocking_child_from_starting<H: Harness>(rt: H::Handle) {
    let outcome: Result<(), ScopeError<&str>> = rt
        .scope_with()
        .limit(1)
        .try_run(async |s| {
            s.spawn(async { Err::<(), _>("enough") });
            s.spawn_blocking(|| -> Result<(), &str> { unreachable!("asked before") });
            pending().await
        })
        .await;
    assert_eq!(outcome.unwrap_err().errors().unwrap().len(), 1);
}

pub async fn what_was_started_elsewhere_is_adopted<H: Harness>(rt: H::Handle) {
    // Also where the request comes before the child has been polled.
    for turns in 0..3 {
        let log = Log::default();
        let (start, started) = oneshot::channel();
        let cleanup = log.clone();
        let elsewhere = rt.spawn(async move {
            defer(async move {
                yields(5).await;
                say(&cleanup, "elsewhere over");
            });
            start.send(()).unwrap();
            pending::<()>().await;
        });
        started.await.unwrap();
        let outcome: Result<(), ScopeError<&str>> = rt
            .try_scope(async |s| {
                s.adopt(elsewhere, |task| task.cancel("its scope stops"));
                yields(turns).await;
                Err("enough")
            })
            .await;
        say(&log, "scope over");
        assert!(outcome.is_err());
        assert_eq!(said(&log), ["elsewhere over", "scope over"]);
    }
}

pub async fn what_is_protected_runs_on_when_its_handle_goes<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inner = log.clone();
    let outcome: Result<(), ScopeError<&str>> = rt
        .try_scope(async |s| {
            let (start, started) = oneshot::channel();
            let commit = s.protect(async move {
                start.send(()).unwrap();
                yields(5).await;
                say(&inner, "committed");
            });
            started.await.unwrap();
            let lost = select(commit, Box::pin(yield_once())).await;
            drop(lost);
            Err("enough")
        })
        .await;
    assert!(outcome.is_err());
    assert_eq!(said(&log), ["committed"]);
}

pub async fn a_loop_learns_of_each_end_once<H: Harness>(rt: H::Handle) {
    let (ended, started) = rt
        .scope(async |s| {
            let mut jobs = (0..50_usize).map(|n| yields(n % 3));
            jobs.by_ref().take(4).for_each(|job| drop(s.spawn(job)));
            let mut ended = 0;
            while s.next().await {
                ended += 1;
                if let Some(job) = jobs.next() {
                    s.spawn(job);
                }
            }
            (ended, s.spawned())
        })
        .await;
    assert_eq!((ended, started), (50, 50));
}

pub async fn waits_cancel_nobody_when_their_time_is_up<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let clock = rt.clock().clone();
    let outcome: Result<(), ScopeError<&str>> = rt
        .scope_with()
        .collect_errors()
        .try_run(async |s| {
            for what in [WaitFor::All, WaitFor::FirstDone, WaitFor::FirstError] {
                s.wait(what).await.unwrap(); // there are none
            }
            let (open, gate) = oneshot::channel::<()>();
            let child = s.spawn(async {
                gate.await.unwrap();
                Err::<(), _>("bad")
            });
            for what in [WaitFor::All, WaitFor::FirstDone, WaitFor::FirstError] {
                let mut wait = Box::pin(s.wait(what).within(Duration::from_secs(1)));
                let polled = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx))).await;
                assert!(polled.is_pending());
                clock.advance(Duration::from_secs(1));
                assert!(wait.await.unwrap_err().is_elapsed());
            }
            assert!(!child.is_finished());
            open.send(()).unwrap();
            s.wait(WaitFor::FirstError).await.unwrap();
            s.wait(WaitFor::FirstDone).await.unwrap();
            s.wait(WaitFor::All).await.unwrap();
            Ok(())
        })
        .await;
    assert_eq!(outcome.unwrap_err().errors().unwrap().len(), 1);
}

pub async fn another_thread_closes_a_scope<H: Harness>(rt: H::Handle) {
    let (give, taken) = std::sync::mpsc::channel::<TryScope<H::Handle, &str>>();
    let closing = std::thread::spawn(move || {
        let s = taken.recv().unwrap();
        futures::executor::block_on(s.close("closing time")).unwrap();
        s.live()
    });
    let log = Log::default();
    let cleanup = log.clone();
    let outcome: Result<(), ScopeError<&str>> = rt
        .try_scope(async |s| {
            let (start, started) = oneshot::channel();
            s.spawn(async move {
                defer(async move {
                    yields(3).await;
                    say(&cleanup, "cleaned up");
                });
                start.send(()).unwrap();
                pending::<()>().await;
            });
            started.await.unwrap();
            give.send(s.clone()).unwrap();
            pending().await
        })
        .await;
    let error = outcome.unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "closing time");
    assert_eq!(said(&log), ["cleaned up"]);
    // It waits for nobody who runs here: the scope is over.
    assert_eq!(closing.join().unwrap(), 0);
}

pub async fn a_handle_kept_after_the_end_refuses<H: Harness>(rt: H::Handle) {
    let kept = rt.scope(async |s| s.clone()).await;
    let refused = kept.try_spawn(async { 5 }).unwrap_err();
    assert_eq!(refused.into_inner().await, 5);
    let child = kept.spawn(async { unreachable!("the scope is over") });
    assert!(child.is_finished());
    assert!(child.result().await.unwrap_err().is_cancelled());
    assert!(kept.defer(async {}).is_err());
    assert_eq!(kept.live(), 0);
    kept.wait(WaitFor::All).await.unwrap();
    assert!(!kept.next().await);
    kept.cancel_children("nobody is there");
}

pub async fn all_children_may_be_asked_to_stop_and_the_body_goes_on<H: Harness>(rt: H::Handle) {
    let value = rt
        .scope(async |s| {
            let children: Vec<Child<()>> = (0..100).map(|_| s.spawn(pending())).collect();
            s.cancel_children("change of plan");
            let later = s.spawn(async { 5 });
            for child in children {
                let error = child.result().await.unwrap_err();
                assert_eq!(error.reason().unwrap().as_str(), "change of plan");
            }
            later.await
        })
        .await;
    assert_eq!(value, 5);
}

pub async fn a_scope_runs_in_a_foreign_executor<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inner = log.clone();
    // On a thread of no runtime; there is no task of ours around.
    let (give, taken) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let value = futures::executor::block_on(rt.scope(async |s| {
            let cleanup = inner.clone();
            defer(async move { say(&cleanup, "body cleaned up") });
            let child = s.spawn(async {
                yields(3).await;
                40
            });
            child.await + 2
        }));
        say(&inner, "scope over");
        give.send(value).unwrap();
    });
    assert_eq!(taken.await.unwrap(), 42);
    thread.join().unwrap();
    assert_eq!(said(&log), ["body cleaned up", "scope over"]);
}

pub async fn a_child_may_spawn_while_it_is_dropped<H: Harness>(rt: H::Handle) {
    let ran = Arc::new(AtomicBool::new(false));
    let runs = ran.clone();
    rt.scope(async |s| {
        let (start, started) = oneshot::channel();
        let inner = s.clone();
        let child = s.spawn(async move {
            let _guard = OnDrop::new(move || {
                inner.spawn(async move {
                    yields(3).await;
                    runs.store(true, Ordering::SeqCst);
                });
            });
            start.send(()).unwrap();
            pending::<()>().await;
        });
        started.await.unwrap();
        child.cancel("alone");
    })
    .await;
    assert!(ran.load(Ordering::SeqCst), "it was waited for");
}
