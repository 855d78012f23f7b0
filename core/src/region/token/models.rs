//! A token in all interleavings: a request, and who registers, leaves, or is made meanwhile.

use std::sync::Arc;

use super::CancelToken;
use crate::sync::model::{Count, Polled, model, thread};

fn cancels(token: &CancelToken) -> thread::JoinHandle<bool> {
    let token = token.clone();
    thread::spawn(move || token.cancel("enough"))
}

#[test]
fn a_callback_that_is_registered_meanwhile_is_called_once() {
    model(|| {
        let token = CancelToken::new();
        let cancels = cancels(&token);
        let called = Count::new();
        let handle = token.on_cancel({
            let called = called.clone();
            move |_| called.add()
        });
        cancels.join().unwrap();
        assert_eq!(called.get(), 1);
        drop(handle);
    });
}

#[test]
fn a_callback_that_leaves_is_called_or_dropped_but_never_kept() {
    model(|| {
        let token = CancelToken::new();
        let (called, dropped) = (Count::new(), Count::new());
        let handle = token.on_cancel({
            let (called, held) = (called.clone(), dropped.on_drop());
            move |_| {
                let _held = held;
                called.add();
            }
        });
        let cancels = cancels(&token);
        drop(handle);
        let in_time = !token.is_cancelled();
        cancels.join().unwrap();
        assert!(called.get() <= usize::from(!in_time));
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn who_waits_meanwhile_is_ready_or_woken() {
    model(|| {
        let token = CancelToken::new();
        let mut waits = Polled::new(token.cancelled_owned());
        let cancels = cancels(&token);
        waits.poll();
        cancels.join().unwrap();
        assert_eq!(waits.end().as_str(), "enough");
    });
}

#[test]
fn who_waits_with_a_new_waker_is_woken_with_that() {
    model(|| {
        let token = CancelToken::new();
        let mut waits = Polled::new(token.cancelled_owned());
        waits.poll();
        let cancels = cancels(&token);
        let mut waits = waits.with_new_waker();
        waits.poll();
        cancels.join().unwrap();
        assert_eq!(waits.end().as_str(), "enough");
    });
}

#[test]
fn a_wait_that_is_given_up_leaves_nothing() {
    model(|| {
        let token = CancelToken::new();
        let mut waits = Polled::new(token.cancelled_owned());
        waits.poll();
        let waker = waits.waker_count();
        let cancels = cancels(&token);
        drop(waits);
        if !token.is_cancelled() {
            assert_eq!(Arc::strong_count(&waker), 1, "its waker is still there");
        }
        cancels.join().unwrap();
        assert_eq!(Arc::strong_count(&waker), 1, "its waker is still there");
    });
}

#[test]
fn a_child_that_is_made_meanwhile_is_cancelled_too() {
    model(|| {
        let token = CancelToken::new();
        let cancels = cancels(&token);
        let child = token.child();
        cancels.join().unwrap();
        assert!(child.is_cancelled());
    });
}

#[test]
fn everything_below_is_cancelled_when_the_first_callback_runs() {
    model(|| {
        let token = CancelToken::new();
        let child = token.child();
        token
            .on_cancel({
                let child = child.clone();
                move |_| assert!(child.is_cancelled())
            })
            .detach();
        let cancels = cancels(&token);
        let grandchild = child.child();
        cancels.join().unwrap();
        assert!(grandchild.is_cancelled());
    });
}

#[test]
fn a_request_that_meets_one_further_down_finds_all_below_cancelled_when_it_returns() {
    model(|| {
        let token = CancelToken::new();
        let child = token.child();
        let grandchild = child.child();
        let cancels = cancels(&child);
        token.cancel("more than enough");
        assert!(child.is_cancelled());
        assert!(grandchild.is_cancelled());
        cancels.join().unwrap();
    });
}

#[test]
fn of_two_who_cancel_one_is_the_first_and_its_reason_stays() {
    model(|| {
        let token = CancelToken::new();
        let called = Count::new();
        let handle = token.on_cancel({
            let called = called.clone();
            move |_| called.add()
        });
        let cancels = cancels(&token);
        let here = token.cancel("more than enough");
        let there = cancels.join().unwrap();
        assert!(here != there);
        let reason = if here { "more than enough" } else { "enough" };
        assert_eq!(token.reason().unwrap().as_str(), reason);
        assert_eq!(called.get(), 1);
        drop(handle);
    });
}

#[test]
fn a_child_that_goes_leaves_nothing() {
    model(|| {
        let token = CancelToken::new();
        let child = token.child();
        let cancels = cancels(&token);
        drop(child);
        if !token.is_cancelled() {
            assert_eq!(token.node().counts().children, 0);
        }
        cancels.join().unwrap();
        assert_eq!(token.node().counts().children, 0);
    });
}
