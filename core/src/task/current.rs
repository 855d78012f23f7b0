//! The runtime of the code that is running.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use crate::context::Within;
use crate::region::frame::{self, Entered};
use crate::region::runtime_of;
use crate::runtime::AnyRuntime;

/// Returns the runtime of the task that this thread is running.
///
/// A blocking job, the future of `block_on` and a [`rooted`](crate::rooted) one count as tasks here.
/// The innermost one counts. To look further, use `anyrt::find`.
///
/// # Errors
///
/// [`NoRuntime`] if this thread is running none of them.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// async fn double(n: u32) -> u32 {
///     let rt = anyrt::current().expect("called from a task");
///     rt.spawn(async move { n * 2 }).await.unwrap()
/// }
///
/// assert!(anyrt::current().is_err());
/// assert_eq!(BuiltinRuntime::new().block_on(double(21)), 42);
/// ```
#[doc(alias = "get_running_loop")]
pub fn current() -> Result<AnyRuntime, NoRuntime> {
    if let Some(rt) = frame::look(|member| member?.region().erased_runtime()) {
        return Ok(rt);
    }
    let rt = frame::current().and_then(|member| runtime_of(&member));
    rt.ok_or(NoRuntime::new(
        "no task of anyrt is running on this thread; enter one with `block_on`, `spawn`, or \
             `rooted(&rt, future)`",
    ))
}

/// No runtime was found where one was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRuntime {
    looked: &'static str,
}

impl NoRuntime {
    /// Makes the error of a look-up that ended with `looked`.
    #[doc(hidden)]
    pub fn new(looked: &'static str) -> Self {
        NoRuntime { looked }
    }
}

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no runtime found: {}", self.looked)
    }
}

impl std::error::Error for NoRuntime {}

/// Polls `future` as if no task of this library were running around it.
///
/// For an executor of your own that is driven from inside a task: what it runs does not belong to
/// that task, so [`current`] must not give it the task's runtime, and no
/// [`ContextVar`](crate::ContextVar) is bound there.
///
/// Cancel safe as far as `future` is. Polling it after it was ready is up to `future`.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, outside_regions, prelude::*};
///
/// BuiltinRuntime::new().block_on(async {
///     assert!(anyrt::current().is_ok());
///     outside_regions(async { assert!(anyrt::current().is_err()) }).await;
///     assert!(anyrt::current().is_ok());
/// });
/// ```
pub fn outside_regions<F: Future>(future: F) -> OutsideRegions<F> {
    OutsideRegions {
        future: Within::nothing(future),
    }
}

/// The future of [`outside_regions`].
#[derive(Debug)]
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct OutsideRegions<F> {
    #[pin]
    future: Within<F>,
}

impl<F: Future> Future for OutsideRegions<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut around = None;
        let _outside = Entered::outside(&mut around);
        self.project().future.poll(cx)
    }
}
