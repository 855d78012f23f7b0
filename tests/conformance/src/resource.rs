//! Resources: released on every runtime, however their use ends.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyrt_core::{Exit, ExitKind, Resource, Runtime, bracket, enter, exit_stack, using, using_all};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{until, yield_once};

/// How many were acquired, and how many released.
#[derive(Clone, Default)]
struct Pool(Arc<(AtomicUsize, AtomicUsize)>);

impl Pool {
    fn counts(&self) -> (usize, usize) {
        (
            self.0.0.load(Ordering::SeqCst),
            self.0.1.load(Ordering::SeqCst),
        )
    }

    fn connection(&self) -> Connection {
        Connection(self.clone())
    }
}

struct Connection(Pool);

impl Resource for Connection {
    type Held = Pool;
    type Error = String;

    async fn acquire(&mut self) -> Result<Pool, String> {
        yield_once().await;
        self.0.0.0.fetch_add(1, Ordering::SeqCst);
        Ok(self.0.clone())
    }

    async fn release(self, pool: Pool, _: Exit<String>) -> Result<(), String> {
        yield_once().await;
        pool.0.1.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

pub async fn a_use_is_released_before_it_gives_its_value<H: Harness>(_: H::Handle) {
    let pool = Pool::default();
    for outcome in [Ok(1), Err("no".to_owned())] {
        let used = using(pool.connection(), async |_| {
            yield_once().await;
            outcome.clone()
        });
        assert_eq!(used.await, outcome);
        let (acquired, released) = pool.counts();
        assert_eq!(acquired, released);
    }
}

pub async fn a_task_that_is_stopped_releases_what_it_uses<H: Harness>(rt: H::Handle) {
    let pool = Pool::default();
    let mut tasks = Vec::new();
    for n in 0..12 {
        let (started, is_started) = oneshot::channel();
        let pool = pool.clone();
        let task = rt.spawn(async move {
            let wait = async {
                started.send(()).unwrap();
                pending::<Result<(), String>>().await
            };
            match n % 4 {
                0 => using(pool.connection(), async |_| wait.await).await,
                1 => {
                    let _held = enter(pool.connection()).await?;
                    wait.await
                }
                2 => {
                    let stacked = exit_stack(async |stack| {
                        let _one = stack.enter(pool.connection()).await?;
                        let _two = stack.enter(pool.connection()).await?;
                        wait.await
                    });
                    stacked.await.map_err(|group| group.to_string())
                }
                _ => {
                    let all = (0..3).map(|_| pool.connection());
                    let used = using_all(all, async |_| wait.await).await;
                    used.into_result().map_err(|group| group.to_string())
                }
            }
        });
        is_started.await.unwrap();
        tasks.push(task);
    }
    assert_eq!(pool.counts(), (21, 0));
    for task in tasks {
        let ended = task.cancel_and_wait().await;
        assert!(ended.unwrap_err().is_cancelled());
    }
    assert_eq!(pool.counts(), (21, 21));
}

pub async fn a_handle_that_is_dropped_during_an_acquisition_leaks_nothing<H: Harness>(
    rt: H::Handle,
) {
    let pool = Pool::default();
    for _ in 0..50 {
        let pool = pool.clone();
        let task = rt.spawn(async move {
            using(pool.connection(), async |_| {
                yield_once().await;
                Ok(())
            })
            .await
        });
        yield_once().await;
        drop(task);
    }
    until(|| {
        let (acquired, released) = pool.counts();
        acquired == released
    })
    .await;
}

pub async fn a_release_learns_how_the_use_ended<H: Harness>(rt: H::Handle) {
    for (n, expected) in [
        ExitKind::Value,
        ExitKind::Error,
        ExitKind::Panicked,
        ExitKind::Cancelled,
    ]
    .into_iter()
    .enumerate()
    {
        let (told, is_told) = oneshot::channel();
        let (started, is_started) = oneshot::channel();
        let task = rt.spawn(async move {
            bracket(
                async { Ok(()) },
                async |_| {
                    yield_once().await;
                    started.send(()).unwrap();
                    match n {
                        0 => Ok(()),
                        1 => Err("no".to_owned()),
                        2 => panic!("a use that panics"),
                        _ => pending().await,
                    }
                },
                async |(), exit: Exit<String>| told.send(exit.kind()).unwrap(),
            )
            .await
        });
        is_started.await.unwrap();
        if n == 3 {
            task.cancel("stop");
        }
        assert_eq!(is_told.await.unwrap(), expected);
        let ended = task.await;
        assert_eq!(ended.is_ok(), n < 2);
    }
}
