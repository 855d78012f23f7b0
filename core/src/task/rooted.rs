//! A root made in place: for code that is already being polled by somebody.

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project::{pin_project, pinned_drop};

use super::cell::{Cell, Free};
use super::join_error::JoinError;
use crate::region::body::{Ended, InPlace, abandon, poll_region};
use crate::region::frame;
use crate::region::state::{Seen, flag};
use crate::region::watch::Watch;
use crate::region::{Member, Region, hand_over, watch_of};
use crate::runtime::{Enter, Spawn, Timer};

/// Runs `future` in the task that awaits this, with `rt` as its runtime.
///
/// For code below `#[tokio::main]`, in an axum handler, in any task that this library did not start:
/// inside, [`current`](crate::current) gives `rt`, and everything that needs a root has one. The
/// future runs as part of the runtime ([`Enter::Foreign`]), so Tokio's sockets work in it on any
/// executor. It may borrow and need not be `Send`.
///
/// A panic of `future` passes through once its clean-ups have run. Dropping this cancels `future`: it
/// is dropped at once, and its clean-ups go on in the task around it, or on `rt`.
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, rooted};
///
/// let owner = BuiltinRuntime::new();
/// // This executor knows nothing of anyrt:
/// let answer = futures::executor::block_on(rooted(owner.handle(), async {
///     let rt = anyrt::current().unwrap();
///     rt.spawn(async { 42 }).await.unwrap()
/// }));
/// assert_eq!(answer, 42);
/// ```
#[track_caller]
pub fn rooted<R: Spawn + Timer, F: Future>(rt: &R, future: F) -> Rooted<R, F> {
    Rooted::new(rt, Some(rt.clone()), None, future)
}

/// The same for the one future that an owner drives: the owner has entered its runtime.
#[track_caller]
pub(crate) fn rooted_in_driver<R: Spawn + Timer, F: Future>(rt: &R, future: F) -> Rooted<R, F> {
    Rooted::new(rt, None, None, future)
}

/// The same, with a watch over everything that is started below.
#[track_caller]
pub(crate) fn watched<R: Spawn + Timer, F: Future>(
    rt: &R,
    watch: Arc<Watch>,
    future: F,
) -> Rooted<R, F> {
    Rooted::new(rt, None, Some(watch), future)
}

/// Panics with advice if this thread is polling a task of ours.
#[track_caller]
pub(crate) fn block_on_guard() {
    assert!(
        !frame::is_polling(),
        "`block_on` was called from inside async code, where it would block the thread that runs it: \
         `.await` the future instead, or call `block_on` inside `rt.spawn_blocking(..)`"
    );
}

/// The future of [`rooted`].
#[pin_project(PinnedDrop)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Rooted<R: Spawn + Timer, F: Future> {
    #[pin]
    body: Option<F>,
    member: Option<Arc<dyn Member>>,
    seen: Seen,
    stowed: Option<Ended<F::Output>>,
    started: bool,
    /// Entered around each poll.
    enter: Option<R>,
}

impl<R: Spawn + Timer, F: Future> Rooted<R, F> {
    #[track_caller]
    fn new(rt: &R, enter: Option<R>, watch: Option<Arc<Watch>>, body: F) -> Self {
        let region = Region::new(Location::caller(), flag::NO_HANDLE);
        let watch = watch.or_else(|| frame::look(|around| watch_of(around?)));
        region.dress(None, watch);
        Rooted {
            body: Some(body),
            member: Some(Arc::new(Cell::<_, ()>::new(region, Free(rt.clone())))),
            seen: Seen::default(),
            stowed: None,
            started: false,
            enter,
        }
    }
}

impl<R: Spawn + Timer, F: Future> Future for Rooted<R, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        assert!(
            this.member.is_some(),
            "a `Rooted` future was polled after it was ready"
        );
        start(this.started, this.member);
        if this.enter.is_some() && frame::is_polling() {
            if let Some(member) = this.member {
                member.region().set(flag::IN_PLACE);
            }
        }
        let (member, seen, stow) = (&mut *this.member, this.seen, &mut InPlace(this.stowed));
        let ended = match this.enter {
            Some(rt) => rt.enter(Enter::Foreign, || {
                poll_region(this.body, member, seen, stow, cx)
            }),
            None => poll_region(this.body, member, seen, stow, cx),
        };
        let Some(ended) = ended else {
            return Poll::Pending;
        };
        if let Some(member) = member.take() {
            finish(&*member);
        }
        match ended {
            Ended::Value(value) => Poll::Ready(value),
            Ended::Panicked(payload) => resume_unwind(payload),
            // Nobody holds a handle that could ask. Who is stopped from outside returns no value.
            Ended::Cancelled => Poll::Pending,
        }
    }
}

#[pinned_drop]
impl<R: Spawn + Timer, F: Future> PinnedDrop for Rooted<R, F> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if this.member.is_none() {
            return;
        }
        start(this.started, this.member);
        let around = frame::current();
        let (body, member, stowed) = (this.body, this.member.take(), this.stowed);
        let end = || {
            let (member, left) = abandon(body, member, &mut InPlace(stowed))?;
            hand_over(&member, around.as_ref(), left);
            Some(member)
        };
        // A destructor may need the runtime's context as much as a poll.
        let ended = match this.enter {
            Some(rt) => rt.enter(Enter::Foreign, end),
            None => end(),
        };
        if let Some(member) = ended {
            finish(&*member);
        }
    }
}

/// Inherits what is bound where the future is first polled, and not where it was made: arguments are
/// made before the scope around them is entered.
fn start(started: &mut bool, member: &Option<Arc<dyn Member>>) {
    if !std::mem::replace(started, true) {
        if let Some(member) = member {
            member.region().inherit_context();
            // Whoever waits for the code around waits for this.
            if let Some(around) = frame::made_around() {
                member.region().set_beneath(Some(&around));
            }
        }
    }
}

/// Ends a region whose outcome goes to the awaiter directly.
fn finish(member: &dyn Member) {
    member.region().report_kept();
    member.publish(&mut Some(Ok::<(), JoinError>(())));
}

impl<R: Spawn + Timer, F: Future> fmt::Debug for Rooted<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooted")
            .field("ready", &self.member.is_none())
            .finish_non_exhaustive()
    }
}
