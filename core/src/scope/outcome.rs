//! What the children of a scope may give.

use crate::region::Region;
use crate::task::Joined;

/// What a child of a fallible scope gives: nothing, or a result.
///
/// Only `()` and `Result<T, E>` are, so that no error is lost without a word; for any other value there is
/// [`TryScope::spawn_value`](crate::TryScope::spawn_value). Sealed.
///
/// # Examples
///
/// ```
/// use anyrt::{TryScope, backend::builtin::Builtin};
///
/// async fn one_of_each(s: &TryScope<Builtin, String>) -> i32 {
///     s.spawn(async {});
///     s.spawn(async { Ok(5) }).await
/// }
/// # use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
/// # let owner = BuiltinRuntime::new();
/// # let five = owner.block_on(owner.handle().try_scope(async |s| Ok(one_of_each(&s).await)));
/// # assert_eq!(five.unwrap(), 5);
/// ```
#[diagnostic::on_unimplemented(
    message = "a child of a fallible scope gives `()` or `Result<_, {E}>`, not `{Self}`",
    note = "spawn a future of any other value with `spawn_value`",
    note = "an error of another type: turn it into the scope's, for example with `.map_err(E::from)`"
)]
pub trait Outcome<E>: sealed::Sealed {
    /// What joining the child gives.
    type Value: Send + 'static;

    /// Tells the value from the error.
    fn into_result(self) -> Result<Self::Value, E>;
}

impl<E> Outcome<E> for () {
    type Value = ();

    fn into_result(self) -> Result<(), E> {
        Ok(())
    }
}

impl<T: Send + 'static, E> Outcome<E> for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T, E> {
        self
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else implements it")]
    pub trait Sealed {}
    impl Sealed for () {}
    impl<T, E> Sealed for Result<T, E> {}
}

/// How a child's value and its error are told apart: what is spawned decides.
pub(super) trait Judge<O, E>: Send + Sync + 'static {
    type Value: Send + 'static;

    fn judge(output: O) -> Result<Self::Value, E>;

    /// The same of whatever end.
    #[inline]
    fn judge_end(region: &Region, ended: Joined<O>) -> Joined<Result<Self::Value, E>> {
        let _ = region;
        ended.map(Self::judge)
    }
}

/// The output is the value, whatever it is.
pub(super) struct AnyValue;

impl<O: Send + 'static, E> Judge<O, E> for AnyValue {
    type Value = O;

    #[inline]
    fn judge(output: O) -> Result<O, E> {
        Ok(output)
    }
}

/// The output is an [`Outcome`].
pub(super) struct Fallible;

impl<O: Outcome<E>, E> Judge<O, E> for Fallible {
    type Value = O::Value;

    #[inline]
    fn judge(output: O) -> Result<O::Value, E> {
        output.into_result()
    }
}
