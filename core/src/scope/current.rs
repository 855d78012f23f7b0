//! The scope that the code runs in.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::child::Child;
use super::in_scope::{Birth, spawn};
use super::outcome::AnyValue;
use super::shared::Shared;
use crate::region::{Reason, enclosing_scope};
use crate::runtime::{Spawn, Timer};

/// Returns the innermost scope that this code runs in: as its body, or as a child of it.
///
/// For code deep inside that wants to start something which belongs to whoever called it.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, current_scope, prelude::*};
///
/// async fn deep_inside() {
///     let scope = current_scope().expect("called in a scope");
///     scope.spawn(async { /* the scope waits for this */ });
/// }
///
/// let owner = BuiltinRuntime::new();
/// assert!(current_scope().is_none());
/// owner.block_on(owner.handle().scope(async |s| {
///     deep_inside().await;
///     assert_eq!(s.spawned(), 1);
/// }));
/// ```
#[doc(alias = "current_taskgroup")]
#[doc(alias = "current_ptaskgroup")]
pub fn current_scope() -> Option<AnyScope> {
    let scope = enclosing_scope()?;
    let handle = scope.handle()?;
    handle.downcast().ok().map(|scope| *scope)
}

/// A handle of a scope whose types are not known: what [`current_scope`] gives.
///
/// A clone of it is another handle of the same scope.
#[derive(Clone)]
pub struct AnyScope {
    scope: Arc<dyn Erased>,
}

trait Erased: Send + Sync {
    fn spawn(&self, birth: Birth, future: futures::future::BoxFuture<'static, ()>) -> Child<()>;
    fn cancel_children(&self, reason: Reason);
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

struct Of<R, E>(Arc<Shared<R, E>>);

impl<R: Spawn + Timer, E: Send + 'static> Erased for Of<R, E> {
    fn spawn(&self, birth: Birth, future: futures::future::BoxFuture<'static, ()>) -> Child<()> {
        spawn::<AnyValue, _, _, _>(&self.0, birth, future).unwrap_or_else(|refused| refused.child)
    }

    fn cancel_children(&self, reason: Reason) {
        self.0.cancel_children(&reason);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe("AnyScope", f)
    }
}

impl AnyScope {
    pub(super) fn of<R: Spawn + Timer, E: Send + 'static>(scope: Arc<Shared<R, E>>) -> Self {
        AnyScope {
            scope: Arc::new(Of(scope)),
        }
    }

    /// Spawns a child of nothing, as [`Scope::spawn`](crate::Scope::spawn) does.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Child<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.scope.spawn(Birth::here(), Box::pin(future))
    }

    /// Asks all children of the scope to stop, and neither the body nor children to come.
    pub fn cancel_children(&self, reason: impl Into<Reason>) {
        self.scope.cancel_children(reason.into());
    }
}

impl fmt::Debug for AnyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scope.describe(f)
    }
}
