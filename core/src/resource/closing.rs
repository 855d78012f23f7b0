//! What is there already, and is closed when its use is over.

use std::fmt::Display;
use std::future::{Future, ready};
use std::panic::Location;

use super::bracket::Bracket;
use super::exit::Exit;
use super::lent::Lent;

/// What is closed with `await`.
///
/// # Examples
///
/// See [`closing`].
#[doc(alias = "AsyncClosable")]
#[doc(alias = "aclose")]
pub trait AsyncClose: Send + 'static {
    /// How closing it, and its use in [`closing`], fail.
    type Error: Display + Send + 'static;

    /// Closes it.
    ///
    /// # Errors
    ///
    /// If that fails.
    fn close(self) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Runs `body` with `value`, and closes that however the body ends.
///
/// As [`bracket`](crate::bracket) does, with nothing to acquire. For another method than `close` there is
/// `bracket(async { Ok(value) }, body, async |value, _| value.shut_down().await)`.
///
/// Not cancel safe: dropping it drops the body where it is; the value is closed as a clean-up of the region
/// around.
///
/// # Errors
///
/// That of the body, or, after a value, of closing.
///
/// # Panics
///
/// With a panic of the body, once all is closed; and when it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
/// use anyrt::{AsyncClose, closing};
///
/// struct Socket(Arc<AtomicBool>);
///
/// impl AsyncClose for Socket {
///     type Error = Infallible;
///
///     async fn close(self) -> Result<(), Infallible> {
///         self.0.store(true, Ordering::Relaxed);
///         Ok(())
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let closed = Arc::new(AtomicBool::new(false));
/// let sent = closing(Socket(closed.clone()), async |_socket| Ok(5)).await;
/// assert_eq!(sent, Ok(5));
/// assert!(closed.load(Ordering::Relaxed));
/// # });
/// ```
#[track_caller]
#[doc(alias = "aclosing")]
#[doc(alias = "closing_async")]
pub fn closing<A, U, B, T>(value: A, body: U) -> Bracket<A::Error, impl Future<Output = Option<T>>>
where
    A: AsyncClose,
    U: FnOnce(Lent<A>) -> B,
    B: Future<Output = Result<T, A::Error>>,
{
    super::bracket::of(
        Location::caller(),
        ready(Ok((value, |value: A, _: Exit<A::Error>| value.close()))),
        body,
    )
}
