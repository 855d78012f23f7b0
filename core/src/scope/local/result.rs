//! What a child of `try_local_scope` may return.

/// What a child of [`try_local_scope`](crate::try_local_scope) may return: nothing, or a `Result`.
///
/// Sealed: other values are for `spawn_value`, so that an error cannot get lost among them.
#[diagnostic::on_unimplemented(
    message = "a child of `try_local_scope` returns `()` or `Result<_, {E}>`, and not `{Self}`",
    label = "this is neither",
    note = "a child with any other value is spawned with `spawn_value`"
)]
pub trait LocalOutcome<E>: sealed::Sealed<E> {}

impl<E> LocalOutcome<E> for () {}

impl<T, E> LocalOutcome<E> for Result<T, E> {}

pub(super) mod sealed {
    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed<E> {
        /// What awaiting the child gives.
        type Value;

        fn split(self) -> Result<Self::Value, E>;
    }

    impl<E> Sealed<E> for () {
        type Value = ();

        fn split(self) -> Result<(), E> {
            Ok(())
        }
    }

    impl<T, E> Sealed<E> for Result<T, E> {
        type Value = T;

        fn split(self) -> Result<T, E> {
            self
        }
    }
}
