//! Children that say when they are ready.

use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pin_project::{pin_project, pinned_drop};

use super::child::Child;
use super::outcome::Judge;
use crate::region::contain::{Payload, contain, message};
use crate::region::{Phase, Reason, frame, report_here};
use crate::task::{JoinError, JoinKind, JoinParts};

/// Says that a child is ready, and with what: given to the closure of [`start`](crate::Scope::start).
///
/// Dropped without a word, it says nothing: who started the child learns that when the child ends.
#[must_use = "call `ready` when the child is ready, or its start fails"]
pub struct Ready<V, E> {
    meeting: Arc<Meeting<V, E>>,
}

/// Where a child and who starts it meet.
struct Meeting<V, E>(Mutex<State<V, E>>);

enum State<V, E> {
    Starting(Option<Waker>),
    Said(Result<V, Kind<E>>),
    Over,
}

enum Kind<E> {
    Error(E),
    Panicked(Mutex<Payload>),
    Cancelled,
    NeverSaid,
}

impl<V, E> Meeting<V, E> {
    fn state(&self) -> MutexGuard<'_, State<V, E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how the start went. Gives it back where it was said before, and where nobody listens.
    fn say(&self, what: Result<V, Kind<E>>) -> Option<Result<V, Kind<E>>> {
        let waker = {
            let mut state = self.state();
            let State::Starting(waker) = &mut *state else {
                return Some(what);
            };
            let waker = waker.take();
            *state = State::Said(what);
            waker
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        None
    }
}

impl<V, E> Ready<V, E> {
    /// Says that the child is ready, and gives `value` to who started it.
    ///
    /// If nobody waits for it any more, the child has been asked to stop, and the value is dropped.
    pub fn ready(self, value: V) {
        drop(self.meeting.say(Ok(value)));
    }
}

impl<V, E> Debug for Ready<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

/// Makes the two sides of a start: what is to be spawned, and what its caller waits for.
#[allow(clippy::type_complexity, reason = "two things, made together")]
pub(super) fn start<J, V, E, F, Fut>(
    body: F,
) -> (
    StartBody<J, V, E, F, Fut>,
    impl FnOnce(Child<()>) -> Start<V, E>,
)
where
    F: FnOnce(Ready<V, E>) -> Fut,
    E: Send + 'static,
{
    let meeting = Arc::new(Meeting(Mutex::new(State::Starting(None))));
    let start = StartBody {
        meeting: Arc::clone(&meeting),
        start: Some(body),
        future: None,
        judge: PhantomData,
    };
    let lose = lose::<E>;
    let made = move |child| Start {
        meeting,
        child,
        lose,
    };
    (start, made)
}

/// Reports why a start failed, where nobody asks any more.
fn lose<E: Send + 'static>(kind: Kind<E>, child: &Child<()>) {
    match kind {
        Kind::Error(error) => child.report(Phase::NotKept, Box::new(error)),
        Kind::Panicked(payload) => {
            let payload = payload.into_inner();
            child.report(Phase::Body, payload.unwrap_or_else(PoisonError::into_inner));
        }
        Kind::Cancelled | Kind::NeverSaid => {}
    }
}

/// What the child runs: until it is ready, its failure is that of the start.
#[pin_project(PinnedDrop)]
pub(super) struct StartBody<J, V, E, F, Fut> {
    meeting: Arc<Meeting<V, E>>,
    start: Option<F>,
    #[pin]
    future: Option<Fut>,
    judge: PhantomData<fn() -> J>,
}

impl<J, V, E, F, Fut> Future for StartBody<J, V, E, F, Fut>
where
    F: FnOnce(Ready<V, E>) -> Fut,
    Fut: Future,
    J: Judge<Fut::Output, E>,
{
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = contain(|| {
            if let Some(start) = this.start.take() {
                let meeting = Arc::clone(this.meeting);
                this.future.set(Some(start(Ready { meeting })));
            }
            let future = this.future.as_mut().as_pin_mut();
            future.expect("a body is polled until it is ready").poll(cx)
        });
        match polled.map(|polled| polled.map(J::judge)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(_))) => {
                drop(this.meeting.say(Err(Kind::NeverSaid)));
                Poll::Ready(Ok(()))
            }
            Ok(Poll::Ready(Err(error))) => match this.meeting.say(Err(Kind::Error(error))) {
                Some(Err(Kind::Error(error))) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(())),
            },
            Err(payload) => match this.meeting.say(Err(Kind::Panicked(Mutex::new(payload)))) {
                Some(Err(Kind::Panicked(payload))) => {
                    resume_unwind(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
                }
                _ => Poll::Ready(Ok(())),
            },
        }
    }
}

#[pinned_drop]
impl<J, V, E, F, Fut> PinnedDrop for StartBody<J, V, E, F, Fut> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        // First: what it holds may be what the caller waits for.
        let dropped = contain(|| this.future.set(None));
        drop(this.meeting.say(Err(Kind::Cancelled)));
        if let Err(payload) = dropped {
            if !std::thread::panicking() {
                resume_unwind(payload);
            }
        }
    }
}

/// The future of [`Scope::start`](crate::Scope::start): ready when the child says that it is.
///
/// Dropping it before cancels the child; afterwards the child runs on.
///
/// # Panics
///
/// When it is polled again after it was ready.
#[must_use = "dropping a start that is not ready cancels the child"]
pub struct Start<V, E> {
    meeting: Arc<Meeting<V, E>>,
    child: Child<()>,
    /// Here, because dropping a start must not ask for more of `E` than holding it does.
    lose: fn(Kind<E>, &Child<()>),
}

impl<V, E> Future for Start<V, E> {
    type Output = Result<V, StartError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = cx.waker().clone();
        let said = {
            let mut state = self.meeting.state();
            match &mut *state {
                State::Starting(before) => {
                    let before = before.replace(waker);
                    drop(state);
                    drop(before);
                    None
                }
                _ => Some(std::mem::replace(&mut *state, State::Over)),
            }
        };
        match said {
            None if self.child.is_refused() => {
                if frame::is_stopping() {
                    return Poll::Pending;
                }
                let before = std::mem::replace(&mut *self.meeting.state(), State::Over);
                // Outside the lock: it holds our waker.
                drop(before);
                Poll::Ready(Err(StartError {
                    kind: Kind::Cancelled,
                }))
            }
            None => {
                self.child.hurry();
                Poll::Pending
            }
            Some(State::Said(said)) => Poll::Ready(said.map_err(|kind| StartError { kind })),
            Some(_) => panic!("a `Start` was polled after it was ready"),
        }
    }
}

impl<V, E> Drop for Start<V, E> {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.meeting.state(), State::Over);
        match before {
            State::Starting(_) => self.child.cancel(Reason::from("its start was given up")),
            State::Said(Err(kind)) => (self.lose)(kind, &self.child),
            before => drop(before),
        }
    }
}

impl<V, E> Debug for Start<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("child", &self.child)
            .finish_non_exhaustive()
    }
}

/// Why a child that was started did not get ready. Its scope is not told, and goes on.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let outcome = owner.block_on(owner.handle().try_scope(async |s| {
///     let port = s.start::<u16, _, _>(|_ready| async { Err::<(), _>("address in use") }).await;
///     let error = port.unwrap_err();
///     assert_eq!(error.into_error().unwrap(), "address in use");
///     Ok("the scope goes on")
/// }));
/// assert_eq!(outcome.unwrap(), "the scope goes on");
/// ```
pub struct StartError<E> {
    kind: Kind<E>,
}

impl<E> StartError<E> {
    pub(super) fn failed(error: E) -> Self {
        let kind = Kind::Error(error);
        StartError { kind }
    }

    /// Of a child that panicked; what failed beside is reported.
    pub(super) fn panicked(panic: JoinError) -> Self {
        let JoinParts { kind, failures, .. } = panic.into_repr();
        failures.iter().for_each(report_here);
        let kind = match kind {
            JoinKind::Panicked(payload) => Kind::Panicked(payload),
            _ => Kind::Cancelled,
        };
        StartError { kind }
    }

    /// Returns the child's error, if it was one.
    ///
    /// # Errors
    ///
    /// Gives `self` back if it was none.
    pub fn into_error(self) -> Result<E, Self> {
        match self.kind {
            Kind::Error(error) => Ok(error),
            kind => Err(StartError { kind }),
        }
    }

    /// Returns the child's error, if it was one.
    pub fn error(&self) -> Option<&E> {
        match &self.kind {
            Kind::Error(error) => Some(error),
            _ => None,
        }
    }

    /// Returns whether the child panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Panicked(_))
    }

    /// Returns whether the child was cancelled before it was ready.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, Kind::Cancelled)
    }

    /// Returns whether the child ended well, and never said that it was ready.
    pub fn never_said(&self) -> bool {
        matches!(self.kind, Kind::NeverSaid)
    }

    /// Goes on with the panic of the child on this thread.
    ///
    /// # Panics
    ///
    /// If the child panicked.
    ///
    /// # Errors
    ///
    /// Gives `self` back if it did not.
    pub fn resume_unwind(self) -> Result<std::convert::Infallible, Self> {
        match self.kind {
            Kind::Panicked(payload) => {
                resume_unwind(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            kind => Err(StartError { kind }),
        }
    }
}

impl<E: Display> Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Error(error) => write!(f, "a child failed before it was ready: {error}"),
            Kind::Cancelled => f.write_str("a child was cancelled before it was ready"),
            Kind::NeverSaid => f.write_str("a child ended without saying that it was ready"),
            Kind::Panicked(payload) => {
                f.write_str("a child panicked before it was ready")?;
                let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
                match message(&payload) {
                    Some(message) => write!(f, ": {message}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl<E: Debug> Debug for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("StartError");
        match &self.kind {
            Kind::Error(error) => tuple.field(error),
            Kind::Panicked(_) => tuple.field(&"panicked"),
            Kind::Cancelled => tuple.field(&"cancelled"),
            Kind::NeverSaid => tuple.field(&"never said that it was ready"),
        };
        tuple.finish()
    }
}

impl<E: Error + 'static> Error for StartError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().map(|error| error as &(dyn Error + 'static))
    }
}
