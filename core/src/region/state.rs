//! The state of one region: who asked it to stop, who is to be woken, what it has on its hands.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use once_cell::race::OnceBox;

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
    /// Somebody asked the region to stop.
    pub(crate) const ASKED: u32 = 1;
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
    /// Linked regions and scopes that are open directly inside.
    open: usize,
    /// Those of them that are on their way out.
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

    /// Asks the region to stop. Only the first reason is kept.
    pub(crate) fn ask(&self, reason: Option<Reason>) {
        if self.is_done() || self.has(flag::ASKED) {
            return;
        }
        let mut runner = self.runner();
        if self.is_done() || self.has(flag::ASKED) {
            return;
        }
        if reason.is_some() {
            self.rare(|rare| rare.reason = reason);
        }
        // Under the lock, so that the reason shown is that of the request that took effect.
        self.set(flag::ASKED);
        let waker = self.take_runner(&mut runner);
        drop(runner);
        self.wake(waker);
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

    // --- what is open inside

    /// How many linked regions and scopes are open directly inside, and how many of them are on
    /// their way out.
    pub(crate) fn inside(&self) -> (usize, usize) {
        if !self.has(flag::WORK) {
            return (0, 0);
        }
        self.rare_if_any(|rare| (rare.open, rare.unwinding))
            .unwrap_or_default()
    }

    /// Plays the part of regions that are open inside.
    #[cfg(test)]
    pub(crate) fn set_inside(&self, open: usize, unwinding: usize) {
        self.set(flag::WORK);
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
