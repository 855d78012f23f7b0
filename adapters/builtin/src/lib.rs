//! The built-in runtime of `anyrt`: executor threads over [`async_executor`], timers and sockets of
//! [`async_io`], blocking jobs on [`blocking`].
//!
//! Reach it as `anyrt::backend::builtin`. [`BuiltinRuntime`] is the owner, [`Builtin`] its handle.
//! All semantics are in `anyrt-core`; here is only how this runtime runs, waits and ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyrt_core::{Drive, Enter, Instant, ShutdownReport, Sleep, Spawn, StopHooks, Timer};

mod crew;
mod owner;

use owner::Shared;
pub use owner::{Builder, BuiltinRuntime};

/// The handle of a built-in runtime.
///
/// Cheap to clone; does not keep the runtime alive.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::{Builtin, BuiltinRuntime}, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt: &Builtin = owner.handle();
/// assert_eq!(owner.block_on(rt.spawn(async { 42 })).unwrap(), 42);
/// ```
#[derive(Clone)]
pub struct Builtin(std::sync::Arc<Shared>);

impl Spawn for Builtin {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn(future);
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        self.0.spawn_blocking(job);
        Ok(())
    }

    fn is_same(&self, other: &Self) -> bool {
        std::sync::Arc::ptr_eq(&self.0, &other.0)
    }

    fn enter<T>(&self, purpose: Enter, f: impl FnOnce() -> T) -> T {
        match purpose {
            Enter::Blocking => crew::blocking(&self.0, f),
            _ => f(),
        }
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        Some(self.0.hooks.clone())
    }

    fn may_block(&self) -> bool {
        self.0.crew.size() > 1
    }
}

impl Timer for Builtin {
    type Sleep = BuiltinSleep;

    #[inline]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[inline]
    fn sleep_until(&self, deadline: Instant) -> BuiltinSleep {
        BuiltinSleep(async_io::Timer::at(deadline))
    }
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Builtin").field(&self.0).finish()
    }
}

/// The sleep of [`Builtin`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct BuiltinSleep(async_io::Timer);

impl Future for BuiltinSleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Sleep for BuiltinSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.set_at(deadline);
    }
}

impl Drive for BuiltinRuntime {
    type Handle = Builtin;

    fn handle(&self) -> &Builtin {
        BuiltinRuntime::handle(self)
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        async_io::block_on(future)
    }
}
