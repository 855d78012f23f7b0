//! What happened to several children.

use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::panic::Location;
use std::slice;
use std::vec;

use super::child_error::{ChildError, Origin, Place};
use super::text::{AsError, Tree, detailed, shown};
use crate::region::failure::report;

/// How many members a line has room for, and how many a tree.
const IN_LINE: usize = 3;
const IN_TREE: usize = 50;

/// The errors of a scope's children, in the order in which they came: at least one.
///
/// Each member is a [`ChildError`], which knows whose it is: the child's spawn index, its name, where it
/// was spawned. A panic is a member like an error.
///
/// Scopes make such groups; [`from_errors`](ErrorGroup::from_errors) makes one error out of several,
/// wherever they came from.
///
/// | format | shows |
/// |---|---|
/// | `{}` | one line: how many, the first three, and how many more |
/// | `{:#}` | a tree: fifty of them in full, groups in groups, and how many more |
/// | `{:?}`, which `main` prints | the same tree, with each error's `{:?}` where that says more |
/// | `{:#?}` | the fields |
///
/// It is an [`Error`] for any `E` that is `Debug + Display`, so that it goes through `?` into `anyhow`,
/// `eyre` and boxed errors, also where `E` is itself one of these. As such an `E` need not have a
/// [`source`](Error::source), a group shows none, unless it is told that there is one:
/// [`with_sources`](ErrorGroup::with_sources).
///
/// # Examples
///
/// ```
/// use std::io::{Error, ErrorKind};
/// use anyrt::ErrorGroup;
///
/// let kinds = [ErrorKind::NotFound, ErrorKind::BrokenPipe];
/// let group = ErrorGroup::from_errors(kinds.map(Error::from)).unwrap();
/// assert_eq!(group.to_string(), "2 errors: entity not found; broken pipe");
///
/// // What can be dealt with apart from what cannot.
/// let (missing, rest) = group.split(|child| {
///     child.error().is_some_and(|error| error.kind() == ErrorKind::NotFound)
/// });
/// assert_eq!(missing.unwrap().len(), 1);
/// assert_eq!(rest.unwrap().to_string(), "1 error: broken pipe");
///
/// // Any error type takes it.
/// fn fails(group: ErrorGroup<Error>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     Err(group)?
/// }
/// let group = ErrorGroup::from_errors(kinds.map(Error::from)).unwrap();
/// assert!(fails(group).unwrap_err().is::<ErrorGroup<Error>>());
/// ```
#[doc(alias = "ExceptionGroup")]
#[doc(alias = "MultiError")]
pub struct ErrorGroup<E> {
    /// Never empty.
    children: Vec<ChildError<E>>,
    omitted: usize,
    as_error: Option<AsError<E>>,
}

impl<E> ErrorGroup<E> {
    pub(crate) fn new(first: ChildError<E>) -> Self {
        ErrorGroup {
            children: vec![first],
            omitted: 0,
            as_error: None,
        }
    }

    /// Adds a member while there are fewer than `limit`; else counts it and gives it back, to be
    /// reported where no lock is held.
    pub(crate) fn keep(&mut self, child: ChildError<E>, limit: usize) -> Option<ChildError<E>> {
        if self.children.len() < limit {
            self.children.push(child);
            return None;
        }
        self.omitted += 1;
        Some(child)
    }

    /// Collects errors that come from no scope. No errors are no group.
    ///
    /// Each has its position as its index, and the caller as its location.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// fn check(numbers: &[i32]) -> Result<(), ErrorGroup<String>> {
    ///     let negative = numbers.iter().filter(|number| **number < 0);
    ///     let errors = negative.map(|number| format!("{number} is negative"));
    ///     ErrorGroup::from_errors(errors).map_or(Ok(()), Err)
    /// }
    /// assert!(check(&[1, 2]).is_ok());
    /// assert_eq!(check(&[1, -2]).unwrap_err().to_string(), "1 error: -2 is negative");
    /// ```
    #[track_caller]
    pub fn from_errors(errors: impl IntoIterator<Item = E>) -> Option<Self> {
        Self::from_errors_at(errors, Location::caller())
    }

    /// The same, of errors that came from elsewhere.
    pub(crate) fn from_errors_at(
        errors: impl IntoIterator<Item = E>,
        location: &'static Location<'static>,
    ) -> Option<Self> {
        let children = errors.into_iter().enumerate().map(|(index, error)| {
            let place = Place {
                origin: Origin::Collected,
                index,
                name: None,
                location,
            };
            ChildError::error_of(place, error, Vec::new())
        });
        Self::of(children.collect(), 0, None)
    }

    fn of(
        children: Vec<ChildError<E>>,
        omitted: usize,
        as_error: Option<AsError<E>>,
    ) -> Option<Self> {
        (!children.is_empty()).then_some(ErrorGroup {
            children,
            omitted,
            as_error,
        })
    }

    /// Returns how many members there are: at least 1.
    ///
    /// What was [omitted](ErrorGroup::omitted) is not counted.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b"]).unwrap();
    /// assert_eq!(group.len(), 2);
    /// assert_eq!(group.omitted(), 0);
    /// ```
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Returns how many errors came after there were as many as the scope keeps.
    ///
    /// These went to the hook of [`set_failure_hook`](crate::set_failure_hook).
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Iterates over the members, in the order in which they came.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b"]).unwrap();
    /// let pairs: Vec<_> = group.iter().map(|child| (child.index(), child.error())).collect();
    /// assert_eq!(pairs, [(Some(0), Some(&"a")), (Some(1), Some(&"b"))]);
    /// ```
    pub fn iter(&self) -> slice::Iter<'_, ChildError<E>> {
        self.children.iter()
    }

    /// Iterates over the errors: the members that are neither panics nor lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b"]).unwrap();
    /// assert!(group.errors().eq(&["a", "b"]));
    /// ```
    #[doc(alias = "get_error_types")]
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        self.iter().filter_map(ChildError::error)
    }

    /// Iterates over the members that are panics.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b"]).unwrap();
    /// assert_eq!(group.panics().count(), 0);
    /// ```
    pub fn panics(&self) -> impl Iterator<Item = &ChildError<E>> {
        self.iter().filter(|child| child.is_panic())
    }

    /// Returns the member that came first.
    ///
    /// It is the one that stopped the others, where one did.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b"]).unwrap();
    /// assert_eq!(group.first().error(), Some(&"a"));
    /// ```
    pub fn first(&self) -> &ChildError<E> {
        &self.children[0]
    }

    /// Returns the first member that `wanted` is true of.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b"]).unwrap();
    /// let second = group.find(|child| child.index() == Some(1)).unwrap();
    /// assert_eq!(second.error(), Some(&"b"));
    /// ```
    pub fn find(&self, mut wanted: impl FnMut(&ChildError<E>) -> bool) -> Option<&ChildError<E>> {
        self.iter().find(|child| wanted(child))
    }

    /// Returns the first error that `wanted` is true of.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors([404, 500, 503]).unwrap();
    /// assert_eq!(group.find_error(|status| *status >= 500), Some(&500));
    /// ```
    pub fn find_error(&self, mut wanted: impl FnMut(&E) -> bool) -> Option<&E> {
        self.errors().find(|error| wanted(error))
    }

    /// Changes each error; panics stay what they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b"]).unwrap();
    /// let upper = group.map(|error| error.to_uppercase());
    /// assert_eq!(upper.to_string(), "2 errors: A; B");
    /// ```
    pub fn map<F>(self, mut f: impl FnMut(E) -> F) -> ErrorGroup<F> {
        let children = self.children.into_iter().map(|child| child.map(&mut f));
        ErrorGroup {
            children: children.collect(),
            omitted: self.omitted,
            as_error: None,
        }
    }

    /// Parts the members that `wanted` is true of from the rest. Order stays as it was.
    ///
    /// What was omitted is counted in the rest, or where there is none, with those wanted.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b", "c"]).unwrap();
    /// let (b, rest) = group.split(|child| child.error() == Some(&"b"));
    /// assert!(b.unwrap().errors().eq(&["b"]));
    ///
    /// let (all, none) = rest.unwrap().split(|_| true);
    /// assert!(all.unwrap().errors().eq(&["a", "c"]));
    /// assert!(none.is_none());
    /// ```
    pub fn split(self, wanted: impl FnMut(&ChildError<E>) -> bool) -> (Option<Self>, Option<Self>) {
        let (wanted, rest): (Vec<_>, Vec<_>) = self.children.into_iter().partition(wanted);
        let with_wanted = if rest.is_empty() { self.omitted } else { 0 };
        (
            Self::of(wanted, with_wanted, self.as_error),
            Self::of(rest, self.omitted, self.as_error),
        )
    }

    /// Returns the member that came first, by value.
    ///
    /// The errors of the others are dropped; their panics and failures go to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b"]).unwrap();
    /// assert_eq!(group.into_first().into_error().unwrap(), "a");
    /// ```
    pub fn into_first(mut self) -> ChildError<E> {
        let first = self.children.remove(0);
        self.report_unseen();
        first
    }

    /// Returns the first error by value, for a caller who propagates one.
    ///
    /// The other errors are dropped; panics and failures go to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    ///
    /// # Errors
    ///
    /// Gives the group back if there is no error in it: only panics, or children that were lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ErrorGroup;
    ///
    /// let group = ErrorGroup::from_errors(["a", "b"]).unwrap();
    /// assert_eq!(group.into_first_error().unwrap(), "a");
    /// ```
    pub fn into_first_error(mut self) -> Result<E, Self> {
        let position = self.iter().position(|child| child.error().is_some());
        let Some(position) = position else {
            return Err(self);
        };
        let error = self.children.remove(position).into_error();
        self.report_unseen();
        Ok(error.unwrap_or_else(|_| unreachable!("it was asked")))
    }

    fn report_unseen(self) {
        let unseen = self.children.into_iter().flat_map(ChildError::into_unseen);
        unseen.for_each(|failure| report(&failure));
    }

    /// How many failed, of what.
    pub(super) fn head(&self, whose: &str) -> String {
        let (bodies, others): (Vec<_>, Vec<_>) = self.iter().partition(|child| child.is_body());
        let collected = others.iter().any(|c| c.origin() == Origin::Collected);
        let arms = others.iter().any(|c| c.origin() == Origin::Arm);
        match (bodies.len(), others.len() + self.omitted) {
            (0, 1) if collected => "1 error".to_owned(),
            (bodies, count) if collected => format!("{} errors", bodies + count),
            (0, 1) if arms => "1 arm failed".to_owned(),
            (0, count) if arms => format!("{count} arms failed"),
            (0, count) => format!("{count} of {whose} children failed"),
            (_, 0) => format!("{whose} body failed"),
            (_, count) => format!("{whose} body and {count} of its children failed"),
        }
    }

    /// Adds the head, the members and how many more there are.
    pub(super) fn add_to(
        &self,
        tree: &mut Tree,
        depth: usize,
        whose: &str,
        leaf: fn(&E) -> String,
    ) {
        tree.add(depth, &self.head(whose));
        for child in self.iter().take(IN_TREE) {
            child.add_to(tree, depth + 1, leaf, self.as_error);
        }
        let (hidden, omitted) = (self.len().saturating_sub(IN_TREE), self.omitted);
        if hidden > 0 {
            tree.add(depth + 1, &format!("and {hidden} more"));
        }
        if omitted > 0 {
            tree.add(depth + 1, &format!("and {omitted} more that were not kept"));
        }
    }

    /// The head and the first few members, in one line.
    pub(super) fn write_line(&self, f: &mut fmt::Formatter<'_>, whose: &str) -> fmt::Result
    where
        E: Display,
    {
        f.write_str(&self.head(whose))?;
        let mut mark = ": ";
        for child in self.iter().take(IN_LINE) {
            write!(f, "{mark}{child}")?;
            mark = "; ";
        }
        match self.len().saturating_sub(IN_LINE) + self.omitted {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }

    /// How its errors are shown: with the causes, where they were asked for.
    pub(super) fn leaf(&self) -> fn(&E) -> String
    where
        E: Debug + Display,
    {
        match self.as_error {
            Some(_) => shown,
            None => detailed,
        }
    }

    /// The first error, where it was said to be an [`Error`].
    pub(super) fn first_source(&self) -> Option<&(dyn Error + 'static)> {
        let as_error = self.as_error?;
        self.errors().next().map(as_error)
    }
}

impl<E: Error + 'static> ErrorGroup<E> {
    /// Shows what caused the errors, to people and to code.
    ///
    /// The trees of `{:#}` and `{:?}` then have each error's chain of sources, and the group's own
    /// [`source`](Error::source) is its first error, so that a report of `anyhow`, or a search for an
    /// [`io::Error`](std::io::Error) below, goes on there. [`map`](ErrorGroup::map) forgets it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{error::Error, io};
    /// use anyrt::ErrorGroup;
    ///
    /// let errors = || [io::Error::other("out of cheese")];
    /// let plain = ErrorGroup::from_errors(errors()).unwrap();
    /// assert!(plain.source().is_none());
    ///
    /// let group = ErrorGroup::from_errors(errors()).unwrap().with_sources();
    /// assert!(group.source().unwrap().is::<io::Error>());
    /// ```
    #[must_use = "it returns the group"]
    pub fn with_sources(mut self) -> Self {
        self.as_error = Some(|error| error);
        self
    }
}

impl<E> IntoIterator for ErrorGroup<E> {
    type Item = ChildError<E>;
    type IntoIter = vec::IntoIter<ChildError<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.children.into_iter()
    }
}

impl<'a, E> IntoIterator for &'a ErrorGroup<E> {
    type Item = &'a ChildError<E>;
    type IntoIter = slice::Iter<'a, ChildError<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<E: Display> Display for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return self.write_line(f, "the scope's");
        }
        let mut tree = Tree::default();
        self.add_to(&mut tree, 0, "the scope's", shown);
        f.write_str(tree.as_str())
    }
}

impl<E: Debug + Display> Debug for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f
                .debug_struct("ErrorGroup")
                .field("children", &self.children)
                .field("omitted", &self.omitted)
                .finish();
        }
        let mut tree = Tree::default();
        self.add_to(&mut tree, 0, "the scope's", self.leaf());
        f.write_str(tree.as_str())
    }
}

impl<E: Debug + Display> Error for ErrorGroup<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.first_source()
    }
}
