//! Panics, wherever they happen.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::error::Error;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use anyrt_core::{JoinError, Phase, Runtime};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{PanicOnDrop, Seen, dropped, reported, unique_name, until, yield_once};

#[derive(Debug, PartialEq)]
struct Payload(u8);

pub async fn a_panic_is_a_value_with_its_payload<H: Harness>(rt: H::Handle) {
    let text = rt.spawn(async { panic!("boom") });
    let error: JoinError = text.await.unwrap_err();
    assert!(error.is_panic() && !error.is_cancelled() && !error.is_lost());
    assert_eq!(error.panic_message().as_deref(), Some("boom"));
    assert!(error.into_panic().unwrap().downcast_ref::<&str>() == Some(&"boom"));

    let own = rt.spawn(async {
        yield_once().await;
        panic_any(Payload(7))
    });
    let error: JoinError = own.await.unwrap_err();
    assert_eq!(error.panic_message(), None);
    let payload = error.into_panic().unwrap().downcast::<Payload>().unwrap();
    assert_eq!(*payload, Payload(7));
    assert_eq!(rt.spawn(async { 1 }).await.unwrap(), 1);
}

pub async fn a_panic_is_a_value_on_the_cancel_path<H: Harness>(rt: H::Handle) {
    let task = rt.spawn(async { panic!("boom") });
    until(|| task.is_finished()).await;
    let error: JoinError = task.cancel_and_wait().await.unwrap_err();
    assert!(error.is_panic());
}

pub async fn a_detached_panic_is_contained_and_reported<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    for _ in 0..8 {
        let with = rt.spawn_with().name(name.clone());
        with.spawn_detached(async { panic!("detached") });
    }
    until(|| reported(&name).len() == 8).await;
    let expected = Seen {
        name: Some(name.clone()),
        phase: Phase::Body,
        message: Some("detached".into()),
    };
    assert!(reported(&name).iter().all(|seen| *seen == expected));
    assert_eq!(rt.spawn(async { 1 }).await.unwrap(), 1);
}

pub async fn a_panic_whose_handle_is_dropped_is_reported<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let task = rt
        .spawn_with()
        .name(name.clone())
        .spawn(async { panic!("unseen") });
    until(|| task.is_finished()).await;
    assert!(
        reported(&name).is_empty(),
        "its handle might yet be awaited"
    );
    let task: anyrt_core::Task<()> = task;
    drop(task);
    assert_eq!(reported(&name).len(), 1);
}

pub async fn a_panic_that_was_joined_is_not_reported<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let task = rt
        .spawn_with()
        .name(name.clone())
        .spawn(async { panic!("seen") });
    let error: JoinError = task.await.unwrap_err();
    drop(error);
    assert!(reported(&name).is_empty());
}

pub async fn a_destructor_panic_on_cancel_is_contained<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let bomb = PanicOnDrop("in a destructor");
    let task = rt.spawn_with().name(name.clone()).spawn(async move {
        let _bomb = bomb;
        pending::<()>().await;
    });
    let error = task.cancel_and_wait().await.unwrap_err();
    assert!(error.is_panic(), "a destructor's panic outranks the cancel");
    assert_eq!(error.panic_message().as_deref(), Some("in a destructor"));

    let bomb = PanicOnDrop("unseen");
    let task = rt.spawn_with().name(name.clone()).spawn(async move {
        let _bomb = bomb;
        pending::<()>().await;
    });
    drop(task);
    until(|| !reported(&name).is_empty()).await;
    assert_eq!(rt.spawn(async { 1 }).await.unwrap(), 1);
}

pub async fn a_destructor_panic_after_a_value_is_a_panic<H: Harness>(rt: H::Handle) {
    struct Ready(#[expect(dead_code, reason = "dropped with the future")] PanicOnDrop);
    impl Future for Ready {
        type Output = u8;
        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<u8> {
            std::task::Poll::Ready(1)
        }
    }
    let error = rt
        .spawn(Ready(PanicOnDrop("after a value")))
        .await
        .unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("after a value"));
}

pub async fn a_destructor_panic_after_a_panic_is_kept_beside_it<H: Harness>(rt: H::Handle) {
    struct Bad(#[expect(dead_code, reason = "dropped with the future")] PanicOnDrop);
    impl Future for Bad {
        type Output = ();
        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<()> {
            panic!("first")
        }
    }
    let error = rt.spawn(Bad(PanicOnDrop("second"))).await.unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("first"));
    let [second] = error.failures() else {
        panic!("one failure beside the panic: {:?}", error.failures());
    };
    assert_eq!(second.phase(), Phase::Destructor);
    assert_eq!(second.message(), Some("second"));
}

pub async fn a_panicking_destructor_of_an_output_is_contained<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let (open, gate) = oneshot::channel::<()>();
    let task = rt.spawn_with().name(name.clone()).spawn(async move {
        let _ = gate.await;
        PanicOnDrop("an output")
    });
    task.detach();
    open.send(()).unwrap();
    until(|| !reported(&name).is_empty()).await;
    assert_eq!(reported(&name)[0].phase, Phase::Destructor);
    assert_eq!(rt.spawn(async { 1 }).await.unwrap(), 1);
}

pub async fn an_error_says_who_and_where<H: Harness>(rt: H::Handle) {
    let line = line!() + 1;
    let task = rt.spawn_with().name("who").spawn(async { panic!("what") });
    let error: JoinError = task.await.unwrap_err();
    assert_eq!(error.name(), Some("who"));
    assert_eq!(
        (error.location().file(), error.location().line()),
        (file!(), line)
    );
    let text = error.to_string();
    assert!(text.starts_with("task `who` (spawned at "), "{text}");
    assert!(text.ends_with(") panicked: what"), "{text}");
    assert!(format!("{error:?}").contains("who"));
}

pub async fn resume_unwind_goes_on_with_the_payload<H: Harness>(rt: H::Handle) {
    let error: JoinError = rt.spawn(async { panic_any(Payload(3)) }).await.unwrap_err();
    let payload = catch_unwind(AssertUnwindSafe(|| error.resume_unwind())).unwrap_err();
    assert_eq!(*payload.downcast::<Payload>().unwrap(), Payload(3));

    let (guard, gone) = dropped();
    let task = rt.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    let error = task.cancel_and_wait().await.unwrap_err();
    gone.await;
    let error = error.into_panic().unwrap_err();
    let payload = catch_unwind(AssertUnwindSafe(|| error.resume_unwind())).unwrap_err();
    assert!(
        payload
            .downcast::<String>()
            .unwrap()
            .ends_with("was cancelled")
    );
}

pub async fn errors_are_errors_everywhere<H: Harness>(rt: H::Handle) {
    async fn fails<R: Runtime>(rt: &R) -> Result<(), Box<dyn Error + Send + Sync>> {
        let task = rt.spawn(pending::<()>());
        task.cancel("on purpose");
        task.await?;
        Ok(())
    }
    let error = fails(&rt).await.unwrap_err();
    assert!(error.downcast_ref::<JoinError>().unwrap().is_cancelled());
}
