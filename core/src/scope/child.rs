//! The handle of a child.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::in_scope::Birth;
use crate::region::contain::Payload;
use crate::region::state::flag;
use crate::region::{Member, Phase, Reason, Region, is_stopped_with};
use crate::task::{JoinError, Joinable};

/// The handle of a child of a scope; a future of the child's value.
///
/// Unlike a [`Task`](crate::Task) it may be dropped: the child is its scope's, and runs on. Awaiting it
/// gives the plain value `T`, because a child that fails is the scope's business:
///
/// | the child | awaiting gives | [`result`](Child::result) gives |
/// |---|---|---|
/// | returned a value | the value | `Ok` |
/// | failed, and the scope stops for it | nothing: the awaiting body or sibling is stopped there | `Err`, [`is_failed`](JoinError::is_failed) |
/// | failed, and the scope goes on, or the code is shielded | a panic with advice | `Err`, [`is_failed`](JoinError::is_failed) |
/// | was cancelled by its scope | nothing, in the same way | `Err`, [`is_cancelled`](JoinError::is_cancelled) |
/// | was cancelled by itself | a panic with advice | `Err`, [`is_cancelled`](JoinError::is_cancelled) |
///
/// Cancel safe: polling it and dropping it loses nothing but the value.
///
/// # Panics
///
/// As the table says; and when it is polled again after it has given its value.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// let sum = owner.block_on(rt.scope(async |s| {
///     let (a, b) = (s.spawn(async { 1 }), s.spawn(async { 2 }));
///     a.await + b.await
/// }));
/// assert_eq!(sum, 3);
/// ```
#[doc(alias = "JoinHandle")]
pub struct Child<T> {
    state: State<T>,
    location: &'static Location<'static>,
}

enum State<T> {
    Joined(Arc<dyn Joinable<T>>),
    /// There is no value. Kept for who asks again, as whoever awaits it may just be about to stop.
    Failed(JoinError, Of<T>),
    Taken,
}

/// What knows the scope of a child that has no value.
enum Of<T> {
    Cell(Arc<dyn Joinable<T>>),
    /// Of one that was refused.
    Scope(Arc<dyn Member>),
}

impl<T> Of<T> {
    fn scope(&self) -> Option<&Region> {
        match self {
            Of::Cell(cell) => cell.scope_region(),
            Of::Scope(scope) => Some(scope.region()),
        }
    }
}

impl<T> Child<T> {
    pub(super) fn new(cell: Arc<dyn Joinable<T>>) -> Self {
        let location = cell.region().location();
        Child {
            state: State::Joined(cell),
            location,
        }
    }

    /// A child that its scope did not take: cancelled already.
    pub(super) fn refused(birth: Birth, scope: Arc<dyn Member>) -> Self {
        let Birth { name, location, .. } = birth;
        let region = Region::new(location, 0);
        region.dress(name, None);
        region.ask(scope.region().reason().as_ref());
        Child {
            state: State::Failed(JoinError::cancelled(&region), Of::Scope(scope)),
            location,
        }
    }

    fn cell(&self) -> Option<&dyn Joinable<T>> {
        match &self.state {
            State::Joined(cell) => Some(&**cell),
            State::Failed(..) | State::Taken => None,
        }
    }

    /// Asks this child to stop, and says why. The scope and the other children go on.
    ///
    /// As [`Task::cancel`](crate::Task::cancel): it takes effect where the child suspends.
    pub fn cancel(&self, reason: impl Into<Reason>) {
        if let Some(cell) = self.cell() {
            cell.region().ask(Some(&reason.into()));
            // One that waits for its turn would learn of it only then.
            cell.hurry();
        }
    }

    /// Stops this child at once: nothing of it runs any more, no shield and no clean-up.
    ///
    /// As [`Task::kill`](crate::Task::kill). The scope and the other children go on.
    pub fn kill(&self, reason: impl Into<Reason>) {
        if let Some(cell) = self.cell() {
            cell.region().kill(Some(&reason.into()));
            cell.hurry();
        }
    }

    /// Waits for the child whatever becomes of it, and says what did.
    ///
    /// For a child that may be cancelled, and for scopes that go on when a child fails.
    ///
    /// # Errors
    ///
    /// Why there is no value. A child's own error or panic is given to its scope, not here: then
    /// [`is_failed`](JoinError::is_failed).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let rt = owner.handle();
    /// owner.block_on(rt.scope(async |s| {
    ///     let child = s.spawn(std::future::pending::<()>());
    ///     child.cancel("not needed after all");
    ///     let error = child.result().await.unwrap_err();
    ///     assert!(error.is_cancelled());
    /// }));
    /// ```
    pub fn result(self) -> ChildResult<T> {
        ChildResult { child: self }
    }

    /// Returns whether the child is over: gone, with its clean-ups.
    pub fn is_finished(&self) -> bool {
        self.cell().is_none_or(|cell| cell.region().is_done())
    }

    /// Returns the child's name, if it was given one.
    pub fn name(&self) -> Option<Cow<'static, str>> {
        match &self.state {
            State::Joined(cell) => cell.region().name(),
            State::Failed(error, _) => error.name().map(|name| Cow::Owned(name.to_owned())),
            State::Taken => None,
        }
    }

    /// Returns where the child was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Reports what went wrong in it and has no other receiver.
    pub(super) fn report(&self, phase: Phase, payload: Payload) {
        if let Some(cell) = self.cell() {
            cell.region().report(phase, Some(payload));
        }
    }

    /// Whether its scope did not take it.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.state, State::Failed(_, Of::Scope(_)))
    }

    /// Lets it start, if this code runs in its scope and it waits for its turn.
    pub(super) fn hurry(&self) {
        if let State::Joined(cell) = &self.state {
            cell.hurry();
        }
    }

    /// Looks for the outcome; one without a value stays here.
    pub(super) fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let State::Joined(cell) = &mut self.state else {
            assert!(
                matches!(self.state, State::Failed(..)),
                "a `Child` was polled after it had given its value"
            );
            return Poll::Ready(None);
        };
        let outcome = match Arc::get_mut(cell) {
            // Its root has let go of it: no lock is needed.
            Some(alone) if alone.region().is_done() => Poll::Ready(alone.take_outcome()),
            _ => cell.poll_join(cx),
        };
        let Poll::Ready(outcome) = outcome else {
            cell.hurry();
            return Poll::Pending;
        };
        let State::Joined(cell) = mem::replace(&mut self.state, State::Taken) else {
            unreachable!("just looked at");
        };
        Poll::Ready(match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.state = State::Failed(error, Of::Cell(cell));
                None
            }
        })
    }
}

impl<T> Future for Child<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Some(value) = ready!(self.poll_outcome(cx)) {
            return Poll::Ready(value);
        }
        let State::Failed(error, of) = &self.state else {
            unreachable!("there is no value");
        };
        let scope = of.scope();
        let stops = |scope: &Region| scope.has(flag::ASKING) && is_stopped_with(scope);
        match scope.is_some_and(stops) {
            // The scope stops this code too, at this very `Pending`.
            true => Poll::Pending,
            false => panic!(
                "a child was awaited for its value and has none: {error}; await `child.result()` where \
                 the scope goes on when a child ends without a value, in a shield, and outside the scope"
            ),
        }
    }
}

impl<T> Drop for Child<T> {
    /// The child runs on; its value has no receiver.
    fn drop(&mut self) {
        if let State::Joined(cell) = mem::replace(&mut self.state, State::Taken) {
            if cell.release() {
                cell.discard();
            }
        }
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("name", &self.name())
            .field("location", &format_args!("{}", self.location()))
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// The future of [`Child::result`].
///
/// Cancel safe: dropping it lets the child run on.
///
/// # Panics
///
/// When it is polled again after it has given its result.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct ChildResult<T> {
    child: Child<T>,
}

impl<T> Future for ChildResult<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(value) = ready!(self.child.poll_outcome(cx)) {
            return Poll::Ready(Ok(value));
        }
        match mem::replace(&mut self.child.state, State::Taken) {
            State::Failed(error, _) => Poll::Ready(Err(error)),
            _ => unreachable!("there is no value"),
        }
    }
}
