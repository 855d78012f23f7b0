//! What was started elsewhere, as a child.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::region::{cancel_requested, try_defer};

/// A foreign handle that is told of a request, and awaited to its end whatever was asked: what it stands
/// for does not stop by being forgotten. To be run shielded.
pub(super) struct Adopted<H, S>
where
    H: Future + Send + 'static,
    H::Output: Send + 'static,
    S: FnOnce(Pin<&mut H>),
{
    /// Gone once it was ready.
    handle: Option<Pin<Box<H>>>,
    stop: Option<S>,
}

impl<H, S> Adopted<H, S>
where
    H: Future + Send + 'static,
    H::Output: Send + 'static,
    S: FnOnce(Pin<&mut H>),
{
    pub(super) fn new(handle: H, stop: S) -> Self {
        Adopted {
            handle: Some(Box::pin(handle)),
            stop: Some(stop),
        }
    }
}

impl<H, S> Unpin for Adopted<H, S>
where
    H: Future + Send + 'static,
    H::Output: Send + 'static,
    S: FnOnce(Pin<&mut H>),
{
}

impl<H, S> Future for Adopted<H, S>
where
    H: Future + Send + 'static,
    H::Output: Send + 'static,
    S: FnOnce(Pin<&mut H>),
{
    type Output = H::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<H::Output> {
        // Out of here while it is polled: one that panics is over.
        let Some(mut handle) = self.handle.take() else {
            return Poll::Pending;
        };
        if cancel_requested() {
            if let Some(stop) = self.stop.take() {
                stop(handle.as_mut());
            }
        }
        let Poll::Ready(output) = handle.as_mut().poll(cx) else {
            self.handle = Some(handle);
            return Poll::Pending;
        };
        Poll::Ready(output)
    }
}

impl<H, S> Drop for Adopted<H, S>
where
    H: Future + Send + 'static,
    H::Output: Send + 'static,
    S: FnOnce(Pin<&mut H>),
{
    /// A child that was asked to stop before it was polled is dropped: its clean-up awaits the handle.
    fn drop(&mut self) {
        let Some(mut handle) = self.handle.take() else {
            return;
        };
        if let Some(stop) = self.stop.take() {
            stop(handle.as_mut());
        }
        // In no task there is nobody who could wait.
        drop(try_defer(async move { drop(handle.await) }));
    }
}
