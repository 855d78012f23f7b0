//! Caches, resources and coroutines where it is easy to be wrong.

#![allow(
    clippy::unwrap_used,
    clippy::async_yields_async,
    clippy::redundant_async_block,
    clippy::semicolon_if_nothing_returned,
    reason = "all of it is tests"
)]

mod watchdog;

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::tokio::TokioRuntime;
use anyrt::{
    Cache, CancelToken, Co, Exit, ExitKind, Step, await_sync, coroutine, exit_stack, generator,
    hold, in_sync_drive, leave_sync, prelude::*, sync_iter,
};
use futures::StreamExt as _;

use watchdog::watched;

async fn tick() {
    let mut done = false;
    poll_fn(move |cx| {
        if done {
            return Poll::Ready(());
        }
        done = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

static HASHED: Mutex<Option<Cache<Uses, u32>>> = Mutex::new(None);
#[derive(PartialEq, Eq, Clone)]
struct Uses(u32);
impl Hash for Uses {
    fn hash<H: Hasher>(&self, h: &mut H) {
        if let Some(c) = HASHED.lock().unwrap().as_ref() {
            c.info();
        }
        self.0.hash(h);
    }
}
#[derive(PartialEq, Eq, Clone, Debug)]
struct Two(u32, u32);
impl Hash for Two {
    fn hash<H: Hasher>(&self, h: &mut H) {
        self.0.hash(h)
    }
}

#[test]
fn a_key_may_use_its_cache_while_it_is_hashed() {
    watched(|| {
        let owner = BuiltinRuntime::new();
        let cache: Cache<Uses, u32> = Cache::on(owner.handle()).open();
        *HASHED.lock().unwrap() = Some(cache.clone());
        // Not under the lock.
        assert!(!cache.contains(&Uses(1)));
    });
}

#[test]
fn another_key_of_the_same_hash_is_not_used_by_a_miss() {
    let owner = BuiltinRuntime::new();
    let cache: Cache<Two, u32> = Cache::on(owner.handle()).capacity(2).open();
    owner.block_on(async {
        for k in [Two(1, 1), Two(2, 0), Two(1, 2)] {
            cache.get(k, || async { Ok(0) }).await.unwrap();
        }
    });
    assert!(
        !cache.contains(&Two(1, 1)) && cache.contains(&Two(2, 0)),
        "the oldest, 1/1, should have gone"
    );
}

#[test]
fn closing_stops_what_was_invalidated_while_it_was_computed() {
    let owner = BuiltinRuntime::new();
    let cache: Cache<u32, u32> = Cache::on(owner.handle()).open();
    let (d, is_dropped) = mpsc::channel::<()>();
    owner.block_on(async {
        let mut first = Box::pin(cache.get(1, move || async move {
            let _k = d;
            pending().await
        }));
        assert!(futures::poll!(first.as_mut()).is_pending());
        owner.handle().sleep(Duration::from_millis(50)).await;
        assert!(cache.invalidate(&1));
        cache.close().await;
        let p = futures::poll!(first.as_mut());
        assert!(
            p.is_ready(),
            "who waits gets an error at once: still pending; computation gone: {:?}",
            is_dropped.try_recv()
        );
    });
}

#[test]
fn an_early_release_on_a_stack_is_told_value() {
    let kinds = Arc::new(Mutex::new(vec![]));
    let k = kinds.clone();
    futures::executor::block_on(exit_stack::<String, _, _, _>(async move |stack| {
        let held = stack
            .hold(async { Ok(1) }, async move |_, exit: Exit<String>| {
                k.lock().unwrap().push(exit.kind());
            })
            .await?;
        held.release().await;
        Ok(())
    }))
    .unwrap();
    assert_eq!(*kinds.lock().unwrap(), [ExitKind::Value]);
}

#[test]
fn yields_come_in_their_order() {
    let mut co = coroutine(async |co: Co<u8, ()>| {
        futures::join!(co.yield_(1), co.yield_(2));
    });
    let first = await_sync(co.run()).unwrap().unwrap();
    assert_eq!(first, Step::Yield(1));
}

#[test]
fn a_yield_is_not_starved_by_others() {
    let mut co = coroutine(async |co: Co<u8, ()>| {
        futures::join!(co.yield_(1), async {
            for _ in 0..1000 {
                co.yield_(2).await
            }
        });
    });
    let mut n = 0;
    let mut step = await_sync(co.run()).unwrap().unwrap();
    while step == Step::Yield(2) {
        n += 1;
        step = await_sync(co.resume(())).unwrap().unwrap();
    }
    assert!(n < 2, "1 was handed out after {n} others");
}

#[test]
fn what_is_released_early_does_not_pile_up() {
    let owner = BuiltinRuntime::new();
    let max = |n: usize, how: u8| {
        allocation_counter::measure(|| {
            owner.block_on(async {
                if how == 2 {
                    exit_stack::<String, _, _, _>(async |st| {
                        for _ in 0..n {
                            st.hold(async { Ok(1) }, async |_, _| ())
                                .await?
                                .release()
                                .await;
                        }
                        Ok(())
                    })
                    .await
                    .unwrap();
                    return;
                }
                for _ in 0..n {
                    let h = hold(async { Ok::<_, Infallible>(1) }, async |_, _| ())
                        .await
                        .unwrap();
                    if how == 0 {
                        h.release().await
                    } else {
                        h.keep();
                    }
                }
            })
        })
        .bytes_max
    };
    let got: Vec<_> = (0..3)
        .map(|how| (max(100, how), max(10_000, how)))
        .collect();
    assert!(
        got.iter().all(|(few, many)| *many < 4 * few),
        "bytes_max for 100 and 10000 (release, keep, stack): {got:?}"
    );
}

#[test]
fn a_task_that_is_spawned_in_a_drive_is_not_driven() {
    let owner = TokioRuntime::current_thread().unwrap();
    let rt = owner.handle().clone();
    let seen = await_sync(async {
        leave_sync(|| {
            owner.block_on(async {
                rt.spawn(async { (in_sync_drive(), leave_sync(|| ()).await.is_ok()) })
                    .await
                    .unwrap()
            })
        })
        .await
        .unwrap()
    })
    .unwrap();
    assert_eq!(seen, (false, false));
}

#[test]
fn a_stream_is_iterated_where_a_request_is_due() {
    let owner = BuiltinRuntime::new();
    let token = CancelToken::new();
    let seen = Arc::new(Mutex::new(None));
    let (t, s) = (token.clone(), seen.clone());
    let _ = owner.block_on(async {
        async move {
            t.cancel("in its poll");
            let one = await_sync(generator(async |co: Co<u32, ()>| co.yield_(1).await).next());
            let other = sync_iter(Box::pin(generator(async |co: Co<u32, ()>| {
                co.yield_(1).await
            })))
            .next();
            *s.lock().unwrap() = Some((one, other));
            pending::<()>().await
        }
        .until(&token)
        .await
    });
    let seen = seen.lock().unwrap().take().unwrap();
    assert_eq!(seen, (Ok(Some(1)), Some(Ok(1))));
}

#[test]
fn an_answer_waits_until_it_is_taken() {
    let mut co = coroutine(async |co: Co<u8, u8>| {
        let mut answer = co.yield_(1);
        assert!(futures::poll!(&mut answer).is_pending());
        tick().await;
        tick().await;
        answer.await
    });
    assert_eq!(await_sync(co.run()).unwrap().unwrap(), Step::Yield(1));
    assert_eq!(
        await_sync(co.resume(10))
            .expect("HANG: the answer is lost")
            .unwrap(),
        Step::Done(10)
    );
}

#[test]
fn an_eager_task_in_a_drive_is_not_driven() {
    let owner = BuiltinRuntime::new();
    let rt = owner.handle().clone();
    let seen = owner.block_on(async move {
        await_sync(async {
            rt.spawn_eager(async { in_sync_drive() })
                .into_ready()
                .unwrap()
                .unwrap()
        })
        .unwrap()
    });
    assert!(!seen, "a task that is spawned inside is not driven");
}

#[test]
fn an_eager_child_of_a_scope_in_a_drive_is_not_driven() {
    let owner = BuiltinRuntime::new();
    let rt = owner.handle().clone();
    let seen = owner.block_on(async move {
        await_sync(rt.scope(|scope| async move {
            let child = scope.spawn_eager(async { in_sync_drive() });
            (child.await, in_sync_drive())
        }))
    });
    assert_eq!(seen, Ok((false, true)));
}
