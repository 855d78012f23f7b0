//! Stop hooks: what is run when a runtime is not driven any more, or ends.
//!
//! ```text
//!  block_on ───────────┐          block_on ──┐        owner dropped
//!        block_on ─────┴─ all hooks          └─ all    └─ those that have not run yet
//! ```

use std::fmt;
use std::panic::{Location, resume_unwind};
use std::sync::Arc;

use crate::context::{self, Chain};
use crate::region::contain::{contain, discard, drop_contained};
use crate::region::failure::report;
use crate::region::frame::Entered;
use crate::region::{Failure, Phase};
use crate::runtime::{Drive, Spawn, StopHooks, Which};

/// The handle of a stop hook, from [`Runtime::on_stop`](crate::Runtime::on_stop).
///
/// Dropping it removes the hook; [`detach`](StopHook::detach) leaves it for as long as the runtime lives. It
/// does not keep the runtime alive.
///
/// # Examples
///
/// A hook that removes itself, so that it runs once:
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use anyrt::{StopHook, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let runs = Arc::new(Mutex::new(0));
/// let own = Arc::new(Mutex::new(None));
/// let hook = owner.handle().on_stop({
///     let (own, runs) = (own.clone(), runs.clone());
///     move || {
///         *runs.lock().unwrap() += 1;
///         assert!(own.lock().unwrap().take().is_some_and(StopHook::remove));
///     }
/// });
/// *own.lock().unwrap() = hook.ok();
///
/// owner.block_on(async {});
/// owner.block_on(async {});
/// assert_eq!(*runs.lock().unwrap(), 1);
/// ```
#[must_use = "dropping the handle removes the hook: keep it, or call `detach()`"]
pub struct StopHook {
    /// `None` once it is detached or removed.
    hooks: Option<StopHooks>,
    id: u64,
}

impl StopHook {
    /// Removes the hook. Returns whether it was still there.
    ///
    /// Also from inside a hook: one that has not had its turn is then not run, one that runs runs to its end.
    /// A hook is gone with its runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let hook = owner.handle().on_stop(|| unreachable!("it is removed before")).unwrap();
    /// assert!(hook.remove());
    /// owner.block_on(async {});
    /// ```
    #[doc(alias = "remove_loop_stop_callback")]
    pub fn remove(mut self) -> bool {
        self.take_out()
    }

    /// Leaves the hook where it is, without a handle.
    pub fn detach(mut self) {
        self.hooks = None;
    }

    /// Returns whether the hook is there: nobody removed it, and its runtime has not ended.
    pub fn is_registered(&self) -> bool {
        let hooks = self.hooks.as_ref();
        hooks.is_some_and(|hooks| hooks.contains(self.id))
    }

    #[cfg(test)]
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    fn take_out(&mut self) -> bool {
        let removed = self.hooks.take().and_then(|hooks| hooks.remove(self.id));
        removed.is_some()
    }
}

impl Drop for StopHook {
    fn drop(&mut self) {
        self.take_out();
    }
}

impl fmt::Debug for StopHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopHook")
            .field("id", &self.id)
            .field("registered", &self.is_registered())
            .finish()
    }
}

/// A stop hook would never run; and the hook.
///
/// Either this library neither drives the runtime nor ends it, as one of `#[tokio::main]`, or it has ended.
///
/// # Examples
///
/// ```
/// use anyrt::{NeverStops, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle().clone();
/// drop(owner);
/// let NeverStops(hook) = rt.on_stop(|| ()).unwrap_err();
/// hook();
/// ```
pub struct NeverStops<F>(pub F);

impl<F> fmt::Debug for NeverStops<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeverStops").finish_non_exhaustive()
    }
}

impl<F> fmt::Display for NeverStops<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a stop hook would never run: the runtime has ended, or anyrt neither drives nor ends it",
        )
    }
}

impl<F> std::error::Error for NeverStops<F> {}

#[track_caller]
pub(crate) fn on_stop<R, F>(rt: &R, hook: F) -> Result<StopHook, NeverStops<F>>
where
    R: Spawn,
    F: Fn() + Send + Sync + 'static,
{
    let Some(hooks) = rt.stop_hooks() else {
        return Err(NeverStops(hook));
    };
    let hook = Arc::new(hook);
    match hooks.add(Location::caller(), Arc::clone(&hook) as _) {
        Some(id) => Ok(StopHook {
            hooks: Some(hooks),
            id,
        }),
        None => Err(NeverStops(
            Arc::into_inner(hook).expect("a hook that was refused is nobody else's"),
        )),
    }
}

/// Drives a runtime; where it is the last to do so, its stop hooks are run, also after a panic.
pub(crate) fn driven<D: Drive + ?Sized, T>(owner: &D, drive: impl FnOnce() -> T) -> T {
    let Some(hooks) = owner.stop_hooks() else {
        return drive();
    };
    hooks.enter();
    // Not in a destructor: a hook is code like any other, and may not run in a thread that panics.
    let driven = contain(drive);
    if hooks.leave() {
        hooks.run(Which::All);
    }
    driven.unwrap_or_else(|payload| resume_unwind(payload))
}

impl StopHooks {
    /// Runs the hooks that have not been run since they were registered; no more are taken.
    ///
    /// For the owner of a runtime, which calls it before it ends that. The second call does nothing.
    pub fn end(&self) {
        let left = loop {
            self.run(Which::New);
            // A hook may have registered one.
            if let Some(left) = self.close() {
                break left;
            }
        };
        for hook in left {
            if let Err(payload) = drop_contained(hook) {
                discard(payload);
            }
        }
    }

    fn run(&self, which: Which) {
        let Some(due) = self.begin(which) else {
            return;
        };
        // No part of a job that drove the runtime, or that ends it.
        let (mut nothing, mut unbound) = (None, Chain::EMPTY);
        let _unbound = context::Entered::new(&mut unbound);
        let _outside = Entered::outside(&mut nothing);
        for id in due {
            let Some((location, hook)) = self.turn(id) else {
                continue;
            };
            let ran = contain(|| {
                hook();
                // What a hook holds may be destroyed here, if it has removed itself.
                drop(hook);
            });
            if let Err(payload) = ran {
                report(&Failure::of_callback(Phase::Callback, location, payload));
            }
        }
        self.finish();
    }
}
