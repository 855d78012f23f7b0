//! The future that tries, waits, and tries again.

use std::array;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project::pin_project;

use super::error::RetryError;
use super::jitter::Jitter;
use super::pause::Pause;
use crate::region::frame;
use crate::runtime::{Instant, Timer, after, earlier};
use crate::time::deadline::deadline;
use crate::time::timeout::Timeout;

/// What is waited for if nothing is said: at once, then after 1, 10 and 60 seconds.
pub(super) const DELAYS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// The delays of [`Runtime::retry`](crate::Runtime::retry).
pub type DefaultDelays = array::IntoIter<Duration, 4>;

pub(crate) fn default_delays() -> DefaultDelays {
    DELAYS.into_iter()
}

/// Every error is worth another attempt.
#[expect(
    unnameable_types,
    reason = "the default of a parameter that nobody writes"
)]
#[derive(Clone, Copy, Debug)]
pub struct Always;

/// Says which errors are worth another attempt: what [`Retry::when`] makes of a closure.
#[derive(Clone, Copy)]
pub struct When<P>(P);

impl<P> fmt::Debug for When<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When").finish_non_exhaustive()
    }
}

mod sealed {
    /// Which errors are worth another attempt.
    #[expect(unnameable_types, reason = "nobody else implements it")]
    pub trait Worth<E> {
        fn is_worth_it(&mut self, error: &E) -> bool;
    }
}

use sealed::Worth;

impl<E> Worth<E> for Always {
    fn is_worth_it(&mut self, _: &E) -> bool {
        true
    }
}

impl<E, P: FnMut(&E) -> bool> Worth<E> for When<P> {
    fn is_worth_it(&mut self, error: &E) -> bool {
        (self.0)(error)
    }
}

/// Something that is tried until it works: the future of [`Runtime::retry`](crate::Runtime::retry) and
/// [`retry_with`](crate::Runtime::retry_with), and words about it.
///
/// Each attempt is a region: what it defers has run before the next begins. The words may be said in any
/// order, before the first poll.
///
/// Dropping it drops the attempt that runs; its clean-ups go on in the region around it. Stopped between
/// two attempts, it ends at once.
///
/// # Panics
///
/// With a panic of an attempt, once its clean-ups have run; and when it is polled after it was ready.
///
/// # Examples
///
/// ```
/// use std::io;
/// use anyrt::{RetryError, Runtime, backend::builtin::BuiltinRuntime, prelude::*};
///
/// async fn ask(try_it: &mut u32) -> io::Result<&'static str> {
///     *try_it += 1;
///     match try_it {
///         1 => Err(io::ErrorKind::Interrupted.into()),
///         2 => std::future::pending().await, // a server that does not answer
///         _ => Ok("hello"),
///     }
/// }
///
/// async fn greeting<R: Runtime>(rt: &R) -> Result<&'static str, RetryError<io::Error>> {
///     let delays = std::iter::repeat(1.millis()).take(10);
///     let mut attempts = 0;
///     rt.retry_with(delays, || {
///         let mut attempt = attempts;
///         attempts += 1;
///         async move { ask(&mut attempt).await }
///     })
///     .when(|error| error.kind() != io::ErrorKind::PermissionDenied)
///     .each_within(5.millis())
///     .within(60.secs())
///     .jitter(1.millis())
///     .await
/// }
///
/// let owner = BuiltinRuntime::new();
/// assert_eq!(owner.block_on(greeting(owner.handle())).unwrap(), "hello");
/// ```
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Retry<R: Timer, D, F, Fut: Future, W = Always> {
    rt: R,
    delays: D,
    f: F,
    worth: W,
    jitter: Jitter,
    each_within: Option<Duration>,
    within: Option<Duration>,
    location: &'static Location<'static>,
    progress: Progress,
    #[pin]
    attempt: Option<Timeout<R, Fut>>,
    #[pin]
    pause: Option<Pause<R::Sleep>>,
    /// The last one that failed. The whole output, since its error has no name here.
    failed: Option<Fut::Output>,
}

/// How far it is.
struct Progress {
    /// When it was first polled, and when it has to end.
    begun: Option<(Instant, Option<Instant>)>,
    attempts: u64,
    ended: bool,
}

impl<R: Timer, D, F, Fut: Future> Retry<R, D, F, Fut> {
    #[track_caller]
    pub(crate) fn new(rt: &R, delays: D, f: F) -> Self {
        Retry {
            rt: rt.clone(),
            delays,
            f,
            worth: Always,
            jitter: Jitter::default(),
            each_within: None,
            within: None,
            location: Location::caller(),
            progress: Progress {
                begun: None,
                attempts: 0,
                ended: false,
            },
            attempt: None,
            pause: None,
            failed: None,
        }
    }

    /// Tries again only after errors of which `worth` says so.
    ///
    /// It is not asked about attempts that took too long: after these it is tried again. If it panics, the
    /// panic passes.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let failing = owner.handle().retry(|| async { Err::<(), _>("no such host") });
    /// let error = owner.block_on(failing.when(|error| *error == "busy")).unwrap_err();
    /// assert_eq!(error.attempts(), 1);
    /// ```
    #[doc(alias = "retry_if")]
    pub fn when<P, T, E>(self, worth: P) -> Retry<R, D, F, Fut, When<P>>
    where
        Fut: Future<Output = Result<T, E>>,
        P: FnMut(&E) -> bool,
    {
        Retry {
            rt: self.rt,
            delays: self.delays,
            f: self.f,
            worth: When(worth),
            jitter: self.jitter,
            each_within: self.each_within,
            within: self.within,
            location: self.location,
            progress: self.progress,
            attempt: self.attempt,
            pause: self.pause,
            failed: self.failed,
        }
    }
}

impl<R: Timer, D, F, Fut: Future, W> Retry<R, D, F, Fut, W> {
    /// Stops an attempt that takes longer than this, and tries again.
    ///
    /// The attempt unwinds before the next begins, which may take its time. A value that is there is given.
    #[doc(alias = "attempt_timeout")]
    pub fn each_within(mut self, limit: Duration) -> Self {
        self.each_within = Some(limit);
        self
    }

    /// Gives up when this much time has passed since the first poll, also in the middle of an attempt.
    ///
    /// It does not wait for an attempt that would begin later than that: then it gives up at once.
    #[doc(alias = "timeout")]
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// Adds a random part to each delay: at least zero, and less than this.
    #[doc(alias = "random_shift")]
    pub fn jitter(mut self, below: Duration) -> Self {
        self.jitter.set_shift(below);
        self
    }

    /// Says what the random parts are made from; if it is not said, they are others each time.
    pub fn seed(mut self, seed: u64) -> Self {
        self.jitter.set_seed(seed);
        self
    }
}

impl<R, D, F, Fut, W, T, E> Future for Retry<R, D, F, Fut, W>
where
    R: Timer,
    D: Iterator<Item = Duration>,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    W: Worth<E>,
{
    type Output = Result<T, RetryError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let progress = this.progress;
        assert!(
            !progress.ended,
            "a `Retry` future was polled after it was ready"
        );
        loop {
            if let Some(pause) = this.pause.as_mut().as_pin_mut() {
                ready!(pause.poll(cx));
                this.pause.set(None);
            }
            if this.attempt.is_none() {
                // Where a request is due, nothing starts.
                if frame::is_stopping() {
                    return Poll::Pending;
                }
                let now = this.rt.now();
                let within = *this.within;
                let (_, end) = *progress.begun.get_or_insert_with(|| {
                    (now, within.and_then(|within| now.checked_add(within)))
                });
                let limit = this.each_within.and_then(|limit| now.checked_add(limit));
                progress.attempts += 1;
                let deadline = earlier(limit, end);
                let attempt = Timeout::maybe(this.rt, deadline, (this.f)(), this.location);
                this.attempt.set(Some(attempt));
            }
            let attempt = this.attempt.as_mut().as_pin_mut();
            let ended = ready!(attempt.expect("just made").poll(cx));
            this.attempt.set(None);
            let (worth, out_of_time) = match ended {
                Ok(Ok(value)) => {
                    progress.ended = true;
                    return Poll::Ready(Ok(value));
                }
                Ok(Err(error)) => {
                    let worth = this.worth.is_worth_it(&error);
                    *this.failed = Some(Err(error));
                    (worth, false)
                }
                Err(elapsed) => {
                    elapsed.report();
                    (true, true)
                }
            };
            let now = this.rt.now();
            let (begun, end) = progress.begun.unwrap_or((now, None));
            let next = match worth {
                true => this.delays.next(),
                false => None,
            };
            // What would begin when the time is up is not waited for.
            let end = earlier(end, deadline());
            let next = next
                .map(|delay| after(now, delay.saturating_add(this.jitter.next())))
                .filter(|next| end.is_none_or(|end| *next < end));
            let Some(next) = next else {
                progress.ended = true;
                let error = this.failed.take().and_then(Result::err);
                let elapsed = now.saturating_duration_since(begun);
                return Poll::Ready(Err(RetryError::new(
                    error,
                    out_of_time,
                    progress.attempts,
                    elapsed,
                )));
            };
            this.pause.set(Some(Pause::new(this.rt.sleep_until(next))));
        }
    }
}

impl<R: Timer, D, F, Fut: Future, W> fmt::Debug for Retry<R, D, F, Fut, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.progress.attempts)
            .field("waiting", &self.pause.is_some())
            .field("ready", &self.progress.ended)
            .finish_non_exhaustive()
    }
}
