//! A task's cell in all interleavings: its root on one thread, its handle on another.

use std::sync::{Arc, Mutex};

use crate::Task;
use crate::region::{Member, frame};
use crate::sync::model::{Count, Hand, OnDrop, Polled, model, never, once, thread};
use crate::task::spawn;

fn on_hand<F>(future: F) -> (Hand, Task<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let rt = Hand::default();
    let task = spawn(&rt, crate::task::Words::default(), future);
    (rt, task)
}

#[test]
fn a_request_while_the_root_registers_is_not_lost() {
    model(|| {
        let (rt, task) = on_hand(never());
        let mut root = rt.root();
        let task = Arc::new(task);
        let asks = {
            let task = task.clone();
            thread::spawn(move || task.cancel("enough"))
        };
        root.poll();
        asks.join().unwrap();
        root.end();
        assert!(task.is_finished());
    });
}

#[test]
fn a_request_meets_the_end_and_one_of_them_is_the_outcome() {
    model(|| {
        let dropped = Count::new();
        let held = dropped.on_drop();
        let (rt, task) = on_hand(async move {
            let _held = held;
            once().await;
            5
        });
        let mut root = rt.root();
        let mut joiner = Polled::new(task);
        joiner.poll();
        let runs = thread::spawn(move || {
            root.poll();
            root.poll();
            root
        });
        joiner.get().cancel("enough");
        runs.join().unwrap().end();
        match joiner.end() {
            Ok(value) => assert_eq!(value, 5),
            Err(error) => assert_eq!(error.reason().unwrap().as_str(), "enough"),
        }
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn a_joiner_finds_the_outcome_or_is_woken_once() {
    model(|| {
        let (rt, task) = on_hand(async { 5 });
        let mut root = rt.root();
        let mut joiner = Polled::new(task);
        let runs = thread::spawn(move || root.end_now());
        let found = joiner.poll();
        runs.join().unwrap();
        assert_eq!(joiner.times_woken(), usize::from(!found));
        assert_eq!(joiner.end().unwrap(), 5);
    });
}

#[test]
fn a_joiner_that_changes_its_waker_is_woken_with_the_new_one() {
    model(|| {
        let (rt, task) = on_hand(async { 5 });
        let mut root = rt.root();
        let mut joiner = Polled::new(task);
        joiner.poll();
        let runs = thread::spawn(move || root.end_now());
        let mut joiner = joiner.with_new_waker();
        joiner.poll();
        runs.join().unwrap();
        assert_eq!(joiner.end().unwrap(), 5);
    });
}

type Kept = Arc<Mutex<Option<Arc<dyn Member>>>>;

/// A task whose output counts when it is dropped, and whose cell outlives both its root and its handle.
fn with_output(dropped: &Arc<Count>) -> (Hand, Task<OnDrop>, Kept) {
    let kept = Kept::default();
    let (cell, output) = (kept.clone(), dropped.on_drop());
    let (rt, task) = on_hand(async move {
        *cell.lock().expect("nobody panics") = frame::current();
        output
    });
    (rt, task, kept)
}

#[test]
fn an_output_is_dropped_once_when_its_handle_goes() {
    model(|| {
        let dropped = Count::new();
        let (rt, task, kept) = with_output(&dropped);
        let mut root = rt.root();
        let runs = thread::spawn(move || root.end_now());
        drop(task);
        runs.join().unwrap();
        assert_eq!(dropped.get(), 1);
        drop(kept);
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn an_output_is_dropped_once_when_its_handle_detaches() {
    model(|| {
        let dropped = Count::new();
        let (rt, task, kept) = with_output(&dropped);
        let mut root = rt.root();
        let mut joiner = Polled::new(task);
        joiner.poll();
        let runs = thread::spawn(move || root.end_now());
        joiner.into_future().detach();
        runs.join().unwrap();
        assert_eq!(dropped.get(), 1);
        drop(kept);
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn the_handle_that_goes_stops_a_task_that_waits() {
    model(|| {
        let dropped = Count::new();
        let held = dropped.on_drop();
        let (rt, task) = on_hand(async move {
            let _held = held;
            never().await;
        });
        let mut root = rt.root();
        let goes = thread::spawn(move || drop(task));
        root.poll();
        goes.join().unwrap();
        root.end();
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn of_two_who_ask_the_first_gives_the_reason() {
    model(|| {
        let (rt, task) = on_hand(never());
        let mut root = rt.root();
        root.poll();
        let task = Arc::new(task);
        let asks = {
            let task = task.clone();
            thread::spawn(move || {
                task.cancel("one");
            })
        };
        task.cancel("two");
        // Asked, and its reason is there: whichever it is, it stays.
        let reason = task.cell().region().reason().unwrap();
        asks.join().unwrap();
        root.end();
        let task = Arc::into_inner(task).unwrap();
        let error = Polled::new(task).now().unwrap_err();
        assert_eq!(error.reason(), Some(&reason));
    });
}

#[test]
fn work_that_comes_while_a_region_closes_is_run_or_given_back() {
    model(|| {
        let (rt, task) = on_hand(once());
        let mut root = rt.root();
        let ran = Count::new();
        let task = Arc::new(task);
        let defers = {
            let (task, ran) = (task.clone(), ran.clone());
            thread::spawn(move || {
                let work = async move { ran.add() };
                let taken = task.cell().region().defer(Box::pin(work));
                usize::from(taken.is_ok())
            })
        };
        root.poll();
        root.poll();
        let taken = defers.join().unwrap();
        root.end();
        assert_eq!(ran.get(), taken);
    });
}
