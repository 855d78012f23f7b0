//! The state of one region: who asked it to stop, who is to be woken, what it has on its hands.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;

use once_cell::race::OnceBox;

use super::Member;
use super::aside::{Aside, BoxFuture, Leftovers};
use super::contain::{Payload, contain, drop_contained};
use super::failure::{self, Failure, Phase};
use super::reason::Reason;
use super::watch::Watch;
use crate::runtime::AnyRuntime;

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

#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) name: Option<Cow<'static, str>>,
    reason: Option<Reason>,
    /// The watch over this lineage, and our number in it.
    watch: Option<(Arc<Watch>, u64)>,
    place: Place,
    /// Regions whose requests are ours too: those that were opened inside, unmasked. Dead ones are
    /// swept out when the list is full.
    kids: Vec<Weak<dyn Member>>,
    /// Shields that are open directly inside, and regions that have any.
    shields: usize,
    /// Linked regions that are open directly inside.
    open: usize,
    /// Regions directly inside that are on their way out.
    unwinding: usize,
    /// Deferred clean-ups: newest last.
    cleanups: Vec<BoxFuture>,
    /// Adopted work that the root has not seen yet.
    arrivals: Vec<BoxFuture>,
    /// What the root polls beside the body; out of here while it does.
    aside: Option<Box<Aside>>,
    /// A root's outcome while its clean-ups run.
    pub(crate) stowed: Option<Box<dyn std::any::Any + Send>>,
    pub(crate) failures: Vec<Failure>,
}

/// Where an inline region stands: looked up again at each of its polls.
#[derive(Default)]
struct Place {
    /// The region that it was polled in last.
    up: Option<Arc<dyn Member>>,
    /// Whether requests of the region around it are its own: decided when it came there.
    linked: bool,
    /// Whether it is counted as unwinding in `up`.
    told: bool,
}

impl Rare {
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the root is to do next with the work beside its body.
pub(crate) enum Next {
    /// Poll this.
    Poll(Box<Aside>),
    /// Nothing is left, and the region is closed.
    Closed,
}

impl Region {
    #[inline]
    pub(crate) fn new(location: &'static Location<'static>, flags: u32) -> Self {
        Region {
            state: AtomicU32::new(flags),
            done: AtomicBool::new(false),
            taken: AtomicBool::new(false),
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

    fn clear(&self, flags: u32) {
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
        let mut told = Vec::new();
        while let Some(kid) = todo.pop() {
            if let Some(kid) = kid.upgrade() {
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
        let kids = self.rare_if_any(|rare| std::mem::take(&mut rare.kids));
        drop(runner);
        Some(kids.unwrap_or_default())
    }

    fn finish_ask(&self) {
        let mut runner = self.runner();
        self.set(flag::ASKED);
        let waker = self.take_runner(&mut runner);
        drop(runner);
        self.wake(waker);
    }

    /// Whether a request is to be acted on: there is one, and no shield is open inside.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.state.load(Ordering::Acquire) & (flag::ASKED | flag::SHIELDED) == flag::ASKED
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

    // --- what is open inside, and what it is open in

    /// How many linked regions are open directly inside, and how many are on their way out.
    #[inline]
    pub(crate) fn inside(&self) -> (usize, usize) {
        if !self.has(flag::OPEN) {
            return (0, 0);
        }
        self.rare_if_any(|rare| (rare.open, rare.unwinding))
            .unwrap_or_default()
    }

    /// The region around this one, if it is an inline one.
    pub(crate) fn up(&self) -> Option<Arc<dyn Member>> {
        if !self.has(flag::INLINE) {
            return None;
        }
        self.rare_if_any(|rare| rare.place.up.clone()).flatten()
    }

    /// Opens `kid` in the region `up`. Linked, it is asked whenever `up` is.
    pub(crate) fn open(kid: &Arc<dyn Member>, up: Option<&Arc<dyn Member>>, linked: bool) {
        kid.region().rare(|rare| {
            rare.place.up = up.cloned();
            rare.place.linked = linked;
        });
        if let Some(up) = up.filter(|_| linked) {
            Moved::OPEN.into(up.region());
            up.region().link(kid);
        }
    }

    /// From here on, who asks this region asks `kid` too; at once, if it was asked already.
    fn link(&self, kid: &Arc<dyn Member>) {
        let asked = self.rare(|rare| {
            if rare.kids.len() == rare.kids.capacity() {
                rare.kids.retain(|kid| kid.strong_count() > 0);
            }
            rare.kids.push(Arc::downgrade(kid));
            // Read after the kid is listed: a request finds it there, or it finds the request here.
            fence(Ordering::SeqCst);
            self.has(flag::ASKING)
        });
        if asked {
            kid.region().ask(self.reason().as_ref());
        }
    }

    fn unlink(&self, kid: &Arc<dyn Member>) {
        let kid = Arc::downgrade(kid);
        self.rare(|rare| rare.kids.retain(|other| !Weak::ptr_eq(other, &kid)));
    }

    /// Moves an inline region to where it is polled now, with its shields and counts. Whose requests
    /// are its own is decided again: those of the region around it, if no mask is between.
    pub(crate) fn move_to(me: &Arc<dyn Member>, now: Option<&Arc<dyn Member>>, linked: bool) {
        let (before, out, into) = me.region().rare(|rare| {
            let before = std::mem::replace(&mut rare.place.up, now.cloned());
            let out = Moved::of(rare);
            rare.place.linked = linked;
            (before, out, Moved::of(rare))
        });
        if let Some(before) = before {
            out.out_of(before.region());
            before.region().unlink(me);
        }
        if let Some(now) = now {
            into.into(now.region());
            if linked {
                now.region().link(me);
            }
        }
    }

    /// Leaves the region around: this one has ended.
    pub(crate) fn leave(&self) {
        let (up, moved) = self.rare(|rare| {
            let moved = Moved::of(rare);
            rare.place.told = false;
            (rare.place.up.take(), moved)
        });
        if let Some(up) = up {
            moved.out_of(up.region());
        }
    }

    /// Tells the region around that this one is on its way out, once.
    pub(crate) fn tell(&self) {
        if !self.has(flag::INLINE) {
            return;
        }
        let up = self.rare(|rare| match std::mem::replace(&mut rare.place.told, true) {
            true => None,
            false => rare.place.up.clone(),
        });
        if let Some(up) = up {
            let up = up.region();
            up.rare(|rare| {
                count(&mut rare.unwinding, 1);
                up.set(flag::OPEN);
            });
        }
    }

    fn fewer_inside(&self, open: usize, unwinding: usize) {
        self.rare(|rare| {
            rare.open = rare.open.saturating_sub(open);
            rare.unwinding = rare.unwinding.saturating_sub(unwinding);
            if rare.open == 0 && rare.unwinding == 0 {
                self.clear(flag::OPEN);
            }
        });
        // Where something inside was dropped elsewhere, nobody else would look again.
        if self.has(flag::ASKED) {
            self.wake_runner();
        }
    }

    /// Opens a shield in this region, or closes one. Only the first and the last count further out.
    pub(crate) fn shield(&self, change: Shields) {
        let mut up = self.shield_here(change);
        while let Some(member) = up {
            up = member.region().shield_here(change);
        }
    }

    /// The region around, if it has to be told.
    fn shield_here(&self, change: Shields) -> Option<Arc<dyn Member>> {
        let (edge, up) = self.rare(|rare| {
            let edge = match change {
                Shields::OneMore => {
                    count(&mut rare.shields, 1);
                    self.set(flag::SHIELDED);
                    rare.shields == 1
                }
                Shields::OneLess => {
                    rare.shields = rare.shields.saturating_sub(1);
                    if rare.shields == 0 {
                        self.clear(flag::SHIELDED);
                    }
                    rare.shields == 0
                }
            };
            // In one go with the count: who moves this region meanwhile takes the same count along.
            (edge, rare.place.up.clone().filter(|_| edge))
        });
        if edge && matches!(change, Shields::OneLess) && self.has(flag::ASKED) {
            self.wake_runner();
        }
        up
    }

    /// Plays the part of regions that are open inside.
    #[cfg(test)]
    pub(crate) fn set_inside(&self, open: usize, unwinding: usize) {
        self.set(flag::OPEN);
        self.rare(|rare| (rare.open, rare.unwinding) = (open, unwinding));
    }

    // --- work beside the body

    /// Takes on `work`: it is polled beside the body, masked, and the region does not end before it.
    ///
    /// A region that has ended gives it back.
    pub(crate) fn adopt(&self, work: BoxFuture) -> Result<(), BoxFuture> {
        self.add(work, |rare| &mut rare.arrivals)?;
        self.wake_runner();
        Ok(())
    }

    /// Registers a clean-up, to run when the body is gone, newest first.
    ///
    /// A region that has ended gives it back.
    pub(crate) fn defer(&self, work: BoxFuture) -> Result<(), BoxFuture> {
        self.add(work, |rare| &mut rare.cleanups)
    }

    fn add(
        &self,
        work: BoxFuture,
        list: impl FnOnce(&mut Parts) -> &mut Vec<BoxFuture>,
    ) -> Result<(), BoxFuture> {
        self.rare(|rare| {
            // The flag first, then the list: a root that is about to close sees one or the other.
            if self.state.fetch_or(flag::WORK, Ordering::AcqRel) & flag::CLOSED != 0 {
                return Err(work);
            }
            list(rare).push(work);
            Ok(())
        })
    }

    /// Closes a region that never had any work. Says whether it did.
    #[inline]
    pub(crate) fn close_idle(&self) -> bool {
        let mut state = self.state.load(Ordering::Acquire);
        while state & flag::WORK == 0 {
            match self.state.compare_exchange_weak(
                state,
                state | flag::CLOSED,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Takes out what is to be polled beside the body.
    pub(crate) fn take_aside(&self) -> Option<Box<Aside>> {
        if !self.has(flag::WORK) {
            return None;
        }
        let mut rare = self.rare.get()?.parts();
        if rare.aside.is_none() && rare.arrivals.is_empty() {
            return None;
        }
        let mut aside = rare.aside.take().unwrap_or_default();
        let arrivals = std::mem::take(&mut rare.arrivals);
        drop(rare);
        aside.extend(arrivals);
        Some(aside)
    }

    /// Takes out what is to be polled now that the body is gone: adopted work, and the newest
    /// clean-up once the one before it is over. Closes the region when nothing is left, under the same
    /// lock that new work needs, so that none can slip in.
    pub(crate) fn next_aside(&self, put_back: Option<Box<Aside>>) -> Next {
        let mut rare = self.rare.get_or_init(Box::default).parts();
        let mut aside = put_back.or_else(|| rare.aside.take()).unwrap_or_default();
        let arrivals = std::mem::take(&mut rare.arrivals);
        let cleanup = if aside.is_cleaning() {
            None
        } else {
            rare.cleanups.pop()
        };
        if arrivals.is_empty() && cleanup.is_none() && aside.is_empty() {
            self.set(flag::CLOSED);
            drop(rare);
            // Empty, but it keeps a clone of the waker it was last polled with.
            self.let_go(Some(aside));
            return Next::Closed;
        }
        drop(rare);
        aside.extend(arrivals);
        aside.clean_up(cleanup);
        Next::Poll(aside)
    }

    /// Puts back what was polled. Says whether something arrived meanwhile.
    pub(crate) fn put_aside(&self, aside: Box<Aside>) -> bool {
        self.rare(|rare| {
            rare.aside = Some(aside);
            !rare.arrivals.is_empty()
        })
    }

    /// Closes a region that cannot run its work any more, and gives out what is left.
    pub(crate) fn close_with_leftovers(&self) -> Leftovers {
        let mut left = Leftovers::default();
        if self.close_idle() {
            return left;
        }
        let mut rare = self.rare.get_or_init(Box::default).parts();
        self.set(flag::CLOSED);
        left.cleanups = std::mem::take(&mut rare.cleanups);
        left.adopted = std::mem::take(&mut rare.arrivals);
        let aside = rare.aside.take();
        drop(rare);
        if let Some(aside) = aside {
            aside.leftovers(&mut left);
        }
        left
    }

    // --- failures

    /// Makes a failure of this task.
    pub(crate) fn failure(&self, phase: Phase, payload: Option<Payload>) -> Failure {
        Failure::new(phase, self.name(), self.location, payload)
    }

    /// Keeps a failure for the outcome.
    pub(crate) fn fail(&self, phase: Phase, payload: Payload) {
        let failure = self.failure(phase, Some(payload));
        self.rare(|rare| rare.failures.push(failure));
    }

    #[inline]
    pub(crate) fn take_failures(&self) -> Vec<Failure> {
        self.rare_if_any(|rare| std::mem::take(&mut rare.failures))
            .unwrap_or_default()
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

/// One shield more or less.
#[derive(Clone, Copy)]
pub(crate) enum Shields {
    OneMore,
    OneLess,
}

/// What an inline region counts for in the one around it.
#[derive(Clone, Copy)]
struct Moved {
    open: usize,
    unwinding: usize,
    shielded: bool,
}

impl Moved {
    /// A linked region that has just been opened.
    const OPEN: Moved = Moved {
        open: 1,
        unwinding: 0,
        shielded: false,
    };

    fn of(rare: &Parts) -> Self {
        Moved {
            open: usize::from(rare.place.linked),
            unwinding: usize::from(rare.place.told),
            shielded: rare.shields > 0,
        }
    }

    fn out_of(self, region: &Region) {
        if self.shielded {
            region.shield(Shields::OneLess);
        }
        if self.open + self.unwinding > 0 {
            region.fewer_inside(self.open, self.unwinding);
        }
    }

    fn into(self, region: &Region) {
        if self.shielded {
            region.shield(Shields::OneMore);
        }
        if self.open + self.unwinding > 0 {
            region.rare(|rare| {
                count(&mut rare.open, self.open);
                count(&mut rare.unwinding, self.unwinding);
                region.set(flag::OPEN);
            });
        }
    }
}

fn count(counter: &mut usize, more: usize) {
    *counter = counter.saturating_add(more);
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
