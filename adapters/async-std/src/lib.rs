//! Legacy: runs `anyrt` on async-std, which is discontinued upstream (RUSTSEC-2025-0052).
//!
//! For programs that still run on async-std and cannot move at once; new ones choose another backend.
//! Reach it as `anyrt::backend::async_std`. [`AsyncStd`] is handle and owner in one.
//! All semantics are in `anyrt-core`; here is only how this runtime runs and waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use anyrt_core::{Drive, Enter, Instant, Sleep, Spawn, StopHooks, Timer};

/// Legacy: async-std's global executor, its own handle and its own owner.
///
/// async-std is discontinued upstream (RUSTSEC-2025-0052). Its executor has one thread for each core
/// (environment variable `ASYNC_STD_THREAD_COUNT`), starts with the first task and **never stops**:
/// tasks that live when the process ends are not dropped. Blocking jobs run on the pool of `blocking`,
/// which belongs to the process and runs at most 500 at a time.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::async_std::AsyncStd, prelude::*};
///
/// assert_eq!(AsyncStd.block_on(AsyncStd.spawn(async { 42 })).unwrap(), 42);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStd;

impl Spawn for AsyncStd {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(async_std::task::spawn(future));
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        // Detached: `blocking` would otherwise cancel a job that waits in its queue.
        blocking::unblock(job).detach();
        Ok(())
    }

    fn is_same(&self, _: &Self) -> bool {
        true
    }

    fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
        f()
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        // One executor in a process, one list.
        static HOOKS: LazyLock<StopHooks> = LazyLock::new(StopHooks::new);
        Some(HOOKS.clone())
    }

    fn may_block(&self) -> bool {
        // How many threads there are is decided by the environment when the first task is spawned.
        false
    }
}

impl Timer for AsyncStd {
    type Sleep = AsyncStdSleep;

    #[inline]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[inline]
    fn sleep_until(&self, deadline: Instant) -> AsyncStdSleep {
        AsyncStdSleep(async_io::Timer::at(deadline))
    }
}

/// The sleep of [`AsyncStd`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct AsyncStdSleep(async_io::Timer);

impl Future for AsyncStdSleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Sleep for AsyncStdSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.set_at(deadline);
    }
}

impl Drive for AsyncStd {
    type Handle = AsyncStd;

    fn handle(&self) -> &AsyncStd {
        self
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        async_std::task::block_on(future)
    }
}
