//! The state of one region: who asked it to stop, who is to be woken, what it has on its hands.

mod context;
mod kill;
mod place;
mod timer;
mod work;

use std::borrow::Cow;
use std::panic::Location;
use std::sync::{Arc, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use crate::context::Chain;
use crate::region::Member;
use crate::region::aside::{Aside, BoxFuture};
use crate::region::contain::{Payload, contain, drop_contained};
use crate::region::failure::{self, Failure, Phase};
use crate::region::reason::Reason;
use crate::region::watch::Watch;
use crate::region::work::Work;
use crate::runtime::{AnyRuntime, AnySleep, Instant, KnownAs};
use crate::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicUsize, Ordering, fence};
use crate::sync::{Mutex, MutexGuard, OnceBox, OnceLock};

use place::Place;
pub(crate) use place::Shields;
pub(crate) use work::Next;

/// A stretch of a task that is cancelled and cleaned up as a unit.
///
/// Stands by value in the task's cell, which is allocated once for each spawn: each 16 bytes here cost
/// some 40 ns a spawn, so whatever most tasks never need is in [`Rare`], behind one box that is made
/// when it is first needed.
pub(crate) struct Region {
    state: AtomicU32,
    /// The outcome is published. No flag of `state`, because only the root writes it: a plain store.
    done: AtomicBool,
    /// The handle has taken the outcome. Only the handle reads and writes it.
    taken: AtomicBool,
    /// How many linked regions are open directly inside and not made: there is nothing of them to tell,
    /// but they are polled once more before the body around them is dropped.
    unmade: AtomicU16,
    location: &'static Location<'static>,
    /// The half of [`Seen`] for which the root has no room. Only the root reads and writes it.
    seen_vtable: AtomicUsize,
    /// The waker of the root, to be woken by a request.
    runner: Mutex<Option<Waker>>,
    /// One word, where the standard library's lock around a box would be two.
    rare: OnceBox<Rare>,
}

/// The flags of [`Region::state`].
pub(crate) mod flag {
    /// Somebody asked the region to stop, and everything inside it has been told.
    pub(crate) const ASKED: u32 = 1;
    /// Somebody asked the region to stop. Who is linked from here on is born asked.
    pub(crate) const ASKING: u32 = 1 << 1;
    /// `Region::runner` holds the waker of the root. Whoever takes it out clears this.
    pub(crate) const RUNNER: u32 = 1 << 2;
    /// The rare part has work that the root must look at when it is polled.
    pub(crate) const WORK: u32 = 1 << 3;
    /// The region has ended and takes no more work.
    pub(crate) const CLOSED: u32 = 1 << 4;
    /// The handle is gone, so the outcome has no receiver.
    pub(crate) const NO_HANDLE: u32 = 1 << 5;
    /// The rare part has bindings that the task has inherited.
    pub(crate) const CONTEXT: u32 = 1 << 6;
    /// Somebody killed the region: nothing of it runs any more, it only waits for its children.
    pub(crate) const KILLED: u32 = 1 << 22;
    /// The task is a blocking job: dropping its handle does not ask it to stop.
    pub(crate) const JOB: u32 = 1 << 7;
    /// The rare part has something that child tasks inherit.
    pub(crate) const INHERITED: u32 = 1 << 8;
    /// The task runs what another left. What it leaves itself is lost: no endless respawn.
    pub(crate) const ORPHANS: u32 = 1 << 9;
    /// A shield is open inside: a request is not due.
    pub(crate) const SHIELDED: u32 = 1 << 10;
    /// A linked region is open inside, or one is unwinding.
    pub(crate) const OPEN: u32 = 1 << 11;
    /// A region inside a task, not the root of one.
    pub(crate) const INLINE: u32 = 1 << 12;
    /// A child that is not in its scope's list of those to be asked.
    pub(crate) const UNLISTED: u32 = 1 << 13;
    /// A scope has children that live: it does not end before them.
    pub(crate) const CHILDREN: u32 = 1 << 14;
    /// The root waits for the last child, and for nothing that would wake it otherwise.
    pub(crate) const WAITING: u32 = 1 << 15;
    /// A region around has something that child tasks inherit.
    pub(crate) const INHERITED_AROUND: u32 = 1 << 21;
    /// The region is that of a scope.
    pub(crate) const SCOPE: u32 = 1 << 17;
    /// A child that waits for its turn, as its scope has a limit.
    pub(crate) const QUEUED: u32 = 1 << 16;
    /// The clock of the clean-up deadline runs.
    pub(crate) const TIMED: u32 = 1 << 18;
    /// Something in this task, or in a child below, waits for a task whose handle it dropped.
    pub(crate) const DRAINS: u32 = 1 << 19;
    /// A job or a root that somebody further out waits for on another thread, or in a poll that blocks.
    pub(crate) const BENEATH: u32 = 1 << 25;
    /// A root made in place, inside another task.
    pub(crate) const IN_PLACE: u32 = 1 << 20;

    /// A task that has begun where it was spawned, inside another: for that long, it is nobody's part.
    pub(crate) const EAGER: u32 = 1 << 23;
    /// A child that is polled for the first time, where it is spawned.
    pub(crate) const BEGINS: u32 = 1 << 24;

    /// The body has given its value, and clean-ups run after it.
    pub(crate) const GAVE: u32 = 1 << 26;
    /// The body has panicked, and clean-ups run after it.
    pub(crate) const PANICKED: u32 = 1 << 27;

    // Each is a bit of its own.
    const _: () = {
        let all = [
            ASKED,
            ASKING,
            RUNNER,
            WORK,
            CLOSED,
            NO_HANDLE,
            CONTEXT,
            KILLED,
            JOB,
            INHERITED,
            ORPHANS,
            SHIELDED,
            OPEN,
            INLINE,
            UNLISTED,
            CHILDREN,
            WAITING,
            INHERITED_AROUND,
            SCOPE,
            QUEUED,
            TIMED,
            DRAINS,
            IN_PLACE,
            BENEATH,
            GAVE,
            PANICKED,
            EAGER,
            BEGINS,
        ];
        let (mut at, mut seen) = (0, 0);
        while at < all.len() {
            assert!(seen & all[at] == 0, "two flags are one");
            seen |= all[at];
            at += 1;
        }
    };
}

/// Everything that most tasks never have. Made when it is first needed, and then kept: to see that
/// there is none takes no lock.
#[derive(Default)]
struct Rare {
    /// Outside the lock, so that looking it up again and again is cheap.
    runtime: OnceLock<AnyRuntime>,
    /// Locked alone or while `Region::runner` is, never the other way round.
    parts: Mutex<Parts>,
}

/// A clean-up, and what says that it is over before its time.
type CleanUp = (BoxFuture, Option<Arc<AtomicBool>>);

#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) name: Option<Cow<'static, str>>,
    reason: Option<Reason>,
    /// The watch over this lineage, and our number in it.
    watch: Option<(Arc<Watch>, u64)>,
    /// What was bound where the task was started.
    context: Chain,
    place: Place,
    /// Who is asked when we are: regions opened inside, unmasked; the children of a scope. Dead ones
    /// are swept out when the list is full.
    kids: Vec<Weak<dyn Member>>,
    /// Shields that are open directly inside, and regions that have any.
    shields: usize,
    /// Linked regions that are open directly inside.
    open: usize,
    /// Regions directly inside that are on their way out.
    unwinding: usize,
    /// Deferred clean-ups: newest last.
    cleanups: Vec<CleanUp>,
    /// Those of a scope, to run when its children are gone: newest last.
    scope_cleanups: Vec<BoxFuture>,
    /// How often `CHILDREN` is held: a last child and a next one may overlap.
    holds: usize,
    /// Adopted work that the root has not seen yet.
    arrivals: Vec<Work>,
    /// What the root polls beside the body; out of here while it does.
    aside: Option<Box<Aside>>,
    /// A root's outcome while its clean-ups run.
    pub(crate) stowed: Option<Box<dyn std::any::Any + Send>>,
    pub(crate) failures: Vec<Failure>,
    /// Where somebody waits for this job or root.
    beneath: Option<Weak<dyn Member>>,
    /// How often `DRAINS` is held.
    pub(crate) drains: usize,
    /// When its owner stops it, if it has said so.
    deadline: Option<Instant>,
    /// The clean-up deadline that was said of this region.
    cleanup_limit: Option<Duration>,
    /// The clock that says when it passes.
    timer: Option<AnySleep>,
}

impl Rare {
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Region {
    #[inline]
    pub(crate) fn new(location: &'static Location<'static>, flags: u32) -> Self {
        Region {
            state: AtomicU32::new(flags),
            done: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            unmade: AtomicU16::new(0),
            location,
            seen_vtable: AtomicUsize::new(0),
            runner: Mutex::new(None),
            rare: OnceBox::new(),
        }
    }

    /// Gives a new region a name and the watch it inherits.
    #[inline]
    pub(crate) fn dress(&self, name: Option<Cow<'static, str>>, watch: Option<Arc<Watch>>) {
        if name.is_some() || watch.is_some() {
            self.put_on(name, watch);
        }
    }

    fn put_on(&self, name: Option<Cow<'static, str>>, watch: Option<Arc<Watch>>) {
        if watch.is_some() {
            self.set(flag::INHERITED);
        }
        let watch = watch.map(|watch| {
            let id = watch.started(name.clone(), self.location);
            (watch, id)
        });
        self.rare(|rare| {
            rare.name = name;
            rare.watch = watch;
        });
    }

    fn runner(&self) -> MutexGuard<'_, Option<Waker>> {
        self.runner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the rare part, which it makes if need be. Never runs foreign code.
    pub(crate) fn rare<T>(&self, f: impl FnOnce(&mut Parts) -> T) -> T {
        f(&mut self.rare.get_or_init(Box::default).parts())
    }

    /// Works on the rare part if there is one. Never runs foreign code.
    #[inline]
    fn rare_if_any<T>(&self, f: impl FnOnce(&mut Parts) -> T) -> Option<T> {
        Some(f(&mut self.rare.get()?.parts()))
    }

    // --- what it is

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    pub(crate) fn name(&self) -> Option<Cow<'static, str>> {
        self.rare_if_any(|rare| rare.name.clone()).flatten()
    }

    /// Who it is, for a runtime's reports.
    pub(crate) fn known_as(&self) -> KnownAs {
        KnownAs {
            name: self.name(),
            place: self.location,
        }
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        self.rare_if_any(|rare| rare.reason.clone()).flatten()
    }

    #[inline]
    pub(crate) fn has(&self, flags: u32) -> bool {
        self.state.load(Ordering::Acquire) & flags != 0
    }

    #[inline]
    pub(crate) fn set(&self, flags: u32) {
        self.state.fetch_or(flags, Ordering::AcqRel);
    }

    pub(crate) fn clear(&self, flags: u32) {
        self.state.fetch_and(!flags, Ordering::AcqRel);
    }

    /// Whether the outcome is published.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Called by the root, once the outcome is in its place.
    #[inline]
    pub(crate) fn set_done(&self) {
        self.done.store(true, Ordering::Release);
    }

    /// Whether the handle has taken the outcome.
    #[inline]
    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }

    /// Called by the handle.
    #[inline]
    pub(crate) fn set_taken(&self) {
        self.taken.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn erased_runtime(&self) -> Option<AnyRuntime> {
        self.rare.get()?.runtime.get().cloned()
    }

    pub(crate) fn keep_erased_runtime(&self, rt: AnyRuntime) {
        // Where another thread was faster, its is kept and ours dropped: they are alike.
        let _ = self.rare.get_or_init(Box::default).runtime.set(rt);
    }

    /// When its owner stops it, for who asks inside how much time is left.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.rare_if_any(|rare| rare.deadline).flatten()
    }

    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) {
        self.rare(|rare| rare.deadline = deadline);
    }

    /// The watch that child tasks inherit.
    #[inline]
    pub(crate) fn watch(&self) -> Option<Arc<Watch>> {
        if !self.has(flag::INHERITED) {
            return None;
        }
        self.rare_if_any(|rare| rare.watch.as_ref().map(|(watch, _)| Arc::clone(watch)))
            .flatten()
    }

    /// Tells the watch that the task is over.
    ///
    /// The watch stays: an outcome that is dropped unseen later is still for it to know.
    #[inline]
    pub(crate) fn unwatch(&self) {
        if self.has(flag::INHERITED) {
            self.end_watch();
        }
    }

    fn end_watch(&self) {
        let watch = self.rare_if_any(|rare| rare.watch.clone()).flatten();
        if let Some((watch, id)) = watch {
            watch.ended(id);
        }
    }

    // --- requests and wakers

    /// Asks the region to stop, and all that are linked to it. Only the first reason is kept.
    ///
    /// Those inside are told first: when a root acts on a request, what is open in it acts too. A second
    /// caller may return before the first has told them all.
    pub(crate) fn ask(&self, reason: Option<&Reason>) {
        let Some(mut todo) = self.begin_ask(reason) else {
            return;
        };
        // A loop and not a recursion: regions may be nested deeper than a stack is.
        let mut told = Vec::with_capacity(todo.len());
        while let Some(kid) = todo.pop() {
            if let Some(kid) = kid.upgrade() {
                // A child of a scope looks its reason up there, if it is ever asked for.
                let reason = reason.filter(|_| kid.scope_region().is_none());
                if let Some(below) = kid.region().begin_ask(reason) {
                    todo.extend(below);
                    told.push(kid);
                }
            }
        }
        for kid in told.into_iter().rev() {
            kid.region().finish_ask();
        }
        self.finish_ask();
    }

    /// Marks the region as asked, and gives out who is linked to it. Nothing if it was asked before.
    fn begin_ask(&self, reason: Option<&Reason>) -> Option<Vec<Weak<dyn Member>>> {
        if self.is_done() || self.has(flag::ASKING) {
            return None;
        }
        // Under the lock, so that the reason shown is that of the request that took effect.
        let runner = self.runner();
        if self.is_done() || self.has(flag::ASKING) {
            return None;
        }
        if let Some(reason) = reason {
            self.rare(|rare| rare.reason = Some(reason.clone()));
        }
        self.set(flag::ASKING);
        // Against `open`: one of the two sees what the other has done, even if the rare part is only
        // just being made.
        fence(Ordering::SeqCst);
        // Cloned: a kill may come later, and must find them.
        let kids = self.rare_if_any(|rare| rare.kids.clone());
        drop(runner);
        Some(kids.unwrap_or_default())
    }

    /// Asks the children of a scope that are listed, and neither the region itself nor what is open in it.
    pub(crate) fn ask_children(&self, reason: &Reason) {
        let kids = self.rare_if_any(|rare| rare.kids.clone());
        for kid in kids.into_iter().flatten() {
            if let Some(kid) = kid.upgrade().filter(|kid| !kid.region().has(flag::INLINE)) {
                kid.region().ask(Some(reason));
            }
        }
    }

    fn finish_ask(&self) {
        let waker = {
            let mut runner = self.runner();
            let waker = runner.take();
            let _ = self
                .state
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
                    // In one go: a root that is about to register waits for the lock, and sees the request
                    // then; and a scope may have very many children.
                    Some((state | flag::ASKED) & !flag::RUNNER)
                });
            waker
        };
        self.wake(waker);
    }

    /// Whether a request is to be acted on: there is one, and no shield is open inside, or it is a kill.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        let state = self.state.load(Ordering::Acquire);
        state & flag::ASKED != 0 && state & (flag::SHIELDED | flag::KILLED) != flag::SHIELDED
    }

    /// Wakes the root.
    pub(crate) fn wake_runner(&self) {
        let waker = self.take_runner(&mut self.runner());
        self.wake(waker);
    }

    /// Takes the waker out rather than cloning it: a clone is foreign code, and we hold the lock.
    /// The root sees that the flag is gone and registers again at its next `Pending`.
    fn take_runner(&self, runner: &mut Option<Waker>) -> Option<Waker> {
        let waker = runner.take();
        if waker.is_some() {
            self.state.fetch_and(!flag::RUNNER, Ordering::AcqRel);
        }
        waker
    }

    /// Wakes a waker outside all locks; its panic has no receiver.
    pub(crate) fn wake(&self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            if let Err(payload) = contain(|| waker.wake()) {
                self.report(Phase::Waker, Some(payload));
            }
        }
    }

    /// Registers the waker of the root, unless `seen` says that it is the one already there.
    ///
    /// Must come before the request is read for the last time: a request that comes earlier is seen
    /// there, one that comes later finds this waker.
    pub(crate) fn register(&self, waker: &Waker, seen: &mut Seen) {
        if self.has(flag::RUNNER) && self.saw(waker, *seen) {
            return;
        }
        let new = waker.clone();
        *seen = Seen(new.data().addr());
        self.seen_vtable.store(vtable(&new), Ordering::Relaxed);
        let mut runner = self.runner();
        let old = runner.replace(new);
        self.set(flag::RUNNER);
        drop(runner);
        self.let_go(old);
    }

    /// Whether a root whose body is pending has nothing else to do: its waker is registered, nobody
    /// has asked it to stop, there is no work beside the body.
    ///
    /// One look at all flags is enough: a request made after it finds the waker, because the flag says
    /// that nobody has taken it out.
    #[inline]
    pub(crate) fn rests(&self, waker: &Waker, seen: Seen) -> bool {
        let state = self.state.load(Ordering::Acquire);
        state & (flag::RUNNER | flag::ASKED | flag::WORK) == flag::RUNNER && self.saw(waker, seen)
    }

    /// Whether `waker` is the one that was registered last.
    #[inline]
    fn saw(&self, waker: &Waker, seen: Seen) -> bool {
        seen.0 == waker.data().addr() && self.seen_vtable.load(Ordering::Relaxed) == vtable(waker)
    }

    /// Forgets the waker: one that outlives its task would keep the task's memory.
    #[inline]
    pub(crate) fn forget_runner(&self) {
        if self.has(flag::RUNNER) {
            self.drop_runner();
        }
    }

    fn drop_runner(&self) {
        let waker = self.take_runner(&mut self.runner());
        self.let_go(waker);
    }

    /// Drops a waker, or what holds one, outside all locks; its panic has no receiver.
    #[inline]
    pub(crate) fn let_go<W>(&self, waker: Option<W>) {
        if waker.is_some() {
            if let Err(payload) = drop_contained(waker) {
                self.report(Phase::Waker, Some(payload));
            }
        }
    }

    // --- failures

    /// Makes a failure of this task.
    pub(crate) fn failure(&self, phase: Phase, payload: Option<Payload>) -> Failure {
        let failure = Failure::new(phase, self.name(), self.location, payload);
        match self.has(flag::INLINE) {
            true => failure.of_region(),
            false => failure,
        }
    }

    /// Keeps a failure for the outcome.
    pub(crate) fn fail(&self, phase: Phase, payload: Payload) {
        let failure = self.failure(phase, Some(payload));
        self.rare(|rare| rare.failures.push(failure));
    }

    /// Keeps for the outcome what failed further in.
    pub(crate) fn keep(&self, failure: Failure) {
        self.rare(|rare| rare.failures.push(failure));
    }

    #[inline]
    pub(crate) fn take_failures(&self) -> Vec<Failure> {
        self.rare_if_any(|rare| std::mem::take(&mut rare.failures))
            .unwrap_or_default()
    }

    /// Gives what was kept to the region around, if that is on its way to an outcome.
    ///
    /// One that runs on would keep them for as long, and there may be many.
    pub(crate) fn give_failures(&self, around: Option<&dyn Member>) {
        let ends = |around: &&dyn Member| {
            around.region().has(flag::ASKED) && !around.region().has(flag::CLOSED)
        };
        if let Some(around) = around.filter(ends) {
            for failure in self.take_failures() {
                around.region().keep(failure);
            }
        }
    }

    /// Reports what was kept for an outcome that has no place for it.
    #[inline]
    pub(crate) fn report_kept(&self) {
        if self.rare.get().is_some() {
            for failure in self.take_failures() {
                self.report_failure(&failure);
            }
        }
    }

    /// Reports what has no receiver.
    pub(crate) fn report(&self, phase: Phase, payload: Option<Payload>) {
        self.report_failure(&self.failure(phase, payload));
    }

    pub(crate) fn report_failure(&self, failure: &Failure) {
        if let Some(watch) = self.watch() {
            watch.unseen(failure);
        }
        failure::report(failure);
    }
}

/// Which waker was registered last: the data word of the two that `will_wake` compares. The other is
/// in the region, because the root may be only 32 bytes larger than its body.
///
/// Words and not a clone: as long as the region's flag says that the waker is still there, they are
/// those of a live waker, and where it is not, the root registers anew.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen(usize);

#[inline]
fn vtable(waker: &Waker) -> usize {
    std::ptr::from_ref(waker.vtable()).addr()
}
