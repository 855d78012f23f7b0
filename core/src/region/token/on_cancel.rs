//! The handle of a callback.

use std::fmt;
use std::sync::Arc;

use super::node::Node;

/// The handle of a callback, from [`CancelToken::on_cancel`](super::CancelToken::on_cancel).
///
/// Dropping it removes the callback, uncalled; [`detach`](OnCancel::detach) leaves it. It holds its
/// token. Dropping it while another thread is cancelling the token does not wait: the callback may still
/// be called, or be running.
///
/// # Examples
///
/// ```
/// use anyrt::CancelToken;
///
/// let token = CancelToken::new();
/// let removed = token.on_cancel(|_| unreachable!("its handle is gone"));
/// drop(removed);
/// assert!(token.cancel("closing time"));
/// ```
#[must_use = "dropping the handle removes the callback: keep it, or call `detach()`"]
pub struct OnCancel {
    /// `None` when the callback was called at once.
    registered: Option<(Arc<Node>, u64)>,
}

impl OnCancel {
    pub(super) fn registered(node: Arc<Node>, key: u64) -> Self {
        OnCancel {
            registered: Some((node, key)),
        }
    }

    pub(super) fn called() -> Self {
        OnCancel { registered: None }
    }

    /// Leaves the callback where it is, without a handle.
    ///
    /// It is called when the token is cancelled, and dropped uncalled when the token is gone: no clone,
    /// no descendant and no other handle of it left. A callback that holds its own token therefore
    /// keeps itself until it is called.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use anyrt::CancelToken;
    ///
    /// let (tx, rx) = mpsc::channel();
    /// let token = CancelToken::new();
    /// token.on_cancel(move |reason| tx.send(reason.clone()).unwrap()).detach();
    /// token.cancel("closing time");
    /// assert_eq!(rx.recv().unwrap().as_str(), "closing time");
    /// ```
    pub fn detach(mut self) {
        self.registered = None;
    }
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        if let Some((node, key)) = &self.registered {
            node.forget_callback(*key);
        }
    }
}

impl fmt::Debug for OnCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = matches!(&self.registered, Some((node, _)) if node.reason().is_none());
        f.debug_struct("OnCancel")
            .field("waits", &waits)
            .finish_non_exhaustive()
    }
}
