//! Waiting for the first.

use std::future::{Ready, pending, ready};
use std::pin::pin;
use std::sync::{Arc, Mutex};

use super::{Log, OnDrop, finish, listen, panic_of, poll_once, reported, said, say, spawn};
use crate::task::tests::{Hand, tick};
use crate::{Phase, cancel_requested, checkpoint, defer, race, race_fair, shield};

async fn after<T>(ticks: usize, value: T) -> T {
    for _ in 0..ticks {
        tick().await;
    }
    value
}

#[test]
fn the_first_to_end_decides() {
    assert_eq!(finish(pin!(race((after(2, 'a'), after(1, 'b'))))).0, 'b');
    assert_eq!(finish(pin!(race([after(1, 'a'), after(2, 'b')]))).0, 'a');
    let many = vec![after(4, 'a'), after(2, 'b'), after(3, 'c')];
    assert_eq!(finish(pin!(race(many))).0, Some('b'));
    assert_eq!(finish(pin!(race(Vec::<Ready<u8>>::new()))).0, None);
    assert_eq!(finish(pin!(race((ready(1),)))).0, 1);
}

#[test]
fn ties_go_to_the_first_argument_and_the_rest_never_starts() {
    let log = Log::default();
    let arm = |n: u8| {
        let log = log.clone();
        async move {
            say(&log, n.to_string());
            n
        }
    };
    assert_eq!(finish(pin!(race((arm(1), arm(2), arm(3))))).0, 1);
    assert_eq!(finish(pin!(race(vec![arm(4), arm(5)]))).0, Some(4));
    assert_eq!(said(&log), ["1", "4"]);
    // Also where the later one was woken first.
    let order: Vec<_> = (0..4).map(|n| after(1, n)).collect();
    assert_eq!(finish(pin!(race(order))).0, Some(0));
}

#[test]
fn a_seed_decides_ties_and_the_same_seed_the_same_way() {
    let rounds = |seed: u64| {
        let tuple = finish(pin!(race_fair(
            seed,
            (after(1, 0), after(1, 1), after(1, 2))
        )))
        .0;
        let many = finish(pin!(race_fair(
            seed,
            [after(1, 0), after(1, 1), after(1, 2)]
        )))
        .0;
        (tuple, many)
    };
    let mut won = [[0; 3]; 2];
    for seed in 0..300 {
        let (tuple, many) = rounds(seed);
        assert_eq!((tuple, many), rounds(seed));
        won[0][tuple] += 1;
        won[1][many] += 1;
    }
    assert!(won.iter().flatten().all(|&won| won > 60), "{won:?}");
}

#[test]
fn losers_are_stopped_in_the_poll_in_which_the_verdict_falls() {
    // Nothing would wake the loser later.
    assert_eq!(finish(pin!(race((pending(), after(1, 5))))), (5, 2));
    assert_eq!(
        finish(pin!(race([0, 1].map(|n| async move {
            match n {
                0 => pending().await,
                _ => after(1, 5).await,
            }
        })))),
        (5, 2)
    );
}

#[test]
fn losers_are_drained_before_the_race_returns() {
    for many in [false, true] {
        let log = Log::default();
        let arm = |n: u8| {
            let log = log.clone();
            async move {
                match n {
                    0 => {
                        let cleanup = log.clone();
                        defer(async move {
                            tick().await;
                            say(&cleanup, "loser cleaned up");
                        });
                        let _local = OnDrop(log.clone(), "loser dropped");
                        shield(after(3, ())).await;
                        assert!(cancel_requested(), "it was asked meanwhile");
                        say(&log, "shield over");
                        checkpoint().await;
                        unreachable!("past a checkpoint");
                    }
                    _ => after(1, n).await,
                }
            }
        };
        let won = match many {
            false => finish(pin!(race((arm(0), arm(1))))).0,
            true => finish(pin!(race(vec![arm(0), arm(1)]))).0.unwrap(),
        };
        assert_eq!(won, 1);
        let expected = ["shield over", "loser dropped", "loser cleaned up"];
        assert_eq!(said(&log), expected, "many: {many}");
    }
}

#[test]
fn a_late_value_is_dropped_inside_its_region() {
    struct Connection(Log);
    impl Drop for Connection {
        fn drop(&mut self) {
            let log = self.0.clone();
            defer(async move {
                tick().await;
                say(&log, "connection closed");
            });
        }
    }
    let log = Log::default();
    let late = shield(async {
        tick().await;
        tick().await;
        Some(Connection(log.clone()))
    });
    // In no task: only the arm's own region can take the clean-up.
    let won = finish(pin!(race((late, async { None })))).0;
    assert!(won.is_none());
    let slow = async { Some(shield(after(3, Connection(log.clone()))).await) };
    let won = finish(pin!(race((slow, after(1, None))))).0;
    assert!(won.is_none());
    say(&log, "race over");
    let expected = ["connection closed", "connection closed", "race over"];
    assert_eq!(said(&log), expected);
}

#[test]
fn a_first_panic_goes_on_after_the_drain() {
    let log = Log::default();
    let loser = async {
        let cleanup = log.clone();
        defer(async move {
            tick().await;
            say(&cleanup, "cleaned up");
        });
        pending::<()>().await;
    };
    let text = panic_of(|| finish(pin!(race((loser, async { panic!("first") })))).0);
    assert_eq!(text, "first");
    assert_eq!(said(&log), ["cleaned up"]);
}

#[test]
fn a_losers_late_panic_goes_to_the_hook() {
    listen();
    let bad = async {
        shield(after(2, ())).await;
        panic!("race: late")
    };
    assert_eq!(finish(pin!(race((bad, after(1, 7))))).0, 7);
    assert_eq!(reported("race: late"), [Phase::Body]);

    let destructor = async {
        struct Bad;
        impl Drop for Bad {
            fn drop(&mut self) {
                panic!("race: destructor");
            }
        }
        let _bad = Bad;
        pending().await
    };
    assert_eq!(finish(pin!(race((destructor, after(1, 7))))).0, 7);
    assert_eq!(reported("race: destructor").len(), 1);

    let cleanup = async {
        defer(async { panic!("race: clean-up") });
        pending().await
    };
    assert_eq!(finish(pin!(race((cleanup, after(1, 7))))).0, 7);
    assert_eq!(reported("race: clean-up"), [Phase::CleanUp]);
}

#[test]
fn a_loser_knows_why_it_was_stopped() {
    use crate::{CancelToken, Cancellable};
    // A loser that is a region polled elsewhere would show the reason; here its own region does.
    let rt = Hand::default();
    let token = CancelToken::new();
    let seen = Arc::new(Mutex::new(false));
    let (mut task, mut root) = spawn(&rt, {
        let seen = seen.clone();
        async move {
            let loser = async {
                shield(async {
                    tick().await;
                    tick().await;
                    *seen.lock().unwrap() = cancel_requested();
                })
                .await;
                pending().await
            };
            race((loser, after(1, 3))).until(&token).await.unwrap()
        }
    });
    finish(root.as_mut());
    assert_eq!(super::result(&mut task).unwrap(), 3);
    assert!(*seen.lock().unwrap());
}

#[test]
fn polling_after_the_end_panics_and_says_so() {
    let text = panic_of(|| {
        let mut over = pin!(race(vec![ready(1)]));
        finish(over.as_mut());
        let _ = poll_once(over);
    });
    assert_eq!(text, "a `race` future was polled after it was ready");
}
