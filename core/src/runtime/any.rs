//! A runtime handle that does not show which runtime it is.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use super::{Enter, Instant, Known, KnownAs, KnownFuture, Sleep, Spawn, StopHooks, Timer};

/// A handle of some runtime, with the type of the runtime erased.
///
/// For structs that store a runtime without a type parameter, and for code that is given one by
/// [`current`](crate::current). It implements the same traits as the handle inside, so nothing needs a
/// second code path. Erasing allocates once; after that each spawn and each sleep costs one more
/// allocation, and each blocking job two more.
///
/// Like every handle it is cheap to clone and does not keep its runtime alive. It does not drive:
/// only an owner does.
///
/// # Examples
///
/// ```
/// use anyrt::{AnyRuntime, Runtime, backend::builtin::BuiltinRuntime, prelude::*};
///
/// struct Mailer {
///     rt: AnyRuntime,
/// }
///
/// impl Mailer {
///     fn new(rt: &impl Runtime) -> Self {
///         Mailer { rt: rt.erased() }
///     }
///     async fn send(&self) -> &'static str {
///         self.rt.spawn(async { "sent" }).await.unwrap()
///     }
/// }
///
/// let owner = BuiltinRuntime::new();
/// let mailer = Mailer::new(owner.handle());
/// assert_eq!(owner.block_on(mailer.send()), "sent");
/// ```
#[derive(Clone)]
pub struct AnyRuntime(Arc<dyn DynRuntime>);

impl AnyRuntime {
    /// Erases the type of `runtime`.
    ///
    /// Erasing an `AnyRuntime` gives it back: it does not nest.
    pub fn new<R: Spawn + Timer>(runtime: R) -> Self {
        match (&runtime as &dyn Any).downcast_ref::<AnyRuntime>() {
            Some(erased) => erased.clone(),
            None => AnyRuntime(Arc::new(runtime)),
        }
    }

    /// Returns the handle inside if it is an `R`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{AnyRuntime, backend::builtin::{Builtin, BuiltinRuntime}, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let erased = AnyRuntime::new(owner.handle().clone());
    /// assert!(erased.downcast_ref::<Builtin>().is_some());
    /// ```
    pub fn downcast_ref<R: Spawn + Timer>(&self) -> Option<&R> {
        self.0.as_any().downcast_ref()
    }
}

impl AnyRuntime {
    /// Whether the handle in here and `other` are of one runtime.
    pub(super) fn is(&self, other: &dyn Any) -> bool {
        self.0.is_same_dyn(other)
    }
}

impl fmt::Debug for AnyRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyRuntime").field(&self.0).finish()
    }
}

impl Spawn for AnyRuntime {
    fn spawn_raw<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn_boxed(Box::pin(future));
    }

    fn spawn_known<F>(&self, root: F)
    where
        F: Future<Output = ()> + Known + Send + 'static,
    {
        self.0.spawn_known_boxed(Box::pin(root));
    }

    fn spawn_blocking_raw<F>(&self, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        self.spawn_blocking_known(KnownAs::here(), job)
    }

    fn spawn_blocking_known<F>(&self, who: KnownAs, job: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        // What goes out is a closure around a shared slot, so that a refused job can be taken back.
        let slot = Arc::new(Mutex::new(Some(job)));
        let taken = {
            let slot = Arc::clone(&slot);
            let job = Box::new(move || {
                if let Some(job) = take(&slot) {
                    job();
                }
            });
            self.0.spawn_blocking_boxed(who, job)
        };
        match taken {
            true => Ok(()),
            false => take(&slot).map_or(Ok(()), Err),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.is(other.0.as_any())
    }

    fn enter<T>(&self, purpose: Enter, f: impl FnOnce() -> T) -> T {
        let mut f = Some(f);
        let mut value = None;
        self.0.enter_dyn(purpose, &mut || {
            if let Some(f) = f.take() {
                value = Some(f());
            }
        });
        value.expect("`enter` calls its closure once")
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        self.0.stop_hooks_dyn()
    }

    fn counts_jobs(&self) -> bool {
        self.0.counts_jobs_dyn()
    }

    fn may_block(&self) -> bool {
        self.0.may_block_dyn()
    }
}

impl Timer for AnyRuntime {
    type Sleep = AnySleep;

    fn now(&self) -> Instant {
        self.0.now_dyn()
    }

    fn sleep_until(&self, deadline: Instant) -> AnySleep {
        AnySleep(self.0.sleep_until_boxed(deadline))
    }
}

/// The sleep of an [`AnyRuntime`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct AnySleep(Pin<Box<dyn Sleep>>);

impl Future for AnySleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl Sleep for AnySleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.as_mut().reset(deadline);
    }
}

fn take<F>(slot: &Mutex<Option<F>>) -> Option<F> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// `Spawn + Timer` with every generic in a box.
trait DynRuntime: fmt::Debug + Send + Sync {
    #[track_caller]
    fn spawn_boxed(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>);
    fn spawn_known_boxed(&self, root: Pin<Box<dyn KnownFuture>>);
    /// Says whether the job was taken.
    fn spawn_blocking_boxed(&self, who: KnownAs, job: Box<dyn FnOnce() + Send>) -> bool;
    fn enter_dyn(&self, purpose: Enter, f: &mut dyn FnMut());
    fn stop_hooks_dyn(&self) -> Option<StopHooks>;
    fn may_block_dyn(&self) -> bool;
    fn counts_jobs_dyn(&self) -> bool;
    fn is_same_dyn(&self, other: &dyn Any) -> bool;
    fn now_dyn(&self) -> Instant;
    fn sleep_until_boxed(&self, deadline: Instant) -> Pin<Box<dyn Sleep>>;
    fn as_any(&self) -> &dyn Any;
}

impl<R: Spawn + Timer> DynRuntime for R {
    fn spawn_boxed(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.spawn_raw(future);
    }

    fn spawn_known_boxed(&self, root: Pin<Box<dyn KnownFuture>>) {
        self.spawn_known(root);
    }

    fn spawn_blocking_boxed(&self, who: KnownAs, job: Box<dyn FnOnce() + Send>) -> bool {
        self.spawn_blocking_known(who, job).is_ok()
    }

    fn enter_dyn(&self, purpose: Enter, f: &mut dyn FnMut()) {
        self.enter(purpose, f);
    }

    fn stop_hooks_dyn(&self) -> Option<StopHooks> {
        self.stop_hooks()
    }

    fn may_block_dyn(&self) -> bool {
        self.may_block()
    }

    fn counts_jobs_dyn(&self) -> bool {
        self.counts_jobs()
    }

    fn is_same_dyn(&self, other: &dyn Any) -> bool {
        other
            .downcast_ref::<R>()
            .is_some_and(|other| self.is_same(other))
    }

    fn now_dyn(&self) -> Instant {
        self.now()
    }

    fn sleep_until_boxed(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(self.sleep_until(deadline))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
