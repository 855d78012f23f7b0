//! The current runtime, and roots made in place.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use anyrt_core::{AnyRuntime, Runtime, current, outside_regions, rooted};
use futures::executor::block_on as foreign_block_on;

use crate::faults::{Alive, poll_once, yield_once};
use crate::{ByHand, Harness};

pub async fn a_task_knows_its_runtime<H: Harness>(rt: H::Handle) {
    let task = rt.spawn(async {
        let here = current().unwrap();
        yield_once().await;
        let there = current().unwrap();
        here.spawn(ready(20)).await.unwrap() + there.spawn(ready(22)).await.unwrap()
    });
    assert_eq!(task.await.unwrap(), 42);
}

pub async fn a_task_of_a_task_knows_its_runtime<H: Harness>(rt: H::Handle) {
    let task = rt.spawn(async {
        let child = current().unwrap().spawn(async { current().is_ok() });
        child.await.unwrap()
    });
    assert!(task.await.unwrap());
}

pub async fn the_current_runtime_is_back_after_a_panic<H: Harness>(rt: H::Handle) {
    let task = rt.spawn(async {
        let inner = ByHand::new(current().unwrap());
        let mut bad = pin!(rooted(&inner, async { panic!("inside") }));
        let unwound = catch_unwind(AssertUnwindSafe(|| poll_once(bad.as_mut())));
        let _: std::task::Poll<()> = match unwound {
            Ok(poll) => poll,
            Err(_) => std::task::Poll::Ready(()),
        };
        // The inner root's runtime was `ByHand`, which the outer one is not.
        is_by_hand()
    });
    assert!(!task.await.unwrap());
}

/// Whether the current runtime is the inner one of these cases.
fn is_by_hand() -> bool {
    let rt = current().expect("in a root");
    rt.downcast_ref::<ByHand<AnyRuntime>>().is_some()
}

pub async fn the_innermost_root_counts<H: Harness>(rt: H::Handle) {
    let inner = ByHand::new(rt.erased());
    let task = rt.spawn(async move {
        assert!(!is_by_hand());
        // Driven by an executor that knows nothing of us, inside our poll.
        foreign_block_on(rooted(&inner, async {
            assert!(is_by_hand());
            yield_once().await;
            assert!(is_by_hand());
        }));
        assert!(!is_by_hand());
        rooted(&inner, async { assert!(is_by_hand()) }).await;
        !is_by_hand()
    });
    assert!(task.await.unwrap());
}

pub async fn outside_regions_there_is_none<H: Harness>(rt: H::Handle) {
    let task = rt.spawn(async {
        let outside = outside_regions(async {
            assert!(current().is_err());
            yield_once().await;
            current().is_err()
        });
        let outside = outside.await;
        let mut bad = pin!(outside_regions(async { panic!("outside") }));
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _: std::task::Poll<()> = poll_once(bad.as_mut());
        }));
        outside && unwound.is_err() && current().is_ok()
    });
    assert!(task.await.unwrap());
}

pub async fn erasing_twice_does_not_nest<H: Harness>(rt: H::Handle) {
    let once = rt.erased();
    let twice = AnyRuntime::new(once.erased()).erased();
    assert!(twice.downcast_ref::<AnyRuntime>().is_none());
    assert_eq!(format!("{once:?}"), format!("{twice:?}"));
    assert_eq!(format!("{once:?}").matches("AnyRuntime").count(), 1);
    assert_eq!(twice.spawn(ready(1)).await.unwrap(), 1);
    if let Some(inside) = twice.downcast_ref::<H::Handle>() {
        assert_eq!(inside.spawn(ready(2)).await.unwrap(), 2);
    }
}

pub async fn a_rooted_future_runs_in_place<H: Harness>(rt: H::Handle) {
    let inside = rt.clone();
    // On a thread of no runtime, by an executor of no runtime.
    let thread = std::thread::spawn(move || {
        foreign_block_on(rooted(&inside, async {
            let rt = current().expect("rooted");
            let sum = rt.spawn(ready(1)).await.unwrap() + rt.spawn_blocking(|| 2).await.unwrap();
            yield_once().await;
            sum
        }))
    });
    // Not joined here: on a current-thread runtime this task must let the others run.
    crate::faults::until(|| thread.is_finished()).await;
    assert_eq!(thread.join().unwrap(), 3);
}

pub async fn a_rooted_future_borrows<H: Harness>(rt: H::Handle) {
    let text = String::from("borrowed");
    let length = rooted(&rt, async {
        yield_once().await;
        text.len()
    });
    assert_eq!(length.await, 8);
}

pub async fn a_panic_passes_through_a_rooted_future<H: Harness>(rt: H::Handle) {
    let task = rt.spawn({
        let rt = rt.clone();
        async move { rooted(&rt, async { panic!("inside") }).await }
    });
    let error: anyrt_core::JoinError = task.await.unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("inside"));
}

pub async fn a_rooted_future_may_be_dropped_half_way<H: Harness>(rt: H::Handle) {
    let alive = Alive::default();
    let held = alive.clone();
    let mut half = Box::pin(rooted(&rt, async move {
        let _held = held;
        pending::<()>().await;
    }));
    assert!(poll_once(half.as_mut()).is_pending());
    drop(half);
    assert_eq!(alive.others(), 0);
    drop(rooted(&rt, pending::<()>()));
}

pub async fn polling_a_rooted_future_after_its_end_panics<H: Harness>(rt: H::Handle) {
    let mut over = Box::pin(rooted(&rt, ready(1)));
    assert!(poll_once(over.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(over.as_mut()))).is_err());
}

pub async fn the_method_futures_are_send_in_generic_code<H: Harness>(rt: H::Handle) {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    async fn all<R: Runtime>(rt: R) -> u8 {
        send(rt.sleep(Duration::ZERO)).await;
        send(rt.spawn(pending::<()>()).cancel_and_wait())
            .await
            .unwrap_err();
        send(rt.spawn_blocking(|| ())).await.unwrap();
        send(outside_regions(ready(()))).await;
        send(rooted(&rt, async { rt.spawn(ready(5)).await.unwrap() })).await
    }
    assert_eq!(rt.spawn(send(all(rt.clone()))).await.unwrap(), 5);
    assert_eq!(rt.erased().spawn(send(all(rt.erased()))).await.unwrap(), 5);
}
