//! Coroutines, eager tasks and resources that are stopped, shielded or closed in unlikely places.
//!
//! In virtual time, so that each comes when it is to come; with a watchdog.

#![allow(
    clippy::unwrap_used,
    clippy::async_yields_async,
    clippy::redundant_async_block,
    clippy::semicolon_if_nothing_returned,
    reason = "all of it is tests"
)]

mod watchdog;

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::{
    Cache, CancelToken, Co, Exit, ExitKind, Started, VirtualClock, defer, generator, hold,
    prelude::*, shield,
};

use watchdog::watched;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

type Log = Arc<Mutex<Vec<String>>>;

fn say(log: &Log, text: &str) {
    log.lock().unwrap().push(text.to_owned());
}

#[test]
fn a_started_that_is_awaited_in_a_shield_is_shielded() {
    watched(|| {
        for defers in [false, true] {
            let owner = VirtualClock::on(BuiltinRuntime::new());
            let rt = owner.handle().clone();
            let log = Log::default();
            let task = rt.spawn({
                let (rt, log) = (rt.clone(), log.clone());
                async move {
                    let started = Started::now({
                        let (rt, log) = (rt.clone(), log.clone());
                        async move {
                            if defers {
                                defer(async {});
                            }
                            rt.sleep(ms(100)).await;
                            say(&log, "done");
                        }
                    });
                    shield(started).await;
                    say(&log, "after the shield");
                    pending::<()>().await
                }
            });
            owner.block_on(async {
                rt.sleep(ms(30)).await;
                let ended = rt.timeout(ms(5000), task.cancel_and_wait()).await;
                assert!(ended.is_ok(), "defers {defers}: hangs; {:?}", log.lock());
            });
            assert_eq!(
                *log.lock().unwrap(),
                ["done", "after the shield"],
                "defers: {defers}"
            );
        }
    });
}

#[test]
fn a_generator_that_goes_on_in_a_shield_is_shielded() {
    watched(|| {
        let owner = VirtualClock::on(BuiltinRuntime::new());
        let rt = owner.handle().clone();
        let log = Log::default();
        let task = rt.spawn({
            let (rt, log) = (rt.clone(), log.clone());
            async move {
                let inner = rt.clone();
                let mut items = generator(async |co: Co<u32, ()>| {
                    defer(async {});
                    inner.sleep(ms(100)).await;
                    co.yield_(1).await;
                });
                assert!(futures::poll!(items.next_item()).is_pending());
                let item = shield(items.next_item()).await;
                say(&log, &format!("{item:?}"));
                pending::<()>().await
            }
        });
        owner.block_on(async {
            rt.sleep(ms(30)).await;
            let ended = rt.timeout(ms(5000), task.cancel_and_wait()).await;
            assert!(ended.is_ok(), "hangs; {:?}", log.lock());
        });
        assert_eq!(*log.lock().unwrap(), ["Some(1)"]);
    });
}

#[test]
fn what_was_begun_in_a_shield_unwinds_before_the_task_around() {
    watched(|| {
        let owner = VirtualClock::on(BuiltinRuntime::new());
        let rt = owner.handle().clone();
        let log = Log::default();
        struct Says(Log, &'static str);
        impl Drop for Says {
            fn drop(&mut self) {
                say(&self.0, self.1);
            }
        }
        let task = rt.spawn({
            let log = log.clone();
            async move {
                let _outer = Says(log.clone(), "outer local gone");
                let cleanup = log.clone();
                let mut started = Started::later(async move {
                    defer(async move { say(&cleanup, "clean-up inside") });
                    pending::<()>().await
                });
                shield(async {
                    assert!(futures::poll!(&mut started).is_pending());
                })
                .await;
                started.await
            }
        });
        owner.block_on(async {
            rt.sleep(ms(30)).await;
            let ended = rt.timeout(ms(5000), task.cancel_and_wait()).await;
            assert!(ended.is_ok(), "hangs; {:?}", log.lock());
        });
        assert_eq!(
            *log.lock().unwrap(),
            ["clean-up inside", "outer local gone"]
        );
    });
}

fn kinds_of(
    body: impl FnOnce(
        anyrt::AnyRuntime,
        Arc<Mutex<Vec<ExitKind>>>,
    ) -> futures::future::BoxFuture<'static, ()>,
) -> (Vec<ExitKind>, Result<(), anyrt::JoinError>) {
    let owner = VirtualClock::on(BuiltinRuntime::new());
    let rt = owner.handle().clone();
    let kinds = Arc::new(Mutex::new(vec![]));
    let task = rt.spawn(body(anyrt::AnyRuntime::new(rt.clone()), kinds.clone()));
    let ended = owner.block_on(task);
    let kinds = kinds.lock().unwrap().clone();
    (kinds, ended)
}

async fn held(kinds: Arc<Mutex<Vec<ExitKind>>>) -> anyrt::Held<u32> {
    hold(
        async { Ok::<_, Infallible>(1) },
        async move |_, exit: Exit| {
            kinds.lock().unwrap().push(exit.kind());
        },
    )
    .await
    .unwrap()
}

#[test]
fn a_release_knows_of_a_panic_beside_it_where_the_body_is_a_plain_future() {
    let (kinds, ended) = kinds_of(|_, kinds| {
        let one: futures::future::BoxFuture<'static, ()> = Box::pin(async move {
            let _held = held(kinds).await;
            pending::<()>().await;
        });
        let other: futures::future::BoxFuture<'static, ()> = Box::pin(async {
            panic!("beside it");
        });
        use futures::FutureExt;
        Box::pin(futures::future::join_all([one, other]).map(drop))
    });
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(kinds, [ExitKind::Panicked]);
}

#[test]
fn a_request_after_the_last_suspension_does_not_change_what_a_release_is_told() {
    let (kinds, ended) = kinds_of(|_, kinds| {
        Box::pin(async move {
            let token = CancelToken::new();
            let asks = token.clone();
            let body = async move {
                let _held = held(kinds).await;
                asks.cancel("too late");
                7
            };
            assert_eq!(body.until(&token).await.ok(), Some(7));
        })
    });
    assert!(ended.is_ok());
    assert_eq!(kinds, [ExitKind::Value]);
}

#[test]
fn a_request_during_a_newer_clean_up_does_not_change_what_a_release_is_told() {
    let owner = VirtualClock::on(BuiltinRuntime::new());
    let rt = owner.handle().clone();
    let kinds = Arc::new(Mutex::new(vec![]));
    let task = rt.spawn({
        let (rt, kinds) = (rt.clone(), kinds.clone());
        async move {
            let _held = held(kinds).await;
            defer(async move { rt.sleep(ms(60)).await });
            7
        }
    });
    let ended = owner.block_on(async {
        rt.sleep(ms(20)).await;
        task.cancel("too late");
        task.await
    });
    assert_eq!(ended.ok(), Some(7));
    assert_eq!(*kinds.lock().unwrap(), [ExitKind::Value]);
}

#[test]
fn two_keys_that_ask_for_each_other_are_an_error_and_not_a_hang() {
    watched(|| {
        let owner = VirtualClock::on(BuiltinRuntime::new());
        let rt = owner.handle().clone();
        let cache: Cache<u32, u32, String> = Cache::on(&rt).open();
        fn ask(
            cache: Cache<u32, u32, String>,
            key: u32,
        ) -> futures::future::BoxFuture<'static, Result<u32, String>> {
            Box::pin(async move {
                let again = cache.clone();
                cache
                    .get(key, move || ask(again, 3 - key))
                    .await
                    .map_err(|e| e.to_string())
            })
        }
        let ended = owner.block_on(rt.timeout(ms(500), ask(cache.clone(), 1)));
        // Nobody wants it any more.
        let again = owner.block_on(rt.timeout(ms(500), cache.get(1, || async { Ok(5) })));
        assert!(
            ended.is_ok() && again.is_ok(),
            "first: {ended:?}; later, with a computation that is ready: {again:?}"
        );
    });
}

/// Where a wait for something in the middle was given up, that can be closed.
#[test]
fn what_a_timeout_gave_up_waiting_for_can_be_closed() {
    watched(|| {
        let owner = VirtualClock::on(BuiltinRuntime::new());
        let rt = owner.handle().clone();
        owner.block_on(async {
            let mut hung = vec![];
            let inner = rt.clone();
            let mut items = generator(async |co: Co<u32, ()>| {
                defer(async {});
                inner.sleep(ms(60)).await;
                co.yield_(1).await;
            });
            assert!(rt.timeout(ms(10), items.next_item()).await.is_err());
            if rt.timeout(ms(1000), items.close()).await.is_err() {
                hung.push("generator");
            }
            let mut started = Started::now(async {
                defer(async {});
                pending::<()>().await
            });
            assert!(rt.timeout(ms(10), &mut started).await.is_err());
            if rt.timeout(ms(1000), started.close()).await.is_err() {
                hung.push("started");
            }
            assert!(hung.is_empty(), "close hangs: {hung:?}");
        });
    });
}

#[test]
fn a_generator_that_tasks_share_outlives_one_of_them() {
    watched(|| {
        for defers in [false, true] {
            let owner = VirtualClock::on(BuiltinRuntime::new());
            let rt = owner.handle().clone();
            owner.block_on(async {
                let inner = rt.clone();
                let items = Arc::new(futures::lock::Mutex::new(generator(
                    async move |co: Co<u32, ()>| {
                        if defers {
                            defer(async {});
                        }
                        inner.sleep(ms(60)).await;
                        co.yield_(1).await;
                    },
                )));
                let one = items.clone();
                let task = rt.spawn(async move { one.lock().await.next_item().await });
                rt.sleep(ms(20)).await;
                assert!(task.cancel_and_wait().await.is_err());
                let other = items.clone();
                let task = rt.spawn(async move { other.lock().await.next_item().await });
                match rt.timeout(ms(1000), task).await {
                    Ok(Ok(item)) => assert_eq!(item, Some(1)),
                    // What `Generator` says: stopped by a request to another task.
                    Ok(Err(error)) => assert!(error.is_panic(), "{error}"),
                    Err(_) => panic!("defers {defers}: who asks now hangs"),
                }
            });
        }
    });
}

#[test]
fn a_panic_that_was_caught_is_no_end_of_the_region() {
    use futures::FutureExt;
    let (kinds, ended) = kinds_of(|_, kinds| {
        Box::pin(async move {
            let caught = std::panic::AssertUnwindSafe(async {
                let _held = held(kinds).await;
                panic!("is caught");
            })
            .catch_unwind()
            .await;
            assert!(caught.is_err());
        })
    });
    assert!(ended.is_ok());
    assert_eq!(kinds, [ExitKind::Value]);
}

#[test]
fn a_release_knows_of_the_panic_of_its_region_when_what_was_held_is_elsewhere() {
    // In real time: nobody drives while this thread waits.
    let owner = BuiltinRuntime::new();
    let rt = owner.handle().clone();
    let kinds = Arc::new(Mutex::new(vec![]));
    let (send, receive) = mpsc::channel();
    let k = kinds.clone();
    let task = rt.spawn(async move {
        send.send(held(k).await).unwrap();
        panic!("without it");
    });
    let moved = receive.recv().unwrap();
    let ended = owner.block_on(async {
        rt.sleep(ms(30)).await;
        drop(moved);
        task.await
    });
    let ended: Result<(), _> = ended;
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(*kinds.lock().unwrap(), [ExitKind::Panicked]);
}

/// `aclosing(items)` of Python.
#[test]
fn a_generator_is_closed_by_the_release_of_its_use() {
    use futures::StreamExt;
    watched(|| {
        let mut hung = vec![];
        for defers in [false, true] {
            let owner = VirtualClock::on(BuiltinRuntime::new());
            let rt = owner.handle().clone();
            let inner = rt.clone();
            let released = Arc::new(AtomicUsize::new(0));
            let r = released.clone();
            let task = rt
                .spawn_with()
                .cleanup_deadline(ms(3000))
                .spawn(async move {
                    anyrt::bracket(
                        async {
                            Ok::<_, String>(generator(async move |co: Co<u32, ()>| {
                                if defers {
                                    defer(async {});
                                }
                                inner.sleep(ms(100_000)).await;
                                co.yield_(1).await;
                            }))
                        },
                        async |mut items| {
                            items.next().await;
                            Ok(())
                        },
                        async move |mut items, _| {
                            items.close().await;
                            r.fetch_add(1, Ordering::SeqCst);
                        },
                    )
                    .await
                });
            owner.block_on(async {
                rt.sleep(ms(30)).await;
                let begun = rt.now();
                drop(task.cancel_and_wait().await);
                if released.load(Ordering::SeqCst) == 0 || rt.now() - begun > ms(1000) {
                    hung.push((defers, rt.now() - begun));
                }
            });
        }
        assert!(hung.is_empty(), "the release hangs (defers, for): {hung:?}");
    });
}

#[test]
fn a_close_in_a_shield_ends_where_a_request_comes_meanwhile() {
    watched(|| {
        let owner = VirtualClock::on(BuiltinRuntime::new());
        let rt = owner.handle().clone();
        let inner = rt.clone();
        let log = Log::default();
        let l = log.clone();
        let task = rt
            .spawn_with()
            .cleanup_deadline(ms(3000))
            .spawn(async move {
                let rt = inner.clone();
                let mut items = generator(async |co: Co<u32, ()>| {
                    let rt2 = rt.clone();
                    defer(async move { rt2.sleep(ms(60)).await });
                    rt.sleep(ms(100_000)).await;
                    co.yield_(1).await;
                });
                assert!(futures::poll!(items.next_item()).is_pending());
                shield(items.close()).await;
                say(&l, "closed");
                pending::<()>().await;
            });
        owner.block_on(async {
            rt.sleep(ms(20)).await;
            let begun = rt.now();
            drop(task.cancel_and_wait().await);
            assert_eq!(
                *log.lock().unwrap(),
                ["closed"],
                "after {:?}",
                rt.now() - begun
            );
        });
    });
}

#[test]
fn what_was_released_early_is_on_no_stack() {
    let left = futures::executor::block_on(anyrt::exit_stack::<String, _, _, _>(async |stack| {
        let held = stack.hold(async { Ok(1) }, async |_, _| ()).await?;
        held.release().await;
        Ok((stack.len(), stack.is_empty()))
    }));
    assert_eq!(left.unwrap(), (0, true));
}

#[test]
fn an_eager_task_has_the_clean_up_deadline_that_it_was_given() {
    watched(|| {
        let mut late = vec![];
        for suspends in [true, false] {
            let owner = VirtualClock::on(BuiltinRuntime::new());
            let rt = owner.handle().clone();
            owner.block_on(async {
                let inner = rt.clone();
                let task = rt
                    .spawn_with()
                    .cleanup_deadline(ms(100))
                    .spawn_eager(async move {
                        if suspends {
                            inner.sleep(ms(5)).await;
                        }
                        defer(pending());
                        7
                    });
                match rt.timeout(ms(3000), task).await {
                    Ok(value) => assert_eq!(value.ok(), Some(7)),
                    Err(_) => late.push(suspends),
                }
            });
        }
        assert!(
            late.is_empty(),
            "longer than 3 seconds (suspends): {late:?}"
        );
    });
}

#[test]
fn the_clean_up_deadline_of_the_caller_is_not_an_eager_tasks() {
    watched(|| {
        let owner = VirtualClock::on(BuiltinRuntime::new());
        let rt = owner.handle().clone();
        let cleaned = Arc::new(AtomicUsize::new(0));
        let (inner, c) = (rt.clone(), cleaned.clone());
        let task = rt.spawn_with().cleanup_deadline(ms(50)).spawn(async move {
            let rt = inner.clone();
            let task = inner.spawn_eager(async move {
                defer(async move {
                    rt.sleep(ms(300)).await;
                    c.fetch_add(1, Ordering::SeqCst);
                });
                7
            });
            task.await.unwrap()
        });
        assert_eq!(owner.block_on(task).ok(), Some(7));
        assert_eq!(
            cleaned.load(Ordering::SeqCst),
            1,
            "its clean-up was dropped"
        );
    });
}

#[test]
fn a_close_that_was_given_up_is_waited_for_by_the_next() {
    watched(|| {
        let owner = VirtualClock::on(BuiltinRuntime::new());
        let rt = owner.handle().clone();
        owner.block_on(async {
            let inner = rt.clone();
            let mut items = generator(async |co: Co<u32, ()>| {
                let rt = inner.clone();
                defer(async move { rt.sleep(ms(60)).await });
                co.yield_(1).await;
            });
            items.next_item().await;
            drop(rt.timeout(ms(10), items.close()).await);
            let closed = rt.timeout(ms(2000), items.close()).await;
            assert!(closed.is_ok(), "the next close hangs");
        });
    });
}

#[test]
fn what_an_eager_task_drains_is_no_business_of_its_caller() {
    watched(|| {
        for eager in [false, true] {
            let owner = VirtualClock::on(BuiltinRuntime::new());
            let rt = owner.handle().clone();
            let gone = Arc::new(AtomicUsize::new(0));
            let waits = rt.spawn({
                let (rt, gone) = (rt.clone(), gone.clone());
                async move {
                    let inner = rt.clone();
                    let caller = rt.spawn(async move {
                        let rt = inner.clone();
                        let begins = async move {
                            let r = rt.clone();
                            let slow =
                                rt.spawn_eager(async move { shield(r.sleep(ms(600))).await });
                            if !eager {
                                rt.sleep(ms(1)).await;
                            }
                            drop(slow);
                            pending::<()>().await
                        };
                        match eager {
                            true => inner.spawn_eager(begins).detach(),
                            false => inner.spawn(begins).detach(),
                        }
                        shield(async {
                            inner.sleep(ms(150)).await;
                            gone.fetch_add(1, Ordering::SeqCst);
                        })
                        .await;
                        pending::<()>().await
                    });
                    rt.sleep(ms(40)).await;
                    drop(caller);
                }
            });
            owner.block_on(waits).unwrap();
            assert_eq!(
                gone.load(Ordering::SeqCst),
                1,
                "eager {eager}: over before the task that it has dropped is"
            );
        }
    });
}
