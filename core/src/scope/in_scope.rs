//! A task as a child of its scope: how it is let in, and what it tells when it ends.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use super::child::Child;
use super::child_error::{ChildError, Origin, Place};
use super::limit::{Limit, Waiting};
use super::outcome::Judge;
use super::shared::{Shared, Teller};
use crate::region::driven::Depth;
use crate::region::state::flag;
use crate::region::{Member, Reason, Region, frame, is_in_child_of, is_polling_on, watch_of};
use crate::runtime::{KnownFuture, Spawn, Timer};
use crate::task::{Cell, Job, JoinError, Joined, Owner, Root, start_job};

/// The owner of a task that is a child: its scope. `J` tells values from errors.
pub(super) struct InScope<R, E, J> {
    scope: Arc<Shared<R, E>>,
    index: usize,
    origin: Origin,
    judge: PhantomData<fn() -> J>,
}

impl<R, E, J, O> Owner<O> for InScope<R, E, J>
where
    R: Spawn + Timer,
    E: Send + 'static,
    J: Judge<O, E>,
    O: 'static,
{
    type Runtime = R;
    type Value = J::Value;

    fn runtime(&self) -> Option<&R> {
        Some(&self.scope.rt)
    }

    /// The scope is told before the outcome is published: who learns of a failure finds the scope asked.
    #[inline]
    fn judge(&self, region: &Region, ended: Joined<O>) -> Joined<J::Value> {
        match J::judge_end(region, ended) {
            Ok(Ok(value)) => Ok(value),
            failed => Err(self.fail(region, failed.map(Result::err))),
        }
    }

    fn stopped(&self) {
        self.scope.child_stopped();
    }

    fn ended(&self, region: &Region) {
        self.scope.ended(region, self.index);
    }

    fn scope(&self) -> Option<Arc<dyn Member>> {
        let scope: Arc<dyn Member> = self.scope.clone();
        Some(scope)
    }

    fn scope_region(&self) -> Option<&Region> {
        Some(&self.scope.region)
    }

    fn asked_as_child(&self) -> Option<Reason> {
        self.scope.child_is_asked(self.index)
    }

    fn hurry(&self, region: &Region) {
        // From outside it may wait; what runs in the scope, and waits for it, keeps its place occupied. One
        // that is asked to stop ends without being run.
        let hurries = || region.has(flag::ASKING) || is_in_child_of(&self.scope.region);
        if region.has(flag::QUEUED) && hurries() {
            if let Some(limit) = &self.scope.limit {
                limit.hurry(&self.scope, self.index);
            }
        }
    }
}

impl<R: Spawn + Timer, E: Send + 'static, J> InScope<R, E, J> {
    #[cold]
    fn fail(&self, region: &Region, failed: Result<Option<E>, JoinError>) -> JoinError {
        let told = match failed {
            Ok(Some(error)) => {
                let place = Place {
                    origin: self.origin,
                    index: self.index,
                    name: region.name(),
                    location: region.location(),
                };
                Ok(ChildError::error_of(place, error, region.take_failures()))
            }
            Ok(None) => unreachable!("a value is no failure"),
            Err(error) => ChildError::from_join(self.origin, self.index, error),
        };
        match told {
            Ok(error) => {
                self.scope.tell(error, Teller::Child);
                JoinError::failed(region)
            }
            Err(cancelled) => {
                self.scope.child_stopped();
                // A request to the scope leaves its reason there, and not with each of the children.
                cancelled.or_because(|| self.scope.reason())
            }
        }
    }
}

/// A future that a scope did not take, because it is asked to stop, or over.
///
/// What [`Scope::try_spawn`](crate::Scope::try_spawn) gives back.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let kept = owner.block_on(owner.handle().scope(async |s| s.clone()));
/// let refused = kept.try_spawn(async { 5 }).unwrap_err();
/// assert_eq!(owner.block_on(refused.into_inner()), 5);
/// ```
pub struct Refused<F> {
    future: F,
    reason: Option<Reason>,
}

impl<F> Refused<F> {
    /// Returns the future.
    pub fn into_inner(self) -> F {
        self.future
    }

    /// Returns why the scope stops, if a reason was given.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }
}

impl<F> fmt::Debug for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Display for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the scope takes no more children")?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

impl<F> std::error::Error for Refused<F> {}

/// What became of a spawn that a scope refused: a child to give out, and the future to give back.
pub(super) struct Turned<F, T> {
    pub(super) child: Child<T>,
    pub(super) back: Refused<F>,
}

impl<F, T> Turned<F, T> {
    #[cold]
    fn away<R, E>(scope: &Arc<Shared<R, E>>, birth: Birth, future: F) -> Self
    where
        R: Spawn + Timer,
        E: Send + 'static,
    {
        // As good as stopped: what was asked for does not happen. One that comes as the scope closes is
        // too late, and takes no value away.
        scope.child_stopped();
        Turned {
            child: Child::refused(birth, scope.clone()),
            back: Refused {
                future,
                reason: scope.reason(),
            },
        }
    }
}

/// What is said of a child before it is spawned.
pub(super) struct Birth {
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) location: &'static Location<'static>,
    pub(super) cleanup_limit: Option<Duration>,
}

impl Birth {
    #[track_caller]
    pub(super) fn here() -> Self {
        Birth {
            name: None,
            location: Location::caller(),
            cleanup_limit: None,
        }
    }
}

type ChildCell<R, E, J, O> = Cell<InScope<R, E, J>, O>;

fn cell<R, E, J, O>(
    scope: &Arc<Shared<R, E>>,
    index: usize,
    origin: Origin,
    birth: Birth,
) -> Arc<ChildCell<R, E, J, O>>
where
    R: Spawn + Timer,
    E: Send + 'static,
    J: Judge<O, E>,
    O: Send + 'static,
{
    let flags = match origin {
        Origin::BlockingChild => flag::JOB,
        _ => flag::UNLISTED,
    };
    let cell = Arc::new(Cell::new(
        Region::new(birth.location, flags),
        InScope {
            scope: Arc::clone(scope),
            index,
            origin,
            judge: PhantomData,
        },
    ));
    let watch = frame::look(|around| watch_of(around?));
    cell.region.dress(birth.name, watch);
    cell.region.inherit_context();
    if let Some(limit) = birth.cleanup_limit {
        cell.region.limit_cleanups(limit);
    }
    cell
}

/// Spawns a child; gives the future back where the scope takes none any more.
pub(super) fn spawn<J, R, E, F>(
    scope: &Arc<Shared<R, E>>,
    birth: Birth,
    future: F,
) -> Result<Child<J::Value>, Turned<F, J::Value>>
where
    R: Spawn + Timer,
    E: Send + 'static,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    J: Judge<F::Output, E>,
{
    let Some(index) = scope.admit() else {
        return Err(Turned::away(scope, birth, future));
    };
    let cell = cell::<_, _, J, F::Output>(scope, index, Origin::Child, birth);
    let root = Root::new(future, cell.clone());
    match &scope.limit {
        None => scope.rt.spawn_known(root),
        Some(limit) => {
            let waiting = WaitingRoot {
                root,
                cell: cell.clone(),
            };
            match limit.enter(index, &cell.region, waiting) {
                Some(WaitingRoot { root, .. }) => scope.rt.spawn_known(root),
                None => limit.start_next(scope),
            }
        }
    }
    Ok(Child::new(cell))
}

/// Spawns a child that begins on this stack, if it may; gives the future back as [`spawn`] does.
pub(super) fn spawn_begun<J, R, E, F>(
    scope: &Arc<Shared<R, E>>,
    birth: Birth,
    future: F,
) -> Result<Child<J::Value>, Turned<F, J::Value>>
where
    R: Spawn + Timer,
    E: Send + 'static,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    J: Judge<F::Output, E>,
{
    let has_room = scope.limit.as_ref().is_none_or(Limit::is_free);
    if !has_room || !is_polling_on(&scope.rt) {
        return spawn::<J, _, _, _>(scope, birth, future);
    }
    let Some(index) = scope.admit() else {
        return Err(Turned::away(scope, birth, future));
    };
    let cell = cell::<_, _, J, F::Output>(scope, index, Origin::Child, birth);
    let root = Root::new(future, cell.clone());
    let root = match &scope.limit {
        None => root,
        Some(limit) => {
            let waiting = WaitingRoot {
                root,
                cell: cell.clone(),
            };
            match limit.enter(index, &cell.region, waiting) {
                Some(WaitingRoot { root, .. }) => root,
                None => {
                    limit.start_next(scope);
                    return Ok(Child::new(cell));
                }
            }
        }
    };
    let mut root: Pin<Box<dyn KnownFuture>> = Box::pin(root);
    cell.region.set(flag::BEGINS);
    let cx = &mut Context::from_waker(Waker::noop());
    // A task, though sync code may drive the one that spawns it.
    let not_driven = Depth::none();
    let begun = root.as_mut().poll(cx);
    drop(not_driven);
    if begun.is_pending() {
        cell.region.clear(flag::BEGINS);
        scope.rt.spawn_known(root);
    }
    Ok(Child::new(cell))
}

/// Spawns a blocking child; gives the closure back where the scope takes none any more.
pub(super) fn spawn_job<J, R, E, F, O>(
    scope: &Arc<Shared<R, E>>,
    birth: Birth,
    run: F,
) -> Result<Child<J::Value>, Turned<F, J::Value>>
where
    R: Spawn + Timer,
    E: Send + 'static,
    F: FnOnce() -> O + Send + 'static,
    O: Send + 'static,
    J: Judge<O, E>,
{
    let Some(index) = scope.admit() else {
        return Err(Turned::away(scope, birth, run));
    };
    let cell = cell::<_, _, J, O>(scope, index, Origin::BlockingChild, birth);
    let member: Arc<dyn Member> = cell.clone();
    // At once: nothing else tells it of a request, once it runs.
    Region::enlist(&member);
    let job = Job::new(run, member);
    match &scope.limit {
        None => start_job(&scope.rt, job),
        Some(limit) => {
            let waiting = WaitingJob {
                job,
                cell: cell.clone(),
            };
            match limit.enter(index, &cell.region, waiting) {
                Some(WaitingJob { job, .. }) => start_job(&scope.rt, job),
                None => limit.start_next(scope),
            }
        }
    }
    Ok(Child::new(cell))
}

struct WaitingRoot<F: Future, C>
where
    F::Output: Send + 'static,
{
    root: Root<F>,
    cell: Arc<C>,
}

impl<R, E, J, F> Waiting<R> for WaitingRoot<F, ChildCell<R, E, J, F::Output>>
where
    R: Spawn + Timer,
    E: Send + 'static,
    J: Judge<F::Output, E>,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn start(self: Box<Self>, rt: &R) {
        self.cell.region.clear(flag::QUEUED);
        rt.spawn_known(self.root);
    }
}

struct WaitingJob<F, O, C>
where
    F: FnOnce() -> O,
    O: Send + 'static,
{
    job: Job<F, O>,
    cell: Arc<C>,
}

impl<R, E, J, F, O> Waiting<R> for WaitingJob<F, O, ChildCell<R, E, J, O>>
where
    R: Spawn + Timer,
    E: Send + 'static,
    J: Judge<O, E>,
    F: FnOnce() -> O + Send + 'static,
    O: Send + 'static,
{
    fn start(self: Box<Self>, rt: &R) {
        self.cell.region.clear(flag::QUEUED);
        match self.cell.region.has(flag::ASKED) {
            // It only ends: no thread is needed for that.
            true => self.job.run(),
            false => start_job(rt, self.job),
        }
    }
}
