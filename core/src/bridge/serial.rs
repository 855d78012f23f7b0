//! Work that is done one after the other.

use std::fmt;
use std::panic::Location;

use super::anywhere::block_anywhere;
use super::members::{Members, Order, RunWorks};
use super::work::{AnyWork, Work};
use crate::runtime::{AnyRuntime, Spawn, Timer};
use crate::scope::{ChildError, ScopeError};

/// Work of both kinds, to be done one after the other: once or many times.
///
/// As [`Parallel`](crate::Parallel), but a member begins when the one before has ended.
///
/// ```text
/// run ── async ── value ── blocking ── value ── Parallel ── value ── Ok([0, 1, 2])
/// ```
///
/// | | [`run`](Serial::run), [`block`](Serial::block) | [`run_all`](Serial::run_all), [`block_all`](Serial::block_all) |
/// |---|---|---|
/// | a member fails or panics | those after it are not begun | the next begins |
/// | gives | all values, or what failed | the end of each |
///
/// # Examples
///
/// ```
/// use anyrt::{Parallel, Serial, backend::builtin::BuiltinRuntime, blocking, prelude::*};
///
/// let fetch = Parallel::new().add(|| async { Ok("a") }).add(blocking(|| Ok::<_, String>("b")));
/// let steps = Serial::new().add(fetch.clone()).add(fetch);
///
/// let values = BuiltinRuntime::new().block_on(steps.run()).unwrap();
/// assert_eq!(values, [["a", "b"], ["a", "b"]]);
/// ```
#[must_use = "nothing is done until it is run"]
pub struct Serial<T: Send + 'static, E: Send + 'static> {
    members: Members<T, E>,
}

impl<T: Send + 'static, E: Send + 'static> Serial<T, E> {
    /// Makes one without members. A run of it gives an empty vector.
    pub fn new() -> Self {
        Serial {
            members: Members::default(),
        }
    }

    /// Returns how many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Send + 'static, E: Send + 'static> Serial<T, E> {
    /// Adds a member, of either kind.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Serial, blocking};
    ///
    /// let steps = Serial::new().add(blocking(|| Ok::<_, String>(1))).add(|| async { Ok(2) });
    /// assert_eq!(steps.len(), 2);
    /// ```
    #[track_caller]
    #[doc(alias = "schedule")]
    #[expect(
        clippy::should_implement_trait,
        reason = "it adds to a list, one of any kind"
    )]
    pub fn add<W>(mut self, work: W) -> Self
    where
        W: Work<Output = Result<T, E>>,
    {
        self.members.add(work);
        self
    }

    /// Does all members, one after the other; the first that fails stops the run.
    ///
    /// The members run on the runtime of the code that awaits this. Dropping the future asks them to stop;
    /// the task around waits for them.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] with what failed, each error with the [index](ChildError::index) of its member and the
    /// place where that was added.
    ///
    /// # Panics
    ///
    /// When it is first polled in no task of this library ([`run_on`](Serial::run_on) names a runtime), and
    /// when it is polled again after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Serial, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let steps = Serial::<(), _>::new()
    ///     .add(|| async { Err("out of cheese") })
    ///     .add(|| async { unreachable!("the one before failed") });
    /// let error = BuiltinRuntime::new().block_on(steps.run()).unwrap_err();
    /// assert_eq!(error.errors().unwrap().first().index(), Some(0));
    /// ```
    #[track_caller]
    pub fn run(&self) -> RunWorks<Result<Vec<T>, ScopeError<E>>> {
        self.members.run(None, Order::Serial, Location::caller())
    }

    /// Does as [`run`](Serial::run) does, on this runtime, wherever it is awaited.
    #[track_caller]
    pub fn run_on<R: Spawn + Timer>(&self, rt: &R) -> RunWorks<Result<Vec<T>, ScopeError<E>>> {
        let rt = AnyRuntime::new(rt.clone());
        self.members
            .run(Some(rt), Order::Serial, Location::caller())
    }

    /// Does all members, one after the other, and gives the end of each, in their order.
    ///
    /// No failure stops anybody. Otherwise it is as [`run`](Serial::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Serial::run) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Serial, backend::builtin::BuiltinRuntime, blocking, prelude::*};
    ///
    /// let steps = Serial::new().add(|| async { Err("out of cheese") }).add(blocking(|| Ok(2)));
    /// let ends = BuiltinRuntime::new().block_on(steps.run_all());
    /// assert_eq!(ends[0].as_ref().unwrap_err().error(), Some(&"out of cheese"));
    /// assert_eq!(ends[1].as_ref().unwrap(), &2);
    /// ```
    #[track_caller]
    pub fn run_all(&self) -> RunWorks<Vec<Result<T, ChildError<E>>>> {
        self.members.run_all(Order::Serial, Location::caller())
    }

    /// Does all members, as [`run`](Serial::run) does, and waits for them on this thread.
    ///
    /// Driven by [`block_anywhere`](crate::block_anywhere): also on a thread that knows of no runtime, and in
    /// functions that [`to_thread`](crate::to_thread) runs.
    ///
    /// # Errors
    ///
    /// As [`run`](Serial::run) gives.
    ///
    /// # Panics
    ///
    /// With advice, where blocking could hang, as [`block_anywhere`](crate::block_anywhere) says.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Serial, blocking};
    ///
    /// let both = Serial::new().add(|| async { Ok::<_, String>(1) }).add(blocking(|| Ok(2)));
    /// assert_eq!(both.block().unwrap(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn block(&self) -> Result<Vec<T>, ScopeError<E>> {
        block_anywhere(self.run())
    }

    /// Does all members, as [`run_all`](Serial::run_all) does, and waits for them on this thread.
    ///
    /// # Panics
    ///
    /// As [`block`](Serial::block) does.
    #[track_caller]
    pub fn block_all(&self) -> Vec<Result<T, ChildError<E>>> {
        block_anywhere(self.run_all())
    }
}

impl<T: Send + 'static, E: Send + 'static> Work for Serial<T, E> {
    type Output = Result<Vec<T>, ScopeError<E>>;
    type Running = RunWorks<Self::Output>;

    fn into_running(self) -> Self::Running {
        Serial::run(&self)
    }

    fn into_output(self) -> Self::Output {
        Serial::block(&self)
    }

    fn into_any(self) -> AnyWork<Self::Output> {
        AnyWork::new(move || Box::pin(Serial::run(&self)))
    }
}

impl<T: Send + 'static, E: Send + 'static> Clone for Serial<T, E> {
    fn clone(&self) -> Self {
        Serial {
            members: self.members.clone(),
        }
    }
}

impl<T: Send + 'static, E: Send + 'static> Default for Serial<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static, E: Send + 'static> fmt::Debug for Serial<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serial")
            .field("members", &self.len())
            .finish_non_exhaustive()
    }
}
