//! Cancelling many, cancelling in two stages, and waiting for oneself.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::by_hand::Play;
use super::{Log, poll_once, result, said, say};
use crate::task::tests::tick;
use crate::{CancelToken, Cancellable, Phase, Runtime, Task, cancel_all, defer, shield};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn many_are_asked_at_the_call_and_their_results_come_in_order() {
    let mut play = Play::default();
    let mut tasks = vec![play.start(async { 0 })];
    for n in 1..40_usize {
        tasks.push(play.start(async move {
            shield(async move {
                for _ in n..41 {
                    tick().await;
                }
            })
            .await;
            if n % 2 == 0 { n } else { pending().await }
        }));
    }
    let all = cancel_all(tasks, "enough");
    play.finish();
    let mut all = all;
    let Poll::Ready(results) = poll_once(Pin::new(&mut all)) else {
        panic!("all are gone");
    };
    assert_eq!(results.len(), 40);
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(value) => assert_eq!((value, n % 2), (n, 0)),
            Err(error) => assert_eq!(
                (n % 2, error.reason().unwrap().as_str()),
                (1, "enough"),
                "{n}"
            ),
        }
    }
    assert!(poll_once(Pin::new(&mut all)).is_ready(), "an empty list");
}

#[test]
fn cancelling_nobody_is_ready_at_once() {
    let mut none = cancel_all(Vec::<Task<()>>::new(), "test");
    assert_eq!(
        poll_once(Pin::new(&mut none)).map(|all| all.len()),
        Poll::Ready(0)
    );
}

#[test]
fn who_is_not_gone_after_the_grace_period_is_killed() {
    let mut play = Play::default();
    let log = Log::default();
    let slow = |seconds: u64| {
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            defer(async move {
                rt.sleep(SECOND * u32::try_from(seconds).unwrap()).await;
                say(&log, format!("cleaned up after {seconds}"));
            });
            pending::<()>().await;
        }
    };
    let (two, ten, alone) = (slow(2), slow(10), slow(10));
    let tasks = [play.start(two), play.start(ten)];
    let alone = play.start(alone);
    let grace = SECOND * 5;
    let rt = play.rt.clone();
    let mut both = Box::pin(cancel_all(tasks, "test").kill_after(&rt, grace));
    let mut alone = Box::pin(alone.cancel_and_wait().kill_after(&rt, grace));
    for _ in 0..4 {
        play.turns(3);
        assert!(poll_once(both.as_mut()).is_pending());
        assert!(poll_once(alone.as_mut()).is_pending());
        play.rt.advance(SECOND);
    }
    assert_eq!(said(&log), ["cleaned up after 2"]);
    play.rt.advance(SECOND);
    assert!(
        poll_once(both.as_mut()).is_pending(),
        "killed, but not gone"
    );
    assert!(poll_once(alone.as_mut()).is_pending());
    play.finish();
    let Poll::Ready(results) = poll_once(both.as_mut()) else {
        panic!("both are gone");
    };
    let killed: Vec<bool> = results
        .into_iter()
        .map(|result| {
            let error = result.unwrap_err();
            assert_eq!(error.reason().unwrap().as_str(), "test");
            error.failures().iter().any(|f| f.phase() == Phase::Killed)
        })
        .collect();
    assert_eq!(killed, [false, true]);
    let Poll::Ready(Err(error)) = poll_once(alone.as_mut()) else {
        panic!("it is gone");
    };
    assert_eq!(error.failures()[0].phase(), Phase::Killed);
}

#[test]
fn who_is_gone_in_time_is_not_killed() {
    let mut play = Play::default();
    let task = play.start(shield(async {
        tick().await;
        5
    }));
    let rt = play.rt.clone();
    let mut gone = Box::pin(task.cancel_and_wait().kill_after(&rt, SECOND));
    assert!(poll_once(gone.as_mut()).is_pending());
    play.finish();
    play.rt.advance(SECOND);
    let Poll::Ready(value) = poll_once(gone.as_mut()) else {
        panic!("it is gone");
    };
    assert_eq!(value.unwrap(), 5);
}

// --- waiting for oneself

/// A task that is given its own handle.
fn with_itself<F, T>(play: &mut Play, body: impl FnOnce(Task<T>) -> F + Send + 'static) -> Log
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let log = Log::default();
    let slot = Arc::new(Mutex::new(None::<Task<T>>));
    let task = {
        let (slot, log) = (Arc::clone(&slot), log.clone());
        let words = play.rt.clone();
        words.spawn_with().name("narcissus").spawn(async move {
            let this = slot.lock().unwrap().take().unwrap();
            let value = body(this).await;
            say(&log, "over");
            value
        })
    };
    *slot.lock().unwrap() = Some(task);
    play.finish();
    log
}

#[test]
fn a_task_that_awaits_itself_learns_of_it_and_both_names() {
    let seen = Log::default();
    let log = seen.clone();
    with_itself(&mut Play::default(), async move |this: Task<()>| {
        let error = this.await.unwrap_err();
        assert!(error.is_oneself() && !error.is_cancelled());
        say(&log, error.to_string());
    });
    let said = said(&seen);
    let text = &said[0];
    assert_eq!(text.matches("`narcissus`").count(), 2, "{text}");
}

#[test]
fn a_task_that_cancels_itself_and_waits_has_made_the_request() {
    let seen = Log::default();
    let log = seen.clone();
    let ended = with_itself(&mut Play::default(), async move |this: Task<()>| {
        let error = this.cancel_and_wait().await.unwrap_err();
        say(&log, format!("{}", error.is_oneself()));
        tick().await;
    });
    assert_eq!(said(&seen), ["true"]);
    assert!(
        said(&ended).is_empty(),
        "it is stopped where it suspends next"
    );
}

#[test]
fn a_child_that_awaits_the_task_it_is_in_learns_of_it_at_any_depth() {
    let seen = Log::default();
    let log = seen.clone();
    let mut play = Play::default();
    let rt = play.rt.clone();
    with_itself(&mut play, async move |this: Task<()>| {
        let token = CancelToken::new();
        let inner = rt.clone();
        let nested = rt.scope(async |s| {
            s.spawn(async move {
                let body = async |s: crate::Scope<_>| {
                    s.spawn(shield(async move {
                        let error = this.await.unwrap_err();
                        say(&log, format!("{}", error.is_oneself()));
                    }))
                    .await;
                };
                inner.scope(body).await;
            });
        });
        let _ = nested.until(&token).await;
    });
    assert_eq!(said(&seen), ["true"]);
}

#[test]
fn a_task_that_awaits_another_which_awaits_a_third_just_waits() {
    let mut play = Play::default();
    let third = play.start(async {
        tick().await;
        3
    });
    let second = play.start(async move { third.await.unwrap() });
    let mut first = play.start(async move { second.await.unwrap() });
    play.finish();
    assert_eq!(result(&mut first).unwrap(), 3);
}

#[test]
fn a_finished_task_is_no_wait_for_oneself() {
    let mut play = Play::default();
    let mut done = play.start(async { 5 });
    let mut task = play.start(async move { poll_fn(|cx| Pin::new(&mut done).poll(cx)).await });
    play.finish();
    assert_eq!(result(&mut task).unwrap().unwrap(), 5);
}
