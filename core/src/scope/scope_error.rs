//! Why a scope has no value.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::panic::Location;

use super::child_error::add_failures;
use super::error_group::ErrorGroup;
use super::text::{Tree, line, shown};
use crate::region::failure::report;
use crate::region::{Failure, Reason};

/// Why a scope ended without a value: failures, its deadline, or a cancel.
///
/// `ScopeError::from` makes one of an [`ErrorGroup`].
///
/// Several of these may be true at once: a deadline that passes while a child fails loses neither.
///
/// | | [`is_elapsed`](ScopeError::is_elapsed) | [`is_cancelled`](ScopeError::is_cancelled) | [`errors`](ScopeError::errors) |
/// |---|---|---|---|
/// | a child or the body failed | | | some |
/// | the scope's own deadline passed | true | | what failed until everything was gone |
/// | the scope was cancelled | | true | what failed until everything was gone |
///
/// An error of the body is a member of the group, [marked](crate::ChildError::is_body) as such.
///
/// It is written like an [`ErrorGroup`]: `{}` is one line, `{:#}` a tree, and `{:?}`, which `main`
/// prints, a tree with more in it. It is an [`Error`] for any `E` that is `Debug + Display`.
///
/// # Examples
///
/// ```
/// use anyrt::{ErrorGroup, ScopeError};
///
/// fn first_words(error: ScopeError<String>) -> String {
///     match error.errors() {
///         Some(group) => format!("{} failed", group.len()),
///         None if error.is_elapsed() => "too slow".into(),
///         None => "cancelled".into(),
///     }
/// }
/// let group = ErrorGroup::from_errors([String::from("out of cheese")]).unwrap();
/// assert_eq!(first_words(group.into()), "1 failed");
/// ```
#[doc(alias = "TaskGroupError")]
pub struct ScopeError<E>(Box<Repr<E>>);

struct Repr<E> {
    /// Absent only if there are errors.
    stop: Option<Stop>,
    errors: Option<ErrorGroup<E>>,
    failures: Vec<Failure>,
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
}

/// What ended a scope before its time.
pub(crate) enum Stop {
    Elapsed,
    Cancelled(Option<Reason>),
}

impl<E> ScopeError<E> {
    /// The error of a scope that failed: with what its children did until all were gone.
    pub(crate) fn failed(errors: ErrorGroup<E>) -> Self {
        let location = errors.first().location();
        ScopeError(Box::new(Repr {
            stop: None,
            errors: Some(errors),
            failures: Vec::new(),
            name: None,
            location,
        }))
    }

    /// The error of a scope that was stopped.
    pub(crate) fn stopped(
        stop: Stop,
        errors: Option<ErrorGroup<E>>,
        location: &'static Location<'static>,
    ) -> Self {
        ScopeError(Box::new(Repr {
            stop: Some(stop),
            errors,
            failures: Vec::new(),
            name: None,
            location,
        }))
    }

    /// Adds which scope it is.
    pub(crate) fn of_scope(
        mut self,
        name: Option<Cow<'static, str>>,
        location: &'static Location<'static>,
    ) -> Self {
        self.0.name = name;
        self.0.location = location;
        self
    }

    /// Adds what failed beside.
    pub(crate) fn beside(mut self, failures: Vec<Failure>) -> Self {
        self.0.failures.extend(failures);
        self
    }

    /// Returns whether the scope's own deadline passed.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.0.stop, Some(Stop::Elapsed))
    }

    /// Returns whether the scope was cancelled, by its own handle or token.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.stop, Some(Stop::Cancelled(_)))
    }

    /// Returns why the scope was cancelled, if a reason was given.
    pub fn reason(&self) -> Option<&Reason> {
        match &self.0.stop {
            Some(Stop::Cancelled(reason)) => reason.as_ref(),
            _ => None,
        }
    }

    /// Returns what the children and the body failed with, if any of them did.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{ErrorGroup, ScopeError};
    ///
    /// let error = ScopeError::from(ErrorGroup::from_errors([404, 500]).unwrap());
    /// assert_eq!(error.errors().unwrap().find_error(|status| *status >= 500), Some(&500));
    /// ```
    pub fn errors(&self) -> Option<&ErrorGroup<E>> {
        self.0.errors.as_ref()
    }

    /// Returns the errors by value. Whether the scope was stopped too is forgotten.
    ///
    /// Look at [`failures`](ScopeError::failures) before: they go to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Errors
    ///
    /// Gives `self` back if there are none: the scope was only stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{ErrorGroup, ScopeError};
    ///
    /// let error = ScopeError::from(ErrorGroup::from_errors(["a", "b"]).unwrap());
    /// let texts: Vec<_> = error.into_errors().unwrap().into_iter().collect();
    /// assert_eq!(texts.len(), 2);
    /// ```
    pub fn into_errors(mut self) -> Result<ErrorGroup<E>, Self> {
        match self.0.errors.take() {
            Some(errors) => {
                self.0.failures.iter().for_each(report);
                Ok(errors)
            }
            None => Err(self),
        }
    }

    /// Returns the first error by value, for a caller who propagates one.
    ///
    /// The other errors are dropped; panics and failures go to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Errors
    ///
    /// Gives `self` back if there is no error in it: only a stop, panics, or children that were lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use anyrt::{ErrorGroup, ScopeError};
    ///
    /// fn only_io(error: ScopeError<io::Error>) -> io::Error {
    ///     error.into_first_error().unwrap_or_else(io::Error::other)
    /// }
    /// let group = ErrorGroup::from_errors([io::Error::other("a"), io::Error::other("b")]);
    /// assert_eq!(only_io(group.unwrap().into()).to_string(), "a");
    /// ```
    pub fn into_first_error(mut self) -> Result<E, Self> {
        let Some(errors) = self.0.errors.take() else {
            return Err(self);
        };
        match errors.into_first_error() {
            Ok(error) => {
                self.0.failures.iter().for_each(report);
                Ok(error)
            }
            Err(errors) => {
                self.0.errors = Some(errors);
                Err(self)
            }
        }
    }

    /// Returns what else failed: clean-ups and destructors of the scope's own.
    ///
    /// Those of a child are in its [`ChildError`](crate::ChildError).
    pub fn failures(&self) -> &[Failure] {
        &self.0.failures
    }

    /// Returns the scope's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns where the scope was opened.
    pub fn location(&self) -> &'static Location<'static> {
        self.0.location
    }

    /// Changes each error; all else stays what it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{ErrorGroup, ScopeError};
    ///
    /// let error = ScopeError::from(ErrorGroup::from_errors(["a", "b"]).unwrap());
    /// assert_eq!(error.map(|error| error.to_uppercase()).to_string(), "2 errors: A; B");
    /// ```
    pub fn map<F>(self, f: impl FnMut(E) -> F) -> ScopeError<F> {
        let Repr {
            stop,
            errors,
            failures,
            name,
            location,
        } = *self.0;
        ScopeError(Box::new(Repr {
            stop,
            errors: errors.map(|errors| errors.map(f)),
            failures,
            name,
            location,
        }))
    }

    /// Which scope was stopped, and why; nothing if it was not.
    fn head(&self) -> Option<String> {
        let stop = self.0.stop.as_ref()?;
        let location = self.location();
        let scope = match self.name() {
            None | Some("") => format!("the scope opened at {location}"),
            Some(name) => {
                let name = line(format_args!("{name}"));
                format!("scope `{name}` (opened at {location})")
            }
        };
        Some(match stop {
            Stop::Elapsed => format!("{scope} ran out of time"),
            Stop::Cancelled(None) => format!("{scope} was cancelled"),
            Stop::Cancelled(Some(reason)) => {
                format!("{scope} was cancelled: {}", line(format_args!("{reason}")))
            }
        })
    }

    fn tree(&self, leaf: fn(&E) -> String) -> Tree {
        let mut tree = Tree::default();
        let head = self.head();
        if let Some(head) = &head {
            tree.add(0, head);
        }
        let (depth, whose) = match head {
            Some(_) => (1, "its"),
            None => (0, "the scope's"),
        };
        if let Some(errors) = self.errors() {
            errors.add_to(&mut tree, depth, whose, leaf);
        }
        add_failures(&mut tree, 1, self.failures());
        tree
    }
}

impl<E: Error + 'static> ScopeError<E> {
    /// Shows what caused the errors, to people and to code.
    ///
    /// See [`ErrorGroup::with_sources`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{error::Error, io};
    /// use anyrt::{ErrorGroup, ScopeError};
    ///
    /// fn work() -> Result<(), ScopeError<io::Error>> {
    ///     let group = ErrorGroup::from_errors([io::Error::other("out of cheese")]);
    ///     Err(group.unwrap().into())
    /// }
    /// let error = work().map_err(ScopeError::with_sources).unwrap_err();
    /// assert!(error.source().unwrap().is::<io::Error>());
    /// ```
    #[must_use = "it returns the error"]
    pub fn with_sources(mut self) -> Self {
        self.0.errors = self.0.errors.map(ErrorGroup::with_sources);
        self
    }
}

/// The error of a scope in which these failed. Its location is that of the first of them.
impl<E> From<ErrorGroup<E>> for ScopeError<E> {
    fn from(errors: ErrorGroup<E>) -> Self {
        ScopeError::failed(errors)
    }
}

impl<E: Display> Display for ScopeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.write_str(self.tree(shown).as_str());
        }
        match (self.head(), self.errors()) {
            (None, None) => Ok(()),
            (None, Some(errors)) => errors.write_line(f, "the scope's"),
            (Some(head), None) => f.write_str(&head),
            (Some(head), Some(errors)) => {
                write!(f, "{head}; ")?;
                errors.write_line(f, "its")
            }
        }
    }
}

impl<E: Debug + Display> Debug for ScopeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f
                .debug_struct("ScopeError")
                .field("elapsed", &self.is_elapsed())
                .field("cancelled", &self.is_cancelled())
                .field("reason", &self.reason())
                .field("errors", &self.errors())
                .field("failures", &self.failures())
                .field("name", &self.name())
                .field("location", &format_args!("{}", self.location()))
                .finish();
        }
        let leaf = self
            .errors()
            .map_or(shown as fn(&E) -> String, ErrorGroup::leaf);
        f.write_str(self.tree(leaf).as_str())
    }
}

impl<E: Debug + Display> Error for ScopeError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.errors().and_then(ErrorGroup::first_source)
    }
}
