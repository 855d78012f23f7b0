//! The two plain scopes, and the builder of all others.

use std::any::Any;
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project::pin_project;

use super::child_error::ChildError;
use super::handle::{Scope, TryScope};
use super::policy::{OnError, Verdict};
use super::run::{Extras, Run, tell_of_body};
use super::scope_error::ScopeError;
use super::shared::{Rules, Shared};
use crate::region::{CancelToken, ShieldHold};
use crate::runtime::{Spawn, Timer};

/// The future of [`Runtime::scope`](crate::Runtime::scope).
///
/// Dropping it drops the body at once, and asks the children to stop; the task around it waits for them,
/// and runs the clean-ups.
#[pin_project]
#[must_use = "a scope does nothing unless it is awaited"]
pub struct ScopeFuture<R: Spawn + Timer, Fut: Future> {
    #[pin]
    run: Run<R, Infallible, Fut>,
}

#[track_caller]
pub(crate) fn scope<R, F, Fut>(rt: &R, body: F) -> ScopeFuture<R, Fut>
where
    R: Spawn + Timer,
    F: FnOnce(Scope<R>) -> Fut,
    Fut: Future,
{
    scope_at(rt, Location::caller(), body)
}

pub(crate) fn scope_at<R, F, Fut>(
    rt: &R,
    at: &'static Location<'static>,
    body: F,
) -> ScopeFuture<R, Fut>
where
    R: Spawn + Timer,
    F: FnOnce(Scope<R>) -> Fut,
    Fut: Future,
{
    let scope = Shared::new(rt.clone(), Rules::default(), None, None, at);
    ScopeFuture {
        run: plain(scope, body, None),
    }
}

/// A scope whose body looks at its children in the order in which they end, and has no more use for those
/// that are left when it is over. What fails among them then is reported.
#[track_caller]
pub(crate) fn scope_of_arms<R, F, Fut>(rt: &R, body: F) -> ScopeFuture<R, Fut>
where
    R: Spawn + Timer,
    F: FnOnce(Scope<R>) -> Fut,
    Fut: Future,
{
    let rules = Rules {
        on_error: OnError::Report,
        cancel_on_exit: true,
        remember_ends: true,
        ..Rules::default()
    };
    let scope = Shared::new(rt.clone(), rules, None, None, Location::caller());
    ScopeFuture {
        run: plain(scope, body, None),
    }
}

impl<R: Spawn + Timer, Fut: Future> Future for ScopeFuture<R, Fut> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let mut run = self.project().run;
        let end = ready!(run.as_mut().poll_end(cx));
        Poll::Ready(end.into_value(run.scope()))
    }
}

/// The future of a scope made by [`Runtime::scope_with`](crate::Runtime::scope_with) with `run`.
///
/// Dropping it does as dropping a [`ScopeFuture`] does.
#[pin_project]
#[must_use = "a scope does nothing unless it is awaited"]
pub struct RunScope<R: Spawn + Timer, Fut: Future> {
    #[pin]
    run: Run<R, Infallible, Fut>,
}

impl<R: Spawn + Timer, Fut: Future> Future for RunScope<R, Fut> {
    type Output = Result<Fut::Output, ScopeError<Infallible>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut run = self.project().run;
        let end = ready!(run.as_mut().poll_end(cx));
        Poll::Ready(end.into_result(run.scope()))
    }
}

/// The future of [`Runtime::try_scope`](crate::Runtime::try_scope), and of `try_run`.
///
/// Dropping it does as dropping a [`ScopeFuture`] does.
#[pin_project]
#[must_use = "a scope does nothing unless it is awaited"]
pub struct TryScopeFuture<R: Spawn + Timer, E: Send + 'static, Fut: Future> {
    #[pin]
    run: Run<R, E, Fut>,
}

#[track_caller]
pub(crate) fn try_scope<R, E, F, Fut, T>(rt: &R, body: F) -> TryScopeFuture<R, E, Fut>
where
    R: Spawn + Timer,
    E: Send + 'static,
    F: FnOnce(TryScope<R, E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    try_scope_at(rt, Location::caller(), body)
}

pub(crate) fn try_scope_at<R, E, F, Fut, T>(
    rt: &R,
    at: &'static Location<'static>,
    body: F,
) -> TryScopeFuture<R, E, Fut>
where
    R: Spawn + Timer,
    E: Send + 'static,
    F: FnOnce(TryScope<R, E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let scope = Shared::new(rt.clone(), Rules::default(), None, None, at);
    TryScopeFuture {
        run: fallible(scope, body, None),
    }
}

impl<R, E, Fut, T> Future for TryScopeFuture<R, E, Fut>
where
    R: Spawn + Timer,
    E: Send + 'static,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Result<T, ScopeError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut run = self.project().run;
        let end = ready!(run.as_mut().poll_end(cx));
        // The error of a body is told to the scope: what comes back is a value.
        let end = end.map(Result::ok);
        Poll::Ready(end.into_result(run.scope()))
    }
}

type MoreRules<R> = Option<Box<Extras<R>>>;

/// A scope whose children cannot fail.
fn plain<R, F, Fut>(
    scope: Arc<Shared<R, Infallible>>,
    body: F,
    extras: MoreRules<R>,
) -> Run<R, Infallible, Fut>
where
    R: Spawn + Timer,
    F: FnOnce(Scope<R>) -> Fut,
    Fut: Future,
{
    let future = body(Scope::of(&scope));
    Run::new(scope, |_, value| Some(value), future, extras)
}

/// One whose children may fail.
fn fallible<R, E, F, Fut, T>(
    scope: Arc<Shared<R, E>>,
    body: F,
    extras: MoreRules<R>,
) -> Run<R, E, Fut>
where
    R: Spawn + Timer,
    E: Send + 'static,
    F: FnOnce(TryScope<R, E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let future = body(TryScope::of(&scope));
    let sort = |scope: &dyn Any, output| match (output, scope.downcast_ref::<Shared<R, E>>()) {
        (Err(error), Some(scope)) => {
            tell_of_body(scope, error);
            None
        }
        (output, _) => Some(output),
    };
    Run::new(scope, sort, future, extras)
}

macro_rules! debug {
    ($name:ident, $($params:ident)*, $($bounds:tt)*) => {
        impl<$($params),*> fmt::Debug for $name<$($params),*>
        where
            R: Spawn + Timer,
            Fut: Future,
            $($bounds)*
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.run.scope().describe(stringify!($name), f)
            }
        }
    };
}

debug!(ScopeFuture, R Fut,);
debug!(RunScope, R Fut,);
debug!(TryScopeFuture, R E Fut, E: Send + 'static);

/// Words about a scope before it is opened: what [`scope_with`](crate::Runtime::scope_with) gives.
///
/// What a scope does when something fails is its *policy*. The default stops everything at the first
/// failure; [`collect_errors`](ScopeWith::collect_errors), [`supervise`](ScopeWith::supervise) and
/// [`long_lived`](ScopeWith::long_lived) are the others, and the last one said counts.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// let outcome = owner.block_on(
///     rt.scope_with()
///         .name("checks")
///         .collect_errors()
///         .limit(2)
///         .within(Duration::from_secs(60))
///         .try_run(async |s| {
///             for n in 0..5 {
///                 s.spawn(async move { if n % 2 == 0 { Ok(()) } else { Err(n) } });
///             }
///             Ok(())
///         }),
/// );
/// let error = outcome.unwrap_err();
/// assert_eq!(error.name(), Some("checks"));
/// assert_eq!(error.errors().unwrap().len(), 2); // those of 1 and 3, in the order of their coming
/// ```
#[must_use = "nothing runs until `run` or `try_run` is called, and its future awaited"]
pub struct ScopeWith<'a, R: Timer, E> {
    rt: &'a R,
    name: Option<Cow<'static, str>>,
    limit: Option<usize>,
    cleanup_limit: Option<Duration>,
    rules: Rules<E>,
    extras: Option<Box<Extras<R>>>,
}

impl<'a, R: Spawn + Timer, E: Send + 'static> ScopeWith<'a, R, E> {
    pub(crate) fn new(rt: &'a R) -> Self {
        ScopeWith {
            rt,
            name: None,
            limit: None,
            cleanup_limit: None,
            rules: Rules::default(),
            extras: None,
        }
    }

    pub(super) fn rt(&self) -> &'a R {
        self.rt
    }

    fn extras(&mut self) -> &mut Extras<R> {
        self.extras.get_or_insert_default()
    }

    /// Names the scope, for errors and reports.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Lets at most this many children run at a time; zero counts as one.
    ///
    /// Spawning never waits: who comes later is queued unpolled, first in, first out, and dropped unrun
    /// when the scope stops. A child that waits for one in the queue lets it start beyond the limit, so
    /// that recursion does not deadlock.
    pub fn limit(mut self, most: usize) -> Self {
        self.limit = Some(most);
        self
    }

    /// Stops the scope when this much time has passed since its first poll, shielded or not.
    ///
    /// It then gives an error that [is elapsed](ScopeError::is_elapsed): once everything in it has
    /// unwound, which may be later. A value that is there is given, if no child was stopped for it.
    #[doc(alias = "timeout")]
    pub fn within(mut self, duration: Duration) -> Self {
        self.extras().within = Some(duration);
        self
    }

    /// Limits how long the scope may take to unwind; if it is not said, the limit of the task around counts.
    ///
    /// Counted from the moment a request reaches it (from outside, by a failure, its time, its token), or,
    /// where nobody asked, from the end of its body, as long as its clean-ups run. When it passes, the
    /// scope is [killed](TryScope::kill), or, where nobody asked, only its clean-ups are; and a
    /// [`Failure`](crate::Failure) of [`Phase::CleanUpDeadline`](crate::Phase::CleanUpDeadline) says so. A
    /// scope that just waits for children has no deadline. `Duration::MAX` is never.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, shield};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let scope = rt.scope_with().cleanup_deadline(Duration::from_millis(1));
    /// let outcome: Result<(), _> = owner.block_on(scope.try_run(async |s| {
    ///     s.spawn(shield(std::future::pending::<()>())); // ignores the request
    ///     Err("stop everything")
    /// }));
    /// assert_eq!(outcome.unwrap_err().into_first_error().unwrap(), "stop everything");
    /// ```
    pub fn cleanup_deadline(mut self, limit: Duration) -> Self {
        self.cleanup_limit = Some(limit);
        self
    }

    /// Stops the scope when `token` is cancelled; it then gives an error that
    /// [is cancelled](ScopeError::is_cancelled).
    ///
    /// A token that was cancelled before starts nothing.
    pub fn until(mut self, token: &CancelToken) -> Self {
        self.extras().token = Some(token.clone());
        self
    }

    /// Keeps requests from outside away from the scope: from its body, and from its children.
    ///
    /// They take effect where the code around suspends after it. The scope's own deadline, token and
    /// failures work all the same.
    pub fn shielded(mut self) -> Self {
        self.extras().shield = Some(ShieldHold::default());
        self
    }

    /// Lets everybody go on when a child fails; all errors come in the end, in the order of their coming.
    ///
    /// Neither the other children nor the body are disturbed, and an error of the body joins them, while
    /// the children run to their end.
    #[doc(alias = "gather")]
    pub fn collect_errors(mut self) -> Self {
        self.rules.on_error = OnError::Collect;
        self
    }

    /// Asks `handler` what is to become of the scope when a child fails.
    ///
    /// It is called on the child's task before anybody else learns of the failure, and must not block. An
    /// error of the body stops the scope. If the handler itself panics, its panic and the error go to the
    /// hook of [`set_failure_hook`](crate::set_failure_hook), and everybody goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use anyrt::{Verdict, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// static FAILED: AtomicUsize = AtomicUsize::new(0);
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let supervised = rt.scope_with().supervise(|error| match error.is_panic() {
    ///     true => Verdict::Stop,
    ///     false => {
    ///         FAILED.fetch_add(1, Ordering::Relaxed);
    ///         Verdict::Continue
    ///     }
    /// });
    /// let outcome = owner.block_on(supervised.try_run(async |s| {
    ///     s.spawn(async { Err::<(), _>("a client hung up") });
    ///     s.spawn(async { /* a client that behaves */ });
    ///     Ok("served")
    /// }));
    /// assert_eq!(outcome.unwrap(), "served");
    /// assert_eq!(FAILED.load(Ordering::Relaxed), 1);
    /// ```
    #[doc(alias = "exception_handler")]
    pub fn supervise<H>(mut self, handler: H) -> Self
    where
        H: Fn(&ChildError<E>) -> Verdict + Send + Sync + 'static,
    {
        self.rules.on_error = OnError::Supervise(Box::new(handler));
        self
    }

    /// Reports the errors of children at once, to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook), and keeps none.
    ///
    /// For scopes that live as long as the program: nobody is disturbed, and nothing grows.
    #[doc(alias = "PersistentTaskGroup")]
    #[doc(alias = "Supervisor")]
    pub fn long_lived(mut self) -> Self {
        self.rules.on_error = OnError::Report;
        self
    }

    /// Asks the children to stop when the body has ended, whatever it gives.
    ///
    /// So helpers of the body need not be stopped by hand, and that they were stopped is no error. One that
    /// fails on its way out is an error as ever.
    #[doc(alias = "task_scope")]
    pub fn cancel_on_exit(mut self) -> Self {
        self.rules.cancel_on_exit = true;
        self
    }

    /// Keeps at most this many errors, 1,000 if it is not said; the others go to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook), and are counted in the group.
    ///
    /// The first one is always kept.
    pub fn errors_kept(mut self, most: usize) -> Self {
        self.rules.errors_kept = most;
        self
    }

    /// Runs a scope of children that may fail with an `E`, like its body.
    ///
    /// # Errors
    ///
    /// [`ScopeError`]: what failed, and whether the time was up or the scope cancelled.
    ///
    /// # Panics
    ///
    /// With a panic of the body, once everything is gone. One of a child is an error.
    #[track_caller]
    pub fn try_run<F, Fut, T>(self, body: F) -> TryScopeFuture<R, E, Fut>
    where
        F: FnOnce(TryScope<R, E>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let caller = Location::caller();
        let scope = Shared::new(self.rt.clone(), self.rules, self.limit, self.name, caller);
        if let Some(limit) = self.cleanup_limit {
            scope.region.limit_cleanups(limit);
        }
        TryScopeFuture {
            run: fallible(scope, body, self.extras),
        }
    }
}

impl<R: Spawn + Timer> ScopeWith<'_, R, Infallible> {
    /// Runs a scope of children that cannot fail.
    ///
    /// # Errors
    ///
    /// [`ScopeError`]: a child panicked, the time was up, or the scope cancelled.
    ///
    /// # Panics
    ///
    /// With a panic of the body, once everything is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let scope = rt.scope_with().within(Duration::from_millis(1)).run(async |s| {
    ///     s.spawn(std::future::pending::<()>());
    /// });
    /// assert!(owner.block_on(scope).unwrap_err().is_elapsed());
    /// ```
    #[track_caller]
    pub fn run<F, Fut>(self, body: F) -> RunScope<R, Fut>
    where
        F: FnOnce(Scope<R>) -> Fut,
        Fut: Future,
    {
        let caller = Location::caller();
        let scope = Shared::new(self.rt.clone(), self.rules, self.limit, self.name, caller);
        if let Some(limit) = self.cleanup_limit {
            scope.region.limit_cleanups(limit);
        }
        RunScope {
            run: plain(scope, body, self.extras),
        }
    }
}

impl<R: Timer, E> fmt::Debug for ScopeWith<'_, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeWith")
            .field("name", &self.name)
            .field("limit", &self.limit)
            .field("on_error", &self.rules.on_error)
            .field("cancel_on_exit", &self.rules.cancel_on_exit)
            .finish_non_exhaustive()
    }
}
