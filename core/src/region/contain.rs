//! Keeping the panics of other people's code from going where they do harm.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Calls `f`; a panic becomes a value.
pub(crate) fn contain<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Drops `value`; a panic of its destructor becomes a value.
pub(crate) fn drop_contained<T>(value: T) -> Result<(), Payload> {
    contain(|| drop(value))
}

/// The text of a panic, where it has one.
pub(crate) fn message(payload: &Payload) -> Option<&str> {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Drops a payload. One whose destructor panics too is given up on: there is nobody left to tell.
pub(crate) fn discard(payload: Payload) {
    if let Err(second) = drop_contained(payload) {
        std::mem::forget(second);
    }
}
