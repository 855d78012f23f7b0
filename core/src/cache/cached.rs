//! A function whose values are kept.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;

use super::cache::Cache;
use super::cache_error::CacheError;
use super::get::CacheGet;

/// A function whose values are kept: [`CacheWith::cached`](crate::CacheWith::cached).
///
/// Its argument is the key: a tuple, where there are several. For a method, keep a [`Cache`] beside the other
/// fields, or clone what it needs into the function.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use anyrt::{Cache, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let square = Cache::on(owner.handle()).cached(async |n: u64| Ok::<_, Infallible>(n * n));
/// owner.block_on(async {
///     assert_eq!(square.call(7).await.unwrap(), 49);
///     assert_eq!(square.call(7).await.unwrap(), 49);
/// });
/// assert_eq!(square.cache().info().hits, 1);
/// ```
#[doc(alias = "lru_cache")]
pub struct Cached<K, V, E, F> {
    cache: Cache<K, V, E>,
    function: Arc<F>,
}

impl<K, V, E, F> Cached<K, V, E, F> {
    pub(super) fn new(cache: Cache<K, V, E>, function: F) -> Self {
        Cached {
            cache,
            function: Arc::new(function),
        }
    }

    /// Returns the cache, to look into it or to remove something.
    pub fn cache(&self) -> &Cache<K, V, E> {
        &self.cache
    }
}

impl<K, V, E, F, Fut> Cached<K, V, E, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
    F: Fn(K) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<V, E>> + Send + 'static,
{
    /// Gives the function's value for `key`: a kept one, or a new one.
    ///
    /// As [`Cache::get`] does. Dropping it leaves the computation to the others who wait for it.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    #[track_caller]
    pub fn call(
        &self,
        key: K,
    ) -> impl Future<Output = Result<V, CacheError<E>>> + Send + use<'_, K, V, E, F, Fut> {
        let function = Arc::clone(&self.function);
        let argument = key.clone();
        let compute = move || function(argument);
        CacheGet::new(&self.cache, key, compute, Location::caller())
    }
}

impl<K, V, E, F> Clone for Cached<K, V, E, F> {
    fn clone(&self) -> Self {
        Cached {
            cache: self.cache.clone(),
            function: Arc::clone(&self.function),
        }
    }
}

impl<K, V, E, F> fmt::Debug for Cached<K, V, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
