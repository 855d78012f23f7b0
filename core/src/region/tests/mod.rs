//! Regions, polled by hand: shields, clean-ups, regions inside regions, and requests at every point.

pub(crate) mod by_hand;
pub(crate) mod counted;
mod deadline;
mod drain;
mod finally;
mod grace;
mod kill;
mod programs;

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::future::{join, select};

use crate::region::{BoxFuture, frame};
use crate::task::tests::{Hand, tick};
use crate::{
    CancelToken, Cancellable, JoinError, Runtime, Task, cancel_requested, checkpoint, defer,
    rooted, shield, uncancellable,
};

pub(crate) type Log = Arc<Mutex<Vec<String>>>;

pub(crate) fn say(log: &Log, what: impl Into<String>) {
    log.lock().unwrap().push(what.into());
}

pub(crate) fn said(log: &Log) -> Vec<String> {
    log.lock().unwrap().clone()
}

pub(crate) struct OnDrop(pub(crate) Log, pub(crate) &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        say(&self.0, self.1);
    }
}

pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls to the end; says in how many polls.
pub(crate) fn finish<F: Future + ?Sized>(mut future: Pin<&mut F>) -> (F::Output, usize) {
    for polls in 1..10_000 {
        if let Poll::Ready(value) = poll_once(future.as_mut()) {
            return (value, polls);
        }
    }
    panic!("stuck");
}

fn result<T>(task: &mut Task<T>) -> Result<T, JoinError> {
    match poll_once(Pin::new(task)) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task has not ended"),
    }
}

/// A task and its root, to be polled by hand.
fn spawn<F>(rt: &Hand, body: F) -> (Task<F::Output>, BoxFuture)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = rt.spawn(body);
    (task, rt.next_root())
}

// --- the promise, at every suspension point

#[test]
fn a_task_cancelled_at_any_point_runs_what_was_promised_and_nothing_else() {
    // Three suspensions of its own, a shield of two, an inner region, two clean-ups that suspend.
    for polls in 0..9 {
        let rt = Hand::default();
        let log = Log::default();
        let token = CancelToken::new();
        let (mut task, mut root) = spawn(&rt, {
            let log = log.clone();
            async move {
                let cleanup = log.clone();
                defer(async move {
                    say(&cleanup, "clean-up a");
                    tick().await;
                    say(&cleanup, "clean-up a over");
                });
                let _local = OnDrop(log.clone(), "local dropped");
                tick().await;
                say(&log, "1");
                shield(async {
                    say(&log, "shield");
                    tick().await;
                    tick().await;
                    say(&log, "shield over");
                })
                .await;
                let inner = async {
                    let cleanup = log.clone();
                    defer(async move { say(&cleanup, "inner clean-up") });
                    let _inner = OnDrop(log.clone(), "inner dropped");
                    tick().await;
                    say(&log, "inner over");
                };
                inner.until(&token).await.unwrap();
                let cleanup = log.clone();
                defer(async move { say(&cleanup, "clean-up b") });
                tick().await;
                say(&log, "2");
                7
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
        let a = ["clean-up a", "clean-up a over"];
        let shielded = ["1", "shield", "shield over"];
        let inner = ["inner over", "inner dropped", "inner clean-up"];
        let expected: Vec<&str> = match polls {
            // Never polled: nothing ran, nothing is to be cleaned up.
            0 => vec![],
            1 => [&["local dropped"][..], &a].concat(),
            // In the shield: it runs to its end, and the next suspension is the last.
            2 | 3 => [&shielded[..], &["local dropped"], &a].concat(),
            4 => [
                &shielded[..],
                &["inner dropped", "inner clean-up", "local dropped"],
                &a,
            ]
            .concat(),
            5 => [&shielded[..], &inner, &["local dropped", "clean-up b"], &a].concat(),
            // After the last suspension a request has no effect.
            _ => [
                &shielded[..],
                &inner,
                &["2", "local dropped", "clean-up b"],
                &a,
            ]
            .concat(),
        };
        assert_eq!(said(&log), expected, "cancelled after {polls} polls");
        match result(&mut task) {
            Ok(7) => assert!(polls >= 6, "{polls}"),
            Ok(_) => unreachable!(),
            Err(error) => assert!(error.is_cancelled() && polls < 6, "{polls}: {error}"),
        }
    }
}

#[test]
fn a_region_with_many_inside_is_not_swept_at_each_new_one() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, async {
        let region = frame::current().unwrap();
        let mut live = Vec::new();
        let token = CancelToken::new();
        // As many that stay as there is room for, but one.
        while live.len() < 1_000 || region.region().kids().0 + 1 < region.region().kids().1 {
            let mut inner = Box::pin(pending::<()>().until(&token));
            assert!(poll_once(inner.as_mut()).is_pending());
            live.push(inner);
        }
        let mut sweeps = 0;
        let mut listed = region.region().kids().0;
        for _ in 0..1_000 {
            async {}.until(&token).await.unwrap();
            let now = region.region().kids().0;
            sweeps += usize::from(now <= listed);
            listed = now;
        }
        assert!(sweeps <= 2, "{sweeps}");
    });
    finish(root.as_mut());
    result(&mut task).unwrap();
}

// --- shields

#[test]
fn a_shield_after_a_shield_does_not_start_when_a_request_is_due() {
    let rt = Hand::default();
    let log = Log::default();
    let (task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            for n in 0..100 {
                shield(async {
                    say(&log, format!("shield {n}"));
                    tick().await;
                })
                .await;
            }
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    let ((), polls) = finish(root.as_mut());
    assert_eq!(polls, 1);
    assert_eq!(said(&log), ["shield 0"]);
}

#[test]
fn overlapping_shields_in_a_join_do_not_make_a_task_immortal() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, async {
        let endless = |ticks: usize| async move {
            loop {
                shield(async {
                    for _ in 0..ticks {
                        tick().await;
                    }
                })
                .await;
            }
        };
        join(endless(2), endless(3)).await
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    let ((), polls) = finish(root.as_mut());
    assert!(polls <= 4, "{polls}");
    assert!(result::<((), ())>(&mut task).unwrap_err().is_cancelled());
}

#[test]
fn two_shields_of_different_length_both_end() {
    let rt = Hand::default();
    let done = Arc::new(AtomicUsize::new(0));
    let (task, mut root) = spawn(&rt, {
        let done = done.clone();
        async move {
            let arm = |ticks: usize| {
                let done = &done;
                shield(async move {
                    for _ in 0..ticks {
                        tick().await;
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                })
            };
            join(arm(3), arm(6)).await;
            tick().await;
            unreachable!("past the suspension");
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert_eq!(done.load(Ordering::SeqCst), 2);
    drop::<Task<()>>(task);
}

#[test]
fn a_shield_dropped_half_way_lifts_itself() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, async {
        {
            let mut half = pin!(shield(pending::<()>()));
            assert!(poll_once(half.as_mut()).is_pending());
        }
        pending::<()>().await;
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    assert!(poll_once(root.as_mut()).is_ready());
    assert!(result(&mut task).unwrap_err().is_cancelled());
}

#[test]
fn a_shield_gives_its_value_though_a_request_is_due() {
    let rt = Hand::default();
    let log = Log::default();
    let (task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let value = shield(async {
                tick().await;
                5
            })
            .await;
            // No gap: what was acquired is in our hands.
            say(&log, format!("got {value}"));
            tick().await;
            say(&log, "never");
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert_eq!(said(&log), ["got 5"]);
}

#[test]
fn a_region_inside_a_shield_is_stopped_by_its_own_token() {
    let rt = Hand::default();
    let token = CancelToken::new();
    let (mut task, mut root) = spawn(&rt, {
        let token = token.clone();
        async move {
            let inside = shield(async {
                let stopped = pending::<()>().until(&token).await;
                tick().await;
                stopped.unwrap_err()
            })
            .await;
            assert_eq!(inside.as_str(), "inner");
            tick().await;
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("outer");
    assert!(
        poll_once(root.as_mut()).is_pending(),
        "held back by the shield"
    );
    token.cancel("inner");
    finish(root.as_mut());
    assert_eq!(
        result(&mut task).unwrap_err().reason().unwrap().as_str(),
        "outer"
    );
}

#[test]
fn a_hole_in_a_mask_lets_a_request_in_and_the_rest_does_not() {
    for (polls, expected) in [
        (1, vec!["a", "b"]),
        (2, vec!["a", "b"]),
        (3, vec!["a", "b", "c"]),
    ] {
        let rt = Hand::default();
        let log = Log::default();
        let (task, mut root) = spawn(&rt, {
            let log = log.clone();
            uncancellable(move |mut mask| async move {
                say(&log, "a");
                tick().await;
                say(&log, "b");
                mask.open(tick()).await;
                say(&log, "c");
                tick().await;
                say(&log, "d");
            })
        });
        for _ in 0..polls {
            assert!(poll_once(root.as_mut()).is_pending());
        }
        task.cancel("test");
        finish(root.as_mut());
        let ended = said(&log);
        match polls {
            // Shielded again after the hole: runs to its end.
            3 => assert_eq!(ended, ["a", "b", "c", "d"]),
            _ => assert_eq!(ended, expected, "{polls}"),
        }
    }
}

#[test]
fn a_hole_inside_a_second_shield_stays_closed() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(
        &rt,
        shield(uncancellable(|mut mask| async move {
            mask.open(async {
                tick().await;
                tick().await;
            })
            .await;
            9
        })),
    );
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert_eq!(result(&mut task).unwrap(), 9);
}

// --- regions inside

#[test]
fn a_token_stops_its_region_and_nothing_around_it() {
    let rt = Hand::default();
    let log = Log::default();
    let token = CancelToken::new();
    let (mut task, mut root) = spawn(&rt, {
        let (log, token) = (log.clone(), token.clone());
        async move {
            let cleanup = log.clone();
            defer(async move { say(&cleanup, "outer clean-up") });
            let body = async {
                let cleanup = log.clone();
                defer(async move {
                    tick().await;
                    say(&cleanup, "inner clean-up");
                });
                let _local = OnDrop(log.clone(), "inner dropped");
                pending::<()>().await;
            };
            let reason = body.until(&token).await.unwrap_err();
            say(&log, format!("stopped: {reason}"));
            tick().await;
            5
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    token.cancel("enough");
    finish(root.as_mut());
    assert_eq!(result(&mut task).unwrap(), 5);
    let expected = [
        "inner dropped",
        "inner clean-up",
        "stopped: enough",
        "outer clean-up",
    ];
    assert_eq!(said(&log), expected);
}

#[test]
fn a_token_that_is_cancelled_already_starts_nothing() {
    let token = CancelToken::new();
    token.cancel("before");
    let body = async { unreachable!("polled") };
    let stopped: Result<(), _> = finish(pin!(body.until(&token))).0;
    assert_eq!(stopped.unwrap_err().as_str(), "before");
}

#[test]
fn a_body_that_never_waits_sees_its_token_at_a_checkpoint() {
    let token = CancelToken::new();
    let inside = token.clone();
    let rounds = Arc::new(AtomicUsize::new(0));
    let body = {
        let rounds = rounds.clone();
        async move {
            loop {
                checkpoint().await;
                assert!(!cancel_requested());
                if rounds.fetch_add(1, Ordering::SeqCst) == 9 {
                    inside.cancel("enough");
                    assert!(cancel_requested());
                }
            }
        }
    };
    let (stopped, polls): (Result<(), _>, _) = finish(pin!(body.until(&token)));
    assert_eq!(stopped.unwrap_err().as_str(), "enough");
    assert_eq!((rounds.load(Ordering::SeqCst), polls), (10, 1));
}

#[test]
fn a_region_that_has_ended_keeps_nothing_in_its_token() {
    let token = CancelToken::new();
    let before = format!("{token:?}");
    for _ in 0..100 {
        assert_eq!(finish(pin!(async { 1 }.until(&token))).0, Ok(1));
        let mut half = Box::pin(pending::<()>().until(&token));
        assert!(poll_once(half.as_mut()).is_pending());
        drop(half);
    }
    assert_eq!(format!("{token:?}"), before);
    token.cancel("nobody is there");
}

#[test]
fn a_value_is_given_though_the_token_is_cancelled() {
    let token = CancelToken::new();
    let inside = token.clone();
    let body = async move {
        inside.cancel("in the last poll");
        5
    };
    assert_eq!(finish(pin!(body.until(&token))).0, Ok(5));
}

#[test]
fn without_a_task_around_it_a_region_still_stops_and_cleans_up() {
    let token = CancelToken::new();
    let log = Log::default();
    let body = async {
        let cleanup = log.clone();
        defer(async move { say(&cleanup, "cleaned up") });
        pending::<()>().await;
    };
    let mut region = pin!(body.until(&token));
    assert!(poll_once(region.as_mut()).is_pending());
    token.cancel("test");
    assert!(finish(region).0.is_err());
    assert_eq!(said(&log), ["cleaned up"]);
}

#[test]
fn the_inner_region_unwinds_before_the_body_around_it() {
    let rt = Hand::default();
    let log = Log::default();
    let token = CancelToken::new();
    let (task, mut root) = spawn(&rt, {
        let (log, token) = (log.clone(), token.clone());
        async move {
            let _temporary = OnDrop(log.clone(), "temporary folder removed");
            let inner = async {
                let cleanup = log.clone();
                defer(async move {
                    tick().await;
                    say(&cleanup, "file closed");
                });
                pending::<()>().await;
            };
            let _ = inner.until(&token).await;
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert_eq!(said(&log), ["file closed", "temporary folder removed"]);
}

#[test]
fn what_a_request_around_it_stopped_returns_no_value() {
    let rt = Hand::default();
    let token = CancelToken::new();
    let tries = Arc::new(AtomicUsize::new(0));
    let (mut task, mut root) = spawn(&rt, {
        let (token, tries) = (token.clone(), tries.clone());
        async move {
            // A naive retry: it would spin in one poll if a stopped region gave an error.
            loop {
                tries.fetch_add(1, Ordering::SeqCst);
                if pending::<()>().until(&token).await.is_ok() {
                    break;
                }
            }
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    token.cancel("at the same time");
    finish(root.as_mut());
    assert_eq!(tries.load(Ordering::SeqCst), 1);
    assert!(result(&mut task).unwrap_err().is_cancelled());
}

#[test]
fn a_request_that_has_been_told_inside_only_gives_no_value_either() {
    // The canceller tells the inner region first; the task may be polled before it tells the root.
    for _ in 0..2_000 {
        let rt = Hand::default();
        let token = CancelToken::new();
        let (task, mut root) = spawn(&rt, async move {
            let _ = pending::<()>().until(&token).await;
        });
        assert!(poll_once(root.as_mut()).is_pending());
        let task = Arc::new(task);
        let canceller = std::thread::spawn({
            let task = task.clone();
            move || task.cancel("from another thread")
        });
        finish_spinning(root.as_mut());
        canceller.join().unwrap();
        let mut task = Arc::into_inner(task).unwrap();
        assert!(result(&mut task).unwrap_err().is_cancelled());
    }
}

/// Polls until another thread has brought the end about.
fn finish_spinning(mut root: Pin<&mut (dyn Future<Output = ()> + Send)>) {
    while poll_once(root.as_mut()).is_pending() {
        std::thread::yield_now();
    }
}

#[test]
fn a_region_dropped_half_way_leaves_its_clean_ups_to_the_task() {
    let rt = Hand::default();
    let log = Log::default();
    let token = CancelToken::new();
    let (mut task, mut root) = spawn(&rt, {
        let (log, token) = (log.clone(), token.clone());
        async move {
            let body = async {
                let cleanup = log.clone();
                defer(async move {
                    tick().await;
                    say(&cleanup, "cleaned up");
                });
                pending::<()>().await;
            };
            {
                let mut half = pin!(body.until(&token));
                assert!(poll_once(half.as_mut()).is_pending());
            }
            say(&log, "dropped");
            5
        }
    });
    finish(root.as_mut());
    assert_eq!(result(&mut task).unwrap(), 5);
    assert_eq!(
        said(&log),
        ["dropped", "cleaned up"],
        "the task waited for it"
    );
}

#[test]
fn a_loop_of_regions_dropped_half_way_keeps_nothing() {
    let rt = Hand::default();
    let cleaned = Arc::new(AtomicUsize::new(0));
    let token = CancelToken::new();
    let (_task, mut root) = spawn(&rt, {
        let (cleaned, token) = (cleaned.clone(), token.clone());
        async move {
            for _ in 0..100_000 {
                let cleaned = cleaned.clone();
                let connection = async move {
                    defer(async move {
                        cleaned.fetch_add(1, Ordering::SeqCst);
                    });
                    pending::<()>().await;
                };
                // What `select!` does to an arm that loses.
                select(pin!(connection.until(&token)), pin!(tick())).await;
            }
        }
    });
    let member = Arc::new(Mutex::new(None::<usize>));
    drop(member);
    let mut most = 0;
    let mut polls = 0;
    while poll_once(root.as_mut()).is_pending() {
        polls += 1;
        // Each round's clean-up has run a poll or two later: nothing piles up.
        most = most.max(polls - cleaned.load(Ordering::SeqCst).min(polls));
    }
    assert_eq!(cleaned.load(Ordering::SeqCst), 100_000);
    assert!(most <= 3, "{most} clean-ups were waiting at once");
}

#[test]
fn a_region_that_moves_to_another_task_belongs_to_that_one() {
    let rt = Hand::default();
    let log = Log::default();
    let token = CancelToken::new();
    let owned = token.clone();
    let inside = log.clone();
    let mut moving: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        let body = shield(async {
            tick().await;
            tick().await;
            say(&inside, "shielded part over");
            pending::<()>().await;
        });
        let _ = body.until(&owned).await;
    });
    // Polled once in a first task, with its shield open.
    let (first, mut first_root) = spawn(&rt, {
        let slot = Arc::new(Mutex::new(None));
        let give = slot.clone();
        let polled = poll_fn(move |cx| {
            assert!(moving.as_mut().poll(cx).is_pending());
            *give.lock().unwrap() = Some(std::mem::replace(&mut moving, Box::pin(pending())));
            Poll::Ready(())
        });
        async move {
            polled.await;
            let moved = slot.lock().unwrap().take();
            moved.map(Mutex::new)
        }
    });
    finish(first_root.as_mut());
    let mut first = first;
    let moved = result(&mut first).unwrap().unwrap().into_inner().unwrap();
    // Then in a second one, which it holds open.
    let (second, mut second_root) = spawn(&rt, moved);
    assert!(poll_once(second_root.as_mut()).is_pending());
    second.cancel("test");
    assert!(
        poll_once(second_root.as_mut()).is_pending(),
        "the shield moved along"
    );
    assert_eq!(said(&log), ["shielded part over"]);
    token.cancel("let it go");
    drop(second_root);
}

#[test]
fn regions_nest_two_hundred_deep() {
    fn deeper(left: usize, token: CancelToken, log: Log) -> BoxFuture {
        Box::pin(async move {
            let cleanup = log.clone();
            defer(async move { say(&cleanup, left.to_string()) });
            match left {
                0 => pending::<()>().await,
                _ => {
                    let inner = deeper(left - 1, token.clone(), log);
                    let _ = inner.until(&token).await;
                }
            }
        })
    }
    let rt = Hand::default();
    let log = Log::default();
    let token = CancelToken::new();
    let (task, mut root) = spawn(&rt, deeper(200, token, log.clone()));
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    let expected: Vec<String> = (0..=200).map(|n| n.to_string()).collect();
    assert_eq!(said(&log), expected, "inside out");
}

// --- clean-ups

#[test]
fn a_clean_up_may_shield_and_open_regions() {
    let rt = Hand::default();
    let log = Log::default();
    let token = CancelToken::new();
    let (task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            defer(async move {
                shield(tick()).await;
                say(&log, "shield over");
                let inner = async {
                    tick().await;
                    3
                };
                let value = inner.until(&token).await;
                say(&log, format!("{value:?}"));
            });
            pending::<()>().await;
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert_eq!(said(&log), ["shield over", "Ok(3)"]);
}

#[test]
fn a_destructor_may_defer() {
    struct Connection(Log);
    impl Drop for Connection {
        fn drop(&mut self) {
            let log = self.0.clone();
            defer(async move {
                tick().await;
                say(&log, "goodbye sent");
            });
        }
    }
    for cancel in [false, true] {
        let rt = Hand::default();
        let log = Log::default();
        let (task, mut root) = spawn(&rt, {
            let connection = Connection(log.clone());
            async move {
                let _connection = connection;
                tick().await;
            }
        });
        assert!(poll_once(root.as_mut()).is_pending());
        if cancel {
            task.cancel("test");
        }
        finish(root.as_mut());
        assert_eq!(said(&log), ["goodbye sent"], "cancel: {cancel}");
    }
}

#[test]
fn a_clean_up_may_defer_another() {
    let rt = Hand::default();
    let log = Log::default();
    let (_task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let (first, second) = (log.clone(), log.clone());
            defer(async move { say(&first, "first") });
            defer(async move {
                let third = second.clone();
                defer(async move { say(&third, "third") });
                tick().await;
                say(&second, "second");
            });
        }
    });
    finish(root.as_mut());
    assert_eq!(said(&log), ["second", "third", "first"]);
}

#[test]
fn defer_outside_any_task_is_refused() {
    assert!(crate::try_defer(async {}).is_err());
    let panicked = std::panic::catch_unwind(|| defer(async {}));
    assert!(panicked.is_err());
}

#[test]
fn a_root_in_place_cleans_up_too() {
    let rt = Hand::default();
    let log = Log::default();
    let inside = log.clone();
    let value = finish(pin!(rooted(&rt, async move {
        let cleanup = inside.clone();
        defer(async move {
            tick().await;
            say(&cleanup, "cleaned up");
        });
        5
    })));
    assert_eq!(value.0, 5);
    assert_eq!(said(&log), ["cleaned up"]);
}

// --- questions

#[test]
fn cancel_requested_tells_of_requests_that_are_held_back() {
    let rt = Hand::default();
    let seen = Arc::new(AtomicBool::new(false));
    let (task, mut root) = spawn(&rt, {
        let seen = seen.clone();
        async move {
            shield(async {
                assert!(!cancel_requested());
                tick().await;
                seen.store(cancel_requested(), Ordering::SeqCst);
            })
            .await;
            checkpoint().await;
            unreachable!("past the checkpoint");
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert!(seen.load(Ordering::SeqCst));
    drop::<Task<()>>(task);
    assert!(!cancel_requested(), "outside any task");
}

#[test]
fn a_cancelled_task_with_a_shield_is_polled_only_when_something_happens() {
    let rt = Hand::default();
    let (task, mut root) = spawn(&rt, async {
        shield(async {
            for _ in 0..5 {
                tick().await;
            }
        })
        .await;
        tick().await;
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    let ((), polls) = finish(root.as_mut());
    assert!(polls <= 6, "{polls}");
}

#[test]
fn nothing_of_a_region_stays_in_the_thread() {
    let token = CancelToken::new();
    finish(pin!(async { 1 }.until(&token))).0.unwrap();
    finish(pin!(shield(async { 1 })));
    assert_eq!(frame::mask(), 0);
    assert_eq!(frame::place(), 0);
    assert!(!frame::is_polling());
}
