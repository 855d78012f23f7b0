//! Requests to the task around: at every point, inside out, and never a value for what they stopped.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Log, OnDrop, finish, poll_once, result, said, say, spawn};
use crate::task::tests::{Hand, tick};
use crate::{
    CancelToken, Cancellable, checkpoint, defer, gather, gather_all, race, race_ok, shield,
    try_gather,
};

/// An arm with a clean-up that suspends, a shield between its first and its last suspension, a value.
async fn arm(log: Log, name: &'static str, ticks: usize) -> &'static str {
    let cleanup = log.clone();
    defer(async move {
        tick().await;
        say(&cleanup, format!("{name} cleaned up"));
    });
    let _local = OnDrop(log.clone(), name);
    for n in 0..ticks {
        tick().await;
        say(&log, format!("{name}{n}"));
    }
    shield(async {
        tick().await;
        say(&log, format!("{name} shield over"));
    })
    .await;
    tick().await;
    say(&log, format!("{name} end"));
    name
}

/// What was said when the task was cancelled after `polls` polls, and whether it gave a value.
fn cancelled_after<F>(polls: usize, body: impl FnOnce(Log) -> F) -> (Vec<String>, bool)
where
    F: Future<Output = ()> + Send + 'static,
{
    let rt = Hand::default();
    let log = Log::default();
    let combined = body(log.clone());
    let (mut task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let _around = OnDrop(log.clone(), "body dropped");
            combined.await;
            say(&log, "combined");
            checkpoint().await;
            say(&log, "body over");
        }
    });
    let mut ended = false;
    for _ in 0..polls {
        ended = ended || poll_once(root.as_mut()).is_ready();
    }
    task.cancel("at this point");
    if !ended {
        finish(root.as_mut());
    }
    (said(&log), result(&mut task).is_ok())
}

#[test]
fn a_gather_cancelled_at_every_suspension_does_what_was_predicted() {
    for many in [false, true] {
        for polls in 0..9 {
            let (log, value) = cancelled_after(polls, |log| async move {
                let (a, b) = (arm(log.clone(), "a", 0), arm(log, "b", 2));
                match many {
                    true => drop(gather(vec![a, b]).await),
                    false => drop(gather((a, b)).await),
                }
            });
            let cut = ["a", "b", "a cleaned up", "b cleaned up", "body dropped"];
            let a_ends = [
                "a shield over",
                "b0",
                "a end",
                "a",
                "b1",
                "a cleaned up",
                "b shield over",
            ];
            let b_ends = ["b end", "b", "b cleaned up", "combined"];
            let expected: Vec<&str> = match polls {
                0 => vec![],
                // `a` is in its shield, which the request waits for.
                1 => [&["a shield over"][..], &cut].concat(),
                2 => [&["a shield over", "b0"][..], &cut].concat(),
                // `a` has ended by itself and cleans up; `b` is in its shield, and then just past it.
                3 | 4 => [&a_ends[..], &["b", "b cleaned up", "body dropped"]].concat(),
                // Both have ended by themselves: the values are there, and they are given.
                5 => [&a_ends[..], &b_ends, &["body dropped"]].concat(),
                _ => [&a_ends[..], &b_ends, &["body over", "body dropped"]].concat(),
            };
            assert_eq!(log, expected, "cancelled after {polls} polls, many: {many}");
            assert_eq!(value, polls >= 6, "cancelled after {polls} polls");
        }
    }
}

#[test]
fn a_race_cancelled_at_every_suspension_does_what_was_predicted() {
    for many in [false, true] {
        for polls in 0..8 {
            let (log, value) = cancelled_after(polls, |log| async move {
                let (a, b) = (arm(log.clone(), "a", 0), arm(log, "b", 2));
                match many {
                    true => drop(race(vec![a, b]).await),
                    false => drop(race((a, b)).await),
                }
            });
            let cut = ["a", "b", "a cleaned up", "b cleaned up", "body dropped"];
            // `a` has won once it is cleaned up; `b` is asked to stop in its shield.
            let won = ["a shield over", "b0", "a end", "a", "b1", "a cleaned up"];
            let drained = ["b shield over", "b", "b cleaned up"];
            let expected: Vec<&str> = match polls {
                0 => vec![],
                1 => [&["a shield over"][..], &cut].concat(),
                2 => [&["a shield over", "b0"][..], &cut].concat(),
                // While `b` is drained: no value, since the request stopped an arm as well.
                3 | 4 => [&won[..], &drained, &["body dropped"]].concat(),
                _ => [
                    &won[..],
                    &drained,
                    &["combined", "body over", "body dropped"],
                ]
                .concat(),
            };
            assert_eq!(log, expected, "cancelled after {polls} polls, many: {many}");
            assert_eq!(value, polls >= 5, "cancelled after {polls} polls");
        }
    }
}

#[test]
fn where_a_request_is_due_nothing_starts() {
    let rt = Hand::default();
    let started = Arc::new(AtomicUsize::new(0));
    for form in 0..7 {
        let (mut task, mut root) = spawn(&rt, {
            let started = started.clone();
            async move {
                let arm = || {
                    let started = started.clone();
                    async move {
                        started.fetch_add(1, Ordering::SeqCst);
                        Ok::<_, ()>(1)
                    }
                };
                shield(tick()).await;
                match form {
                    0 => drop(gather((arm(), arm())).await),
                    1 => drop(gather(vec![arm(), arm()]).await),
                    2 => drop(try_gather([arm(), arm()]).await),
                    3 => drop(gather_all((arm(),)).await),
                    4 => drop(race((arm(), arm())).await),
                    5 => drop(race_ok([arm(), arm()]).await),
                    _ => gather(()).await,
                }
                unreachable!("a combinator opened where a request is due");
            }
        });
        assert!(poll_once(root.as_mut()).is_pending());
        task.cancel("test");
        finish(root.as_mut());
        let stopped: Result<(), _> = result(&mut task);
        assert!(stopped.unwrap_err().is_cancelled(), "form {form}");
    }
    assert_eq!(started.load(Ordering::SeqCst), 0);
}

#[test]
fn a_retry_around_a_combinator_does_not_spin() {
    for form in 0..4 {
        let rt = Hand::default();
        let tries = Arc::new(AtomicUsize::new(0));
        let (mut task, mut root) = spawn(&rt, {
            let tries = tries.clone();
            async move {
                loop {
                    tries.fetch_add(1, Ordering::SeqCst);
                    let arm = || async {
                        // Cut from outside, and yet with something to give.
                        pending::<()>().await;
                        Ok::<u8, ()>(1)
                    };
                    let bad = async {
                        shield(async {
                            tick().await;
                            tick().await;
                        })
                        .await;
                        Err::<u8, ()>(())
                    };
                    match form {
                        0 => drop(try_gather((arm(), bad)).await),
                        1 => drop(race((arm(), bad)).await),
                        2 => drop(race_ok((arm(), bad)).await),
                        _ => drop(gather_all((arm(), bad)).await),
                    }
                }
            }
        });
        assert!(poll_once(root.as_mut()).is_pending());
        task.cancel("test");
        finish(root.as_mut());
        let stopped: Result<(), _> = result(&mut task);
        assert!(stopped.unwrap_err().is_cancelled());
        assert_eq!(tries.load(Ordering::SeqCst), 1, "form {form}");
    }
}

#[test]
fn a_request_during_the_drain_of_losers_takes_the_value_back() {
    let rt = Hand::default();
    let log = Log::default();
    let (mut task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let cleanup = log.clone();
            let loser = async {
                defer(async move {
                    tick().await;
                    tick().await;
                    say(&cleanup, "loser cleaned up");
                });
                pending::<u8>().await
            };
            let won = race((loser, async { 1 })).await;
            say(&log, format!("won {won}"));
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("during the drain");
    finish(root.as_mut());
    assert_eq!(said(&log), ["loser cleaned up"]);
    assert!(result(&mut task).unwrap_err().is_cancelled());
}

#[test]
fn inside_a_shield_a_request_does_not_reach_the_arms() {
    for many in [false, true] {
        let rt = Hand::default();
        let (mut task, mut root) = spawn(&rt, async move {
            let arm = |ticks: usize| async move {
                for _ in 0..ticks {
                    tick().await;
                }
                ticks
            };
            shield(async {
                match many {
                    true => gather(vec![arm(2), arm(3)]).await,
                    false => gather([arm(2), arm(3)]).await.into(),
                }
            })
            .await
        });
        assert!(poll_once(root.as_mut()).is_pending());
        task.cancel("test");
        finish(root.as_mut());
        assert_eq!(result(&mut task).unwrap(), [2, 3]);
    }
}

#[test]
fn a_token_around_a_combinator_stops_it_and_goes_on() {
    let token = CancelToken::new();
    let log = Log::default();
    let gathering = gather((arm(log.clone(), "a", 0), pending::<()>()));
    let mut until = pin!(gathering.until(&token));
    assert!(poll_once(until.as_mut()).is_pending());
    token.cancel("enough");
    let (stopped, _) = finish(until);
    assert_eq!(stopped.unwrap_err().as_str(), "enough");
    assert_eq!(said(&log), ["a shield over", "a", "a cleaned up"]);
}

#[test]
fn a_task_that_one_of_its_arms_cancels_stops_the_arms_before_and_after() {
    for many in [false, true] {
        let rt = Hand::default();
        let log = Log::default();
        let token = CancelToken::new();
        let (_task, mut root) = spawn(&rt, {
            let (log, token) = (log.clone(), token);
            async move {
                let part = |n: u8| {
                    let (log, token) = (log.clone(), token.clone());
                    async move {
                        if n == 1 {
                            token.cancel("from inside");
                        }
                        let cleanup = log.clone();
                        defer(async move { say(&cleanup, format!("cleaned up {n}")) });
                        pending::<()>().await;
                    }
                };
                let around = async {
                    let _around = OnDrop(log.clone(), "body dropped");
                    match many {
                        true => drop(gather(vec![part(0), part(1), part(2)]).await),
                        false => drop(gather((part(0), part(1), part(2))).await),
                    }
                };
                let _ = around.until(&token).await;
            }
        });
        finish(root.as_mut());
        let mut log = said(&log);
        assert_eq!(log.pop().unwrap(), "body dropped", "many: {many}");
        log.sort();
        // The last one was never polled.
        assert_eq!(log, ["cleaned up 0", "cleaned up 1"]);
    }
}

#[test]
fn a_panic_that_a_request_overtakes_goes_to_the_hook() {
    super::listen();
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, async {
        let bad = async {
            shield(async {
                tick().await;
                tick().await;
            })
            .await;
            panic!("overtaken");
        };
        gather((pending::<()>(), bad)).await;
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert!(result(&mut task).is_err());
    assert_eq!(super::reported("overtaken").len(), 1);
}

#[test]
fn the_futures_are_send_where_their_arms_are() {
    fn is_send<T: Send>(_: &T) {}
    let arm = || async { Ok::<u8, String>(1) };
    is_send(&gather((arm(), arm())));
    is_send(&gather(vec![arm()]));
    is_send(&try_gather([arm()]));
    is_send(&gather_all((arm(),)));
    is_send(&race((arm(), arm())));
    is_send(&race_ok(vec![arm()]));
    fn is_unpin<T: Unpin>(_: &T) {}
    is_unpin(&race(vec![arm()]));
    assert!(format!("{:?}", race((arm(), arm()))).contains("live: 2"));
}
