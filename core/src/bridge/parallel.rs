//! Work that is done side by side.

use std::fmt;
use std::panic::Location;

use super::anywhere::block_anywhere;
use super::members::{Members, Order, RunWorks};
use super::work::{AnyWork, Work};
use crate::runtime::{AnyRuntime, Spawn, Timer};
use crate::scope::{ChildError, ScopeError};

/// Work of both kinds, to be done side by side: once or many times.
///
/// Members are added in a chain. Each run does all of them anew, the async ones in tasks, those that
/// [block](crate::blocking) on threads of their own, and gives the values in the order in which they were
/// added. Nothing runs before. A clone is of the same members, and cheap.
///
/// ```text
/// run ──┬── async ──────── value ┐
///       ├── blocking ── value    ├─ Ok([0, 1, 2])
///       └── Serial ────── value  ┘
/// ```
///
/// | | [`run`](Parallel::run), [`block`](Parallel::block) | [`run_all`](Parallel::run_all), [`block_all`](Parallel::block_all) |
/// |---|---|---|
/// | a member fails or panics | the others are stopped | nobody is stopped |
/// | gives | all values, or what failed | the end of each |
///
/// *Stopped* is: async members are asked to stop, and clean up; those that block learn it from
/// [`cancel_requested`](crate::cancel_requested), and are waited for. No run ends before all of its members
/// have: nothing is left behind.
///
/// It is [work](Work) itself, and so is [`Serial`](crate::Serial): each is a member of the other, to any depth.
///
/// # Examples
///
/// ```
/// use anyrt::{Parallel, backend::builtin::BuiltinRuntime, blocking, prelude::*};
///
/// let sizes = Parallel::new()
///     .add(|| async { Ok::<_, std::io::Error>(5) })
///     .add(blocking(|| Ok(std::fs::metadata("/")?.len().min(7))));
///
/// let owner = BuiltinRuntime::new();
/// let first = owner.block_on(sizes.run()).unwrap();
/// let second = owner.block_on(sizes.run()).unwrap();
/// assert_eq!(first, second);
/// ```
#[must_use = "nothing is done until it is run"]
pub struct Parallel<T: Send + 'static, E: Send + 'static> {
    members: Members<T, E>,
}

impl<T: Send + 'static, E: Send + 'static> Parallel<T, E> {
    /// Makes one without members. A run of it gives an empty vector.
    pub fn new() -> Self {
        Parallel {
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

impl<T: Send + 'static, E: Send + 'static> Parallel<T, E> {
    /// Adds a member, of either kind.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Parallel, blocking};
    ///
    /// let members = Parallel::new().add(blocking(|| Ok::<_, String>(1))).add(|| async { Ok(2) });
    /// assert_eq!(members.len(), 2);
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

    /// Does all members, side by side; the first that fails stops the others.
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
    /// When it is first polled in no task of this library ([`run_on`](Parallel::run_on) names a runtime), and
    /// when it is polled again after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Parallel, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let members = Parallel::<(), _>::new()
    ///     .add(|| std::future::pending())
    ///     .add(|| async { Err("out of cheese") });
    /// let error = BuiltinRuntime::new().block_on(members.run()).unwrap_err();
    /// assert_eq!(error.errors().unwrap().first().index(), Some(1));
    /// ```
    #[track_caller]
    pub fn run(&self) -> RunWorks<Result<Vec<T>, ScopeError<E>>> {
        self.members.run(None, Order::Parallel, Location::caller())
    }

    /// Does as [`run`](Parallel::run) does, on this runtime, wherever it is awaited.
    #[track_caller]
    pub fn run_on<R: Spawn + Timer>(&self, rt: &R) -> RunWorks<Result<Vec<T>, ScopeError<E>>> {
        let rt = AnyRuntime::new(rt.clone());
        self.members
            .run(Some(rt), Order::Parallel, Location::caller())
    }

    /// Does all members, side by side, and gives the end of each, in their order.
    ///
    /// No failure stops anybody. Otherwise it is as [`run`](Parallel::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Parallel::run) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Parallel, backend::builtin::BuiltinRuntime, blocking, prelude::*};
    ///
    /// let members = Parallel::new().add(|| async { Err("out of cheese") }).add(blocking(|| Ok(2)));
    /// let ends = BuiltinRuntime::new().block_on(members.run_all());
    /// assert_eq!(ends[0].as_ref().unwrap_err().error(), Some(&"out of cheese"));
    /// assert_eq!(ends[1].as_ref().unwrap(), &2);
    /// ```
    #[track_caller]
    pub fn run_all(&self) -> RunWorks<Vec<Result<T, ChildError<E>>>> {
        self.members.run_all(Order::Parallel, Location::caller())
    }

    /// Does all members, as [`run`](Parallel::run) does, and waits for them on this thread.
    ///
    /// Driven by [`block_anywhere`](crate::block_anywhere): also on a thread that knows of no runtime, and in
    /// functions that [`to_thread`](crate::to_thread) runs.
    ///
    /// # Errors
    ///
    /// As [`run`](Parallel::run) gives.
    ///
    /// # Panics
    ///
    /// With advice, where blocking could hang, as [`block_anywhere`](crate::block_anywhere) says.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Parallel, blocking};
    ///
    /// let both = Parallel::new().add(|| async { Ok::<_, String>(1) }).add(blocking(|| Ok(2)));
    /// assert_eq!(both.block().unwrap(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn block(&self) -> Result<Vec<T>, ScopeError<E>> {
        block_anywhere(self.run())
    }

    /// Does all members, as [`run_all`](Parallel::run_all) does, and waits for them on this thread.
    ///
    /// # Panics
    ///
    /// As [`block`](Parallel::block) does.
    #[track_caller]
    pub fn block_all(&self) -> Vec<Result<T, ChildError<E>>> {
        block_anywhere(self.run_all())
    }
}

impl<T: Send + 'static, E: Send + 'static> Work for Parallel<T, E> {
    type Output = Result<Vec<T>, ScopeError<E>>;
    type Running = RunWorks<Self::Output>;

    fn into_running(self) -> Self::Running {
        Parallel::run(&self)
    }

    fn into_output(self) -> Self::Output {
        Parallel::block(&self)
    }

    fn into_any(self) -> AnyWork<Self::Output> {
        AnyWork::new(move || Box::pin(Parallel::run(&self)))
    }
}

impl<T: Send + 'static, E: Send + 'static> Clone for Parallel<T, E> {
    fn clone(&self) -> Self {
        Parallel {
            members: self.members.clone(),
        }
    }
}

impl<T: Send + 'static, E: Send + 'static> Default for Parallel<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static, E: Send + 'static> fmt::Debug for Parallel<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parallel")
            .field("members", &self.len())
            .finish_non_exhaustive()
    }
}
