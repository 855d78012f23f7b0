//! The cache, as users see it.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::panic::Location;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::cache_error::CacheError;
use super::cache_with::CacheWith;
use super::entry::{Entry, Join};
use super::get::CacheGet;
use super::store::Store;
use crate::region::Reason;
use crate::runtime::{AnyRuntime, Spawn, Timer, after};
use crate::sync::{Mutex, MutexGuard};
use crate::task::{CancelAll, cancel_all};

/// A cache of values that are computed with `await`, each key by one computation at a time.
///
/// Who asks for a key that is kept gets a clone of its value. Who asks for one that is not starts its
/// computation; who asks meanwhile waits for the same. When there are more values than there is room for, the
/// least recently used goes.
///
/// | | |
/// |---|---|
/// | the computation | a task of the cache's runtime, begun by who asks first |
/// | who asked first is dropped | the others get the value: nobody *leads* |
/// | all who asked are dropped | it is stopped; its clean-ups run, and the region of the last who left waits for them |
/// | it fails | everybody gets the error ([`CacheError`], a clone of it), and nothing is kept |
/// | it panics, or its runtime ends | an error likewise |
/// | it asks for its own key, or for one whose computation waits for it | an error, as it would wait for itself |
/// | a value is too old | it is computed anew: [`expire_after`](CacheWith::expire_after) its completion |
/// | the key is [removed](Cache::invalidate) meanwhile | who waits gets the value; it is not kept |
///
/// A clone is a handle of the same cache. Values are cloned out: put large ones into an `Arc`. A computation
/// has the context (see [`ContextVar`](crate::ContextVar)) of who asked first.
///
/// `Hash`, `Eq`, `Clone` and `Drop` of keys and values run outside the cache's lock: they may be slow, panic, or
/// use the cache. A panic of `Eq` or `Hash` goes to who asks.
///
/// # When to use moka instead
///
/// This one is small: a lock, a list, no thread of its own. It exists for what follows from tasks: a shared
/// computation that is stopped when nobody wants it, errors for all, virtual time. Take `moka` for a cache
/// that is large and hot: many threads that hit all the time (here they share one lock), admission by
/// frequency, limits by weight, listeners, expiry by idleness or for each entry.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use anyrt::{Cache, backend::builtin::BuiltinRuntime, gather, prelude::*};
///
/// static FETCHED: AtomicUsize = AtomicUsize::new(0);
///
/// async fn fetch(url: &'static str) -> Result<String, std::io::Error> {
///     FETCHED.fetch_add(1, Ordering::Relaxed);
///     Ok(format!("the page at {url}"))
/// }
///
/// let owner = BuiltinRuntime::new();
/// let cache = Cache::on(owner.handle()).capacity(100).expire_after(60.secs()).open();
/// owner.block_on(async {
///     let page = || cache.get("here", || fetch("here"));
///     let (one, two) = gather((page(), page())).await;
///     assert_eq!(one.unwrap(), "the page at here");
///     assert_eq!(two.unwrap(), "the page at here");
/// });
/// assert_eq!(FETCHED.load(Ordering::Relaxed), 1);
/// assert_eq!((cache.info().misses, cache.info().len), (1, 1));
/// ```
#[doc(alias = "lru_cache")]
#[doc(alias = "async_lru")]
#[doc(alias = "alru_cache")]
pub struct Cache<K, V, E = Infallible> {
    pub(super) inner: Arc<Inner<K, V, E>>,
}

pub(super) struct Inner<K, V, E> {
    pub(super) rt: AnyRuntime,
    hashes: RandomState,
    ttl: Option<Duration>,
    /// Held for no more than a few moves. Before it, no other lock; an entry's is taken apart from it.
    store: Mutex<Store<K, V, E>>,
}

/// What a look-up finds.
pub(super) enum Found<K, V, E> {
    Value(V),
    /// It is being computed, and one more waits.
    Joined(Arc<Entry<K, V, E>>, usize),
    /// It is to be computed by who asked.
    Missing(Arc<Entry<K, V, E>>),
    Closed,
}

/// Numbers of a cache: [`Cache::info`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "cache_info")]
#[doc(alias = "cache_parameters")]
pub struct CacheInfo {
    /// How often a value was there.
    pub hits: u64,
    /// How often a computation was started.
    pub misses: u64,
    /// How often somebody joined a computation that was under way.
    pub joins: u64,
    /// How many values are kept; those that are too old count until somebody asks for them.
    pub len: usize,
    /// How many there is room for; nothing for a cache without a limit.
    pub capacity: Option<usize>,
    /// How long a value is good; nothing for ever.
    pub expire_after: Option<Duration>,
}

impl<K, V, E> Cache<K, V, E> {
    /// Begins a cache on a runtime: the one of its computations and its clock.
    ///
    /// Without a word more it has room for 128 values and no expiry.
    pub fn on<R: Spawn + Timer>(rt: &R) -> CacheWith<K, V, E> {
        CacheWith::new(AnyRuntime::new(rt.clone()))
    }

    pub(super) fn open(rt: AnyRuntime, capacity: Option<usize>, ttl: Option<Duration>) -> Self {
        Cache {
            inner: Arc::new(Inner {
                rt,
                hashes: RandomState::new(),
                ttl,
                store: Mutex::new(Store::new(capacity)),
            }),
        }
    }

    /// Returns how often it was used, and how full it is.
    pub fn info(&self) -> CacheInfo {
        let store = self.inner.lock();
        CacheInfo {
            hits: store.hits,
            misses: store.misses,
            joins: store.joins,
            len: store.kept,
            capacity: store.capacity,
            expire_after: self.inner.ttl,
        }
    }

    /// Removes all values, and sets the numbers back.
    ///
    /// What is being computed goes on for who waits, and is not kept.
    #[doc(alias = "cache_clear")]
    pub fn clear(&self) {
        let removed = {
            let mut store = self.inner.lock();
            (store.hits, store.misses, store.joins) = (0, 0, 0);
            let removed = store.clear();
            let computed = removed.iter().filter(|entry| entry.kept().is_none());
            store.loose.extend(computed.cloned());
            removed
        };
        drop(removed);
    }

    /// Closes the cache now: computations are stopped, and every later call is an error.
    ///
    /// Who waits gets an error at once. The future waits until the computations that this stops, and their
    /// clean-ups, are gone; it needs not be awaited. It does not wait for what was stopped before: by a `close` that
    /// was dropped, or because all who asked had gone.
    ///
    /// Cancel safe: dropping it ends the waiting only.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use anyrt::{Cache, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let cache: Cache<u32, u32> = Cache::on(owner.handle()).open();
    /// owner.block_on(async {
    ///     cache.close().await;
    ///     let refused = cache.get(1, || async { Ok::<_, Infallible>(1) }).await;
    ///     assert!(refused.unwrap_err().is_closed());
    /// });
    /// ```
    #[doc(alias = "cache_close")]
    pub fn close(&self) -> CancelAll<()> {
        let removed = {
            let mut store = self.inner.lock();
            store.closed = true;
            let mut removed = store.clear();
            removed.append(&mut store.loose);
            removed
        };
        let landed = removed
            .iter()
            .map(|entry| entry.land(Err(CacheError::closed())));
        let tasks: Vec<_> = landed.flatten().collect();
        drop(removed);
        cancel_all(tasks, Reason::fixed("the cache was closed"))
    }
}

impl<K, V, E> Cache<K, V, E>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Gives the value of `key`; if it is not kept, `compute` computes it.
    ///
    /// Nothing is looked up before the first poll. `compute` is called in the task that computes, if that is
    /// started at all.
    ///
    /// Dropping it leaves the computation to the others who wait for it; the last who leaves stops it.
    ///
    /// # Errors
    ///
    /// [`CacheError`]: the computation's own error, or that it panicked, was stopped, or would wait for
    /// itself; or that the cache is closed.
    ///
    /// # Panics
    ///
    /// With a panic of the key's `Hash` or `Eq`, or the value's `Clone`; and when it is polled again after it was ready.
    #[track_caller]
    #[doc(alias = "get_with")]
    #[doc(alias = "try_get_with")]
    pub fn get<F, Fut>(&self, key: K, compute: F) -> CacheGet<'_, K, V, E, F>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        CacheGet::new(self, key, compute, Location::caller())
    }

    /// Gives the value of `key` if it is kept. It counts as no use of it, and in no number.
    pub fn peek<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let now = self.inner.now();
        let entry = self.inner.find_alike(key)?;
        let kept = entry.kept().filter(|kept| kept.is_fresh(now))?;
        Some(kept.value.clone())
    }

    /// Returns whether there is a value for `key`, and a fresh one.
    #[doc(alias = "cache_contains")]
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let now = self.inner.now();
        let entry = self.inner.find_alike(key);
        entry.is_some_and(|entry| entry.kept().is_some_and(|kept| kept.is_fresh(now)))
    }

    /// Removes the value of `key`, or has the one that is being computed not kept.
    ///
    /// Says whether there was one of them.
    #[doc(alias = "cache_invalidate")]
    pub fn invalidate<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entry = self.inner.find_alike(key);
        let removed = entry.and_then(|entry| {
            let mut store = self.inner.lock();
            let removed = store.remove(&entry)?;
            if removed.kept().is_none() {
                store.loose.push(Arc::clone(&removed));
            }
            // The lock goes before this is dropped.
            drop(store);
            Some(removed)
        });
        removed.is_some()
    }

    /// Looks `key` up for who wants its value.
    ///
    /// The key is left to be dropped by the caller, unless an entry is made of it.
    pub(super) fn find(&self, key: &mut Option<K>) -> Found<K, V, E> {
        let inner = &*self.inner;
        let hash = inner.hashes.hash_one(key.as_ref().expect(KEY));
        let now = inner.now();
        loop {
            let (first, touched) = {
                let mut store = inner.lock();
                if store.closed {
                    drop(store);
                    return Found::Closed;
                }
                match store.first(hash) {
                    None => {
                        let entry = Arc::new(Entry::new(key.take().expect(KEY), hash));
                        store.add(Arc::clone(&entry));
                        store.misses += 1;
                        return Found::Missing(entry);
                    }
                    Some((first, alone)) => {
                        let first = Arc::clone(first);
                        // As if it were the right one, which nearly all are that have this hash alone.
                        let touched = alone.then(|| store.touch_first(hash));
                        store.hits += 1;
                        (first, touched)
                    }
                }
            };
            let wanted = key.as_ref().expect(KEY);
            let alone = touched.is_some();
            let found = match first.key == *wanted {
                true => Some(first),
                false => {
                    if let Some(touched) = touched {
                        inner.lock().put_back(&first, touched);
                    }
                    match alone {
                        true => None,
                        false => inner.find_alike(wanted),
                    }
                }
            };
            if let Some(entry) = found {
                let kept = entry.kept();
                if let Some(kept) = kept.filter(|kept| kept.is_fresh(now)) {
                    if !alone {
                        inner.lock().touch(&entry);
                    }
                    return Found::Value(kept.value.clone());
                }
                inner.lock().take_back_hit();
                let joined = match kept {
                    Some(_too_old) => Join::Gone,
                    None => entry.join(),
                };
                match joined {
                    Join::As(id) => {
                        inner.lock().joins += 1;
                        return Found::Joined(entry, id);
                    }
                    // The value came between the two looks.
                    Join::Landed => continue,
                    Join::Gone => drop(inner.remove(&entry)),
                }
                continue;
            }
            // Another key has this hash.
            let seen = {
                let mut store = inner.lock();
                store.take_back_hit();
                store.alike(hash)
            };
            if seen.iter().any(|entry| entry.key == *wanted) {
                continue;
            }
            let entry = {
                let mut store = inner.lock();
                let now_alike = store.alike(hash);
                let changed = store.closed
                    || now_alike.len() != seen.len()
                    || !now_alike
                        .iter()
                        .zip(&seen)
                        .all(|(one, other)| Arc::ptr_eq(one, other));
                if changed {
                    None
                } else {
                    let entry = Arc::new(Entry::new(key.take().expect(KEY), hash));
                    store.add(Arc::clone(&entry));
                    store.misses += 1;
                    Some(entry)
                }
            };
            if let Some(entry) = entry {
                return Found::Missing(entry);
            }
        }
    }
}

const KEY: &str = "the key is there until an entry is made of it";

impl<K, V, E> Inner<K, V, E> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Store<K, V, E>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, if it matters.
    fn now(&self) -> Option<crate::runtime::Instant> {
        self.ttl.map(|_| self.rt.now())
    }

    /// The entry of a key, computed or not.
    fn find_alike<Q>(&self, key: &Q) -> Option<Arc<Entry<K, V, E>>>
    where
        K: Borrow<Q> + Hash,
        Q: Hash + Eq + ?Sized,
    {
        // First the hash, which is code of users; then the lock.
        let hash = self.hashes.hash_one(key);
        let alike = self.lock().alike(hash);
        alike.into_iter().find(|entry| entry.key.borrow() == key)
    }

    /// Removes an entry, to be dropped by the caller.
    pub(super) fn remove(&self, entry: &Arc<Entry<K, V, E>>) -> Option<Arc<Entry<K, V, E>>> {
        self.lock().remove(entry)
    }

    /// A computation is over: its value is kept, and who waits is told.
    pub(super) fn land(&self, entry: &Arc<Entry<K, V, E>>, end: Result<V, CacheError<E>>) {
        let (end, removed) = match end {
            Ok(value) => {
                let expires = self.ttl.map(|ttl| after(self.rt.now(), ttl));
                entry.keep(value, expires);
                (Ok(()), self.lock().keep(entry))
            }
            Err(error) => (Err(error), self.remove(entry).into_iter().collect()),
        };
        if let Some(task) = entry.land(end) {
            task.detach();
        }
        // Keys and values of others: after everybody has been told.
        drop(removed);
    }
}

impl<K, V, E> Clone for Cache<K, V, E> {
    fn clone(&self) -> Self {
        Cache {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<K, V, E> fmt::Debug for Cache<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("info", &self.info())
            .finish_non_exhaustive()
    }
}
