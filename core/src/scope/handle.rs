//! The handles of a scope: what its body and its children use to spawn.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::adopt::Adopted;
use super::child::Child;
use super::in_scope::{Birth, Refused, spawn, spawn_job};
use super::outcome::{AnyValue, Fallible, Outcome};
use super::scope_error::Stop;
use super::shared::Shared;
use super::start::{Ready, Start, start};
use super::wait::{Goal, NextChild, NextEnded, ScopeWait, WaitFor};
use super::when_free::SpawnWhenFree;
use crate::context::Within;
use crate::region::{NoRegion, Reason, shield};
use crate::runtime::{Spawn, Timer, after};

/// The handle of a scope whose children cannot fail.
///
/// Given to the body of [`scope`](crate::Runtime::scope). A clone is another handle of the same scope, so
/// children may hold one and spawn more. It does not keep the scope open: kept longer, it spawns children
/// that are cancelled already.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// let (found, reached) = std::sync::mpsc::channel();
/// owner.block_on(rt.scope(async |s| {
///     let inner = s.clone();
///     s.spawn(async move {
///         // A child of a child is a child of the scope, and may outlive the first.
///         inner.spawn(async move { found.send("grandchild").unwrap() });
///     });
/// }));
/// assert_eq!(reached.try_recv(), Ok("grandchild"));
/// ```
#[doc(alias = "Nursery")]
#[doc(alias = "TaskScope")]
pub struct Scope<R> {
    pub(super) scope: Arc<Shared<R, Infallible>>,
}

/// The handle of a scope whose children may fail with an `E`.
///
/// Given to the body of [`try_scope`](crate::Runtime::try_scope). Like [`Scope`], and it can stop the whole
/// scope: [`cancel`](TryScope::cancel), [`close`](TryScope::close).
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// let outcome: Result<(), _> = owner.block_on(rt.try_scope(async |s| {
///     s.spawn(async { Err::<(), _>("no such host") });
///     s.spawn(std::future::pending::<()>()); // stopped by the failure of the first
///     Ok(())
/// }));
/// let error = outcome.unwrap_err();
/// assert!(error.errors().unwrap().errors().eq(&["no such host"]), "{error}");
/// ```
#[doc(alias = "TaskGroup")]
#[doc(alias = "ExtraTaskGroup")]
pub struct TryScope<R, E> {
    pub(super) scope: Arc<Shared<R, E>>,
}

#[cfg(test)]
impl<R: Spawn + Timer> Scope<R> {
    /// How many are listed to be asked, dead or alive.
    pub(super) fn listed(&self) -> usize {
        self.scope.region.kids().0
    }
}

impl<R: Spawn + Timer> Scope<R> {
    /// The children in the order of their ends, where the scope remembers it.
    pub(crate) fn next_ended(&self) -> NextEnded<R, Infallible> {
        NextEnded::new(&self.scope)
    }
}

impl<'a, S> SpawnChild<'a, S> {
    pub(super) fn new(scope: &'a S) -> Self {
        SpawnChild {
            scope,
            name: None,
            location: None,
            cleanup_limit: None,
        }
    }
}

impl<R> Scope<R> {
    pub(super) fn of(scope: &Arc<Shared<R, Infallible>>) -> Self {
        Scope {
            scope: Arc::clone(scope),
        }
    }
}

impl<R, E> TryScope<R, E> {
    pub(super) fn shared(&self) -> &Arc<Shared<R, E>> {
        &self.scope
    }

    pub(super) fn of(scope: &Arc<Shared<R, E>>) -> Self {
        TryScope {
            scope: Arc::clone(scope),
        }
    }
}

/// What both handles have.
macro_rules! common {
    ([$($params:tt)*] $handle:ty, $error:ty) => {
        impl<$($params)*> $handle {
            /// Returns the runtime that the children run on.
            pub fn rt(&self) -> &R {
                &self.scope.rt
            }

            /// Where the scope was opened.
            pub(crate) fn opened_at(&self) -> &'static Location<'static> {
                self.scope.region.location()
            }

            /// Returns a future that is ready after `duration`: [`Runtime::sleep`](crate::Runtime::sleep).
            pub fn sleep(&self, duration: Duration) -> R::Sleep {
                let rt = self.rt();
                rt.sleep_until(after(rt.now(), duration))
            }

            /// Begins a spawn that says more about the child: its name, its clean-up deadline.
            pub fn spawn_with(&self) -> SpawnChild<'_, Self> {
                SpawnChild {
                    scope: self,
                    name: None,
                    location: None,
                    cleanup_limit: None,
                }
            }

            /// Spawns a child that a request does not stop once it has begun, and whose value may be
            /// awaited in a `select!` without harm.
            ///
            /// A [`shield`](crate::shield()) keeps a request away, but not a future around it that drops it.
            /// This one is the scope's: drop what awaits it, and it still runs to its end.
            ///
            /// # Examples
            ///
            /// ```
            /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
            ///
            /// let owner = BuiltinRuntime::new();
            /// let rt = owner.handle();
            /// let (done, is_done) = std::sync::mpsc::channel();
            /// owner.block_on(rt.scope(async |s| {
            ///     let commit = s.protect(async move { done.send("committed").unwrap() });
            ///     drop(commit); // as a losing arm of a `select!` would be
            /// }));
            /// assert_eq!(is_done.try_recv(), Ok("committed"));
            /// ```
            #[track_caller]
            pub fn protect<F>(&self, future: F) -> Child<F::Output>
            where
                F: Future + Send + 'static,
                F::Output: Send + 'static,
            {
                let spawned = spawn::<AnyValue, _, _, _>(&self.scope, Birth::here(), shield(future));
                spawned.unwrap_or_else(|refused| refused.child)
            }

            /// Makes a child of what was started elsewhere.
            ///
            /// `handle` is what is awaited, such as the `JoinHandle` of a runtime; `stop` is called once if
            /// the child is asked to stop, to pass that on. The child does not end before `handle` is ready.
            ///
            /// # Examples
            ///
            /// ```
            /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
            ///
            /// let owner = BuiltinRuntime::new();
            /// let rt = owner.handle();
            /// let elsewhere = rt.spawn(async { 5 });
            /// let value = owner.block_on(rt.scope(async |s| {
            ///     let child = s.adopt(elsewhere, |task| task.cancel("the scope stops"));
            ///     child.await.unwrap()
            /// }));
            /// assert_eq!(value, 5);
            /// ```
            #[track_caller]
            pub fn adopt<H, S>(&self, handle: H, stop: S) -> Child<H::Output>
            where
                H: Future + Send + 'static,
                H::Output: Send + 'static,
                S: FnOnce(Pin<&mut H>) + Send + 'static,
            {
                self.protect(Adopted::new(handle, stop))
            }

            /// Registers a clean-up of the scope: it runs when the body and all children are gone.
            ///
            /// The newest first, whatever became of the scope. A [`defer`](crate::defer()) in the body runs
            /// when the *body* has ended, beside the children that are left.
            ///
            /// # Errors
            ///
            /// [`NoRegion`] with the clean-up, if the scope is over.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::sync::mpsc::channel;
            /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
            ///
            /// let owner = BuiltinRuntime::new();
            /// let (log, logged) = channel();
            /// owner.block_on(owner.handle().scope(async |s| {
            ///     let (child, last) = (log.clone(), log.clone());
            ///     s.defer(async move { last.send("pool closed").unwrap() }).unwrap();
            ///     s.spawn(async move { child.send("child done").unwrap() });
            /// }));
            /// drop(log);
            /// assert_eq!(logged.iter().collect::<Vec<_>>(), ["child done", "pool closed"]);
            /// ```
            pub fn defer<F>(&self, cleanup: F) -> Result<(), NoRegion<F>>
            where
                F: Future<Output = ()> + Send + 'static,
            {
                if self.scope.region.is_done() {
                    return Err(NoRegion(cleanup));
                }
                self.scope.defer(Box::pin(Within::here(cleanup)));
                Ok(())
            }

            /// Waits until one more child has ended, however it did; `false` when none is left.
            ///
            /// Each end counts once, whoever waits. It is the loop that starts another as soon as one is
            /// through:
            ///
            /// ```
            /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
            ///
            /// let owner = BuiltinRuntime::new();
            /// owner.block_on(owner.handle().scope(async |s| {
            ///     let mut jobs = (0..10).map(|n| async move { n * n });
            ///     jobs.by_ref().take(3).for_each(|job| drop(s.spawn(job)));
            ///     while s.next().await {
            ///         jobs.next().map(|job| s.spawn(job));
            ///     }
            ///     assert_eq!(s.spawned(), 10);
            /// }));
            /// ```
            #[doc(alias = "join_next")]
            pub fn next(&self) -> NextChild<R, $error> {
                NextChild::new(&self.scope)
            }

            /// Waits for something to happen: all gone, the first one done, the first error.
            ///
            /// Ready at once if it has happened. [`within`](ScopeWait::within) sets a time, which cancels
            /// nobody.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): the time is up, or a child waits for all children, itself
            /// among them.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::time::Duration;
            /// use anyrt::{WaitFor, backend::builtin::BuiltinRuntime, prelude::*};
            ///
            /// let owner = BuiltinRuntime::new();
            /// owner.block_on(owner.handle().scope(async |s| {
            ///     s.spawn(async {});
            ///     let endless = s.spawn(std::future::pending::<()>());
            ///     s.wait(WaitFor::FirstDone).await.unwrap();
            ///     let all = s.wait(WaitFor::All).within(Duration::from_millis(1)).await;
            ///     assert!(all.unwrap_err().is_elapsed());
            ///     endless.cancel("that was the point");
            /// }));
            /// ```
            pub fn wait(&self, what: WaitFor) -> ScopeWait<R, $error> {
                ScopeWait::new(&self.scope, Goal::Public(what))
            }

            /// Asks all children to stop, and neither the body nor children to come.
            pub fn cancel_children(&self, reason: impl Into<Reason>) {
                self.scope.cancel_children(&reason.into());
            }

            /// Returns how many children live: those that wait for their turn, too.
            pub fn live(&self) -> usize {
                self.scope.live()
            }

            /// Returns how many children were ever spawned.
            pub fn spawned(&self) -> usize {
                self.scope.spawned()
            }

            /// Returns the scope's name, if it was given one.
            pub fn name(&self) -> Option<Cow<'static, str>> {
                self.scope.region.name()
            }

            /// Returns where the scope was opened.
            pub fn location(&self) -> &'static Location<'static> {
                self.scope.region.location()
            }
        }

        impl<$($params)*> Clone for $handle {
            fn clone(&self) -> Self {
                Self {
                    scope: Arc::clone(&self.scope),
                }
            }
        }
    };
}

common!([R: Spawn + Timer] Scope<R>, Infallible);
common!([R: Spawn + Timer, E: Send + 'static] TryScope<R, E>, E);

impl<R: Spawn + Timer> Scope<R> {
    /// Spawns a child; its handle is a future of its value, and may be dropped.
    ///
    /// The scope ends when the child is gone. A panic of the child stops the others and the body, and goes
    /// on where the scope is awaited, once all are gone.
    ///
    /// On a scope that is asked to stop, or is over, the future is dropped, and the child is cancelled
    /// already: [`try_spawn`](Scope::try_spawn) gives it back.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let both = owner.block_on(rt.scope(async |s| {
    ///     let (a, b) = (s.spawn(async { 'a' }), s.spawn(async { 'b' }));
    ///     (a.await, b.await)
    /// }));
    /// assert_eq!(both, ('a', 'b'));
    /// ```
    #[track_caller]
    #[doc(alias = "create_task")]
    #[doc(alias = "start_soon")]
    pub fn spawn<F>(&self, future: F) -> Child<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let spawned = spawn::<AnyValue, _, _, _>(&self.scope, Birth::here(), future);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Does as [`spawn`](Scope::spawn) does, or gives the future back.
    ///
    /// # Errors
    ///
    /// [`Refused`] with the future, if the scope is asked to stop or over.
    #[track_caller]
    pub fn try_spawn<F>(&self, future: F) -> Result<Child<F::Output>, Refused<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn::<AnyValue, _, _, _>(&self.scope, Birth::here(), future)
            .map_err(|refused| refused.back)
    }

    /// Waits until there is room under the scope's limit, and spawns then.
    ///
    /// For a producer that must not run ahead: [`spawn`](Scope::spawn) itself never waits, it queues.
    /// Cancel safe: dropped before it is ready, it has spawned nothing.
    #[track_caller]
    pub fn spawn_when_free<F>(&self, future: F) -> SpawnWhenFree<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        SpawnWhenFree::new::<AnyValue, _, _, _>(&self.scope, Birth::here(), future)
    }

    /// Spawns a blocking job as a child: the scope waits for it.
    ///
    /// A request keeps it from starting; once it has started it ends by itself, and may look at
    /// [`cancel_requested`](crate::cancel_requested).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, job: F) -> Child<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let spawned = spawn_job::<AnyValue, _, _, _, _>(&self.scope, Birth::here(), job);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Starts a child and waits until it says that it is ready, with a value.
    ///
    /// # Errors
    ///
    /// [`StartError`](crate::StartError): the child ended before it was ready. That is for the caller
    /// only, the scope goes on; what happens later is the scope's.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// owner.block_on(owner.handle().scope(async |s| {
    ///     let server = s.start(|ready| async move {
    ///         ready.ready(8080); // listens now, and goes on to serve
    ///     });
    ///     assert_eq!(server.await.unwrap(), 8080);
    /// }));
    /// ```
    #[track_caller]
    pub fn start<V, F, Fut>(&self, body: F) -> Start<V, Infallible>
    where
        F: FnOnce(Ready<V, Infallible>) -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
        V: Send + 'static,
    {
        let (body, started) = start::<AnyValue, _, _, _, _>(body);
        let spawned = spawn::<Fallible, _, _, _>(&self.scope, Birth::here(), body);
        started(spawned.unwrap_or_else(|refused| refused.child))
    }
}

impl<R: Spawn + Timer, E: Send + 'static> TryScope<R, E> {
    /// Spawns a child of `()` or of a `Result`; awaiting it gives the value of the `Ok`.
    ///
    /// An `Err`, and a panic, is an error of the scope. What becomes of the others then is the scope's
    /// policy: by default they are asked to stop, and so is the body.
    ///
    /// On a scope that is asked to stop, or is over, the future is dropped, and the child is cancelled
    /// already: [`try_spawn`](TryScope::try_spawn) gives it back.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let sum = owner.block_on(rt.try_scope(async |s| {
    ///     let number = s.spawn(async { "7".parse::<i32>() });
    ///     Ok(number.await + 1)
    /// }));
    /// assert_eq!(sum.unwrap(), 8);
    /// ```
    #[track_caller]
    #[doc(alias = "create_task")]
    #[doc(alias = "start_soon")]
    pub fn spawn<F, O>(&self, future: F) -> Child<O::Value>
    where
        F: Future<Output = O> + Send + 'static,
        O: Outcome<E> + Send + 'static,
    {
        let spawned = spawn::<Fallible, _, _, _>(&self.scope, Birth::here(), future);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Spawns a child of any value: what it gives is no error, whatever it is.
    #[track_caller]
    pub fn spawn_value<F>(&self, future: F) -> Child<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let spawned = spawn::<AnyValue, _, _, _>(&self.scope, Birth::here(), future);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Does as [`spawn`](TryScope::spawn) does, or gives the future back.
    ///
    /// # Errors
    ///
    /// [`Refused`] with the future, if the scope is asked to stop or over.
    #[track_caller]
    pub fn try_spawn<F, O>(&self, future: F) -> Result<Child<O::Value>, Refused<F>>
    where
        F: Future<Output = O> + Send + 'static,
        O: Outcome<E> + Send + 'static,
    {
        spawn::<Fallible, _, _, _>(&self.scope, Birth::here(), future)
            .map_err(|refused| refused.back)
    }

    /// Waits until there is room under the scope's limit, and spawns then.
    ///
    /// For a producer that must not run ahead: [`spawn`](TryScope::spawn) itself never waits, it queues.
    /// Cancel safe: dropped before it is ready, it has spawned nothing.
    #[track_caller]
    pub fn spawn_when_free<F, O>(&self, future: F) -> SpawnWhenFree<O::Value>
    where
        F: Future<Output = O> + Send + 'static,
        O: Outcome<E> + Send + 'static,
    {
        SpawnWhenFree::new::<Fallible, _, _, _>(&self.scope, Birth::here(), future)
    }

    /// Spawns a blocking job of `()` or of a `Result` as a child: the scope waits for it.
    ///
    /// A request keeps it from starting; once it has started it ends by itself, and may look at
    /// [`cancel_requested`](crate::cancel_requested).
    #[track_caller]
    pub fn spawn_blocking<F, O>(&self, job: F) -> Child<O::Value>
    where
        F: FnOnce() -> O + Send + 'static,
        O: Outcome<E> + Send + 'static,
    {
        let spawned = spawn_job::<Fallible, _, _, _, _>(&self.scope, Birth::here(), job);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Starts a child and waits until it says that it is ready, with a value.
    ///
    /// # Errors
    ///
    /// [`StartError`](crate::StartError): the child ended before it was ready. That is for the caller
    /// only, the scope goes on; what happens later is the scope's.
    #[track_caller]
    pub fn start<V, F, Fut>(&self, body: F) -> Start<V, E>
    where
        F: FnOnce(Ready<V, E>) -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: Outcome<E> + Send + 'static,
        V: Send + 'static,
    {
        let (body, started) = start::<Fallible, _, _, _, _>(body);
        let spawned = spawn::<Fallible, _, _, _>(&self.scope, Birth::here(), body);
        started(spawned.unwrap_or_else(|refused| refused.child))
    }

    /// Asks the whole scope to stop: its body and its children. Returns at once.
    ///
    /// The scope then gives an error that [is cancelled](crate::ScopeError::is_cancelled). It works on a
    /// shielded scope too: the shield keeps away who is outside.
    #[doc(alias = "abort")]
    pub fn cancel(&self, reason: impl Into<Reason>) {
        self.scope.stop(Stop::Cancelled(Some(reason.into())));
    }

    /// Stops the whole scope at once: its body, its clean-ups, and its children with theirs.
    ///
    /// As [`Task::kill`](crate::Task::kill), for all that is in the scope. It waits for its children all the
    /// same, and for blocking ones that have started; then it gives an error that
    /// [is cancelled](crate::ScopeError::is_cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, shield};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let outcome = owner.block_on(rt.try_scope(async |s| {
    ///     s.spawn(shield(std::future::pending::<()>()));
    ///     s.kill("no patience");
    ///     Ok::<_, String>(())
    /// }));
    /// assert_eq!(outcome.unwrap_err().reason().unwrap().as_str(), "no patience");
    /// ```
    pub fn kill(&self, reason: impl Into<Reason>) {
        self.scope.kill(&reason.into());
    }

    /// Asks the whole scope to stop, now; the future returned waits until it is over.
    ///
    /// # Errors
    ///
    /// [`WaitError`](crate::WaitError), where the scope would wait for itself: the code that waits runs in
    /// it. The request is made all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{ScopeError, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// let (give, handle) = futures::channel::oneshot::channel();
    /// let serving = rt.spawn({
    ///     let rt = rt.clone();
    ///     async move {
    ///         rt.try_scope(async |s| {
    ///             give.send(s.clone()).ok();
    ///             s.spawn(std::future::pending::<Result<(), String>>());
    ///             Ok(())
    ///         })
    ///         .await
    ///     }
    /// });
    /// owner.block_on(async {
    ///     handle.await.unwrap().close("closing time").await.unwrap();
    ///     let error: ScopeError<String> = serving.await.unwrap().unwrap_err();
    ///     assert_eq!(error.reason().unwrap().as_str(), "closing time");
    /// });
    /// ```
    #[doc(alias = "aclose")]
    #[doc(alias = "shutdown")]
    pub fn close(&self, reason: impl Into<Reason>) -> ScopeWait<R, E> {
        self.cancel(reason);
        ScopeWait::new(&self.scope, Goal::Closed)
    }
}

impl<R: Spawn + Timer> fmt::Debug for Scope<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scope.describe("Scope", f)
    }
}

impl<R: Spawn + Timer, E: Send + 'static> fmt::Debug for TryScope<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scope.describe("TryScope", f)
    }
}

/// Words to say about a child before it is spawned: what `spawn_with` of a scope gives.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// owner.block_on(owner.handle().scope(async |s| {
///     let child = s.spawn_with().name("mailer").spawn(async {});
///     assert_eq!(child.name().as_deref(), Some("mailer"));
/// }));
/// ```
#[derive(Debug)]
#[must_use = "nothing is spawned until `spawn` or `spawn_blocking` is called"]
pub struct SpawnChild<'a, S> {
    pub(super) scope: &'a S,
    name: Option<Cow<'static, str>>,
    location: Option<&'static Location<'static>>,
    cleanup_limit: Option<Duration>,
}

impl<S> SpawnChild<'_, S> {
    /// Says where the child is spawned, if it is not the caller's place.
    pub(crate) fn at(mut self, location: &'static Location<'static>) -> Self {
        self.location = Some(location);
        self
    }

    /// Names the child, for errors and reports.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Limits how long the child may take to unwind; if it is not said, the limit of its scope counts.
    ///
    /// As [`SpawnWith::cleanup_deadline`](crate::SpawnWith::cleanup_deadline). When the one of the scope
    /// passes first, its children are killed too.
    pub fn cleanup_deadline(mut self, limit: Duration) -> Self {
        self.cleanup_limit = Some(limit);
        self
    }

    #[track_caller]
    pub(super) fn birth(self) -> Birth {
        Birth {
            name: self.name,
            location: self.location.unwrap_or(Location::caller()),
            cleanup_limit: self.cleanup_limit,
        }
    }
}

impl<R: Spawn + Timer> SpawnChild<'_, Scope<R>> {
    /// Spawns the child: [`Scope::spawn`].
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Child<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let scope = &self.scope.scope;
        let spawned = spawn::<AnyValue, _, _, _>(scope, self.birth(), future);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Spawns the blocking child: [`Scope::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, job: F) -> Child<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let scope = &self.scope.scope;
        let spawned = spawn_job::<AnyValue, _, _, _, _>(scope, self.birth(), job);
        spawned.unwrap_or_else(|refused| refused.child)
    }
}

impl<R: Spawn + Timer, E: Send + 'static> SpawnChild<'_, TryScope<R, E>> {
    /// Spawns the child: [`TryScope::spawn`].
    #[track_caller]
    pub fn spawn<F, O>(self, future: F) -> Child<O::Value>
    where
        F: Future<Output = O> + Send + 'static,
        O: Outcome<E> + Send + 'static,
    {
        let scope = &self.scope.scope;
        let spawned = spawn::<Fallible, _, _, _>(scope, self.birth(), future);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Spawns the blocking child: [`TryScope::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking<F, O>(self, job: F) -> Child<O::Value>
    where
        F: FnOnce() -> O + Send + 'static,
        O: Outcome<E> + Send + 'static,
    {
        let scope = &self.scope.scope;
        let spawned = spawn_job::<Fallible, _, _, _, _>(scope, self.birth(), job);
        spawned.unwrap_or_else(|refused| refused.child)
    }
}
