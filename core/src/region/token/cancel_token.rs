//! The token itself.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::node::{Callback, Node};
use super::{CancelGuard, Cancelled, CancelledOwned, OnCancel};
use crate::Reason;

/// A request to stop that code passes around, looks at and waits for.
///
/// Clones are the same token. [`child`](CancelToken::child) makes a tree: a request goes down, never up
/// and never sideways. It is made once and stays; only the first reason is kept. A token needs no
/// runtime and stops nothing by itself: what it means is up to those who hold it.
///
/// ```text
///            shutdown                       shutdown.cancel(..)     both branches
///           /        \
///     listener      jobs                    jobs.cancel(..)         jobs, job 1, job 2
///                  /    \
///              job 1    job 2               job2.cancel(..)         job 2 alone
/// ```
///
/// | to … | use | what it costs |
/// |---|---|---|
/// | look, in a loop or a blocking job | [`is_cancelled`](CancelToken::is_cancelled) | one atomic load |
/// | wait, in async code | [`cancelled`](CancelToken::cancelled) | an entry, gone when the future is |
/// | have something called | [`on_cancel`](CancelToken::on_cancel) | an entry, gone when the handle is |
/// | cancel on every way out | [`guard`](CancelToken::guard) | nothing until then |
///
/// A token lives as long as a clone, a guard, a handle of a callback or a *descendant* of it does: its
/// handles may go before its children, and what comes from above still gets through. A child that is
/// gone leaves nothing in its parent.
///
/// # What `cancel` has done when it returns
///
/// First everything below is marked, then the wakers are woken, then the callbacks are called: those of
/// a parent before those of its children, those of one token in the order of registration. So a waker or
/// a callback never finds a descendant that is not cancelled, and may use the tokens as it likes: it runs
/// outside all locks. A panic stops none of the others; it goes to the hook of
/// [`set_failure_hook`](crate::set_failure_hook).
///
/// | the call | every descendant is cancelled | its callbacks have run |
/// |---|---|---|
/// | the first (`true`) | yes, also one that was made meanwhile | yes, but for those that another call had already taken up |
/// | a later one (`false`) | perhaps not yet | perhaps not yet |
///
/// Two first calls on tokens of one branch can meet, on two threads or because a callback cancels further
/// up. Each token then keeps the reason that reached it first, and its callbacks are called once, by the
/// call that brought it.
///
/// # Examples
///
/// ```
/// use anyrt::CancelToken;
///
/// let shutdown = CancelToken::new();
/// let job = shutdown.child();
/// let other = shutdown.child();
///
/// job.cancel("took too long");
/// assert!(job.is_cancelled());
/// assert!(!shutdown.is_cancelled());
///
/// assert!(shutdown.cancel("closing time"));
/// assert_eq!(other.reason().unwrap().as_str(), "closing time");
/// assert_eq!(job.reason().unwrap().as_str(), "took too long"); // the first one is kept
/// assert!(shutdown.child().is_cancelled());
/// ```
#[derive(Clone)]
#[doc(alias = "CancellationToken")]
#[doc(alias = "CancelScope")]
pub struct CancelToken {
    node: Arc<Node>,
}

impl CancelToken {
    /// Returns a token that nobody has cancelled, the root of a tree.
    ///
    /// Remembers where it was made, for `Debug`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::CancelToken;
    ///
    /// assert!(!CancelToken::new().is_cancelled());
    /// ```
    #[track_caller]
    pub fn new() -> Self {
        CancelToken {
            node: Node::root(Location::caller()),
        }
    }

    /// Returns a child: a token that is cancelled with this one, or alone.
    ///
    /// The child of a cancelled token is cancelled from the start, for the same reason. No child is
    /// missed by a request that comes at the same time.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::CancelToken;
    ///
    /// let connection = CancelToken::new();
    /// let request = connection.child();
    /// connection.cancel("hung up");
    /// assert_eq!(request.reason(), connection.reason());
    /// ```
    #[track_caller]
    pub fn child(&self) -> CancelToken {
        CancelToken {
            node: self.node.child(Location::caller()),
        }
    }

    /// Cancels this token and everything below it.
    ///
    /// Returns whether this call was the first. Only the first reason is kept. Wakers and callbacks run
    /// on this thread, before it returns; see
    /// [the type](CancelToken#what-cancel-has-done-when-it-returns) for the order, and for what a later
    /// call may find unfinished. Takes time and memory in proportion to what is below, and no more stack for
    /// a deep tree than for a flat one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// assert!(token.cancel("closing time"));
    /// assert!(!token.cancel(format!("{} errors", 3)));
    /// assert_eq!(token.reason().unwrap().as_str(), "closing time");
    /// ```
    pub fn cancel(&self, reason: impl Into<Reason>) -> bool {
        self.node.cancel(&reason.into())
    }

    /// Returns whether the token is cancelled. One atomic load.
    ///
    /// What was written before the request is seen after this has returned `true`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// let mut sum = 0;
    /// for number in 1.. {
    ///     if token.is_cancelled() {
    ///         break;
    ///     }
    ///     sum += number;
    ///     if number == 4 {
    ///         token.cancel("that will do");
    ///     }
    /// }
    /// assert_eq!(sum, 10);
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.node.reason().is_some()
    }

    /// Returns why the token was cancelled, if it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// assert_eq!(token.reason(), None);
    /// token.cancel("closing time");
    /// assert_eq!(token.reason().unwrap().as_str(), "closing time");
    /// ```
    pub fn reason(&self) -> Option<Reason> {
        self.node.reason().cloned()
    }

    /// Waits until the token is cancelled; gives the reason.
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
    /// owner.block_on(async {
    ///     let task = owner.handle().spawn({
    ///         let token = token.clone();
    ///         async move { token.cancelled().await }
    ///     });
    ///     token.cancel("closing time");
    ///     assert_eq!(task.await.unwrap().as_str(), "closing time");
    /// });
    /// ```
    #[doc(alias = "wait")]
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled::new(self)
    }

    /// Waits until the token is cancelled, in a future that holds the token.
    ///
    /// Otherwise as [`cancelled`](CancelToken::cancelled).
    ///
    /// Cancel safe: being cancelled is a state, and no wait that is given up loses it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::CancelToken;
    /// use futures::FutureExt;
    ///
    /// let root = CancelToken::new();
    /// let waiting = root.child().cancelled_owned(); // keeps the child
    /// root.cancel("closing time");
    /// assert_eq!(waiting.now_or_never().unwrap().as_str(), "closing time");
    /// ```
    pub fn cancelled_owned(&self) -> CancelledOwned {
        CancelledOwned::new(self.clone())
    }

    /// Calls `callback` when the token is cancelled.
    ///
    /// It is called on the thread that cancels.
    ///
    /// Dropping the handle removes the callback; [`detach`](OnCancel::detach) leaves it. A token that is
    /// cancelled already calls at once, on this thread: then perhaps before callbacks that were
    /// registered earlier, which another thread is about to call.
    ///
    /// Callbacks run outside all locks and may use the token. `cancel` waits for them, so they should be
    /// short. A panic, also that of a destructor of a callback that is dropped uncalled, does not leave
    /// here or stop the others: it goes to the hook of [`set_failure_hook`](crate::set_failure_hook), as
    /// [`Phase::Callback`](crate::Phase::Callback) or [`Phase::Destructor`](crate::Phase::Destructor).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    /// use anyrt::CancelToken;
    ///
    /// let stop = Arc::new(AtomicBool::new(false)); // what a foreign library looks at
    /// let token = CancelToken::new();
    /// let on_cancel = token.on_cancel({
    ///     let stop = stop.clone();
    ///     move |_| stop.store(true, Ordering::Release)
    /// });
    /// token.cancel("closing time");
    /// assert!(stop.load(Ordering::Acquire));
    /// # drop(on_cancel);
    /// ```
    #[track_caller]
    #[doc(alias = "add_done_callback")]
    pub fn on_cancel(&self, callback: impl FnOnce(&Reason) + Send + 'static) -> OnCancel {
        let callback = Callback {
            call: Box::new(callback),
            location: Location::caller(),
        };
        match self.node.add_callback(callback) {
            Ok(key) => OnCancel::registered(Arc::clone(&self.node), key),
            Err(callback) => {
                if let Some(reason) = self.node.reason() {
                    callback.call(reason);
                }
                OnCancel::called()
            }
        }
    }

    /// Returns a guard that cancels the token when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// {
    ///     let _guard = token.guard("left the block");
    ///     assert!(!token.is_cancelled());
    /// }
    /// assert_eq!(token.reason().unwrap().as_str(), "left the block");
    /// ```
    #[doc(alias = "drop_guard")]
    #[doc(alias = "cancelling")]
    #[doc(alias = "eager_ctx")]
    pub fn guard(&self, reason: impl Into<Reason>) -> CancelGuard {
        CancelGuard::new(self.clone(), reason.into())
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }
}

impl Default for CancelToken {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("reason", &self.node.reason().map(Reason::as_str))
            .field("made_at", &format_args!("{}", self.node.made_at()))
            .finish_non_exhaustive()
    }
}
