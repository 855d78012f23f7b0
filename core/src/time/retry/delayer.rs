//! How long to wait before the next attempt, for loops that are written by hand.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::iter::Fuse;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use pin_project::pin_project;

use super::jitter::Jitter;
use super::pause::Pause;
use crate::runtime::{Instant, Timer, after};

/// Gives delays that grow as failures follow each other, and begins anew after a quiet time.
///
/// Delays are given one after the other, and the last for ever. If more than
/// [`reset_after`](RetryDelayer::reset_after) has passed since the last one was over, what was tried has
/// worked for a while, and they begin anew. It never gives up: that is up to the loop around it.
/// [`Runtime::retry`](crate::Runtime::retry) is a loop of its own.
///
/// # Examples
///
/// ```
/// use anyrt::{RetryDelayer, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// owner.block_on(async {
///     let mut delayer = RetryDelayer::new([0.secs(), 1.millis(), 2.millis()]).unwrap();
///     let mut answers = [Err("busy"), Err("busy"), Ok("hello")].into_iter();
///     let answer = loop {
///         match answers.next().unwrap() {
///             Ok(answer) => break answer,
///             Err(_) => delayer.sleep(rt).await,
///         }
///     };
///     assert_eq!(answer, "hello");
/// });
/// ```
///
/// Without sleeping:
///
/// ```
/// use anyrt::{RetryDelayer, Timer, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let start = owner.handle().now();
/// let mut delayer = RetryDelayer::new([1.secs(), 5.secs()]).unwrap();
/// assert_eq!(delayer.next_delay(start), 1.secs());
/// assert_eq!(delayer.next_delay(start + 2.secs()), 5.secs()); // again after one second
/// assert_eq!(delayer.next_delay(start + 8.secs()), 5.secs());
/// assert_eq!(delayer.next_delay(start + 60.secs()), 1.secs()); // it was quiet for longer than 5 s
/// ```
#[derive(Clone)]
pub struct RetryDelayer<I = vec::IntoIter<Duration>> {
    all: I,
    left: Fuse<I>,
    last: Duration,
    /// Nothing is never.
    reset_after: Option<Duration>,
    /// When the last delay was over, or is going to be; nothing at the beginning.
    over: Option<Instant>,
    jitter: Jitter,
}

impl RetryDelayer {
    /// Makes one of a list of delays; the last one is given for ever.
    ///
    /// # Errors
    ///
    /// [`NoDelays`], if the list is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{RetryDelayer, prelude::*};
    ///
    /// assert!(RetryDelayer::new([1.secs(), 5.secs()]).is_ok());
    /// assert!(RetryDelayer::new(Vec::<Duration>::new()).is_err());
    /// ```
    pub fn new(delays: impl Into<Vec<Duration>>) -> Result<Self, NoDelays> {
        let delays = delays.into();
        let reset_after = delays.last().copied();
        let mut made = RetryDelayer::from_delays(delays)?;
        made.reset_after = reset_after;
        Ok(made)
    }
}

impl Default for RetryDelayer {
    /// No delay at first, then 1, 10, and 60 seconds for ever.
    fn default() -> Self {
        RetryDelayer::new(super::run::DELAYS).expect("they are four")
    }
}

impl<I: Iterator<Item = Duration> + Clone> RetryDelayer<I> {
    /// Makes one of any iterator of delays, which may be endless; if it ends, the last one is given for ever.
    ///
    /// It begins anew only where [`reset_after`](RetryDelayer::reset_after) is said: which delay is the last
    /// is not known before.
    ///
    /// # Errors
    ///
    /// [`NoDelays`], if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{RetryDelayer, Timer, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let start = owner.handle().now();
    /// let doubling = std::iter::successors(Some(1.secs()), |delay| Some((*delay * 2).min(8.secs())));
    /// let mut delayer = RetryDelayer::from_delays(doubling).unwrap();
    /// let delays = [1, 2, 4, 8, 8].map(|_| delayer.next_delay(start));
    /// assert_eq!(delays, [1.secs(), 2.secs(), 4.secs(), 8.secs(), 8.secs()]);
    /// ```
    pub fn from_delays<D>(delays: D) -> Result<Self, NoDelays>
    where
        D: IntoIterator<Item = Duration, IntoIter = I>,
    {
        let all = delays.into_iter();
        let last = all.clone().next().ok_or(NoDelays(()))?;
        Ok(RetryDelayer {
            left: all.clone().fuse(),
            all,
            last,
            reset_after: None,
            over: None,
            jitter: Jitter::default(),
        })
    }

    /// Adds a random part to each delay: at least zero, and less than this.
    #[doc(alias = "random_shift")]
    pub fn jitter(mut self, below: Duration) -> Self {
        self.jitter.set_shift(below);
        self
    }

    /// Says what the random parts are made from; if it is not said, they are others each time.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{RetryDelayer, Timer, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let start = owner.handle().now();
    /// let delay = || RetryDelayer::default().jitter(1.secs()).seed(7).next_delay(start);
    /// assert!(delay() < 1.secs());
    /// assert_eq!(delay(), delay());
    /// ```
    pub fn seed(mut self, seed: u64) -> Self {
        self.jitter.set_seed(seed);
        self
    }

    /// Begins anew after a quiet time of more than this: the last delay of a list, if it is not said.
    ///
    /// The time is counted from the end of one sleep to the beginning of the next.
    pub fn reset_after(mut self, quiet: Duration) -> Self {
        self.reset_after = Some(quiet);
        self
    }

    /// Begins anew: the first delay is the next.
    pub fn reset(&mut self) {
        self.left = self.all.clone().fuse();
        self.over = None;
    }

    /// Returns the next delay, for who waits in a way of its own from `now` on.
    ///
    /// It counts as over when that much time has passed.
    pub fn next_delay(&mut self, now: Instant) -> Duration {
        let quiet = self.over.map(|over| now.saturating_duration_since(over));
        if quiet.is_some_and(|quiet| self.reset_after.is_some_and(|most| quiet > most)) {
            self.reset();
        }
        if let Some(delay) = self.left.next() {
            self.last = delay;
        }
        let delay = self.last.saturating_add(self.jitter.next());
        self.over = now.checked_add(delay);
        delay
    }

    /// Sleeps for the next delay, on the clock of `rt`.
    ///
    /// It suspends at least once, also where the delay is zero. Cancel safe: dropped after its first poll,
    /// it has used one delay.
    ///
    /// # Examples
    ///
    /// See [`RetryDelayer`].
    pub fn sleep<R: Timer>(&mut self, rt: &R) -> RetrySleep<'_, R, I> {
        RetrySleep {
            delayer: self,
            rt: rt.clone(),
            pause: None,
        }
    }
}

impl<I> fmt::Debug for RetryDelayer<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryDelayer")
            .field("last", &self.last)
            .field("reset_after", &self.reset_after)
            .finish_non_exhaustive()
    }
}

/// The future of [`RetryDelayer::sleep`].
///
/// Cancel safe: dropped after its first poll, it has used one delay. Polled again after it was ready, it
/// sleeps for the next one.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct RetrySleep<'a, R: Timer, I> {
    delayer: &'a mut RetryDelayer<I>,
    rt: R,
    #[pin]
    pause: Option<Pause<R::Sleep>>,
}

impl<R, I> Future for RetrySleep<'_, R, I>
where
    R: Timer,
    I: Iterator<Item = Duration> + Clone,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.pause.is_none() {
            let now = this.rt.now();
            let delay = this.delayer.next_delay(now);
            let sleep = this.rt.sleep_until(after(now, delay));
            this.pause.set(Some(Pause::new(sleep)));
        }
        if let Some(pause) = this.pause.as_mut().as_pin_mut() {
            ready!(pause.poll(cx));
        }
        this.pause.set(None);
        this.delayer.over = Some(this.rt.now());
        Poll::Ready(())
    }
}

impl<R: Timer, I> fmt::Debug for RetrySleep<'_, R, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetrySleep")
            .field("delayer", &self.delayer)
            .field("sleeping", &self.pause.is_some())
            .finish_non_exhaustive()
    }
}

/// What a [`RetryDelayer`] was to be made of has no delays.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::RetryDelayer;
///
/// let error = RetryDelayer::from_delays(std::iter::empty::<Duration>()).unwrap_err();
/// assert_eq!(error.to_string(), "there are no delays");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDelays(());

impl fmt::Display for NoDelays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are no delays")
    }
}

impl Error for NoDelays {}
