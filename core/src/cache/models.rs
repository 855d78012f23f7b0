//! The cache in all interleavings: who lands, who joins, who leaves.

use std::sync::Arc;

use super::Cache;
use crate::sync::model::{Count, Hand, Polled, model, model_within, thread};

type Numbers = Cache<u32, u32, String>;

/// A computation that counts how often it has begun.
fn one(
    begun: &Arc<Count>,
) -> impl FnOnce() -> std::future::Ready<Result<u32, String>> + Send + use<> {
    let begun = begun.clone();
    move || {
        begun.add();
        std::future::ready(Ok(1))
    }
}

#[test]
fn who_joins_while_a_computation_lands_gets_its_value() {
    model(|| {
        let rt = Hand::default();
        let cache: Numbers = Cache::on(&rt).open();
        let begun = Count::new();
        let mut first = Polled::new({
            let (cache, begun) = (cache.clone(), begun.clone());
            async move { cache.get(1, one(&begun)).await.unwrap() }
        });
        assert!(!first.poll());
        let mut root = rt.root();
        let computing = thread::spawn(move || {
            root.poll();
            root
        });
        let mut second = Polled::new({
            let (cache, begun) = (cache.clone(), begun.clone());
            async move { cache.get(1, one(&begun)).await.unwrap() }
        });
        second.poll();
        drop(computing.join().unwrap());
        rt.rest(|| first.poll_if_woken() | second.poll_if_woken());
        assert_eq!((first.end(), second.end()), (1, 1));
        assert_eq!(begun.get(), 1);
        assert!(cache.contains(&1));
    });
}

#[test]
fn the_last_who_leaves_meets_one_who_joins() {
    model_within(2, || {
        let rt = Hand::default();
        let cache: Numbers = Cache::on(&rt).open();
        let begun = Count::new();
        let mut first = Polled::new({
            let (cache, begun) = (cache.clone(), begun.clone());
            async move { cache.get(1, one(&begun)).await.unwrap() }
        });
        assert!(!first.poll());
        let leaving = thread::spawn(move || drop(first));
        let mut second = Polled::new({
            let (cache, begun) = (cache.clone(), begun.clone());
            async move { cache.get(1, one(&begun)).await.unwrap() }
        });
        second.poll();
        leaving.join().unwrap();
        rt.rest(|| second.poll_if_woken());
        assert_eq!(second.end(), 1);
        assert!(cache.contains(&1));
        assert_eq!(
            begun.get(),
            1,
            "of two computations the first was stopped before it began"
        );
    });
}

#[test]
fn the_last_who_leaves_meets_the_landing() {
    model(|| {
        let rt = Hand::default();
        let cache: Numbers = Cache::on(&rt).open();
        let begun = Count::new();
        let mut first = Polled::new({
            let (cache, begun) = (cache.clone(), begun.clone());
            async move { cache.get(1, one(&begun)).await.unwrap() }
        });
        assert!(!first.poll());
        let mut root = rt.root();
        let computing = thread::spawn(move || {
            root.poll();
            root
        });
        drop(first);
        let mut root = computing.join().unwrap();
        rt.rest(|| root.poll_if_woken());
        // Kept or stopped, it can be asked for again.
        let mut again = Polled::new({
            let (cache, begun) = (cache.clone(), begun.clone());
            async move { cache.get(1, one(&begun)).await.unwrap() }
        });
        again.poll();
        rt.rest(|| again.poll_if_woken());
        assert_eq!(again.end(), 1);
    });
}

#[test]
fn closing_meets_a_landing_and_one_who_asks() {
    model_within(2, || {
        let rt = Hand::default();
        let cache: Numbers = Cache::on(&rt).open();
        let begun = Count::new();
        let closing = thread::spawn({
            let cache = cache.clone();
            move || drop(cache.close())
        });
        let mut asks = Polled::new({
            let (cache, begun) = (cache.clone(), begun.clone());
            async move { cache.get(1, one(&begun)).await }
        });
        asks.poll();
        closing.join().unwrap();
        rt.rest(|| asks.poll_if_woken());
        if let Err(error) = asks.end() {
            assert!(error.is_closed());
        }
        assert!(!cache.contains(&1) || begun.get() == 1);
    });
}
