//! What futures may give that fail by themselves, without a scope that says with which error.

use std::convert::Infallible;
use std::fmt::Display;

use super::any_error::AnyError;
use super::outcome::Judge;

/// What gives a value, or an error of its own type: `()`, `Result<T, E>`, and `!`. Sealed.
///
/// For [`spawn_watched`](crate::Runtime::spawn_watched) and [`Nursery::spawn`](crate::NurseryHandle::spawn),
/// where each future may fail in its own way.
///
/// # Examples
///
/// ```
/// use anyrt::MayFail;
///
/// assert_eq!("7".parse::<i32>().into_result(), Ok(7)); // its error is a `ParseIntError`
/// assert_eq!(().into_result(), Ok(())); // which cannot fail
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither `()` nor a `Result`",
    note = "what nobody joins gives `()`, or a `Result` whose error is reported"
)]
pub trait MayFail: sealed::Sealed {
    /// What it gives if it does not fail.
    type Value: Send + 'static;
    /// How it fails.
    type Error: Send + 'static;

    /// Tells the value from the error.
    ///
    /// # Errors
    ///
    /// The error, if it is one.
    fn into_result(self) -> Result<Self::Value, Self::Error>;
}

impl MayFail for () {
    type Value = ();
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// What never ends, such as `async { loop { … } }`, cannot fail but by a panic.
impl MayFail for Never {
    type Value = Infallible;
    type Error = Infallible;

    fn into_result(self) -> Result<Infallible, Infallible> {
        match self {}
    }
}

impl<T: Send + 'static, E: Send + 'static> MayFail for Result<T, E> {
    type Value = T;
    type Error = E;

    fn into_result(self) -> Result<T, E> {
        self
    }
}

/// The type `!`, which stable Rust has but does not let one name.
type Never = <fn() -> ! as Gives>::Output;

#[expect(unnameable_types, reason = "only there to name a type")]
pub trait Gives {
    type Output;
}

impl<T> Gives for fn() -> T {
    type Output = T;
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else implements it")]
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for super::Never {}
    impl<T, E> Sealed for Result<T, E> {}
}

/// The output is a [`MayFail`], of whatever error.
pub(super) struct Whatever;

impl<O: MayFail<Error: Display + Sync>> Judge<O, AnyError> for Whatever {
    type Value = O::Value;

    #[inline]
    fn judge(output: O) -> Result<O::Value, AnyError> {
        output.into_result().map_err(AnyError::new)
    }
}
