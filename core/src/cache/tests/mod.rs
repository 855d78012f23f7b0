//! The cache, polled by hand: who computes, who waits, who leaves, at every point.

mod ends;
mod kept;
mod keys;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::region::tests::by_hand::{Clocked, Play};
use crate::region::tests::{Log, said, say};
use crate::task::tests::tick;
use crate::{Cache, CacheError, Runtime, Task, defer};

type Numbers = Cache<u32, u32, String>;

fn numbers(play: &Play) -> Numbers {
    Cache::on(&play.rt).open()
}

#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A computation of `ticks` suspensions that counts how often it has begun.
async fn ten_times(n: u32, ticks: usize, begun: Count) -> Result<u32, String> {
    begun.add();
    for _ in 0..ticks {
        tick().await;
    }
    Ok(n * 10)
}

/// A task that asks the cache.
fn ask(
    play: &mut Play,
    cache: &Numbers,
    key: u32,
    ticks: usize,
    begun: &Count,
) -> Task<Result<u32, CacheError<String>>> {
    let (cache, begun) = (cache.clone(), begun.clone());
    play.start(async move { cache.get(key, move || ten_times(key, ticks, begun)).await })
}

fn ended<T>(mut task: Task<T>) -> T {
    match crate::region::tests::poll_once(std::pin::Pin::new(&mut task)) {
        std::task::Poll::Ready(result) => result.unwrap(),
        std::task::Poll::Pending => panic!("the task has not ended"),
    }
}

#[test]
fn all_who_ask_share_one_computation() {
    let mut play = Play::default();
    let cache = numbers(&play);
    let begun = Count::default();
    let tasks: Vec<_> = (0..100)
        .map(|_| ask(&mut play, &cache, 7, 3, &begun))
        .collect();
    play.finish();
    for task in tasks {
        assert_eq!(ended(task).unwrap(), 70);
    }
    assert_eq!(begun.get(), 1);
    let info = cache.info();
    assert_eq!((info.misses, info.hits + info.joins, info.len), (1, 99, 1));
}

#[test]
fn whoever_asked_first_may_go_at_any_point() {
    for goes_after in 0..6 {
        let mut play = Play::default();
        let cache = numbers(&play);
        let begun = Count::default();
        let first = ask(&mut play, &cache, 1, 3, &begun);
        let second = ask(&mut play, &cache, 1, 3, &begun);
        play.turns(goes_after);
        drop(first);
        play.finish();
        assert_eq!(ended(second).unwrap(), 10, "{goes_after}");
        assert_eq!(begun.get(), 1);
        assert!(cache.contains(&1));
    }
}

#[test]
fn the_last_who_goes_stops_the_computation_and_waits_for_its_clean_ups() {
    for goes_after in 0..8 {
        let mut play = Play::default();
        let cache = numbers(&play);
        let log = Log::default();
        let task = play.start({
            let (cache, log) = (cache.clone(), log.clone());
            async move {
                let compute = move || async move {
                    let cleanup = log.clone();
                    defer(async move {
                        tick().await;
                        tick().await;
                        say(&cleanup, "cleaned up");
                    });
                    tick().await;
                    tick().await;
                    say(&log, "computed");
                    Ok::<_, String>(5)
                };
                cache.get(1, compute).await
            }
        });
        let other = ask(&mut play, &cache, 2, 1, &Count::default());
        play.turns(goes_after);
        let was_there = cache.contains(&1);
        let was_computed = said(&log).contains(&"computed".to_owned());
        drop(task);
        drop(other);
        play.finish();
        let begun = said(&log).contains(&"cleaned up".to_owned());
        let computed = said(&log).contains(&"computed".to_owned());
        assert!(begun || !computed, "after {goes_after}: {:?}", said(&log));
        assert_eq!(computed, was_computed, "after {goes_after}: it was stopped");
        assert_eq!(cache.contains(&1), was_there, "after {goes_after}");
        // What was stopped is computed anew.
        let again = ask(&mut play, &cache, 1, 0, &Count::default());
        play.finish();
        assert!(ended(again).is_ok());
    }
}

#[test]
fn who_leaves_and_is_not_the_last_stops_nothing() {
    let mut play = Play::default();
    let cache = numbers(&play);
    let begun = Count::default();
    let tasks: Vec<_> = (0..5)
        .map(|_| ask(&mut play, &cache, 1, 9, &begun))
        .collect();
    for task in tasks.into_iter().skip(1).rev() {
        play.turn();
        drop(task);
    }
    play.turns(3);
    // The first is gone, too: `skip` has dropped it.
    assert!(!cache.contains(&1));
    assert_eq!(begun.get(), 1);
    let anew = ask(&mut play, &cache, 1, 0, &begun);
    play.finish();
    assert_eq!(ended(anew).unwrap(), 10);
    assert_eq!(begun.get(), 2);
}

#[test]
fn a_value_is_given_when_the_clean_ups_of_its_computation_have_run() {
    let mut play = Play::default();
    let cache = numbers(&play);
    let log = Log::default();
    let task = play.start({
        let (cache, log) = (cache.clone(), log.clone());
        async move {
            let compute = {
                let log = log.clone();
                move || async move {
                    defer(async move {
                        tick().await;
                        say(&log, "cleaned up");
                    });
                    Ok::<_, String>(1)
                }
            };
            cache.get(1, compute).await.unwrap();
            say(&log, "given");
        }
    });
    play.finish();
    ended(task);
    assert_eq!(said(&log), ["cleaned up", "given"]);
}

#[test]
fn a_computation_that_asks_for_its_own_key_is_an_error_and_not_a_hang() {
    let mut play = Play::default();
    let cache = numbers(&play);
    let task = play.start({
        let cache = cache.clone();
        async move {
            let rt = cache.clone();
            let compute = move || async move {
                let inner = rt.get(1, || async { Ok(0) }).await;
                assert!(inner.unwrap_err().is_recursive());
                // Another key is fine, and so is one that is there.
                Ok(rt.get(2, || async { Ok(2) }).await.unwrap())
            };
            cache.get(1, compute).await
        }
    });
    play.finish();
    assert_eq!(ended(task).unwrap(), 2);
}

#[test]
fn computations_that_wait_for_each_other_are_an_error_and_not_a_hang() {
    let mut play = Play::default();
    let cache = numbers(&play);
    // Each is begun by its own user, and then asks for the other.
    let ask = |own: u32, other: u32| {
        let cache = cache.clone();
        async move {
            let inner = cache.clone();
            let compute = move || async move {
                tick().await;
                match inner.get(other, || async { Ok(0) }).await {
                    Err(error) if error.is_recursive() => Ok(10),
                    Ok(value) => Ok(value + 1),
                    Err(error) => Err(error.to_string()),
                }
            };
            cache.get(own, compute).await
        }
    };
    let (one, two, three) = (ask(1, 2), ask(2, 3), ask(3, 1));
    let tasks = [play.start(one), play.start(two), play.start(three)];
    play.finish();
    let mut values: Vec<u32> = tasks.into_iter().map(|task| ended(task).unwrap()).collect();
    values.sort_unstable();
    assert_eq!(values, [10, 11, 12]);
    // None of them waits for anything any more.
    let again = play.start({
        let cache = cache.clone();
        async move {
            cache.clear();
            cache.get(1, || async { Ok(1) }).await
        }
    });
    play.finish();
    assert_eq!(ended(again).unwrap(), 1);
}

#[test]
fn a_computation_and_its_users_can_be_spawned_from_generic_code() {
    fn spawned<R: Runtime>(rt: &R) -> Task<u32> {
        let cache: Numbers = Cache::on(rt).open();
        let handle = rt.clone();
        rt.spawn(async move {
            let inner = handle.clone();
            let compute = move || async move { Ok(inner.spawn(async { 3 }).await.unwrap()) };
            cache.get(1, compute).await.unwrap()
        })
    }
    let mut play = Play::default();
    let task = spawned::<Clocked>(&play.rt);
    play.finish();
    assert_eq!(ended(task), 3);
}
