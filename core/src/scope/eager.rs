//! Children that begin where they are spawned.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::child::Child;
use super::handle::{Scope, SpawnChild, TryScope};
use super::in_scope::{Birth, spawn_begun};
use super::outcome::{AnyValue, Fallible, Judge, Outcome};
use super::policy::OnError;
use super::shared::{Shared, why};
use super::start::StartError;
use crate::region::state::flag;
use crate::region::{Reason, Region};
use crate::runtime::{Spawn, Timer};
use crate::task::{JoinError, Joined};

/// The value of such a child: how it ended where it was spawned is for who spawned it.
pub(super) enum Given<T, E> {
    Value(T),
    Error(E),
    Panic(JoinError),
}

/// Tells what a child ended with at once from what it ended with later.
pub(super) struct Begun<J>(PhantomData<fn() -> J>);

impl<J, O, E> Judge<O, E> for Begun<J>
where
    J: Judge<O, E>,
    E: Send + 'static,
{
    type Value = Given<J::Value, E>;

    fn judge(output: O) -> Result<Self::Value, E> {
        J::judge(output).map(Given::Value)
    }

    fn judge_end(region: &Region, ended: Joined<O>) -> Joined<Result<Self::Value, E>> {
        if !region.has(flag::BEGINS) {
            return ended.map(Self::judge);
        }
        let at_once = match ended.map(J::judge) {
            Ok(Ok(value)) => Given::Value(value),
            Ok(Err(error)) => Given::Error(error),
            Err(panic) if panic.is_panic() => Given::Panic(panic),
            Err(other) => return Err(other),
        };
        Ok(Ok(at_once))
    }
}

fn spawn_eager<J, R, E, F>(
    scope: &Arc<Shared<R, E>>,
    birth: Birth,
    future: F,
) -> Result<EagerChild<J::Value, E>, StartError<E>>
where
    R: Spawn + Timer,
    E: Send + 'static,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    J: Judge<F::Output, E>,
{
    let location = birth.location;
    let mut child = match spawn_begun::<Begun<J>, _, _, _>(scope, birth, future) {
        Ok(child) => child,
        Err(refused) => refused.child,
    };
    let given = match child.is_finished() {
        true => child.poll_outcome(&mut Context::from_waker(Waker::noop())),
        false => Poll::Pending,
    };
    let failed = match given {
        Poll::Ready(Some(Given::Value(value))) => {
            let state = State::Ready(Some(value));
            return Ok(EagerChild { state, location });
        }
        // Also one that was stopped, which the child knows.
        Poll::Pending | Poll::Ready(None) => {
            let state = State::Child(child);
            return Ok(EagerChild { state, location });
        }
        Poll::Ready(Some(Given::Error(error))) => StartError::failed(error),
        Poll::Ready(Some(Given::Panic(panic))) => StartError::panicked(panic),
    };
    if matches!(scope.rules.on_error, OnError::FailFast) {
        scope.region.ask(Some(&why::FAILED));
    }
    Err(failed)
}

/// The handle of a child that began where it was spawned; a future of its value.
///
/// What [`Scope::spawn_eager`] and [`TryScope::spawn_eager`] give. It has the value where the child had it at
/// once; else it is to the child what a [`Child`] is: dropped, it lets the child run.
///
/// Cancel safe: polling it and dropping it loses nothing but the value.
///
/// # Panics
///
/// As a [`Child`]; and when it is polled again after it has given its value.
pub struct EagerChild<T, E = Infallible> {
    state: State<T, E>,
    location: &'static Location<'static>,
}

enum State<T, E> {
    Ready(Option<T>),
    Child(Child<Given<T, E>>),
}

// A value is given out, and never pinned.
impl<T, E> Unpin for EagerChild<T, E> {}

impl<T, E> EagerChild<T, E> {
    /// Returns whether the child is over.
    pub fn is_finished(&self) -> bool {
        match &self.state {
            State::Ready(_) => true,
            State::Child(child) => child.is_finished(),
        }
    }

    /// Asks this child to stop, as [`Child::cancel`] does.
    pub fn cancel(&self, reason: impl Into<Reason>) {
        if let State::Child(child) = &self.state {
            child.cancel(reason);
        }
    }

    /// Returns where the child was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl<T, E> Future for EagerChild<T, E> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let value = match &mut self.state {
            State::Ready(value) => value.take(),
            State::Child(child) => match ready!(Pin::new(child).poll(cx)) {
                Given::Value(value) => Some(value),
                Given::Panic(_) | Given::Error(_) => {
                    unreachable!("what happened at once was given where it was spawned")
                }
            },
        };
        match value {
            Some(value) => Poll::Ready(value),
            None => panic!("an `EagerChild` was polled after it had given its value"),
        }
    }
}

impl<T, E> fmt::Debug for EagerChild<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EagerChild")
            .field("location", &format_args!("{}", self.location))
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

impl<R: Spawn + Timer> Scope<R> {
    /// Spawns a child that begins here: it is polled once before this returns.
    ///
    /// It is a child like any other: its task exists before that poll. Where the code that calls this runs in
    /// no task of the scope's runtime, and where the limit of the scope is reached, it begins as other
    /// children do.
    ///
    /// # Panics
    ///
    /// With the panic of the child, if it panics in that poll.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// owner.block_on(owner.handle().scope(async |s| {
    ///     let child = s.spawn_eager(async { 7 });
    ///     assert!(child.is_finished());
    ///     assert_eq!(child.await, 7);
    /// }));
    /// ```
    #[track_caller]
    pub fn spawn_eager<F>(&self, future: F) -> EagerChild<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        or_unwind(spawn_eager::<AnyValue, _, _, _>(
            &self.scope,
            Birth::here(),
            future,
        ))
    }
}

/// Where children cannot fail, a panic goes on at once.
fn or_unwind<T>(
    spawned: Result<EagerChild<T, Infallible>, StartError<Infallible>>,
) -> EagerChild<T> {
    match spawned.map_err(StartError::resume_unwind) {
        Ok(child) => child,
        Err(Ok(never)) => match never {},
        Err(Err(error)) => panic!("{error}"),
    }
}

impl<R: Spawn + Timer> SpawnChild<'_, Scope<R>> {
    /// Spawns the child eagerly: [`Scope::spawn_eager`].
    #[track_caller]
    pub fn spawn_eager<F>(self, future: F) -> EagerChild<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let scope = &self.scope.scope;
        or_unwind(spawn_eager::<AnyValue, _, _, _>(
            scope,
            self.birth(),
            future,
        ))
    }
}

impl<R: Spawn + Timer, E: Send + 'static> SpawnChild<'_, TryScope<R, E>> {
    /// Spawns the child eagerly: [`TryScope::spawn_eager`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn spawn_eager<F, O>(self, future: F) -> Result<EagerChild<O::Value, E>, StartError<E>>
    where
        F: Future<Output = O> + Send + 'static,
        O: Outcome<E> + Send + 'static,
    {
        let scope = &self.scope.scope;
        spawn_eager::<Fallible, _, _, _>(scope, self.birth(), future)
    }
}

impl<R: Spawn + Timer, E: Send + 'static> TryScope<R, E> {
    /// Spawns a child that begins here: it is polled once before this returns.
    ///
    /// It is a child like any other: its task exists before that poll. What it ends with in that poll is
    /// given here, and not to the scope; but where the scope stops at the first error, this one stops it too.
    ///
    /// Where the code that calls this runs in no task of the scope's runtime, and where the limit of the
    /// scope is reached, it begins as other children do.
    ///
    /// # Errors
    ///
    /// [`StartError`]: the child failed or panicked in that poll.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let outcome = owner.block_on(owner.handle().try_scope(async |s| {
    ///     let error = s.spawn_eager(async { Err::<(), _>("no such file") }).unwrap_err();
    ///     Err::<(), _>(error.into_error().unwrap())
    /// }));
    /// assert_eq!(outcome.unwrap_err().errors().unwrap().first().error(), Some(&"no such file"));
    /// ```
    #[track_caller]
    #[doc(alias = "create_eager_task_group")]
    #[doc(alias = "EagerTaskGroup")]
    pub fn spawn_eager<F, O>(&self, future: F) -> Result<EagerChild<O::Value, E>, StartError<E>>
    where
        F: Future<Output = O> + Send + 'static,
        O: Outcome<E> + Send + 'static,
    {
        spawn_eager::<Fallible, _, _, _>(&self.scope, Birth::here(), future)
    }
}
