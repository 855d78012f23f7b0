//! The small runtime that a thread has of its own: it runs what that thread drives, and nothing else does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures::stream::{FuturesUnordered, Stream};

use super::park::Parker;
use crate::clock::timers::Timers;
use crate::clock::{VirtualSleep, current};
use crate::region::BoxFuture;
use crate::region::contain::drop_contained;
use crate::runtime::{Drive, Enter, Instant, Sleep, Spawn, StopHooks, Timer};
use crate::sync::{Mutex, MutexGuard};
use crate::thread::ThreadCache;

/// How many tasks have a turn before the driven future has the next one.
const TURNS: usize = 64;

/// Returns this thread's own small runtime, made at the first call and then kept.
///
/// For sync code that needs a runtime *now*, wherever it is called: it needs no feature and starts no thread,
/// and whatever runtime is around on this thread stays what it is. Its tasks run only while this thread is in
/// its `block_on`; what is not over then goes on in the next, and is dropped when the thread ends. Time is that
/// of the virtual clock around, if there is one. Sockets of a runtime are not driven by it.
///
/// Two at a time, one inside the other, are two runtimes.
///
/// # Examples
///
/// ```
/// use anyrt::{idle_runtime, prelude::*};
///
/// let owner = idle_runtime();
/// let rt = owner.handle().clone();
/// let sum = owner.block_on(async move {
///     let task = rt.spawn(async { 40 });
///     rt.sleep(1.millis()).await;
///     task.await.unwrap() + 2
/// });
/// assert_eq!(sum, 42);
/// ```
#[doc(alias = "idle_event_loop")]
pub fn idle_runtime() -> IdleRuntime {
    let clock = current::current().map(|keeper| Arc::downgrade(keeper.timers()));
    let kept = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        // Tasks that were left in a simulation have no part in the next one.
        let (gone, mut live): (Vec<_>, Vec<_>) = kept.drain(..).partition(Core::is_over);
        let place = live.iter().rposition(|core| core.is_of(clock.as_ref()));
        let core = place.map(|place| live.remove(place));
        *kept = live;
        (core, gone)
    });
    let (core, gone) = kept.unwrap_or_default();
    drop(gone);
    let core = core.unwrap_or_else(|| Core::new(clock));
    IdleRuntime { core: Some(core) }
}

thread_local! {
    static KEPT: RefCell<Vec<Core>> = const { RefCell::new(Vec::new()) };
}

/// The owner of this thread's own runtime: given by [`idle_runtime`], and back to the thread when it is
/// dropped.
pub struct IdleRuntime {
    /// There until it is dropped.
    core: Option<Core>,
}

struct Core {
    handle: Idle,
    tasks: RefCell<FuturesUnordered<BoxFuture>>,
    /// Whose time holds in it; real time, if nobody's.
    clock: Option<Weak<Timers>>,
}

impl Core {
    fn new(clock: Option<Weak<Timers>>) -> Self {
        Core {
            handle: Idle(Arc::new(Shared::default())),
            tasks: RefCell::default(),
            clock,
        }
    }

    fn is_of(&self, clock: Option<&Weak<Timers>>) -> bool {
        match (&self.clock, clock) {
            (Some(own), Some(clock)) => own.ptr_eq(clock),
            (None, None) => true,
            _ => false,
        }
    }

    /// Whether its time has ended.
    fn is_over(&self) -> bool {
        let clock = self.clock.as_ref();
        clock.is_some_and(|clock| clock.strong_count() == 0)
    }
}

impl IdleRuntime {
    fn core(&self) -> &Core {
        match &self.core {
            Some(core) => core,
            None => unreachable!("an owner is whole until it is dropped"),
        }
    }
}

impl Drop for IdleRuntime {
    fn drop(&mut self) {
        // On a thread that is ending there is nowhere to keep it: it ends.
        let mut core = self.core.take();
        let _ = KEPT.try_with(|kept| kept.borrow_mut().extend(core.take()));
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.handle.0.hooks.end();
        let mut queue = self.handle.0.queue();
        queue.closed = true;
        let unborn = std::mem::take(&mut queue.unborn);
        drop(queue);
        // A root does not unwind.
        drop(unborn);
    }
}

impl Drive for IdleRuntime {
    type Handle = Idle;

    fn handle(&self) -> &Idle {
        &self.core().handle
    }

    /// # Panics
    ///
    /// When it is driven from inside itself.
    fn drive<F: Future>(&self, future: F) -> F::Output {
        let Core { handle, tasks, .. } = self.core();
        let mut tasks = tasks
            .try_borrow_mut()
            .expect("this thread's own runtime is driven already");
        let parker = Parker::new();
        let waker = Waker::from(Arc::clone(&parker));
        let _driver = handle.0.driven_by(&waker);
        let cx = &mut Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return value;
            }
            tasks.extend(std::mem::take(&mut handle.0.queue().unborn));
            let mut turns = 0;
            while turns < TURNS && Pin::new(&mut *tasks).poll_next(cx) == Poll::Ready(Some(())) {
                turns += 1;
            }
            let next = handle.0.fire();
            // What is new, and what is over, wakes.
            if turns == 0 {
                parker.park(next.map(|next| next.saturating_duration_since(Instant::now())));
            }
        }
    }
}

impl fmt::Debug for IdleRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleRuntime")
            .field(
                "tasks",
                &self.core().tasks.try_borrow().map_or(0, |t| t.len()),
            )
            .finish_non_exhaustive()
    }
}

/// The handle of a thread's own runtime: of an [`IdleRuntime`].
#[derive(Clone)]
pub struct Idle(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    hooks: StopHooks,
}

impl Default for Shared {
    fn default() -> Self {
        Shared {
            queue: Mutex::default(),
            hooks: StopHooks::new(),
        }
    }
}

#[derive(Default)]
struct Queue {
    /// Tasks that have not been polled yet.
    unborn: Vec<BoxFuture>,
    waits: BTreeMap<Key, Waker>,
    next: u64,
    driver: Option<Waker>,
    closed: bool,
}

/// A wait: when it ends, and a number.
type Key = (Instant, u64);

/// Nobody drives any more when this is dropped.
struct Driven<'a>(&'a Shared);

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        let driver = self.0.queue().driver.take();
        drop(driver);
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn driven_by(&self, waker: &Waker) -> Driven<'_> {
        let before = self.queue().driver.replace(waker.clone());
        drop(before);
        Driven(self)
    }

    /// Wakes who drives, if somebody does.
    fn wake(&self, queue: MutexGuard<'_, Queue>) {
        let driver = queue.driver.clone();
        drop(queue);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Wakes who waits for a moment that is there. Gives the next one.
    fn fire(&self) -> Option<Instant> {
        loop {
            let mut queue = self.queue();
            let first = queue.waits.first_entry()?;
            let deadline = first.key().0;
            if deadline > Instant::now() {
                return Some(deadline);
            }
            let waker = first.remove();
            drop(queue);
            waker.wake();
        }
    }
}

impl Spawn for Idle {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let future: BoxFuture = Box::pin(future);
        let mut queue = self.0.queue();
        if queue.closed {
            drop(queue);
            // What is spawned is a root, as a rule: that contains what it drops.
            let _ = drop_contained(future);
            return;
        }
        queue.unborn.push(future);
        self.0.wake(queue);
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        if self.0.queue().closed {
            drop(job);
            return Ok(());
        }
        let Some(keeper) = current::current() else {
            return ThreadCache::global().run(job);
        };
        // The keeper takes a box, and drops what it has no thread for: that is lost.
        drop(keeper.run_blocking(Box::new(job)));
        Ok(())
    }

    fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
        f()
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        Some(self.0.hooks.clone())
    }

    fn may_block(&self) -> bool {
        false
    }
}

impl Timer for Idle {
    type Sleep = IdleSleep;

    fn now(&self) -> Instant {
        match current::current() {
            Some(keeper) => keeper.timers().now(),
            None => Instant::now(),
        }
    }

    fn sleep_until(&self, deadline: Instant) -> IdleSleep {
        let kind = match current::current() {
            Some(keeper) => Kind::Kept(VirtualSleep::new(keeper.timers(), deadline)),
            None => Kind::Real {
                shared: Arc::clone(&self.0),
                deadline,
                key: None,
            },
        };
        IdleSleep { kind }
    }
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Idle")
    }
}

/// The sleep of a thread's own runtime.
///
/// It ends only while that is driven. Polling it again after it was ready is ready again, until it is
/// [`reset`](Sleep::reset). Cancel safe: dropping it forgets the wait.
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct IdleSleep {
    kind: Kind,
}

enum Kind {
    Real {
        shared: Arc<Shared>,
        deadline: Instant,
        /// While it waits.
        key: Option<Key>,
    },
    /// By the virtual clock that was around when it was made.
    Kept(VirtualSleep),
}

impl IdleSleep {
    fn forget(&mut self) {
        if let Kind::Real { shared, key, .. } = &mut self.kind {
            if let Some(key) = key.take() {
                let waker = shared.queue().waits.remove(&key);
                drop(waker);
            }
        }
    }
}

impl Future for IdleSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.kind {
            Kind::Kept(sleep) => return Pin::new(sleep).poll(cx),
            Kind::Real {
                shared,
                deadline,
                key,
            } if Instant::now() < *deadline => {
                let waker = cx.waker().clone();
                let mut queue = shared.queue();
                let wait = *key.get_or_insert_with(|| {
                    queue.next += 1;
                    (*deadline, queue.next)
                });
                let before = queue.waits.insert(wait, waker);
                // It may be the next to end, and be polled on another thread.
                let is_first = queue
                    .waits
                    .first_key_value()
                    .is_some_and(|(&first, _)| first == wait);
                match is_first && before.is_none() {
                    true => shared.wake(queue),
                    false => drop(queue),
                }
                drop(before);
                return Poll::Pending;
            }
            Kind::Real { .. } => {}
        }
        self.forget();
        Poll::Ready(())
    }
}

impl Sleep for IdleSleep {
    fn reset(mut self: Pin<&mut Self>, to: Instant) {
        self.forget();
        match &mut self.kind {
            Kind::Kept(sleep) => Pin::new(sleep).reset(to),
            Kind::Real { deadline, .. } => *deadline = to,
        }
    }
}

impl Drop for IdleSleep {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for IdleSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleSleep").finish_non_exhaustive()
    }
}
