//! What is said of a cache before it is opened.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;
use std::time::Duration;

use super::cache::Cache;
use super::cached::Cached;
use crate::runtime::AnyRuntime;

/// A cache that is about to be opened: [`Cache::on`].
///
/// # Examples
///
/// ```
/// use anyrt::{Cache, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let cache: Cache<String, u64> = Cache::on(owner.handle()).unbounded().expire_after(5.secs()).open();
/// assert_eq!(cache.info().capacity, None);
/// ```
#[must_use = "it is a cache once `open` is called, or `cached`"]
pub struct CacheWith<K, V, E> {
    rt: AnyRuntime,
    capacity: Option<usize>,
    ttl: Option<Duration>,
    of: PhantomData<(K, V, E)>,
}

impl<K, V, E> CacheWith<K, V, E> {
    pub(super) fn new(rt: AnyRuntime) -> Self {
        CacheWith {
            rt,
            capacity: Some(128),
            ttl: None,
            of: PhantomData,
        }
    }

    /// Has room for so many values. With room for none it still lets who asks at once share a computation.
    #[doc(alias = "maxsize")]
    pub fn capacity(mut self, values: usize) -> Self {
        self.capacity = Some(values);
        self
    }

    /// Has room for all.
    pub fn unbounded(mut self) -> Self {
        self.capacity = None;
        self
    }

    /// Computes anew what is older, counted from its completion, on the runtime's clock.
    ///
    /// [`Duration::MAX`] is for ever; zero keeps nothing.
    #[doc(alias = "ttl")]
    #[doc(alias = "time_to_live")]
    pub fn expire_after(mut self, age: Duration) -> Self {
        self.ttl = Some(age);
        self
    }

    /// Opens the cache.
    pub fn open(self) -> Cache<K, V, E> {
        Cache::open(self.rt, self.capacity, self.ttl)
    }

    /// Opens the cache for one function: see [`Cached`].
    pub fn cached<F, Fut>(self, function: F) -> Cached<K, V, E, F>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        E: Send + Sync + 'static,
        F: Fn(K) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        Cached::new(self.open(), function)
    }
}

impl<K, V, E> fmt::Debug for CacheWith<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheWith")
            .field("capacity", &self.capacity)
            .field("expire_after", &self.ttl)
            .finish_non_exhaustive()
    }
}
