//! Acting as part of the runtime.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::task::Poll;

use anyrt_core::{Enter, Runtime, Spawn, current};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{OnDrop, poll_once, until, yield_once};
use crate::harness::skip;

const ALL: [Enter; 3] = [Enter::Blocking, Enter::Foreign, Enter::Virtual];

pub async fn the_closure_is_called_once_and_its_value_returned<H: Harness>(rt: H::Handle) {
    let task = rt.spawn({
        let rt = rt.clone();
        async move {
            let mut calls = 0;
            for purpose in ALL {
                let value = rt.enter(purpose, || {
                    calls += 1;
                    current().is_ok().then_some(purpose)
                });
                assert_eq!(value, Some(purpose));
            }
            calls
        }
    });
    assert_eq!(task.await.unwrap(), 3);
}

pub async fn a_panic_passes_through<H: Harness>(rt: H::Handle) {
    for purpose in ALL {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            rt.enter(purpose, || std::panic::panic_any(7_u8));
        }));
        assert_eq!(unwound.unwrap_err().downcast_ref::<u8>(), Some(&7));
        assert_eq!(rt.enter(purpose, || 1), 1);
    }
}

pub async fn a_block_inside_a_poll_stops_no_other_task<H: Harness>(rt: H::Handle) {
    if !H::CAPS.blocks_in_polls {
        return skip("a block inside a poll stops this runtime's only thread");
    }
    for _ in 0..20 {
        let inside = rt.clone();
        let task = rt.spawn(async move {
            // Woken by this very thread just before it blocks: on Tokio it would wait in this thread's
            // own slot, from which no other worker takes.
            let (open, gate) = oneshot::channel::<()>();
            let (tx, rx) = mpsc::channel();
            let sibling = inside.spawn(async move {
                let _ = gate.await;
                tx.send(()).unwrap();
            });
            yield_once().await;
            open.send(()).unwrap();
            inside.enter(Enter::Blocking, || rx.recv().unwrap());
            sibling.await.unwrap();
        });
        task.await.unwrap();
    }
}

pub async fn what_needs_the_runtimes_context_is_polled_on_a_foreign_thread<H: Harness>(
    rt: H::Handle,
) {
    let Some(mut future) = H::needs_its_context() else {
        return skip("nothing of this runtime needs its context");
    };
    let inside = rt.clone();
    let thread = std::thread::spawn(move || {
        futures::executor::block_on(poll_fn(|cx| {
            inside.enter(Enter::Foreign, || future.as_mut().poll(cx))
        }));
        // A root made in place does so by itself.
        if let Some(future) = H::needs_its_context() {
            futures::executor::block_on(anyrt_core::rooted(&inside, future));
        }
    });
    until(|| thread.is_finished()).await;
    thread.join().unwrap();

    // And so is what a destructor polls, when a root in place is dropped half-way.
    let (tx, polled) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let guard = OnDrop::new(move || {
            if let Some(mut future) = H::needs_its_context() {
                let _ = poll_once(future.as_mut());
                tx.send(()).unwrap();
            }
        });
        let mut half = Box::pin(anyrt_core::rooted(&rt, async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        }));
        assert!(poll_once(half.as_mut()).is_pending());
    });
    until(|| thread.is_finished()).await;
    thread.join().unwrap();
    polled
        .recv()
        .expect("the destructor's future did not panic");
}

pub async fn nothing_is_made_to_yield_under_a_clock_moved_by_hand<H: Harness>(rt: H::Handle) {
    let Some(mut future) = H::needs_its_budget() else {
        return skip("this runtime makes no task yield");
    };
    let inside = rt.clone();
    let task = rt.spawn(poll_fn(move |cx| {
        match inside.enter(Enter::Virtual, || future.as_mut().poll(cx)) {
            Poll::Ready(()) => Poll::Ready(true),
            // It yielded though all it waits for is there: a clock would take that for idleness.
            Poll::Pending => Poll::Ready(false),
        }
    }));
    assert!(task.await.unwrap());
    if let Some(mut unprotected) = H::needs_its_budget() {
        let yields = rt.spawn(async move { poll_once(unprotected.as_mut()).is_pending() });
        assert!(yields.await.unwrap(), "the future does not need its budget");
    }
}
