//! The clean-up deadline: when its clock runs, what it ends, what it costs.

use std::future::pending;
use std::time::Duration;

use super::by_hand::{Clocked, Play};
use super::{Log, OnDrop, result, said, say};
use crate::task::tests::tick;
use crate::{
    CancelToken, Cancellable, Failure, JoinError, Phase, Runtime, Task, TryScope, defer, rooted,
    shield,
};

const SECOND: Duration = Duration::from_secs(1);

fn phases<'a>(failures: impl IntoIterator<Item = &'a Failure>) -> Vec<Phase> {
    failures.into_iter().map(Failure::phase).collect()
}

fn error<T: std::fmt::Debug>(task: &mut Task<T>) -> JoinError {
    result(task).unwrap_err()
}

/// Lets `seconds` pass; everybody is polled after each.
fn pass(play: &mut Play, seconds: usize) {
    for _ in 0..seconds {
        play.rt.advance(SECOND);
        play.turns(3);
    }
}

#[test]
fn a_clean_up_that_hangs_is_killed_after_thirty_seconds() {
    let mut play = Play::default();
    let log = Log::default();
    let spawn = play.rt.clone();
    let mut task = {
        let log = log.clone();
        let task = spawn.spawn_with().name("hung").spawn(async move {
            let older = log.clone();
            defer(async move { say(&older, "never") });
            defer(async move {
                let _held = OnDrop(log, "dropped");
                pending::<()>().await;
            });
            pending::<()>().await;
        });
        play.turn();
        task
    };
    task.cancel("test");
    play.turns(2);
    pass(&mut play, 29);
    assert!(!task.is_finished() && said(&log).is_empty());
    pass(&mut play, 1);
    let error = error(&mut task);
    assert_eq!(error.reason().unwrap().as_str(), "test");
    let expected = [Phase::CleanUpDeadline, Phase::Killed, Phase::Killed];
    assert_eq!(phases(error.failures()), expected);
    let loud = error.failures()[0].to_string();
    assert!(
        loud.starts_with("clean-up deadline passed in task `hung` (spawned at"),
        "{loud}"
    );
    assert_eq!(said(&log), ["dropped"]);
}

#[test]
fn a_shield_that_outlives_the_deadline_is_killed() {
    let mut play = Play::default();
    let mut task = play.start(shield(async {
        tick().await;
        shield(pending::<()>()).await;
    }));
    pass(&mut play, 100);
    assert!(!task.is_finished(), "nobody asked");
    task.cancel("test");
    play.turn();
    pass(&mut play, 29);
    assert!(!task.is_finished());
    pass(&mut play, 1);
    assert_eq!(
        phases(error(&mut task).failures()),
        [Phase::CleanUpDeadline]
    );
}

#[test]
fn where_nobody_asked_the_clock_starts_when_the_body_has_ended() {
    let mut play = Play::default();
    let mut task = play.start(async {
        defer(pending());
        for _ in 0..20 {
            tick().await;
        }
        5
    });
    play.turns(5);
    pass(&mut play, 4);
    assert!(!task.is_finished());
    play.turns(20);
    pass(&mut play, 29);
    assert!(!task.is_finished());
    pass(&mut play, 1);
    assert_eq!(result(&mut task).unwrap(), 5);
}

#[test]
fn a_deadline_is_said_of_a_task_and_never_is_never() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let hung = || async {
        defer(pending());
        pending::<()>().await;
    };
    let mut short = rt.spawn_with().cleanup_deadline(SECOND).spawn(hung());
    let mut never = rt
        .spawn_with()
        .cleanup_deadline(Duration::MAX)
        .spawn(hung());
    let mut none = rt
        .spawn_with()
        .cleanup_deadline(Duration::ZERO)
        .spawn(hung());
    play.turn();
    for task in [&short, &never, &none] {
        task.cancel("test");
    }
    play.turns(2);
    assert_eq!(
        phases(error(&mut none).failures()),
        [Phase::CleanUpDeadline, Phase::Killed]
    );
    assert!(!short.is_finished());
    pass(&mut play, 1);
    assert_eq!(
        phases(error(&mut short).failures()),
        [Phase::CleanUpDeadline, Phase::Killed]
    );
    pass(&mut play, 1_000);
    assert!(!never.is_finished());
    never.kill("end of test");
    play.turns(2);
    assert_eq!(phases(error(&mut never).failures()), [Phase::Killed]);
}

#[test]
fn a_scope_that_waits_for_healthy_children_has_no_deadline() {
    let mut play = Play::default();
    let (go, gate) = futures::channel::oneshot::channel::<()>();
    let mut task = play.start({
        let rt = play.rt.clone();
        async move {
            rt.scope(async |s| {
                // Hangs, and is dropped; the child goes on.
                defer(pending());
                s.spawn(async move { gate.await.unwrap() });
                5
            })
            .await
        }
    });
    pass(&mut play, 1_000);
    assert!(!task.is_finished());
    go.send(()).unwrap();
    play.finish();
    assert_eq!(result(&mut task).unwrap(), 5);
    // One, for the clean-up.
    assert_eq!(play.rt.sleeps(), 1);
}

#[test]
fn children_that_ignore_a_request_are_killed_by_the_deadline_of_their_scope() {
    let mut play = Play::default();
    let mut task = play.start({
        let rt = play.rt.clone();
        async move {
            let scope = rt.scope_with().cleanup_deadline(SECOND * 5);
            let run = scope.try_run(async |s: TryScope<_, &str>| {
                let child = s.spawn_with().cleanup_deadline(SECOND * 60);
                child.spawn(shield(pending::<()>()));
                tick().await;
                tick().await; // it runs now
                Err::<(), _>("bad")
            });
            run.await.unwrap_err()
        }
    });
    play.turns(3);
    pass(&mut play, 4);
    assert!(!task.is_finished());
    pass(&mut play, 1);
    let error = result(&mut task).unwrap();
    assert_eq!(phases(error.failures()), [Phase::CleanUpDeadline]);
    assert_eq!(play.live(), 0);
}

#[test]
fn a_child_has_the_deadline_of_its_scope_and_that_of_the_task_around() {
    for said in ["of the child", "of the scope", "of the task"] {
        let mut play = Play::default();
        let body = {
            let rt = play.rt.clone();
            async move {
                let scope = rt.scope_with();
                let scope = match said {
                    "of the scope" => scope.cleanup_deadline(SECOND * 7),
                    _ => scope,
                };
                let run = scope.run(async |s| {
                    let child = s.spawn_with();
                    let child = match said {
                        "of the child" => child.cleanup_deadline(SECOND * 7),
                        _ => child,
                    };
                    let child = child.spawn(async {
                        defer(pending());
                        pending::<()>().await;
                    });
                    tick().await;
                    tick().await; // it runs now
                    child.cancel("alone");
                    child.result().await.unwrap_err()
                });
                run.await.unwrap()
            }
        };
        let rt = play.rt.clone();
        let words = match said {
            "of the task" => rt.spawn_with().cleanup_deadline(SECOND * 7),
            _ => rt.spawn_with(),
        };
        let mut task = words.spawn(body);
        play.turns(4);
        pass(&mut play, 6);
        assert!(!task.is_finished(), "{said}");
        pass(&mut play, 1);
        let error = result(&mut task).unwrap();
        let expected = [Phase::CleanUpDeadline, Phase::Killed];
        assert_eq!(phases(error.failures()), expected, "{said}");
    }
}

#[test]
fn a_region_stopped_by_its_own_token_has_the_deadline_of_its_task_and_the_task_goes_on() {
    let mut play = Play::default();
    let token = CancelToken::new();
    let mut task = play.start({
        let token = token.clone();
        async move {
            let inside = async {
                defer(pending());
                shield(pending::<()>()).await;
            };
            let reason = inside.until(&token).await.unwrap_err();
            tick().await;
            reason.to_string()
        }
    });
    token.cancel("a token");
    play.turn();
    pass(&mut play, 29);
    assert!(!task.is_finished());
    pass(&mut play, 1);
    assert_eq!(result(&mut task).unwrap(), "a token");
}

#[test]
fn regions_inside_one_that_is_asked_start_no_clock_of_their_own() {
    let mut play = Play::default();
    let mut task = play.start({
        let rt = play.rt.clone();
        async move {
            let token = CancelToken::new();
            let inside = rt.scope(async |_| {
                defer(pending());
                pending::<()>().await;
            });
            inside.until(&token).await.ok();
        }
    });
    task.cancel("test");
    play.turns(3);
    assert_eq!(play.rt.sleeps(), 1);
    pass(&mut play, 30);
    let expected = [Phase::CleanUpDeadline, Phase::Killed];
    assert_eq!(phases(error(&mut task).failures()), expected);
}

#[test]
fn a_root_in_place_has_a_deadline_when_its_body_has_ended() {
    let rt = Clocked::default();
    let mut root = std::pin::pin!(rooted(&rt, async {
        defer(pending());
        5
    }));
    assert!(super::poll_once(root.as_mut()).is_pending());
    rt.advance(SECOND * 30);
    let (five, _) = super::finish(root);
    assert_eq!(five, 5);
}

#[test]
fn without_clean_ups_that_suspend_no_clock_is_ever_started() {
    let mut play = Play::default();
    for _ in 0..10 {
        let mut task = play.start({
            let rt = play.rt.clone();
            async move {
                defer(async {});
                rt.scope(async |s| {
                    s.spawn(tick());
                    tick().await;
                })
                .await;
                pending::<()>().await;
            }
        });
        play.turns(5);
        task.cancel("test");
        play.finish();
        assert!(error(&mut task).is_cancelled());
    }
    assert_eq!(play.rt.sleeps(), 0);
}

#[test]
fn the_clock_is_dropped_with_its_task() {
    let mut play = Play::default();
    let task = play.start(async {
        defer(async {
            tick().await;
            tick().await;
        });
    });
    let waiting = play.rt.waiting();
    assert_eq!(waiting, 1);
    play.finish();
    assert_eq!(play.rt.waiting(), 0);
    drop(task);
}
