//! Waiting for a token to be cancelled.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::CancelToken;
use crate::Reason;

/// The future of [`CancelToken::cancelled`]: ready with the reason.
///
/// Polled again after that, it is ready again with the same reason. It registers with the token when it
/// is first polled, and takes that back when it is dropped.
///
/// Cancel safe: being cancelled is a state, and no wait that is given up loses it.
///
/// # Examples
///
/// ```
/// use anyrt::CancelToken;
/// use futures::FutureExt;
///
/// let token = CancelToken::new();
/// assert!(token.cancelled().now_or_never().is_none());
/// token.cancel("closing time");
/// assert_eq!(token.cancelled().now_or_never().unwrap().as_str(), "closing time");
/// ```
#[must_use = "nothing waits for the token unless this is awaited or polled"]
pub struct Cancelled<'a> {
    token: &'a CancelToken,
    key: Option<usize>,
}

/// The future of [`CancelToken::cancelled_owned`].
///
/// A [`Cancelled`] that holds its token. Polled again after it was ready, it is ready again with the
/// same reason.
///
/// Cancel safe: being cancelled is a state, and no wait that is given up loses it.
///
/// # Examples
///
/// ```
/// use anyrt::{CancelToken, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let token = CancelToken::new();
/// let waiting = owner.handle().spawn(token.cancelled_owned());
/// token.cancel("closing time");
/// assert_eq!(owner.block_on(waiting).unwrap().as_str(), "closing time");
/// ```
#[must_use = "nothing waits for the token unless this is awaited or polled"]
pub struct CancelledOwned {
    token: CancelToken,
    key: Option<usize>,
}

impl<'a> Cancelled<'a> {
    pub(super) fn new(token: &'a CancelToken) -> Self {
        Cancelled { token, key: None }
    }
}

impl CancelledOwned {
    pub(super) fn new(token: CancelToken) -> Self {
        CancelledOwned { token, key: None }
    }
}

impl Future for Cancelled<'_> {
    type Output = Reason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reason> {
        let this = &mut *self;
        this.token.node().poll_cancelled(&mut this.key, cx)
    }
}

impl Future for CancelledOwned {
    type Output = Reason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reason> {
        let this = &mut *self;
        this.token.node().poll_cancelled(&mut this.key, cx)
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.token.node().forget_waiting(key);
        }
    }
}

impl Drop for CancelledOwned {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.token.node().forget_waiting(key);
        }
    }
}

impl fmt::Debug for Cancelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled")
            .field("token", self.token)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CancelledOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelledOwned")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
