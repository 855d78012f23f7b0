//! Finding a runtime where none was passed.

use std::fmt;
use std::sync::OnceLock;

use anyrt_core::{AnyRuntime, NoRuntime, Runtime, current};

static INSTALLED: OnceLock<AnyRuntime> = OnceLock::new();

/// Finds the runtime to use here, for code that was not given one.
///
/// Looks in this order, and never starts anything:
///
/// 1. a runtime given explicitly (see [`find_or`]),
/// 2. the task, blocking job or [`rooted`](crate::rooted) future that this thread is running,
/// 3. the Tokio context that this thread is in (feature `tokio`),
/// 4. the runtime that was [`install`]ed.
///
/// Look once and keep the handle: an object should stay on the runtime it was made for.
///
/// # Errors
///
/// [`NoRuntime`], which names all four places.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let error = anyrt::find().unwrap_err();
/// assert!(error.to_string().contains("install"));
///
/// BuiltinRuntime::new().block_on(async {
///     let rt = anyrt::find().unwrap();
///     assert_eq!(rt.spawn(async { 42 }).await.unwrap(), 42);
/// });
/// ```
pub fn find() -> Result<AnyRuntime, NoRuntime> {
    find_or(None)
}

/// Does as [`find`] does, with a runtime that may have been given explicitly.
///
/// # Errors
///
/// [`NoRuntime`], which names all four places.
///
/// # Examples
///
/// ```
/// use anyrt::{AnyRuntime, NoRuntime, backend::builtin::BuiltinRuntime, prelude::*};
///
/// struct Client {
///     rt: AnyRuntime,
/// }
///
/// impl Client {
///     fn new(rt: Option<AnyRuntime>) -> Result<Self, NoRuntime> {
///         Ok(Client { rt: anyrt::find_or(rt)? })
///     }
/// }
///
/// let owner = BuiltinRuntime::new();
/// assert!(Client::new(Some(owner.handle().erased())).is_ok());
/// assert!(Client::new(None).is_err());
/// ```
pub fn find_or(explicit: Option<AnyRuntime>) -> Result<AnyRuntime, NoRuntime> {
    explicit
        .or_else(|| current().ok())
        .or_else(foreign)
        .or_else(|| INSTALLED.get().cloned())
        .ok_or(NoRuntime::new(
            "none was given explicitly, no task of anyrt is running on this thread, the thread is \
             in no Tokio context (or the feature `tokio` is off), and none was `anyrt::install`ed",
        ))
}

/// The context of a runtime that this library did not enter.
fn foreign() -> Option<AnyRuntime> {
    #[cfg(feature = "tokio")]
    if let Ok(rt) = anyrt_tokio::Tokio::try_current() {
        return Some(rt.erased());
    }
    None
}

/// Makes `rt` the runtime that [`find`] gives where there is no other.
///
/// It holds for the whole process. For applications, once, at the start: a library must not decide
/// this. It does not keep the runtime alive.
///
/// # Errors
///
/// [`AlreadyInstalled`] if there is one: the first stays.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// anyrt::install(owner.handle()).unwrap();
///
/// // On any thread, in no task at all:
/// let rt = anyrt::find().unwrap();
/// assert_eq!(owner.block_on(rt.spawn(async { 42 })).unwrap(), 42);
///
/// assert!(anyrt::install(owner.handle()).is_err());
/// ```
pub fn install(rt: &impl Runtime) -> Result<(), AlreadyInstalled> {
    INSTALLED.set(rt.erased()).map_err(|_| AlreadyInstalled(()))
}

/// A runtime was [`install`]ed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlreadyInstalled(());

impl fmt::Display for AlreadyInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a runtime is installed already: `install` is called once, by the application")
    }
}

impl std::error::Error for AlreadyInstalled {}
