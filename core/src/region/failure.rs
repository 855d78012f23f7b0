//! Failures that came beside an outcome, and the receiver of last resort.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::contain::{Payload, contain, discard, message};

/// Something that went wrong beside, or instead of, what a task was asked for.
///
/// A task's outcome has room for one thing. What else failed (a clean-up, a destructor after a panic)
/// is in [`JoinError::failures`](crate::JoinError::failures); what has no receiver at all, such as
/// the panic of a detached task, goes to the hook of [`set_failure_hook`].
#[derive(Debug)]
pub struct Failure {
    phase: Phase,
    whose: Whose,
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
    /// In a mutex because a payload is not `Sync`, and errors must be.
    payload: Mutex<Option<Payload>>,
    message: Option<String>,
}

/// What a failure's location is the location of.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Task,
    /// A region inside a task; named, it is a scope.
    Region,
    Token,
    Callback,
    Resource,
}

/// What was going on when something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The body of a task ran, and nobody holds its handle.
    Body,
    /// A destructor ran: of a body, or of a value that nobody took.
    Destructor,
    /// An asynchronous clean-up ran.
    CleanUp,
    /// An asynchronous clean-up could not run to its end: its runtime was gone, or there was none.
    LostCleanUp,
    /// An asynchronous clean-up was dropped unfinished, because its task or scope was killed.
    Killed,
    /// A task or scope took too long to unwind, and what was left of it was killed.
    CleanUpDeadline,
    /// A waker was woken.
    Waker,
    /// A callback ran.
    Callback,
    /// A task, or child of a nursery, gave an error, and nobody else is told. The payload is the error.
    Failed,
    /// A child failed beyond the errors that its scope keeps. The payload is the error.
    NotKept,
    /// A resource was released, and that gave an error. The payload is the error.
    Release,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Body => "task panicked",
            Phase::Destructor => "destructor panicked",
            Phase::CleanUp => "clean-up panicked",
            Phase::LostCleanUp => "clean-up lost with its runtime",
            Phase::Killed => "clean-up killed",
            Phase::CleanUpDeadline => "clean-up deadline passed",
            Phase::Waker => "waker panicked",
            Phase::Callback => "callback panicked",
            Phase::Failed => "task failed",
            Phase::NotKept => "an error was not kept",
            Phase::Release => "release failed",
        })
    }
}

impl Failure {
    pub(crate) fn new(
        phase: Phase,
        name: Option<Cow<'static, str>>,
        location: &'static Location<'static>,
        payload: Option<Payload>,
    ) -> Self {
        Failure {
            phase,
            whose: Whose::Task,
            name,
            location,
            message: payload.as_ref().and_then(message).map(str::to_owned),
            payload: Mutex::new(payload),
        }
    }

    /// Of a region inside a task, and not of the task.
    pub(crate) fn of_region(self) -> Self {
        Failure {
            whose: Whose::Region,
            ..self
        }
    }

    /// An error that a task gave, with its text.
    pub(crate) fn of_error(
        name: Option<Cow<'static, str>>,
        location: &'static Location<'static>,
        text: String,
        error: Payload,
    ) -> Self {
        Failure {
            message: Some(text),
            ..Failure::new(Phase::Failed, name, location, Some(error))
        }
    }

    /// Of a token that was made at `location`.
    pub(crate) fn of_token(
        phase: Phase,
        location: &'static Location<'static>,
        payload: Payload,
    ) -> Self {
        Failure {
            whose: Whose::Token,
            ..Failure::new(phase, None, location, Some(payload))
        }
    }

    /// Of a callback that was registered at `location`.
    pub(crate) fn of_callback(
        phase: Phase,
        location: &'static Location<'static>,
        payload: Payload,
    ) -> Self {
        Failure {
            whose: Whose::Callback,
            ..Failure::new(phase, None, location, Some(payload))
        }
    }

    /// An error of the release of what was acquired at `location`, with its text.
    pub(crate) fn of_release(
        location: &'static Location<'static>,
        text: String,
        error: Payload,
    ) -> Self {
        Failure {
            whose: Whose::Resource,
            message: Some(text),
            ..Failure::new(Phase::Release, None, location, Some(error))
        }
    }

    /// Returns what was going on.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the name of the task, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns where the task was spawned, the callback registered, the token made, or the resource
    /// acquired.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns the text of the panic, if there was one and it carried text; or that of the error.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Takes what the panic carried, or the error that was not kept.
    ///
    /// The second call gives `None`.
    pub fn take_payload(&self) -> Option<Box<dyn std::any::Any + Send>> {
        self.payload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.phase)?;
        match self.whose {
            Whose::Task => {
                f.write_str("in ")?;
                describe(f, self.name(), self.location)?;
            }
            Whose::Region => match self.name() {
                Some(name) => write!(f, "in scope `{name}` (opened at {})", self.location)?,
                None => write!(f, "in the region opened at {}", self.location)?,
            },
            Whose::Token => write!(f, "(token made at {})", self.location)?,
            Whose::Callback => write!(f, "(callback registered at {})", self.location)?,
            Whose::Resource => write!(f, "(resource acquired at {})", self.location)?,
        }
        match self.message() {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

/// Says which task it is: its name, if it has one, and where it was spawned.
pub(crate) fn describe(
    f: &mut fmt::Formatter<'_>,
    name: Option<&str>,
    location: &Location<'_>,
) -> fmt::Result {
    match name {
        Some(name) => write!(f, "task `{name}` (spawned at {location})"),
        None => write!(f, "the task spawned at {location}"),
    }
}

type Hook = dyn Fn(&Failure) + Send + Sync;

static HOOK: RwLock<Option<Arc<Hook>>> = RwLock::new(None);

/// Sets what is told of each failure that has no other receiver, in this process.
///
/// Such are the panics of detached tasks, of tasks whose handle is dropped without being awaited, of
/// wakers, of callbacks, and of the destructors of values that nobody takes; and clean-ups that could
/// not run. The hook is called on the thread where it happened, outside all locks; a panic of the hook
/// itself is discarded.
///
/// Without a hook, one line goes to standard error, or to `tracing` with that feature.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, set_failure_hook};
///
/// let (tx, rx) = mpsc::channel();
/// set_failure_hook(move |failure| tx.send(failure.to_string()).unwrap());
///
/// let owner = BuiltinRuntime::new();
/// owner.handle().spawn_detached(async { panic!("out of cheese") });
///
/// let line = rx.recv().unwrap();
/// assert!(line.starts_with("task panicked in the task spawned at"), "{line}");
/// assert!(line.ends_with(": out of cheese"), "{line}");
/// ```
pub fn set_failure_hook(hook: impl Fn(&Failure) + Send + Sync + 'static) {
    let old = HOOK
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .replace(Arc::new(hook));
    drop(old);
}

/// Tells the hook. The last resort: it never panics.
pub(crate) fn report(failure: &Failure) {
    let hook = HOOK.read().unwrap_or_else(PoisonError::into_inner).clone();
    let told = contain(|| match hook {
        Some(hook) => hook(failure),
        None => default_hook(failure),
    });
    if let Err(payload) = told {
        discard(payload);
    }
    if let Some(payload) = failure.take_payload() {
        discard(payload);
    }
}

#[cfg(feature = "tracing")]
fn default_hook(failure: &Failure) {
    tracing::error!(target: "anyrt", "{failure}");
}

#[cfg(not(feature = "tracing"))]
fn default_hook(failure: &Failure) {
    // Panics where standard error is closed, which `report` contains; and unlike a plain write it is
    // captured by the test harness.
    eprintln!("anyrt: {failure}");
}
