//! Scopes as objects.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyrt_core::{Nursery, Phase, Runtime, current_scope, defer};
use futures::StreamExt;
use futures::channel::{mpsc, oneshot};

use crate::Harness;
use crate::faults::{Alive, CountDrops, reported, unique_name, until, yield_once};

struct Server<R: Runtime> {
    clients: Nursery<R>,
    waiting: Arc<AtomicUsize>,
    cleaned: Arc<AtomicUsize>,
}

impl<R: Runtime> Server<R> {
    fn with_clients(rt: &R, count: usize) -> Self {
        let server = Server {
            clients: rt.nursery(),
            waiting: Arc::default(),
            cleaned: Arc::default(),
        };
        for _ in 0..count {
            let (waiting, cleaned) = (server.waiting.clone(), server.cleaned.clone());
            server.clients.spawn(async move {
                defer(async move {
                    yield_once().await;
                    cleaned.fetch_add(1, Ordering::SeqCst);
                });
                waiting.fetch_add(1, Ordering::SeqCst);
                pending::<()>().await;
            });
        }
        server
    }
}

pub async fn closing_waits_for_children_and_their_clean_ups<H: Harness>(rt: H::Handle) {
    let server = Server::with_clients(&rt, 100);
    until(|| server.waiting.load(Ordering::SeqCst) == 100).await;
    server.clients.close().await.unwrap();
    assert_eq!(server.clients.live(), 0);
    assert_eq!(server.cleaned.load(Ordering::SeqCst), 100);
}

pub async fn closing_again_is_fine_and_closed_it_takes_nobody<H: Harness>(rt: H::Handle) {
    let nursery = rt.nursery();
    let handle = nursery.handle();
    nursery.close().await.unwrap();
    nursery.close().await.unwrap();
    assert!(nursery.is_closed());
    let alive = Alive::default();
    let held = alive.clone();
    let refused = handle.try_spawn(async move { drop(held) }).unwrap_err();
    assert_eq!(refused.reason().unwrap().as_str(), "the nursery was closed");
    drop(refused);
    assert_eq!(alive.others(), 0);
    assert!(
        handle
            .spawn(async {})
            .result()
            .await
            .unwrap_err()
            .is_cancelled()
    );
    assert_eq!(nursery.spawned(), 0);
}

pub async fn dropping_it_asks_the_children_to_stop<H: Harness>(rt: H::Handle) {
    let (tx, rx) = oneshot::channel();
    let nursery = rt.nursery();
    let (started, is_started) = oneshot::channel();
    nursery.spawn(async move {
        defer(async move { tx.send("cleaned up").unwrap() });
        started.send(()).unwrap();
        pending::<()>().await;
    });
    is_started.await.unwrap();
    drop(nursery);
    assert_eq!(rx.await.unwrap(), "cleaned up");
}

pub async fn a_failure_is_reported_at_once_and_disturbs_nobody<H: Harness>(rt: H::Handle) {
    let nursery = rt.nursery();
    let fine = nursery.spawn(pending::<()>());
    let name = unique_name();
    nursery
        .spawn_with()
        .name(name.clone())
        .spawn(async { "seven".parse::<i32>() });
    until(|| !reported(&name).is_empty()).await;
    let seen = &reported(&name)[0];
    assert_eq!(seen.phase, Phase::Failed);
    assert_eq!(
        seen.message.as_deref(),
        Some("invalid digit found in string")
    );
    let name = unique_name();
    let panicking = async { panic!("out of cheese") };
    nursery.spawn_with().name(name.clone()).spawn(panicking);
    until(|| !reported(&name).is_empty()).await;
    assert_eq!(reported(&name)[0].phase, Phase::Body);

    until(|| nursery.live() == 1).await;
    fine.cancel("seen");
    nursery.close().await.unwrap();
}

pub async fn a_handler_is_told_of_errors_of_all_types<H: Harness>(rt: H::Handle) {
    let (tx, rx) = mpsc::unbounded();
    let nursery = rt.nursery_with().on_error(move |error| {
        let number = error.error().and_then(|error| error.downcast_ref::<u8>());
        tx.unbounded_send(number.copied()).unwrap();
    });
    let nursery = nursery.open();
    let _ = nursery.spawn(async { Err::<(), _>(7_u8) }).result().await;
    let _ = nursery
        .spawn(async { Err::<(), _>("seven") })
        .result()
        .await;
    let _ = nursery.spawn_blocking(|| panic!("seven")).result().await;
    drop(nursery);
    let seen: Vec<_> = rx.take(3).collect().await;
    assert_eq!(seen, [Some(7), None, None]);
}

pub async fn a_child_spawns_siblings_and_may_close_it<H: Harness>(rt: H::Handle) {
    let nursery = Arc::new(rt.nursery());
    let inner = nursery.clone();
    let child = nursery.spawn(async move {
        current_scope().unwrap().spawn(pending());
        inner.spawn(pending::<()>());
        assert!(inner.close().await.unwrap_err().is_oneself());
    });
    let _ = child.result().await;
    nursery.close().await.unwrap();
    assert_eq!((nursery.spawned(), nursery.live()), (3, 0));
}

pub async fn very_many_short_children_leave_nothing<H: Harness>(rt: H::Handle) {
    let nursery = rt.nursery();
    let drops = Arc::<AtomicUsize>::default();
    for _ in 0..H::CAPS.many {
        let held = CountDrops(drops.clone());
        nursery.spawn(async move { drop(held) });
    }
    until(|| nursery.live() == 0).await;
    assert_eq!(drops.load(Ordering::SeqCst), H::CAPS.many);
    // Only ours is left: no child keeps anything.
    until(|| Arc::strong_count(&drops) == 1).await;
    nursery.close().await.unwrap();
}
