//! A future made of a state and a function, whose types name nothing else.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

/// The body of a scope that this library writes itself.
///
/// An `async` block would do, if its type had a name; and bounds that tie a closure to what it gives would
/// keep what borrows from being spawned: see [`Run`](crate::scope::ScopeFuture).
#[pin_project]
pub(crate) struct Drive<S, O> {
    state: S,
    poll: fn(&mut S, &mut Context<'_>) -> Poll<O>,
}

impl<S, O> Drive<S, O> {
    pub(crate) fn new(state: S, poll: fn(&mut S, &mut Context<'_>) -> Poll<O>) -> Self {
        Drive { state, poll }
    }
}

impl<S, O> Future for Drive<S, O> {
    type Output = O;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        let this = self.project();
        (this.poll)(this.state, cx)
    }
}

impl<S, O> fmt::Debug for Drive<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").finish_non_exhaustive()
    }
}
