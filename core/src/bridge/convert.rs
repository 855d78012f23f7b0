//! Making an async function of any, and a blocking one.

use std::future::Future;
use std::sync::Arc;

use super::anywhere::block_anywhere;
use super::to_thread::{ToThread, to_thread};
use super::work::Blocking;

/// A function that can be made async, or blocking: of up to four arguments.
///
/// `Args` is the tuple of its arguments, and is found by the compiler. Implemented for functions that give a
/// future, and for [`blocking`](crate::blocking) ones; sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can be made neither async nor blocking",
    note = "an async function has at most four arguments and gives a future",
    note = "a function that blocks says so: `blocking(f)`"
)]
pub trait Convert<Args>: sealed::Sealed<Args> {
    /// What [`to_async`] gives.
    type Async;
    /// What [`to_blocking`] gives.
    type Blocking;

    #[doc(hidden)]
    fn into_async(self) -> Self::Async;

    #[doc(hidden)]
    fn into_blocking(self) -> Self::Blocking;
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else implements it")]
    pub trait Sealed<Args> {}
}

/// Makes a function async: one that is stays as it is, one that blocks runs on a thread when it is called.
///
/// Each call of what blocks begins at once and is awaited as [`to_thread`](crate::to_thread) is.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, blocking, prelude::*, to_async};
///
/// async fn remote(name: &'static str) -> usize { name.len() }
/// fn local(name: &'static str) -> usize { name.len() }
///
/// BuiltinRuntime::new().block_on(async {
///     let (remote, local) = (to_async(remote), to_async(blocking(local)));
///     assert_eq!(remote("ann").await, local("bob").await);
/// });
/// ```
#[doc(alias = "run_in_executor")]
pub fn to_async<F, Args>(f: F) -> F::Async
where
    F: Convert<Args>,
{
    f.into_async()
}

/// Makes a function blocking: one that is stays as it is, one that is async is driven when it is called.
///
/// Each call of what is async is driven by [`block_anywhere`](crate::block_anywhere), and panics where that
/// does.
///
/// # Examples
///
/// ```
/// use anyrt::{blocking, to_blocking};
///
/// async fn remote(name: &str, times: usize) -> String { name.repeat(times) }
/// fn local(name: &str, times: usize) -> String { name.repeat(times) }
///
/// assert_eq!(to_blocking(blocking(local))("bob", 1), "bob");
/// let remote = to_blocking(|name: &'static str, times| remote(name, times));
/// assert_eq!(remote("ann", 2), "annann");
/// ```
pub fn to_blocking<F, Args>(f: F) -> F::Blocking
where
    F: Convert<Args>,
{
    f.into_blocking()
}

macro_rules! convert {
    ($($arg:ident)*) => {
        impl<F, Fut, $($arg),*> sealed::Sealed<($($arg,)*)> for F
        where
            F: Fn($($arg),*) -> Fut,
            Fut: Future,
        {
        }

        impl<F, Fut, $($arg),*> Convert<($($arg,)*)> for F
        where
            F: Fn($($arg),*) -> Fut + Send + Sync + 'static,
            Fut: Future,
        {
            type Async = F;
            type Blocking = Box<dyn Fn($($arg),*) -> Fut::Output + Send + Sync>;

            fn into_async(self) -> F {
                self
            }

            fn into_blocking(self) -> Self::Blocking {
                #[allow(non_snake_case, reason = "an argument is called as its type")]
                Box::new(move |$($arg),*| block_anywhere(self($($arg),*)))
            }
        }

        impl<F, T, $($arg),*> sealed::Sealed<($($arg,)*)> for Blocking<F>
        where
            F: Fn($($arg),*) -> T,
        {
        }

        impl<F, T, $($arg),*> Convert<($($arg,)*)> for Blocking<F>
        where
            F: Fn($($arg),*) -> T + Send + Sync + 'static,
            T: Send + 'static,
            $($arg: Send + 'static,)*
        {
            type Async = Box<dyn Fn($($arg),*) -> ToThread<T> + Send + Sync>;
            type Blocking = F;

            fn into_async(self) -> Self::Async {
                let f = Arc::new(self.0);
                #[allow(non_snake_case, reason = "an argument is called as its type")]
                Box::new(move |$($arg),*| {
                    let f = Arc::clone(&f);
                    to_thread(move || f($($arg),*))
                })
            }

            fn into_blocking(self) -> F {
                self.0
            }
        }
    };
}

convert!();
convert!(A1);
convert!(A1 A2);
convert!(A1 A2 A3);
convert!(A1 A2 A3 A4);
