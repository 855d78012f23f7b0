//! What a thread shares with the task that awaits it: where that stands, and whether it still waits.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::task::Waker;

use super::abandoned::Listed;
use crate::region::flat::flat;
use crate::region::state::flag;
use crate::region::{Member, frame};
use crate::runtime::AnyRuntime;
use crate::sync::{Mutex, MutexGuard, thread_local};

/// Between one `to_thread` and its thread.
pub(super) struct Link {
    /// The runtime of who began it.
    pub(super) rt: Option<AnyRuntime>,
    state: Mutex<State>,
    /// The function has called into the task, for who looks.
    has_called: AtomicBool,
}

struct State {
    stands: Stands,
    /// It was begun in a task, or has been awaited since.
    known: bool,
    /// A request around the await has stopped a call.
    cut: bool,
    /// Nobody waits any more: the await was dropped.
    abandoned: bool,
    /// The function has a thread.
    begun: bool,
    /// The thread's function has returned.
    returned: bool,
    /// Takes a function that has no thread yet out of its queue.
    leave_queue: Option<Box<dyn FnOnce() + Send>>,
    /// Wakes the call that is in progress: a thread has at most one.
    call: Option<Waker>,
    listed: Option<Listed>,
}

/// Where a task waits.
#[derive(Clone, Default)]
pub(super) struct Stands {
    /// The root of the task: it has the mailbox.
    pub(super) root: Option<Weak<dyn Member>>,
    /// The region in which it awaits, and how many masks lie there.
    pub(super) region: Option<Weak<dyn Member>>,
    pub(super) mask: u32,
    /// In a task that is being begun where it is spawned, whose root is not there yet.
    pub(super) eager: bool,
}

/// What a thread finds when it wants to call.
pub(super) enum Origin {
    /// The task that has a mailbox.
    Root(Stands),
    /// Nobody awaits in a task of ours.
    NoRoot,
    /// Nobody has awaited yet, and where it was begun there was no task.
    Unknown,
    Abandoned,
}

impl Link {
    pub(super) fn new(rt: Option<AnyRuntime>, stands: Stands) -> Self {
        Link {
            state: Mutex::new(State {
                known: !stands.eager && (rt.is_some() || stands.root.is_some()),
                stands,
                cut: false,
                abandoned: false,
                begun: false,
                returned: false,
                leave_queue: None,
                call: None,
                listed: None,
            }),
            rt,
            has_called: AtomicBool::new(false),
        }
    }

    /// A call is in the mailbox.
    pub(super) fn set_called(&self) {
        self.has_called.store(true, Ordering::Release);
    }

    /// Whether the function has ever called: then the task has something to do.
    pub(super) fn has_called(&self) -> bool {
        self.has_called.load(Ordering::Acquire)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever awaits stands here now.
    pub(super) fn move_to(&self, stands: Stands) {
        let known = !stands.eager;
        let mut state = self.state();
        let before = std::mem::replace(&mut state.stands, stands);
        state.known = known;
        let call = state.call.take();
        drop(state);
        drop(before);
        // It goes along.
        if let Some(call) = call {
            call.wake();
        }
    }

    pub(super) fn origin(&self) -> Origin {
        let state = self.state();
        match &state.stands {
            _ if state.abandoned => Origin::Abandoned,
            stands if stands.root.is_some() => Origin::Root(stands.clone()),
            _ if !state.known => Origin::Unknown,
            _ => Origin::NoRoot,
        }
    }

    pub(super) fn stands(&self) -> Stands {
        self.state().stands.clone()
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.state().abandoned
    }

    /// A request around the await has stopped a call: the await, too, gives no value if it is to stop.
    pub(super) fn set_cut(&self) {
        self.state().cut = true;
    }

    pub(super) fn is_cut(&self) -> bool {
        self.state().cut
    }

    /// Leaves the waker of a call, unless nobody waits any more. Says whether it did.
    pub(super) fn register(&self, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut state = self.state();
        if state.abandoned {
            drop(state);
            return false;
        }
        let before = state.call.replace(waker);
        drop(state);
        drop(before);
        true
    }

    /// The call is over.
    pub(super) fn unregister(&self) {
        let before = self.state().call.take();
        drop(before);
    }

    /// The function has a thread.
    pub(super) fn set_begun(&self) {
        let mut state = self.state();
        state.begun = true;
        let queued = state.leave_queue.take();
        drop(state);
        drop(queued);
    }

    /// The function waits for a thread: `leave` takes it out of the queue.
    pub(super) fn set_queued(&self, leave: Box<dyn FnOnce() + Send>) {
        let mut state = self.state();
        let not_needed = match state.begun {
            true => Some(leave),
            false => state.leave_queue.replace(leave),
        };
        drop(state);
        drop(not_needed);
    }

    /// The await was dropped: calls are refused from here on, and the one in progress is stopped. Says
    /// whether the thread runs on, or would.
    pub(super) fn abandon(&self, list: impl FnOnce() -> Option<Listed>) -> bool {
        let mut state = self.state();
        state.abandoned = true;
        if state.returned {
            return false;
        }
        // The list has a lock of its own, a leaf.
        state.listed = if state.begun { list() } else { None };
        let call = state.call.take();
        let leave_queue = state.leave_queue.take();
        drop(state);
        if let Some(call) = call {
            call.wake();
        }
        if let Some(leave_queue) = leave_queue {
            // What waits there may hold the await of the one before.
            flat(leave_queue);
        }
        true
    }

    /// The thread's function has returned, or will never run.
    pub(super) fn set_returned(&self) {
        let mut state = self.state();
        state.returned = true;
        let listed = state.listed.take();
        drop(state);
        drop(listed);
    }
}

impl Stands {
    /// Where the code stands that runs on this thread.
    pub(super) fn here() -> Self {
        let region = frame::current();
        let (root, eager) = match region.as_ref().map_or(Task::Nothing, Task::around) {
            Task::Root(root) => (Some(root), false),
            Task::Eager => (None, true),
            Task::Nothing => (None, false),
        };
        Stands {
            root,
            region: region.as_ref().map(Arc::downgrade),
            mask: frame::mask(),
            eager,
        }
    }

    pub(super) fn is_same(&self, other: &Stands) -> bool {
        let same =
            |one: &Option<Weak<dyn Member>>, other: &Option<Weak<dyn Member>>| match (one, other) {
                (Some(one), Some(other)) => Weak::ptr_eq(one, other),
                (None, None) => true,
                _ => false,
            };
        self.mask == other.mask
            && self.eager == other.eager
            && same(&self.root, &other.root)
            && same(&self.region, &other.region)
    }

    /// Whether both are of one task.
    pub(super) fn is_in_task_of(&self, other: &Stands) -> bool {
        match (&self.root, &other.root) {
            (Some(one), Some(other)) => Weak::ptr_eq(one, other),
            _ => false,
        }
    }

    /// The region to run a call in, and the masks there: that of the await, or, where it has ended, the root.
    pub(super) fn open_region(&self) -> Option<(Arc<dyn Member>, u32)> {
        let open = |weak: &Weak<dyn Member>| {
            let member = weak.upgrade()?;
            let is_closed = member.region().has(flag::CLOSED) || member.region().is_done();
            (!is_closed).then_some(member)
        };
        if let Some(region) = self.region.as_ref().and_then(open) {
            return Some((region, self.mask));
        }
        Some((self.root.as_ref()?.upgrade()?, 0))
    }
}

/// What is found from a region outwards.
enum Task {
    Root(Weak<dyn Member>),
    /// One that is being begun where it is spawned, whose root is not there yet.
    Eager,
    /// None; or a blocking job, where nothing polls.
    Nothing,
}

impl Task {
    fn around(region: &Arc<dyn Member>) -> Self {
        let mut here = Arc::clone(region);
        loop {
            // Calls nest as deep as threads do, and each knows its root.
            if let Some(root) = InCall::root_of(&here) {
                return Task::Root(root);
            }
            let region = here.region();
            if region.has(flag::EAGER) {
                return Task::Eager;
            }
            if !region.has(flag::INLINE) {
                return match region.has(flag::JOB) {
                    true => Task::Nothing,
                    false => Task::Root(Arc::downgrade(&here)),
                };
            }
            let Some(up) = region.up() else {
                return Task::Nothing;
            };
            here = up;
        }
    }
}

/// A call that is being polled, in that region of the task with that root.
pub(super) struct InCall(Option<Here>);

struct Here {
    region: usize,
    root: Weak<dyn Member>,
}

thread_local! {
    static HERE: Cell<Option<Here>> = const { Cell::new(None) };
}

fn address(member: &Arc<dyn Member>) -> usize {
    Arc::as_ptr(member).cast::<()>().addr()
}

impl InCall {
    pub(super) fn enter(region: &Arc<dyn Member>, root: Option<&Weak<dyn Member>>) -> Self {
        let here = root.map(|root| Here {
            region: address(region),
            root: Weak::clone(root),
        });
        InCall(HERE.try_with(|cell| cell.replace(here)).ok().flatten())
    }

    fn root_of(region: &Arc<dyn Member>) -> Option<Weak<dyn Member>> {
        let look = |cell: &Cell<Option<Here>>| {
            let here = cell.take();
            let known = here.as_ref().filter(|here| here.region == address(region));
            let root = known.map(|here| Weak::clone(&here.root));
            cell.set(here);
            root
        };
        HERE.try_with(look).ok().flatten()
    }
}

impl Drop for InCall {
    fn drop(&mut self) {
        let around = self.0.take();
        let _ = HERE.try_with(|cell| cell.replace(around));
    }
}
