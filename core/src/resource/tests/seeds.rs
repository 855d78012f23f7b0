//! Random programs of resources, stopped at a random step: what was acquired is released.

use std::pin::Pin;

use super::*;
use crate::chance;
use crate::{CancelToken, Cancellable, enter, exit_stack, using, using_all};

type Program = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

fn below(seed: &mut u64, n: u64) -> u64 {
    chance::next(seed) % n
}

fn pooled(counts: &Counts, seed: &mut u64) -> Pooled {
    let fails = match below(seed, 8) {
        0 => Fails::Acquire,
        1 => Fails::Release,
        _ => Fails::Never,
    };
    Pooled::failing(counts, below(seed, 3) as usize, fails)
}

/// A program of nested uses; in each, a few steps.
fn program(counts: Counts, mut seed: u64, depth: u32) -> Program {
    Box::pin(async move {
        let seed = &mut seed;
        for _ in 0..below(seed, 3) {
            tick().await;
        }
        if depth == 0 {
            return match below(seed, 4) {
                0 => Err("body".to_owned()),
                1 => panic!("body"),
                _ => Ok(()),
            };
        }
        let inner = program(counts.clone(), chance::next(seed), depth - 1);
        match below(seed, 6) {
            0 => using(pooled(&counts, seed), async |_| inner.await).await,
            1 => {
                let _held = enter(pooled(&counts, seed)).await?;
                inner.await
            }
            2 => {
                let (one, two) = (pooled(&counts, seed), pooled(&counts, seed));
                let stacked = exit_stack(async |stack| {
                    let _one = stack.enter(one).await?;
                    let two = stack.enter(two).await?;
                    drop(two);
                    inner.await
                });
                stacked.await.map_err(|group| group.to_string())
            }
            3 => {
                let all: Vec<_> = (0..3).map(|_| pooled(&counts, seed)).collect();
                let used = using_all(all, async |_| inner.await).await;
                used.into_result().map_err(|group| group.to_string())
            }
            4 => {
                let held = enter(pooled(&counts, seed)).await?;
                tick().await;
                let mut release = Box::pin(held.release());
                if below(seed, 2) == 0 {
                    let _ = poll_once(release.as_mut());
                } else {
                    release.await;
                }
                inner.await
            }
            _ => {
                let token = CancelToken::new();
                if below(seed, 3) == 0 {
                    token.cancel("token");
                }
                inner.until(&token).await.unwrap_or(Ok(()))
            }
        }
    })
}

#[test]
fn what_is_acquired_is_released_whatever_happens() {
    let programs = match std::env::var("ANYRT_RESOURCE_SEEDS") {
        Ok(count) => count.parse().expect("a number"),
        Err(_) => 10_000,
    };
    let mut stopped = 0;
    for number in 0..programs {
        let mut seed = number + 1;
        let rt = Hand::default();
        let counts = Counts::default();
        let body = program(counts.clone(), chance::next(&mut seed), 4);
        let (task, mut root) = spawn(&rt, body);
        let mut ended = false;
        for _ in 0..below(&mut seed, 24) {
            ended = ended || poll_once(root.as_mut()).is_ready();
        }
        match below(&mut seed, 4) {
            0 => {}
            1 => drop(task),
            _ => {
                stopped += usize::from(!ended);
                task.cancel("here");
            }
        }
        if !ended {
            finish(root.as_mut());
        }
        drop(root);
        for mut orphans in rt.take_roots() {
            finish(orphans.as_mut());
        }
        assert_eq!(counts.acquired(), counts.released(), "program {number}");
    }
    assert!(stopped as u64 > programs / 10, "{stopped}");
}
