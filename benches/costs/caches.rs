//! The cache: against the future cache of moka.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::{Cache, Runtime};
use futures::executor::block_on;
use moka::future::Cache as Moka;

use super::labs::{Lab, Side};
use super::peers::{OneThread, row, timed};
use super::rows::Row;

type Ours = Cache<u64, u64, Infallible>;

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    vec![
        row("cache_hit", 10_000, hit),
        row("cache_miss", 2_000, miss),
        row("cache_100_waiters", 2_000, waiters),
        row("cache_8_threads", 16_000, threads),
    ]
}

/// A key that is there, again and again.
fn hit(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let cache: Ours = Cache::on(&lab.handle()).capacity(1_000).open();
            lab.in_ours(async move {
                cache.get(1, async || Ok(1)).await.expect("it is computed");
                timed(async {
                    for _ in 0..ops {
                        black_box(cache.get(1, async || Ok(1)).await).expect("it is there");
                    }
                })
                .await
            })
        }
        Side::Theirs => {
            let cache: Moka<u64, u64> = Moka::new(1_000);
            lab.in_theirs(async move {
                cache.get_with(1, async { 1 }).await;
                timed(async {
                    for _ in 0..ops {
                        black_box(cache.get_with(1, async { 1 }).await);
                    }
                })
                .await
            })
        }
    }
}

/// Keys that are not there, with room for all.
fn miss(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let cache: Ours = Cache::on(&lab.handle()).capacity(1_000_000).open();
            lab.in_ours(timed(async move {
                for n in 0..ops as u64 {
                    black_box(cache.get(n, async move || Ok(n)).await).expect("it is computed");
                }
            }))
        }
        Side::Theirs => {
            let cache: Moka<u64, u64> = Moka::new(1_000_000);
            lab.in_theirs(timed(async move {
                for n in 0..ops as u64 {
                    black_box(cache.get_with(n, async move { n }).await);
                }
            }))
        }
    }
}

/// A hundred tasks that ask for one key while it is computed; for one key after the other.
fn waiters(lab: &OneThread, side: Side, ops: usize) -> Duration {
    let rounds = (ops / 100) as u64;
    match side {
        Side::Ours => {
            let rt = lab.handle();
            let cache: Ours = Cache::on(&rt).capacity(1_000).open();
            lab.in_ours(timed(async move {
                for round in 0..rounds {
                    let ask = |_| {
                        let cache = cache.clone();
                        rt.spawn(async move {
                            let compute = async move || {
                                tokio::task::yield_now().await;
                                Ok(round)
                            };
                            cache.get(round, compute).await
                        })
                    };
                    let asking: Vec<_> = (0..100).map(ask).collect();
                    for task in asking {
                        let value = black_box(task.await).expect("it ends");
                        value.expect("it is computed");
                    }
                }
            }))
        }
        Side::Theirs => {
            let cache: Moka<u64, u64> = Moka::new(1_000);
            lab.in_theirs(timed(async move {
                for round in 0..rounds {
                    let ask = |_| {
                        let cache = cache.clone();
                        tokio::spawn(async move {
                            let compute = async move {
                                tokio::task::yield_now().await;
                                round
                            };
                            cache.get_with(round, compute).await
                        })
                    };
                    let asking: Vec<_> = (0..100).map(ask).collect();
                    for task in asking {
                        black_box(task.await).expect("it ends");
                    }
                }
            }))
        }
    }
}

/// Eight threads on a thousand keys, of which nine in ten are there.
fn threads(_: &OneThread, side: Side, ops: usize) -> Duration {
    static COMPUTES: OnceLock<BuiltinRuntime> = OnceLock::new();
    let rt = COMPUTES.get_or_init(BuiltinRuntime::new).handle();
    let ours: Ours = Cache::on(rt).capacity(900).open();
    let theirs: Moka<u64, u64> = Moka::new(900);
    let get = |key: u64| match side {
        Side::Ours => {
            let value = block_on(ours.get(key, async move || Ok(key)));
            black_box(value.expect("it is computed"));
        }
        Side::Theirs => {
            black_box(block_on(theirs.get_with(key, async move { key })));
        }
    };
    for key in 0..900 {
        get(key);
    }
    let begun = Instant::now();
    thread::scope(|scope| {
        for n in 0..8 {
            let get = &get;
            scope.spawn(move || {
                let mut state = n + 1;
                for _ in 0..ops / 8 {
                    state = (state * 48_271) % 2_147_483_647;
                    get(state % 1_000);
                }
            });
        }
    });
    begun.elapsed()
}
