//! Waiting for a future in sync code, wherever that is called.

use std::cell::Cell;
use std::fmt;
use std::future::Future;

use super::idle::idle_runtime;
use crate::region::{frame, runtime_of};
use crate::runtime::{AnyRuntime, Drive, Enter, Spawn};
use crate::task::{rooted, rooted_in_driver};

/// Runs `future` on this thread until it is ready, and gives its value: from sync code, wherever it is.
///
/// For code that does not know who calls it. Outside any runtime, in a blocking job, on a thread of
/// [`to_thread`](crate::to_thread) it just works. Called inside async code it blocks the thread that runs the
/// tasks; where other threads go on (the multi-threaded Tokio, the built-in runtime with more than one thread)
/// that is slow and works: other threads stand in, as many as are needed. Where none does, it would hang, and is
/// refused.
///
/// What runs `future` is this thread's own small runtime, [`idle_runtime`](crate::idle_runtime).
/// [`current`](crate::current) gives the runtime around, if there is one, else that small one. No task of another
/// runtime is run while this blocks. A request to a job that blocks here does not end the wait.
///
/// Below `to_thread`, [`from_thread`](crate::from_thread) is the better way: the future is then part of the
/// task that waits. Where this library is not around, as in a handler below a plain `#[tokio::main]`, it does
/// not see that it is called from async code, as [`block_on`](crate::BlockOn::block_on) does not.
///
/// # Panics
///
/// With the panic of `future`; and with advice where [`try_block_anywhere`] gives an error.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, block_anywhere, prelude::*};
///
/// fn length(path: &'static str) -> usize {
///     block_anywhere(async { path.len() })
/// }
///
/// assert_eq!(length("abc"), 3); // no runtime
/// let owner = BuiltinRuntime::new();
/// let job = owner.handle().spawn_blocking(|| length("abcd"));
/// assert_eq!(owner.block_on(job).unwrap(), 4); // in a job of one
/// ```
#[track_caller]
#[doc(alias = "sync_to_async")]
#[doc(alias = "block_in_place")]
pub fn block_anywhere<F: Future>(future: F) -> F::Output {
    match try_block_anywhere(future) {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// Does as [`block_anywhere`], and gives an error where that would hang.
///
/// # Errors
///
/// [`BlockError`] in async code of a runtime that runs all its tasks on one thread, or in a simulation, unless
/// [`allow_blocking`] is said. The future is dropped unpolled.
///
/// # Panics
///
/// With the panic of `future`.
///
/// # Examples
///
/// ```
/// use anyrt::{Sim, prelude::*, try_block_anywhere};
///
/// assert_eq!(try_block_anywhere(async { 1 }), Ok(1));
/// Sim::new(1).block_on(async {
///     assert!(try_block_anywhere(async { 1 }).is_err());
/// });
/// ```
#[track_caller]
pub fn try_block_anywhere<F: Future>(future: F) -> Result<F::Output, BlockError> {
    let around = frame::made_around().and_then(|around| runtime_of(&around));
    if !frame::is_polling() {
        return Ok(drive(around, future));
    }
    match around {
        Some(rt) if ALLOWED.get() || rt.may_block() => Ok(rt
            .clone()
            .enter(Enter::Blocking, || drive(Some(rt), future))),
        None if ALLOWED.get() => Ok(drive(None, future)),
        _ => Err(BlockError(())),
    }
}

#[track_caller]
fn drive<F: Future>(rt: Option<AnyRuntime>, future: F) -> F::Output {
    let owner = idle_runtime();
    match rt {
        // Inside of it: the future may use sockets and timers that are found by a thread-local.
        Some(rt) => owner.drive(rooted(&rt, future)),
        None => owner.drive(rooted_in_driver(owner.handle(), future)),
    }
}

thread_local! {
    static ALLOWED: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f`, in which [`block_anywhere`] blocks this thread whatever stops meanwhile.
///
/// For code that knows that what it waits for needs none of the tasks that this thread would run: another
/// runtime, another process, a timer of [`idle_runtime`](crate::idle_runtime). If it does need them, it hangs.
///
/// # Examples
///
/// ```
/// use anyrt::{allow_blocking, block_anywhere, idle_runtime, prelude::*};
///
/// idle_runtime().block_on(async {
///     let two = allow_blocking(|| block_anywhere(async { 2 }));
///     assert_eq!(two, 2);
/// });
/// ```
pub fn allow_blocking<T>(f: impl FnOnce() -> T) -> T {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            ALLOWED.set(self.0);
        }
    }
    let _back = Back(ALLOWED.replace(true));
    f()
}

/// A call of [`try_block_anywhere`] that would hang: it blocks the one thread that runs the tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockError(());

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "`block_anywhere` was called inside async code, on the one thread that runs its tasks: `.await` \
             the future instead, call this function in `to_thread(..)`, or say `allow_blocking(..)` if what it \
             waits for needs none of these tasks",
        )
    }
}

impl std::error::Error for BlockError {}
