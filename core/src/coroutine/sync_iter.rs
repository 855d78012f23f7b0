//! Going through a stream that never really waits, in sync code.

use std::fmt;
use std::pin::Pin;

use futures::stream::Stream;

use super::sync_drive::{WouldBlock, Yields, drive};
use crate::region::Masks;

/// Goes through a stream that never really waits, as an iterator.
///
/// As [`await_sync`](crate::await_sync) for a stream: each item is polled for on this stack, and where the
/// stream only yields it is polled again. Where it would have to wait, the iterator gives [`WouldBlock`] and
/// then ends; the stream itself is not harmed, and [`into_inner`](SyncIter::into_inner) gives it back.
///
/// # Examples
///
/// ```
/// use anyrt::{WouldBlock, sync_iter};
/// use futures::stream;
///
/// let all: Result<Vec<u32>, WouldBlock> = sync_iter(stream::iter([1, 2, 3])).collect();
/// assert_eq!(all, Ok(vec![1, 2, 3]));
///
/// let mut waits = sync_iter(stream::pending::<u32>());
/// assert!(waits.next().unwrap().is_err());
/// assert!(waits.next().is_none());
/// ```
#[doc(alias = "aiter_sync")]
pub fn sync_iter<S: Stream>(stream: S) -> SyncIter<S> {
    SyncIter {
        stream: Box::pin(stream),
        over: false,
    }
}

/// The iterator of [`sync_iter`].
#[must_use = "an iterator does nothing unless it is asked for items"]
pub struct SyncIter<S> {
    stream: Pin<Box<S>>,
    over: bool,
}

impl<S> SyncIter<S> {
    /// Returns the stream, as far as it has come.
    pub fn into_inner(self) -> Pin<Box<S>> {
        self.stream
    }
}

impl<S: Stream> Iterator for SyncIter<S> {
    type Item = Result<S::Item, WouldBlock>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        // Sync code does not suspend, so no request takes effect here.
        let _masked = Masks::one_more();
        let next = drive(Yields::Skipped, |cx| self.stream.as_mut().poll_next(cx)).transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<S> fmt::Debug for SyncIter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncIter")
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
