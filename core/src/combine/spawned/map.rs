//! The same for each of many, so many at a time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::stream::{FusedStream, Stream};
use pin_project::pin_project;

use super::drive::Drive;
use crate::runtime::{Spawn, Timer};
use crate::scope::{self, Child, NextChild, Outcome, Scope, ScopeError, ScopeFuture};
use crate::scope::{TryScope, TryScopeFuture};

/// How many turns one poll takes before it lets others run.
const TURNS: usize = 64;

/// What drives a map: the items that are left, and the children that are not taken yet.
pub(super) struct State<S, I, F, N, T> {
    scope: S,
    items: Option<I>,
    f: F,
    limit: usize,
    next: Option<N>,
    children: VecDeque<Child<T>>,
    /// Children that have been spawned and not seen to end.
    running: usize,
    done: Done<T>,
}

/// Where the values go, in order.
enum Done<T> {
    Kept(Vec<T>),
    Handed(Handed<T>),
}

/// Values that wait for the consumer of a stream.
type Handed<T> = Arc<Mutex<VecDeque<T>>>;

impl<T> Done<T> {
    fn put(&mut self, value: T) {
        match self {
            Done::Kept(values) => values.push(value),
            Done::Handed(values) => {
                let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
                values.push_back(value);
            }
        }
    }

    /// How many of them count against the limit: those that nobody has taken.
    fn waiting(&self) -> usize {
        match self {
            Done::Kept(_) => 0,
            Done::Handed(values) => values.lock().unwrap_or_else(PoisonError::into_inner).len(),
        }
    }

    fn take(&mut self) -> Vec<T> {
        match self {
            Done::Kept(values) => std::mem::take(values),
            Done::Handed(_) => Vec::new(),
        }
    }
}

/// What the two kinds of scope are to a map.
trait Spawns<Fut, T> {
    type Next: Future<Output = bool> + Unpin;

    fn spawn_one(&self, future: Fut) -> Child<T>;
    fn one_more(&self) -> Self::Next;
}

impl<R, Fut> Spawns<Fut, Fut::Output> for Scope<R>
where
    R: Spawn + Timer,
    Fut: Future + Send + 'static,
    Fut::Output: Send + 'static,
{
    type Next = NextChild<R, Infallible>;

    fn spawn_one(&self, future: Fut) -> Child<Fut::Output> {
        // Where the map was called, and not here.
        self.spawn_with().at(self.opened_at()).spawn(future)
    }

    fn one_more(&self) -> Self::Next {
        self.next()
    }
}

impl<R, E, Fut, O> Spawns<Fut, O::Value> for TryScope<R, E>
where
    R: Spawn + Timer,
    E: Send + 'static,
    Fut: Future<Output = O> + Send + 'static,
    O: Outcome<E> + Send + 'static,
{
    type Next = NextChild<R, E>;

    fn spawn_one(&self, future: Fut) -> Child<O::Value> {
        // Where the map was called, and not here.
        self.spawn_with().at(self.opened_at()).spawn(future)
    }

    fn one_more(&self) -> Self::Next {
        self.next()
    }
}

impl<S, I, F, N, T> State<S, I, F, N, T> {
    fn new(scope: S, items: I, limit: usize, f: F, done: Done<T>) -> Self {
        State {
            scope,
            items: Some(items),
            f,
            limit: limit.max(1),
            next: None,
            children: VecDeque::new(),
            running: 0,
            done,
        }
    }

    /// Spawns while there is room, and takes what has ended. Ready when all items are through.
    fn poll<Fut>(&mut self, cx: &mut Context<'_>) -> Poll<()>
    where
        S: Spawns<Fut, T, Next = N>,
        I: Iterator,
        F: FnMut(I::Item) -> Fut,
        N: Future<Output = bool> + Unpin,
    {
        for _ in 0..TURNS {
            while self.running + self.done.waiting() + self.ended_out_of_turn() < self.limit {
                let Some(item) = self.items.as_mut().and_then(Iterator::next) else {
                    self.items = None;
                    break;
                };
                let child = self.scope.spawn_one((self.f)(item));
                self.children.push_back(child);
                self.running += 1;
            }
            let next = self.next.get_or_insert_with(|| self.scope.one_more());
            match Pin::new(next).poll(cx) {
                Poll::Ready(one_more) => {
                    self.next = None;
                    self.running = match one_more {
                        true => self.running - 1,
                        false => 0,
                    };
                    self.take_ended(cx);
                }
                Poll::Pending => return Poll::Pending,
            }
            if self.items.is_none() && self.children.is_empty() {
                return Poll::Ready(());
            }
            if self.running == 0 && self.done.waiting() >= self.limit {
                // The consumer polls again when it has taken one.
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// How many have ended behind one that has not: of a stream, they wait for the consumer too.
    fn ended_out_of_turn(&self) -> usize {
        match self.done {
            Done::Kept(_) => 0,
            Done::Handed(_) => self.children.len().saturating_sub(self.running),
        }
    }

    /// Takes the values of those at the head that have ended.
    fn take_ended(&mut self, cx: &mut Context<'_>) {
        while let Some(first) = self
            .children
            .front_mut()
            .filter(|child| child.is_finished())
        {
            // Not ready is one that failed: its scope stops us.
            let Poll::Ready(value) = Pin::new(first).poll(cx) else {
                return;
            };
            self.children.pop_front();
            self.done.put(value);
        }
    }
}

type PlainState<R, I, F, T> = State<Scope<R>, I, F, NextChild<R, Infallible>, T>;
type TryState<R, E, I, F, T> = State<TryScope<R, E>, I, F, NextChild<R, E>, T>;
/// Scopes whose bodies are maps, and give an `O`.
type PlainRun<R, I, F, T, O> = ScopeFuture<R, Drive<PlainState<R, I, F, T>, O>>;
type TryRun<R, E, I, F, T, O> = TryScopeFuture<R, E, Drive<TryState<R, E, I, F, T>, Result<O, E>>>;

/// The future of [`Runtime::map`](crate::Runtime::map).
///
/// Dropping it asks the children to stop; the task around it waits for them.
///
/// # Panics
///
/// When it is polled again after it was ready.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Map<R: Spawn + Timer, I, F, T> {
    #[pin]
    run: PlainRun<R, I, F, T, Vec<T>>,
}

/// The future of [`Runtime::gather`](crate::Runtime::gather): a map of the futures themselves.
pub type GatherMap<R, I, F, T> = Map<R, I, fn(F) -> F, T>;

/// The future of [`Runtime::try_gather`](crate::Runtime::try_gather): a map of the futures themselves.
pub type TryGatherMap<R, E, I, F, T> = TryMap<R, E, I, fn(F) -> F, T>;

#[track_caller]
pub(crate) fn map<R, I, F, Fut>(
    rt: &R,
    items: I,
    limit: usize,
    f: F,
) -> Map<R, I::IntoIter, F, Fut::Output>
where
    R: Spawn + Timer,
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future + Send + 'static,
    Fut::Output: Send + 'static,
{
    let items = items.into_iter();
    Map {
        run: scope::scope(rt, |s| {
            let state = State::new(s, items, limit, f, Done::Kept(Vec::new()));
            Drive::new(state, |state, cx| {
                state.poll(cx).map(|()| state.done.take())
            })
        }),
    }
}

impl<R: Spawn + Timer, I, F, T> Future for Map<R, I, F, T> {
    type Output = Vec<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        self.project().run.poll(cx)
    }
}

/// The future of [`Runtime::try_map`](crate::Runtime::try_map).
///
/// Dropping it asks the children to stop; the task around it waits for them.
///
/// # Panics
///
/// When it is polled again after it was ready.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct TryMap<R: Spawn + Timer, E: Send + 'static, I, F, T> {
    #[pin]
    run: TryRun<R, E, I, F, T, Vec<T>>,
}

#[track_caller]
pub(crate) fn try_map<R, E, I, F, Fut, T>(
    rt: &R,
    items: I,
    limit: usize,
    f: F,
) -> TryMap<R, E, I::IntoIter, F, T>
where
    R: Spawn + Timer,
    E: Send + 'static,
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
{
    let items = items.into_iter();
    TryMap {
        run: scope::try_scope(rt, |s| {
            let state = State::new(s, items, limit, f, Done::Kept(Vec::new()));
            Drive::new(state, |state, cx| {
                state.poll(cx).map(|()| Ok(state.done.take()))
            })
        }),
    }
}

impl<R: Spawn + Timer, E: Send + 'static, I, F, T> Future for TryMap<R, E, I, F, T> {
    type Output = Result<Vec<T>, ScopeError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(cx)
    }
}

/// The stream of [`Runtime::map_stream`](crate::Runtime::map_stream).
///
/// Cancel safe: a value that was not taken comes next. Dropping it asks the children to stop; the task
/// around it waits for them.
#[pin_project]
#[must_use = "a stream does nothing unless it is polled"]
pub struct MapStream<R: Spawn + Timer, I, F, T> {
    #[pin]
    run: PlainRun<R, I, F, T, ()>,
    values: Handed<T>,
    ended: bool,
}

#[track_caller]
pub(crate) fn map_stream<R, I, F, Fut>(
    rt: &R,
    items: I,
    limit: usize,
    f: F,
) -> MapStream<R, I::IntoIter, F, Fut::Output>
where
    R: Spawn + Timer,
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future + Send + 'static,
    Fut::Output: Send + 'static,
{
    let values = Handed::default();
    let (items, done) = (items.into_iter(), Done::Handed(Arc::clone(&values)));
    MapStream {
        run: scope::scope(rt, |s| {
            Drive::new(State::new(s, items, limit, f, done), |state, cx| {
                state.poll(cx)
            })
        }),
        values,
        ended: false,
    }
}

fn take_first<T>(values: &Handed<T>) -> Option<T> {
    let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
    values.pop_front()
}

impl<R: Spawn + Timer, I, F, T> Stream for MapStream<R, I, F, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.project();
        // Also where a value is there: each that is taken makes room.
        if !*this.ended && this.run.poll(cx).is_ready() {
            *this.ended = true;
        }
        match take_first(this.values) {
            Some(value) => Poll::Ready(Some(value)),
            None if *this.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl<R: Spawn + Timer, I, F, T> FusedStream for MapStream<R, I, F, T> {
    fn is_terminated(&self) -> bool {
        self.ended
            && self
                .values
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty()
    }
}

/// The stream of [`Runtime::try_map_stream`](crate::Runtime::try_map_stream).
///
/// Cancel safe: a value that was not taken comes next. Dropping it asks the children to stop; the task
/// around it waits for them.
#[pin_project]
#[must_use = "a stream does nothing unless it is polled"]
pub struct TryMapStream<R: Spawn + Timer, E: Send + 'static, I, F, T> {
    #[pin]
    run: TryRun<R, E, I, F, T, ()>,
    values: Handed<T>,
    ended: bool,
    error: Option<ScopeError<E>>,
}

#[track_caller]
pub(crate) fn try_map_stream<R, E, I, F, Fut, T>(
    rt: &R,
    items: I,
    limit: usize,
    f: F,
) -> TryMapStream<R, E, I::IntoIter, F, T>
where
    R: Spawn + Timer,
    E: Send + 'static,
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
{
    let values = Handed::default();
    let (items, done) = (items.into_iter(), Done::Handed(Arc::clone(&values)));
    TryMapStream {
        run: scope::try_scope(rt, |s| {
            let state = State::new(s, items, limit, f, done);
            Drive::new(state, |state, cx| state.poll(cx).map(Ok))
        }),
        values,
        ended: false,
        error: None,
    }
}

impl<R: Spawn + Timer, E: Send + 'static, I, F, T> Stream for TryMapStream<R, E, I, F, T> {
    type Item = Result<T, ScopeError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if !*this.ended {
            if let Poll::Ready(end) = this.run.poll(cx) {
                *this.ended = true;
                *this.error = end.err();
            }
        }
        match take_first(this.values) {
            Some(value) => Poll::Ready(Some(Ok(value))),
            None if *this.ended => Poll::Ready(this.error.take().map(Err)),
            None => Poll::Pending,
        }
    }
}

impl<R: Spawn + Timer, E: Send + 'static, I, F, T> FusedStream for TryMapStream<R, E, I, F, T> {
    fn is_terminated(&self) -> bool {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        self.ended && self.error.is_none() && values.is_empty()
    }
}

macro_rules! debug {
    ($name:ident, $($params:ident)*, $($bounds:tt)*) => {
        impl<$($params),*> fmt::Debug for $name<$($params),*>
        where
            R: Spawn + Timer,
            $($bounds)*
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("scope", &self.run)
                    .finish_non_exhaustive()
            }
        }
    };
}

debug!(Map, R I F T,);
debug!(MapStream, R I F T,);
debug!(TryMap, R E I F T, E: Send + 'static);
debug!(TryMapStream, R E I F T, E: Send + 'static);
