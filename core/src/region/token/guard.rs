//! Cancelling on the way out.

use std::fmt;

use super::CancelToken;
use crate::Reason;

/// Cancels a token when it is dropped; from [`CancelToken::guard`].
///
/// Whatever the way out: the end of the block, `?`, a panic, or a future that is dropped half-way. A
/// token that is cancelled already stays as it is.
///
/// # Examples
///
/// ```
/// use anyrt::CancelToken;
///
/// fn serve(token: &CancelToken) -> Result<(), std::num::ParseIntError> {
///     let _guard = token.guard("the server is gone");
///     let _port: u16 = "http".parse()?;
///     Ok(())
/// }
///
/// let token = CancelToken::new();
/// assert!(serve(&token).is_err());
/// assert_eq!(token.reason().unwrap().as_str(), "the server is gone");
/// ```
#[must_use = "cancels at once when it is not kept: bind it to a name"]
#[doc(alias = "DropGuard")]
#[doc(alias = "cancelling")]
#[doc(alias = "eager_ctx")]
pub struct CancelGuard {
    token: CancelToken,
    /// `None` when it is disarmed.
    reason: Option<Reason>,
}

impl CancelGuard {
    pub(super) fn new(token: CancelToken, reason: Reason) -> Self {
        CancelGuard {
            token,
            reason: Some(reason),
        }
    }

    /// Drops the guard without cancelling.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// let guard = token.guard("went wrong");
    /// guard.disarm(); // all went well
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) {
        self.reason = None;
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some(reason) = self.reason.take() {
            self.token.cancel(reason);
        }
    }
}

impl fmt::Debug for CancelGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelGuard")
            .field("token", &self.token)
            .field("reason", &self.reason)
            .finish()
    }
}
