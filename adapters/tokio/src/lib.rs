//! Runs `anyrt` on Tokio: on a runtime you already have, or on one of its own.
//!
//! Reach it as `anyrt::backend::tokio`. [`Tokio`] is the handle, [`TokioRuntime`] an owner.
//! All semantics are in `anyrt-core`; here is only how this runtime runs, waits and ends.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use anyrt_core::{
    Drive, Enter, Instant, NoRuntime, ShutdownReport, Sleep, Spawn, StopHooks, Timer,
};
use pin_project::pin_project;
use tokio::runtime::{Handle, RuntimeFlavor};

mod owner;
#[cfg(feature = "tokio-util")]
mod token;

pub use owner::TokioRuntime;
#[cfg(feature = "tokio-util")]
pub use token::{Following, followed_by};

/// The handle of a Tokio runtime.
///
/// Cheap to clone; does not keep the runtime alive. Made from a Tokio [`Handle`], or from the context
/// that this thread is in. It does not drive: on a current-thread runtime nothing but the runtime
/// itself may, so only [`TokioRuntime`] does.
///
/// The runtime needs its time driver (`enable_time` or `enable_all`) for sleeps; a Tokio clock that is
/// paused is honoured. On a thread that is ending and whose thread-locals are gone, tasks can still be
/// spawned, but `now()` and `sleep()` panic: Tokio finds its clock by a thread-local.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::tokio::Tokio, prelude::*};
///
/// #[tokio::main]
/// async fn main() {
///     let rt = Tokio::current();
///     assert_eq!(rt.spawn(async { 42 }).await.unwrap(), 42);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Tokio(Handle);

impl Tokio {
    /// Returns the runtime whose context this thread is in.
    ///
    /// # Panics
    ///
    /// Outside a Tokio context; [`try_current`](Tokio::try_current) returns that as an error.
    #[track_caller]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(rt) => rt,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the runtime whose context this thread is in.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] outside a Tokio context.
    pub fn try_current() -> Result<Self, NoRuntime> {
        match Handle::try_current() {
            Ok(handle) => Ok(Tokio(handle)),
            Err(_) => Err(NoRuntime::new(
                "this thread is in no Tokio context; pass a handle, or enter the runtime",
            )),
        }
    }

    /// Returns Tokio's own handle.
    pub fn as_tokio(&self) -> &Handle {
        &self.0
    }
}

impl From<Handle> for Tokio {
    fn from(handle: Handle) -> Self {
        Tokio(handle)
    }
}

impl Spawn for Tokio {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(self.0.spawn(future));
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        drop(self.0.spawn_blocking(job));
        Ok(())
    }

    fn is_same(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }

    fn enter<T>(&self, purpose: Enter, f: impl FnOnce() -> T) -> T {
        match purpose {
            // A task woken by this thread would sit in its slot, which no other worker may steal from.
            Enter::Blocking => match Handle::try_current().map(|here| here.runtime_flavor()) {
                Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(f),
                _ => f(),
            },
            Enter::Foreign => match Handle::try_current() {
                // A thread that is ending has no place for a context, and Tokio would panic.
                Err(error) if error.is_thread_local_destroyed() => f(),
                _ => {
                    let _context = self.0.enter();
                    f()
                }
            },
            // Tokio defers the wake-ups of a task whose budget is used up, which a clock cannot see.
            Enter::Virtual => {
                let mut f = Some(f);
                let once = poll_fn(|_| f.take().map_or(Poll::Pending, |f| Poll::Ready(f())));
                let unlimited = pin!(tokio::task::coop::unconstrained(once));
                match unlimited.poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(value) => value,
                    Poll::Pending => unreachable!("the closure is called at the first poll"),
                }
            }
            _ => f(),
        }
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        owner::hooks_of(&self.0)
    }

    fn may_block(&self) -> bool {
        self.0.runtime_flavor() == RuntimeFlavor::MultiThread
    }
}

impl Timer for Tokio {
    type Sleep = TokioSleep;

    #[inline]
    fn now(&self) -> Instant {
        match self.0.runtime_flavor() {
            // The clock of a runtime of one thread may be paused; it is found by the runtime's context.
            RuntimeFlavor::CurrentThread => {
                let _context = self.0.enter();
                tokio::time::Instant::now().into_std()
            }
            _ => Instant::now(),
        }
    }

    #[inline]
    fn sleep_until(&self, deadline: Instant) -> TokioSleep {
        let _context = self.0.enter();
        TokioSleep {
            over: deadline <= tokio::time::Instant::now().into_std(),
            sleep: tokio::time::sleep_until(representable(deadline)),
        }
    }
}

/// The grain of Tokio's timer.
const TICK: Duration = Duration::from_millis(1);

/// The sleep of [`Tokio`].
#[derive(Debug)]
#[pin_project]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct TokioSleep {
    #[pin]
    sleep: tokio::time::Sleep,
    /// Tokio's own sleep waits for its next tick even if its deadline has passed.
    over: bool,
}

impl Future for TokioSleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.over {
            true => Poll::Ready(()),
            false => self.project().sleep.poll(cx),
        }
    }
}

impl Sleep for TokioSleep {
    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.over = false;
        this.sleep.reset(representable(deadline));
    }
}

/// Tokio rounds a deadline up by its tick, and panics where that overflows.
#[inline]
fn representable(deadline: Instant) -> tokio::time::Instant {
    match deadline.checked_add(TICK) {
        Some(_) => deadline.into(),
        None => (deadline - TICK).into(),
    }
}

impl Drive for TokioRuntime {
    type Handle = Tokio;

    fn handle(&self) -> &Tokio {
        TokioRuntime::handle(self)
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        self.runtime().block_on(future)
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        Some(TokioRuntime::hooks(self).clone())
    }
}
