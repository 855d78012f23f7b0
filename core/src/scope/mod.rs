//! Scopes: a body and its children, which are all gone when the scope is.
//!
//! [`run`] is how a scope runs and ends; [`shared`] what it and its children share; [`in_scope`] how a task
//! is a child. [`text`] makes one line, or a tree, of errors that are not ours.

mod adopt;
mod any_error;
mod builder;
mod child;
mod child_error;
mod current;
mod eager;
mod error_group;
mod handle;
mod in_scope;
mod limit;
mod local;
mod may_fail;
#[cfg(test)]
#[cfg(loom)]
mod models;
mod nurseries;
mod nursery;
mod outcome;
mod policy;
mod run;
mod scope_error;
mod shared;
mod start;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod text;
mod wait;
mod waiters;
mod watched;
mod when_free;

pub use any_error::AnyError;
pub use builder::{RunScope, ScopeFuture, ScopeWith, TryScopeFuture};
pub(crate) use builder::{scope, scope_at, scope_of_arms, try_scope, try_scope_at};
pub use child::{Child, ChildResult};
pub(crate) use child_error::Place;
pub use child_error::{ChildError, Origin};
pub use current::{AnyScope, current_scope};
pub use eager::EagerChild;
pub use error_group::ErrorGroup;
pub use handle::{Scope, SpawnChild, TryScope};
pub use in_scope::Refused;
pub use local::{
    LocalChild, LocalOutcome, LocalRefused, LocalResult, LocalScope, LocalScopeUnsend, NoValue,
    TryLocalScope, TryLocalScopeUnsend, local_scope, local_scope_unsend, try_local_scope,
    try_local_scope_unsend,
};
pub use may_fail::MayFail;
pub use nurseries::{NurseryInfo, nurseries};
pub use nursery::{Nursery, NurseryClosed, NurseryHandle, NurseryWith};
pub use outcome::Outcome;
pub use policy::Verdict;
pub use scope_error::ScopeError;
pub use start::{Ready, Start, StartError};
pub(crate) use wait::NextEnded;
pub use wait::{NextChild, ScopeWait, WaitError, WaitFor};
pub(crate) use watched::spawn_watched;
pub use when_free::SpawnWhenFree;
