//! The kill: what it skips, what it reports, what it still waits for.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use super::by_hand::Play;
use super::{Log, OnDrop, poll_once, result, said, say};
use crate::task::tests::{Hand, tick};
use crate::{
    CancelToken, Cancellable, JoinError, Phase, Runtime, Task, TryScope, defer, rooted, shield,
    uncancellable,
};

fn phases(error: &JoinError) -> Vec<Phase> {
    error.failures().iter().map(crate::Failure::phase).collect()
}

async fn forever() {
    pending::<()>().await;
}

#[test]
fn a_kill_ends_a_task_through_any_number_of_shields() {
    let mut play = Play::default();
    let mut task = play.start(shield(shield(uncancellable(|_| shield(forever())))));
    task.cancel("please");
    play.turns(3);
    assert!(!task.is_finished(), "a request waits for the shields");
    task.kill("now");
    assert_eq!(play.finish(), 1);
    let error = result(&mut task).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(
        error.reason().unwrap().as_str(),
        "please",
        "the first counts"
    );
    assert!(error.failures().is_empty());
}

#[test]
fn a_kill_is_a_request_with_a_reason() {
    let mut play = Play::default();
    let mut task = play.start(forever());
    task.kill("no patience");
    task.cancel("too late");
    play.finish();
    let error = result(&mut task).unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "no patience");
}

#[test]
fn a_kill_after_the_end_changes_nothing() {
    let mut play = Play::default();
    let mut task = play.start(async { 5 });
    task.kill("too late");
    assert_eq!(result(&mut task).unwrap(), 5);
}

#[test]
fn a_kill_during_the_last_poll_leaves_the_value() {
    let rt = Hand::default();
    let this = Arc::new(Mutex::new(None::<Task<i32>>));
    let task = rt.spawn({
        let this = Arc::clone(&this);
        async move {
            let task = this.lock().unwrap().take().unwrap();
            task.kill("by itself");
            *this.lock().unwrap() = Some(task);
            5
        }
    });
    *this.lock().unwrap() = Some(task);
    assert!(poll_once(rt.next_root().as_mut()).is_ready());
    let mut task = this.lock().unwrap().take().unwrap();
    assert_eq!(result(&mut task).unwrap(), 5);
}

#[test]
fn clean_ups_are_dropped_newest_first_and_each_is_reported() {
    let mut play = Play::default();
    let log = Log::default();
    let mut task = play.start({
        let log = log.clone();
        async move {
            for name in ["first", "second"] {
                let held = OnDrop(log.clone(), name);
                let log = log.clone();
                defer(async move {
                    let _held = held;
                    say(&log, "ran");
                });
            }
            let _local = OnDrop(log, "body");
            forever().await;
        }
    });
    task.kill("test");
    assert_eq!(play.finish(), 1);
    assert_eq!(said(&log), ["body", "second", "first"]);
    let error = result(&mut task).unwrap_err();
    assert_eq!(phases(&error), [Phase::Killed, Phase::Killed]);
    assert_eq!(error.failures()[0].location(), error.location());
}

#[test]
fn a_clean_up_that_runs_is_dropped_and_the_others_never_run() {
    let mut play = Play::default();
    let log = Log::default();
    let mut task = play.start({
        let log = log.clone();
        async move {
            let late = log.clone();
            defer(async move { say(&late, "never") });
            defer(async move {
                let _held = OnDrop(log, "running one dropped");
                shield(forever()).await;
            });
        }
    });
    play.turns(3);
    task.kill("hung");
    assert_eq!(play.finish(), 1);
    assert_eq!(said(&log), ["running one dropped"]);
    result(&mut task).unwrap();
}

#[test]
fn what_a_destructor_defers_is_killed_as_well() {
    struct Defers;
    impl Drop for Defers {
        fn drop(&mut self) {
            defer(async { unreachable!("killed") });
        }
    }
    let mut play = Play::default();
    let mut task = play.start(async {
        let held = Defers;
        defer(async move {
            let _held = held;
            forever().await;
        });
        let _body = Defers;
        forever().await;
    });
    task.kill("test");
    assert_eq!(play.finish(), 1);
    assert_eq!(phases(&result(&mut task).unwrap_err()), [Phase::Killed; 3]);
}

#[test]
fn a_destructors_panic_outranks_the_kill() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let mut play = Play::default();
    let mut task = play.start(async {
        let held = Panics;
        defer(async move {
            let _held = held;
            forever().await;
        });
        let _body = Panics;
        forever().await;
    });
    task.kill("test");
    play.finish();
    let error = result(&mut task).unwrap_err();
    assert!(error.is_panic());
    assert_eq!(phases(&error), [Phase::Killed, Phase::Destructor]);
}

#[test]
fn regions_inside_are_dropped_without_their_clean_ups_linked_or_masked() {
    for masked in [false, true] {
        let mut play = Play::default();
        let log = Log::default();
        let mut task = play.start({
            let (log, rt) = (log.clone(), play.rt.clone());
            async move {
                let inside = async {
                    let cleanup = log.clone();
                    defer(async move { say(&cleanup, "never") });
                    let _inside = OnDrop(log.clone(), "inner body");
                    forever().await;
                };
                let token = CancelToken::new();
                let region = rooted(&rt, inside.until(&token));
                match masked {
                    true => shield(region).await.ok(),
                    false => region.await.ok(),
                };
            }
        });
        task.kill("test");
        assert_eq!(play.finish(), 1);
        assert_eq!(said(&log), ["inner body"]);
        assert_eq!(phases(&result(&mut task).unwrap_err()), [Phase::Killed]);
    }
}

/// A scope that is open in a task, plainly, shielded, in a clean-up; with a child in a child, each with a
/// clean-up that hangs.
async fn scopes(rt: impl Runtime, log: Log) {
    let deep = rt.clone();
    rt.scope(async |s| {
        let cleanup = OnDrop(log.clone(), "after the children");
        let _ = s.defer(async move {
            let _held = cleanup;
            unreachable!("killed");
        });
        let inner = log.clone();
        s.spawn(shield(async move {
            deep.scope(async |s| {
                s.spawn(async move {
                    let held = OnDrop(inner.clone(), "clean-up of the grandchild");
                    defer(async move {
                        let _held = held;
                        forever().await;
                    });
                    let _held = OnDrop(inner, "grandchild");
                    shield(forever()).await;
                });
            })
            .await;
        }));
    })
    .await;
}

#[test]
fn children_below_are_killed_and_waited_for_wherever_their_scope_is() {
    for place in ["plain", "shielded", "in a clean-up", "dropped half-way"] {
        let mut play = Play::default();
        let log = Log::default();
        let mut task = play.start({
            let (log, rt) = (log.clone(), play.rt.clone());
            async move {
                match place {
                    "plain" => scopes(rt, log).await,
                    "shielded" => shield(scopes(rt, log)).await,
                    "in a clean-up" => defer(scopes(rt, log)),
                    _ => {
                        let mut scope = Box::pin(scopes(rt, log));
                        assert!(poll_once(scope.as_mut()).is_pending());
                        tick().await;
                        tick().await;
                        drop(scope);
                        forever().await;
                    }
                }
            }
        });
        play.turns(5);
        assert_eq!(play.live(), 3, "{place}");
        task.kill("test");
        play.turn();
        assert!(
            !task.is_finished() || play.live() == 0,
            "{place}: it waits for its children"
        );
        play.finish();
        let mut said = said(&log);
        said.sort();
        assert_eq!(
            said,
            [
                "after the children",
                "clean-up of the grandchild",
                "grandchild"
            ],
            "{place}"
        );
        match result(&mut task) {
            Ok(()) => assert_eq!(place, "in a clean-up"),
            Err(error) => assert_eq!(phases(&error), [Phase::Killed], "{place}"),
        }
    }
}

#[test]
fn a_child_is_killed_alone() {
    let mut play = Play::default();
    let mut task = play.start({
        let rt = play.rt.clone();
        async move {
            rt.scope(async |s| {
                let other = s.spawn(async {
                    tick().await;
                    5
                });
                let child = s.spawn(shield(forever()));
                tick().await;
                child.kill("test");
                let error = child.result().await.unwrap_err();
                (error.reason().unwrap().to_string(), other.await)
            })
            .await
        }
    });
    play.finish();
    assert_eq!(result(&mut task).unwrap(), ("test".into(), 5));
}

#[test]
fn a_child_killed_before_its_first_poll_or_in_the_queue_never_runs() {
    let mut play = Play::default();
    let mut task = play.start({
        let rt = play.rt.clone();
        async move {
            let scope = rt.scope_with().limit(1);
            scope
                .run(async |s| {
                    let running = s.spawn(async { unreachable!("killed") });
                    let queued = s.spawn(async { unreachable!("killed") });
                    running.kill("one");
                    queued.kill("two");
                    running.result().await.unwrap_err();
                    queued.result().await.unwrap_err();
                })
                .await
        }
    });
    play.finish();
    result(&mut task).unwrap().unwrap();
}

#[test]
fn a_scope_is_killed_by_its_handle_and_what_is_around_goes_on() {
    let mut play = Play::default();
    let log = Log::default();
    let mut task = play.start({
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            let cleanup = log.clone();
            defer(async move { say(&cleanup, "around") });
            let ended = rt
                .try_scope(async |s: TryScope<_, String>| {
                    defer(forever());
                    let _ = s.defer(forever());
                    let handle = s.clone();
                    s.spawn_value(async move {
                        defer(forever());
                        tick().await;
                        handle.kill("from inside");
                        shield(forever()).await;
                    });
                    shield(forever()).await;
                    Ok(())
                })
                .await;
            tick().await;
            ended.unwrap_err()
        }
    });
    play.finish();
    let error = result(&mut task).unwrap();
    assert!(error.is_cancelled());
    assert_eq!(error.reason().unwrap().as_str(), "from inside");
    let phases: Vec<_> = error.failures().iter().map(crate::Failure::phase).collect();
    assert_eq!(phases, [Phase::Killed, Phase::Killed]);
    assert_eq!(said(&log), ["around"]);
}

#[test]
fn a_killed_scope_that_is_dropped_leaves_no_clean_up_behind() {
    let mut play = Play::default();
    let log = Log::default();
    let mut task = play.start({
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            let mut scope = Box::pin(rt.try_scope(async |s: TryScope<_, String>| {
                let cleanup = log.clone();
                defer(async move { say(&cleanup, "never") });
                s.kill("test");
                forever().await;
                Ok(())
            }));
            let _ = super::poll_fn(|cx| Poll::Ready(scope.as_mut().poll(cx).is_ready())).await;
            drop(scope);
            tick().await;
        }
    });
    play.finish();
    result(&mut task).unwrap();
    assert!(said(&log).is_empty());
}

#[test]
fn a_kill_while_children_come_reaches_those_too() {
    let mut play = Play::default();
    let (give, handle) = std::sync::mpsc::channel();
    let mut task = play.start({
        let rt = play.rt.clone();
        async move {
            rt.try_scope(async |s: TryScope<_, String>| {
                give.send(s.clone()).unwrap();
                shield(forever()).await;
                Ok(())
            })
            .await
        }
    });
    let scope = handle.recv().unwrap();
    // In no list before its first `Pending`, and it opens a shield before.
    let child = scope.spawn_value(shield(forever()));
    let late = scope.clone();
    scope.spawn_value(async move {
        late.kill("in the first poll of a child");
        shield(forever()).await;
    });
    play.finish();
    assert!(child.is_finished());
    assert!(result(&mut task).unwrap().unwrap_err().is_cancelled());
}

#[test]
fn a_kill_reaches_a_thousand_tasks_inside_each_other_on_a_small_stack() {
    fn nest(rt: super::by_hand::Clocked, depth: usize) -> crate::region::BoxFuture {
        Box::pin(async move {
            defer(forever());
            if let Some(below) = depth.checked_sub(1) {
                let inner = rt.clone();
                let body = async move |s: crate::Scope<_>| s.spawn(nest(inner, below)).await;
                match depth % 2 {
                    0 => shield(rt.scope(body)).await,
                    _ => rt.scope(body).await,
                }
            }
            shield(forever()).await;
        })
    }
    let run = || {
        let mut play = Play::default();
        let mut task = play.start(nest(play.rt.clone(), 1_000));
        play.turns(1_001);
        assert_eq!(play.live(), 1_001);
        task.kill("test");
        play.finish();
        assert!(result(&mut task).unwrap_err().is_cancelled());
    };
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn nothing_of_a_body_runs_after_the_kill_not_even_in_a_shield() {
    let mut play = Play::default();
    let log = Log::default();
    let task = play.start({
        let log = log.clone();
        shield(async move {
            loop {
                say(&log, "polled");
                tick().await;
            }
        })
    });
    task.kill("test");
    assert_eq!(play.finish(), 1);
    assert_eq!(said(&log), ["polled"]);
    drop(task);
}

#[test]
fn a_kill_from_inside_takes_effect_at_that_suspension_whatever_is_open() {
    let rt = Hand::default();
    let this = Arc::new(Mutex::new(None::<Task<()>>));
    let task = rt.spawn({
        let this = Arc::clone(&this);
        shield(async move {
            let token = CancelToken::new();
            let inside = async {
                defer(forever());
                this.lock().unwrap().as_ref().unwrap().kill("by itself");
                tick().await;
                unreachable!("polled after the kill");
            };
            inside.until(&token).await.unwrap();
        })
    });
    *this.lock().unwrap() = Some(task);
    assert!(poll_once(rt.next_root().as_mut()).is_ready());
    let mut task = this.lock().unwrap().take().unwrap();
    assert!(result(&mut task).unwrap_err().is_cancelled());
}

#[test]
fn a_scope_killed_from_outside_and_dropped_unpolled_runs_no_clean_up() {
    let mut play = Play::default();
    let log = Log::default();
    let mut task = play.start({
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            let (give, handle) = std::sync::mpsc::channel();
            let mut scope = Box::pin(rt.try_scope(async |s: TryScope<_, String>| {
                let cleanup = log.clone();
                defer(async move { say(&cleanup, "never") });
                let last = log.clone();
                s.defer(async move { say(&last, "never") }).unwrap();
                give.send(s).unwrap();
                forever().await;
                Ok(())
            }));
            let _ = super::poll_fn(|cx| Poll::Ready(scope.as_mut().poll(cx).is_ready())).await;
            handle.recv().unwrap().kill("test");
            drop(scope);
            for _ in 0..3 {
                tick().await;
            }
        }
    });
    play.finish();
    result(&mut task).unwrap();
    assert!(said(&log).is_empty());
}

#[test]
fn what_a_destructor_defers_is_dropped_though_children_are_still_waited_for() {
    struct Defers(Log);
    impl Drop for Defers {
        fn drop(&mut self) {
            let held = OnDrop(self.0.clone(), "deferred and dropped");
            defer(async move {
                let _held = held;
                unreachable!("killed");
            });
        }
    }
    let rt = Hand::default();
    let log = Log::default();
    let task = rt.spawn({
        let (rt, log) = (rt.clone(), log.clone());
        async move {
            let held = Defers(log);
            defer(async move {
                let _held = held;
                forever().await;
            });
            rt.scope(async |s| s.spawn(forever()).await).await;
        }
    });
    let mut root = rt.next_root();
    assert!(poll_once(root.as_mut()).is_pending());
    let mut child = rt.next_root();
    assert!(poll_once(child.as_mut()).is_pending());
    task.kill("test");
    assert!(poll_once(root.as_mut()).is_pending(), "the child lives");
    assert_eq!(said(&log), ["deferred and dropped"]);
    assert!(poll_once(child.as_mut()).is_ready());
    assert!(poll_once(root.as_mut()).is_ready());
}
