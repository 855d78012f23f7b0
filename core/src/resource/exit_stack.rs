//! Several resources, one after the other, released in the opposite order.

use std::fmt::{self, Display};
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use pin_project::pin_project;

use super::bracket::{Attended, value_of};
use super::ends::Ends;
use super::exit::{Exit, ExitKind};
use super::hold::{Held, Releaser};
use super::resource::Resource;
use crate::region::contain::drop_contained;
use crate::region::{BoxFuture, Failure, Inline, Phase, defer, report_here, shield};
use crate::scope::{ErrorGroup, Outcome};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Runs `body` with a stack of releases, and runs them all when it has ended, the newest first.
///
/// For resources whose number is known only while it runs, and for those that come one after the other: what
/// a nest of [`bracket`](crate::bracket) does, without the nest. What is on the stack is released however
/// the body ends: after a value, an error, a panic, and on a request to stop, as a clean-up of this block's
/// own region.
///
/// All releases run, even if some fail. Each is told how the body ended, and may change or suppress its
/// error; after one has suppressed it, the next find none.
///
/// It needs no runtime. Not cancel safe: dropping it drops the body where it is; what is on the stack is
/// released by the region around.
///
/// # Errors
///
/// That of the body, then those of the releases, in the order in which they came. What fails where there is
/// nobody to give it to (after a panic or a request) is reported, see
/// [`Phase::Release`](crate::Phase::Release).
///
/// # Panics
///
/// With a panic of the body, once all is released; and when it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use anyrt::exit_stack;
///
/// # futures::executor::block_on(async {
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let result = exit_stack(async |stack| {
///     for n in 1..=3 {
///         let log = log.clone();
///         stack.push(async move |_| match n {
///             2 => Err("2 is stuck"),
///             n => Ok(log.lock().unwrap().push(n)),
///         });
///     }
///     Ok("used")
/// })
/// .await;
/// assert_eq!(*log.lock().unwrap(), [3, 1]);
/// assert_eq!(result.unwrap_err().to_string(), "1 error: 2 is stuck");
/// # });
/// ```
#[track_caller]
#[doc(alias = "AsyncExitStack")]
pub fn exit_stack<E, U, B, T>(body: U) -> Stacked<E, impl Future<Output = Option<T>>>
where
    E: Display + Send + 'static,
    U: FnOnce(ExitStack<E>) -> B,
    B: Future<Output = Result<T, E>>,
{
    let location = Location::caller();
    let ends = Arc::new(Ends::new(location));
    let stack = ExitStack {
        exits: Arc::new(Entries(Mutex::new(Some(Vec::new())))),
        ends: Arc::clone(&ends),
    };
    Stacked {
        region: Inline::new(run(body, stack), location),
        ends: Attended(ends),
    }
}

async fn run<E, U, B, T>(body: U, stack: ExitStack<E>) -> Option<T>
where
    E: Send + 'static,
    U: FnOnce(ExitStack<E>) -> B,
    B: Future<Output = Result<T, E>>,
{
    let ends = Arc::clone(&stack.ends);
    defer(unwind(Arc::clone(&stack.exits), Arc::clone(&ends)));
    let ended = AssertUnwindSafe(async { body(stack).await })
        .catch_unwind()
        .await;
    match ended {
        Ok(Ok(value)) => {
            ends.end_body(ExitKind::Value, None);
            Some(value)
        }
        Ok(Err(error)) => {
            ends.end_body(ExitKind::Error, Some(error));
            None
        }
        Err(payload) => {
            ends.end_body(ExitKind::Panicked, None);
            resume_unwind(payload)
        }
    }
}

/// A release that was pushed: it begins when it is told how the body ended.
type Push<E> =
    Box<dyn FnOnce(Exit<E>) -> Pin<Box<dyn Future<Output = Result<(), E>> + Send>> + Send>;

/// Something on a stack.
enum Entry<E> {
    Push(Push<E>),
    /// Of something held, which may have been released by then.
    Held(BoxFuture, Arc<AtomicBool>),
}

impl<E> Entry<E> {
    fn is_over(&self) -> bool {
        match self {
            Entry::Held(_, over) => over.load(Ordering::Acquire),
            Entry::Push(_) => false,
        }
    }
}

/// The stack itself: nothing once all of it has been released. Its lock is a leaf.
struct Entries<E>(Mutex<Option<Vec<Entry<E>>>>);

impl<E> Entries<E> {
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Entry<E>>>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes the newest; where there is none, the stack is closed.
    fn pop(&self) -> Option<Entry<E>> {
        let mut entries = self.lock();
        let newest = entries.as_mut().and_then(Vec::pop);
        if newest.is_none() {
            *entries = None;
        }
        newest
    }

    /// Puts one on top; or gives it back, if the stack is closed.
    fn push(&self, entry: Entry<E>) -> Result<(), Entry<E>> {
        let mut over = Vec::new();
        let mut all = self.lock();
        let pushed = match &mut *all {
            Some(entries) => {
                // What was released early goes when the room is used up: it takes what it had twice as long.
                if entries.len() == entries.capacity() {
                    let all = std::mem::take(entries).into_iter();
                    let live;
                    (over, live) = all.partition(Entry::is_over);
                    *entries = live;
                    entries.reserve(entries.len().max(32));
                }
                entries.push(entry);
                Ok(())
            }
            None => Err(entry),
        };
        drop(all);
        drop(over);
        pushed
    }
}

impl<E: Send + 'static> Entry<E> {
    fn release(self, ends: &Arc<Ends<E>>) -> BoxFuture {
        match self {
            Entry::Held(release, _) => release,
            Entry::Push(release) => {
                let ends = Arc::clone(ends);
                Box::pin(async move {
                    if let Err(error) = release(Exit::of(&ends)).await {
                        ends.release_failed(error);
                    }
                })
            }
        }
    }
}

/// Runs what is on the stack, the newest first.
async fn unwind<E: Send + 'static>(exits: Arc<Entries<E>>, ends: Arc<Ends<E>>) {
    let location = ends.location();
    let panicked = |payload| {
        report_here(&Failure::new(Phase::CleanUp, None, location, Some(payload)).of_region());
    };
    while let Some(newest) = exits.pop() {
        let mut releasing = newest.release(&ends);
        if let Err(payload) = AssertUnwindSafe(releasing.as_mut()).catch_unwind().await {
            panicked(payload);
        }
        if let Err(payload) = drop_contained(releasing) {
            panicked(payload);
        }
    }
}

/// The releases of an [`exit_stack`], the newest on top.
///
/// Used after its block has ended, it gives what is put onto it to the region around, as
/// [`defer`](crate::defer()) does.
pub struct ExitStack<E> {
    exits: Arc<Entries<E>>,
    ends: Arc<Ends<E>>,
}

impl<E: Display + Send + 'static> ExitStack<E> {
    /// Acquires a resource, and puts its release onto the stack.
    ///
    /// Shielded, and without a gap, as [`enter`](crate::enter) does. What is held is released in its turn
    /// on the stack, or earlier by [`Held::release`].
    ///
    /// Not cancel safe: dropping it drops the acquisition where it is.
    ///
    /// # Errors
    ///
    /// That of the acquisition: then nothing is put onto the stack.
    #[doc(alias = "enter_async_context")]
    pub async fn enter<R: Resource<Error = E>>(&self, mut resource: R) -> Result<Held<R::Held>, E> {
        let acquire = async move {
            let held = resource.acquire().await?;
            Ok((held, move |held, exit| resource.release(held, exit)))
        };
        let (held, release) = shield(acquire).await?;
        Ok(self.put(held, release))
    }

    /// Acquires something, and puts its release onto the stack: [`hold`](crate::hold()) for a stack.
    ///
    /// Not cancel safe: dropping it drops the acquisition where it is.
    ///
    /// # Errors
    ///
    /// That of the acquisition: then nothing is put onto the stack.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::exit_stack;
    ///
    /// # futures::executor::block_on(async {
    /// let total = exit_stack::<String, _, _, _>(async |stack| {
    ///     let one = stack.hold(async { Ok(1) }, async |_, _| ()).await?;
    ///     let two = stack.hold(async { Ok(2) }, async |_, _| ()).await?;
    ///     Ok(*one + *two)
    /// });
    /// assert_eq!(total.await.unwrap(), 3);
    /// # });
    /// ```
    pub async fn hold<F, A, C, Fut>(&self, acquire: F, release: C) -> Result<Held<A>, E>
    where
        F: Future<Output = Result<A, E>>,
        A: Send + 'static,
        C: FnOnce(A, Exit<E>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome<E>> + Send + 'static,
    {
        let held = shield(acquire).await?;
        Ok(self.put(held, |held, exit| {
            let releasing = release(held, exit);
            async move { releasing.await.into_result().map(drop) }
        }))
    }

    fn put<A, C, Fut>(&self, held: A, release: C) -> Held<A>
    where
        A: Send + 'static,
        C: FnOnce(A, Exit<E>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        let ends = Arc::clone(&self.ends);
        let releaser = Releaser::new(move |held, kind, early| {
            Box::pin(async move {
                // Before its turn, the body has not ended, and its error is not there.
                let exit = match early {
                    true => Exit::bare(kind),
                    false => Exit::of(&ends),
                };
                if let Err(error) = release(held, exit).await {
                    ends.release_failed(error);
                }
            })
        });
        let (held, cleanup) = Held::new(held, releaser);
        let over = held.over();
        self.put_entry(Entry::Held(Box::pin(cleanup), over));
        held
    }

    /// Puts a release onto the stack that needs nothing but what it captures.
    #[doc(alias = "push_async_exit")]
    #[doc(alias = "push_async_callback")]
    #[doc(alias = "callback")]
    pub fn push<C, Fut>(&self, release: C)
    where
        C: FnOnce(Exit<E>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome<E>> + Send + 'static,
    {
        let release: Push<E> = Box::new(|exit| {
            let releasing = release(exit);
            Box::pin(async move { releasing.await.into_result().map(drop) })
        });
        self.put_entry(Entry::Push(release));
    }

    /// On a stack that was released already, it is the region around that releases.
    fn put_entry(&self, entry: Entry<E>) {
        if let Err(entry) = self.exits.push(entry) {
            defer(entry.release(&self.ends));
        }
    }

    /// Returns how many releases are on the stack, without those that have been made early.
    pub fn len(&self) -> usize {
        let exits = self.exits.lock();
        let all = exits.as_ref().map_or(&[][..], |all| all);
        all.iter().filter(|entry| !entry.is_over()).count()
    }

    /// Returns whether nothing is on the stack.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all off the stack, without running any of it.
    ///
    /// The block then releases nothing. [`append`](ExitStack::append) puts them onto another stack, such as
    /// one of a block further out; dropped instead, they never run.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
    /// use anyrt::exit_stack;
    ///
    /// # futures::executor::block_on(async {
    /// let released = Arc::new(AtomicUsize::new(0));
    /// exit_stack::<String, _, _, _>(async |outer| {
    ///     // Either all is opened, or none stays open.
    ///     let opened = exit_stack(async |stack| {
    ///         for _ in 0..3 {
    ///             let released = released.clone();
    ///             stack.push(async move |_| drop(released.fetch_add(1, Ordering::Relaxed)));
    ///         }
    ///         Ok::<_, String>(stack.pop_all())
    ///     });
    ///     outer.append(opened.await.map_err(|group| group.to_string())?);
    ///     assert_eq!(released.load(Ordering::Relaxed), 0);
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// assert_eq!(released.load(Ordering::Relaxed), 3);
    /// # });
    /// ```
    pub fn pop_all(&self) -> Exits<E> {
        let entries = self.exits.lock().as_mut().map(std::mem::take);
        Exits {
            entries: entries.unwrap_or_default(),
        }
    }

    /// Puts what was taken off another stack on top of this one.
    ///
    /// What was [pushed](ExitStack::push) is told how *this* block ended; what is held tells the block in
    /// which it was acquired.
    pub fn append(&self, exits: Exits<E>) {
        for entry in exits.entries {
            self.put_entry(entry);
        }
    }
}

impl<E> fmt::Debug for ExitStack<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitStack").finish_non_exhaustive()
    }
}

/// Releases that were taken off an [`ExitStack`]: [`pop_all`](ExitStack::pop_all).
#[must_use = "what is on no stack is never released"]
pub struct Exits<E> {
    entries: Vec<Entry<E>>,
}

impl<E> fmt::Debug for Exits<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exits")
            .field("len", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// The future of [`exit_stack`].
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Stacked<E, F: Future> {
    #[pin]
    region: Inline<F>,
    ends: Attended<E>,
}

impl<E, F: Future> Stacked<E, F> {
    /// Gives `None` in place of an error that a release [suppresses](Exit::suppress).
    pub fn or_none<T>(self) -> ExitStackOrNone<E, F>
    where
        F: Future<Output = Option<T>>,
    {
        ExitStackOrNone { stacked: self }
    }
}

impl<E, T, F: Future<Output = Option<T>>> Stacked<E, F> {
    /// The value, or that the only error was suppressed, or what failed.
    fn poll_end(
        self: Pin<&mut Self>,
        keep_suppressed: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<T>, ErrorGroup<E>>> {
        let this = self.project();
        assert!(
            !this.region.has_ended(),
            "a `Stacked` future was polled after it was ready"
        );
        let ended = ready!(this.region.poll_into(cx, |ended, _| ended));
        let ends = &this.ends.0;
        let value = value_of(ended, "exit stack", ends.location());
        let (_, body, suppressed) = ends.take_body();
        let body = body.filter(|_| keep_suppressed || !suppressed);
        let errors = body.into_iter().chain(ends.take_releases());
        Poll::Ready(ErrorGroup::from_errors_at(errors, ends.location()).map_or(Ok(value), Err))
    }
}

impl<E, T, F: Future<Output = Option<T>>> Future for Stacked<E, F> {
    type Output = Result<T, ErrorGroup<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_end(true, cx).map(|ended| {
            ended.map(|value| {
                value.expect("an `Exit` was neither dropped nor given back by its release")
            })
        })
    }
}

impl<E, F: Future> fmt::Debug for Stacked<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stacked")
            .field("location", &self.ends.0.location())
            .field("ready", &self.region.has_ended())
            .finish_non_exhaustive()
    }
}

/// The future of [`Stacked::or_none`].
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct ExitStackOrNone<E, F: Future> {
    #[pin]
    stacked: Stacked<E, F>,
}

impl<E, T, F: Future<Output = Option<T>>> Future for ExitStackOrNone<E, F> {
    type Output = Result<Option<T>, ErrorGroup<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().stacked.poll_end(false, cx)
    }
}

impl<E, F: Future> fmt::Debug for ExitStackOrNone<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExitStackOrNone")
            .field(&self.stacked)
            .finish()
    }
}
