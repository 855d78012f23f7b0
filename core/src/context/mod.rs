//! Context: values that code finds without being handed them, and that child tasks inherit.
//!
//! ```text
//!  task A, in USER.scope("ann"):                  task B, spawned there:
//!
//!    head ──► USER = "ann" ──► (what A inherited)    head ──► DEPTH = 2 ─┐
//!                 ▲                                                      │ next
//!                 └───────────────────────────── base ◄──────────────────┘
//! ```
//!
//! The bindings of a thread are a [`Chain`]: an immutable list, innermost first. A look-up
//! walks it. Who binds a variable puts a node in front and takes it away again; who spawns a task gives
//! it the head, which is one count of an `Arc`. The *base* is the head that a task was given: what lies
//! in front of it was bound in the task itself, and a variable that is not inherited is looked for no
//! further than there.
//!
//! Which chain holds is in one thread-local ([`current`]). Those who enter another one: [`rebound`], with
//! its own node in front, on each poll and while it is dropped; a task's root and a blocking job, with
//! what they inherited (`region::body`, `task::job`); a clean-up, with what held where it was registered
//! ([`within`]). All of them *swap* it in and out again, so no value is ever dropped or cloned while the
//! thread-local is borrowed.

mod bindings;
mod chain;
mod current;
mod rebound;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod var;
mod within;

pub use bindings::{Bindings, InBindings};
pub(crate) use chain::Chain;
pub(crate) use current::{Entered, is_bound};
pub use rebound::Rebound;
pub use var::ContextVar;
pub(crate) use within::Within;
