//! An adapter as a third party might write it: one thread for each task. Slow, complete, and proven by
//! the published suite alone.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use anyrt::{Drive, Enter, Instant, Sleep, Spawn, StopHooks, Timer};
use anyrt_conformance::{Caps, Harness};

/// The handle.
#[derive(Clone, Debug)]
pub(crate) struct Toy(Arc<Shared>);

/// The owner: dropping it ends every task.
#[derive(Debug)]
pub(crate) struct ToyRuntime(Toy);

#[derive(Debug)]
struct Shared {
    hooks: StopHooks,
    stopping: AtomicBool,
    /// One for each live task: to be told that the runtime ends.
    live: Mutex<Vec<Arc<Parker>>>,
}

impl Shared {
    fn live(&self) -> MutexGuard<'_, Vec<Arc<Parker>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the thread of one task.
#[derive(Debug, Default)]
struct Parker {
    /// Set once the thread runs.
    thread: OnceLock<Thread>,
    woken: AtomicBool,
}

impl Parker {
    fn park(&self) {
        while !self.woken.swap(false, Ordering::SeqCst) {
            thread::park();
        }
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Spawn for Toy {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let parker = Arc::new(Parker::default());
        {
            // Listed before its thread starts: the end of the runtime waits for all that are listed.
            let mut live = self.0.live();
            if self.0.stopping.load(Ordering::SeqCst) {
                drop(live);
                return drop(future);
            }
            live.push(Arc::clone(&parker));
        }
        let shared = Arc::clone(&self.0);
        start(move || {
            parker.thread.get_or_init(thread::current);
            let waker = Waker::from(Arc::clone(&parker));
            let mut future = Box::pin(future);
            while !shared.stopping.load(Ordering::SeqCst) {
                match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(()) => break,
                    Poll::Pending => parker.park(),
                }
            }
            drop(future);
            shared.live().retain(|other| !Arc::ptr_eq(other, &parker));
        });
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        if self.0.stopping.load(Ordering::SeqCst) {
            drop(job);
            return Ok(());
        }
        start(job);
        Ok(())
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        Some(self.0.hooks.clone())
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
        f()
    }
    fn may_block(&self) -> bool {
        true
    }
}

/// Many tasks are as many threads: with small stacks.
fn start(f: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(128 << 10).spawn(f);
    thread.expect("a thread can be started");
}

impl Timer for Toy {
    type Sleep = ToySleep;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> ToySleep {
        ToySleep(async_io::Timer::at(deadline))
    }
}

impl Drive for ToyRuntime {
    type Handle = Toy;

    fn handle(&self) -> &Toy {
        &self.0
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        futures::executor::block_on(future)
    }
}

impl Drop for ToyRuntime {
    fn drop(&mut self) {
        let shared = &self.0.0;
        shared.hooks.end();
        let live = {
            let live = shared.live();
            shared.stopping.store(true, Ordering::SeqCst);
            live.clone()
        };
        let here = thread::current().id();
        for parker in live {
            let own = parker.thread.get().map(Thread::id) == Some(here);
            parker.clone().wake();
            // Until its task has dropped its future; not for the thread that waits.
            while !own
                && shared
                    .live()
                    .iter()
                    .any(|other| Arc::ptr_eq(other, &parker))
            {
                thread::yield_now();
            }
        }
    }
}

/// The sleep: borrowed, as a real adapter's would be.
#[derive(Debug)]
pub(crate) struct ToySleep(async_io::Timer);

impl Future for ToySleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Sleep for ToySleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.set_at(deadline);
    }
}

/// How the suite starts it.
pub(crate) struct OnToy;

impl Harness for OnToy {
    type Handle = Toy;
    type Owner = ToyRuntime;
    const CAPS: Caps = Caps::OWNED.many(300);

    fn start() -> ToyRuntime {
        ToyRuntime(Toy(Arc::new(Shared {
            hooks: StopHooks::new(),
            stopping: AtomicBool::default(),
            live: Mutex::default(),
        })))
    }

    fn handle(owner: &ToyRuntime) -> Toy {
        owner.0.clone()
    }
}
