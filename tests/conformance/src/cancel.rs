//! Asking a task to stop.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending, poll_fn, ready};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use anyrt_core::{Runtime, Task, current};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{Alive, OnDrop, dropped, until, yield_once};

pub async fn cancel_waits_for_the_drop<H: Harness>(rt: H::Handle) {
    for round in 0..50 {
        let alive = Alive::default();
        let held = alive.clone();
        let task = rt.spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        if round % 2 == 0 {
            yield_once().await;
        }
        let error = task.cancel_and_wait().await.unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(alive.others(), 0, "still there when the wait was over");
    }
}

pub async fn a_cancel_is_asked_at_the_call<H: Harness>(rt: H::Handle) {
    let (guard, gone) = dropped();
    let task = rt.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    let unpolled = task.cancel_and_wait();
    gone.await;
    assert!(unpolled.await.unwrap_err().is_cancelled());
}

pub async fn dropping_the_wait_does_not_take_the_request_back<H: Harness>(rt: H::Handle) {
    let (guard, gone) = dropped();
    let task = rt.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    drop(task.cancel_and_wait());
    gone.await;
}

pub async fn a_cancel_after_the_end_gives_the_value<H: Harness>(rt: H::Handle) {
    let task = rt.spawn(ready(3));
    until(|| task.is_finished()).await;
    task.cancel("too late");
    assert_eq!(task.cancel_and_wait().await.unwrap(), 3);
}

pub async fn a_cancel_during_the_final_poll_keeps_the_value<H: Harness>(rt: H::Handle) {
    let handle = Arc::new(Mutex::new(None::<Task<u8>>));
    let (tx, ready_to_end) = oneshot::channel::<()>();
    let task = rt.spawn({
        let handle = Arc::clone(&handle);
        async move {
            ready_to_end.await.unwrap();
            if let Some(task) = &*handle.lock().unwrap() {
                task.cancel("in the final poll");
            }
            9
        }
    });
    *handle.lock().unwrap() = Some(task);
    tx.send(()).unwrap();
    until(|| {
        handle
            .lock()
            .unwrap()
            .as_ref()
            .is_some_and(Task::is_finished)
    })
    .await;
    let task = handle.lock().unwrap().take().unwrap();
    assert_eq!(task.await.unwrap(), 9);
}

pub async fn a_task_cancelled_at_once_never_gets_past_its_first_suspension<H: Harness>(
    rt: H::Handle,
) {
    for _ in 0..200 {
        let passed = Arc::new(AtomicBool::new(false));
        let (_never, gate) = oneshot::channel::<()>();
        let task = rt.spawn({
            let passed = Arc::clone(&passed);
            async move {
                let _ = gate.await;
                passed.store(true, Ordering::SeqCst);
            }
        });
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
        assert!(!passed.load(Ordering::SeqCst));
    }
}

pub async fn asking_twice_shows_the_first_reason<H: Harness>(rt: H::Handle) {
    let task = rt.spawn_with().name("asked").spawn(pending::<()>());
    task.cancel("first");
    task.cancel(String::from("second"));
    let error = task.cancel_and_wait().await.unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "first");
    assert!(error.to_string().contains("`asked`"), "{error}");
    assert!(
        error.to_string().ends_with("was cancelled: first"),
        "{error}"
    );
}

pub async fn a_task_may_cancel_itself<H: Harness>(rt: H::Handle) {
    let (give, take) = oneshot::channel();
    let (keep, kept) = oneshot::channel();
    let (guard, gone) = dropped();
    let steps = Arc::new(AtomicUsize::new(0));
    let task: Task<()> = rt.spawn({
        let steps = Arc::clone(&steps);
        async move {
            let _guard = guard;
            let own: Task<()> = take.await.unwrap();
            own.cancel("myself");
            steps.fetch_add(1, Ordering::SeqCst);
            assert!(keep.send(own).is_ok());
            yield_once().await;
            steps.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert!(give.send(task).is_ok());
    let task = kept.await.unwrap();
    gone.await;
    assert_eq!(steps.load(Ordering::SeqCst), 1);
    assert_eq!(task.await.unwrap_err().reason().unwrap().as_str(), "myself");
}

pub async fn two_threads_may_cancel_one_task<H: Harness>(rt: H::Handle) {
    for _ in 0..50 {
        let task = rt.spawn(pending::<()>());
        thread::scope(|scope| {
            scope.spawn(|| task.cancel("one"));
            scope.spawn(|| task.cancel("two"));
        });
        let error = task.await.unwrap_err();
        let reason = error.reason().unwrap().as_str();
        assert!(reason == "one" || reason == "two", "{reason}");
    }
}

pub async fn a_cancelled_body_sees_its_runtime_while_it_is_dropped<H: Harness>(rt: H::Handle) {
    let (tx, rx) = oneshot::channel();
    let guard = OnDrop::new(move || tx.send(current().is_ok()).unwrap());
    let task = rt.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    let _ = task.cancel_and_wait().await;
    assert!(rx.await.unwrap());
}

pub async fn a_request_wakes_a_task_that_has_moved_to_another_waker<H: Harness>(rt: H::Handle) {
    // Polled by hand first, with a waker that leads nowhere, then given to the runtime.
    let (guard, gone) = dropped();
    let polls = Arc::new(AtomicUsize::new(0));
    let mut inner = Box::pin(anyrt_core::rooted(&rt, {
        let (polls, rt) = (Arc::clone(&polls), rt.clone());
        async move {
            let _guard = guard;
            let mut task = rt.spawn(pending::<()>());
            let error = poll_fn(move |cx| {
                if polls.fetch_add(1, Ordering::SeqCst) == 1 {
                    task.cancel("moved");
                }
                std::pin::Pin::new(&mut task).poll(cx)
            })
            .await
            .unwrap_err();
            assert!(error.is_cancelled());
        }
    }));
    assert!(crate::faults::poll_once(inner.as_mut()).is_pending());
    inner.await;
    gone.await;
}

pub async fn cancelling_many_tasks_leaves_none<H: Harness>(rt: H::Handle) {
    let alive = Alive::default();
    let tasks: Vec<_> = (0..H::CAPS.many)
        .map(|_| {
            let held = alive.clone();
            rt.spawn(async move {
                let _held = held;
                let mut waker = None::<Waker>;
                poll_fn(|cx| {
                    waker = Some(cx.waker().clone());
                    Poll::<()>::Pending
                })
                .await;
            })
        })
        .collect();
    yield_once().await;
    let waits: Vec<_> = tasks.into_iter().map(Task::cancel_and_wait).collect();
    for wait in waits {
        assert!(wait.await.unwrap_err().is_cancelled());
    }
    assert_eq!(alive.others(), 0);
}
