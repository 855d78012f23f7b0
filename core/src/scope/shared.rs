//! What a scope, its handles and its children share: one allocation.

use std::any::Any;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, PoisonError, Weak};

use super::child_error::ChildError;
use super::current::AnyScope;
use super::error_group::ErrorGroup;
use super::limit::Limit;
use super::policy::{OnError, Verdict};
use super::scope_error::Stop;
use super::waiters::Waiters;
use crate::region::Phase;
use crate::region::contain::contain;
use crate::region::failure::report;
use crate::region::state::flag;
use crate::region::{BoxFuture, INLINE, Leftovers, Member, Reason, Region, defer_outwards, frame};
use crate::runtime::{AnyRuntime, Spawn, Timer, are_same};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sync::{Mutex, MutexGuard};
use crate::task::spawn_orphans;

/// The reasons that a scope gives when it stops its children by itself.
pub(super) mod why {
    use crate::region::Reason;

    pub(in crate::scope) const FAILED: Reason = Reason::fixed("another child of the scope failed");
    pub(in crate::scope) const BODY_FAILED: Reason = Reason::fixed("the body of the scope failed");
    pub(in crate::scope) const BODY_ENDED: Reason =
        Reason::fixed("the body of the scope has ended");
    pub(in crate::scope) const ELAPSED: Reason = Reason::fixed("the scope ran out of time");
    pub(in crate::scope) const DROPPED: Reason = Reason::fixed("the scope was dropped");
}

/// The state of one scope. Its region is that of the body; the children are asked through it.
pub(super) struct Shared<R, E> {
    pub(super) region: Region,
    pub(super) rt: R,
    pub(super) rules: Rules<E>,
    /// Children that are not gone. The first and the last hold the region open and let it go.
    live: AtomicUsize,
    spawned: AtomicUsize,
    failed: AtomicUsize,
    /// How many of those that are done `next` has told of.
    pub(super) seen: AtomicUsize,
    /// How many children that were listed in the region to be asked are gone: see [`Shared::ended`].
    unlisted: AtomicUsize,
    /// A child was stopped because the scope was: the scope has no value.
    cut: AtomicBool,
    /// Children with a lower index than this were asked to stop, and why. The number is outside the lock
    /// too, as every child looks at it.
    asked_below: AtomicUsize,
    asked_why: Mutex<Option<Reason>>,
    stop: Mutex<Option<Stop>>,
    errors: Mutex<Option<ErrorGroup<E>>>,
    ends: Mutex<VecDeque<usize>>,
    pub(super) limit: Option<Limit<R>>,
    pub(super) waiters: Waiters,
    me: Weak<Shared<R, E>>,
}

/// What was said about a scope before it was opened.
pub(super) struct Rules<E> {
    pub(super) on_error: OnError<E>,
    pub(super) cancel_on_exit: bool,
    pub(super) errors_kept: usize,
    /// Children are remembered when they have ended, for who looks at them in that order.
    pub(super) remember_ends: bool,
}

impl<E> Default for Rules<E> {
    fn default() -> Self {
        Rules {
            on_error: OnError::FailFast,
            cancel_on_exit: false,
            errors_kept: 1_000,
            remember_ends: false,
        }
    }
}

/// Who tells a scope of an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Teller {
    Child,
    Body,
}

impl<R: Spawn + Timer, E: Send + 'static> Shared<R, E> {
    pub(super) fn new(
        rt: R,
        rules: Rules<E>,
        limit: Option<usize>,
        name: Option<Cow<'static, str>>,
        location: &'static Location<'static>,
    ) -> Arc<Self> {
        let shared = Arc::new_cyclic(|me| Shared {
            region: Region::new(location, INLINE | flag::SCOPE),
            rt,
            rules,
            live: AtomicUsize::new(0),
            spawned: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            seen: AtomicUsize::new(0),
            unlisted: AtomicUsize::new(0),
            cut: AtomicBool::new(false),
            asked_below: AtomicUsize::new(0),
            asked_why: Mutex::new(None),
            stop: Mutex::new(None),
            errors: Mutex::new(None),
            ends: Mutex::default(),
            limit: limit.map(Limit::new),
            waiters: Waiters::default(),
            me: Weak::clone(me),
        });
        shared.region.dress(name, None);
        shared
    }

    fn errors(&self) -> MutexGuard<'_, Option<ErrorGroup<E>>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given_stop(&self) -> MutexGuard<'_, Option<Stop>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    pub(super) fn done(&self) -> usize {
        // Who is let in is counted among the living first.
        let spawned = self.spawned.load(Ordering::SeqCst);
        spawned.saturating_sub(self.live())
    }

    pub(super) fn failed(&self) -> usize {
        self.failed.load(Ordering::SeqCst)
    }

    pub(super) fn spawned(&self) -> usize {
        self.spawned.load(Ordering::Acquire)
    }

    pub(super) fn is_asked(&self) -> bool {
        self.region.has(flag::ASKING)
    }

    /// Whether it lets no more children in.
    pub(super) fn is_closed(&self) -> bool {
        self.is_asked() || self.region.is_done()
    }

    /// Lets a child in; gives its index. Refused once the scope is asked to stop, or has ended.
    pub(super) fn admit(&self) -> Option<usize> {
        if self.is_closed() {
            return None;
        }
        let more = |live: usize| (live > 0).then_some(live + 1);
        let lives = self
            .live
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        if lives.is_err() {
            // Held before it is counted: who finds it counted relies on that.
            if !self.region.hold() {
                return None;
            }
            if self.live.fetch_add(1, Ordering::AcqRel) > 0 {
                self.region.release();
            }
        }
        Some(self.spawned.fetch_add(1, Ordering::Relaxed))
    }

    /// The child that ended first of those that nobody has asked for.
    pub(super) fn next_ended(&self) -> Option<usize> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.pop_front()
    }

    /// A child is gone.
    pub(super) fn ended(&self, child: &Region, index: usize) {
        if self.rules.remember_ends {
            let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            ends.push_back(index);
        }
        // The list of who is to be asked holds the memory of those that are gone: at most half of it. Once
        // they have been asked they go soon, and the list with them.
        if !child.has(flag::UNLISTED) && !self.is_asked() {
            let gone = self.unlisted.fetch_add(1, Ordering::Relaxed) + 1;
            if gone >= 64 && self.region.sweep(gone) {
                self.unlisted.store(0, Ordering::Relaxed);
            }
        }
        // Before there is room for another: never more live than may run and wait. Those that wait are live,
        // so the last one makes room for nobody.
        let last = self.live.fetch_sub(1, Ordering::SeqCst) == 1;
        if let Some(limit) = &self.limit {
            limit.ended(self);
        }
        if last {
            self.region.release();
        }
        self.waiters.wake();
    }

    // --- errors

    /// Takes the error of a child or of the body, and decides what becomes of the others.
    pub(super) fn tell(&self, error: ChildError<E>, teller: Teller) {
        self.failed.fetch_add(1, Ordering::SeqCst);
        self.waiters.wake();
        let verdict = match (&self.rules.on_error, teller) {
            (OnError::FailFast, _) => Verdict::Stop,
            (OnError::Collect, _) => Verdict::Keep,
            (OnError::Supervise(_) | OnError::Report, Teller::Body) => Verdict::Stop,
            (OnError::Report, Teller::Child) => {
                // That a runtime ends is no failure of what ran there.
                if !error.is_lost() || !error.failures().is_empty() {
                    error.into_failures().iter().for_each(report);
                }
                return;
            }
            (OnError::Supervise(handler), Teller::Child) => match contain(|| handler(&error)) {
                Ok(verdict) => verdict,
                Err(payload) => {
                    // Who is to say what becomes of the error cannot: nobody else is harmed.
                    self.region.report(Phase::Callback, Some(payload));
                    error.into_failures().iter().for_each(report);
                    return;
                }
            },
        };
        match verdict {
            Verdict::Continue => return,
            Verdict::Keep | Verdict::Stop => self.keep(error),
        }
        if verdict == Verdict::Stop {
            let reason = match teller {
                Teller::Child => why::FAILED,
                Teller::Body => why::BODY_FAILED,
            };
            self.region.ask(Some(&reason));
        }
    }

    fn keep(&self, error: ChildError<E>) {
        let refused = {
            let mut errors = self.errors();
            match &mut *errors {
                Some(group) => group.keep(error, self.rules.errors_kept),
                none => {
                    *none = Some(ErrorGroup::new(error));
                    None
                }
            }
        };
        if let Some(refused) = refused {
            refused.into_failures().iter().for_each(report);
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors().is_some()
    }

    pub(super) fn take_errors(&self) -> Option<ErrorGroup<E>> {
        self.errors().take()
    }

    // --- requests

    /// Asks the whole scope to stop: what it gives then is this.
    pub(super) fn stop(&self, stop: Stop) {
        if self.region.is_done() {
            return;
        }
        let reason = match &stop {
            Stop::Elapsed => Some(why::ELAPSED),
            Stop::Cancelled(reason) => reason.clone(),
        };
        // A request that was made before stays the one that is shown.
        if !self.is_asked() {
            self.given_stop().get_or_insert(stop);
        }
        self.region.ask(reason.as_ref());
        self.waiters.wake();
    }

    /// Kills the whole scope.
    pub(super) fn kill(&self, reason: &Reason) {
        if self.region.is_done() {
            return;
        }
        if !self.is_asked() {
            let stop = Stop::Cancelled(Some(reason.clone()));
            self.given_stop().get_or_insert(stop);
        }
        self.region.kill(Some(reason));
        self.waiters.wake();
    }

    pub(super) fn take_stop(&self) -> Option<Stop> {
        self.given_stop().take()
    }

    /// Gives everything that failed to the region that runs here; to the hook, where there is none.
    ///
    /// For a scope that gives nothing itself.
    pub(super) fn give_errors(&self) {
        let errors = self.take_errors();
        // That a child was lost is no news where its scope is too: and there may be very many.
        let is_news = |error: &ChildError<E>| !error.is_lost() || !error.failures().is_empty();
        let errors = errors.into_iter().flatten().filter(is_news);
        let failures = errors.flat_map(ChildError::into_failures);
        let failures = failures.chain(self.region.take_failures());
        match frame::current() {
            Some(around) => failures.for_each(|failure| around.region().keep(failure)),
            None => failures.for_each(|failure| report(&failure)),
        }
    }

    /// Asks those that are children now, and nobody else.
    pub(super) fn cancel_children(&self, reason: &Reason) {
        *self.asked_why() = Some(reason.clone());
        let below = self.spawned();
        self.asked_below.fetch_max(below, Ordering::SeqCst);
        // Either a child that is listed just now is found below, or it finds the number.
        fence(Ordering::SeqCst);
        self.region.ask_children(reason);
        if let Some(limit) = &self.limit {
            limit.start_below(self, below);
        }
    }

    fn asked_why(&self) -> MutexGuard<'_, Option<Reason>> {
        self.asked_why
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all that were children when there were no more than this were asked to stop, and why.
    pub(super) fn child_is_asked(&self, index: usize) -> Option<Reason> {
        let asked = index < self.asked_below.load(Ordering::SeqCst);
        asked.then(|| self.asked_why().clone()).flatten()
    }

    /// Registers a clean-up to run when the children are gone.
    pub(super) fn defer(&self, cleanup: BoxFuture) {
        if let Err(cleanup) = self.region.defer_after_children(cleanup) {
            // The scope ended meanwhile: who is around takes it, as of any region that has.
            if let Some(me) = self.me.upgrade() {
                let me: Arc<dyn Member> = me;
                defer_outwards(&me, cleanup);
            }
        }
    }

    pub(super) fn describe(&self, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(what)
            .field("name", &self.region.name())
            .field("location", &format_args!("{}", self.region.location()))
            .field("live", &self.live())
            .field("asked_to_stop", &self.is_asked())
            .finish_non_exhaustive()
    }

    /// A child was stopped, or not let in. It is cut if that was because of the scope, not by itself.
    pub(super) fn child_stopped(&self) {
        if self.is_asked() {
            self.cut.store(true, Ordering::Release);
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    pub(super) fn reason(&self) -> Option<Reason> {
        self.region.reason()
    }
}

impl<R: Spawn + Timer, E: Send + 'static> Member for Shared<R, E> {
    fn region(&self) -> &Region {
        &self.region
    }

    /// Also in code that runs in no task of ours, where only the scope knows one.
    fn erase_runtime(&self) -> Option<AnyRuntime> {
        Some(AnyRuntime::new(self.rt.clone()))
    }

    fn runs_on(&self, handle: &dyn Any) -> Option<bool> {
        Some(are_same(&self.rt, handle))
    }

    fn publish(&self, _: &mut dyn Any) {}

    fn spawn_orphans(&self, from: &Region, left: Leftovers) -> Result<(), Leftovers> {
        spawn_orphans(&self.rt, from, left);
        Ok(())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn handle(&self) -> Option<Box<dyn Any>> {
        let me = self.me.upgrade()?;
        Some(Box::new(AnyScope::of(me)))
    }

    /// Dropped half-way, the scope gives its errors to who dropped it.
    fn settle(&self) {
        self.give_errors();
        self.waiters.wake();
    }
}
