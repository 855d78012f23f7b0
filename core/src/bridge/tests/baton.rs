//! Batons, passed between threads.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::region::tests::{Log, poll_once, said, say};
use crate::{BatonGroup, blocking_wait};

/// A thread that says `word` as a member, when it is known to be in line.
fn in_line(group: &BatonGroup, log: &Log, word: &'static str) -> thread::JoinHandle<()> {
    let before = group.waiting();
    let (inside, log) = (group.clone(), log.clone());
    let thread = thread::spawn(move || inside.run(|| say(&log, word)));
    while group.waiting() == before {
        thread::yield_now();
    }
    thread
}

/// Runs `f` while another thread has the baton.
fn while_held(group: &BatonGroup, f: impl FnOnce()) {
    let (has_it, holds) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let inside = group.clone();
    let thread = thread::spawn(move || {
        inside.run(|| {
            has_it.send(()).unwrap();
            ends.recv().unwrap();
        });
    });
    holds.recv().unwrap();
    f();
    end.send(()).unwrap();
    thread.join().unwrap();
}

#[test]
fn they_have_their_turns_in_the_order_in_which_they_came() {
    let (group, log) = (BatonGroup::new(), Log::default());
    let threads = group.run(|| {
        let threads = ["b", "c", "d"].map(|word| in_line(&group, &log, word));
        say(&log, "a");
        threads
    });
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(said(&log), ["a", "b", "c", "d"]);
    assert_eq!(group.waiting(), 0);
}

#[test]
fn one_runs_at_a_time_whatever_happens() {
    const MANY: usize = 8;
    let group = BatonGroup::new();
    let inside = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..MANY)
        .map(|n| {
            let (group, inside) = (group.clone(), inside.clone());
            thread::spawn(move || {
                let alone = || {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                };
                for round in 0..200 {
                    group.run(|| {
                        alone();
                        if (round + n) % 3 == 0 {
                            blocking_wait(thread::yield_now);
                            alone();
                        }
                    });
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn who_waits_passes_it_on_and_stands_at_the_end_afterwards() {
    let (group, log) = (BatonGroup::new(), Log::default());
    let (go_on, waits) = mpsc::channel();
    let threads = group.run(|| {
        let b = in_line(&group, &log, "b");
        say(&log, "a");
        let second = group.clone();
        let log = log.clone();
        blocking_wait(|| {
            // Only when `b` has had its turn does this end.
            b.join().unwrap();
            let seen = log.clone();
            let c = thread::spawn(move || {
                second.run(|| {
                    go_on.send(()).unwrap();
                    say(&seen, "c");
                });
            });
            waits.recv().unwrap();
            c
        })
    });
    say(&log, "a again");
    threads.join().unwrap();
    assert_eq!(said(&log), ["a", "b", "c", "a again"]);
}

#[test]
fn a_panic_passes_it_on() {
    let (group, log) = (BatonGroup::new(), Log::default());
    let mut next = None;
    let panics = catch_unwind(AssertUnwindSafe(|| {
        group.run(|| {
            next = Some(in_line(&group, &log, "next"));
            panic!("on purpose");
        });
    }));
    assert!(panics.is_err());
    next.unwrap().join().unwrap();
    assert_eq!(said(&log), ["next"]);
}

#[test]
fn a_member_calls_another_directly() {
    let group = BatonGroup::new();
    let inside = group.clone();
    assert_eq!(
        group.run(|| inside.run(|| poll_once(pin!(inside.call(|| 5))))),
        Poll::Ready(5)
    );
}

#[test]
fn who_calls_into_another_group_has_one_baton_at_a_time() {
    let (one, two) = (BatonGroup::new(), BatonGroup::new());
    let crossed = |a: &BatonGroup, b: &BatonGroup| {
        let (a, b) = (a.clone(), b.clone());
        thread::spawn(move || {
            for _ in 0..300 {
                a.run(|| b.run(thread::yield_now));
            }
        })
    };
    for thread in [crossed(&one, &two), crossed(&two, &one)] {
        thread.join().unwrap();
    }
    let log = Log::default();
    one.run(|| {
        let other = in_line(&one, &log, "other");
        // It has its turn while this one is in the other group.
        two.run(|| other.join().unwrap());
        say(&log, "back");
    });
    assert_eq!(said(&log), ["other", "back"]);
}

#[test]
fn a_task_waits_for_its_turn_without_its_thread() {
    let group = BatonGroup::new();
    let mut call = pin!(group.call(|| 5));
    while_held(&group, || {
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(group.waiting(), 1);
    });
    assert_eq!(poll_once(call.as_mut()), Poll::Ready(5));
    let again = catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut())));
    assert!(again.is_err());
}

#[test]
fn one_that_is_dropped_in_line_or_with_the_baton_stops_nobody() {
    let group = BatonGroup::new();
    let call = || Box::pin(group.call(|| 5));
    let (mut first, mut second, mut third) = (call(), call(), call());
    while_held(&group, || {
        for call in [&mut first, &mut second, &mut third] {
            assert!(poll_once(call.as_mut()).is_pending());
        }
    });
    // The first has it by now, and does not know.
    drop(second);
    assert_eq!(group.waiting(), 1);
    drop(first);
    assert_eq!(poll_once(third.as_mut()), Poll::Ready(5));
}

#[test]
fn in_async_code_it_says_what_to_do() {
    let rt = crate::region::tests::by_hand::Clocked::default();
    let group = BatonGroup::new();
    let mut future = Box::pin(crate::rooted(&rt, async move { group.run(|| ()) }));
    let poll = || Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()));
    let panic = catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
    let text = panic.downcast_ref::<&str>().unwrap();
    assert!(text.contains("group.call(..)"), "{text}");
}
