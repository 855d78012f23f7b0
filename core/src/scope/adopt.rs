//! What was started elsewhere, as a child.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use crate::region::cancel_requested;

/// A foreign handle that is told of a request, and awaited to its end whatever was asked: what it stands
/// for does not stop by being forgotten. To be run shielded.
#[pin_project]
pub(super) struct Adopted<H, S> {
    #[pin]
    handle: H,
    stop: Option<S>,
}

impl<H, S> Adopted<H, S> {
    pub(super) fn new(handle: H, stop: S) -> Self {
        Adopted {
            handle,
            stop: Some(stop),
        }
    }
}

impl<H, S> Future for Adopted<H, S>
where
    H: Future,
    S: FnOnce(Pin<&mut H>),
{
    type Output = H::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<H::Output> {
        let mut this = self.project();
        if cancel_requested() {
            if let Some(stop) = this.stop.take() {
                stop(this.handle.as_mut());
            }
        }
        this.handle.poll(cx)
    }
}
