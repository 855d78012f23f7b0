//! How a local scope is opened.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use super::handle::{LocalScope, LocalScopeUnsend, TryLocalScope, TryLocalScopeUnsend};
use super::run::{InScope, value_or_error, value_or_panic};
use super::shared::Shared;
use crate::scope::ScopeError;

/// Runs a body and the children that it spawns, all in this task, until all of them are gone.
///
/// Children may borrow what outlives the scope. They run *concurrently* with the body and with each
/// other, not in parallel: one at a time, on the thread that polls this. It needs no runtime, and works
/// in no task at all.
///
/// ```text
/// local_scope ┬─ body ── spawn a ── spawn b ── returns T
///             ├─ a ────────── … ──── spawn c ── gone
///             ├─ b ── … ── gone ────────┬
///             └─ c ─────────────────────┴── … ── gone ── T
///                                    the scope is ready ──▲
/// ```
///
/// The value is the body's. A child is polled only when it was woken, and whenever it was, whatever the
/// body is waiting for: unlike the futures of a buffered stream, which stand still while nobody asks
/// for the next one, and may stand still with a lock in hand. One poll of the scope takes a bounded
/// number of turns, and then lets the others of this thread run.
///
/// # What stops it
///
/// The body is a region and so is each child: each has its own [`defer`](crate::defer), and a request
/// stops it where it suspends outside a [`shield`](crate::shield).
///
/// | what happens | siblings and body | the scope |
/// |---|---|---|
/// | a child or the body panics | are asked to stop | goes on with the panic, once all are gone |
/// | a request to the task around | are asked to stop | never ready: it stops with the task |
/// | [`cancel`](crate::LocalChild::cancel) of a child | go on | goes on |
/// | this is dropped | are dropped at once | the clean-ups go on in the region around |
///
/// Only the first panic can go on; the others go to the failures of the task around, or else to the
/// hook of [`set_failure_hook`](crate::set_failure_hook).
///
/// `body` is called at once; what it returns is polled when this is awaited. Dropping this cancels it.
///
/// # Panics
///
/// With a panic of the body or of a child; when it is polled again after it was ready; and when it was
/// half-run in a task that was asked to stop, and is then polled in another.
///
/// # Examples
///
/// ```
/// use anyrt::local_scope;
///
/// async fn fetch(name: &str, answers: &std::sync::Mutex<Vec<String>>) {
///     answers.lock().unwrap().push(name.to_uppercase());
/// }
///
/// let names = ["ada".to_string(), "bob".to_string()];
/// let answers = std::sync::Mutex::new(Vec::new());
/// // By reference, so that the body can be `move` and take its handle along.
/// let (names, answers) = (&names, &answers);
/// let scope = local_scope(|n| async move {
///     for name in names {
///         n.spawn(fetch(name, answers));
///     }
/// });
/// futures::executor::block_on(scope);
/// assert_eq!(*answers.lock().unwrap(), ["ADA", "BOB"]);
/// ```
///
/// Children spawn children:
///
/// ```
/// use anyrt::{LocalScope, local_scope};
///
/// fn count<'env>(n: LocalScope<'env>, left: u32, seen: &'env std::sync::Mutex<u32>) {
///     n.clone().spawn(async move {
///         *seen.lock().unwrap() += 1;
///         if left > 0 {
///             count(n.clone(), left - 1, seen);
///             count(n, left - 1, seen);
///         }
///     });
/// }
///
/// let seen = std::sync::Mutex::new(0);
/// let counter = &seen;
/// futures::executor::block_on(local_scope(|n| async move { count(n, 3, counter) }));
/// assert_eq!(*seen.lock().unwrap(), 15);
/// ```
///
/// # Why does this not compile?
///
/// **A child cannot borrow from inside the body.** The body may end, and drop what it owns, while its
/// children run:
///
/// ```compile_fail,E0597
/// # use anyrt::local_scope;
/// let scope = local_scope(|n| async move {
///     let inside = String::from("dropped with the body");
///     let borrowed = &inside;
///     n.spawn(async move { println!("{borrowed}") });
/// });
/// # futures::executor::block_on(scope);
/// ```
///
/// Also when it is awaited there: nothing says that it is. Declare `inside` before the scope and borrow
/// it, or give it to the child with `async move`:
///
/// ```
/// # use anyrt::local_scope;
/// let outside = String::from("outlives the scope");
/// let outside = &outside;
/// let scope = local_scope(|n| async move {
///     let given = String::from("goes along");
///     n.spawn(async move { assert_eq!(given.len() + outside.len(), 28) });
/// });
/// # futures::executor::block_on(scope);
/// ```
///
/// **A value cannot be moved to two children.** `async move` takes the whole of what it names; borrow it
/// outside, and move the reference, which can be copied:
///
/// ```compile_fail,E0382
/// # use anyrt::local_scope;
/// let name = String::from("ada");
/// let scope = local_scope(|n| async move {
///     n.spawn(async move { println!("{name}") });
///     n.spawn(async move { println!("{name}") });
/// });
/// # futures::executor::block_on(scope);
/// ```
///
/// **The body's `async` block must be `move`.** Else it borrows the closure's own argument `n`, which
/// is gone when the closure returns:
///
/// ```compile_fail,E0373
/// # use anyrt::local_scope;
/// let scope = local_scope(|n| async { n.spawn(async {}); });
/// # futures::executor::block_on(scope);
/// ```
///
/// **What a child borrows must outlive the scope** (this is `'env`), not only be there when the child is
/// spawned:
///
/// ```compile_fail,E0505
/// # use anyrt::local_scope;
/// let name = String::from("ada");
/// let borrowed = &name;
/// let scope = local_scope(|n| async move { n.spawn(async move { println!("{borrowed}") }); });
/// drop(name);
/// futures::executor::block_on(scope);
/// ```
///
/// **A child must be `Send`**, so that the scope is, and can be run by a spawned task. A reference to a
/// [`Cell`](std::cell::Cell) is not: give children what they change behind a lock, or use
/// [`local_scope_unsend`]:
///
/// ```compile_fail
/// # use anyrt::local_scope;
/// let sum = std::cell::Cell::new(0);
/// let sum = &sum;
/// let scope = local_scope(|n| async move { n.spawn(async move { sum.set(1) }); });
/// # futures::executor::block_on(scope);
/// ```
#[track_caller]
#[doc(alias = "moro")]
#[doc(alias = "FuturesUnordered")]
#[doc(alias = "buffer_unordered")]
pub fn local_scope<'env, B, Fut>(body: B) -> impl Future<Output = Fut::Output>
where
    B: FnOnce(LocalScope<'env>) -> Fut,
    Fut: Future,
{
    let shared = Shared::new(Location::caller());
    let body = body(LocalScope(Arc::clone(&shared)));
    InScope::new(body, Ok, shared, value_or_panic)
}

/// Does as [`local_scope`] does, for children that stay on their thread.
///
/// They need not be `Send`: they may share an `Rc` or a `Cell`. Then the scope is not `Send` either, and
/// runs in `block_on` or on a thread of its own.
///
/// Dropping this cancels it. Panics as [`local_scope`] does.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use anyrt::{backend::builtin::BuiltinRuntime, local_scope_unsend, prelude::*};
///
/// let sum = Cell::new(0);
/// let sum = &sum;
/// BuiltinRuntime::new().block_on(local_scope_unsend(|n| async move {
///     for number in 1..=4 {
///         n.spawn(async move { sum.set(sum.get() + number) });
///     }
/// }));
/// assert_eq!(sum.get(), 10);
/// ```
#[track_caller]
#[doc(alias = "LocalSet")]
pub fn local_scope_unsend<'env, B, Fut>(body: B) -> impl Future<Output = Fut::Output>
where
    B: FnOnce(LocalScopeUnsend<'env>) -> Fut,
    Fut: Future,
{
    let shared = Shared::new(Location::caller());
    let body = body(LocalScopeUnsend(Arc::clone(&shared)));
    InScope::new(body, Ok, shared, value_or_panic)
}

/// Does as [`local_scope`] does, and stops at the first error.
///
/// The body returns a `Result`; a child returns nothing or a `Result` with the same error, and with
/// [`spawn_value`](TryLocalScope::spawn_value) anything else. The first error, or panic, asks all others
/// to stop. What fails while they do is kept too, in the order in which it came.
///
/// Dropping this cancels it.
///
/// # Errors
///
/// [`ScopeError`](crate::ScopeError), with everything that failed, panics included. Of a scope that is
/// stopped from around, or dropped, the errors go to the failures of the task around, or to the hook of
/// [`set_failure_hook`](crate::set_failure_hook), as [`Phase::NotKept`](crate::Phase::NotKept).
///
/// A scope that was half-run in a task that was asked to stop, and is then polled in another, gives an
/// error that [is cancelled](crate::ScopeError::is_cancelled).
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use anyrt::{ScopeError, try_local_scope};
///
/// async fn sum(numbers: &[&str]) -> Result<i32, ScopeError<std::num::ParseIntError>> {
///     try_local_scope(|n| async move {
///         let children: Vec<_> = numbers
///             .iter()
///             .map(|text| n.spawn(async move { text.parse::<i32>() }))
///             .collect();
///         let mut sum = 0;
///         for child in children {
///             sum += child.await; // an `i32`: where it failed, this goes no further
///         }
///         Ok(sum)
///     })
///     .await
/// }
///
/// assert_eq!(futures::executor::block_on(sum(&["1", "2", "3"])).unwrap(), 6);
/// let error = futures::executor::block_on(sum(&["1", "two", "3"])).unwrap_err();
/// let first = error.errors().unwrap().first();
/// assert_eq!(first.index(), Some(1));
/// assert!(first.to_string().starts_with("invalid digit found in string (child 1, spawned at "));
/// ```
///
/// A value that is none of the scope's business:
///
/// ```
/// use anyrt::try_local_scope;
///
/// let length = futures::executor::block_on(try_local_scope(|n| async move {
///     let child = n.spawn_value(async { "five!" });
///     Ok::<_, std::io::Error>(child.await.len())
/// }));
/// assert_eq!(length.unwrap(), 5);
/// ```
#[track_caller]
pub fn try_local_scope<'env, E, B, Fut, T>(
    body: B,
) -> impl Future<Output = Result<T, ScopeError<E>>>
where
    B: FnOnce(TryLocalScope<'env, E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    let shared = Shared::new(Location::caller());
    let body = body(TryLocalScope(Arc::clone(&shared)));
    InScope::new(body, |result| result, shared, value_or_error)
}

/// Does as [`try_local_scope`] does, for children that stay on their thread.
///
/// See [`local_scope_unsend`]. Dropping this cancels it.
///
/// # Errors
///
/// As [`try_local_scope`].
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use anyrt::try_local_scope_unsend;
///
/// let five = Rc::new(5_u32);
/// let scope = try_local_scope_unsend(|n| async move {
///     let child = n.spawn(async move { five.checked_sub(7).ok_or("too small") });
///     Ok(child.await)
/// });
/// let error = futures::executor::block_on(scope).unwrap_err();
/// assert_eq!(error.into_first_error().unwrap(), "too small");
/// ```
#[track_caller]
pub fn try_local_scope_unsend<'env, E, B, Fut, T>(
    body: B,
) -> impl Future<Output = Result<T, ScopeError<E>>>
where
    B: FnOnce(TryLocalScopeUnsend<'env, E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    let shared = Shared::new(Location::caller());
    let body = body(TryLocalScopeUnsend(Arc::clone(&shared)));
    InScope::new(body, |result| result, shared, value_or_error)
}
