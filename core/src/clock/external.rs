//! Telling a virtual clock about the world outside.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::current::{Counted, Lent};
use crate::thread::while_waiting;

/// Waits for something that no virtual clock knows of: time stands still meanwhile.
///
/// For real sockets, other processes, tasks of another runtime. Under a virtual clock that is what keeps a
/// timeout around it from being over at once. Without a virtual clock it does nothing and costs a look at a
/// thread-local.
///
/// Time stands still from the first poll until the future is ready or dropped, so what is done beside it does
/// not see time pass either.
///
/// Cancel safe as far as `future` is. Polling it after it was ready is up to `future`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, external, prelude::*};
/// use futures::{channel::oneshot, future::{Either, select}};
///
/// let clock = VirtualClock::on(BuiltinRuntime::new());
/// let rt = clock.handle();
/// clock.block_on(async {
///     let (tx, rx) = oneshot::channel();
///     // A thread that is no task of the clock:
///     std::thread::spawn(move || tx.send(42));
///     match select(external(rx), rt.sleep(Duration::from_secs(5))).await {
///         Either::Left((answer, _)) => assert_eq!(answer, Ok(42)),
///         Either::Right(_) => panic!("five virtual seconds are nothing"),
///     }
/// });
/// ```
pub fn external<F: Future>(future: F) -> External<F> {
    External {
        future,
        counted: None,
        started: false,
    }
}

/// The future of [`external`].
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct External<F> {
    // Before the hold: what its destructor wakes is counted before the hold goes.
    #[pin]
    future: F,
    counted: Option<Counted>,
    started: bool,
}

impl<F: Future> Future for External<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !std::mem::replace(this.started, true) {
            *this.counted = Counted::here();
        }
        let polled = this.future.poll(cx);
        if polled.is_ready() {
            *this.counted = None;
        }
        polled
    }
}

impl<F> fmt::Debug for External<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("External")
            .field("holds", &self.counted.is_some())
            .finish_non_exhaustive()
    }
}

/// Blocks this thread in `wait`, which something under the virtual clock will end.
///
/// For a blocking job that waits for a task in some other way than with `block_on`: for a channel of the
/// standard library, a condition variable, a thread. A job counts as busy, so time would stand still until it
/// is over, and a task that sleeps before it sends would never send. While `wait` runs, the job does not
/// count. Without a virtual clock this just calls `wait`.
///
/// Exact it is not: nobody tells the clock that the wait is over, so time may move on before the job is
/// counted again. `block_on` is exact, and so is an asynchronous channel.
///
/// # Panics
///
/// With the panic of `wait`.
///
/// # Examples
///
/// ```
/// use std::{sync::mpsc, time::Duration};
/// use anyrt::{VirtualClock, backend::builtin::BuiltinRuntime, blocking_wait, prelude::*};
///
/// let clock = VirtualClock::on(BuiltinRuntime::new());
/// let rt = clock.handle();
/// let (tx, rx) = mpsc::channel();
/// let job = rt.spawn_blocking(move || blocking_wait(|| rx.recv()));
/// clock.block_on(async {
///     rt.sleep(Duration::from_secs(3600)).await;
///     tx.send(42).unwrap();
///     assert_eq!(job.await.unwrap(), Ok(42));
/// });
/// ```
pub fn blocking_wait<T>(wait: impl FnOnce() -> T) -> T {
    while_waiting(|| {
        let _lent = Lent::here();
        wait()
    })
}
