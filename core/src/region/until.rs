//! Running a future until a token is cancelled.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::body::Ended;
use super::inline::Inline;
use super::shield::{Shield, shield};
use super::state::flag;
use super::token::{CancelToken, OnCancel};
use super::{Reason, frame};

/// Words after a future that say what may stop it.
///
/// Exported by the prelude; implemented by every future.
pub trait Cancellable: Future + Sized {
    /// Runs this future until `token` is cancelled.
    ///
    /// It is a region of its own: cancelled, it is dropped where it suspends (its shields first run to
    /// their end), then its clean-ups run, and only then is the reason given. A value that is there is
    /// given even if the token is cancelled at the same time. A token that was cancelled before the first
    /// poll starts nothing.
    ///
    /// A request to the task around it stops it as well, and then it never returns: the task is dropped.
    ///
    /// It needs no runtime. In code that runs in no task of this library the token stops it all the
    /// same, and [`defer`](crate::defer) and [`shield`] work inside it; only
    /// [`current`](crate::current) finds no runtime there.
    ///
    /// A body that never suspends is not stopped: give it a [`checkpoint`], which sees the token at once.
    ///
    /// Dropping this cancels the future: it is dropped at once, and its clean-ups go on in the region
    /// around it. Where there is none, they do not run: each goes to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook) as
    /// [`Phase::LostCleanUp`](crate::Phase::LostCleanUp).
    ///
    /// # Errors
    ///
    /// The token's reason; or, for a future that was moved to another task half-way, the reason of a
    /// request to the task that it was begun in.
    ///
    /// # Panics
    ///
    /// With a panic of the future, once its clean-ups have run; and when polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{CancelToken, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let token = CancelToken::new();
    /// owner.block_on(async {
    ///     assert_eq!(async { 5 }.until(&token).await, Ok(5));
    ///
    ///     let forever = owner.handle().spawn({
    ///         let token = token.clone();
    ///         async move { std::future::pending::<()>().until(&token).await }
    ///     });
    ///     token.cancel("closing time");
    ///     let reason = forever.await.unwrap().unwrap_err();
    ///     assert_eq!(reason.as_str(), "closing time");
    /// });
    /// ```
    ///
    /// In no task at all, with a clean-up:
    ///
    /// ```
    /// use anyrt::{CancelToken, defer, prelude::*};
    ///
    /// let (done, is_done) = std::sync::mpsc::channel();
    /// let token = CancelToken::new();
    /// let stopped = async {
    ///     defer(async move { done.send("cleaned up").unwrap() });
    ///     token.cancel("that will do");
    ///     std::future::pending::<()>().await
    /// };
    /// assert!(futures::executor::block_on(stopped.until(&token)).is_err());
    /// assert_eq!(is_done.try_recv(), Ok("cleaned up"));
    /// ```
    #[track_caller]
    #[doc(alias = "with_token")]
    #[doc(alias = "run_until_cancelled")]
    fn until(self, token: &CancelToken) -> Until<'_, Self> {
        Until {
            region: Inline::new(self, Location::caller()),
            token,
            asks: None,
        }
    }

    /// Runs this future shielded: the suffix form of [`shield`].
    ///
    /// Not cancel safe unless this future is: dropping it drops this future, finished or not. In code
    /// that runs in no task of this library it just runs this future.
    ///
    /// # Panics
    ///
    /// When it is polled again after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// assert_eq!(owner.block_on(async { 5 }.shielded()), 5);
    /// ```
    fn shielded(self) -> Shield<Self> {
        shield(self)
    }
}

impl<F: Future> Cancellable for F {}

/// The future of [`Cancellable::until`].
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Until<'a, F: Future> {
    #[pin]
    region: Inline<F>,
    token: &'a CancelToken,
    /// Asks the region to stop when the token is cancelled; there once the region is open.
    asks: Option<OnCancel>,
}

/// What is said of a task that was asked to stop without a reason: its handle was dropped.
const NO_REASON: Reason = Reason::fixed("the task was cancelled");

impl<F: Future> Future for Until<'_, F> {
    type Output = Result<F::Output, Reason>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        assert!(
            !this.region.has_ended(),
            "an `Until` future was polled after it was ready"
        );
        if this.asks.is_none() {
            if frame::is_stopping() {
                return Poll::Pending;
            }
            if let Some(reason) = this.token.reason() {
                this.region.set_ended();
                return Poll::Ready(Err(reason));
            }
            // By a callback and not by polling the token: so the request is there at once, and a
            // `checkpoint` of a body that never waits sees it.
            let region = this.region.as_mut().open();
            *this.asks = Some(this.token.on_cancel(move |reason| {
                if let Some(region) = region.and_then(|region| region.upgrade()) {
                    region.region().ask(Some(reason));
                }
            }));
        }
        match this.region.as_mut().poll_end(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(ended) => {
                *this.asks = None;
                match ended {
                    Ended::Value(value) => Poll::Ready(Ok(value)),
                    Ended::Panicked(payload) => resume_unwind(payload),
                    Ended::Cancelled => {
                        let reason = this.region.take_reason();
                        Poll::Ready(Err(reason.unwrap_or(NO_REASON)))
                    }
                }
            }
        }
    }
}

impl<F: Future> fmt::Debug for Until<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Until")
            .field("open", &self.asks.is_some())
            .field("ready", &self.region.has_ended())
            .finish_non_exhaustive()
    }
}

/// Returns whether the code that is running has been asked to stop.
///
/// True from the request on, also inside a shield or a clean-up, where the request is not due. It is
/// how a blocking job, which nothing can stop from outside, learns that it should end by itself;
/// dropping the handle of a job is no request. False in code that runs in no task of this library.
///
/// The token of an [`until`](Cancellable::until) around counts as well, from the moment it is cancelled.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, cancel_requested, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let (started, is_started) = std::sync::mpsc::channel();
/// let job = owner.handle().spawn_blocking(move || {
///     started.send(()).unwrap();
///     while !cancel_requested() {
///         std::thread::yield_now();
///     }
///     "ended by itself"
/// });
/// is_started.recv().unwrap();
/// assert_eq!(owner.block_on(job.cancel_and_wait()).unwrap(), "ended by itself");
/// ```
pub fn cancel_requested() -> bool {
    frame::look(|member| member.is_some_and(|member| member.region().has(flag::ASKED)))
}

/// Suspends if a request to stop is due, which ends the task; else goes on.
///
/// For long stretches of code that never wait. It does not let other tasks run. Inside a shield, and in
/// code that runs in no task of this library, nothing is due and it goes on at once.
///
/// The token of an [`until`](Cancellable::until) around is seen too: then that region ends here, and not
/// the task.
///
/// Cancel safe: it holds nothing.
///
/// # Examples
///
/// ```
/// use anyrt::{Task, backend::builtin::BuiltinRuntime, checkpoint, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let (started, is_started) = std::sync::mpsc::channel();
/// let busy: Task<()> = owner.handle().spawn(async move {
///     started.send(()).unwrap();
///     loop {
///         std::hint::spin_loop(); // never waits for anything …
///         checkpoint().await; // … and yet can be stopped
///     }
/// });
/// is_started.recv().unwrap();
/// let error = owner.block_on(busy.cancel_and_wait()).unwrap_err();
/// assert!(error.is_cancelled());
/// ```
pub async fn checkpoint() {
    poll_fn(|_| match frame::is_stopping() {
        true => Poll::Pending,
        false => Poll::Ready(()),
    })
    .await;
}
