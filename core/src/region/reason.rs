//! Why something was cancelled.

use std::borrow::Cow;
use std::fmt;

/// Why something was cancelled, for people to read.
///
/// # Examples
///
/// ```
/// use anyrt::Reason;
///
/// let fixed = Reason::from("the client hung up");
/// let computed = Reason::from(format!("quota of {} reached", 10));
/// assert_eq!(fixed.to_string(), "the client hung up");
/// assert_eq!(computed.as_str(), "quota of 10 reached");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    pub(crate) const fn fixed(text: &'static str) -> Self {
        Reason(Cow::Borrowed(text))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Reason {
    fn from(text: &'static str) -> Self {
        Reason(text.into())
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Reason(text.into())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What [`until`](crate::Cancellable::until) gives is an error as it is.
impl std::error::Error for Reason {}
