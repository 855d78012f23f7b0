//! The gate: at most one entity runs at a time, and a policy picks the next.
//!
//! ```text
//!            woken              picked            by its host or thread
//!   Idle ───────────► Ready ───────────► Granted ───────────► Running ─┬─► Idle
//!                       ▲                                        │ ▲   ├─► Ready (woken meanwhile)
//!                       └──────────── the inner one ends ── Lent ◄─┘   └─► gone
//! ```
//!
//! All of it changes under one lock. Whoever ends a turn, or makes somebody ready while nobody runs, calls
//! [`Gate::pump`], which picks the next; nothing ready, it lets the time pass; no time to wait for, it is
//! a stall. Hosts and wakers are called, and futures dropped, when the lock is gone.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

use super::entity::{Entity, Work};
use super::host::Host;
use super::inside::{self, Inside};
use super::notes::Notes;
use super::ready::{Key, Ready};
use super::schedule::{Picker, Plan};
use super::trace::{Kind, Log, Origin};
use crate::clock::current::Wait;
use crate::clock::timers::{Nanos, Timers};
use crate::region::contain::{contain, discard, drop_contained};
use crate::runtime::KnownAs;
use crate::thread::ThreadCache;

/// Whether a wake-up that comes from a thread outside the simulation is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Foreign {
    #[default]
    Refused,
    Allowed,
}

#[derive(Debug)]
pub(super) struct Gate {
    pub(super) seed: u64,
    pub(super) timers: Arc<Timers>,
    pub(super) host: Box<dyn Host>,
    /// Whether the host polls at once.
    direct: bool,
    /// Who is told of panics instead of the hook.
    pub(super) notes: Option<Arc<Notes>>,
    foreign: Foreign,
    state: Mutex<State>,
    /// Why nothing runs any more: a stall, a wake-up from outside.
    broken: OnceLock<String>,
}

struct State {
    slots: Slab<Slot>,
    ready: Ready,
    picker: Picker,
    turn: Turn,
    /// How many futures are being driven. With none, everybody waits: what plain code does between two
    /// `block_on` is then no matter of timing.
    open: usize,
    /// Who keeps the time from passing.
    holds: usize,
    /// Jobs that wait for something of which the gate knows nothing.
    outside: usize,
    ended: bool,
    log: Log,
    next_number: u32,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Nobody,
    Of(Key),
    /// The time passes, and whoever waited for it is woken.
    OfTime,
}

struct Slot {
    entity: Arc<Entity>,
    work: Work,
    kind: Kind,
    number: u32,
    phase: Phase,
    /// Set from the lending of a turn until it is back: it is in the middle of a poll.
    lent: bool,
    /// Somebody asked back before it has lent.
    asked_early: bool,
    /// Woken while it was lent.
    woken: bool,
    /// What the host or the thread waits by. Taken to be woken.
    outer: Option<Waker>,
    /// When it last went idle, and in which step.
    since: Nanos,
    since_step: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Ready,
    Granted,
    Running,
    /// Running, and woken meanwhile.
    Woken,
    /// It blocks its thread until something else has run.
    Lent(Wait),
}

/// What a poll finds at the gate.
pub(super) enum Entry {
    /// It is its turn, and this is to be done.
    Go(Work),
    /// It is not.
    Wait,
    /// There is nothing to poll any more.
    Gone,
}

/// What a pump has to do when the lock is gone.
enum Next {
    Poll(Arc<Entity>, Work),
    Run(Arc<Entity>, Work),
    Wake(Waker),
    Nothing,
}

impl Gate {
    pub(super) fn new(
        seed: u64,
        plan: Plan,
        foreign: Foreign,
        timers: Arc<Timers>,
        notes: Option<Arc<Notes>>,
        host: Box<dyn Host>,
    ) -> Arc<Gate> {
        Arc::new(Gate {
            seed,
            timers,
            direct: host.polls_at_once(),
            host,
            notes,
            foreign,
            state: Mutex::new(State {
                slots: Slab::new(),
                ready: Ready::default(),
                picker: Picker::new(plan, seed),
                turn: Turn::Nobody,
                open: 0,
                holds: 0,
                outside: 0,
                ended: false,
                log: Log::default(),
                next_number: 0,
            }),
            broken: OnceLock::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an entity, which is ready to run. The work comes back if the simulation is over.
    pub(super) fn admit(
        self: &Arc<Self>,
        kind: Kind,
        who: KnownAs,
        work: Work,
    ) -> Result<Arc<Entity>, Work> {
        let parent = inside::number_in(self);
        let mut state = self.lock();
        let is_inside = state.is_inside(self);
        if state.ended {
            return Err(work);
        }
        if kind == Kind::Root {
            state.open += 1;
        }
        let number = state.next_number;
        state.next_number = number.wrapping_add(1);
        let origin = Origin { kind, who, parent };
        state.log.born(number, origin);
        let (since, since_step) = (self.timers.now_nanos(), state.log.count);
        let entry = state.slots.vacant_entry();
        let key = entry.key();
        let entity = Arc::new(Entity {
            gate: Arc::clone(self),
            key,
            number,
        });
        entry.insert(Slot {
            entity: Arc::clone(&entity),
            work,
            kind,
            number,
            phase: Phase::Ready,
            lent: false,
            asked_early: false,
            woken: false,
            outer: None,
            since,
            since_step,
        });
        state.ready.push(key);
        let refused = kind != Kind::Root && state.is_chance(is_inside, self.foreign);
        let is_free = state.turn == Turn::Nobody;
        drop(state);
        if refused {
            self.refuse_foreign("something was spawned", number);
        } else if is_free {
            self.pump();
        }
        Ok(entity)
    }

    /// Makes an entity ready to run, as its waker says.
    pub(super) fn wake(self: &Arc<Self>, entity: &Entity) {
        let mut state = self.lock();
        let is_inside = state.is_inside(self);
        let state_ref = &mut *state;
        let Some(slot) = entity.slot(&mut state_ref.slots) else {
            return;
        };
        slot.woken |= slot.lent;
        match slot.phase {
            Phase::Idle => {
                slot.phase = Phase::Ready;
                state_ref.ready.push(entity.key);
            }
            Phase::Running => slot.phase = Phase::Woken,
            // It looks again when it runs.
            Phase::Ready | Phase::Granted | Phase::Woken | Phase::Lent(_) => return,
        }
        let refused = state.is_chance(is_inside, self.foreign);
        let is_free = state.turn == Turn::Nobody;
        drop(state);
        if refused {
            self.refuse_foreign("a task was woken", entity.number);
        } else if is_free {
            self.pump();
        }
    }

    /// Asks whether `entity` may be polled now; if not, `outer` is woken when it may.
    pub(super) fn enter(&self, entity: &Entity, outer: &Waker) -> Entry {
        let outer = outer.clone();
        let mut state = self.lock();
        let Some(slot) = entity.slot(&mut state.slots) else {
            return Entry::Gone;
        };
        let before = slot.outer.replace(outer);
        let entry = match slot.phase {
            Phase::Granted => {
                slot.phase = Phase::Running;
                Entry::Go(slot.take_work())
            }
            _ => Entry::Wait,
        };
        drop(state);
        drop(before);
        entry
    }

    /// The same for a job.
    pub(super) fn enter_granted(&self, entity: &Entity) -> bool {
        let mut state = self.lock();
        match entity.slot(&mut state.slots) {
            Some(slot) if slot.phase == Phase::Granted => {
                slot.phase = Phase::Running;
                true
            }
            _ => false,
        }
    }

    /// The turn of an entity is over, which goes on later. Gives the work back if the entity is gone.
    pub(super) fn pause(self: &Arc<Self>, entity: &Entity, work: Work) -> Result<(), Work> {
        let mut state = self.lock();
        let state_ref = &mut *state;
        let (now, step) = (self.timers.now_nanos(), state_ref.log.count);
        let Some(slot) = entity.slot(&mut state_ref.slots) else {
            return Err(work);
        };
        slot.work = work;
        if slot.phase == Phase::Woken {
            slot.phase = Phase::Ready;
            state_ref.ready.push(entity.key);
        } else {
            slot.phase = Phase::Idle;
            (slot.since, slot.since_step) = (now, step);
        }
        state.turn = Turn::Nobody;
        let next = self.next(state);
        self.go(next);
        Ok(())
    }

    /// Takes the work of an entity whose host has dropped it.
    pub(super) fn take_work(&self, entity: &Entity) -> Work {
        let mut state = self.lock();
        let slot = entity.slot(&mut state.slots);
        slot.map_or(Work::Elsewhere, Slot::take_work)
    }

    /// An entity has ended, or was dropped: whatever its phase, it is gone.
    pub(super) fn leave(self: &Arc<Self>, entity: &Entity) {
        let mut state = self.lock();
        let state_ref = &mut *state;
        if entity.slot(&mut state_ref.slots).is_none() {
            return;
        }
        let slot = state_ref.slots.remove(entity.key);
        state_ref.ready.remove(entity.key);
        state_ref.picker.gone(entity.key);
        if slot.kind == Kind::Root {
            state_ref.open -= 1;
        }
        if state_ref.turn == Turn::Of(entity.key) {
            state_ref.turn = Turn::Nobody;
        }
        let next = self.next(state);
        // It holds a waker of the host's.
        drop(slot);
        self.go(next);
    }

    /// Lends the turn of an entity that is about to block its thread; `outer` is woken when it is back.
    pub(super) fn lend(self: &Arc<Self>, entity: &Entity, why: Wait, outer: Waker) {
        let mut state = self.lock();
        let state_ref = &mut *state;
        let (now, step) = (self.timers.now_nanos(), state_ref.log.count);
        let Some(slot) = entity.slot(&mut state_ref.slots) else {
            return;
        };
        slot.lent = true;
        slot.woken = slot.phase == Phase::Woken;
        let asked_early = std::mem::take(&mut slot.asked_early);
        slot.phase = match asked_early {
            true => Phase::Ready,
            false => Phase::Lent(why),
        };
        (slot.since, slot.since_step) = (now, step);
        let before = slot.outer.replace(outer);
        if asked_early {
            state_ref.ready.push(entity.key);
        } else if why == Wait::Untold {
            state_ref.outside += 1;
        }
        state_ref.turn = Turn::Nobody;
        let next = self.next(state);
        drop(before);
        self.go(next);
    }

    /// What an entity had lent its turn for is over: it is ready again.
    pub(super) fn ask_back(self: &Arc<Self>, entity: &Entity) {
        let mut state = self.lock();
        let is_inside = state.is_inside(self);
        let state_ref = &mut *state;
        let Some(slot) = entity.slot(&mut state_ref.slots) else {
            return;
        };
        let Phase::Lent(why) = slot.phase else {
            // From outside, between its look and its lending.
            slot.asked_early = matches!(slot.phase, Phase::Running | Phase::Woken);
            return;
        };
        slot.phase = Phase::Ready;
        state_ref.ready.push(entity.key);
        if why == Wait::Untold {
            state_ref.outside -= 1;
        }
        let refused = state.is_chance(is_inside, self.foreign);
        let is_free = state.turn == Turn::Nobody;
        drop(state);
        if refused {
            self.refuse_return(entity.number);
        } else if is_free {
            self.pump();
        }
    }

    /// Whether an entity that had lent its turn has it again, or never will.
    pub(super) fn is_back(&self, entity: &Entity) -> bool {
        let mut state = self.lock();
        let Some(slot) = entity.slot(&mut state.slots) else {
            return true;
        };
        if slot.phase == Phase::Granted {
            slot.lent = false;
            slot.phase = match std::mem::take(&mut slot.woken) {
                true => Phase::Woken,
                false => Phase::Running,
            };
            return true;
        }
        self.broken.get().is_some()
    }

    /// Keeps the time from passing, and a stall from being one.
    pub(super) fn hold(&self) {
        self.lock().holds += 1;
    }

    pub(super) fn release(self: &Arc<Self>) {
        let mut state = self.lock();
        state.holds -= 1;
        let next = self.next(state);
        self.go(next);
    }

    /// Picks who is next, if nobody has the turn.
    pub(super) fn pump(self: &Arc<Self>) {
        let next = self.next(self.lock());
        self.go(next);
    }

    fn go(&self, next: Next) {
        match next {
            Next::Poll(entity, work) => self.host.run(entity, work),
            Next::Run(entity, job) => on_a_thread(&entity, job),
            // A host's waker does not panic; one of a foreign executor might.
            Next::Wake(waker) => contain(|| waker.wake()).unwrap_or_else(discard),
            Next::Nothing => {}
        }
    }

    fn next<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) -> Next {
        loop {
            if state.turn != Turn::Nobody || state.open == 0 || self.broken.get().is_some() {
                return Next::Nothing;
            }
            if let Some(next) = state.grant(self.timers.now_nanos(), self.direct) {
                return next;
            }
            if state.holds > 0 {
                return Next::Nothing;
            }
            let Some((first, others)) = self.let_time_pass() else {
                if self.foreign == Foreign::Allowed || state.outside > 0 {
                    return Next::Nothing;
                }
                let stall = self.stall(&state);
                drop(state);
                self.break_down(stall);
                return Next::Nothing;
            };
            state.turn = Turn::OfTime;
            drop(state);
            {
                let _inside = Inside::time(self);
                for waker in std::iter::once(first).chain(others) {
                    contain(|| waker.wake()).unwrap_or_else(discard);
                }
            }
            state = self.lock();
            state.turn = Turn::Nobody;
        }
    }

    /// Sets the time to the next deadline and takes out all who wait for just that: which of them runs
    /// first is a choice like any other.
    fn let_time_pass(&self) -> Option<(Waker, Vec<Waker>)> {
        let mut waits = self.timers.lock();
        let deadline = waits.next()?;
        let first = waits.pop(deadline)?;
        let others = std::iter::from_fn(|| waits.pop(deadline)).collect();
        Some((first, others))
    }

    fn refuse_foreign(self: &Arc<Self>, what: &str, number: u32) {
        let thread = std::thread::current();
        let state = self.lock();
        let text = format!(
            "{what} from a thread that is no part of the simulation ({}): {}\n  \
             = help: when that happens is a matter of chance, so the run could not be repeated; start the \
             thread as `rt.spawn_blocking(..)`, wait for the world outside in `external(..)`, or say \
             `Sim::with().allow_outside_wakes()`",
            thread.name().unwrap_or("unnamed"),
            state.log.name(number),
        );
        drop(state);
        self.break_down(text);
    }

    /// Breaks down if one entity has had the turn since step `seen`; gives the step that is running.
    pub(super) fn look_whether_stuck(&self, seen: u64, patience: Duration) -> u64 {
        let state = self.lock();
        let step = state.log.count;
        let Turn::Of(key) = state.turn else {
            return u64::MAX;
        };
        if step != seen {
            return step;
        }
        let text = format!(
            "the simulation is stuck: for {patience:?} of real time nobody else had a turn (seed {}, step {step}) \
             than {}\n{}\n  = help: a job that waits for a task does so in `block_on`, so that the task has a \
             turn; or in `blocking_wait(..)`, which cannot be repeated",
            self.seed,
            state.log.name(state.slots[key].number),
            state.waiting()
        );
        drop(state);
        self.break_down(text);
        step
    }

    fn refuse_return(self: &Arc<Self>, number: u32) {
        let state = self.lock();
        let text = format!(
            "a job that lent its turn came back from its wait, and nobody can tell when: {}\n  \
             = help: wait in `block_on` or for an asynchronous channel instead of `blocking_wait(..)`, or say \
             `Sim::with().allow_outside_wakes()`: the run is then a matter of chance",
            state.log.name(number),
        );
        drop(state);
        self.break_down(text);
    }

    /// Nothing runs from here on, and whoever drives is told why.
    fn break_down(&self, text: String) {
        if self.broken.set(text).is_err() {
            return;
        }
        let mut state = self.lock();
        let blocked = |slot: &Slot| slot.kind != Kind::Task;
        let wakers: Vec<Waker> = state
            .slots
            .iter_mut()
            .filter(|(_, slot)| blocked(slot))
            .filter_map(|(_, slot)| slot.outer.take())
            .collect();
        drop(state);
        for waker in wakers {
            contain(|| waker.wake()).unwrap_or_else(discard);
        }
    }

    /// Whether nothing runs any more.
    pub(super) fn is_over(&self) -> bool {
        self.broken.get().is_some() || self.lock().ended
    }

    pub(super) fn why_broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    fn stall(&self, state: &State) -> String {
        let now = Duration::from_nanos(self.timers.now_nanos());
        format!(
            "the simulation has stalled: nobody can run, and nobody waits for a time (seed {}, step {}, \
             virtual time {now:?})\n{}",
            self.seed,
            state.log.count,
            state.waiting()
        )
    }

    /// Who is there, and since when: as a tree, by who spawned whom.
    pub(super) fn waiting(&self) -> String {
        self.lock().waiting()
    }

    /// How many entities there are.
    pub(super) fn len(&self) -> usize {
        self.lock().slots.len()
    }

    pub(super) fn log(&self) -> Log {
        self.lock().log.clone()
    }

    /// Ends the simulation: drops all tasks, and jobs that have not started, in the order of their birth.
    pub(super) fn end(self: &Arc<Self>) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.ended, true) {
            return;
        }
        state.ready.clear();
        state.turn = Turn::Nobody;
        let mut slots: Vec<Slot> = state.slots.drain().collect();
        drop(state);
        slots.sort_by_key(|slot| slot.number);
        let _inside = Inside::time(self);
        for slot in slots {
            // A root's destructor contains what it drops; a raw future's may panic.
            drop_contained(slot.work).unwrap_or_else(discard);
            if let Some(outer) = slot.outer {
                contain(|| outer.wake()).unwrap_or_else(discard);
            }
        }
    }
}

impl State {
    /// Whether what this thread does has its place in the order of turns.
    fn is_inside(&self, gate: &Arc<Gate>) -> bool {
        if !inside::is_in(gate) {
            return false;
        }
        // One that has lent its turn waits outside.
        let waits = |key: Key| {
            let slot = self.slots.get(key);
            slot.is_some_and(|slot| matches!(slot.phase, Phase::Lent(Wait::Untold)))
        };
        !inside::key_in(gate).is_some_and(waits)
    }

    /// Whether something that comes from outside, or not, comes at a moment that nobody can repeat.
    fn is_chance(&self, is_inside: bool, foreign: Foreign) -> bool {
        // Where somebody holds the time, he has announced that he waits for the world outside.
        !is_inside && self.open > 0 && self.holds == 0 && foreign == Foreign::Refused
    }

    /// Gives the turn to one of the ready.
    fn grant(&mut self, now: Nanos, direct: bool) -> Option<Next> {
        let slots = &self.slots;
        let number_of = |key: Key| slots[key].number;
        let pick = self
            .picker
            .pick(&mut self.ready, self.log.count, number_of)?;
        let usual = self.slots[pick.usual].number;
        let slot = &mut self.slots[pick.key];
        slot.phase = match direct && slot.kind == Kind::Task && !slot.lent {
            true => Phase::Running,
            false => Phase::Granted,
        };
        self.turn = Turn::Of(pick.key);
        self.log.step(slot.number, usual, slot.kind, now);
        Some(match slot.outer.take() {
            Some(outer) => Next::Wake(outer),
            None => {
                let entity = Arc::clone(&slot.entity);
                match slot.kind {
                    // One that asks at the gate is given the work there.
                    Kind::Task => match direct {
                        true => Next::Poll(entity, slot.take_work()),
                        false => Next::Poll(entity, Work::Elsewhere),
                    },
                    Kind::Job => Next::Run(entity, slot.take_work()),
                    // It is polled by who drives it, and says by what to wake it then.
                    Kind::Root => Next::Nothing,
                }
            }
        })
    }

    fn waiting(&self) -> String {
        use std::fmt::Write as _;
        let mut slots: Vec<&Slot> = self.slots.iter().map(|(_, slot)| slot).collect();
        slots.sort_by_key(|slot| slot.number);
        let mut text = String::new();
        let shown = slots.len().min(SHOWN);
        for slot in &slots[..shown] {
            let parent = |number: u32| self.log.origins.get(number as usize)?.parent;
            let depth = std::iter::successors(parent(slot.number), |&number| parent(number))
                .take(10)
                .count();
            let state = match slot.phase {
                Phase::Idle => "waits",
                Phase::Ready => "is ready",
                Phase::Granted | Phase::Running | Phase::Woken => "runs",
                Phase::Lent(_) => "blocks its thread",
            };
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                text,
                "  {:indent$}- {} {state} since {:?} (step {})",
                "",
                self.log.name(slot.number),
                Duration::from_nanos(slot.since),
                slot.since_step,
                indent = 2 * depth,
            );
        }
        if slots.len() > shown {
            let _ = writeln!(text, "  … and {} more", slots.len() - shown);
        }
        text.pop();
        text
    }
}

/// How many entities a report lists.
const SHOWN: usize = 50;

/// Runs a granted job on a thread of core's own.
fn on_a_thread(entity: &Arc<Entity>, job: Work) {
    let there = Arc::clone(entity);
    if let Err(unrun) = ThreadCache::global().run(move || there.run_job(job)) {
        // No thread can be had: the job is dropped, and its task is lost.
        let dropped = entity.act(|| drop_contained(unrun));
        dropped.unwrap_or_else(discard);
        entity.gate.leave(entity);
    }
}

impl Slot {
    fn take_work(&mut self) -> Work {
        std::mem::replace(&mut self.work, Work::Elsewhere)
    }
}

impl Entity {
    fn slot<'a>(&self, slots: &'a mut Slab<Slot>) -> Option<&'a mut Slot> {
        let slot = slots.get_mut(self.key)?;
        // The key may have gone to another.
        (slot.number == self.number).then_some(slot)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("entities", &self.slots.len())
            .field("ready", &self.ready.len())
            .field("turn", &self.turn)
            .field("step", &self.log.count)
            .finish_non_exhaustive()
    }
}
