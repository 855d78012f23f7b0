//! A resource that lives as long as the region it was acquired in.

use std::fmt::{self, Display};
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project::pin_project;

use super::ends::fail;
use super::exit::{Exit, ExitKind};
use super::lent::{Lent, Slot};
use super::resource::Resource;
use crate::region::contain::{contain, discard};
use crate::region::state::flag;
use crate::region::{BoxFuture, Shield, defer_held, frame, shield};
use crate::scope::MayFail;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Acquires what is then held until the innermost region around ends, and released there.
///
/// A *region* is a task, a [`rooted`](crate::rooted) future, the body of a scope or of a timeout, a future
/// with [`until`](crate::Cancellable::until), an arm of [`race`](crate::race()): what [`defer`](crate::defer) belongs to.
///
/// ```text
/// region ── acquire (shielded) ── Held ── … body ends, panics, or is stopped
///                └── release registered             └── … newer clean-ups ── release(it, how)
/// ```
///
/// [`Held`] dereferences to what was acquired. When it is dropped, mostly because the body of the region is,
/// that goes back to its release, which owns it from then on. So nothing counts references. A `Held` that
/// was moved out of the region has the region wait for it, up to the clean-up deadline. So what is acquired within
/// a time is held outside of that: `hold(rt.timeout(time, connect()), close)`, and not the other way round, where
/// the timeout is the region, and would wait for the `Held` that it gives out.
///
/// The acquisition is [shielded](crate::shield): a request that comes meanwhile takes effect where the code
/// suspends after it. In the poll in which it ends the release is registered, so there is no gap. Releases
/// run as all clean-ups do: newest first, shielded, up to the clean-up deadline.
///
/// The release learns how the region ended: [`ExitKind::Value`] for every end by itself (an error is a value
/// here), `Panicked`, or `Cancelled`, also where the region was dropped half-way. An error of the release is
/// reported beside the outcome, as
/// [`Phase::Release`](crate::Phase::Release).
///
/// In a region that never ends (a server's loop) what is held piles up: use [`bracket`](crate::bracket) in
/// the loop.
///
/// It needs no runtime. Not cancel safe: dropping it drops the acquisition where it is.
///
/// # Errors
///
/// That of the acquisition: then there is nothing to release.
///
/// # Panics
///
/// In code that runs in no region, before it acquires anything: it would never be released. And when it is
/// polled again after it was ready.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use anyrt::{ExitKind, backend::builtin::BuiltinRuntime, hold, prelude::*};
///
/// async fn connect() -> Result<String, std::io::Error> {
///     Ok("connection".to_owned())
/// }
///
/// let owner = BuiltinRuntime::new();
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let task = owner.handle().spawn({
///     let log = log.clone();
///     async move {
///         let release = async move |connection, exit: anyrt::Exit| {
///             assert_eq!(exit.kind(), ExitKind::Value);
///             log.lock().unwrap().push(format!("{connection} is closed"));
///         };
///         let connection = hold(connect(), release).await?;
///         Ok::<_, std::io::Error>(connection.len())
///     }
/// });
/// assert_eq!(owner.block_on(task).unwrap().unwrap(), 10);
/// assert_eq!(*log.lock().unwrap(), ["connection is closed"]);
/// ```
#[track_caller]
#[doc(alias = "enter_async_context")]
#[doc(alias = "with")]
pub fn hold<F, A, E, C, Fut>(
    acquire: F,
    release: C,
) -> Hold<impl Future<Output = Result<Acquired<A>, E>>>
where
    F: Future<Output = Result<A, E>>,
    A: Send + 'static,
    C: FnOnce(A, Exit) -> Fut + Send + 'static,
    Fut: Future<Output: MayFail<Error: Display>> + Send + 'static,
{
    let location = Location::caller();
    let acquire = async move { Ok(Acquired(acquire.await?, releaser(release, location))) };
    Hold::new(acquire)
}

/// Acquires a resource that is then held until the innermost region around ends.
///
/// As [`hold`](hold()) does; how to acquire and release, a [`Resource`] says.
///
/// Not cancel safe: dropping it drops the acquisition where it is.
///
/// # Errors
///
/// That of the acquisition: then there is nothing to release.
///
/// # Panics
///
/// In code that runs in no region, before it acquires anything; and when it is polled again after it was
/// ready.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use anyrt::{Exit, Resource, backend::builtin::BuiltinRuntime, enter, prelude::*};
///
/// struct Lamp;
///
/// impl Resource for Lamp {
///     type Held = &'static str;
///     type Error = Infallible;
///
///     async fn acquire(&mut self) -> Result<&'static str, Infallible> {
///         Ok("light")
///     }
///
///     async fn release(self, _: &'static str, _: Exit<Infallible>) -> Result<(), Infallible> {
///         Ok(())
///     }
/// }
///
/// let owner = BuiltinRuntime::new();
/// owner.block_on(async {
///     let lamp = enter(Lamp).await.unwrap();
///     assert_eq!(*lamp, "light");
/// });
/// ```
#[track_caller]
#[doc(alias = "enter_async_context")]
pub fn enter<R: Resource>(
    mut resource: R,
) -> Hold<impl Future<Output = Result<Acquired<R::Held>, R::Error>>> {
    let location = Location::caller();
    let acquire = async move {
        let held = resource.acquire().await?;
        let release = move |held, exit: Exit| resource.release(held, Exit::bare(exit.kind()));
        Ok(Acquired(held, releaser(release, location)))
    };
    Hold::new(acquire)
}

/// What was acquired, and how to release it.
#[derive(Debug)]
pub struct Acquired<A>(A, Releaser<A>);

/// How to release what was acquired, with its types erased.
pub(super) struct Releaser<A>(Box<dyn FnOnce(A, ExitKind, bool) -> BoxFuture + Send>);

impl<A> Releaser<A> {
    /// It is told the kind, and whether it runs before the end.
    pub(super) fn new(
        release: impl FnOnce(A, ExitKind, bool) -> BoxFuture + Send + 'static,
    ) -> Self {
        Releaser(Box::new(release))
    }
}

impl<A> fmt::Debug for Releaser<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Releaser").finish_non_exhaustive()
    }
}

/// A release whose error is reported.
fn releaser<A, C, Fut>(release: C, location: &'static Location<'static>) -> Releaser<A>
where
    A: Send + 'static,
    C: FnOnce(A, Exit) -> Fut + Send + 'static,
    Fut: Future<Output: MayFail<Error: Display>> + Send + 'static,
{
    Releaser::new(move |acquired, kind, _| {
        Box::pin(async move {
            let releasing = release(acquired, Exit::bare(kind));
            if let Err(error) = releasing.await.into_result() {
                fail(&error.to_string(), Box::new(error), location);
            }
        })
    })
}

/// The future of [`hold`](hold()) and [`enter`].
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Hold<F> {
    #[pin]
    acquire: Shield<F>,
}

impl<F: Future> Hold<F> {
    fn new(acquire: F) -> Self {
        Hold {
            acquire: shield(acquire),
        }
    }
}

impl<F, A, E> Future for Hold<F>
where
    F: Future<Output = Result<Acquired<A>, E>>,
    A: Send + 'static,
{
    type Output = Result<Held<A>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        assert!(
            frame::current().is_some(),
            "a resource was to be held in code that runs in no task of anyrt, so it would never be \
             released: enter one with `block_on`, `spawn`, or `rooted(&rt, future)`"
        );
        let acquired = ready!(this.acquire.poll(cx));
        Poll::Ready(acquired.map(|Acquired(acquired, releaser)| {
            let (held, cleanup) = Held::new(acquired, releaser);
            let over = held.over();
            defer_held(cleanup, over);
            held
        }))
    }
}

impl<F> fmt::Debug for Hold<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("acquire", &self.acquire)
            .finish()
    }
}

/// What was acquired, until it is released: dereferences to it.
///
/// Dropping it releases nothing by itself: what was acquired goes back to the release, which runs when the
/// region ends, or the [`ExitStack`](crate::ExitStack). To have it released earlier,
/// [`release`](Held::release) it.
pub struct Held<A> {
    lent: Lent<A>,
    release: Arc<Release<A>>,
}

/// The release of something held: waits until it is back, and then runs, polled by one at a time.
struct Release<A> {
    slot: Arc<Slot<A>>,
    /// A leaf: held for no more than a move.
    state: Mutex<State<A>>,
    /// The region it was acquired in, to be compared only.
    place: usize,
    /// Whether nothing is left to be done: for who keeps the clean-up.
    over: Arc<AtomicBool>,
}

struct State<A> {
    stage: Stage<A>,
    /// Who else waits: only the last who polled is woken by the release itself.
    waiters: Vec<Waker>,
}

enum Stage<A> {
    New(Releaser<A>),
    Running(BoxFuture),
    Polled,
    Over,
}

impl<A: Send + 'static> Held<A> {
    pub(super) fn over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.release.over)
    }

    pub(super) fn new(acquired: A, releaser: Releaser<A>) -> (Self, ReleaseHeld<A>) {
        let (lent, slot) = Lent::new(acquired);
        let release = Arc::new(Release {
            slot,
            state: Mutex::new(State {
                stage: Stage::New(releaser),
                waiters: Vec::new(),
            }),
            place: frame::place(),
            over: Arc::new(AtomicBool::new(false)),
        });
        let held = Held {
            lent,
            release: Arc::clone(&release),
        };
        let kind = None;
        (held, ReleaseHeld { release, kind })
    }

    /// Releases it now, and not at the end of its region. The release is told [`ExitKind::Value`].
    ///
    /// It begins at the first poll. Dropped half-way, it goes on at the end of the region.
    ///
    /// # Panics
    ///
    /// With a panic of the release.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use anyrt::{backend::builtin::BuiltinRuntime, hold, prelude::*};
    ///
    /// static OPEN: AtomicBool = AtomicBool::new(false);
    /// let owner = BuiltinRuntime::new();
    /// owner.block_on(async {
    ///     let opened = async { Ok::<_, String>(OPEN.store(true, Ordering::Relaxed)) };
    ///     let door = hold(opened, async |(), _| OPEN.store(false, Ordering::Relaxed)).await?;
    ///     assert!(OPEN.load(Ordering::Relaxed));
    ///     door.release().await;
    ///     assert!(!OPEN.load(Ordering::Relaxed));
    ///     Ok::<_, String>(())
    /// })
    /// .unwrap();
    /// ```
    pub fn release(self) -> ReleaseHeld<A> {
        let release = Arc::clone(&self.release);
        drop(self);
        let kind = Some(ExitKind::Value);
        ReleaseHeld { release, kind }
    }

    /// Gives out what was acquired: it is not released any more.
    pub fn keep(self) -> A
    where
        A: Sized,
    {
        let Held { lent, release } = self;
        let kept = lent.keep();
        release.forget();
        kept
    }
}

impl<A> Release<A> {
    fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How the region ended in which this runs. In another one than its own it was adopted: its own was dropped
    /// half-way.
    fn kind(&self) -> ExitKind {
        let is_own = frame::place() == self.place;
        frame::look(|here| match here.map(|here| here.region()) {
            Some(region) if is_own && region.has(flag::PANICKED) => ExitKind::Panicked,
            Some(region) if is_own && region.has(flag::GAVE) => ExitKind::Value,
            _ => ExitKind::Cancelled,
        })
    }

    /// Polls the release, once the value is back. `kind` where it is known.
    fn poll(&self, kind: Option<ExitKind>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let taken = {
            let mut state = self.lock();
            match std::mem::replace(&mut state.stage, Stage::Polled) {
                Stage::Over => {
                    state.stage = Stage::Over;
                    return Poll::Ready(());
                }
                taken => {
                    // Also who has the turn now: the next one to poll takes its place.
                    if !state.waiters.iter().any(|other| other.will_wake(&waker)) {
                        state.waiters.push(waker);
                    }
                    taken
                }
            }
        };
        // Also when the release panics.
        let mut turn = Turn {
            release: self,
            next: Stage::Over,
        };
        let mut running = match taken {
            Stage::Running(running) => running,
            Stage::New(releaser) => match self.slot.poll_take(cx) {
                Poll::Pending => {
                    turn.next = Stage::New(releaser);
                    return Poll::Pending;
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Ready(Some(value)) => {
                    let early = kind.is_some();
                    let kind = kind.unwrap_or_else(|| self.kind());
                    (releaser.0)(value, kind, early)
                }
            },
            Stage::Polled | Stage::Over => {
                turn.next = Stage::Polled;
                return Poll::Pending;
            }
        };
        let polled = running.as_mut().poll(cx);
        if polled.is_pending() {
            turn.next = Stage::Running(running);
        }
        polled
    }

    /// There is nothing to release, unless somebody has just found that out.
    fn forget(&self) {
        let releaser = {
            let mut state = self.lock();
            match state.stage {
                Stage::New(_) => Some(std::mem::replace(&mut state.stage, Stage::Over)),
                _ => None,
            }
        };
        if releaser.is_some() {
            self.over.store(true, Ordering::Release);
            self.wake();
        }
    }

    /// Wakes all who wait.
    fn wake(&self) {
        let waiters = std::mem::take(&mut self.lock().waiters);
        for waiter in waiters {
            if let Err(payload) = contain(|| waiter.wake()) {
                discard(payload);
            }
        }
    }
}

/// A poll of a release; when it is over, the release is left as `next` says.
struct Turn<'a, A> {
    release: &'a Release<A>,
    next: Stage<A>,
}

impl<A> Drop for Turn<'_, A> {
    fn drop(&mut self) {
        let next = std::mem::replace(&mut self.next, Stage::Over);
        let over = matches!(next, Stage::Over);
        // Nothing is dropped here: what was there is a mark.
        self.release.lock().stage = next;
        if over {
            self.release.over.store(true, Ordering::Release);
            self.release.wake();
        }
    }
}

impl<A> Deref for Held<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.lent
    }
}

impl<A> DerefMut for Held<A> {
    fn deref_mut(&mut self) -> &mut A {
        &mut self.lent
    }
}

impl<A> fmt::Debug for Held<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

/// The future of [`Held::release`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct ReleaseHeld<A> {
    release: Arc<Release<A>>,
    kind: Option<ExitKind>,
}

impl<A> Future for ReleaseHeld<A> {
    type Output = ();

    /// Ready at once when it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.release.poll(self.kind, cx)
    }
}

impl<A> Drop for ReleaseHeld<A> {
    /// Whoever else waits polls on.
    fn drop(&mut self) {
        self.release.wake();
    }
}

impl<A> fmt::Debug for ReleaseHeld<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReleaseHeld").finish_non_exhaustive()
    }
}
