//! Tasks that nobody joins, and whose failures are told at once.

use std::fmt::Display;
use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use super::any_error::AnyError;
use super::child_error::{ChildError, Origin, Place};
use super::may_fail::MayFail;
use crate::region::contain::{contain, drop_contained};
use crate::region::state::flag;
use crate::region::{Phase, Region, frame, watch_of};
use crate::runtime::{Spawn, Timer};
use crate::task::{Cell, JoinError, Joined, Owner, Root, SpawnWith, Words};

/// Takes the failure of a task, in the thread on which that ended. Never unwinds.
type Tell<E> = Box<dyn FnOnce(&Region, ChildError<E>) + Send>;

/// The owner of a task that is watched.
struct Watched<R, E> {
    rt: R,
    /// Taken by the one end.
    tell: Mutex<Option<Tell<E>>>,
}

impl<R, O> Owner<O> for Watched<R, O::Error>
where
    R: Spawn + Timer,
    O: MayFail + 'static,
{
    type Runtime = R;
    type Value = O::Value;

    fn runtime(&self) -> Option<&R> {
        Some(&self.rt)
    }

    fn judge(&self, region: &Region, ended: Joined<O>) -> Joined<O::Value> {
        let error = match ended.map(O::into_result) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => {
                let place = Place {
                    origin: Origin::Watched,
                    index: 0,
                    name: region.name(),
                    location: region.location(),
                };
                ChildError::error_of(place, error, region.take_failures())
            }
            // That a runtime ends, or that somebody stopped the task, is no failure of the task.
            Err(end) if end.is_lost() => return Err(end),
            Err(end) => ChildError::from_join(Origin::Watched, 0, end)?,
        };
        let tell = self
            .tell
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(tell) = tell {
            tell(region, error);
        }
        Err(JoinError::failed(region))
    }
}

#[track_caller]
fn spawn<R, F>(rt: &R, words: Words, future: F, tell: Tell<<F::Output as MayFail>::Error>)
where
    R: Spawn + Timer,
    F: Future<Output: MayFail + Send> + Send + 'static,
{
    let region = Region::new(Location::caller(), flag::NO_HANDLE);
    let owner = Watched {
        rt: rt.clone(),
        tell: Mutex::new(Some(tell)),
    };
    let cell = Arc::new(Cell::<_, F::Output>::new(region, owner));
    let watch = frame::look(|around| watch_of(around?));
    cell.region.dress(words.name, watch);
    if let Some(limit) = words.cleanup_limit {
        cell.region.limit_cleanups(limit);
    }
    cell.region.inherit_context();
    rt.spawn_known(Root::new(future, cell));
}

/// Tells the hook, with the text of the error.
fn tell_the_hook<E: Display + Send + Sync + 'static>(region: &Region, error: ChildError<E>) {
    let failures = error.map(AnyError::new).into_failures();
    for failure in &failures {
        region.report_failure(failure);
    }
}

#[track_caller]
pub(crate) fn spawn_watched<R, F>(rt: &R, words: Words, future: F)
where
    R: Spawn + Timer,
    F: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
{
    spawn(rt, words, future, Box::new(tell_the_hook));
}

impl<R: Spawn + Timer> SpawnWith<'_, R> {
    /// Spawns a task that nobody joins; its failure goes to the hook at once:
    /// [`Runtime::spawn_watched`](crate::Runtime::spawn_watched).
    #[track_caller]
    pub fn spawn_watched<F>(self, future: F)
    where
        F: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
    {
        let (rt, words) = self.into_parts();
        spawn_watched(rt, words, future);
    }

    /// Spawns a task that nobody joins; `on_error` is told of its failure at once.
    ///
    /// An `Err` and a panic are failures. That the task is cancelled, or that its runtime ends, is none.
    /// The handler is called on the thread where the task ended, when all of the task is gone, and must
    /// not block. If it panics, its panic and the error go to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let (tx, rx) = mpsc::channel();
    /// let failing = async { "seven".parse::<i32>() };
    /// owner.handle().spawn_with().name("parser").spawn_watched_by(failing, move |error| {
    ///     tx.send((error.name().map(str::to_owned), error.error().cloned())).unwrap();
    /// });
    /// let (name, error) = rx.recv().unwrap();
    /// assert_eq!(name.as_deref(), Some("parser"));
    /// assert_eq!(error.unwrap().to_string(), "invalid digit found in string");
    /// ```
    #[track_caller]
    #[doc(alias = "launch_watched")]
    #[doc(alias = "add_done_callback")]
    pub fn spawn_watched_by<F, H>(self, future: F, on_error: H)
    where
        F: Future<Output: MayFail + Send> + Send + 'static,
        H: FnOnce(&ChildError<<F::Output as MayFail>::Error>) + Send + 'static,
    {
        let tell = move |region: &Region, error: ChildError<_>| match contain(|| on_error(&error)) {
            Ok(()) => {
                if let Err(payload) = drop_contained(error) {
                    region.report(Phase::Destructor, Some(payload));
                }
            }
            Err(payload) => {
                region.report(Phase::Callback, Some(payload));
                for failure in &error.into_failures() {
                    region.report_failure(failure);
                }
            }
        };
        let (rt, words) = self.into_parts();
        spawn(rt, words, future, Box::new(tell));
    }
}
