//! Code of users: keys that look alike, and methods that panic or use the cache.

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::*;
use crate::region::tests::{finish, poll_once};

/// All keys have one hash.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alike(u32);

impl Hash for Alike {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[test]
fn keys_of_one_hash_are_told_apart() {
    let mut play = Play::default();
    let cache: Cache<Alike, u32, String> = Cache::on(&play.rt).capacity(10).open();
    let begun = Count::default();
    let mut tasks = Vec::new();
    for n in 0..50 {
        let (cache, begun) = (cache.clone(), begun.clone());
        let key = n % 25;
        tasks.push(play.start(async move {
            cache
                .get(Alike(key), move || ten_times(key, 1, begun))
                .await
        }));
    }
    play.finish();
    for (n, task) in (0..50).zip(tasks) {
        assert_eq!(ended(task).unwrap(), n % 25 * 10);
    }
    assert!(begun.get() >= 25);
    assert_eq!(cache.info().len, 10);
    let kept: Vec<u32> = (0..25).filter(|n| cache.contains(&Alike(*n))).collect();
    assert_eq!(kept.len(), 10);
    // From the middle, the end and the beginning of what is alike.
    for n in kept {
        assert!(cache.invalidate(&Alike(n)));
        assert!(!cache.invalidate(&Alike(n)));
    }
    assert_eq!(cache.info().len, 0);
}

#[test]
fn recency_is_that_of_the_key_and_not_of_its_hash() {
    let mut play = Play::default();
    let cache: Cache<Alike, u32, String> = Cache::on(&play.rt).capacity(2).open();
    for n in [1, 2, 1, 3] {
        let cache = cache.clone();
        let task = play.start(async move { cache.get(Alike(n), || async { Ok(0) }).await });
        play.finish();
        ended(task).unwrap();
    }
    assert!(cache.contains(&Alike(1)) && cache.contains(&Alike(3)));
    assert!(!cache.contains(&Alike(2)));
    assert_eq!((cache.info().hits, cache.info().misses), (1, 3));
}

/// A key whose `Eq` panics where it is told to.
#[derive(Clone, Debug)]
struct Touchy(u32, Arc<Mutex<bool>>);

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(self.0 != 99, "hash");
        0.hash(state);
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        assert!(!*self.1.lock().unwrap(), "eq");
        self.0 == other.0
    }
}

impl Eq for Touchy {}

#[test]
fn a_key_that_panics_does_no_harm_to_the_cache() {
    let mut play = Play::default();
    let cache: Cache<Touchy, u32, String> = Cache::on(&play.rt).open();
    let panics = Arc::new(Mutex::new(false));
    let key = |n| Touchy(n, panics.clone());
    let get = |play: &mut Play, n| {
        let (cache, key) = (cache.clone(), key(n));
        let task = play.start(async move { cache.get(key, move || async move { Ok(n) }).await });
        play.finish();
        ended(task).unwrap()
    };
    assert_eq!((get(&mut play, 1), get(&mut play, 2)), (1, 2));
    *panics.lock().unwrap() = true;
    let looks = || cache.contains(&key(1));
    assert!(catch_unwind(AssertUnwindSafe(looks)).is_err());
    let mut asks = Box::pin(cache.get(key(1), || async { Ok(0) }));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(asks.as_mut()))).is_err());
    let mut hashes = Box::pin(cache.get(key(99), || async { Ok(0) }));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(hashes.as_mut()))).is_err());
    panics.clear_poison();
    *panics.lock().unwrap() = false;
    assert_eq!((get(&mut play, 1), get(&mut play, 2)), (1, 2));
    assert_eq!(cache.info().len, 2);
}

/// A value that uses its cache when it is cloned and dropped, and panics where it is told to.
struct Meddling {
    cache: Cache<u32, Meddling, String>,
    panics: bool,
}

impl Clone for Meddling {
    fn clone(&self) -> Self {
        assert!(!self.panics, "clone");
        self.cache.contains(&1);
        Meddling {
            cache: self.cache.clone(),
            panics: false,
        }
    }
}

impl Drop for Meddling {
    fn drop(&mut self) {
        self.cache.contains(&1);
        self.cache.invalidate(&77);
        assert!(!self.panics, "drop");
    }
}

#[test]
fn values_may_use_the_cache_and_panic() {
    let mut play = Play::default();
    let cache: Cache<u32, Meddling, String> = Cache::on(&play.rt).capacity(1).open();
    let get = |play: &mut Play, n: u32, panics: bool| {
        let (cache, inner) = (cache.clone(), cache.clone());
        let value = Meddling {
            cache: inner,
            panics,
        };
        play.start(async move { cache.get(n, move || async move { Ok(value) }).await.is_ok() })
    };
    let task = get(&mut play, 1, false);
    play.finish();
    assert!(ended(task));
    // A clone that panics is the panic of who asks; a destructor's, when it is pushed out, is nobody's here.
    let task = get(&mut play, 2, true);
    play.finish();
    let result = finish(Box::pin(task).as_mut()).0;
    assert!(result.unwrap_err().is_panic());
    let task = get(&mut play, 3, false);
    play.finish();
    assert!(ended(task));
    assert!(cache.contains(&3));
    cache.clear();
}
