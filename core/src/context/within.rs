//! A future that runs among bindings that were captured: a clean-up, or what shall see none.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::{pin_project, pinned_drop};

use super::{Chain, Entered};

/// Polls a future, and drops it, in a context that is always the same, wherever that happens.
#[derive(Debug)]
#[pin_project(PinnedDrop)]
pub(crate) struct Within<F> {
    /// There until it is dropped.
    #[pin]
    future: Option<F>,
    chain: Chain,
}

impl<F> Within<F> {
    /// In the context that holds here.
    pub(crate) fn here(future: F) -> Self {
        Within {
            future: Some(future),
            chain: Chain::capture(),
        }
    }

    /// In a context that is given.
    pub(crate) fn with(chain: Chain, future: F) -> Self {
        Within {
            future: Some(future),
            chain,
        }
    }

    /// From here on in another context. What held so far is given back, to be dropped elsewhere.
    pub(crate) fn rebind(self: Pin<&mut Self>, chain: Chain) -> Chain {
        std::mem::replace(self.project().chain, chain)
    }

    /// In no context at all.
    pub(crate) fn nothing(future: F) -> Self {
        Within {
            future: Some(future),
            chain: Chain::EMPTY,
        }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = Entered::new(this.chain);
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => unreachable!("a captured future is there until it is dropped"),
        }
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Within<F> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        let _entered = Entered::new(this.chain);
        this.future.set(None);
    }
}
