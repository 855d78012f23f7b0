//! Scopes whose children run in one task, and may borrow what outlives the scope.
//!
//! A local scope is a region ([`run`]) whose body polls the scope's body and its children ([`driver`]),
//! each of them a region too, each only when it was woken ([`ready`]). What fails asks the scope's
//! region to stop ([`verdict`]), and that reaches everybody inside, from the inside out.

mod child;
mod driver;
mod handle;
mod job;
mod no_value;
mod open;
mod ready;
mod result;
mod run;
mod shared;
mod slot;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod verdict;

pub use child::{LocalChild, LocalResult};
pub use handle::{LocalScope, LocalScopeUnsend, TryLocalScope, TryLocalScopeUnsend};
pub use no_value::NoValue;
pub use open::{local_scope, local_scope_unsend, try_local_scope, try_local_scope_unsend};
pub use result::LocalOutcome;
pub use shared::LocalRefused;
