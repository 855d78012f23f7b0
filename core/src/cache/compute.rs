//! The task that computes a value.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project::{pin_project, pinned_drop};

use super::cache::Inner;
use super::cache_error::CacheError;
use super::entry::Entry;
use crate::region::contain::{discard, message};
use crate::region::inline::NoValue;
use crate::region::{Inline, frame};

/// Computes a value in a region of its own, so that its clean-ups have run when the others learn of it.
#[pin_project(PinnedDrop)]
pub(super) struct Compute<K, V, E, F: Future> {
    #[pin]
    region: Inline<F>,
    cache: Arc<Inner<K, V, E>>,
    entry: Arc<Entry<K, V, E>>,
    begun: bool,
    landed: bool,
}

impl<K, V, E, F: Future> Compute<K, V, E, F> {
    pub(super) fn new(
        cache: Arc<Inner<K, V, E>>,
        entry: Arc<Entry<K, V, E>>,
        future: F,
        location: &'static Location<'static>,
    ) -> Self {
        Compute {
            region: Inline::new(future, location),
            cache,
            entry,
            begun: false,
            landed: false,
        }
    }
}

impl<K, V, E, F: Future<Output = Result<V, E>>> Future for Compute<K, V, E, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if !*this.begun {
            *this.begun = true;
            if let Some(root) = frame::current() {
                this.entry.set_root(Arc::downgrade(&root));
            }
        }
        let end = match ready!(this.region.poll_into(cx, |ended, _| ended)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(CacheError::failed(error)),
            Err(NoValue::Cancelled) => Err(CacheError::lost()),
            Err(NoValue::Panicked(payload)) => {
                let error = CacheError::panicked(message(&payload));
                discard(payload);
                Err(error)
            }
        };
        *this.landed = true;
        this.cache.land(this.entry, end);
        Poll::Ready(())
    }
}

#[pinned_drop]
impl<K, V, E, F: Future> PinnedDrop for Compute<K, V, E, F> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if !*this.landed {
            this.cache.land(this.entry, Err(CacheError::lost()));
        }
    }
}
