//! Counting what a stream gives.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{FusedStream, Stream};
use pin_project::pin_project;

/// Words after a stream that number its items.
///
/// Exported by the prelude; implemented by every stream.
pub trait Enumerated: Stream + Sized {
    /// Numbers the items, beginning with `start`.
    ///
    /// Unlike `StreamExt::enumerate` it begins anywhere, and [`index`](EnumerateFrom::index) tells the next
    /// number, also after a loop was left. A number never wraps: after [`usize::MAX`] all are that.
    ///
    /// Cancel safe: dropping a `next` loses no item.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{prelude::*, stream::{self, StreamExt}};
    ///
    /// # futures::executor::block_on(async {
    /// let mut lines = stream::iter(["a", "b", "c"]).enumerate_from(1);
    /// assert_eq!(lines.next().await, Some((1, "a")));
    /// assert_eq!(lines.index(), 2);
    /// // Another loop goes on where the first one was left.
    /// let rest: Vec<_> = lines.by_ref().collect().await;
    /// assert_eq!(rest, [(2, "b"), (3, "c")]);
    /// assert_eq!(lines.index(), 4);
    /// # });
    /// ```
    #[doc(alias = "aenumerate")]
    fn enumerate_from(self, start: usize) -> EnumerateFrom<Self> {
        EnumerateFrom {
            stream: self,
            index: start,
        }
    }
}

impl<S: Stream> Enumerated for S {}

/// The stream of [`Enumerated::enumerate_from`].
#[pin_project]
#[derive(Clone, Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct EnumerateFrom<S> {
    #[pin]
    stream: S,
    index: usize,
}

impl<S> EnumerateFrom<S> {
    /// Returns the number of the next item; after the last, the first number without an item.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Gives out the stream inside.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Stream> Stream for EnumerateFrom<S> {
    type Item = (usize, S::Item);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let next = ready!(this.stream.poll_next(cx));
        Poll::Ready(next.map(|item| {
            let index = *this.index;
            *this.index = index.saturating_add(1);
            (index, item)
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S: FusedStream> FusedStream for EnumerateFrom<S> {
    fn is_terminated(&self) -> bool {
        self.stream.is_terminated()
    }
}
