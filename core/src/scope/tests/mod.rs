//! Scopes, polled by hand; what their errors know, how they are written, where they go through `?`.

mod breaks;
mod convert;
mod ends;
mod extremes;
mod run;
mod show;
mod value;

use std::borrow::Cow;
use std::panic::Location;

use super::child_error::Place;
use super::{ChildError, ErrorGroup, Origin};
use crate::region::{Failure, Phase};

/// Where everything of these tests is spawned.
fn at() -> &'static Location<'static> {
    Location::caller()
}

fn place(origin: Origin, index: usize, name: &'static str) -> Place {
    Place {
        origin,
        index,
        name: (name != "-").then_some(Cow::Borrowed(name)),
        location: at(),
    }
}

/// Child `index` without a name that gave `error`.
fn child<E>(index: usize, error: E) -> ChildError<E> {
    named(index, "-", error)
}

fn named<E>(index: usize, name: &'static str, error: E) -> ChildError<E> {
    ChildError::error_of(place(Origin::Child, index, name), error, Vec::new())
}

fn body<E>(error: E) -> ChildError<E> {
    ChildError::error_of(place(Origin::Body, 0, "-"), error, Vec::new())
}

fn panicked<E>(index: usize, text: &'static str) -> ChildError<E> {
    let place = place(Origin::Child, index, "-");
    ChildError::panic_of(place, Box::new(text), Vec::new())
}

fn failure(text: &'static str) -> Failure {
    Failure::new(
        Phase::CleanUp,
        Some("reader".into()),
        at(),
        Some(Box::new(text)),
    )
}

fn group<E>(children: impl IntoIterator<Item = ChildError<E>>) -> ErrorGroup<E> {
    let mut children = children.into_iter();
    let mut group = ErrorGroup::new(children.next().expect("a group is not empty"));
    for child in children {
        assert!(group.keep(child, usize::MAX).is_none());
    }
    group
}

/// With `AT` for the place of everything.
fn seen(shown: impl AsRef<str>) -> String {
    shown.as_ref().replace(&at().to_string(), "AT")
}
