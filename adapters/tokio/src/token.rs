//! Tokens of tokio-util, and ours that stand for them.

use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::pin;
use std::task::Poll;

use anyrt_core::{CancelToken, OnCancel, Reason};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::Tokio;

const REASON: &str = "the Tokio token that it follows was cancelled";

/// A token that is cancelled when another library's is; from [`Tokio::follow`] and [`followed_by`].
///
/// It is a *child*: cancelled alone, it leaves the token that it follows as it is. Deref gives the token
/// itself, to use and to clone.
///
/// **It follows as long as this lives.** Dropping this, or [`into_inner`](Following::into_inner), ends it,
/// and clones that are left are then on their own; [`detach`](Following::detach) lets it follow on. So who
/// makes one for each connection leaves nothing behind.
///
/// Two that follow each other, one in each direction, are the children of two different tokens: a
/// request does not run in circles.
#[must_use = "dropping it ends the following: keep it, or call `detach()`"]
pub struct Following<T> {
    token: T,
    link: Option<Link>,
}

/// What holds the two together.
enum Link {
    Callback(OnCancel),
    Task(AbortHandle),
}

impl<T> Following<T> {
    /// Lets it follow on without a handle, and returns the token.
    ///
    /// What holds the two together then goes when one of them is cancelled. A callback, of [`followed_by`],
    /// goes with the token that it stands in as well; the task of [`Tokio::follow`] with its runtime.
    pub fn detach(mut self) -> T
    where
        T: Clone,
    {
        if let Some(Link::Callback(callback)) = self.link.take() {
            callback.detach();
        }
        self.token.clone()
    }

    /// Ends the following, and returns the token.
    pub fn into_inner(self) -> T
    where
        T: Clone,
    {
        self.token.clone()
    }
}

impl<T> Deref for Following<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.token
    }
}

impl<T> Drop for Following<T> {
    fn drop(&mut self) {
        if let Some(Link::Task(task)) = &self.link {
            task.abort();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Following<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following")
            .field("token", &self.token)
            .field("follows", &self.link.is_some())
            .finish()
    }
}

/// Returns a token for code that wants one of tokio-util's, cancelled when ours is.
///
/// Costs one callback and no task: it is cancelled on the thread that cancels `token`, before
/// [`cancel`](CancelToken::cancel) returns. Needs no runtime. The reason is lost: those tokens have none.
///
/// # Examples
///
/// ```
/// use anyrt::{CancelToken, backend::tokio::followed_by};
///
/// let shutdown = CancelToken::new();
/// let theirs = followed_by(&shutdown);
/// let given_away = theirs.child_token(); // to a library that takes a `CancellationToken`
///
/// shutdown.cancel("closing time");
/// assert!(given_away.is_cancelled());
/// ```
pub fn followed_by(token: &CancelToken) -> Following<CancellationToken> {
    let theirs = CancellationToken::new();
    let link = match token.is_cancelled() {
        true => {
            theirs.cancel();
            None
        }
        false => {
            let theirs = theirs.clone();
            Some(Link::Callback(token.on_cancel(move |_| theirs.cancel())))
        }
    };
    Following {
        token: theirs,
        link,
    }
}

impl Tokio {
    /// Returns a token of ours that is cancelled when one of tokio-util's is.
    ///
    /// Those tokens take no callbacks, and wake who waits while they are locked. So this **spawns a small
    /// task** on this runtime that waits for the one and cancels the other: soon after, not before
    /// `theirs.cancel()` returns. The task ends when either token is cancelled, and when the
    /// [`Following`] is dropped; none is spawned where `theirs` is cancelled already. Once the runtime is
    /// gone nothing follows any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::tokio::Tokio, prelude::*};
    /// use tokio_util::sync::CancellationToken;
    ///
    /// #[tokio::main]
    /// async fn main() {
    ///     let theirs = CancellationToken::new();
    ///     let ours = Tokio::current().follow(&theirs);
    ///     theirs.cancel();
    ///
    ///     let stopped = std::future::pending::<()>().until(&ours).await;
    ///     assert!(stopped.is_err());
    /// }
    /// ```
    #[track_caller]
    pub fn follow(&self, theirs: &CancellationToken) -> Following<CancelToken> {
        let ours = CancelToken::new();
        let link = match theirs.is_cancelled() {
            true => {
                ours.cancel(REASON);
                None
            }
            false => {
                let task = self.as_tokio().spawn(pass_on(theirs.clone(), ours.clone()));
                Some(Link::Task(task.abort_handle()))
            }
        };
        Following { token: ours, link }
    }
}

/// Waits for either.
async fn pass_on(theirs: CancellationToken, ours: CancelToken) {
    let mut asked = pin!(theirs.cancelled());
    let mut over = pin!(ours.cancelled());
    let is_asked = poll_fn(|cx| {
        if asked.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        over.as_mut().poll(cx).map(|_: Reason| false)
    });
    if is_asked.await {
        ours.cancel(REASON);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tasks live on this runtime.
    fn tasks() -> usize {
        Tokio::current().as_tokio().metrics().num_alive_tasks()
    }

    /// Lets every other task of this thread have some turns.
    async fn let_others_run() {
        // Who yields has its next turn after some tens of other tasks, and not after all of them.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn ours_is_cancelled_when_theirs_is() {
        let theirs = CancellationToken::new();
        let ours = Tokio::current().follow(&theirs);
        let_others_run().await;
        assert!(!ours.is_cancelled());
        theirs.cancel();
        assert_eq!(ours.cancelled().await.as_str(), REASON);
        let_others_run().await;
        assert_eq!(tasks(), 0);
    }

    #[tokio::test]
    async fn a_request_further_up_reaches_ours() {
        let theirs = CancellationToken::new();
        let ours = Tokio::current().follow(&theirs.child_token());
        theirs.cancel();
        ours.cancelled().await;
    }

    #[tokio::test]
    async fn ours_cancelled_alone_leaves_theirs_and_ends_the_task() {
        let theirs = CancellationToken::new();
        let ours = Tokio::current().follow(&theirs);
        let_others_run().await;
        assert_eq!(tasks(), 1);
        ours.cancel("on our own account");
        let_others_run().await;
        assert!(!theirs.is_cancelled());
        assert_eq!(tasks(), 0);
        theirs.cancel();
        assert_eq!(ours.reason().unwrap().as_str(), "on our own account");
    }

    #[tokio::test]
    async fn of_one_cancelled_before_no_task_is_spawned() {
        let theirs = CancellationToken::new();
        theirs.cancel();
        let ours = Tokio::current().follow(&theirs);
        assert!(ours.is_cancelled());
        assert_eq!(tasks(), 0);
    }

    #[tokio::test]
    async fn dropping_a_thousand_leaves_no_task_behind() {
        let theirs = CancellationToken::new();
        let many: Vec<_> = (0..1_000)
            .map(|_| Tokio::current().follow(&theirs))
            .collect();
        let_others_run().await;
        assert_eq!(tasks(), 1_000);
        let kept = many[0].clone();
        drop(many);
        let_others_run().await;
        assert_eq!(tasks(), 0);
        theirs.cancel();
        let_others_run().await;
        assert!(!kept.is_cancelled());
    }

    #[tokio::test]
    async fn detached_it_follows_on() {
        let theirs = CancellationToken::new();
        let ours = Tokio::current().follow(&theirs).detach();
        theirs.cancel();
        ours.cancelled().await;

        let parent = CancelToken::new();
        let child = followed_by(&parent).detach();
        parent.cancel("closing time");
        assert!(child.is_cancelled());
    }

    #[test]
    fn theirs_is_cancelled_before_our_cancel_returns() {
        let ours = CancelToken::new();
        let theirs = followed_by(&ours);
        assert!(!theirs.is_cancelled());
        ours.cancel("closing time");
        assert!(theirs.is_cancelled());
        assert!(followed_by(&ours).is_cancelled());
    }

    #[test]
    fn theirs_cancelled_alone_leaves_ours() {
        let ours = CancelToken::new();
        let theirs = followed_by(&ours);
        theirs.cancel();
        assert!(!ours.is_cancelled());
    }

    #[test]
    fn dropped_it_follows_no_more() {
        let ours = CancelToken::new();
        let theirs = followed_by(&ours).into_inner();
        ours.cancel("closing time");
        assert!(!theirs.is_cancelled());
    }

    #[tokio::test]
    async fn a_request_goes_through_both_kinds_and_comes_to_rest() {
        let above = CancelToken::new();
        let between = followed_by(&above);
        let below = Tokio::current().follow(&between);
        above.cancel("closing time");
        below.cancelled().await;
        let_others_run().await;
        assert_eq!(tasks(), 0);
    }
}
