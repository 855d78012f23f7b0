//! Who lends the threads: a runtime of any kind, or nobody.

use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::entity::{Entity, Work};
use super::gate::Entry;
use crate::runtime::{Drive, Enter, Spawn, Timer};

/// What polls the tasks whose turn it is.
pub(super) trait Host: Debug + Send + Sync {
    /// Polls `entity` whose turn it is; one that does not do so at once is given the work at the gate, now
    /// and whenever it is woken afterwards.
    fn run(&self, entity: Arc<Entity>, work: Work);

    /// Whether it polls exactly what it is given, and at once: then there is nobody to ask at the gate.
    fn polls_at_once(&self) -> bool {
        false
    }

    /// Calls `f` as part of the host.
    fn enter(&self, purpose: Enter, f: &mut dyn FnMut());
}

/// What drives a future on the calling thread.
pub(super) trait Driver: Send + Sync {
    /// Calls `stuck` after each stretch of `patience`, in real time, in which this thread had nothing to do;
    /// if it can.
    fn drive(&self, root: Pin<&mut dyn Future<Output = ()>>, patience: Duration, stuck: &dyn Fn());
}

/// A runtime as the host.
#[derive(Debug)]
pub(super) struct Runs<R>(pub(super) R);

impl<R: Spawn + Timer> Host for Runs<R> {
    fn run(&self, entity: Arc<Entity>, _: Work) {
        self.0.spawn_raw(Shell { entity });
    }

    fn enter(&self, purpose: Enter, f: &mut dyn FnMut()) {
        self.0.enter(purpose, f);
    }
}

/// Its owner.
pub(super) struct Drives<D>(pub(super) D);

impl<D: Drive + Send + Sync> Driver for Drives<D> {
    fn drive(&self, root: Pin<&mut dyn Future<Output = ()>>, _: Duration, _: &dyn Fn()) {
        self.0.drive(root);
    }
}

/// What a host runs for a task: it polls the task when it is its turn, and does nothing when it is not.
///
/// Handed to the host with the first turn, not when the task is spawned.
struct Shell {
    entity: Arc<Entity>,
}

impl Future for Shell {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.entity.gate.enter(&self.entity, cx.waker()) {
            Entry::Go(work) => self.entity.poll(work),
            Entry::Wait => Poll::Pending,
            Entry::Gone => Poll::Ready(()),
        }
    }
}

impl Drop for Shell {
    /// A host that goes, or drops a task by itself, ends the entity. One that has ended does not notice.
    fn drop(&mut self) {
        let work = self.entity.gate.take_work(&self.entity);
        self.entity.act(|| drop(work));
        self.entity.gate.leave(&self.entity);
    }
}

/// No runtime: the threads that drive a future poll whoever has the turn.
#[derive(Default)]
pub(super) struct Alone {
    desk: Mutex<Desk>,
    bell: Condvar,
}

#[derive(Default)]
struct Desk {
    /// Whose turn it is, and who is not polled yet.
    granted: Option<(Arc<Entity>, Work)>,
    /// How many threads wait for the bell. Ringing it is a system call, also where nobody hears.
    waiting: usize,
}

impl Debug for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alone").finish_non_exhaustive()
    }
}

impl Alone {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do.
    fn next(&self, root: &RootWaker, patience: Duration) -> ToDo {
        let mut desk = self.desk();
        loop {
            if root.woken.swap(false, Ordering::Acquire) {
                return ToDo::Root;
            }
            if let Some((entity, work)) = desk.granted.take() {
                return ToDo::Task(entity, work);
            }
            desk.waiting += 1;
            let waited = self.bell.wait_timeout(desk, patience);
            let (back, result) = waited.unwrap_or_else(PoisonError::into_inner);
            desk = back;
            desk.waiting -= 1;
            let woken = desk.granted.is_some() || root.woken.load(Ordering::Acquire);
            if result.timed_out() && !woken {
                return ToDo::Nothing;
            }
        }
    }
}

/// What a thread that drives finds.
enum ToDo {
    Root,
    Task(Arc<Entity>, Work),
    /// And for long.
    Nothing,
}

impl Host for Arc<Alone> {
    fn run(&self, entity: Arc<Entity>, work: Work) {
        let mut desk = self.desk();
        debug_assert!(desk.granted.is_none(), "one has the turn at a time");
        desk.granted = Some((entity, work));
        let waiting = desk.waiting;
        drop(desk);
        if waiting > 0 {
            self.bell.notify_one();
        }
    }

    fn polls_at_once(&self) -> bool {
        true
    }

    fn enter(&self, _: Enter, f: &mut dyn FnMut()) {
        f();
    }
}

impl Driver for Arc<Alone> {
    fn drive(
        &self,
        mut root: Pin<&mut dyn Future<Output = ()>>,
        patience: Duration,
        stuck: &dyn Fn(),
    ) {
        let woken = Arc::new(RootWaker {
            alone: Arc::clone(self),
            woken: AtomicBool::new(true),
        });
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            match self.next(&woken, patience) {
                ToDo::Root => {
                    if root
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_ready()
                    {
                        return;
                    }
                }
                ToDo::Nothing => stuck(),
                ToDo::Task(entity, work) => {
                    let _ = entity.poll(work);
                }
            }
        }
    }
}

/// The waker of a root that is driven without a runtime.
struct RootWaker {
    alone: Arc<Alone>,
    woken: AtomicBool,
}

impl Wake for RootWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Under the lock: whoever is about to wait has looked before.
        let desk = self.alone.desk();
        self.woken.store(true, Ordering::Release);
        let waiting = desk.waiting;
        drop(desk);
        if waiting > 0 {
            // All, since each thread waits for a root of its own.
            self.alone.bell.notify_all();
        }
    }
}
