//! The future in which a variable is bound.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::{pin_project, pinned_drop};

use super::chain::Binding;
use super::{Chain, Entered};

/// The future of [`ContextVar::scope`](super::ContextVar::scope) and
/// [`ContextVar::without`](super::ContextVar::without).
///
/// The binding holds on each poll of the future inside and while that is dropped: by this one as soon as
/// it is ready, or when this one is dropped half-way.
///
/// Cancel safe as far as the future inside is: dropping this drops it.
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use anyrt::{ContextVar, Rebound, backend::builtin::BuiltinRuntime, prelude::*};
///
/// static VERBOSE: ContextVar<bool> = ContextVar::new("verbose");
///
/// fn loudly<F: Future>(future: F) -> Rebound<F> {
///     VERBOSE.scope(true, future)
/// }
///
/// let owner = BuiltinRuntime::new();
/// assert_eq!(owner.block_on(loudly(async { VERBOSE.get() })), Some(true));
/// ```
#[pin_project(PinnedDrop)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Rebound<F> {
    #[pin]
    future: Option<F>,
    /// Our binding in front; behind it, what was bound around the last poll.
    chain: Chain,
    started: bool,
}

impl<F> Rebound<F> {
    pub(super) fn new(binding: Binding, future: F) -> Self {
        Rebound {
            future: Some(future),
            chain: Chain::of(binding),
            started: false,
        }
    }
}

impl<F: Future> Future for Rebound<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("a `Rebound` future was polled after it was ready");
        *this.started = true;
        this.chain.link();
        let polled = {
            let _entered = Entered::new(this.chain);
            let polled = future.poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        };
        if polled.is_ready() {
            *this.chain = Chain::EMPTY;
        }
        polled
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Rebound<F> {
    /// Destructors see what the last poll saw, wherever this is dropped.
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.future.is_none() {
            return;
        }
        if !*this.started {
            this.chain.link();
        }
        let _entered = Entered::new(this.chain);
        this.future.set(None);
    }
}

impl<F> fmt::Debug for Rebound<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rebound")
            .field("var", &self.chain.newest())
            .field("started", &self.started)
            .field("ready", &self.future.is_none())
            .finish_non_exhaustive()
    }
}
