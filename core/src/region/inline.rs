//! A region inside a task: a stretch of it that can be asked to stop without the rest.
//!
//! Made when it is first needed (see `frame.rs`): until something inside defers, shields, or opens a scope,
//! there is nothing to unwind in an order, and to stop it is to drop the body.

use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use pin_project::{pin_project, pinned_drop};

use super::body::{self, End, Ended, InPlace, abandon};
use super::contain::{Payload, contain};
use super::frame::{self, Entered, Unmade};
use super::state::{Seen, flag};
use super::{Leftovers, Member, Phase, Reason, Region, hand_over};
use crate::runtime::{AnyRuntime, Instant};

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

/// What a region that is not made will be.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    location: &'static Location<'static>,
    /// When its owner stops it.
    pub(super) deadline: Option<Instant>,
    /// Whether it is a task that has begun where it was spawned, as long as it is polled there.
    pub(super) eager: bool,
}

impl Plan {
    /// Of a task that begins where it is spawned.
    #[inline]
    pub(super) fn eager(location: &'static Location<'static>) -> Self {
        Plan {
            location,
            deadline: None,
            eager: true,
        }
    }
}

/// Makes a region as it was planned; it is still to be opened.
pub(super) fn made(plan: Plan) -> Arc<dyn Member> {
    let eager = if plan.eager { flag::EAGER } else { 0 };
    let region = Region::new(plan.location, INLINE | eager);
    if plan.deadline.is_some() {
        region.set_deadline(plan.deadline);
    }
    Arc::new(InlineMember { region })
}

/// Polls a body in a region of its own, in whatever region this is polled in.
#[pin_project(PinnedDrop)]
pub(crate) struct Inline<F: Future> {
    #[pin]
    body: Option<F>,
    /// There once it is made, unless it was given; gone when the region has ended.
    member: Option<Arc<dyn Member>>,
    /// The region that counts this one, as long as it is not made.
    counted: Counted,
    seen: Seen,
    stowed: Option<Ended<F::Output>>,
    /// Which region this was polled in last; compared only with regions that it holds alive.
    place: usize,
    stage: Stage,
    /// Whether its owner asked it to stop before it was made.
    asked: bool,
    reason: Option<Reason>,
    linked_at_end: bool,
    given: bool,
    plan: Plan,
}

/// What came of a task that has begun where it was spawned.
pub(crate) enum Eagerly<F: Future> {
    Value(F::Output),
    Ended(NoValue, Region),
    /// To be run by a task.
    Rest(Inline<F>),
}

/// Polls a body for the first time as a task of its own, inside another: no request to that one is its own,
/// and what it finds when it asks for its task is itself.
#[inline]
pub(crate) fn begin_eagerly<F: Future + Unpin>(
    body: F,
    name: Option<&Cow<'static, str>>,
    location: &'static Location<'static>,
    cx: &mut Context<'_>,
) -> Eagerly<F> {
    let mut member = None;
    let mut body = Some(body);
    let (turn, value) = if let Some(name) = name {
        let named = made(Plan::eager(location));
        named.region().dress(Some(name.clone()), None);
        Region::open(&named, frame::current().as_ref(), false);
        member = Some(named);
        let _entered = Entered::poll(&mut member, 0);
        body::turn_once(Pin::new(&mut body), cx)
    } else {
        let _entered = Unmade::enter_eager(&mut member, location);
        body::turn_once(Pin::new(&mut body), cx)
    };
    match (turn, value) {
        (Ok(()), Some(value)) if member.is_none() => Eagerly::Value(value),
        (turn, value) => {
            let turn = body::end_of(Pin::new(&mut body), turn, value);
            rest_of(body, member, turn, location, cx)
        }
    }
}

#[inline(never)]
fn rest_of<F: Future + Unpin>(
    body: Option<F>,
    member: Option<Arc<dyn Member>>,
    turn: Poll<End<F::Output>>,
    location: &'static Location<'static>,
    cx: &mut Context<'_>,
) -> Eagerly<F> {
    let mut rest = Inline::around(body, location);
    rest.member = member;
    rest.stage = Stage::Open { linked: false };
    if rest.member.is_none() && turn.is_pending() {
        return Eagerly::Rest(rest);
    }
    let conclude = |why, region: &Region| {
        let left = Region::new(location, INLINE);
        left.dress(region.name(), None);
        region
            .take_failures()
            .into_iter()
            .for_each(|failure| left.keep(failure));
        (why, left)
    };
    let mut rest = rest;
    let polled = match turn {
        Poll::Ready((ended, second)) if rest.member.is_none() => {
            Pin::new(&mut rest).end_unmade(ended, second, conclude)
        }
        turn => Pin::new(&mut rest).turn_made(Some(turn), cx, conclude),
    };
    match polled {
        Poll::Ready(Ok(value)) => Eagerly::Value(value),
        Poll::Ready(Err((why, region))) => Eagerly::Ended(why, region),
        Poll::Pending => {
            // From here on it is a part of the task that runs the rest.
            if let Some(member) = &rest.member {
                member.region().clear(flag::EAGER);
                Region::move_to(member, None, false);
            }
            Eagerly::Rest(rest)
        }
    }
}

/// Why a region has ended without a value.
pub(crate) enum NoValue {
    Panicked(Payload),
    Cancelled,
}

impl NoValue {
    fn into_ended<T>(self) -> Ended<T> {
        match self {
            NoValue::Panicked(payload) => Ended::Panicked(payload),
            NoValue::Cancelled => Ended::Cancelled,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    /// Linked is only what is made.
    Open {
        linked: bool,
    },
    /// Stopped by a request around it: never ready, it waits to be dropped.
    StoppedFromOutside,
    Ended,
}

impl Stage {
    /// Whether there is a body to be polled.
    fn is_live(self) -> bool {
        matches!(self, Stage::New | Stage::Open { .. })
    }
}

impl<F: Future> Inline<F> {
    pub(crate) fn new(body: F, location: &'static Location<'static>) -> Self {
        Inline::around(Some(body), location)
    }

    fn around(body: Option<F>, location: &'static Location<'static>) -> Self {
        Inline {
            body,
            member: None,
            counted: Counted(None),
            seen: Seen::default(),
            stowed: None,
            place: 0,
            stage: Stage::New,
            asked: false,
            reason: None,
            linked_at_end: false,
            given: false,
            plan: Plan {
                location,
                deadline: None,
                eager: false,
            },
        }
    }

    /// The same, of one that its owner is going to stop at `deadline`, if there is one.
    pub(crate) fn until(
        deadline: Option<Instant>,
        body: F,
        location: &'static Location<'static>,
    ) -> Self {
        let mut inline = Inline::new(body, location);
        inline.plan.deadline = deadline;
        inline
    }

    /// The same, of a member that others know already: a scope.
    pub(crate) fn of(member: Arc<dyn Member>, body: F) -> Self {
        let mut inline = Inline::new(body, member.region().location());
        inline.member = Some(member);
        inline.given = true;
        inline
    }

    /// Opens the region in the one that runs here, if it is new. It is not made for that.
    ///
    /// Not where a request is due: an opening edge, at which nothing new starts. The region around
    /// acts on its request at the `Pending` that follows.
    pub(crate) fn start(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        if *this.stage != Stage::New {
            return true;
        }
        if frame::is_stopping() {
            return false;
        }
        let mut linked = false;
        if let Some(member) = this.member {
            linked = open_here(member, this.place);
        }
        *this.stage = Stage::Open { linked };
        true
    }

    /// Starts the region and makes it; gives it to who wants to ask it to stop.
    pub(crate) fn open(mut self: Pin<&mut Self>) -> Option<Weak<dyn Member>> {
        if !self.as_mut().start() {
            return None;
        }
        let this = self.project();
        if let Stage::Open { linked } = this.stage {
            if this.member.is_none() {
                let member = this.member.insert(made(*this.plan));
                *linked = open_here(member, this.place);
                this.counted.clear();
            }
        }
        this.member.as_ref().map(Arc::downgrade)
    }

    /// Has the region around wait for this one where both are asked to stop, though it is not what polls this one.
    pub(crate) fn hold_up(self: Pin<&mut Self>) {
        if let Some(member) = self.project().member {
            if member.region().is_linked() {
                member.region().tell();
            }
        }
    }

    /// Asks the region to stop, by who polls it: at the next poll, or what is left of this one.
    pub(crate) fn ask(self: Pin<&mut Self>, reason: &Reason) {
        let this = self.project();
        match this.member {
            Some(member) => member.region().ask(Some(reason)),
            None if !*this.asked => {
                *this.asked = true;
                *this.reason = Some(reason.clone());
            }
            None => {}
        }
    }

    /// Puts it into the region that will run it, before that does: a request to that one finds what is
    /// open in here.
    pub(crate) fn settle_in(self: Pin<&mut Self>, around: &Arc<dyn Member>) {
        let this = self.project();
        if let Some(member) = this.member {
            Region::move_to(member, Some(around), true);
            *this.place = Arc::as_ptr(around).cast::<()>().addr();
            *this.stage = Stage::Open { linked: true };
        }
    }

    /// Takes it out of the region around until it is polled next: who keeps it and does not run it is not
    /// held up by what is open in it, and asks it nothing. What is not made holds nobody up.
    pub(crate) fn step_out(self: Pin<&mut Self>) {
        let this = self.project();
        let member = this.member.as_ref().filter(|_| *this.place != 0);
        if let (Some(member), Stage::Open { .. }) = (member, *this.stage) {
            Region::move_to(member, None, false);
            *this.place = 0;
            *this.stage = Stage::Open { linked: false };
        }
    }

    /// Says when its owner stops it, to those inside who want to know.
    pub(crate) fn set_deadline(self: Pin<&mut Self>, deadline: Option<Instant>) {
        let this = self.project();
        this.plan.deadline = deadline;
        if let Some(member) = this.member {
            member.region().set_deadline(deadline);
        }
    }

    /// Whether it has begun, and neither ended nor been stopped by a request around it.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Open { .. })
    }

    /// Whether a request around it has stopped it: there it stays pending until it is dropped.
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
            .map(|ended| match ended {
                Ok(value) => Ended::Value(value),
                Err(ended) => ended.into_ended(),
            })
    }

    /// Does as [`poll_end`](Inline::poll_end), and starts the region before if need be. Gives the value, or
    /// what `conclude` makes of there being none. It may take what failed beside; what it leaves is
    /// reported.
    #[inline]
    pub(crate) fn poll_into<T>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        conclude: impl FnOnce(NoValue, &Region) -> T,
    ) -> Poll<Result<F::Output, T>> {
        let mut this = self.as_mut().project();
        let mut taken = None;
        // What nearly all are: not made, not stopped, and ready without anything of it having been needed.
        if this.member.is_none() && !*this.asked && this.stage.is_live() {
            if let Some(_entered) = Unmade::enter_unless_stopping(this.member, this.plan) {
                *this.stage = Stage::Open { linked: false };
                taken = Some(body::take_turn(this.body.as_mut(), cx));
            }
            if this.member.is_none() {
                if let Some(Poll::Ready((Ended::Value(value), None))) = taken {
                    this.counted.clear();
                    *this.stage = Stage::Ended;
                    return Poll::Ready(Ok(value));
                }
            }
        }
        self.go_on(taken, cx, conclude)
    }

    /// The rest of a poll, after a turn that was taken already.
    #[inline(never)]
    fn go_on<T>(
        mut self: Pin<&mut Self>,
        mut taken: Option<Poll<End<F::Output>>>,
        cx: &mut Context<'_>,
        conclude: impl FnOnce(NoValue, &Region) -> T,
    ) -> Poll<Result<F::Output, T>> {
        match self.stage {
            // Not opened: a request is due around it.
            Stage::New => return Poll::Pending,
            Stage::Open { .. } => {}
            Stage::StoppedFromOutside if frame::is_about_to_stop() => return Poll::Pending,
            Stage::StoppedFromOutside => {
                let this = self.project();
                *this.stage = Stage::Ended;
                let region = Region::new(this.plan.location, INLINE);
                return Poll::Ready(Err(conclude(NoValue::Cancelled, &region)));
            }
            Stage::Ended => panic!("a region was polled after it had ended"),
        }
        let was_made = taken.is_none() && self.member.is_some();
        if self.member.is_none() {
            // A request that was made in this turn takes effect at its `Pending`.
            let pending = taken.as_ref().is_none_or(Poll::is_pending);
            let turn = match taken.take() {
                Some(turn) if !pending || !frame::is_stopping() => turn,
                _ => Poll::Ready(self.as_mut().drop_unmade()),
            };
            if self.member.is_none() {
                if turn.is_pending() && self.as_mut().count() {
                    return Poll::Pending;
                }
                if let Poll::Ready((ended, second)) = turn {
                    return self.end_unmade(ended, second, conclude);
                }
                // There are too many to count: this one is made.
                self.as_mut().open();
            }
            taken = Some(turn);
        }
        if !was_made {
            self.as_mut().note_made();
        }
        self.poll_made(taken, cx, conclude)
    }

    /// Drops the body of a region that is not made, which is how it is stopped. It may be made meanwhile.
    fn drop_unmade(self: Pin<&mut Self>) -> End<F::Output> {
        let mut this = self.project();
        let _entered = Unmade::enter(this.member, this.plan);
        match contain(|| this.body.set(None)) {
            Ok(()) => (Ended::Cancelled, None),
            Err(payload) => (Ended::Panicked(payload), None),
        }
    }

    /// The end of a region that was never made.
    fn end_unmade<T>(
        self: Pin<&mut Self>,
        ended: Ended<F::Output>,
        second: Option<Payload>,
        conclude: impl FnOnce(NoValue, &Region) -> T,
    ) -> Poll<Result<F::Output, T>> {
        let this = self.project();
        this.counted.clear();
        // Our own request is void where the region around is asked too: that one decides.
        if matches!(ended, Ended::Cancelled) && frame::is_about_to_stop() {
            *this.stage = Stage::StoppedFromOutside;
            return Poll::Pending;
        }
        *this.stage = Stage::Ended;
        let region = Region::new(this.plan.location, INLINE);
        body::keep_second(&region, second);
        let concluded = value_or(ended).map_err(|ended| conclude(ended, &region));
        region.report_kept();
        Poll::Ready(concluded)
    }

    /// Takes note of where the region stands, once it was made by code inside.
    fn note_made(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(member) = this.member {
            let linked = member.region().is_linked();
            *this.place = stand();
            *this.stage = Stage::Open { linked };
            this.counted.clear();
        }
    }

    /// Has this region, which is not made, counted in the one around it; unless there are too many.
    fn count(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        let here = match frame::mask() {
            0 => frame::place_made(),
            _ => 0,
        };
        if here == *this.place {
            return true;
        }
        *this.place = here;
        this.counted.clear();
        let around = frame::made_around().filter(|_| here != 0);
        let counted = around
            .as_ref()
            .is_none_or(|around| around.region().count_unmade());
        *this.counted = Counted(around.filter(|_| counted));
        counted
    }

    /// A turn, or what follows on one that was `taken`, in a region that is made.
    fn poll_made<T>(
        mut self: Pin<&mut Self>,
        taken: Option<Poll<End<F::Output>>>,
        cx: &mut Context<'_>,
        conclude: impl FnOnce(NoValue, &Region) -> T,
    ) -> Poll<Result<F::Output, T>> {
        let this = self.as_mut().project();
        if let Some(member) = this.member.as_ref().filter(|_| stand() != *this.place) {
            let (around, linked) = here();
            Region::move_to(member, around.as_ref(), linked);
            *this.place = stand();
            *this.stage = Stage::Open { linked };
        }
        self.turn_made(taken, cx, conclude)
    }

    /// The same, where it stands.
    fn turn_made<T>(
        self: Pin<&mut Self>,
        taken: Option<Poll<End<F::Output>>>,
        cx: &mut Context<'_>,
        conclude: impl FnOnce(NoValue, &Region) -> T,
    ) -> Poll<Result<F::Output, T>> {
        let this = self.project();
        let stow = &mut InPlace(this.stowed);
        let ended = match taken {
            None => body::poll_region(this.body, this.member, this.seen, stow, cx),
            taken => body::go_on(taken, this.body, this.member, this.seen, stow, cx),
        };
        let Some(ended) = ended else {
            return Poll::Pending;
        };
        let linked = *this.stage == Stage::Open { linked: true };
        let member = this.member.take().expect("a region that ends is made");
        if !*this.asked {
            *this.reason = member.region().reason();
        }
        member.region().forget_runner();
        // Our own request is void where the region around is asked too: that one decides.
        if matches!(ended, Ended::Cancelled) && linked && frame::is_about_to_stop() {
            close(&*member, *this.given);
            *this.stage = Stage::StoppedFromOutside;
            return Poll::Pending;
        }
        *this.linked_at_end = linked;
        *this.stage = Stage::Ended;
        let concluded = value_or(ended).map_err(|ended| conclude(ended, member.region()));
        close(&*member, *this.given);
        Poll::Ready(concluded)
    }
}

/// The region in which one that is not made is counted, until this is dropped.
struct Counted(Option<Arc<dyn Member>>);

impl Counted {
    #[inline]
    fn clear(&mut self) {
        if let Some(around) = self.0.take() {
            around.region().uncount_unmade();
        }
    }
}

impl Drop for Counted {
    #[inline]
    fn drop(&mut self) {
        self.clear();
    }
}

/// The value of an end, or why there is none.
fn value_or<T>(ended: Ended<T>) -> Result<T, NoValue> {
    match ended {
        Ended::Value(value) => Ok(value),
        Ended::Panicked(payload) => Err(NoValue::Panicked(payload)),
        Ended::Cancelled => Err(NoValue::Cancelled),
    }
}

/// The region that runs here, and whether requests of it are those of what is opened in it or moved to it.
fn here() -> (Option<Arc<dyn Member>>, bool) {
    let around = frame::current();
    let linked = around.is_some() && frame::mask() == 0;
    (around, linked)
}

/// Opens a region in the one that runs here. Says whether requests of that one are its own.
fn open_here(member: &Arc<dyn Member>, place: &mut usize) -> bool {
    let (around, linked) = here();
    Region::open(member, around.as_ref(), linked);
    *place = stand();
    linked
}

/// Where this thread runs, and whether below a mask: to compare.
fn stand() -> usize {
    frame::place() | usize::from(frame::mask() > 0)
}

/// Whether the region around this one is asked to stop, or just about to be: those inside are told first.
fn is_asked_around() -> bool {
    frame::look(|around| around.is_some_and(|around| around.region().has(flag::ASKING)))
}

/// Leaves the region around, and reports what has no place in an outcome; a given member does so itself.
fn close(member: &dyn Member, given: bool) {
    let region = member.region();
    debug_assert!(region.has(flag::INLINE), "a root is closed by itself");
    if !given {
        region.report_kept();
    }
    region.set_done();
    region.leave();
}

#[pinned_drop]
impl<F: Future> PinnedDrop for Inline<F> {
    fn drop(mut self: Pin<&mut Self>) {
        if self.member.is_none() {
            if !self.is_running() {
                return;
            }
            if let (Ended::Panicked(payload), _) = self.as_mut().drop_unmade() {
                let region = Region::new(self.plan.location, INLINE);
                region.fail(Phase::Destructor, payload);
                region.give_failures(frame::current().as_deref());
                region.report_kept();
            }
        }
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
