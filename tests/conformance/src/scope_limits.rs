//! Limits, deadlines, tokens, shields; many children, many scopes, many threads.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{CancelToken, Runtime, Scope, ScopeError, WaitFor, defer, shield};
use futures::channel::oneshot;

use crate::faults::{CountDrops, until, yield_once};
use crate::{ByHand, Harness};

async fn yields(count: usize) {
    for _ in 0..count {
        yield_once().await;
    }
}

pub async fn never_more_run_than_the_limit_says_and_they_start_in_order<H: Harness>(rt: H::Handle) {
    for limit in [0, 1, 3] {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let order = Arc::new(Mutex::new(Vec::new()));
        let (counts, max, starts) = (now.clone(), most.clone(), order.clone());
        let outcome = rt
            .scope_with()
            .limit(limit)
            .run(async |s| {
                for n in 0..60 {
                    let (now, most, order) = (counts.clone(), max.clone(), starts.clone());
                    s.spawn(async move {
                        order.lock().unwrap().push(n);
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        yields(3).await;
                        now.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            })
            .await;
        outcome.unwrap();
        assert!(most.load(Ordering::SeqCst) <= limit.max(1));
        let order = order.lock().unwrap();
        assert_eq!(order.len(), 60);
        // Those that start together may be polled in any order.
        assert!(limit > 1 || order.is_sorted(), "{order:?}");
    }
}

pub async fn who_waits_for_its_turn_is_dropped_unrun_when_the_scope_stops<H: Harness>(
    rt: H::Handle,
) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let drops = dropped.clone();
    let outcome: Result<(), ScopeError<&str>> = rt
        .scope_with()
        .limit(1)
        .try_run(async |s| {
            s.spawn(async {
                yields(3).await;
                Err::<(), _>("bad")
            });
            for _ in 0..100 {
                let guard = CountDrops(drops.clone());
                s.spawn_value(async move {
                    let _guard = guard;
                    unreachable!("the scope stops before");
                });
            }
            pending().await
        })
        .await;
    assert_eq!(outcome.unwrap_err().errors().unwrap().len(), 1);
    assert_eq!(dropped.load(Ordering::SeqCst), 100);
}

pub async fn recursion_under_a_limit_does_not_deadlock<H: Harness>(rt: H::Handle) {
    fn sum<R: Runtime>(s: Scope<R>, depth: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async move {
            let Some(below) = depth.checked_sub(1) else {
                return 1;
            };
            let (a, b) = (
                s.spawn(sum(s.clone(), below)),
                s.spawn(sum(s.clone(), below)),
            );
            a.await + b.await
        })
    }
    let outcome = rt
        .scope_with()
        .limit(1)
        .run(async |s| s.spawn(sum(s.clone(), 7)).await)
        .await;
    assert_eq!(outcome.unwrap(), 128);
}

pub async fn spawning_when_there_is_room_waits_for_it<H: Harness>(rt: H::Handle) {
    let live = Arc::new(AtomicUsize::new(0));
    let counts = live.clone();
    let outcome = rt
        .scope_with()
        .limit(2)
        .run(async |s| {
            for _ in 0..30 {
                let live = counts.clone();
                s.spawn_when_free(async move {
                    live.fetch_add(1, Ordering::SeqCst);
                    yields(2).await;
                    live.fetch_sub(1, Ordering::SeqCst);
                })
                .await;
                assert!(s.live() <= 2, "nobody is queued");
            }
        })
        .await;
    outcome.unwrap();
    assert_eq!(live.load(Ordering::SeqCst), 0);
}

pub async fn a_child_cancelled_in_the_queue_does_not_wait_for_its_turn<H: Harness>(rt: H::Handle) {
    let outcome = rt
        .scope_with()
        .limit(1)
        .run(async |s| {
            let (open, gate) = oneshot::channel::<()>();
            s.spawn(async { gate.await.unwrap() });
            let queued = s.spawn(async { unreachable!("cancelled before its turn") });
            queued.cancel("not needed");
            assert!(queued.result().await.unwrap_err().is_cancelled());
            let job = s.spawn_blocking(|| unreachable!("cancelled before its turn"));
            job.cancel("not needed");
            assert!(job.result().await.unwrap_err().is_cancelled());
            open.send(()).unwrap();
        })
        .await;
    outcome.unwrap();
}

pub async fn a_deadline_stops_a_scope_and_lets_it_unwind<H: Harness>(rt: H::Handle) {
    for shielded in [false, true] {
        let rt = ByHand::new(rt.clone());
        let clock = rt.clock().clone();
        let cleaned = Arc::new(AtomicBool::new(false));
        let cleans = cleaned.clone();
        let mut scope = rt.scope_with().within(Duration::from_secs(5));
        if shielded {
            scope = scope.shielded();
        }
        let outcome: Result<(), ScopeError<&str>> = scope
            .try_run(async |s| {
                let (start, started) = oneshot::channel();
                s.spawn(async move {
                    defer(async move {
                        yields(3).await;
                        cleans.store(true, Ordering::SeqCst);
                    });
                    start.send(()).unwrap();
                    shield(yields(3)).await;
                    pending::<()>().await;
                });
                started.await.unwrap();
                clock.advance(Duration::from_secs(4));
                yields(3).await;
                clock.advance(Duration::from_secs(1));
                pending().await
            })
            .await;
        let error = outcome.unwrap_err();
        assert!(error.is_elapsed() && error.errors().is_none());
        assert!(cleaned.load(Ordering::SeqCst));
    }
}

pub async fn a_value_that_is_there_beats_the_deadline<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let clock = rt.clock().clone();
    let outcome = rt
        .scope_with()
        .within(Duration::from_secs(1))
        .run(async |s| {
            let child = s.spawn(async { 5 });
            let value = child.await;
            clock.advance(Duration::from_secs(2));
            value
        })
        .await;
    assert_eq!(outcome.unwrap(), 5);
    let outcome = rt
        .scope_with()
        .within(Duration::ZERO)
        .run(async |_| pending::<()>().await)
        .await;
    assert!(outcome.unwrap_err().is_elapsed());
}

pub async fn a_token_stops_a_scope_shielded_or_not<H: Harness>(rt: H::Handle) {
    for shielded in [false, true] {
        let token = CancelToken::new();
        let mut scope = rt.scope_with().until(&token);
        if shielded {
            scope = scope.shielded();
        }
        let outcome = scope
            .run(async |s| {
                s.spawn(pending::<()>());
                let token = token.clone();
                std::thread::spawn(move || token.cancel("closing time"));
                pending::<()>().await;
            })
            .await;
        let error = outcome.unwrap_err();
        assert_eq!(error.reason().unwrap().as_str(), "closing time");
        let outcome = rt
            .scope_with()
            .until(&token)
            .run(async |_| unreachable!("cancelled before"))
            .await;
        assert!(outcome.is_err_and(|error| error.is_cancelled()));
    }
}

pub async fn a_shielded_scope_ends_before_a_request_from_outside<H: Harness>(rt: H::Handle) {
    let over = Arc::new(AtomicUsize::new(0));
    let overs = over.clone();
    let scopes = rt.clone();
    let (start, started) = oneshot::channel();
    let (open, gate) = oneshot::channel::<()>();
    let task = rt.spawn(async move {
        let rt = scopes;
        let child = overs.clone();
        let outcome = rt
            .scope_with()
            .shielded()
            .run(async |s| {
                s.spawn(async move {
                    gate.await.unwrap();
                    yields(3).await;
                    child.fetch_add(1, Ordering::SeqCst);
                });
                start.send(()).unwrap();
            })
            .await;
        outcome.unwrap();
        overs.fetch_add(1, Ordering::SeqCst);
        yield_once().await;
        overs.fetch_add(100, Ordering::SeqCst);
    });
    started.await.unwrap();
    task.cancel("from outside");
    open.send(()).unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(over.load(Ordering::SeqCst), 2);
}

pub async fn very_many_children_end<H: Harness>(rt: H::Handle) {
    let many = H::CAPS.many;
    let ended = Arc::new(AtomicUsize::new(0));
    let ends = ended.clone();
    rt.scope(async |s| {
        for _ in 0..many {
            let ended = ends.clone();
            s.spawn(async move {
                yield_once().await;
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
    })
    .await;
    assert_eq!(ended.load(Ordering::SeqCst), many);
    // And stop.
    let outcome: Result<(), ScopeError<&str>> = rt
        .try_scope(async |s| {
            for _ in 0..many {
                s.spawn(pending::<()>());
            }
            yield_once().await;
            Err("enough")
        })
        .await;
    assert_eq!(outcome.unwrap_err().errors().unwrap().len(), 1);
}

pub async fn a_thousand_scopes_inside_each_other_stop<H: Harness>(rt: H::Handle) {
    fn nest<R: Runtime>(
        rt: R,
        depth: usize,
        deepest: oneshot::Sender<()>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let Some(below) = depth.checked_sub(1) else {
                deepest.send(()).unwrap();
                return pending().await;
            };
            let scopes = rt.clone();
            rt.scope(async move |s| {
                s.spawn(nest(scopes, below, deepest)).await;
            })
            .await;
        })
    }
    let (deepest, reached) = oneshot::channel();
    let task = rt.spawn(nest(rt.clone(), H::CAPS.many.min(1_000), deepest));
    reached.await.unwrap();
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
}

pub async fn a_spawn_that_races_the_end_is_waited_for_or_refused<H: Harness>(rt: H::Handle) {
    let (send, scopes) = std::sync::mpsc::sync_channel::<Scope<H::Handle>>(0);
    let (give, children) = std::sync::mpsc::channel();
    let spawner = std::thread::spawn(move || {
        for s in scopes {
            // The scope may have ended, be about to, or wait for nothing but this.
            let child = s.try_spawn(yield_once()).ok();
            give.send(child).unwrap();
        }
    });
    let mut accepted = 0;
    for round in 0..H::CAPS.many.min(1_000) {
        let send = send.clone();
        rt.scope(async |s| {
            send.send(s.clone()).unwrap();
            for _ in 0..round % 5 {
                std::thread::yield_now();
            }
        })
        .await;
        let child = children.recv().unwrap();
        accepted += usize::from(child.is_some());
        let over = child.is_none_or(|child| child.is_finished());
        assert!(over, "round {round}: the scope did not wait for it");
    }
    drop(send);
    spawner.join().unwrap();
    println!("{accepted} were in time");
}

pub async fn a_scope_with_one_short_child_after_the_other_stays_small<H: Harness>(rt: H::Handle) {
    let gone = Arc::new(AtomicUsize::new(0));
    let drops = gone.clone();
    rt.scope(async |s| {
        for n in 1..=2_000 {
            let guard = CountDrops(drops.clone());
            s.spawn(async move {
                yield_once().await;
                drop(guard);
            });
            if n % 100 == 0 {
                s.wait(WaitFor::All).await.unwrap();
                assert_eq!(drops.load(Ordering::SeqCst), n);
                assert_eq!(s.live(), 0);
            }
        }
    })
    .await;
    until(|| gone.load(Ordering::SeqCst) == 2_000).await;
}
