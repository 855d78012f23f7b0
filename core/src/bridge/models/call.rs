//! A call from a thread into a task in all interleavings.

use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::Task;
use crate::bridge::abandoned::Listed;
use crate::bridge::call::Answered;
use crate::bridge::from_thread::submit;
use crate::bridge::link::{Link, Stands};
use crate::bridge::park::{Answer, Parker};
use crate::sync::model::{Count, Hand, Polled, model, never, once, thread};
use crate::task::{Words, spawn};

/// A task that awaits a thread for ever, or, `briefly`, until its second poll; and the link.
fn awaiting(
    briefly: bool,
) -> (
    Hand,
    Task<()>,
    Arc<Link>,
    Polled<impl Future<Output = ()> + Send>,
) {
    let rt = Hand::default();
    let stands = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&stands);
    let words = Words {
        // A model has no time.
        cleanup_limit: Some(Duration::MAX),
        ..Words::default()
    };
    let task = spawn(&rt, words, async move {
        *slot.lock().unwrap() = Some(Stands::here());
        match briefly {
            true => once().await,
            false => never().await,
        }
    });
    let mut root = rt.root();
    root.poll();
    let stands = stands.lock().unwrap().take().unwrap();
    (rt, task, Arc::new(Link::new(None, stands)), root)
}

fn call<F>(link: &Arc<Link>, future: F) -> Arc<Answer<Answered<F::Output>>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    submit(link, link.stands(), Location::caller(), future)
}

#[test]
fn a_call_that_meets_the_end_of_the_task_is_answered() {
    model(|| {
        let (_rt, task, link, mut root) = awaiting(true);
        let ends = thread::spawn(move || {
            root.poll();
            root
        });
        let answer = call(&link, async { 5 });
        let root = ends.join().unwrap();
        root.end();
        match answer.take_now() {
            Some(Answered::Value(value)) => assert_eq!(value, 5),
            Some(Answered::Ended) => {}
            _ => panic!("it was answered neither way"),
        }
        assert!(task.is_finished());
    });
}

#[test]
fn an_await_that_is_dropped_stops_the_call_wherever_it_is() {
    model(|| {
        let (_rt, _task, link, mut root) = awaiting(false);
        let dropped = Count::new();
        let held = dropped.on_drop();
        let answer = call(&link, async move {
            let _held = held;
            never().await;
        });
        let polls = thread::spawn(move || {
            root.poll();
            root
        });
        link.abandon(|| Some(Listed::new(None, Location::caller())));
        let mut root = polls.join().unwrap();
        while root.poll_if_woken() {}
        assert_eq!(dropped.get(), 1);
        assert!(matches!(answer.take_now(), Some(Answered::Abandoned)));
        link.set_returned();
    });
}

#[test]
fn a_request_stops_the_call_first_and_then_the_task() {
    model(|| {
        let (_rt, task, link, mut root) = awaiting(false);
        let answer = call(&link, never());
        let asks = thread::spawn(move || {
            task.cancel("enough");
            task
        });
        root.poll();
        let task = asks.join().unwrap();
        root.end();
        assert!(task.is_finished());
        assert!(matches!(answer.take_now(), Some(Answered::Stopped)));
    });
}

#[test]
fn an_answer_ends_the_wait_for_it() {
    model(|| {
        let answer = Arc::new(Answer::new());
        let gives = Arc::clone(&answer);
        let gives = thread::spawn(move || gives.give(5));
        assert_eq!(answer.wait(), Some(5));
        gives.join().unwrap();
    });
}

#[test]
fn a_wake_up_ends_the_wait_of_a_thread() {
    model(|| {
        let parker = Parker::new();
        let waker = std::task::Waker::from(Arc::clone(&parker));
        let wakes = thread::spawn(move || waker.wake());
        parker.park(None);
        wakes.join().unwrap();
    });
}
