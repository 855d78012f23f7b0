//! A context variable, as users see it.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::chain::{Binding, Reach, Value};
use super::{Chain, Entered, Rebound, current};

/// A value that code finds without being handed it, and that child tasks inherit.
///
/// For what belongs to a whole call tree and not to one function of it: the user that a request is made
/// for, a trace id, a locale, a deadline to pass on. A `static` is the variable; a
/// [`scope`](ContextVar::scope) around a future, or a [`sync_scope`](ContextVar::sync_scope) around a
/// closure, binds it to a value for everything that runs inside. There is no `set`: what is bound is
/// unbound where the scope ends, also by an error or a panic, so one piece of code cannot change what
/// another sees, other than by calling it.
///
/// ```text
///  USER.scope("ann", async {
///  │   USER.get() ──► "ann"
///  │   rt.spawn(child) ───────────────►  child: USER.get() ──► "ann", however long it lives
///  │   USER.scope("bob", async {
///  │   │   USER.get() ──► "bob"
///  │   │   defer(clean_up) ───────────►  clean_up: USER.get() ──► "bob", whenever it runs
///  │   }).await
///  │   USER.get() ──► "ann"
///  }).await
///  USER.get() ──► None
/// ```
///
/// | where | what is bound |
/// |---|---|
/// | a poll of what is in a scope, and a destructor there | what the scope binds, else what is bound around it |
/// | a spawned task, a blocking job | what was bound where it was *spawned* |
/// | [`rooted`](crate::rooted), `block_on` | what was bound where it was first polled |
/// | a clean-up of [`defer`](crate::defer) | what was bound where it was *registered*, wherever it runs |
/// | a future that is moved to another task half-way | what its own scopes bind, and else what that task has |
/// | [`outside_regions`](crate::outside_regions) | nothing |
/// | a thread, or a task of a runtime, that this library did not start | nothing |
///
/// A variable that is [`not_inherited`](ContextVar::not_inherited) holds in its task and in the clean-ups
/// of that, and not in tasks that are started there.
///
/// A scope is no region: clean-ups and requests to stop are those of the task around it. It needs no
/// runtime and works in code that runs in no task at all.
///
/// # Cost
///
/// Inheriting costs one count of an `Arc`, however much is bound (but see below); a task where nothing is bound pays one
/// look at a flag on each poll. A look-up walks the bindings, innermost first; one of a variable that
/// was never bound does not. A scope allocates twice. Two tasks never wait for each other: nothing is
/// global but a variable's number.
///
/// A value lives as long as what was started inside its scope. A task that binds a variable and starts,
/// in there, a task that does the same, and so on without end, keeps nothing for good: every 32
/// generations what a child inherits is cut down to what it can see, which then costs a copy of the list.
///
/// # Comparison to `tokio::task_local!`
///
/// Both bind a value around a future. This one needs no macro; it is inherited by child tasks, blocking
/// jobs and clean-ups; it can be unbound ([`without`](ContextVar::without)); a look-up without a binding is
/// an `Option` and no panic. In exchange a value must be `Send + Sync`, because child tasks share it.
///
/// # Examples
///
/// ```
/// use anyrt::{ContextVar, backend::builtin::BuiltinRuntime, current, prelude::*};
///
/// static USER: ContextVar<String> = ContextVar::new("user");
///
/// async fn greet() -> String {
///     format!("hello {}", USER.get().unwrap_or("whoever you are".into()))
/// }
///
/// let owner = BuiltinRuntime::new();
/// owner.block_on(async {
///     assert_eq!(greet().await, "hello whoever you are");
///     let request = async {
///         let rt = current().unwrap();
///         (greet().await, rt.spawn(greet()).await.unwrap())
///     };
///     let (here, in_a_child) = USER.scope("ann".into(), request).await;
///     assert_eq!((&*here, &*in_a_child), ("hello ann", "hello ann"));
///     assert_eq!(USER.get(), None);
/// });
/// ```
///
/// It is a `static` and not a `const`, of which each use would be another variable:
///
/// ```compile_fail,E0716
/// use anyrt::ContextVar;
///
/// const USER: ContextVar<String> = ContextVar::new("user");
///
/// fn greet() -> impl Future<Output = ()> {
///     USER.scope("ann".into(), async {})
/// }
/// ```
#[doc(alias = "contextvars")]
#[doc(alias = "task_local")]
#[doc(alias = "thread_local")]
#[doc(alias = "CoroutineContext")]
pub struct ContextVar<T> {
    name: &'static str,
    reach: Reach,
    /// Which variable this is, from when it is first bound. It also makes a `const` that is bound an
    /// error of the compiler.
    number: AtomicUsize,
    _value: PhantomData<fn() -> T>,
}

/// The number of the variable that is bound next for the first time; zero is for those that never were.
static NEXT: AtomicUsize = AtomicUsize::new(1);

impl<T: Send + Sync + 'static> ContextVar<T> {
    /// Makes a variable that is bound to nothing; its name is for people.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ContextVar;
    ///
    /// static LOCALE: ContextVar<&str> = ContextVar::new("locale");
    /// assert_eq!(LOCALE.get().unwrap_or("en"), "en");
    /// ```
    pub const fn new(name: &'static str) -> Self {
        ContextVar {
            name,
            reach: Reach::Children,
            number: AtomicUsize::new(0),
            _value: PhantomData,
        }
    }

    /// Keeps child tasks from inheriting the variable.
    ///
    /// A task, a blocking job, a [`rooted`](crate::rooted) future and that of `block_on` then begin without
    /// it. Within one task it holds as any other does, clean-ups included.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{ContextVar, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// static HOLDS_THE_LOCK: ContextVar<()> = ContextVar::new("holds the lock").not_inherited();
    ///
    /// let owner = BuiltinRuntime::new();
    /// owner.block_on(HOLDS_THE_LOCK.scope((), async {
    ///     assert!(HOLDS_THE_LOCK.is_bound());
    ///     let child = owner.handle().spawn(async { HOLDS_THE_LOCK.is_bound() });
    ///     assert!(!child.await.unwrap());
    /// }));
    /// ```
    #[must_use = "it gives the variable that is not inherited"]
    pub const fn not_inherited(self) -> Self {
        ContextVar {
            reach: Reach::ThisTask,
            ..self
        }
    }

    /// Returns the name.
    ///
    /// # Examples
    ///
    /// ```
    /// static USER: anyrt::ContextVar<String> = anyrt::ContextVar::new("user");
    /// assert_eq!(USER.name(), "user");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns a clone of the value that is bound here.
    ///
    /// None where there is none, and on a thread that is ending and has no thread-locals any more. For
    /// a value that does not clone, or not cheaply: [`with`](ContextVar::with),
    /// [`get_arc`](ContextVar::get_arc).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ContextVar;
    ///
    /// static DEPTH: ContextVar<u32> = ContextVar::new("depth");
    ///
    /// fn depth_of_factorial(n: u32) -> u32 {
    ///     let depth = DEPTH.get().unwrap_or(0);
    ///     match n {
    ///         0 => depth,
    ///         n => DEPTH.sync_scope(depth + 1, || depth_of_factorial(n - 1)),
    ///     }
    /// }
    /// assert_eq!(depth_of_factorial(5), 5);
    /// assert_eq!(DEPTH.get(), None);
    /// ```
    pub fn get(&self) -> Option<T>
    where
        T: Clone,
    {
        self.find()?.downcast_ref().cloned()
    }

    /// Returns the value that is bound here, shared.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ContextVar;
    ///
    /// static WORDS: ContextVar<Vec<String>> = ContextVar::new("words");
    ///
    /// let words = vec!["long".to_owned(); 1_000];
    /// let kept = WORDS.sync_scope(words, || WORDS.get_arc()).unwrap();
    /// assert_eq!(kept.len(), 1_000);
    /// ```
    pub fn get_arc(&self) -> Option<Arc<T>> {
        let value: Arc<dyn Any + Send + Sync> = self.find()?;
        value.downcast().ok()
    }

    /// Calls `f` with the value that is bound here.
    ///
    /// Inside `f` everything is bound as it was, and `f` may bind what it likes.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ContextVar;
    ///
    /// static USER: ContextVar<String> = ContextVar::new("user");
    ///
    /// let length = || USER.with(|user| user.map_or(0, String::len));
    /// assert_eq!(length(), 0);
    /// assert_eq!(USER.sync_scope("ann".into(), length), 3);
    /// ```
    pub fn with<R>(&self, f: impl FnOnce(Option<&T>) -> R) -> R {
        // Held by a count of its own: in `f` no thread-local is borrowed.
        let value = self.find();
        f(value
            .as_deref()
            .and_then(<dyn Any + Send + Sync>::downcast_ref))
    }

    /// Returns whether a value is bound here.
    ///
    /// # Examples
    ///
    /// ```
    /// static USER: anyrt::ContextVar<String> = anyrt::ContextVar::new("user");
    ///
    /// assert!(!USER.is_bound());
    /// assert!(USER.sync_scope("ann".into(), || USER.is_bound()));
    /// ```
    pub fn is_bound(&self) -> bool {
        self.find().is_some()
    }

    /// Binds the variable to `value` inside `future`.
    ///
    /// On each poll of `future` and while it is dropped; before and after, what was bound around it holds,
    /// also where it panics. What `future` spawns or defers has the binding too, for as long as it lives.
    ///
    /// `future` takes the binding along when it is moved to another task. Tasks that it started before
    /// keep what they have inherited.
    ///
    /// Cancel safe as far as `future` is: dropping this drops it, with the variable bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{ContextVar, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// BuiltinRuntime::new().block_on(USER.scope("ann", async {
    ///     assert_eq!(USER.scope("bob", async { USER.get() }).await, Some("bob"));
    ///     assert_eq!(USER.get(), Some("ann"));
    /// }));
    /// ```
    #[doc(alias = "resetting")]
    #[doc(alias = "set")]
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> Rebound<F> {
        Rebound::new(self.binding(Some(Arc::new(value))), future)
    }

    /// Binds the variable to nothing inside `future`.
    ///
    /// Otherwise as [`scope`](ContextVar::scope). Inside, it can be bound again.
    ///
    /// Cancel safe as far as `future` is: dropping this drops it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{ContextVar, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// BuiltinRuntime::new().block_on(USER.scope("ann", async {
    ///     assert_eq!(USER.without(async { USER.get() }).await, None);
    ///     assert_eq!(USER.get(), Some("ann"));
    /// }));
    /// ```
    #[doc(alias = "resetting")]
    #[doc(alias = "unset")]
    pub fn without<F: Future>(&'static self, future: F) -> Rebound<F> {
        Rebound::new(self.binding(None), future)
    }

    /// Binds the variable to `value` while `f` runs.
    ///
    /// What `f` spawns or defers has the binding too; a future that it *returns* does not, because that
    /// is polled later: use [`scope`](ContextVar::scope) for it. A panic of `f` passes, with the variable
    /// unbound again. On a thread that is ending and has no thread-locals any more, `f` just runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{ContextVar, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// let owner = BuiltinRuntime::new();
    /// let child = USER.sync_scope("ann", || owner.handle().spawn(async { USER.get() }));
    /// assert_eq!(USER.get(), None);
    /// assert_eq!(owner.block_on(child).unwrap(), Some("ann"));
    /// ```
    #[doc(alias = "resetting")]
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        call(self.binding(Some(Arc::new(value))), f)
    }

    /// Binds the variable to nothing while `f` runs.
    ///
    /// Otherwise as [`sync_scope`](ContextVar::sync_scope).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// USER.sync_scope("ann", || {
    ///     assert_eq!(USER.sync_without(|| USER.get()), None);
    ///     assert_eq!(USER.get(), Some("ann"));
    /// });
    /// ```
    #[doc(alias = "resetting")]
    pub fn sync_without<R>(&'static self, f: impl FnOnce() -> R) -> R {
        call(self.binding(None), f)
    }

    fn find(&self) -> Option<Value> {
        match self.number.load(Ordering::Relaxed) {
            0 => None,
            var if super::is_bound() => current::look(|here| here.find(var, self.reach))?,
            _ => None,
        }
    }

    /// Takes `&'static self`, so that what is bound is a `static` and found again.
    fn binding(&'static self, value: Option<Value>) -> Binding {
        Binding {
            var: self.number(),
            name: self.name,
            reach: self.reach,
            value,
        }
    }

    fn number(&self) -> usize {
        let number = self.number.load(Ordering::Relaxed);
        if number != 0 {
            return number;
        }
        let new = NEXT.fetch_add(1, Ordering::Relaxed);
        let first = self
            .number
            .compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed);
        first.map_or_else(|faster| faster, |_| new)
    }
}

fn call<R>(binding: Binding, f: impl FnOnce() -> R) -> R {
    let mut chain = Chain::of(binding);
    chain.link();
    let _entered = Entered::new(&mut chain);
    f()
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar")
            .field("name", &self.name)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}
