//! Waiting for all.

use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::pin;
use std::rc::Rc;

use super::{Log, OnDrop, finish, listen, panic_of, poll_once, reported, said, say, spawn};
use crate::task::tests::{Hand, tick};
use crate::{defer, gather, gather_all, shield, try_gather};

async fn after<T>(ticks: usize, value: T) -> T {
    for _ in 0..ticks {
        tick().await;
    }
    value
}

#[test]
fn values_come_in_the_order_of_the_arguments() {
    let (values, polls) = finish(pin!(gather((after(3, 1), after(1, "two"), after(2, '3')))));
    assert_eq!(values, (1, "two", '3'));
    assert_eq!(polls, 4, "at once, not one after the other");

    assert_eq!(
        finish(pin!(gather([3, 1, 2].map(|n| after(n, n))))).0,
        [3, 1, 2]
    );
    let many = vec![after(3, 'a'), after(1, 'b')];
    assert_eq!(finish(pin!(gather(many))).0, ['a', 'b']);
}

#[test]
fn every_length_of_tuple_is_gathered() {
    let f = |n: u8| ready(n);
    assert_eq!(finish(pin!(gather(()))).0, ());
    assert_eq!(finish(pin!(gather((f(1),)))).0, (1,));
    assert_eq!(finish(pin!(gather((f(1), f(2))))).0, (1, 2));
    assert_eq!(
        finish(pin!(gather((f(1), f(2), f(3), f(4))))).0,
        (1, 2, 3, 4)
    );
    assert_eq!(
        finish(pin!(gather((
            f(1),
            f(2),
            f(3),
            f(4),
            f(5),
            f(6),
            f(7),
            f(8)
        ))))
        .0,
        (1, 2, 3, 4, 5, 6, 7, 8)
    );
    let none: [std::future::Ready<u8>; 0] = [];
    assert_eq!(finish(pin!(gather(none.clone()))).0, []);
    assert_eq!(finish(pin!(gather(Vec::from(none)))).0, []);
    let none = Vec::<std::future::Ready<Result<u8, u8>>>::new();
    assert_eq!(finish(pin!(try_gather(none))).0.unwrap(), []);
}

#[test]
fn arms_may_borrow_and_need_not_be_send() {
    let here = Rc::new(Cell::new(0));
    let add = |n: i32| {
        let here = &here;
        async move {
            tick().await;
            here.set(here.get() + n);
            here.get()
        }
    };
    assert_eq!(finish(pin!(gather((add(1), add(2), add(4))))).0, (1, 3, 7));
    assert_eq!(here.get(), 7);
}

#[test]
fn what_an_arm_defers_runs_when_the_arm_ends() {
    let log = Log::default();
    let arm = |name: &'static str, ticks: usize| {
        let log = log.clone();
        async move {
            let cleanup = log.clone();
            defer(async move {
                tick().await;
                say(&cleanup, format!("{name} cleaned up"));
            });
            let _local = OnDrop(log.clone(), "local dropped");
            after(ticks, ()).await;
        }
    };
    // In no task at all.
    finish(pin!(gather([arm("a", 4), arm("b", 0)])));
    say(&log, "gathered");
    let expected = [
        "local dropped",
        "b cleaned up",
        "local dropped",
        "a cleaned up",
        "gathered",
    ];
    assert_eq!(said(&log), expected);
}

#[test]
fn a_panic_goes_on_once_the_others_are_drained() {
    let log = Log::default();
    let shielded = async {
        let cleanup = log.clone();
        defer(async move {
            tick().await;
            say(&cleanup, "cleaned up");
        });
        shield(after(3, ())).await;
        say(&log, "shield over");
        tick().await;
        say(&log, "never");
    };
    let bad = async {
        tick().await;
        panic!("first");
    };
    let text = panic_of(|| {
        finish(pin!(gather((shielded, bad, pending::<()>()))));
    });
    assert_eq!(text, "first");
    assert_eq!(said(&log), ["shield over", "cleaned up"]);
}

#[test]
fn a_second_panic_goes_to_the_hook() {
    listen();
    let late = |text: &'static str| async move {
        shield(after(2, ())).await;
        std::panic::panic_any(text);
    };
    for form in ["tuple", "vec"] {
        let text = panic_of(|| match form {
            "tuple" => {
                let first = async { panic!("gather: first") };
                finish(pin!(gather((late("gather: second, tuple"), first))));
            }
            _ => {
                let arm = |n| async move {
                    match n {
                        0 => late("gather: second, vec").await,
                        _ => panic!("gather: first"),
                    }
                };
                finish(pin!(gather(vec![arm(0), arm(1)])));
            }
        });
        assert_eq!(text, "gather: first");
    }
    assert_eq!(reported("gather: second, tuple").len(), 1);
    assert_eq!(reported("gather: second, vec").len(), 1);
    assert_eq!(reported("gather: first").len(), 0);
}

#[test]
fn an_arm_that_was_not_polled_when_another_fails_never_runs() {
    let log = Log::default();
    let never = async {
        say(&log, "ran");
    };
    let text = panic_of(|| {
        finish(pin!(gather((async { panic!("at once") }, never))));
    });
    assert_eq!(text, "at once");
    assert!(said(&log).is_empty());
}

#[test]
fn gather_all_stops_nobody_and_gives_each_outcome() {
    listen();
    let bad = async {
        defer(async { panic!("gather_all: clean-up") });
        panic!("gather_all: body");
    };
    let (fine, bad, late) = finish(pin!(gather_all((after(1, 1), bad, after(5, 3))))).0;
    let bad: Result<(), _> = bad;
    let bad = bad.unwrap_err();
    assert_eq!((fine.unwrap(), late.unwrap()), (1, 3));
    assert_eq!(bad.panic_message().as_deref(), Some("gather_all: body"));
    assert_eq!(bad.failures().len(), 1, "and what failed beside it");
    assert!(reported("gather_all: clean-up").is_empty());

    let arm = |n: u8| async move {
        assert_ne!(n, 1, "the second one");
        n
    };
    let outcomes = finish(pin!(gather_all([arm(0), arm(1), arm(2)]))).0;
    assert_eq!(outcomes.map(|outcome| outcome.is_ok()), [true, false, true]);
}

#[test]
fn a_panic_that_was_collected_is_reported_when_nobody_can_receive_it() {
    listen();
    {
        let bad = async { panic!("gather_all: dropped half-way") };
        let mut half = pin!(gather_all((bad, pending::<()>())));
        let polled: std::task::Poll<(Result<(), _>, _)> = poll_once(half.as_mut());
        assert!(polled.is_pending());
        assert!(reported("gather_all: dropped half-way").is_empty());
    }
    assert_eq!(reported("gather_all: dropped half-way").len(), 1);
}

#[test]
fn a_gather_that_is_dropped_half_way_leaves_its_clean_ups_to_the_task() {
    for many in [false, true] {
        let rt = Hand::default();
        let log = Log::default();
        let (_task, mut root) = spawn(&rt, {
            let log = log.clone();
            async move {
                let arm = |n: u8| {
                    let log = log.clone();
                    async move {
                        let cleanup = log.clone();
                        defer(async move {
                            tick().await;
                            say(&cleanup, format!("cleaned up {n}"));
                        });
                        pending::<()>().await;
                    }
                };
                if many {
                    let mut half = pin!(gather(vec![arm(1), arm(2)]));
                    assert!(poll_once(half.as_mut()).is_pending());
                } else {
                    let mut half = pin!(gather((arm(1), arm(2))));
                    assert!(poll_once(half.as_mut()).is_pending());
                }
                say(&log, "dropped");
            }
        });
        finish(root.as_mut());
        let mut log = said(&log);
        assert_eq!(log.remove(0), "dropped");
        log.sort();
        assert_eq!(log, ["cleaned up 1", "cleaned up 2"], "many: {many}");
    }
}

#[test]
fn polling_after_the_end_panics_and_says_so() {
    let text = panic_of(|| {
        let mut over = pin!(gather((ready(1), ready(2))));
        finish(over.as_mut());
        let _ = poll_once(over);
    });
    assert_eq!(text, "a `gather` future was polled after it was ready");
}

#[test]
fn gathers_nest() {
    let inner = |n: usize| gather([after(n, n), after(1, 1)]);
    let nested = gather((gather(vec![inner(2), inner(3)]), after(1, 'x')));
    assert_eq!(finish(pin!(nested)).0, (vec![[2, 1], [3, 1]], 'x'));
}
