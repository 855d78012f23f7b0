//! Shields: stretches that a request does not stop.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use pin_project::{pin_project, pinned_drop};

use super::Member;
use super::frame::{self, Masks};
use super::state::Shields;

/// Runs `future` to its end, whatever is asked of the task meanwhile.
///
/// A request to stop that comes while the shield is open takes effect where the task suspends *after*
/// it. A shield that is reached when a request is due already does not start: it stays pending, and the
/// task stops there. So shields back to back cannot make a task immortal, and there is no gap between
/// `shield(acquire())` and what is done with the value.
///
/// ```text
/// shield ──── Pending ─── … ─── ready ── code ── Pending
///        request ──▲                                ▲── takes effect here
/// ```
///
/// What the shield cannot stop: a future around it that drops it, such as a losing arm of `select!`. A
/// request of a region *inside* the shield still works there. In code that runs in no task of this
/// library, and in no [`until`](crate::Cancellable::until), there are no requests: there a shield just
/// runs `future`.
///
/// Nor does it hold for ever: a shield that outlives the clean-up deadline of its task, counted from the
/// request and 30 seconds if it is not
/// [said otherwise](crate::SpawnWith::cleanup_deadline), is dropped where it suspends, and so it is by a
/// [`kill`](crate::Task::kill).
///
/// Not cancel safe unless `future` is: dropping it drops `future`, finished or not.
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, shield};
///
/// let owner = BuiltinRuntime::new();
/// let committed = Arc::new(AtomicBool::new(false));
/// let (started, is_started) = futures::channel::oneshot::channel();
/// let (allow, allowed) = futures::channel::oneshot::channel::<()>();
/// let task = owner.handle().spawn({
///     let committed = committed.clone();
///     async move {
///         shield(async {
///             started.send(()).unwrap();
///             allowed.await.unwrap();
///             committed.store(true, Ordering::SeqCst);
///         })
///         .await;
///         std::future::pending::<()>().await
///     }
/// });
/// owner.block_on(async {
///     is_started.await.unwrap();
///     task.cancel("in the middle");
///     allow.send(()).unwrap();
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// assert!(committed.load(Ordering::SeqCst));
/// ```
#[doc(alias = "CancelScope")]
#[doc(alias = "ShieldScope")]
pub fn shield<F: Future>(future: F) -> Shield<F> {
    Shield {
        future: Some(future),
        hold: Arc::default(),
        started: false,
    }
}

/// A shield that starts even where a request is due: around what must follow on something done.
pub(super) fn shield_whatever_is_due<F: Future>(future: F) -> Shield<F> {
    Shield {
        future: Some(future),
        hold: Arc::default(),
        started: true,
    }
}

/// Runs `body` shielded, with a [`Mask`] by which it can open holes for requests.
///
/// Like [`shield`], except where the body says otherwise: a future that is awaited through
/// [`Mask::open`] can be stopped, so that a long wait in the middle of something critical need not hold
/// up a request. In code that runs in no task of this library it just runs the body, holes included.
///
/// `body` is called at once, and what it returns is polled when this is awaited. Not cancel safe unless
/// that is: dropping this drops it, finished or not.
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, uncancellable};
///
/// let owner = BuiltinRuntime::new();
/// let task = owner.handle().spawn(uncancellable(async |mut mask| {
///     // The wait may be stopped, what comes before and after it may not.
///     mask.open(std::future::pending::<()>()).await;
/// }));
/// let error = owner.block_on(task.cancel_and_wait()).unwrap_err();
/// assert!(error.is_cancelled());
/// ```
pub fn uncancellable<F, Fut>(body: F) -> Shield<Fut>
where
    F: FnOnce(Mask) -> Fut,
    Fut: Future,
{
    let hold = Hold::default();
    let mask = Mask {
        hold: Arc::clone(&hold),
    };
    Shield {
        future: Some(body(mask)),
        hold,
        started: false,
    }
}

/// A shield that something else than a [`Shield`] holds: a scope.
#[derive(Default)]
pub(crate) struct ShieldHold(Hold);

impl ShieldHold {
    /// Holds it open in the region that runs here. What it shields is to be polled below a mask.
    pub(crate) fn here(&self) {
        hold_on(&self.0, Change::Here);
    }
}

impl Drop for ShieldHold {
    fn drop(&mut self) {
        hold_on(&self.0, Change::Off);
    }
}

/// Which region an open shield counts in; shared with its [`Mask`], which lifts it.
type Hold = Arc<Mutex<Held>>;

#[derive(Default)]
struct Held {
    /// `None` also while the shield is lifted.
    on: Option<Arc<dyn Member>>,
    place: usize,
    lifted: bool,
}

/// Moves the shield to the region that this thread runs in, or takes it away.
fn hold_on(hold: &Hold, change: Change) {
    let (off, on) = {
        let mut held = hold.lock().unwrap_or_else(PoisonError::into_inner);
        match change {
            Change::Here if held.lifted || held.place == frame::place() => return,
            Change::Here | Change::Off => {}
            Change::Lift => held.lifted = true,
            Change::Lower => held.lifted = false,
        }
        let on = match change {
            Change::Here | Change::Lower => frame::current(),
            Change::Lift | Change::Off => None,
        };
        held.place = if on.is_some() { frame::place() } else { 0 };
        (std::mem::replace(&mut held.on, on.clone()), on)
    };
    // The new one first: between the two a request must not find neither.
    if let Some(on) = on {
        on.region().shield(Shields::OneMore);
    }
    if let Some(off) = off {
        off.region().shield(Shields::OneLess);
    }
}

#[derive(Clone, Copy)]
enum Change {
    Here,
    Lift,
    Lower,
    Off,
}

/// The future of [`shield`] and [`uncancellable`].
#[pin_project(PinnedDrop)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Shield<F> {
    #[pin]
    future: Option<F>,
    hold: Hold,
    started: bool,
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        // The region around acts on its request at this `Pending`, and need not wake us for it.
        if !*this.started && frame::is_stopping() {
            return Poll::Pending;
        }
        *this.started = true;
        hold_on(this.hold, Change::Here);
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("a `Shield` was polled after it was ready");
        let polled = {
            let _masked = Masks::one_more();
            future.poll(cx)
        };
        if polled.is_ready() {
            {
                let _masked = Masks::one_more();
                this.future.set(None);
            }
            // A closing edge is no suspension point: the value goes out whatever is due.
            hold_on(this.hold, Change::Off);
        }
        polled
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Shield<F> {
    fn drop(self: Pin<&mut Self>) {
        /// Also when the destructor of the future panics.
        struct Off<'a>(&'a Hold);
        impl Drop for Off<'_> {
            fn drop(&mut self) {
                hold_on(self.0, Change::Off);
            }
        }
        let mut this = self.project();
        let _off = Off(this.hold);
        this.future.set(None);
    }
}

impl<F> fmt::Debug for Shield<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield")
            .field("started", &self.started)
            .field("ready", &self.future.is_none())
            .finish_non_exhaustive()
    }
}

/// Opens holes in an [`uncancellable`] stretch.
///
/// A *hole* is a future during which the shield is lifted.
pub struct Mask {
    hold: Hold,
}

impl Mask {
    /// Runs `future` with the shield lifted, so that a request stops the task here.
    ///
    /// A hole inside a *second* shield stays closed: that one is not this mask's to open. In code that
    /// runs in no task of this library it just runs `future`.
    ///
    /// Cancel safe as far as `future` is: dropping this drops it and closes the hole.
    ///
    /// # Panics
    ///
    /// When it is polled again after it was ready.
    pub fn open<F: Future>(&mut self, future: F) -> Hole<'_, F> {
        Hole {
            future: Some(future),
            hold: Arc::clone(&self.hold),
            lifted: false,
            _mask: PhantomData,
        }
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

/// The future of [`Mask::open`].
#[pin_project(PinnedDrop)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Hole<'a, F> {
    #[pin]
    future: Option<F>,
    hold: Hold,
    lifted: bool,
    _mask: PhantomData<&'a mut Mask>,
}

impl<F: Future> Future for Hole<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let opening = !*this.lifted;
        if opening {
            hold_on(this.hold, Change::Lift);
            *this.lifted = true;
        }
        let polled = {
            let _open = Masks::one_less();
            // An opening edge: where a request is due, the task stops here. Later it is polled on, so that
            // what is open inside can unwind.
            if opening && frame::is_stopping() {
                return Poll::Pending;
            }
            let future = this.future.as_mut().as_pin_mut();
            let future = future.expect("a `Hole` was polled after it was ready");
            future.poll(cx)
        };
        if polled.is_ready() {
            this.future.set(None);
            hold_on(this.hold, Change::Lower);
            *this.lifted = false;
        }
        polled
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Hole<'_, F> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.future.set(None);
        if *this.lifted {
            hold_on(this.hold, Change::Lower);
        }
    }
}

impl<F> fmt::Debug for Hole<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hole")
            .field("lifted", &self.lifted)
            .finish_non_exhaustive()
    }
}
