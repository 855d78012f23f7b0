//! Who waits for a value.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use super::cache::{Cache, Found};
use super::cache_error::CacheError;
use super::circle::{self, Computation, Waits};
use super::compute::Compute;
use super::entry::{Entry, MAKER};
use crate::task;

/// The future of [`Cache::get`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct CacheGet<'a, K, V, E, F> {
    cache: &'a Cache<K, V, E>,
    stage: Stage<K, V, E, F>,
    /// Where a computation asks: it waits for another.
    waits: Option<Waits>,
    location: &'static Location<'static>,
}

enum Stage<K, V, E, F> {
    New(K, F),
    Waiting(Arc<Entry<K, V, E>>, usize),
    Over,
}

// Nothing in it is pinned.
impl<K, V, E, F> Unpin for CacheGet<'_, K, V, E, F> {}

impl<'a, K, V, E, F> CacheGet<'a, K, V, E, F> {
    pub(super) fn new(
        cache: &'a Cache<K, V, E>,
        key: K,
        compute: F,
        location: &'static Location<'static>,
    ) -> Self {
        CacheGet {
            cache,
            stage: Stage::New(key, compute),
            waits: None,
            location,
        }
    }
}

impl<K, V, E, F, Fut> Future for CacheGet<'_, K, V, E, F>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<V, E>> + Send + 'static,
{
    type Output = Result<V, CacheError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Stage::New(..) = this.stage {
            let Stage::New(key, compute) = std::mem::replace(&mut this.stage, Stage::Over) else {
                unreachable!("it is new");
            };
            // Dropped when this leaves properly: that may panic.
            let mut key = Some(key);
            match this.cache.find(&mut key) {
                Found::Value(value) => return Poll::Ready(Ok(value)),
                Found::Closed => return Poll::Ready(Err(CacheError::closed())),
                Found::Joined(entry, id) => {
                    let waits = Waits::begin(address(&entry));
                    this.stage = Stage::Waiting(entry, id);
                    let Ok(waits) = waits else {
                        this.leave();
                        return Poll::Ready(Err(CacheError::recursive()));
                    };
                    this.waits = waits;
                }
                Found::Missing(entry) => {
                    // From here on this leaves properly when it is dropped.
                    this.stage = Stage::Waiting(Arc::clone(&entry), MAKER);
                    let inner = Arc::clone(&this.cache.inner);
                    // Nobody knows of it: it waits for nothing.
                    this.waits = Waits::begin(address(&entry)).ok().flatten();
                    let future = circle::inside(of(&entry), async move { compute().await });
                    let computing = Compute::new(inner, Arc::clone(&entry), future, this.location);
                    let rt = &this.cache.inner.rt;
                    let task = task::spawn(rt, task::Words::default(), computing);
                    entry.set_task(task);
                }
            }
        }
        let Stage::Waiting(entry, id) = &this.stage else {
            panic!("a `CacheGet` was polled after it was ready");
        };
        let landed = ready!(entry.poll_landed(*id, cx.waker()));
        let Stage::Waiting(entry, id) = std::mem::replace(&mut this.stage, Stage::Over) else {
            unreachable!("it waits");
        };
        entry.leave(id);
        this.waits = None;
        Poll::Ready(landed.map(|()| {
            let kept = entry
                .kept()
                .expect("a value is kept before its computation lands");
            kept.value.clone()
        }))
    }
}

impl<K, V, E, F> CacheGet<'_, K, V, E, F> {
    /// Waits no more. If nobody else does, the computation is stopped.
    fn leave(&mut self) {
        self.waits = None;
        if let Stage::Waiting(entry, id) = std::mem::replace(&mut self.stage, Stage::Over) {
            if let Some(task) = entry.leave(id) {
                let removed = self.cache.inner.remove(&entry);
                // Stops it; the region that runs here waits for what it still has to clean up.
                drop(task);
                drop(removed);
            }
        }
    }
}

impl<K, V, E, F> Drop for CacheGet<'_, K, V, E, F> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A computation, to whom it does not belong.
fn of<K, V, E>(entry: &Arc<Entry<K, V, E>>) -> Weak<dyn Computation>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    let entry: Arc<dyn Computation> = Arc::clone(entry) as _;
    Arc::downgrade(&entry)
}

fn address<K, V, E>(entry: &Arc<Entry<K, V, E>>) -> usize {
    Arc::as_ptr(entry).cast::<()>().addr()
}

impl<K, V, E, F> fmt::Debug for CacheGet<'_, K, V, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::New(..) => "new",
            Stage::Waiting(..) => "waiting",
            Stage::Over => "over",
        };
        f.debug_struct("CacheGet")
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}
