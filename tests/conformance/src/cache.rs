//! The cache: one computation for each key, whoever leaves.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use anyrt_core::{Cache, Runtime, defer};
use futures::channel::oneshot;

use crate::faults::{until, yield_once};
use crate::{ByHand, Harness};

type Numbers = Cache<u32, u32, String>;

pub async fn a_hundred_who_ask_share_one_computation<H: Harness>(rt: H::Handle) {
    let cache: Numbers = Cache::on(&rt).open();
    let begun = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (cache, begun) = (cache.clone(), begun.clone());
            rt.spawn(async move {
                let compute = move || async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    yield_once().await;
                    Ok(7)
                };
                cache.get(1, compute).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 7);
    }
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

pub async fn whoever_asked_first_may_go<H: Harness>(rt: H::Handle) {
    let cache: Numbers = Cache::on(&rt).open();
    let (go, gone) = oneshot::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let first = rt.spawn({
        let cache = cache.clone();
        async move {
            let compute = move || async move {
                begun.send(()).unwrap();
                gone.await.unwrap();
                Ok(5)
            };
            cache.get(1, compute).await
        }
    });
    has_begun.await.unwrap();
    let second = rt.spawn({
        let cache = cache.clone();
        async move { cache.get(1, || async { Ok(6) }).await.unwrap() }
    });
    until(|| cache.info().joins == 1).await;
    assert!(first.cancel_and_wait().await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    assert_eq!(second.await.unwrap(), 5);
}

pub async fn the_last_who_goes_waits_for_the_clean_ups_of_the_computation<H: Harness>(
    rt: H::Handle,
) {
    let cache: Numbers = Cache::on(&rt).open();
    let (begun, has_begun) = oneshot::channel();
    let cleaned = Arc::new(AtomicUsize::new(0));
    let task = rt.spawn({
        let (cache, cleaned) = (cache.clone(), cleaned.clone());
        async move {
            let compute = move || async move {
                defer(async move {
                    yield_once().await;
                    cleaned.fetch_add(1, Ordering::SeqCst);
                });
                begun.send(()).unwrap();
                pending().await
            };
            cache.get(1, compute).await
        }
    });
    has_begun.await.unwrap();
    assert!(task.cancel_and_wait().await.is_err());
    assert_eq!(cleaned.load(Ordering::SeqCst), 1);
    assert_eq!(cache.get(1, || async { Ok(2) }).await.unwrap(), 2);
}

pub async fn a_value_expires_on_the_clock_of_the_runtime<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let minute = Duration::from_secs(60);
    let cache: Numbers = Cache::on(&rt).expire_after(minute).open();
    let get = async |n: u32| cache.get(1, move || async move { Ok(n) }).await.unwrap();
    assert_eq!(get(1).await, 1);
    rt.clock().advance(minute - Duration::from_nanos(1));
    assert_eq!(get(2).await, 1);
    rt.clock().advance(Duration::from_nanos(1));
    assert_eq!(get(3).await, 3);
}

pub async fn many_tasks_on_few_keys_get_what_belongs_to_them<H: Harness>(rt: H::Handle) {
    let cache: Numbers = Cache::on(&rt).capacity(4).open();
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let cache = cache.clone();
            rt.spawn(async move {
                for round in 0..25 {
                    let key = (n * 7 + round) % 9;
                    let compute = move || async move {
                        if key % 2 == 0 {
                            yield_once().await;
                        }
                        match (key + round) % 5 {
                            0 => Err("no".to_owned()),
                            _ => Ok(key * 10),
                        }
                    };
                    if round % 6 == 5 {
                        // Who gives up half-way leaves the others what they wait for.
                        let mut get = Box::pin(cache.get(key, compute));
                        poll_fn(|cx| Poll::Ready(get.as_mut().poll(cx).is_ready())).await;
                        continue;
                    }
                    if let Ok(value) = cache.get(key, compute).await {
                        assert_eq!(value, key * 10);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(cache.info().len <= 4);
    cache.close().await;
}
