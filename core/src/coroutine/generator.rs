//! A stream that is written as a loop.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::{FusedStream, Stream};

use super::co::Co;
use super::run::{Coroutine, ResumeError, Step, coroutine};
use super::state::CoState;

/// Makes a stream of async code: each value that it yields is an item.
///
/// `body` is called at once with the handle by which it yields; what it returns is polled only when the
/// stream is asked for an item. It ends with `()`, or with a `Result<(), E>`: then the items are results, and
/// an error is the last of them.
///
/// It is a region. Dropped half-way, its clean-ups go on in the task around; [`close`](Generator::close)
/// waits for them.
///
/// # Examples
///
/// ```
/// use anyrt::{Co, await_sync, generator};
/// use futures::StreamExt;
///
/// async fn countdown(co: Co<u32, ()>) {
///     for n in (1..=3).rev() {
///         co.yield_(n).await;
///     }
/// }
///
/// assert_eq!(await_sync(generator(countdown).collect::<Vec<_>>()), Ok(vec![3, 2, 1]));
/// ```
///
/// With answers, and an error that is thrown in:
///
/// ```
/// use anyrt::{Co, await_sync, generator};
///
/// async fn sum(co: Co<u32, Result<Option<u32>, String>>) -> Result<(), String> {
///     let mut sum = 0;
///     loop {
///         sum += co.yield_(sum).await?.unwrap_or(1);
///     }
/// }
///
/// await_sync(async {
///     let mut sums = generator(sum);
///     assert_eq!(sums.next_item().await, Some(Ok(0)));
///     assert_eq!(sums.send(Ok(Some(2))).await.unwrap(), Some(Ok(2)));
///     assert_eq!(sums.next_item().await, Some(Ok(3)));
///     assert_eq!(sums.throw("stop".into()).await.unwrap(), Some(Err("stop".into())));
///     assert_eq!(sums.next_item().await, None);
/// })
/// .unwrap();
/// ```
#[track_caller]
#[doc(alias = "GeneratorObject")]
pub fn generator<Y, R, B, F>(body: B) -> Generator<Y, R, F>
where
    Y: 'static,
    R: 'static,
    B: FnOnce(Co<Y, R>) -> F,
    F: Future<Output: GeneratorEnd<Y>>,
{
    Generator {
        co: coroutine(body),
    }
}

/// What the body of a [`generator`] may end with: `()`, or a `Result<(), E>`.
pub trait GeneratorEnd<Y> {
    /// The items of the stream.
    type Item;

    /// Makes an item of what was yielded.
    fn item(value: Y) -> Self::Item;

    /// Makes the last item of the end, if it gives one.
    fn last(self) -> Option<Self::Item>;
}

impl<Y> GeneratorEnd<Y> for () {
    type Item = Y;

    fn item(value: Y) -> Y {
        value
    }

    fn last(self) -> Option<Y> {
        None
    }
}

impl<Y, E> GeneratorEnd<Y> for Result<(), E> {
    type Item = Result<Y, E>;

    fn item(value: Y) -> Result<Y, E> {
        Ok(value)
    }

    fn last(self) -> Option<Result<Y, E>> {
        self.err().map(Err)
    }
}

/// What a [`generator`]'s yield gives where the stream was just asked for the next item.
///
/// `()`; of an `Option<S>`, `None`; of a `Result<A, E>`, the `Ok` of what `A` has.
pub trait Unsent {
    /// The answer that nobody gave.
    fn unsent() -> Self;
}

impl Unsent for () {
    fn unsent() -> Self {}
}

impl<S> Unsent for Option<S> {
    fn unsent() -> Self {
        None
    }
}

impl<A: Unsent, E> Unsent for Result<A, E> {
    fn unsent() -> Self {
        Ok(A::unsent())
    }
}

/// A stream that is written as a loop: what [`generator`] gives.
///
/// Asked for an item as a stream, it needs an answer for what it yielded before that says that there is
/// none: [`Unsent`]. With [`send`](Generator::send) and [`throw`](Generator::throw) it is given one.
///
/// # Panics
///
/// With the panic of the body, once its clean-ups have run.
#[must_use = "a stream does nothing unless it is asked for items"]
pub struct Generator<Y, R, F: Future> {
    co: Coroutine<Y, R, F>,
}

type ItemOf<Y, F> = <<F as Future>::Output as GeneratorEnd<Y>>::Item;

impl<Y: 'static, R: 'static, F> Generator<Y, R, F>
where
    F: Future<Output: GeneratorEnd<Y>>,
{
    /// Runs it to its next item, without an answer: the `next` of a stream. Where no answer is [`Unsent`],
    /// [`start`](Generator::start) gives the first item.
    ///
    /// Cancel safe: dropped, no item is lost. A *request* while the body runs, also of a timeout around, stops the
    /// body where something in it is to be cleaned up.
    ///
    /// # Panics
    ///
    /// With the panic of the body, and when it is polled again after it was ready.
    pub fn next_item(&mut self) -> NextItem<'_, Y, R, F>
    where
        R: Unsent,
    {
        NextItem {
            generator: self,
            over: false,
        }
    }

    /// Runs a new one to its first item. Nothing where it ends.
    ///
    /// Cancel safe, as [`next_item`](Generator::next_item).
    ///
    /// # Errors
    ///
    /// [`ResumeError`], if it waits for an answer, or is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Co, await_sync, generator};
    ///
    /// let mut doubled = generator(async |co: Co<u32, u32>| {
    ///     let mut n = 1;
    ///     while n < 100 {
    ///         n = co.yield_(2 * n).await;
    ///     }
    /// });
    /// assert_eq!(await_sync(doubled.start()).unwrap().unwrap(), Some(2));
    /// assert_eq!(await_sync(doubled.send(5)).unwrap().unwrap(), Some(10));
    /// ```
    pub fn start(&mut self) -> SendItem<'_, Y, R, F> {
        SendItem {
            generator: self,
            begin: Some(None),
            over: false,
        }
    }

    /// Answers the item it gave last, and runs it to the next one. Nothing where it ends.
    ///
    /// The answer is given at the first poll. Cancel safe after that, as [`next_item`](Generator::next_item).
    ///
    /// # Errors
    ///
    /// [`ResumeError`] with the answer, if it waits for none: it is new, or over.
    #[doc(alias = "asend")]
    pub fn send(&mut self, answer: R) -> SendItem<'_, Y, R, F> {
        SendItem {
            generator: self,
            begin: Some(Some(answer)),
            over: false,
        }
    }

    /// Stops it where it suspends, and waits until it is gone: its shields and clean-ups run first.
    ///
    /// What it yields meanwhile is refused: see [`Co::try_yield`]. An error that it ends with is dropped.
    ///
    /// Cancel safe: the request stands once this was polled, and the next `close` waits on.
    #[doc(alias = "aclose")]
    pub fn close(&mut self) -> CloseGenerator<'_, Y, R, F> {
        CloseGenerator {
            generator: self,
            over: false,
        }
    }

    /// Returns how far it has come. At an item it is suspended.
    pub fn state(&self) -> CoState {
        self.co.state()
    }

    /// Returns the coroutine that it is.
    pub fn into_coroutine(self) -> Coroutine<Y, R, F> {
        self.co
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<ItemOf<Y, F>>> {
        self.co.poll_step(cx).map(|step| match step {
            Some(Step::Yield(value)) => Some(F::Output::item(value)),
            Some(Step::Done(end)) => end.last(),
            None => panic!(
                "the generator made at {} was stopped by a request to another task, in which it was run \
                 before: it has no item here",
                self.co.location()
            ),
        })
    }

    fn poll_next_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<ItemOf<Y, F>>>
    where
        R: Unsent,
    {
        if self.co.is_over() || self.co.is_closing() {
            return Poll::Ready(None);
        }
        if self.co.is_yielded() {
            // Where who yielded has gone on without an answer, it is just run on.
            drop(self.co.begin(Some(R::unsent())));
        }
        if !self.co.is_running() {
            drop(self.co.begin(None));
        }
        self.poll_item(cx)
    }
}

impl<Y: 'static, A: 'static, E: 'static, F> Generator<Y, Result<A, E>, F>
where
    F: Future<Output: GeneratorEnd<Y>>,
{
    /// Answers the item it gave last with an error, and runs it on: as [`send`](Generator::send) with an `Err`.
    ///
    /// # Errors
    ///
    /// [`ResumeError`] with the answer, if it waits for none: it is new, or over.
    #[doc(alias = "athrow")]
    pub fn throw(&mut self, error: E) -> SendItem<'_, Y, Result<A, E>, F> {
        self.send(Err(error))
    }
}

impl<Y: 'static, R: 'static, F> Stream for Generator<Y, R, F>
where
    R: Unsent,
    F: Future<Output: GeneratorEnd<Y>>,
{
    type Item = ItemOf<Y, F>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_item(cx)
    }
}

impl<Y: 'static, R: 'static, F> FusedStream for Generator<Y, R, F>
where
    R: Unsent,
    F: Future<Output: GeneratorEnd<Y>>,
{
    fn is_terminated(&self) -> bool {
        self.co.is_over() || self.co.is_closing()
    }
}

impl<Y: 'static, R: 'static, F: Future> fmt::Debug for Generator<Y, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Generator").field(&self.co).finish()
    }
}

/// The future of [`Generator::next_item`].
#[must_use = "the generator does not run unless this is awaited"]
pub struct NextItem<'a, Y, R, F: Future> {
    generator: &'a mut Generator<Y, R, F>,
    over: bool,
}

impl<Y: 'static, R: 'static, F> Future for NextItem<'_, Y, R, F>
where
    R: Unsent,
    F: Future<Output: GeneratorEnd<Y>>,
{
    type Output = Option<ItemOf<Y, F>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.over, "a `NextItem` was polled after it was ready");
        let polled = self.generator.poll_next_item(cx);
        self.over = polled.is_ready();
        polled
    }
}

impl<Y: 'static, R: 'static, F: Future> fmt::Debug for NextItem<'_, Y, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NextItem").field(&self.generator).finish()
    }
}

/// The future of [`Generator::start`], [`Generator::send`] and [`Generator::throw`].
///
/// # Panics
///
/// With the panic of the body, and when it is polled again after it was ready.
#[must_use = "the generator does not run unless this is awaited"]
pub struct SendItem<'a, Y, R, F: Future> {
    generator: &'a mut Generator<Y, R, F>,
    /// What it begins with: an answer, or none for a new one.
    begin: Option<Option<R>>,
    over: bool,
}

// The answer is moved before it is given, and never pinned.
impl<Y, R, F: Future> Unpin for SendItem<'_, Y, R, F> {}

impl<Y: 'static, R: 'static, F> Future for SendItem<'_, Y, R, F>
where
    F: Future<Output: GeneratorEnd<Y>>,
{
    type Output = Result<Option<ItemOf<Y, F>>, ResumeError<R>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        assert!(!this.over, "a `SendItem` was polled after it was ready");
        if let Some(answer) = this.begin.take() {
            this.over = true;
            this.generator.co.begin(answer)?;
            this.over = false;
        }
        let polled = this.generator.poll_item(cx);
        this.over = polled.is_ready();
        polled.map(Ok)
    }
}

impl<Y: 'static, R: 'static, F: Future> fmt::Debug for SendItem<'_, Y, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendItem").field(&self.generator).finish()
    }
}

/// The future of [`Generator::close`].
///
/// # Panics
///
/// With a panic of the body, and when it is polled again after it was ready.
#[must_use = "nothing is closed unless this is awaited"]
pub struct CloseGenerator<'a, Y, R, F: Future> {
    generator: &'a mut Generator<Y, R, F>,
    over: bool,
}

impl<Y: 'static, R: 'static, F: Future> Future for CloseGenerator<'_, Y, R, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        assert!(
            !self.over,
            "a `CloseGenerator` was polled after it was ready"
        );
        let polled = self.generator.co.poll_close(cx).map(drop);
        self.over = polled.is_ready();
        polled
    }
}

impl<Y: 'static, R: 'static, F: Future> fmt::Debug for CloseGenerator<'_, Y, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CloseGenerator")
            .field(&self.generator)
            .finish()
    }
}
