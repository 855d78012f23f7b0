//! What can be acquired and released.

use std::fmt::Display;
use std::future::Future;

use super::exit::Exit;

/// What is acquired with `await`, and released with `await` when its use is over.
///
/// The value of this type says how; what is acquired is its [`Held`](Resource::Held). [`using`](crate::using)
/// runs a block with it, [`enter`](crate::enter) holds it as long as the region around lives, and
/// [`ExitStack::enter`](crate::ExitStack::enter) and [`using_all`](crate::using_all) are for several.
///
/// An acquisition that has begun is not stopped by a request: it is [shielded](crate::shield). A release
/// runs as a clean-up of the region (see [`defer`](crate::defer)): shielded too, up to the clean-up deadline.
///
/// Both are written as `async fn`; the compiler asks for `Send`.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use anyrt::{Exit, Resource, using};
///
/// struct Line(&'static str);
///
/// impl Resource for Line {
///     type Held = String;
///     type Error = Infallible;
///
///     async fn acquire(&mut self) -> Result<String, Infallible> {
///         Ok(format!("a line to {}", self.0))
///     }
///
///     async fn release(self, line: String, exit: Exit<Infallible>) -> Result<(), Infallible> {
///         println!("{line} is closed: {}", exit.kind());
///         Ok(())
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let length = using(Line("Paris"), async |line| Ok(line.len())).await;
/// assert_eq!(length, Ok(15));
/// # });
/// ```
#[doc(alias = "AsyncContextManager")]
#[doc(alias = "AbstractAsyncContextManager")]
#[doc(alias = "__aenter__")]
#[doc(alias = "__aexit__")]
pub trait Resource: Send + 'static {
    /// What is acquired.
    type Held: Send + 'static;
    /// How acquisition, use and release fail.
    type Error: Display + Send + 'static;

    /// Acquires it. No request stops this: what may take long, such as the wait for a permit, comes before, where
    /// the resource is made.
    ///
    /// # Errors
    ///
    /// If that fails: then there is nothing to release.
    fn acquire(&mut self) -> impl Future<Output = Result<Self::Held, Self::Error>> + Send;

    /// Releases it, and learns how its use ended.
    ///
    /// # Errors
    ///
    /// If the release fails. After a value it is the error of the whole; after an error of the use, a panic
    /// or a request to stop it comes beside: in `failures()`, or to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    fn release(
        self,
        held: Self::Held,
        exit: Exit<Self::Error>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
