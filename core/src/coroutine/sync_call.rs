//! Sync functions with an async body, and async functions with a sync one.
//!
//! ```text
//! sync caller ─► enter_async(f) ─► async code, written once ─► leave_sync(g) ─► sync code, may block
//! async caller ──────────────────► async code, written once ─► async code
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::sync_drive::{SyncDriveRequired, WouldBlock, await_sync, require_sync_drive};
use crate::region::driven::{Depth, is_driven_in_poll};
use crate::region::frame::{self, Entered};

/// Gives an async function a sync face: each call is driven by [`await_sync`].
///
/// # Examples
///
/// ```
/// use anyrt::enter_async;
///
/// async fn double(n: u32) -> u32 {
///     n * 2
/// }
///
/// let mut sync_double = enter_async(double);
/// assert_eq!(sync_double(4), Ok(8));
/// ```
#[doc(alias = "enterasync")]
#[doc(alias = "syncfunction")]
#[doc(alias = "enterasyncmethod")]
pub fn enter_async<A, F, Fut>(mut f: F) -> impl FnMut(A) -> Result<Fut::Output, WouldBlock>
where
    F: FnMut(A) -> Fut,
    Fut: Future,
{
    move |argument| await_sync(f(argument))
}

/// Dresses a sync function, which may block, as async code: it is called only where sync code drives.
///
/// The other end of [`enter_async`]: what blocks is fine where the caller is sync, and must not happen where
/// the same async code runs in a task. Inside `f`, `block_on` is allowed if it is where the drive began.
///
/// Cancel safe: dropped before it is polled, `f` is not called.
///
/// # Examples
///
/// ```
/// use anyrt::{await_sync, leave_sync};
///
/// async fn read_line() -> String {
///     leave_sync(|| String::from("from a reader that blocks")).await.unwrap()
/// }
///
/// assert!(await_sync(read_line()).is_ok());
/// assert!(futures::executor::block_on(leave_sync(|| ())).is_err());
/// ```
#[doc(alias = "leavesync")]
#[doc(alias = "asyncfunction")]
#[doc(alias = "leavesyncmethod")]
pub fn leave_sync<F, T>(f: F) -> LeaveSync<F>
where
    F: FnOnce() -> T,
{
    LeaveSync { f: Some(f) }
}

/// The future of [`leave_sync`]: the value of the function, or that it was not called.
///
/// # Panics
///
/// With the panic of the function, and when it is polled again after it was ready.
#[must_use = "a future does nothing unless it is awaited"]
pub struct LeaveSync<F> {
    f: Option<F>,
}

// The function is never pinned: it is called once, by value.
impl<F> Unpin for LeaveSync<F> {}

impl<F, T> Future for LeaveSync<F>
where
    F: FnOnce() -> T,
{
    type Output = Result<T, SyncDriveRequired>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let f = self.f.take();
        let f = f.expect("a `LeaveSync` was polled after it was ready");
        if let Err(refused) = require_sync_drive() {
            return Poll::Ready(Err(refused));
        }
        if is_driven_in_poll() {
            return Poll::Ready(Ok(f()));
        }
        // Where the drive began nobody polls, so here it may block as there.
        let mut here = frame::current();
        let _sync = Entered::job(&mut here);
        let _none = Depth::none();
        Poll::Ready(Ok(f()))
    }
}

impl<F> fmt::Debug for LeaveSync<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaveSync")
            .field("called", &self.f.is_none())
            .finish()
    }
}
