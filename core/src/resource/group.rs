//! Many resources, acquired all at once and released all at once.

use std::fmt::{self, Display};
use std::future::{Future, poll_fn};
use std::mem::take;
use std::panic::{AssertUnwindSafe, Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use pin_project::pin_project;

use super::bracket::value_of;
use super::ends::fail;
use super::exit::{Exit, ExitKind};
use super::lent::{Lent, Slot};
use super::resource::Resource;
use crate::combine::{gather, gather_all};
use crate::region::{Inline, defer, shield};
use crate::scope::ErrorGroup;
use crate::sync::{Mutex, MutexGuard};
use crate::task::JoinError;

/// Acquires all of `resources` at once, runs `body` with them, and releases at once what was acquired.
///
/// The body is given what became of each, in their order: it runs also if some, or all, could not be
/// acquired, and decides what that means. Only what was acquired is released; each release learns how the
/// body ended, and no more. None of them can change or suppress the body's result. No resources are a group,
/// too.
///
/// All else is as [`using`](crate::using) does it: acquisitions are shielded, and where the body is stopped by
/// a request or dropped, the releases run as a clean-up of the region.
///
/// What the body is lent is released by its place in the list: it leaves the list as long as it is, and in its
/// order.
///
/// Not cancel safe: dropping it drops the body where it is.
///
/// # Panics
///
/// With a panic of an acquisition or of the body, once all is released; and when it is polled again after it
/// was ready.
///
/// # Examples
///
/// ```
/// use anyrt::{Exit, GroupExit, Resource, using_all};
///
/// /// A server that may be down.
/// struct Server(u32);
///
/// impl Resource for Server {
///     type Held = u32;
///     type Error = String;
///
///     async fn acquire(&mut self) -> Result<u32, String> {
///         match self.0 {
///             2 => Err("server 2 is down".to_owned()),
///             n => Ok(n * 10),
///         }
///     }
///
///     async fn release(self, _: u32, _: Exit<String>) -> Result<(), String> {
///         Ok(())
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let servers = [1, 2, 3].map(Server);
/// let end = using_all(servers, async |servers| {
///     Ok::<u32, String>(servers.iter().flatten().sum())
/// })
/// .await;
/// assert_eq!(end.result(), &Ok(40));
/// assert!(matches!(end.exits()[1], GroupExit::NotAcquired(_)));
/// assert_eq!(end.into_result().unwrap_err().to_string(), "1 error: server 2 is down");
/// # });
/// ```
#[track_caller]
#[doc(alias = "actxgroup")]
#[doc(alias = "AsyncContextGroup")]
pub fn using_all<I, R, U, Fut, T, B>(
    resources: I,
    body: U,
) -> UsingAll<R::Error, impl Future<Output = Result<T, B>>>
where
    I: IntoIterator<Item = R>,
    R: Resource,
    U: FnOnce(Lent<Vec<Acquired<R>>>) -> Fut,
    Fut: Future<Output = Result<T, B>>,
{
    let location = Location::caller();
    let resources: Vec<R> = resources.into_iter().collect();
    let ends = Arc::new(GroupEnds {
        exits: Mutex::new(Vec::new()),
        location,
        report,
    });
    let body = run(resources, body, Arc::clone(&ends));
    UsingAll {
        region: Inline::new(body, location),
        ends,
        location,
    }
}

/// What became of each, until it is released.
struct Members<R: Resource> {
    kind: ExitKind,
    /// Until the body is given what was acquired.
    entries: Vec<Option<(R, Acquired<R>)>>,
    /// From then on.
    lent: Option<(Vec<R>, AllOf<R>)>,
}

/// Where what the body has comes back to.
type AllOf<R> = Arc<Slot<Vec<Acquired<R>>>>;

type Acquired<R> = Result<<R as Resource>::Held, <R as Resource>::Error>;

/// Its lock is a leaf.
struct Group<R: Resource>(Mutex<Members<R>>);

impl<R: Resource> Group<R> {
    fn change<T>(&self, f: impl FnOnce(&mut Members<R>) -> T) -> T {
        let mut members = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        f(&mut members)
    }
}

async fn run<R, U, Fut, T, B>(
    resources: Vec<R>,
    body: U,
    ends: Arc<GroupEnds<R::Error>>,
) -> Result<T, B>
where
    R: Resource,
    U: FnOnce(Lent<Vec<Acquired<R>>>) -> Fut,
    Fut: Future<Output = Result<T, B>>,
{
    let group = Arc::new(Group(Mutex::new(Members {
        kind: ExitKind::Cancelled,
        entries: resources.iter().map(|_| None).collect(),
        lent: None,
    })));
    // Before anything is acquired: each goes to where the release looks for it as soon as it is there.
    defer(release(Arc::clone(&group), ends));
    let acquiring = resources.into_iter().enumerate().map(|(index, resource)| {
        let group = &group;
        async move {
            let mut resource = resource;
            let acquired = shield(resource.acquire()).await;
            group.change(|members| members.entries[index] = Some((resource, acquired)));
        }
    });
    gather(acquiring.collect::<Vec<_>>()).await;
    let lent = group.change(|members| {
        let entries = take(&mut members.entries).into_iter().flatten();
        let (resources, acquired) = entries.unzip();
        let (lent, slot) = Lent::new(acquired);
        members.lent = Some((resources, slot));
        lent
    });
    let ended = AssertUnwindSafe(async { body(lent).await })
        .catch_unwind()
        .await;
    let kind = match &ended {
        Ok(Ok(_)) => ExitKind::Value,
        Ok(Err(_)) => ExitKind::Error,
        Err(_) => ExitKind::Panicked,
    };
    group.change(|members| members.kind = kind);
    ended.unwrap_or_else(|payload| resume_unwind(payload))
}

/// Releases at once all that was acquired.
async fn release<R: Resource>(group: Arc<Group<R>>, ends: Arc<GroupEnds<R::Error>>) {
    let (kind, entries, lent) = group.change(|members| {
        let entries = take(&mut members.entries);
        (members.kind, entries, members.lent.take())
    });
    let mut entries: Vec<_> = entries.into_iter().flatten().collect();
    if let Some((resources, slot)) = lent {
        if let Some(back) = poll_fn(|cx| slot.poll_take(cx)).await {
            entries.extend(resources.into_iter().zip(back));
        }
    }
    let mut exits = Vec::new();
    let mut releasing = Vec::new();
    for (resource, acquired) in entries {
        match acquired {
            Err(error) => exits.push(GroupExit::NotAcquired(error)),
            Ok(held) => {
                exits.push(GroupExit::Released);
                // The call, too, is in the arm: its panic stays there.
                releasing.push(async move { resource.release(held, Exit::bare(kind)).await });
            }
        }
    }
    let mut released = gather_all(releasing).await.into_iter();
    for exit in &mut exits {
        if matches!(exit, GroupExit::Released) {
            *exit = match released.next() {
                Some(Ok(Err(error))) => GroupExit::Failed(error),
                Some(Err(error)) => GroupExit::Panicked(error),
                Some(Ok(Ok(()))) | None => GroupExit::Released,
            };
        }
    }
    *ends.lock() = exits;
}

/// What the releases left for who awaits the group; reported, if nobody has taken it. Its lock is a leaf.
struct GroupEnds<E> {
    exits: Mutex<Vec<GroupExit<E>>>,
    location: &'static Location<'static>,
    report: fn(Vec<GroupExit<E>>, &'static Location<'static>),
}

impl<E> GroupEnds<E> {
    fn lock(&self) -> MutexGuard<'_, Vec<GroupExit<E>>> {
        self.exits
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<E> Drop for GroupEnds<E> {
    fn drop(&mut self) {
        let exits = take(&mut *self.lock());
        (self.report)(exits, self.location);
    }
}

fn report<E: Display + Send + 'static>(
    exits: Vec<GroupExit<E>>,
    location: &'static Location<'static>,
) {
    for exit in exits {
        match exit {
            GroupExit::Failed(error) => fail(&error.to_string(), Box::new(error), location),
            GroupExit::Panicked(error) => fail(&error.to_string(), Box::new(error), location),
            GroupExit::NotAcquired(_) | GroupExit::Released => {}
        }
    }
}

/// What became of one resource of a group.
#[derive(Debug)]
#[non_exhaustive]
pub enum GroupExit<E> {
    /// It could not be acquired, and so it was not released.
    NotAcquired(E),
    /// It was released.
    Released,
    /// Its release failed.
    Failed(E),
    /// Its release panicked.
    Panicked(JoinError),
}

/// How a group ended: the body's result, and what became of each resource.
#[derive(Debug)]
#[must_use = "what failed is in here"]
pub struct GroupEnd<T, B, E> {
    result: Result<T, B>,
    exits: Vec<GroupExit<E>>,
}

impl<T, B, E> GroupEnd<T, B, E> {
    /// Returns what the body gave.
    pub fn result(&self) -> &Result<T, B> {
        &self.result
    }

    /// Returns what became of each resource, in their order.
    #[doc(alias = "exit_states")]
    pub fn exits(&self) -> &[GroupExit<E>] {
        &self.exits
    }

    /// Gives out both.
    pub fn into_parts(self) -> (Result<T, B>, Vec<GroupExit<E>>) {
        (self.result, self.exits)
    }
}

impl<T, E> GroupEnd<T, E, E> {
    /// Returns the value if nothing at all failed.
    ///
    /// # Errors
    ///
    /// The error of the body, then those of acquisitions and releases in the order of the resources.
    ///
    /// # Panics
    ///
    /// With the panic of a release, if one panicked.
    #[track_caller]
    pub fn into_result(self) -> Result<T, ErrorGroup<E>> {
        let location = Location::caller();
        let (value, body) = match self.result {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error)),
        };
        let failed = self.exits.into_iter().filter_map(|exit| match exit {
            GroupExit::NotAcquired(error) | GroupExit::Failed(error) => Some(error),
            GroupExit::Panicked(error) => error.resume_unwind(),
            GroupExit::Released => None,
        });
        let errors = body.into_iter().chain(failed);
        match (ErrorGroup::from_errors_at(errors, location), value) {
            (Some(group), _) => Err(group),
            (None, Some(value)) => Ok(value),
            (None, None) => unreachable!("a body gives a value or an error"),
        }
    }
}

/// The future of [`using_all`].
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct UsingAll<E, F: Future> {
    #[pin]
    region: Inline<F>,
    ends: Arc<GroupEnds<E>>,
    location: &'static Location<'static>,
}

impl<E, T, B, F> Future for UsingAll<E, F>
where
    F: Future<Output = Result<T, B>>,
{
    type Output = GroupEnd<T, B, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        assert!(
            !this.region.has_ended(),
            "a `UsingAll` future was polled after it was ready"
        );
        let ended = ready!(this.region.poll_into(cx, |ended, _| ended));
        let result = value_of(ended, "group of resources", this.location);
        let exits = take(&mut *this.ends.lock());
        Poll::Ready(GroupEnd { result, exits })
    }
}

impl<E, F: Future> fmt::Debug for UsingAll<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsingAll")
            .field("location", &self.location)
            .field("ready", &self.region.has_ended())
            .finish_non_exhaustive()
    }
}
