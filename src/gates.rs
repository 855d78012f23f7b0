//! The features of this crate, as macros that other crates can ask.
//!
//! A `cfg(feature = "tokio")` in the expansion of `#[anyrt::test]` would ask for a feature of the crate
//! that the test is in. Which `macro_rules!` is compiled here depends on the features of this one.
//! Each gate expands to what follows the brackets if its backend is there, else to what is in them.

/// For the built-in runtime.
#[cfg(feature = "builtin")]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_builtin {
    ([$($without:tt)*] $($with:tt)*) => { $($with)* };
}

/// For the built-in runtime.
#[cfg(not(feature = "builtin"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_builtin {
    ([$($without:tt)*] $($with:tt)*) => { $($without)* };
}

/// For Tokio.
#[cfg(feature = "tokio")]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_tokio {
    ([$($without:tt)*] $($with:tt)*) => { $($with)* };
}

/// For Tokio.
#[cfg(not(feature = "tokio"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_tokio {
    ([$($without:tt)*] $($with:tt)*) => { $($without)* };
}

/// For smol.
#[cfg(feature = "smol")]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_smol {
    ([$($without:tt)*] $($with:tt)*) => { $($with)* };
}

/// For smol.
#[cfg(not(feature = "smol"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_smol {
    ([$($without:tt)*] $($with:tt)*) => { $($without)* };
}

/// For async-std.
#[cfg(feature = "async-std")]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_async_std {
    ([$($without:tt)*] $($with:tt)*) => { $($with)* };
}

/// For async-std.
#[cfg(not(feature = "async-std"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_async_std {
    ([$($without:tt)*] $($with:tt)*) => { $($without)* };
}

/// For `shutdown = "…"`.
#[cfg(feature = "signal")]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_signal {
    ([$($without:tt)*] $($with:tt)*) => { $($with)* };
}

/// For `shutdown = "…"`.
#[cfg(not(feature = "signal"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_signal {
    ([$($without:tt)*] $($with:tt)*) => { $($without)* };
}

/// For `sim`.
#[cfg(feature = "sim")]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_sim {
    ([$($without:tt)*] $($with:tt)*) => { $($with)* };
}

/// For `sim`.
#[cfg(not(feature = "sim"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_sim {
    ([$($without:tt)*] $($with:tt)*) => { $($without)* };
}

/// For any of them.
#[cfg(any(
    feature = "builtin",
    feature = "tokio",
    feature = "smol",
    feature = "async-std"
))]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_any {
    ([$($without:tt)*] $($with:tt)*) => { $($with)* };
}

/// For any of them.
#[cfg(not(any(
    feature = "builtin",
    feature = "tokio",
    feature = "smol",
    feature = "async-std"
)))]
#[doc(hidden)]
#[macro_export]
macro_rules! __on_any {
    ([$($without:tt)*] $($with:tt)*) => { $($without)* };
}
