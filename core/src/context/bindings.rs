//! What is bound somewhere, as a value: to run other code among it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::{Chain, Entered, Within};

/// What is bound in one place, to be bound in another: a snapshot of all [`ContextVar`]s.
///
/// A snapshot is one count of an `Arc`, however much is bound. Variables that are
/// [`not_inherited`](crate::ContextVar::not_inherited) are in it too: it is what the code here sees.
///
/// [`ContextVar`]: crate::ContextVar
///
/// # Examples
///
/// ```
/// use anyrt::{Bindings, ContextVar, backend::builtin::BuiltinRuntime, prelude::*};
///
/// static USER: ContextVar<&str> = ContextVar::new("user");
///
/// let of_ann = USER.sync_scope("ann", Bindings::here);
/// assert_eq!(USER.get(), None);
/// assert_eq!(BuiltinRuntime::new().block_on(of_ann.run(async { USER.get() })), Some("ann"));
/// ```
#[derive(Clone, Default)]
#[doc(alias = "copy_context")]
#[doc(alias = "Context")]
pub struct Bindings(Chain);

impl Bindings {
    /// Returns what is bound here and now.
    #[doc(alias = "get_current_context")]
    pub fn here() -> Self {
        Bindings(Chain::capture())
    }

    /// Returns a snapshot in which nothing is bound.
    ///
    /// It counts where it is given: what runs in it sees nothing, whatever is bound around.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Bindings, ContextVar};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// USER.sync_scope("ann", || Bindings::none().sync_run(|| assert_eq!(USER.get(), None)));
    /// ```
    pub fn none() -> Self {
        Bindings(Chain::EMPTY)
    }

    /// Runs `future` among these bindings, whatever is bound around it.
    ///
    /// They hold on each poll and while it is dropped. What is bound around is not touched.
    ///
    /// Cancel safe as far as `future` is: dropping this drops it.
    #[doc(alias = "coro_await")]
    pub fn run<F: Future>(&self, future: F) -> InBindings<F> {
        InBindings {
            future: Within::with(self.0.clone(), future),
        }
    }

    /// Calls `f` among these bindings. A panic of `f` passes.
    pub fn sync_run<T>(&self, f: impl FnOnce() -> T) -> T {
        let mut chain = self.0.clone();
        let _entered = Entered::new(&mut chain);
        f()
    }

    pub(crate) fn into_chain(self) -> Chain {
        self.0
    }
}

impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bindings").field(&self.0).finish()
    }
}

/// The future of [`Bindings::run`].
///
/// Polled again after it was ready, it polls the future inside again.
#[derive(Debug)]
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct InBindings<F> {
    #[pin]
    future: Within<F>,
}

impl<F: Future> Future for InBindings<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
