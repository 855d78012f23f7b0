//! Tasks that nobody joins, and whose failures are told at once.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;

use anyrt_core::{CancelToken, Cancellable, Origin, Phase, Runtime, defer};
use futures::channel::{mpsc, oneshot};
use futures::{FutureExt, StreamExt};

use crate::Harness;
use crate::faults::{PanicOnDrop, dropped, reported, unique_name, until, yield_once};

pub async fn an_error_is_told_with_the_task_it_came_from<H: Harness>(rt: H::Handle) {
    let (tx, rx) = oneshot::channel();
    let failing = async {
        yield_once().await;
        Err::<(), _>(17)
    };
    rt.spawn_with()
        .name("adder")
        .spawn_watched_by(failing, move |error| {
            assert_eq!(error.origin(), Origin::Watched);
            assert_eq!(error.index(), None);
            assert!(error.location().file().ends_with("watched.rs"));
            let name = error.name().map(str::to_owned);
            tx.send((name, error.error().copied())).unwrap();
        });
    assert_eq!(rx.await.unwrap(), (Some("adder".into()), Some(17)));
}

pub async fn a_panic_is_told<H: Harness>(rt: H::Handle) {
    let (tx, rx) = oneshot::channel();
    let failing = async { panic!("out of cheese") };
    rt.spawn_with().spawn_watched_by(failing, move |error| {
        let () = tx.send(error.panic_message()).unwrap();
    });
    assert_eq!(rx.await.unwrap().as_deref(), Some("out of cheese"));
}

pub async fn it_is_told_when_all_of_the_task_is_gone<H: Harness>(rt: H::Handle) {
    let (log, said) = mpsc::unbounded();
    let (body, told) = (log.clone(), log);
    let failing = async move {
        defer(async move { body.unbounded_send("cleaned up").unwrap() });
        Err::<(), _>("refused")
    };
    rt.spawn_with().spawn_watched_by(failing, move |_| {
        told.unbounded_send("told").unwrap();
    });
    assert_eq!(said.collect::<Vec<_>>().await, ["cleaned up", "told"]);
}

pub async fn without_a_handler_the_hook_is_told<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    rt.spawn_with()
        .name(name.clone())
        .spawn_watched(async { Err::<(), _>("refused") });
    until(|| !reported(&name).is_empty()).await;
    let seen = &reported(&name)[0];
    assert_eq!(seen.phase, Phase::Failed);
    assert_eq!(seen.message.as_deref(), Some("refused"));

    let name = unique_name();
    let panicking = async { panic!("out of cheese") };
    rt.spawn_with().name(name.clone()).spawn_watched(panicking);
    until(|| !reported(&name).is_empty()).await;
    let seen = &reported(&name)[0];
    assert_eq!(seen.phase, Phase::Body);
    assert_eq!(seen.message.as_deref(), Some("out of cheese"));
}

pub async fn a_panic_of_the_handler_is_contained_and_nothing_is_lost<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let failing = async { Err::<(), _>("refused") };
    let named = rt.spawn_with().name(name.clone());
    named.spawn_watched_by(failing, |_| panic!("the handler is broken"));
    until(|| reported(&name).len() == 2).await;
    let phases: Vec<_> = reported(&name).iter().map(|seen| seen.phase).collect();
    assert_eq!(phases, [Phase::Callback, Phase::NotKept]);
    assert_eq!(rt.spawn(async { 1 }).await.unwrap(), 1);
}

pub async fn who_ends_well_or_is_dropped_by_a_token_is_not_told<H: Harness>(rt: H::Handle) {
    let (guard, gone) = dropped();
    let told = |_: &_| panic!("nothing failed");
    rt.spawn_with()
        .spawn_watched_by(async { Ok::<_, u8>(()) }, told);
    let token = CancelToken::new();
    let until_then = token.clone();
    let serving = async move {
        let _guard = guard;
        let _ = pending::<()>().until(&until_then).await;
    };
    rt.spawn_with()
        .spawn_watched_by(serving, |error| match *error.error().unwrap() {});
    token.cancel("closing time");
    gone.await;
}

pub async fn a_value_that_panics_as_it_is_dropped_is_reported<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let fine = async { Ok::<_, String>(PanicOnDrop("dropped")) };
    rt.spawn_with()
        .name(name.clone())
        .spawn_watched(fine.boxed());
    until(|| !reported(&name).is_empty()).await;
    assert_eq!(reported(&name)[0].phase, Phase::Destructor);
}
