//! What happened to one child.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use super::any_error::AnyError;
use super::text::{AsError, Tree, detailed, line, shown, text};
use crate::region::contain::{Payload, message};
use crate::region::failure::report;
use crate::region::{Failure, Phase};
use crate::task::{JoinError, JoinKind, JoinParts};

/// What happened to one member of a scope: an error, a panic, or its loss.
///
/// The member is a child or the scope's body; *lost* is a child whose runtime was gone. This is a
/// member of an [`ErrorGroup`](crate::ErrorGroup).
///
/// | format | shows |
/// |---|---|
/// | `{}` | one line: the error and whose it is; line breaks are folded, what is too long is cut |
/// | `{:#}` | a tree: whose it is, the error's own `{:#}`, what else failed there |
/// | `{:?}` | the same tree, with the error's `{:?}` where that says more |
/// | `{:#?}` | the fields |
///
/// It is an [`Error`] where `E` is one, and the error is its source. Others, such as those of `anyhow`,
/// come out with [`into_error`](ChildError::into_error).
///
/// # Examples
///
/// ```
/// use anyrt::ErrorGroup;
///
/// let group = ErrorGroup::from_errors(["out of cheese", "out of wine"]).unwrap();
/// let first = group.first();
///
/// assert_eq!(first.index(), Some(0));
/// assert_eq!(first.error(), Some(&"out of cheese"));
/// assert_eq!(first.to_string(), "out of cheese");
/// ```
pub struct ChildError<E> {
    place: Place,
    what: What<E>,
    failures: Vec<Failure>,
}

/// Whose error it is.
pub(crate) struct Place {
    pub(crate) origin: Origin,
    /// Counted from 0 in the order of spawning; of no meaning for the body.
    pub(crate) index: usize,
    /// The child's, or the scope's if it is the body.
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) location: &'static Location<'static>,
}

enum What<E> {
    Error(E),
    /// In a mutex because a payload is not `Sync`, and errors must be.
    Panicked(Mutex<Payload>),
    Lost,
}

/// What kind of member of a scope an error came from.
///
/// # Examples
///
/// ```
/// use anyrt::{ErrorGroup, Origin};
///
/// let group = ErrorGroup::from_errors(["out of cheese"]).unwrap();
/// assert_eq!(group.first().origin(), Origin::Collected);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The body of the scope.
    Body,
    /// A child that is a future.
    Child,
    /// A child that is a blocking job.
    BlockingChild,
    /// No scope: an arm of [`try_gather`](crate::try_gather) or [`race_ok`](crate::race_ok).
    Arm,
    /// No scope: a task of [`spawn_watched`](crate::Runtime::spawn_watched).
    Watched,
    /// No scope: [`ErrorGroup::from_errors`](crate::ErrorGroup::from_errors).
    Collected,
}

impl Place {
    /// What tells this member from the others, for people.
    fn describe(&self) -> String {
        let mut text = match self.origin {
            Origin::Body => String::from("the scope's body"),
            Origin::Child => format!("child {}", self.index),
            Origin::BlockingChild => format!("blocking child {}", self.index),
            Origin::Arm => format!("arm {}", self.index),
            Origin::Watched => String::from("task"),
            Origin::Collected => format!("error {}", self.index),
        };
        match self.name.as_deref() {
            None | Some("") => {}
            Some(name) => text.push_str(&format!(" `{}`", line(format_args!("{name}")))),
        }
        let verb = match self.origin {
            Origin::Body => "opened",
            Origin::Child | Origin::BlockingChild | Origin::Watched => "spawned",
            Origin::Arm => "combined",
            Origin::Collected => "collected",
        };
        text.push_str(&format!(", {verb} at {}", self.location));
        text
    }
}

impl<E> ChildError<E> {
    pub(crate) fn error_of(place: Place, error: E, failures: Vec<Failure>) -> Self {
        ChildError {
            place,
            what: What::Error(error),
            failures,
        }
    }

    pub(crate) fn panic_of(place: Place, payload: Payload, failures: Vec<Failure>) -> Self {
        ChildError {
            place,
            what: What::Panicked(Mutex::new(payload)),
            failures,
        }
    }

    /// The error of a child that ended without a value. That it was cancelled is no error of the
    /// scope, and comes back.
    pub(crate) fn from_join(
        origin: Origin,
        index: usize,
        error: JoinError,
    ) -> Result<Self, JoinError> {
        if error.is_cancelled() {
            return Err(error);
        }
        let JoinParts {
            kind,
            name,
            location,
            failures,
        } = error.into_repr();
        Ok(ChildError {
            place: Place {
                origin,
                index,
                name,
                location,
            },
            what: match kind {
                JoinKind::Panicked(payload) => What::Panicked(payload),
                JoinKind::Lost
                | JoinKind::Cancelled(_)
                | JoinKind::Failed
                | JoinKind::Oneself(_) => What::Lost,
            },
            failures,
        })
    }

    /// Returns the error, if it is one.
    pub fn error(&self) -> Option<&E> {
        match &self.what {
            What::Error(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the error by value.
    ///
    /// Look at [`failures`](ChildError::failures) before: they go to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Errors
    ///
    /// Gives `self` back if it was a panic, or lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors([String::from("out of cheese")]).unwrap();
    /// assert_eq!(group.into_first().into_error().unwrap(), "out of cheese");
    /// ```
    pub fn into_error(self) -> Result<E, Self> {
        match self.what {
            What::Error(error) => {
                self.failures.iter().for_each(report);
                Ok(error)
            }
            what => Err(ChildError { what, ..self }),
        }
    }

    /// Returns whether it panicked: its body, or its destructor.
    pub fn is_panic(&self) -> bool {
        matches!(self.what, What::Panicked(_))
    }

    /// Returns whether the runtime was gone before it had ended.
    pub fn is_lost(&self) -> bool {
        matches!(self.what, What::Lost)
    }

    /// Returns the text of the panic, if it was one and carried text.
    pub fn panic_message(&self) -> Option<String> {
        let What::Panicked(payload) = &self.what else {
            return None;
        };
        let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
        message(&payload).map(str::to_owned)
    }

    /// Returns what the panic carried.
    ///
    /// Look at [`failures`](ChildError::failures) before: they go to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Errors
    ///
    /// Gives `self` back if it did not panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["out of cheese"]).unwrap();
    /// let first = group.into_first().into_panic().unwrap_err();
    /// assert_eq!(first.error(), Some(&"out of cheese"), "nothing panicked");
    /// ```
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.what {
            What::Panicked(payload) => {
                self.failures.iter().for_each(report);
                Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            what => Err(ChildError { what, ..self }),
        }
    }

    /// Returns the place in the order of spawning, from 0. The body has none, and a watched task.
    pub fn index(&self) -> Option<usize> {
        let counted = !matches!(self.place.origin, Origin::Body | Origin::Watched);
        counted.then_some(self.place.index)
    }

    /// Returns the child's name, if it was given one; the scope's, if it is the body.
    pub fn name(&self) -> Option<&str> {
        self.place.name.as_deref()
    }

    /// Returns where the child was spawned.
    ///
    /// Where the scope was opened, if it is the body.
    pub fn location(&self) -> &'static Location<'static> {
        self.place.location
    }

    /// Returns what kind of member of the scope it came from.
    pub fn origin(&self) -> Origin {
        self.place.origin
    }

    /// Returns whether it is the scope's body, not a child.
    pub fn is_body(&self) -> bool {
        self.place.origin == Origin::Body
    }

    /// Returns what else failed in the same child: clean-ups, destructors.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Changes the error; a panic stays what it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["7"]).unwrap();
    /// let number = group.into_first().map(|text| text.parse::<u8>().unwrap());
    /// assert_eq!(number.error(), Some(&7));
    /// ```
    pub fn map<F>(self, f: impl FnOnce(E) -> F) -> ChildError<F> {
        ChildError {
            place: self.place,
            what: match self.what {
                What::Error(error) => What::Error(f(error)),
                What::Panicked(payload) => What::Panicked(payload),
                What::Lost => What::Lost,
            },
            failures: self.failures,
        }
    }

    /// What must not vanish with it when another error was asked for.
    pub(super) fn into_unseen(self) -> Vec<Failure> {
        let mut unseen = self.failures;
        let Place { name, location, .. } = self.place;
        if let What::Panicked(payload) = self.what {
            let payload = payload.into_inner().unwrap_or_else(PoisonError::into_inner);
            unseen.insert(0, Failure::new(Phase::Body, name, location, Some(payload)));
        }
        unseen
    }

    /// The same where its error is not kept either.
    pub(crate) fn into_failures(self) -> Vec<Failure>
    where
        E: Send + 'static,
    {
        let error: Option<Payload> = match self.what {
            What::Error(error) => Some(Box::new(error)),
            What::Lost => None,
            What::Panicked(_) => return self.into_unseen(),
        };
        let Place { name, location, .. } = self.place;
        let mut failures = self.failures;
        let failure = match error {
            Some(error) => match error.downcast::<AnyError>() {
                Ok(error) => {
                    let (text, error) = error.into_parts();
                    Failure::of_error(name, location, text, error)
                }
                Err(error) => Failure::new(Phase::NotKept, name, location, Some(error)),
            },
            None => Failure::new(Phase::NotKept, name, location, None),
        };
        failures.insert(0, failure);
        failures
    }

    /// Adds whose it is, what happened, and what else failed there.
    pub(super) fn add_to(
        &self,
        tree: &mut Tree,
        depth: usize,
        leaf: fn(&E) -> String,
        as_error: Option<AsError<E>>,
    ) {
        tree.add(depth, &self.place.describe());
        match &self.what {
            What::Error(error) => {
                tree.add(depth + 1, &leaf(error));
                if let Some(as_error) = as_error {
                    tree.add_causes(depth + 1, as_error(error));
                }
            }
            _ => tree.add(depth + 1, &self.without_error()),
        }
        add_failures(tree, depth + 1, &self.failures);
    }

    /// Who it is and what happened, where it is not an error.
    pub(super) fn describe_loss(&self) -> String {
        format!("{}: {}", self.place.describe(), self.without_error())
    }

    /// What happened, where it is not an error.
    fn without_error(&self) -> String {
        match self.panic_message() {
            Some(message) => format!("panicked: {message}"),
            None if self.is_lost() => "lost: its runtime is gone".to_owned(),
            None => "panicked".to_owned(),
        }
    }
}

/// Adds what failed beside an error.
pub(super) fn add_failures(tree: &mut Tree, depth: usize, failures: &[Failure]) {
    for failure in failures {
        tree.add(depth, &format!("also: {}", text(format_args!("{failure}"))));
    }
}

impl<E: Display> Display for ChildError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            let mut tree = Tree::default();
            self.add_to(&mut tree, 0, shown, None);
            return f.write_str(tree.as_str());
        }
        match &self.what {
            What::Error(error) => f.write_str(&line(format_args!("{error}")))?,
            _ => f.write_str(&line(format_args!("{}", self.without_error())))?,
        }
        match self.place.origin {
            Origin::Collected => Ok(()),
            _ => write!(f, " ({})", self.place.describe()),
        }
    }
}

impl<E: Debug + Display> Debug for ChildError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            let mut fields = f.debug_struct("ChildError");
            fields
                .field("origin", &self.origin())
                .field("index", &self.index())
                .field("name", &self.name())
                .field("location", &format_args!("{}", self.location()));
            match &self.what {
                What::Error(error) => fields.field("error", error),
                What::Panicked(_) => fields.field("panicked", &self.panic_message()),
                What::Lost => fields.field("lost", &true),
            };
            return fields.field("failures", &self.failures).finish();
        }
        let mut tree = Tree::default();
        self.add_to(&mut tree, 0, detailed, None);
        f.write_str(tree.as_str())
    }
}

impl<E: Error + 'static> Error for ChildError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().map(|error| error as &(dyn Error + 'static))
    }
}
