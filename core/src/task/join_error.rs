//! Why a task has no value.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::panic::{Location, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::region::contain::{Payload, message};
use crate::region::failure::{describe, report};
use crate::region::state::flag;
use crate::region::{Failure, Member, Phase, Reason, Region, frame};

/// Why a task ended without a value: cancelled, panicked, or *lost*.
///
/// Lost is a task whose runtime was gone before it had ended. The error says the same on every backend,
/// and it never unwinds into the awaiter unless asked to by
/// [`resume_unwind`](JoinError::resume_unwind).
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let task = owner.handle().spawn_with().name("adder").spawn(async {
///     let numbers: [u8; 2] = [200, 100];
///     numbers.iter().copied().reduce(|a, b| a.checked_add(b).expect("too big")).unwrap()
/// });
/// let error = owner.block_on(task).unwrap_err();
///
/// assert!(error.is_panic());
/// assert_eq!(error.name(), Some("adder"));
/// assert_eq!(error.panic_message().as_deref(), Some("too big"));
/// assert!(error.to_string().starts_with("task `adder` (spawned at "));
/// ```
pub struct JoinError(Box<Repr>);

pub(crate) struct Repr {
    pub(crate) kind: Kind,
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) location: &'static Location<'static>,
    pub(crate) failures: Vec<Failure>,
}

pub(crate) enum Kind {
    Cancelled(Option<Reason>),
    /// In a mutex because a payload is not `Sync`, and errors must be.
    Panicked(Mutex<Payload>),
    Lost,
    /// A child whose error or panic is its scope's.
    Failed,
    /// The code that waits is a part of the task: what it runs in.
    Oneself(String),
}

impl JoinError {
    fn new(region: &Region, kind: Kind) -> Self {
        JoinError(Box::new(Repr {
            kind,
            name: region.name(),
            location: region.location(),
            failures: region.take_failures(),
        }))
    }

    pub(crate) fn cancelled(region: &Region) -> Self {
        Self::new(region, Kind::Cancelled(region.reason()))
    }

    pub(crate) fn panicked(region: &Region, payload: Payload) -> Self {
        Self::new(region, Kind::Panicked(Mutex::new(payload)))
    }

    pub(crate) fn lost(region: &Region) -> Self {
        Self::new(region, Kind::Lost)
    }

    /// Adds why, where only somebody further out knows.
    pub(crate) fn or_because(mut self, why: impl FnOnce() -> Option<Reason>) -> Self {
        if let Kind::Cancelled(reason @ None) = &mut self.0.kind {
            *reason = why();
        }
        self
    }

    pub(crate) fn failed(region: &Region) -> Self {
        Self::new(region, Kind::Failed)
    }

    /// Of a task that is not over, and cannot be before the code that waits for it is.
    pub(crate) fn oneself(region: &Region) -> Self {
        let describe = |member: &Arc<dyn Member>| {
            let here = member.region();
            match here.has(flag::INLINE) {
                true => format!("the region opened at {}", here.location()),
                false => Described(here.name().as_deref(), here.location()).to_string(),
            }
        };
        JoinError(Box::new(Repr {
            kind: Kind::Oneself(frame::look(|here| here.map(describe)).unwrap_or_default()),
            name: region.name(),
            location: region.location(),
            failures: Vec::new(),
        }))
    }

    /// Returns whether the code that waited is a part of the task that it waited for: the task itself, a
    /// child of a scope in it, and so on inwards.
    ///
    /// It would have waited for ever. The task runs on; a request that was made stands.
    pub fn is_oneself(&self) -> bool {
        matches!(self.0.kind, Kind::Oneself(_))
    }

    /// Returns whether it was a child that failed, and whose error its scope has.
    ///
    /// An error or a panic of a child of a scope has one receiver, the scope; who joins the child learns
    /// only this.
    pub fn is_failed(&self) -> bool {
        matches!(self.0.kind, Kind::Failed)
    }

    /// Returns whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.kind, Kind::Cancelled(_))
    }

    /// Returns whether the task panicked: its body, or its destructor.
    pub fn is_panic(&self) -> bool {
        matches!(self.0.kind, Kind::Panicked(_))
    }

    /// Returns whether the runtime was gone before the task had ended.
    ///
    /// Also so for a task that was spawned through a handle of a runtime already gone.
    pub fn is_lost(&self) -> bool {
        matches!(self.0.kind, Kind::Lost)
    }

    /// Returns why the task was cancelled, if a reason was given.
    pub fn reason(&self) -> Option<&Reason> {
        match &self.0.kind {
            Kind::Cancelled(reason) => reason.as_ref(),
            _ => None,
        }
    }

    /// Returns the text of the panic, if it was one and carried text.
    pub fn panic_message(&self) -> Option<String> {
        let Kind::Panicked(payload) = &self.0.kind else {
            return None;
        };
        let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
        message(&payload).map(str::to_owned)
    }

    /// Returns what the panic carried.
    ///
    /// Look at [`failures`](JoinError::failures) before: what is there, and was not a panic of the
    /// body, goes to the hook of [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Errors
    ///
    /// Gives the error back if the task did not panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let task = owner.handle().spawn(async { std::panic::panic_any(42) });
    /// let payload = owner.block_on(task).unwrap_err().into_panic().unwrap();
    /// assert_eq!(payload.downcast_ref(), Some(&42));
    /// ```
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        let Repr {
            kind,
            name,
            location,
            failures,
        } = *self.0;
        match kind {
            Kind::Panicked(payload) => {
                failures.iter().for_each(report);
                Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            kind => Err(JoinError(Box::new(Repr {
                kind,
                name,
                location,
                failures,
            }))),
        }
    }

    /// Goes on with the panic of the task on this thread.
    ///
    /// # Panics
    ///
    /// Always: with the task's own payload if it panicked, else with this error's text.
    #[track_caller]
    pub fn resume_unwind(self) -> ! {
        match self.into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns what else failed: clean-ups, and destructors after a panic of the body.
    pub fn failures(&self) -> &[Failure] {
        &self.0.failures
    }

    /// Returns the task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns where the task was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.0.location
    }

    /// Takes the error apart, for one that goes on as a part of another error.
    pub(crate) fn into_repr(self) -> Repr {
        *self.0
    }

    /// Reports an outcome that nobody receives: only panics and other failures are worth it.
    pub(crate) fn report_unseen(self, region: &Region) {
        let Repr { kind, failures, .. } = *self.0;
        if let Kind::Panicked(payload) = kind {
            let payload = payload.into_inner().unwrap_or_else(PoisonError::into_inner);
            region.report(Phase::Body, Some(payload));
        }
        for failure in &failures {
            region.report_failure(failure);
        }
    }
}

/// A task, as [`describe`] writes it.
struct Described<'a>(Option<&'a str>, &'static Location<'static>);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, self.0, self.1)
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, self.name(), self.location())?;
        match &self.0.kind {
            Kind::Cancelled(None) => f.write_str(" was cancelled"),
            Kind::Cancelled(Some(reason)) => write!(f, " was cancelled: {reason}"),
            Kind::Panicked(_) => match self.panic_message() {
                Some(message) => write!(f, " panicked: {message}"),
                None => f.write_str(" panicked"),
            },
            Kind::Lost => f.write_str(" was lost: its runtime is gone"),
            Kind::Failed => f.write_str(" failed: its scope has the error"),
            Kind::Oneself(here) => write!(f, " is waited for in itself, by {here}"),
        }
    }
}

impl std::error::Error for JoinError {}
