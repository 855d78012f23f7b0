//! Blocking on a future, from sync code.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use anyrt_core::{BlockOn, Drive, Runtime, current, local_scope_unsend};

use crate::Harness;
use crate::faults::yield_once;
use crate::harness::skip;

pub fn a_value_comes_back<H: Harness>() {
    let owner = H::start();
    let rt = H::handle(&owner);
    assert_eq!(
        owner.block_on(async { rt.spawn(async { 1 }).await.unwrap() + 1 }),
        2
    );
    assert_eq!(owner.block_on(rt.spawn(async { 3 })).unwrap(), 3);
}

pub fn the_future_may_borrow_and_stay_on_its_thread<H: Harness>() {
    let owner = H::start();
    let here = Rc::new(Cell::new(1));
    let text = String::from("borrowed");
    let length = owner.block_on(async {
        yield_once().await;
        here.set(2);
        text.len()
    });
    assert_eq!((length, here.get()), (8, 2));
}

pub fn a_panic_passes_through_and_the_runtime_works_on<H: Harness>() {
    let owner = H::start();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        owner.block_on(async {
            yield_once().await;
            panic!("top");
        });
    }));
    let payload = unwound.unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"top"));
    assert!(current().is_err(), "the thread is outside again");
    assert_eq!(owner.block_on(async { 2 }), 2);
}

/// Calls `block_on` where it must panic, and looks at what it says.
fn panics_with_advice<D: Drive>(owner: &D) {
    let nested = catch_unwind(AssertUnwindSafe(|| owner.block_on(async { 1 })));
    let payload = nested.expect_err("a nested `block_on` panics");
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    let text = text.expect("with a text");
    assert!(
        text.contains(".await") && text.contains("spawn_blocking"),
        "{text}"
    );
}

pub fn nested_in_itself_it_panics_with_advice<H: Harness>() {
    let owner = H::start();
    owner.block_on(async { panics_with_advice(&owner) });
    assert_eq!(owner.block_on(async { 2 }), 2);
}

pub fn nested_in_a_task_it_panics_with_advice<H: Harness>() {
    let owner = H::start();
    let task = H::handle(&owner).spawn(async {
        // Ended outside the task: ending a runtime inside a task is another case.
        let inner = H::start();
        panics_with_advice(&inner);
        inner
    });
    let inner = owner.block_on(task).unwrap();
    assert_eq!(inner.block_on(async { 2 }), 2);
}

pub fn nested_in_another_runtime_it_panics_with_advice<H: Harness>() {
    let (one, two) = (H::start(), H::start());
    one.block_on(async { panics_with_advice(&two) });
    assert_eq!(two.block_on(async { 2 }), 2);
}

pub fn it_is_allowed_in_a_blocking_job<H: Harness>() {
    let owner = H::start();
    let job = H::handle(&owner).spawn_blocking(|| {
        let inner = H::start();
        let rt = H::handle(&inner);
        let value = inner.block_on(async { rt.spawn(async { 8 }).await.unwrap() });
        (value, inner)
    });
    let (value, inner) = owner.block_on(job).unwrap();
    assert_eq!(value, 8);
    drop(inner);
}

pub fn three_threads_may_block_at_once<H: Harness>() {
    let owner = H::start();
    let rt = H::handle(&owner);
    let threads: Vec<_> = (0..3)
        .map(|n| {
            let rt = rt.clone();
            thread::spawn(move || {
                let own = H::start();
                let task = rt.spawn(async move {
                    yield_once().await;
                    n
                });
                own.block_on(async { yield_once().await });
                task
            })
        })
        .collect();
    for (n, thread) in threads.into_iter().enumerate() {
        assert_eq!(owner.block_on(thread.join().unwrap()).unwrap(), n);
    }
}

pub fn children_that_stay_on_its_thread_run_in_it<H: Harness>() {
    let owner = H::start();
    let rt = H::handle(&owner);
    let sum = Rc::new(Cell::new(0));
    let (shared, rt) = (&sum, &rt);
    owner.block_on(local_scope_unsend(|n| async move {
        for number in 1..=4 {
            let own = Rc::clone(shared);
            n.spawn(async move {
                let number = rt.spawn(async move { number }).await.unwrap();
                own.set(own.get() + number);
            });
        }
        yield_once().await;
    }));
    assert_eq!((sum.get(), Rc::strong_count(&sum)), (10, 1));
}

pub fn there_is_no_current_runtime_before_and_after<H: Harness>() {
    let owner = H::start();
    assert!(current().is_err());
    owner.block_on(async { assert!(current().is_ok()) });
    assert!(current().is_err());
}

pub fn tasks_make_progress_without_it<H: Harness>() {
    if !H::CAPS.background {
        return skip("this runtime's tasks run only inside `block_on`");
    }
    let owner = H::start();
    let (tx, rx) = mpsc::channel();
    H::handle(&owner).spawn_detached(async move {
        yield_once().await;
        tx.send(()).unwrap();
    });
    rx.recv().unwrap();
}

pub fn a_busy_task_does_not_block_who_cancels_it<H: Harness>() {
    if !H::CAPS.background || !H::CAPS.ends {
        return skip("needs a thread of its own that a task may block");
    }
    let owner = H::start();
    let (started, is_started) = mpsc::channel();
    let (go_on, wait) = mpsc::channel();
    let task = H::handle(&owner).spawn(async move {
        started.send(()).unwrap();
        wait.recv().unwrap();
        yield_once().await;
    });
    is_started.recv().unwrap();
    task.cancel("while it is inside a poll");
    let gone = task.cancel_and_wait();
    go_on.send(()).unwrap();
    let error = owner.block_on(gone).unwrap_err();
    assert_eq!(
        error.reason().unwrap().as_str(),
        "while it is inside a poll"
    );
}
