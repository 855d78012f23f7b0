//! A region inside a task: a stretch of it that can be asked to stop without the rest.

use std::any::Any;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use pin_project::{pin_project, pinned_drop};

use super::body::{Ended, InPlace, abandon, poll_region};
use super::state::{Seen, flag};
use super::{Leftovers, Member, Reason, Region, frame, hand_over};
use crate::runtime::AnyRuntime;

/// What every region inside a task is born with.
pub(crate) const INLINE: u32 = flag::NO_HANDLE | flag::INLINE;

/// The region of an [`Inline`] future, as the code inside finds it.
struct InlineMember {
    region: Region,
}

impl Member for InlineMember {
    fn region(&self) -> &Region {
        &self.region
    }

    fn erase_runtime(&self) -> Option<AnyRuntime> {
        None
    }

    fn publish(&self, _: &mut dyn Any) {}

    fn spawn_orphans(&self, _: &Region, left: Leftovers) -> Result<(), Leftovers> {
        Err(left)
    }
}

/// Polls a body in a region of its own, in whatever region this is polled in.
#[pin_project(PinnedDrop)]
pub(crate) struct Inline<F: Future> {
    #[pin]
    body: Option<F>,
    /// Made at the first poll, unless it was given; gone when the region has ended.
    member: Option<Arc<dyn Member>>,
    seen: Seen,
    stowed: Option<Ended<F::Output>>,
    /// Which region this was polled in last; compared only with regions that it holds alive.
    place: usize,
    stage: Stage,
    reason: Option<Reason>,
    linked_at_end: bool,
    given: bool,
    location: &'static Location<'static>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Open {
        linked: bool,
    },
    /// Stopped by a request around it: never ready, it waits to be dropped.
    StoppedFromOutside,
    Ended,
}

impl<F: Future> Inline<F> {
    pub(crate) fn new(body: F, location: &'static Location<'static>) -> Self {
        Inline {
            body: Some(body),
            member: None,
            seen: Seen::default(),
            stowed: None,
            place: 0,
            stage: Stage::New,
            reason: None,
            linked_at_end: false,
            given: false,
            location,
        }
    }

    /// The same, of a member that others know already: a scope.
    pub(crate) fn of(member: Arc<dyn Member>, body: F) -> Self {
        let mut inline = Inline::new(body, member.region().location());
        inline.member = Some(member);
        inline.given = true;
        inline
    }

    /// Opens the region in the one that runs here, if it is new; gives it to who wants to ask it to stop.
    ///
    /// Nothing where a request is due: an opening edge, at which nothing new starts. The region around
    /// acts on its request at the `Pending` that follows.
    pub(crate) fn open(self: Pin<&mut Self>) -> Option<Weak<dyn Member>> {
        let this = self.project();
        if *this.stage == Stage::New {
            if frame::is_stopping() {
                return None;
            }
            let around = frame::current();
            let linked = around.is_some() && frame::mask() == 0;
            let location = *this.location;
            let member = this.member.get_or_insert_with(|| {
                let region = Region::new(location, INLINE);
                Arc::new(InlineMember { region })
            });
            Region::open(member, around.as_ref(), linked);
            *this.place = frame::place();
            *this.stage = Stage::Open { linked };
        }
        this.member.as_ref().map(Arc::downgrade)
    }

    /// Whether a request around it has stopped it: then it stays pending until it is dropped.
    pub(crate) fn is_stopped_from_outside(&self) -> bool {
        self.stage == Stage::StoppedFromOutside
    }

    /// Leaves a region that has ended as if a request around it had stopped it, if there is one.
    ///
    /// For what must give no value then, though its body did. Only right after it was ready.
    pub(crate) fn stop_from_outside(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        if *this.linked_at_end && is_asked_around() {
            *this.stage = Stage::StoppedFromOutside;
        }
        *this.stage == Stage::StoppedFromOutside
    }

    /// Ends a region that never started.
    pub(crate) fn set_ended(self: &mut Pin<&mut Self>) {
        let mut this = self.as_mut().project();
        this.body.set(None);
        *this.stage = Stage::Ended;
    }

    /// The body, until it is gone.
    pub(crate) fn body(self: Pin<&mut Self>) -> Option<Pin<&mut F>> {
        self.project().body.as_pin_mut()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Why the region was stopped, once it has ended so.
    pub(crate) fn take_reason(self: Pin<&mut Self>) -> Option<Reason> {
        self.project().reason.take()
    }

    /// Polls the body, and its clean-ups after it.
    ///
    /// What a request of the region around it has stopped is never ready: that one is about to be dropped.
    /// If it was moved away after the request, it is ready: where it is now, nobody would drop it.
    pub(crate) fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended<F::Output>> {
        self.poll_into(cx, |ended, _| ended)
    }

    /// Does as [`poll_end`](Inline::poll_end) and gives what `conclude` makes of the end. It may take what
    /// failed beside; what it leaves is reported.
    pub(crate) fn poll_into<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        conclude: impl FnOnce(Ended<F::Output>, &Region) -> T,
    ) -> Poll<T> {
        let this = self.project();
        let mut linked = match *this.stage {
            // Not opened: a request is due around it.
            Stage::New => return Poll::Pending,
            Stage::Open { linked } => linked,
            Stage::StoppedFromOutside => return Poll::Pending,
            Stage::Ended => panic!("a region was polled after it had ended"),
        };
        if let Some(member) = this
            .member
            .as_ref()
            .filter(|_| frame::place() != *this.place)
        {
            let around = frame::current();
            linked = around.is_some() && frame::mask() == 0;
            Region::move_to(member, around.as_ref(), linked);
            *this.place = frame::place();
            *this.stage = Stage::Open { linked };
        }
        let stow = &mut InPlace(this.stowed);
        let Some(ended) = poll_region(this.body, this.member, this.seen, stow, cx) else {
            return Poll::Pending;
        };
        let member = this.member.take().expect("a region that ends is open");
        *this.reason = member.region().reason();
        member.region().forget_runner();
        // Our own request is void where the region around is asked too: that one decides.
        if matches!(ended, Ended::Cancelled) && linked && is_asked_around() {
            close(&*member, *this.given);
            *this.stage = Stage::StoppedFromOutside;
            return Poll::Pending;
        }
        *this.linked_at_end = linked;
        *this.stage = Stage::Ended;
        let concluded = conclude(ended, member.region());
        close(&*member, *this.given);
        Poll::Ready(concluded)
    }
}

/// Whether the region around this one is asked to stop, or just about to be: those inside are told first.
fn is_asked_around() -> bool {
    frame::look(|around| around.is_some_and(|around| around.region().has(flag::ASKING)))
}

/// Leaves the region around, and reports what has no place in an outcome; a given member does so itself.
fn close(member: &dyn Member, given: bool) {
    let region = member.region();
    if !given {
        region.report_kept();
    }
    region.set_done();
    region.leave();
}

#[pinned_drop]
impl<F: Future> PinnedDrop for Inline<F> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        let stow = &mut InPlace(this.stowed);
        let Some((member, left)) = abandon(this.body, this.member.take(), stow) else {
            return;
        };
        // Before others learn of what is left: who waits for the children registers in its place.
        member.region().forget_runner();
        let around = frame::current().or_else(|| member.region().up());
        hand_over(&member, around.as_ref(), left);
        if !*this.given {
            // It has no outcome of its own to stand beside: that of the region around is the next.
            member.region().give_failures(around.as_deref());
        }
        close(&*member, *this.given);
    }
}
