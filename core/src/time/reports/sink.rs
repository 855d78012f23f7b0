//! Who is told.

use std::fmt::{self, Display};
use std::panic::Location;

use crate::region::contain::contain;
use crate::region::failure::report;
use crate::region::{Failure, Phase};

type Tell<T> = dyn FnMut(&T) + Send;

/// Takes reports of one kind.
pub(super) struct Sink<T>(Option<Box<Tell<T>>>);

impl<T> Default for Sink<T> {
    fn default() -> Self {
        Sink(None)
    }
}

impl<T: Display> Sink<T> {
    pub(super) fn of(tell: impl FnMut(&T) + Send + 'static) -> Self {
        Sink(Some(Box::new(tell)))
    }

    /// Whether somebody asked for the reports, and not the log.
    pub(super) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Tells of it. Never panics: a panic of the sink goes to the hook.
    pub(super) fn tell(&mut self, told: &T, location: &'static Location<'static>) {
        let result = contain(|| match &mut self.0 {
            Some(tell) => tell(told),
            None => log(told),
        });
        if let Err(payload) = result {
            report(&Failure::of_callback(Phase::Callback, location, payload));
        }
    }
}

#[cfg(feature = "tracing")]
fn log(told: &dyn Display) {
    tracing::warn!(target: "anyrt", "{told}");
}

#[cfg(not(feature = "tracing"))]
fn log(told: &dyn Display) {
    // Unlike a plain write it is captured by the test harness.
    eprintln!("anyrt: {told}");
}

/// What a report is about: its name, if it was given one, and where its future was wrapped.
pub(super) fn place(
    f: &mut fmt::Formatter<'_>,
    name: Option<&str>,
    location: &Location<'_>,
) -> fmt::Result {
    match name {
        Some(name) => write!(f, "`{name}` at {location}"),
        None => write!(f, "the future at {location}"),
    }
}
