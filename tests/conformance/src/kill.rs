//! Kill, clean-up deadlines, grace periods and drains, on a real runtime.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyrt_core::{
    Failure, JoinError, Phase, Runtime, Task, Timer, TryScope, blocking_wait, cancel_all,
    cancel_requested, defer, shield,
};
use futures::channel::oneshot;
use futures::future::join_all;

use crate::faults::{dropped, poll_once, until, yield_once};
use crate::{ByHand, Harness};

const SECOND: Duration = Duration::from_secs(1);

fn phases(error: &JoinError) -> Vec<Phase> {
    error.failures().iter().map(Failure::phase).collect()
}

/// A task that ignores every request, and has a clean-up that hangs; ready once it runs.
async fn deaf<R: Runtime>(rt: &R) -> Task<()> {
    let (start, started) = oneshot::channel();
    let task = rt.spawn(async move {
        defer(pending());
        start.send(()).unwrap();
        shield(pending::<()>()).await;
    });
    started.await.unwrap();
    task
}

pub async fn a_kill_ends_what_a_request_does_not<H: Harness>(rt: H::Handle) {
    let task = deaf(&rt).await;
    task.cancel("please");
    yield_once().await;
    assert!(!task.is_finished());
    task.kill("now");
    let error = task.await.unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "please");
    assert_eq!(phases(&error), [Phase::Killed]);
}

pub async fn a_kill_drops_the_body_before_the_result_is_there<H: Harness>(rt: H::Handle) {
    let (guard, gone) = dropped();
    let (start, started) = oneshot::channel();
    let task = rt.spawn(async move {
        let _guard = guard;
        start.send(()).unwrap();
        shield(pending::<()>()).await;
    });
    started.await.unwrap();
    task.kill("test");
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(poll_once(pin!(gone)).is_ready());
}

pub async fn a_kill_reaches_children_below_shields_and_waits_for_them<H: Harness>(rt: H::Handle) {
    let live = Arc::new(AtomicUsize::new(0));
    struct Alive(Arc<AtomicUsize>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let task = rt.spawn({
        let (rt, live) = (rt.clone(), live.clone());
        shield(async move {
            rt.scope(async |s| {
                for _ in 0..10 {
                    let (rt, live) = (s.rt().clone(), live.clone());
                    s.spawn(shield(async move {
                        rt.scope(async |s| {
                            live.fetch_add(1, Ordering::SeqCst);
                            let alive = Alive(live);
                            s.spawn(async move {
                                defer(async move {
                                    let _alive = alive;
                                    pending::<()>().await;
                                });
                                shield(pending::<()>()).await;
                            });
                        })
                        .await;
                    }));
                }
            })
            .await;
        })
    });
    until(|| live.load(Ordering::SeqCst) == 10).await;
    task.kill("test");
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(live.load(Ordering::SeqCst), 0);
}

pub async fn a_kill_waits_for_a_blocking_child_that_has_started<H: Harness>(rt: H::Handle) {
    let ended = Arc::new(AtomicBool::new(false));
    let (start, started) = oneshot::channel();
    let task = rt.spawn({
        let (rt, ended) = (rt.clone(), ended.clone());
        async move {
            rt.scope(async |s| {
                s.spawn_blocking(move || {
                    start.send(()).unwrap();
                    blocking_wait(|| {
                        while !cancel_requested() {
                            std::thread::yield_now();
                        }
                    });
                    ended.store(true, Ordering::SeqCst);
                });
            })
            .await;
        }
    });
    started.await.unwrap();
    task.kill("test");
    // The job may be so quick that the task has its value before it sees the kill.
    let _ = task.await;
    assert!(ended.load(Ordering::SeqCst));
}

pub async fn a_scope_is_killed_by_its_handle<H: Harness>(rt: H::Handle) {
    let outcome = rt
        .try_scope(async |s: TryScope<_, String>| {
            for _ in 0..10 {
                s.spawn_value(shield(pending::<()>()));
            }
            s.kill("no patience");
            shield(pending::<()>()).await;
            Ok(())
        })
        .await;
    let error = outcome.unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "no patience");
}

pub async fn a_clean_up_that_hangs_ends_with_its_deadline<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let task = deaf(&rt).await;
    task.cancel("test");
    until(|| rt.clock().waiting() == 1).await;
    rt.clock().advance(SECOND * 29);
    yield_once().await;
    assert!(!task.is_finished());
    rt.clock().advance(SECOND);
    let error = task.await.unwrap_err();
    assert_eq!(phases(&error), [Phase::CleanUpDeadline, Phase::Killed]);
    until(|| rt.clock().waiting() == 0).await;
}

pub async fn a_deadline_counts_from_the_end_of_the_body_where_nobody_asked<H: Harness>(
    rt: H::Handle,
) {
    let rt = ByHand::new(rt);
    let task = rt.spawn_with().cleanup_deadline(SECOND).spawn(async {
        defer(pending());
        5
    });
    until(|| rt.clock().waiting() == 1).await;
    rt.clock().advance(SECOND);
    assert_eq!(task.await.unwrap(), 5);
}

pub async fn children_are_killed_by_the_deadline_of_their_scope<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let (start, mut started) = futures::channel::mpsc::unbounded();
    let scope = rt.spawn({
        let rt = rt.clone();
        async move {
            let scope = rt.scope_with().cleanup_deadline(SECOND * 5);
            let ended = scope.try_run(async |s: TryScope<_, &str>| {
                for _ in 0..3 {
                    let start = start.clone();
                    let child = s.spawn_with().cleanup_deadline(Duration::MAX);
                    child.spawn(shield(async move {
                        start.unbounded_send(()).unwrap();
                        pending::<()>().await;
                    }));
                }
                for _ in 0..3 {
                    futures::StreamExt::next(&mut started).await;
                }
                Err::<(), _>("bad")
            });
            ended.await.unwrap_err()
        }
    });
    until(|| rt.clock().waiting() == 1).await;
    rt.clock().advance(SECOND * 5);
    let error = scope.await.unwrap();
    assert_eq!(error.failures()[0].phase(), Phase::CleanUpDeadline);
    assert_eq!(error.into_first_error().unwrap(), "bad");
}

pub async fn many_are_cancelled_and_waited_for<H: Harness>(rt: H::Handle) {
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            rt.spawn(async move {
                match n % 2 {
                    0 => n,
                    _ => pending().await,
                }
            })
        })
        .collect();
    until(|| tasks.iter().step_by(2).all(Task::is_finished)).await;
    for (n, result) in cancel_all(tasks, "enough").await.into_iter().enumerate() {
        match result {
            Ok(value) => assert_eq!((value, n % 2), (n, 0)),
            Err(error) => assert_eq!((error.reason().unwrap().as_str(), n % 2), ("enough", 1)),
        }
    }
}

pub async fn who_is_left_after_the_grace_period_is_killed<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let tasks = [deaf(&rt).await, deaf(&rt).await, rt.spawn(async {})];
    let one = deaf(&rt).await;
    let stopping = cancel_all(tasks, "closing time").kill_after(&rt, SECOND * 3);
    let alone = one.cancel_and_wait().kill_after(&rt, SECOND * 3);
    let waiting = rt.spawn(futures::future::join(stopping, alone));
    // Two graces, and three clean-up deadlines.
    until(|| rt.clock().waiting() == 5).await;
    assert!(!waiting.is_finished());
    rt.clock().advance(SECOND * 3);
    let (all, alone) = waiting.await.unwrap();
    assert_eq!(all.len(), 3);
    for result in all.into_iter().take(2).chain([alone]) {
        let error = result.unwrap_err();
        assert_eq!(phases(&error), [Phase::Killed]);
    }
}

pub async fn nothing_is_left_of_tasks_whose_handles_were_dropped<H: Harness>(rt: H::Handle) {
    let live = Arc::new(AtomicUsize::new(0));
    let body = {
        let (rt, live) = (rt.clone(), live.clone());
        async move {
            for _ in 0..100 {
                let (start, started) = oneshot::channel();
                live.fetch_add(1, Ordering::SeqCst);
                let live = live.clone();
                let task = rt.spawn(async move {
                    defer(async move {
                        yield_once().await;
                        live.fetch_sub(1, Ordering::SeqCst);
                    });
                    start.send(()).unwrap();
                    pending::<()>().await;
                });
                started.await.unwrap();
                drop(task);
            }
        }
    };
    rt.spawn(body).await.unwrap();
    assert_eq!(live.load(Ordering::SeqCst), 0);
}

pub async fn tasks_that_drop_each_others_handles_end<H: Harness>(rt: H::Handle) {
    for _ in 0..100 {
        let mut gives = Vec::new();
        let mut tasks = Vec::new();
        let mut all_gone = Vec::new();
        for _ in 0..3 {
            let (give, taken) = oneshot::channel::<Task<()>>();
            let (guard, gone) = dropped();
            gives.push(give);
            all_gone.push(gone);
            tasks.push(rt.spawn(async move {
                // Dropped when the task ends, also one that was asked before it ran.
                defer(async move { drop(guard) });
                drop(taken.await);
            }));
        }
        tasks.rotate_left(1);
        for (give, task) in gives.into_iter().zip(tasks) {
            give.send(task).ok();
        }
        join_all(all_gone).await;
    }
}

pub async fn who_waits_for_itself_learns_of_it<H: Harness>(rt: H::Handle) {
    let (give, own) = oneshot::channel::<Task<()>>();
    let (tell, told) = oneshot::channel();
    let task = rt.spawn({
        let rt = rt.clone();
        async move {
            let own = own.await.unwrap();
            let in_a_child = async |s: anyrt_core::Scope<_>| {
                s.spawn(async move {
                    let error = own.await.unwrap_err();
                    tell.send(error.is_oneself()).unwrap();
                });
            };
            rt.scope(in_a_child).await;
        }
    });
    give.send(task).unwrap();
    assert!(told.await.unwrap());
}

pub async fn kills_and_requests_from_many_threads_agree<H: Harness>(rt: H::Handle) {
    for _ in 0..20 {
        let tasks = join_all((0..8).map(|_| deaf(&rt))).await;
        std::thread::scope(|threads| {
            for kind in 0..4 {
                let tasks = &tasks;
                threads.spawn(move || {
                    for task in tasks {
                        match kind {
                            0 | 1 => task.kill(format!("kill {kind}")),
                            _ => task.cancel(format!("cancel {kind}")),
                        }
                    }
                });
            }
        });
        for result in join_all(tasks).await {
            let error = result.unwrap_err();
            assert!(error.reason().is_some());
            assert_eq!(phases(&error), [Phase::Killed]);
        }
    }
    let _ = rt.now();
}
