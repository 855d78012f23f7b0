//! What [`Parallel`](super::Parallel) and [`Serial`](super::Serial) are made of: a list of work, and how it is
//! done. Each member is a child of a scope, in a task of its own, so that lists stand in each other to any
//! depth: nobody's poll is inside of anybody else's.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

use super::work::{AnyWork, Work};
use crate::combine::catching;
use crate::region::contain::contain;
use crate::region::failure::report;
use crate::region::flat::flat;
use crate::region::{Failure, Phase};
use crate::runtime::AnyRuntime;
use crate::scope::{self, ChildError, Origin, Place, Scope, ScopeError, TryScope};
use crate::task::{JoinError, current};

/// Whether members are done beside each other, or one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Parallel,
    Serial,
}

/// A list of work. Cloning it clones a pointer.
pub(super) struct Members<T: Send + 'static, E: Send + 'static> {
    list: Option<Arc<Vec<Member<T, E>>>>,
}

struct Member<T, E> {
    work: AnyWork<Result<T, E>>,
    /// Where it was added.
    at: &'static Location<'static>,
}

impl<T: Send + 'static, E: Send + 'static> Clone for Member<T, E> {
    fn clone(&self) -> Self {
        Member {
            work: self.work.clone(),
            at: self.at,
        }
    }
}

impl<T: Send + 'static, E: Send + 'static> Clone for Members<T, E> {
    fn clone(&self) -> Self {
        Members {
            list: self.list.clone(),
        }
    }
}

impl<T: Send + 'static, E: Send + 'static> Default for Members<T, E> {
    fn default() -> Self {
        Members { list: None }
    }
}

impl<T: Send + 'static, E: Send + 'static> Members<T, E> {
    fn list(&self) -> &[Member<T, E>] {
        self.list.as_ref().map_or(&[], |list| list)
    }

    pub(super) fn len(&self) -> usize {
        self.list().len()
    }

    #[track_caller]
    pub(super) fn add<W>(&mut self, work: W)
    where
        W: Work<Output = Result<T, E>>,
    {
        let list = self.list.get_or_insert_default();
        Arc::make_mut(list).push(Member {
            work: work.into_any(),
            at: Location::caller(),
        });
    }

    /// A run of all until one fails.
    pub(super) fn run(
        &self,
        rt: Option<AnyRuntime>,
        order: Order,
        at: &'static Location<'static>,
    ) -> RunWorks<Result<Vec<T>, ScopeError<E>>> {
        let members = self.clone();
        RunWorks::new(rt, move |rt| Box::pin(until_error(rt, members, order, at)))
    }

    /// A run of all to their ends.
    pub(super) fn run_all(
        &self,
        order: Order,
        at: &'static Location<'static>,
    ) -> RunWorks<Vec<Result<T, ChildError<E>>>> {
        let members = self.clone();
        RunWorks::new(None, move |rt| Box::pin(to_the_end(rt, members, order, at)))
    }
}

impl<T: Send + 'static, E: Send + 'static> Drop for Members<T, E> {
    /// A list that holds a list that holds a list is as deep as somebody made it.
    fn drop(&mut self) {
        let Some(list) = self.list.take().and_then(Arc::into_inner) else {
            return;
        };
        for Member { work, at } in list {
            let dropped = move || {
                if let Err(payload) = contain(|| drop(work)) {
                    report(&Failure::of_callback(Phase::Destructor, at, payload));
                }
            };
            flat(dropped);
        }
    }
}

impl<T: Send + 'static, E: Send + 'static> Member<T, E> {
    fn begin(&self) -> BoxFuture<'static, Result<T, E>> {
        // In the task: the closure is the author's code as well.
        let work = self.work.clone();
        Box::pin(async move { work.begin().await })
    }
}

/// Does all until one fails.
async fn until_error<T, E>(
    rt: AnyRuntime,
    members: Members<T, E>,
    order: Order,
    at: &'static Location<'static>,
) -> Result<Vec<T>, ScopeError<E>>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let body = |scope: TryScope<AnyRuntime, E>| async move {
        let spawn = |member: &Member<T, E>| {
            let child = scope.spawn_with().at(member.at);
            child.spawn(member.begin())
        };
        let mut values = Vec::with_capacity(members.len());
        match order {
            Order::Parallel => {
                let children: Vec<_> = members.list().iter().map(spawn).collect();
                for child in children {
                    values.push(child.await);
                }
            }
            Order::Serial => {
                for member in members.list() {
                    values.push(spawn(member).await);
                }
            }
        }
        Ok(values)
    };
    scope::try_scope_at(&rt, at, body).await
}

/// Does all, whatever becomes of each.
async fn to_the_end<T, E>(
    rt: AnyRuntime,
    members: Members<T, E>,
    order: Order,
    at: &'static Location<'static>,
) -> Vec<Result<T, ChildError<E>>>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let body = |scope: Scope<AnyRuntime>| async move {
        let spawn = |member: &Member<T, E>| {
            let child = scope.spawn_with().at(member.at);
            child.spawn(catching(member.begin(), member.at))
        };
        let mut ends = Vec::with_capacity(members.len());
        let place = |index| Place {
            origin: Origin::Child,
            index,
            name: None,
            location: members.list()[index].at,
        };
        match order {
            Order::Parallel => {
                let children: Vec<_> = members.list().iter().map(spawn).collect();
                for (index, child) in children.into_iter().enumerate() {
                    ends.push(end_of(child.await, place(index)));
                }
            }
            Order::Serial => {
                for (index, member) in members.list().iter().enumerate() {
                    ends.push(end_of(spawn(member).await, place(index)));
                }
            }
        }
        ends
    };
    scope::scope_at(&rt, at, body).await
}

fn end_of<T, E>(joined: Result<Result<T, E>, JoinError>, place: Place) -> Result<T, ChildError<E>> {
    match joined {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(ChildError::error_of(place, error, Vec::new())),
        Err(error) => match ChildError::from_join(place.origin, place.index, error) {
            Ok(error) => Err(error),
            Err(cancelled) => cancelled.resume_unwind(),
        },
    }
}

/// Makes the future of a run, once it is known on which runtime.
type Begin<O> = Box<dyn FnOnce(AnyRuntime) -> BoxFuture<'static, O> + Send>;

/// The future of a run of [`Parallel`](crate::Parallel) or [`Serial`](crate::Serial).
///
/// Dropping it asks the members to stop; the task around it waits for them. Those that block are waited for
/// too: they learn it from [`cancel_requested`](crate::cancel_requested).
///
/// # Panics
///
/// When it is first polled in no task of this library: there is no runtime to run the members on (`run_on`
/// names one). And when it is polled again after it was ready.
#[must_use = "nothing is done unless this is awaited"]
pub struct RunWorks<O>(Stage<O>);

enum Stage<O> {
    New(Option<AnyRuntime>, Begin<O>),
    Running(BoxFuture<'static, O>),
    Over,
}

impl<O> RunWorks<O> {
    fn new(
        rt: Option<AnyRuntime>,
        begin: impl FnOnce(AnyRuntime) -> BoxFuture<'static, O> + Send + 'static,
    ) -> Self {
        RunWorks(Stage::New(rt, Box::new(begin)))
    }
}

impl<O> Future for RunWorks<O> {
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        if let Stage::New(..) = self.0 {
            if let Stage::New(rt, begin) = std::mem::replace(&mut self.0, Stage::Over) {
                let rt = rt.map_or_else(current, Ok);
                let rt = rt.unwrap_or_else(|error| panic!("a list of work cannot be run: {error}"));
                self.0 = Stage::Running(begin(rt));
            }
        }
        let Stage::Running(running) = &mut self.0 else {
            panic!("a run of work was polled after it was ready");
        };
        let polled = running.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = Stage::Over;
        }
        polled
    }
}

impl<O> fmt::Debug for RunWorks<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.0 {
            Stage::New(..) => "new",
            Stage::Running(_) => "running",
            Stage::Over => "over",
        };
        f.debug_struct("RunWorks").field("stage", &stage).finish()
    }
}
