//! The handles of local scopes, by which children are spawned.
//!
//! Four of them: a box of futures either is `Send` or is not, and a scope either has errors or has not.
//! They differ in their bounds only, so two macros write them.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use super::child::LocalChild;
use super::result::LocalOutcome;
use super::result::sealed::Sealed;
use super::shared::{LocalRefused, Shared};

pub(super) type SendJob<'env> = Pin<Box<dyn Future<Output = ()> + Send + 'env>>;
pub(super) type UnsendJob<'env> = Pin<Box<dyn Future<Output = ()> + 'env>>;

/// A handle of a scope without errors; `$bound` is what its children are beside `'env`.
macro_rules! scope {
    ($(#[$doc:meta])* $name:ident, $job:ident, $opens:literal, [$($bound:tt)*]) => {
        $(#[$doc])*
        pub struct $name<'env>(pub(super) Arc<Shared<$job<'env>, Infallible>>);

        impl<'env> $name<'env> {
            /// Adds a child that runs in this task, beside the body and its siblings.
            ///
            /// It is first polled after the code that spawns it has suspended or ended. It may borrow
            /// whatever outlives the scope, and hold a clone of this handle.
            ///
            /// A scope that was asked to stop, or is over, takes no child: `future` is dropped, and the
            /// handle is one of a child that was cancelled.
            /// [`try_spawn`](Self::try_spawn) gives the future back.
            #[doc = concat!("\n# Examples\n\nSee [`", $opens, "`](crate::", $opens, ").")]
            #[track_caller]
            #[doc(alias = "start_soon")]
            #[doc(alias = "create_task")]
            pub fn spawn<F>(&self, future: F) -> LocalChild<F::Output>
            where
                F: Future $($bound)* + 'env,
                F::Output: 'env $($bound)*,
            {
                self.0.add_or_drop(future, Ok, |job| job, Location::caller())
            }

            /// Does as [`spawn`](Self::spawn) does, or gives the future back.
            ///
            /// # Errors
            ///
            /// [`LocalRefused`] with the future, if the scope was asked to stop or is over.
            ///
            /// # Examples
            ///
            /// See [`LocalRefused`].
            #[track_caller]
            pub fn try_spawn<F>(&self, future: F) -> Result<LocalChild<F::Output>, LocalRefused<F>>
            where
                F: Future $($bound)* + 'env,
                F::Output: 'env $($bound)*,
            {
                self.0.add(future, Ok, |job| job, Location::caller())
            }
        }

        impl Clone for $name<'_> {
            fn clone(&self) -> Self {
                $name(Arc::clone(&self.0))
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.describe(stringify!($name), f)
            }
        }
    };
}

/// A handle of a scope with errors.
macro_rules! try_scope {
    ($(#[$doc:meta])* $name:ident, $job:ident, $opens:literal, [$($bound:tt)*]) => {
        $(#[$doc])*
        pub struct $name<'env, E>(pub(super) Arc<Shared<$job<'env>, E>>);

        impl<'env, E: Send + 'static> $name<'env, E> {
            /// Adds a child that returns nothing, or a `Result` of the scope's error.
            ///
            /// An error goes to the scope and stops the others; what the child's handle gives is the
            /// value in the `Ok`. All else is as with [`LocalScope::spawn`].
            #[doc = concat!("\n# Examples\n\nSee [`", $opens, "`](crate::", $opens, ").")]
            #[track_caller]
            #[doc(alias = "start_soon")]
            #[doc(alias = "create_task")]
            pub fn spawn<F>(&self, future: F) -> LocalChild<<F::Output as Sealed<E>>::Value>
            where
                F: Future $($bound)* + 'env,
                F::Output: LocalOutcome<E> + 'env $($bound)*,
                <F::Output as Sealed<E>>::Value: 'env $($bound)*,
            {
                self.0.add_or_drop(future, Sealed::split, |job| job, Location::caller())
            }

            /// Adds a child whose value, whatever it is, goes to who awaits its handle.
            ///
            /// Also an `Err`: the scope does not look at it.
            #[doc = concat!("\n# Examples\n\nSee [`", $opens, "`](crate::", $opens, ").")]
            #[track_caller]
            pub fn spawn_value<F>(&self, future: F) -> LocalChild<F::Output>
            where
                F: Future $($bound)* + 'env,
                F::Output: 'env $($bound)*,
            {
                self.0.add_or_drop(future, Ok, |job| job, Location::caller())
            }

            /// Does as [`spawn`](Self::spawn) does, or gives the future back.
            ///
            /// # Errors
            ///
            /// [`LocalRefused`] with the future, if the scope was asked to stop or is over.
            ///
            /// # Examples
            ///
            /// See [`LocalRefused`].
            #[track_caller]
            pub fn try_spawn<F>(
                &self,
                future: F,
            ) -> Result<LocalChild<<F::Output as Sealed<E>>::Value>, LocalRefused<F>>
            where
                F: Future $($bound)* + 'env,
                F::Output: LocalOutcome<E> + 'env $($bound)*,
                <F::Output as Sealed<E>>::Value: 'env $($bound)*,
            {
                self.0.add(future, Sealed::split, |job| job, Location::caller())
            }
        }

        impl<E> Clone for $name<'_, E> {
            fn clone(&self) -> Self {
                $name(Arc::clone(&self.0))
            }
        }

        impl<E> fmt::Debug for $name<'_, E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.describe(stringify!($name), f)
            }
        }
    };
}

scope! {
    /// The handle of a [`local_scope`](crate::local_scope), by which children are spawned.
    ///
    /// Cheap to clone. A child may hold one and spawn through it, also when the body has ended: the
    /// scope takes children as long as it has any.
    ///
    /// `'env` is what children may borrow: anything that outlives the scope, and nothing inside it.
    LocalScope, SendJob, "local_scope", [+ Send]
}

scope! {
    /// The handle of a [`local_scope_unsend`](crate::local_scope_unsend).
    ///
    /// As [`LocalScope`] in all else. Neither it nor its scope can be sent to another thread.
    LocalScopeUnsend, UnsendJob, "local_scope_unsend", []
}

try_scope! {
    /// The handle of a [`try_local_scope`](crate::try_local_scope); `E` is the error that ends it.
    ///
    /// As [`LocalScope`] in all else.
    TryLocalScope, SendJob, "try_local_scope", [+ Send]
}

try_scope! {
    /// The handle of a [`try_local_scope_unsend`](crate::try_local_scope_unsend).
    ///
    /// As [`TryLocalScope`] in all else. Neither it nor its scope can be sent to another thread.
    TryLocalScopeUnsend, UnsendJob, "try_local_scope_unsend", []
}
