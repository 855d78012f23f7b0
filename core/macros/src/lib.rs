//! `#[anyrt::test]` and `#[anyrt::main]`: an async function becomes a test on every backend, or the
//! `main` of a program on one.
//!
//! Reach them through the façade crate `anyrt` (feature `macros`, on by default). What they expand to
//! is small and calls hidden functions of `anyrt`; which backends there are is decided by the features
//! of `anyrt`, wherever the macro is used.

mod args;
mod function;
mod main_attr;
mod test_attr;

use proc_macro::TokenStream;

/// Makes one test of an async function for each backend that is enabled.
///
/// Each test is named after the backend, in a module that is named after the function:
///
/// ```text
/// test adds::on_async_std ... ok
/// test adds::on_builtin ... ok
/// test adds::on_smol ... ok
/// test adds::on_tokio_current ... ok
/// test adds::on_tokio_multi ... ok
/// ```
///
/// so `cargo test on_tokio` runs all tests on Tokio, and `cargo test adds::` one test on all backends.
/// The backends are those whose features of `anyrt` are on; with none on, it does not compile.
///
/// # The function
///
/// An `async fn` that takes nothing, or the runtime's handle as `rt: impl Runtime` (any path to the
/// trait will do). It may return whatever a `#[test]` may return. `#[should_panic]`, `#[ignore]` and
/// doc comments apply to each of the tests; all other attributes stay with the function.
///
/// The built-in runtime and Tokio's two are started anew for each test; smol and async-std have one
/// runtime in the process, which all tests share.
///
/// # What fails a test
///
/// | what happened | the test |
/// |---|---|
/// | the body panics, or returns an error | fails with that |
/// | a task lives when the body has ended | fails and says where the task was spawned |
/// | a task panicked and nobody received it | fails and says where the task was spawned |
///
/// A task that was cancelled has about a second to be gone. Only tasks count that the body spawned,
/// or that such a task or blocking job spawned, so tests that share a runtime do not blame each other.
/// What is spawned from a thread that was started by other means is not seen. A test that is expected
/// to panic passes for either reason: say `#[should_panic(expected = "…")]`.
///
/// # Words
///
/// | word | meaning |
/// |---|---|
/// | `allow_leftover_tasks` | tasks may outlive the body; what they panic with later may go unseen |
/// | `allow_lost_panics` | panics that nobody receives do not fail the test |
/// | `virtual_time` | each backend below a `VirtualClock`: an hour takes no time |
/// | `sim` | in the simulator, under 100 seeds, instead of on the backends (feature `sim` of `anyrt`) |
/// | `seeds = N` | with `sim`: under that many seeds, zero and up |
/// | `seed = N` | with `sim`: under this one only |
/// | `twice` | with `sim`: runs each seed twice and fails where the two runs differ |
/// | `crate = "path"` | where `anyrt` is: the name of the dependency, or a path from `crate::` on |
///
/// # In the simulator
///
/// With `sim` there is one test, `adds::on_sim`. It runs the body once for each seed, in virtual time, one
/// task at a time; the seed decides who is next. It fails with the first seed that does, by a panic, an
/// error, a task left behind, a panic that nobody saw, or because nobody can run any more. It prints the
/// seed, how to replay it (`ANYRT_SEED=17 cargo test adds`), the few switches between tasks that it takes, and
/// who was waiting. `ANYRT_SEEDS=100000` runs that many seeds instead of what the word says.
///
/// # Examples
///
/// ```
/// use anyrt::Runtime;
///
/// /// The same as `a + b`, by way of two tasks.
/// async fn sum(rt: &impl Runtime, a: u32, b: u32) -> u32 {
///     let (a, b) = (rt.spawn(async move { a }), rt.spawn(async move { b }));
///     a.await.unwrap() + b.await.unwrap()
/// }
///
/// #[anyrt::test]
/// async fn adds(rt: impl Runtime) {
///     assert_eq!(sum(&rt, 2, 3).await, 5);
/// }
///
/// #[anyrt::test]
/// #[should_panic(expected = "overflow")]
/// async fn does_not_wrap(rt: impl Runtime) {
///     sum(&rt, u32::MAX, 1).await;
/// }
///
/// #[anyrt::test(virtual_time)]
/// async fn waits_for_an_hour(rt: impl Runtime) {
///     let start = rt.now();
///     rt.sleep(std::time::Duration::from_secs(3600)).await;
///     assert_eq!((rt.now() - start).as_secs(), 3600);
/// }
///
/// #[anyrt::test(sim, seeds = 1000)]
/// async fn adds_in_any_order(rt: impl Runtime) {
///     assert_eq!(sum(&rt, 2, 3).await, 5);
/// }
///
/// #[anyrt::test(allow_leftover_tasks)]
/// async fn starts_a_server(rt: impl Runtime) -> Result<(), Box<dyn std::error::Error>> {
///     rt.spawn_detached(std::future::pending());
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    test_attr::expand(args.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a `main` of an async function, on one backend.
///
/// A program picks its runtime here, once: without a word the built-in one, else the one that is
/// named. No backend is guessed from the features that are on; one whose feature is off is an error
/// that names the feature. A program that has a `#[tokio::main]` can keep it: there,
/// `anyrt::rooted` makes a root for what needs one.
///
/// The function is an `async fn` that takes nothing, or the runtime's handle as `rt: impl Runtime`.
/// It may return whatever `main` may return. Inside it `anyrt::current()` gives the runtime. When it
/// has ended, the runtime is dropped, and tasks that still live with it.
///
/// # Words
///
/// | word | runtime |
/// |---|---|
/// | `builtin`, or none | built-in, one thread for each core |
/// | `tokio` | Tokio, multi-thread |
/// | `tokio_current` | Tokio, current-thread |
/// | `smol` | smol's global executor |
/// | `async_std` | legacy: async-std, which is discontinued upstream (RUSTSEC-2025-0052) |
///
/// | word | meaning |
/// |---|---|
/// | `threads = N` | how many threads run tasks, one or more; for `builtin` and `tokio` |
/// | `shutdown = "10s"` | a signal stops the program, which has this time to clean up: see below |
/// | `crate = "path"` | where `anyrt` is: the name of the dependency, or a path from `crate::` on |
///
/// # Shutdown
///
/// With `shutdown = "10s"` (or `"500ms"`, `"2m"`; feature `signal` of `anyrt`) Ctrl-C, and on Unix SIGTERM
/// and SIGHUP, ask the body and all tasks of the application to stop: each is dropped where it suspends
/// outside of a shield, and its clean-ups run. Those are the tasks of scopes in the body, and those that
/// are spawned by `anyrt::application()`. `anyrt::stopping()` tells all others. When the body ends by
/// itself, they are asked to stop as well.
///
/// | what happens | exit status |
/// |---|---|
/// | the body ends, signal or not | the body's own |
/// | a signal stops the body, all is cleaned up in time | 130 |
/// | a signal, and the time is up | 130: who is left is named, and ends with the runtime |
/// | a second signal | 130, at once: no destructor runs |
///
/// Each second, standard error says who is left: names, and where they were spawned. 130 is what shells
/// report for Ctrl-C; which of the signals it was is not known.
///
/// # Panics
///
/// The `main` that is made panics if the operating system cannot start the runtime's threads, and if
/// it is called from inside async code; with `shutdown`, if the process has a handler for signals already.
///
/// # Examples
///
/// ```
/// use anyrt::Runtime;
///
/// #[anyrt::main]
/// async fn main(rt: impl Runtime) {
///     let task = rt.spawn(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// }
/// ```
///
/// On Tokio, with two workers, and a result:
///
/// ```
/// #[anyrt::main(tokio, threads = 2)]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let rt = anyrt::current()?;
///     # use anyrt::Runtime;
///     assert_eq!(rt.spawn(async { 6 * 7 }).await?, 42);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    main_attr::expand(args.into(), item.into()).into()
}
