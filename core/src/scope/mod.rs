//! The errors of a scope: what happened to one child, to several, to the scope as a whole.
//!
//! [`text`] is how they are written: it makes one line, or a tree, of errors that are not ours.

#![cfg_attr(not(test), expect(dead_code, reason = "scopes make them"))]

mod child_error;
mod error_group;
mod scope_error;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use child_error::Place;
pub use child_error::{ChildError, Origin};
pub use error_group::ErrorGroup;
pub use scope_error::ScopeError;
