//! Several futures in one task, of which the first counts.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{Runtime, cancel_requested, defer, race, race_fair, race_ok, shield};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{Alive, until, yield_once};

type Log = Arc<Mutex<Vec<&'static str>>>;

fn say(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

pub async fn the_first_to_end_wins_and_the_loser_is_gone<H: Harness>(rt: H::Handle) {
    let alive = Alive::default();
    let held = alive.clone();
    let sleeper = rt.clone();
    let slow = async move {
        let _held = held;
        sleeper.sleep(Duration::MAX).await;
        "slow"
    };
    let fast = rt.spawn(async { "fast" });
    let won = race((slow, async { fast.await.unwrap() })).await;
    assert_eq!(won, "fast");
    assert_eq!(alive.others(), 0);
}

pub async fn the_shields_and_clean_ups_of_losers_come_first<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (start, started) = oneshot::channel();
    let sleeper = rt.clone();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            let loser = async {
                let cleanup = log.clone();
                defer(async move {
                    sleeper.sleep(Duration::from_micros(10)).await;
                    say(&cleanup, "cleaned up");
                });
                shield(async {
                    start.send(()).unwrap();
                    until(cancel_requested).await;
                    say(&log, "shield over");
                })
                .await;
                pending().await
            };
            let winner = async {
                started.await.unwrap();
                5
            };
            let won = race((loser, winner)).await;
            say(&log, "race over");
            won
        }
    });
    assert_eq!(task.await.unwrap(), 5);
    let expected = ["shield over", "cleaned up", "race over"];
    assert_eq!(*log.lock().unwrap(), expected);
}

pub async fn a_loop_of_races_leaves_nothing<H: Harness>(rt: H::Handle) {
    let (opened, closed) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (opened, rounds) = (&opened, 1_000);
    for round in 0..rounds {
        let connection = async {
            opened.fetch_add(1, Ordering::SeqCst);
            let closed = closed.clone();
            defer(async move {
                yield_once().await;
                closed.fetch_add(1, Ordering::SeqCst);
            });
            pending::<()>().await;
        };
        assert_eq!(race((connection, async { yield_once().await })).await, ());
        // A pool of one would not starve.
        assert_eq!(closed.load(Ordering::SeqCst), round + 1);
    }
    assert_eq!(opened.load(Ordering::SeqCst), rounds);
    drop(rt);
}

pub async fn a_race_of_many_tasks_ends_with_the_first<H: Harness>(rt: H::Handle) {
    let (win, won) = oneshot::channel();
    let mut tasks: Vec<_> = (0..1_000).map(|_| rt.spawn(pending::<u8>())).collect();
    tasks.push(rt.spawn(async { won.await.unwrap() }));
    let sender = rt.spawn(async move { win.send(9) });
    let first = race(tasks).await.unwrap();
    assert_eq!(first.unwrap(), 9);
    sender.await.unwrap().unwrap();
}

pub async fn a_request_during_a_race_gives_no_value<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (start, started) = oneshot::channel();
    let (open, gate) = oneshot::channel::<()>();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            let cleanup = log.clone();
            let loser = async {
                defer(async move {
                    start.send(()).unwrap();
                    gate.await.unwrap();
                    say(&cleanup, "cleaned up");
                });
                pending::<()>().await;
            };
            race((loser, yield_once())).await;
            say(&log, "never");
        }
    });
    started.await.unwrap();
    task.cancel("while the loser is drained");
    open.send(()).unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(*log.lock().unwrap(), ["cleaned up"]);
}

pub async fn the_first_ok_comes_with_the_errors_before_it<H: Harness>(rt: H::Handle) {
    let (good, is_good) = oneshot::channel();
    let bad = async {
        good.send(()).unwrap();
        Err("out of cheese")
    };
    let fine = async {
        is_good.await.unwrap();
        Ok(1)
    };
    let (won, errors) = race_ok((bad, fine)).await.unwrap();
    assert_eq!((won, errors.len()), (1, 1));
    assert_eq!(errors[0].error(), Some(&"out of cheese"));

    let tasks = [
        rt.spawn(async { panic!("a") }),
        rt.spawn(async { panic!("b") }),
    ];
    let error = race_ok(tasks.map(|task: anyrt_core::Task<u8>| task)).await;
    assert_eq!(error.unwrap_err().errors().unwrap().len(), 2);
}

pub async fn a_seed_decides_ties_alike_everywhere<H: Harness>(rt: H::Handle) {
    let won = rt.spawn(async {
        let mut won = Vec::new();
        for seed in 0..8 {
            won.push(race_fair(seed, (async { 0 }, async { 1 }, async { 2 })).await);
        }
        won
    });
    let won = won.await.unwrap();
    let mut again = Vec::new();
    for seed in 0..8 {
        again.push(race_fair(seed, (async { 0 }, async { 1 }, async { 2 })).await);
    }
    assert_eq!(won, again);
    assert!((0..3).all(|arm| won.contains(&arm)), "{won:?}");
}
