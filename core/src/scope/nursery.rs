//! A scope as an object: for fields of structs.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::future::{Future, pending};
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::any_error::AnyError;
use super::builder::ScopeWith;
use super::child::Child;
use super::child_error::ChildError;
use super::handle::{SpawnChild, TryScope};
use super::in_scope::{Birth, Refused, spawn, spawn_job};
use super::may_fail::{MayFail, Whatever};
use super::nurseries::enlist;
use super::policy::Verdict;
use super::wait::{Goal, ScopeWait, WaitError};
use crate::region::{Reason, Region};
use crate::runtime::{Spawn, Timer};
use crate::task::{Words, spawn_detached};

const DROPPED: Reason = Reason::fixed("the nursery was dropped");
const CLOSED: Reason = Reason::fixed("the nursery was closed");

/// A scope that is an object instead of a block: it keeps children until it is closed or dropped.
///
/// For a server, a connection, an actor: whatever is a struct and has tasks of its own. Children give
/// `()` or a `Result`, each with an error of its own type. A failure disturbs nobody and is not kept: it
/// is reported at once, to the hook of [`set_failure_hook`](crate::set_failure_hook) or to
/// [`on_error`](NurseryWith::on_error). So memory is that of the children that live, however long the
/// nursery does.
///
/// | | children | who waits |
/// |---|---|---|
/// | [`cancel`](NurseryHandle::cancel) | asked to stop; no more are taken | nobody |
/// | [`close`](Nursery::close) | asked to stop; no more are taken | who awaits it, until all are gone |
/// | drop | asked to stop; no more are taken | nobody: they clean up in the background |
///
/// Children spawn more through a [`handle`](Nursery::handle), which does not keep the nursery open, or
/// [`current_scope`](crate::current_scope). Requests to the code that opened it do not reach it: it ends
/// by what the table says, or with its runtime.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc::{Receiver, Sender, channel};
/// use anyrt::{Nursery, Runtime, backend::builtin::{Builtin, BuiltinRuntime}, prelude::*};
///
/// struct Mailer<R: Runtime> {
///     outbox: Sender<&'static str>,
///     sending: Nursery<R>,
/// }
///
/// impl<R: Runtime> Mailer<R> {
///     fn new(rt: &R) -> (Self, Receiver<&'static str>) {
///         let (outbox, sent) = channel();
///         (Mailer { outbox, sending: rt.nursery() }, sent)
///     }
///
///     fn send(&self, mail: &'static str) {
///         let outbox = self.outbox.clone();
///         self.sending.spawn(async move { outbox.send(mail) });
///     }
/// }
///
/// let owner = BuiltinRuntime::new();
/// let (mailer, sent) = Mailer::<Builtin>::new(owner.handle());
/// mailer.send("hello");
/// assert_eq!(sent.recv(), Ok("hello"));
/// owner.block_on(mailer.sending.close()).unwrap();
/// assert!(mailer.sending.try_spawn(async {}).is_err(), "it takes no more");
/// ```
#[doc(alias = "TaskTracker")]
#[doc(alias = "JoinSet")]
#[doc(alias = "PersistentTaskGroup")]
#[must_use = "dropping a nursery asks its children to stop"]
#[doc(alias = "TaskContext")]
pub struct Nursery<R: Spawn + Timer> {
    handle: NurseryHandle<R>,
}

/// A handle of a [`Nursery`], by which anybody spawns into it.
///
/// A clone is another handle of the same one. It does not keep the nursery open.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let nursery = owner.handle().nursery();
/// let inner = nursery.handle();
/// let child = nursery.spawn(async move {
///     inner.spawn(async { /* a sibling */ });
/// });
/// owner.block_on(child);
/// assert_eq!(nursery.spawned(), 2);
/// ```
pub struct NurseryHandle<R: Spawn + Timer> {
    scope: TryScope<R, AnyError>,
}

impl<R: Spawn + Timer> NurseryHandle<R> {
    /// Ends all children, shields and clean-ups and all.
    pub(crate) fn kill(&self, reason: &'static str) {
        self.scope.kill(reason);
    }

    pub(crate) fn new(scope: TryScope<R, AnyError>) -> Self {
        NurseryHandle { scope }
    }

    pub(crate) fn region(&self) -> &Region {
        &self.scope.shared().region
    }

    /// Asks those that are children now to stop.
    pub(crate) fn cancel_children(&self, reason: &Reason) {
        self.scope.shared().cancel_children(reason);
    }

    /// Waits until fewer children live than this.
    pub(crate) fn wait_for_fewer_than(&self, most: usize) -> ScopeWait<R, AnyError> {
        ScopeWait::new(self.scope.shared(), Goal::FewerThan(most))
    }

    /// Spawns a child of `()` or of a `Result`; its handle may be dropped, the child runs on.
    ///
    /// An `Err`, and a panic, is reported at once. In a nursery that is closed the future is dropped, and
    /// the child is cancelled already: [`try_spawn`](NurseryHandle::try_spawn) gives it back.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Child<<F::Output as MayFail>::Value>
    where
        F: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
    {
        let spawned = spawn::<Whatever, _, _, _>(self.scope.shared(), Birth::here(), future);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Does as [`spawn`](NurseryHandle::spawn) does, or gives the future back.
    ///
    /// # Errors
    ///
    /// [`Refused`] with the future, if the nursery is closed.
    #[track_caller]
    pub fn try_spawn<F>(
        &self,
        future: F,
    ) -> Result<Child<<F::Output as MayFail>::Value>, Refused<F>>
    where
        F: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
    {
        spawn::<Whatever, _, _, _>(self.scope.shared(), Birth::here(), future)
            .map_err(|refused| refused.back)
    }

    /// Spawns a blocking job as a child: closing the nursery waits for it.
    ///
    /// A request keeps it from starting; once it has started it ends by itself, and may look at
    /// [`cancel_requested`](crate::cancel_requested).
    #[track_caller]
    pub fn spawn_blocking<F, O>(&self, job: F) -> Child<O::Value>
    where
        F: FnOnce() -> O + Send + 'static,
        O: MayFail<Error: Display + Sync> + Send + 'static,
    {
        let spawned = spawn_job::<Whatever, _, _, _, _>(self.scope.shared(), Birth::here(), job);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Begins a spawn that says more about the child: its name.
    pub fn spawn_with(&self) -> SpawnChild<'_, Self> {
        SpawnChild::new(self)
    }

    /// Asks all children to stop, and takes no more. Returns at once; asking again changes nothing.
    pub fn cancel(&self, reason: impl Into<Reason>) {
        self.scope.cancel(reason);
    }

    /// Returns whether it takes no more children.
    pub fn is_closed(&self) -> bool {
        self.scope.shared().is_closed()
    }

    /// Returns how many children live.
    pub fn live(&self) -> usize {
        self.scope.live()
    }

    /// Returns how many children were ever spawned.
    pub fn spawned(&self) -> usize {
        self.scope.spawned()
    }

    /// Returns the runtime that the children run on.
    pub fn rt(&self) -> &R {
        self.scope.rt()
    }

    /// Returns the name, if it was given one.
    pub fn name(&self) -> Option<Cow<'static, str>> {
        self.scope.name()
    }

    /// Returns where the nursery was opened.
    pub fn location(&self) -> &'static Location<'static> {
        self.scope.location()
    }
}

impl<R: Spawn + Timer> Clone for NurseryHandle<R> {
    fn clone(&self) -> Self {
        NurseryHandle::new(self.scope.clone())
    }
}

impl<R: Spawn + Timer> fmt::Debug for NurseryHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scope.shared().describe("NurseryHandle", f)
    }
}

impl<R: Spawn + Timer> SpawnChild<'_, NurseryHandle<R>> {
    /// Spawns the child: [`NurseryHandle::spawn`].
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Child<<F::Output as MayFail>::Value>
    where
        F: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
    {
        let scope = self.scope.scope.shared();
        let spawned = spawn::<Whatever, _, _, _>(scope, self.birth(), future);
        spawned.unwrap_or_else(|refused| refused.child)
    }

    /// Spawns the blocking child: [`NurseryHandle::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking<F, O>(self, job: F) -> Child<O::Value>
    where
        F: FnOnce() -> O + Send + 'static,
        O: MayFail<Error: Display + Sync> + Send + 'static,
    {
        let scope = self.scope.scope.shared();
        let spawned = spawn_job::<Whatever, _, _, _, _>(scope, self.birth(), job);
        spawned.unwrap_or_else(|refused| refused.child)
    }
}

impl<R: Spawn + Timer> Nursery<R> {
    /// Returns a handle by which children, or others, spawn into it.
    pub fn handle(&self) -> NurseryHandle<R> {
        self.handle.clone()
    }

    /// Asks all children to stop, now; the future returned waits until all are gone.
    ///
    /// No more are taken. Calling it again waits for the same; dropping the future ends the waiting only.
    ///
    /// # Errors
    ///
    /// [`WaitError`], in a child of this nursery, which would wait for itself. The request is made all the
    /// same.
    #[doc(alias = "aclose")]
    pub fn close(&self) -> NurseryClosed<R> {
        NurseryClosed {
            wait: self.handle.scope.close(CLOSED),
        }
    }
}

impl<R: Spawn + Timer> Deref for Nursery<R> {
    type Target = NurseryHandle<R>;

    fn deref(&self) -> &NurseryHandle<R> {
        &self.handle
    }
}

impl<R: Spawn + Timer> Drop for Nursery<R> {
    fn drop(&mut self) {
        self.handle.cancel(DROPPED);
    }
}

impl<R: Spawn + Timer> fmt::Debug for Nursery<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.scope.shared().describe("Nursery", f)
    }
}

/// The future of [`Nursery::close`]: ready when all children are gone.
///
/// Cancel safe: the request was made when this was made.
#[must_use = "the request is made, but nothing waits for the children unless this is awaited"]
pub struct NurseryClosed<R: Spawn + Timer> {
    wait: ScopeWait<R, AnyError>,
}

impl<R: Spawn + Timer> Future for NurseryClosed<R> {
    type Output = Result<(), WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.wait).poll(cx)
    }
}

impl<R: Spawn + Timer> fmt::Debug for NurseryClosed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NurseryClosed").field(&self.wait).finish()
    }
}

/// Words about a nursery before it is opened: what [`nursery_with`](crate::Runtime::nursery_with) gives.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let (tx, rx) = mpsc::channel();
/// let told = move |error: &anyrt::ChildError<anyrt::AnyError>| tx.send(error.to_string()).unwrap();
/// let nursery = owner.handle().nursery_with().name("clients").on_error(told).open();
/// nursery.spawn(async { "seven".parse::<i32>() });
/// assert!(rx.recv().unwrap().starts_with("invalid digit found in string (child 0"));
/// ```
#[must_use = "there is no nursery until `open` is called"]
pub struct NurseryWith<'a, R: Timer> {
    scope: ScopeWith<'a, R, AnyError>,
}

impl<'a, R: Spawn + Timer> NurseryWith<'a, R> {
    pub(crate) fn new(rt: &'a R) -> Self {
        NurseryWith {
            scope: ScopeWith::new(rt).long_lived(),
        }
    }

    /// Names the nursery, for errors and reports.
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        NurseryWith {
            scope: self.scope.name(name),
        }
    }

    /// Lets at most this many children run at a time; zero counts as one.
    ///
    /// See [`ScopeWith::limit`].
    pub fn limit(self, most: usize) -> Self {
        NurseryWith {
            scope: self.scope.limit(most),
        }
    }

    /// Tells `handler` of each failure, instead of the hook.
    ///
    /// It is called on the child's task, and must not block. If it panics, its panic and the error go to
    /// the hook of [`set_failure_hook`](crate::set_failure_hook).
    #[doc(alias = "exception_handler")]
    pub fn on_error<H>(self, handler: H) -> Self
    where
        H: Fn(&ChildError<AnyError>) + Send + Sync + 'static,
    {
        let supervise = move |error: &ChildError<AnyError>| {
            handler(error);
            Verdict::Continue
        };
        NurseryWith {
            scope: self.scope.supervise(supervise),
        }
    }

    /// Opens the nursery.
    #[track_caller]
    pub fn open(self) -> Nursery<R> {
        let rt = self.scope.rt().clone();
        let mut handle = None;
        // It is over when it is asked to stop: its body never ends by itself.
        let scope = self.scope.try_run(|scope| {
            enlist(scope.shared());
            handle = Some(NurseryHandle::new(scope));
            pending::<Result<(), AnyError>>()
        });
        // The keeper of the region. Why it ended is known to who ended it.
        spawn_detached(&rt, Words::default(), async move { drop(scope.await) });
        match handle {
            Some(handle) => Nursery { handle },
            None => unreachable!("a scope calls its closure at once"),
        }
    }
}

impl<R: Timer> fmt::Debug for NurseryWith<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NurseryWith").field(&self.scope).finish()
    }
}
