//! Runs `anyrt` on smol's global executor.
//!
//! Reach it as `anyrt::backend::smol`. [`Smol`] is handle and owner in one.
//! All semantics are in `anyrt-core`; here is only how this runtime runs and waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use anyrt_core::{Drive, Enter, Instant, Sleep, Spawn, StopHooks, Timer};

/// smol's global executor: its own handle and its own owner.
///
/// It has one thread unless the environment variable `SMOL_THREADS` says otherwise, starts with the
/// first task and **never stops**: tasks that live when the process ends are not dropped. Blocking
/// jobs run on the pool of `blocking`, which belongs to the process and runs at most 500 at a time.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::smol::Smol, prelude::*};
///
/// assert_eq!(Smol.block_on(Smol.spawn(async { 42 })).unwrap(), 42);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

impl Spawn for Smol {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        smol::spawn(future).detach();
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        // Detached: `blocking` would otherwise cancel a job that waits in its queue.
        smol::unblock(job).detach();
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
        // There is one thread, unless the environment says otherwise.
        false
    }
}

impl Timer for Smol {
    type Sleep = SmolSleep;

    #[inline]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[inline]
    fn sleep_until(&self, deadline: Instant) -> SmolSleep {
        SmolSleep(smol::Timer::at(deadline))
    }
}

/// The sleep of [`Smol`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct SmolSleep(smol::Timer);

impl Future for SmolSleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Sleep for SmolSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.set_at(deadline);
    }
}

impl Drive for Smol {
    type Handle = Smol;

    fn handle(&self) -> &Smol {
        self
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        smol::block_on(future)
    }
}
