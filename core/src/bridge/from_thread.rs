//! Running a future from sync code, in the task that waits for it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{Location, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use super::call::{ABANDONED, Answered, Call};
use super::link::{Link, Origin, Stands};
use super::park::{Answer, block, parked};
use super::to_thread;
use crate::region::body::Ended;
use crate::region::state::{Seen, flag};
use crate::region::{Inline, Member, Reason, frame, runtime_of};
use crate::runtime::AnyRuntime;
use crate::task::{self, rooted};

/// Runs `future` in the task that awaits this thread, and waits for it here.
///
/// For sync code below [`to_thread`](crate::to_thread) that needs something async. The future is a part of
/// the task that awaits, and is polled whenever that task runs, also while it awaits something else: so
/// [`current`](crate::current), [`current_task`](crate::current_task), scopes and deadlines are those of the
/// task, whatever lies between. What is bound on this thread is bound in the future. It ends with all its
/// clean-ups before this returns.
///
/// Where nobody awaits in a task of this library, in a job of `spawn_blocking` or below another executor, the
/// future is a task of its own on the runtime of the thread. On a thread that was started outside any task, this
/// waits until somebody awaits it.
///
/// # Errors
///
/// [`FromThreadError`], and the future is dropped: at once, if nobody waits for this thread any more, or what
/// waits was asked to stop or has ended; where that happens while the future runs, after it has unwound. Also
/// on a thread that nobody has called from async code.
///
/// # Panics
///
/// With the panic of `future`; and when it is called inside async code, where `.await` does.
///
/// # Examples
///
/// ```
/// use anyrt::{backend::builtin::BuiltinRuntime, from_thread, prelude::*, to_thread};
///
/// let lines = BuiltinRuntime::new().block_on(to_thread(|| {
///     let first = from_thread(async { "hello" }).unwrap();
///     let second = from_thread(async { to_thread(|| "world").await }).unwrap();
///     format!("{first} {second}")
/// }));
/// assert_eq!(lines, "hello world");
///
/// assert!(from_thread(async {}).unwrap_err().is_no_origin());
/// ```
#[track_caller]
#[doc(alias = "sync_to_async")]
#[doc(alias = "run_coroutine_threadsafe")]
pub fn from_thread<F>(future: F) -> Result<F::Output, FromThreadError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let place = Location::caller();
    guard();
    let Some(link) = to_thread::link() else {
        return as_task(None, future);
    };
    let stands = match origin(&link) {
        Origin::Abandoned => {
            // Others have their turn, as in any call.
            parked(|| ());
            return Err(FromThreadError(Kind::Abandoned));
        }
        Origin::NoRoot | Origin::Unknown => return as_task(Some(&*link), future),
        Origin::Root(stands) => stands,
    };
    call(&link, stands, place, future)
}

/// Where to call. The thread may be faster than the first poll of its await.
fn origin(link: &Link) -> Origin {
    let mut origin = link.origin();
    if matches!(origin, Origin::Unknown) {
        origin = block(poll_fn(|cx| {
            link.register(cx.waker());
            match link.origin() {
                Origin::Unknown => Poll::Pending,
                known => Poll::Ready(known),
            }
        }));
        link.unregister();
    }
    origin
}

fn call<F>(
    link: &Arc<Link>,
    stands: Stands,
    place: &'static Location<'static>,
    future: F,
) -> Result<F::Output, FromThreadError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match submit(link, stands, place, future).wait() {
        Some(Answered::Value(value)) => Ok(value),
        Some(Answered::Panicked(payload)) => resume_unwind(payload),
        Some(Answered::Abandoned) => Err(FromThreadError(Kind::Abandoned)),
        Some(Answered::Stopped) => Err(FromThreadError(Kind::Stopped)),
        Some(Answered::Ended) | None => Err(FromThreadError(Kind::Ended)),
    }
}

/// Puts a call into the mailbox. It is answered in any case.
pub(super) fn submit<F>(
    link: &Arc<Link>,
    stands: Stands,
    place: &'static Location<'static>,
    future: F,
) -> Arc<Answer<Answered<F::Output>>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let answer = Arc::new(Answer::new());
    let root = stands.root.as_ref().and_then(Weak::upgrade);
    let call = Call::new(future, place, Arc::clone(link), stands, Arc::clone(&answer));
    match root {
        // One that has ended gives it back; dropped, it answers all the same.
        Some(root) => drop(root.region().call(Box::pin(call))),
        None => drop(call),
    }
    link.set_called();
    answer
}

/// Where no task of ours awaits this thread: a task of its own, on the runtime that the thread has.
#[track_caller]
fn as_task<F>(link: Option<&Link>, future: F) -> Result<F::Output, FromThreadError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let Some(rt) = runtime(link) else {
        return Err(FromThreadError(Kind::NoOrigin));
    };
    let mut caller = Caller::here(link);
    let mut task = task::spawn_beneath(&rt, caller.job.as_ref(), future);
    let joined = block(poll_fn(|cx| {
        if let Some(why) = caller.stopped(cx) {
            task.cancel(why.clone());
        }
        Pin::new(&mut task).poll(cx)
    }));
    match joined {
        Ok(value) => Ok(value),
        Err(error) if error.is_panic() => error.resume_unwind(),
        Err(_) => Err(caller.error()),
    }
}

/// The job or function that this thread runs, while it waits for a call that is no part of a task: a request to
/// it, which an await that is dropped makes as well, stops the call.
struct Caller<'a> {
    link: Option<&'a Link>,
    job: Option<Arc<dyn Member>>,
    seen: Seen,
}

impl<'a> Caller<'a> {
    fn here(link: Option<&'a Link>) -> Self {
        Caller {
            link,
            job: frame::made_around(),
            seen: Seen::default(),
        }
    }

    /// Why the call is to stop; if it is not, a request wakes the waiter.
    fn stopped(&mut self, cx: &Context<'_>) -> Option<&'static Reason> {
        let region = self.job.as_ref()?.region();
        // First, then the look: as a root does.
        region.register(cx.waker(), &mut self.seen);
        match self.kind() {
            Kind::Abandoned => Some(&ABANDONED),
            Kind::Stopped => Some(&STOPPED),
            _ => None,
        }
    }

    /// Of a call that has given no value.
    fn error(&self) -> FromThreadError {
        FromThreadError(self.kind())
    }

    fn kind(&self) -> Kind {
        let is_asked = |job: &Arc<dyn Member>| job.region().has(flag::ASKED);
        match () {
            () if self.link.is_some_and(Link::is_abandoned) => Kind::Abandoned,
            () if self.job.as_ref().is_some_and(is_asked) => Kind::Stopped,
            () => Kind::Ended,
        }
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if let Some(job) = &self.job {
            job.region().forget_runner();
        }
    }
}

static STOPPED: Reason = Reason::fixed("the job that called was asked to stop");

fn runtime(link: Option<&Link>) -> Option<AnyRuntime> {
    match link {
        Some(link) => link.rt.clone().or_else(|| match origin(link) {
            Origin::Root(stands) => runtime_of(&stands.root?.upgrade()?),
            _ => None,
        }),
        None => runtime_of(&frame::made_around()?),
    }
}

#[track_caller]
fn guard() {
    assert!(
        !frame::is_polling(),
        "`from_thread` was called inside async code, where it would block the thread that runs it: \
         `.await` the future instead"
    );
}

/// Runs `future` on this thread, as part of the runtime of the task that awaits it.
///
/// Like [`from_thread`], for a future that borrows or is not `Send`. It is not a part of that task:
/// [`current_task`](crate::current_task) is another, and a deadline around the await reaches it only by the
/// await being dropped, which stops it.
///
/// # Errors
///
/// As [`from_thread`]. Without a task that awaits, the thread needs a runtime all the same.
///
/// # Panics
///
/// As [`from_thread`].
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use anyrt::{backend::builtin::BuiltinRuntime, from_thread_local, prelude::*, to_thread};
///
/// let length = BuiltinRuntime::new().block_on(to_thread(|| {
///     let local = Rc::new(String::from("not Send"));
///     from_thread_local(async { local.len() }).unwrap()
/// }));
/// assert_eq!(length, 8);
/// ```
#[track_caller]
pub fn from_thread_local<F: Future>(future: F) -> Result<F::Output, FromThreadError> {
    guard();
    let link = to_thread::link();
    if link.as_ref().is_some_and(|link| link.is_abandoned()) {
        parked(|| ());
        return Err(FromThreadError(Kind::Abandoned));
    }
    let Some(rt) = runtime(link.as_deref()) else {
        return Err(FromThreadError(Kind::NoOrigin));
    };
    let mut caller = Caller::here(link.as_deref());
    let mut inline = pin!(Inline::new(future, Location::caller()));
    let ended = block(rooted(
        &rt,
        poll_fn(|cx| {
            match caller.stopped(cx) {
                // It has not begun, and never does.
                Some(_) if !inline.is_running() => return Poll::Ready(Ended::Cancelled),
                Some(why) => inline.as_mut().ask(why),
                None => {}
            }
            inline.as_mut().poll_end(cx)
        }),
    ));
    match ended {
        Ended::Value(value) => Ok(value),
        Ended::Panicked(payload) => resume_unwind(payload),
        Ended::Cancelled => Err(caller.error()),
    }
}

/// A call from a thread that did not run to its end, or not at all.
///
/// The future is dropped, and its clean-ups have run; where its task was killed or its runtime is gone, they were
/// dropped or handed on, as those of the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromThreadError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NoOrigin,
    Abandoned,
    Stopped,
    Ended,
}

impl FromThreadError {
    /// Returns whether nobody has called this thread from async code.
    pub fn is_no_origin(&self) -> bool {
        self.0 == Kind::NoOrigin
    }

    /// Returns whether nobody waits for this thread any more.
    pub fn is_abandoned(&self) -> bool {
        self.0 == Kind::Abandoned
    }

    /// Returns whether the task that awaits this thread was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.0 == Kind::Stopped
    }

    /// Returns whether the task that awaited this thread has ended, or its runtime.
    pub fn is_ended(&self) -> bool {
        self.0 == Kind::Ended
    }
}

impl fmt::Display for FromThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::NoOrigin => {
                "no async code has called this thread: call it by `to_thread`, or use `block_anywhere`"
            }
            Kind::Abandoned => "nobody waits for this thread any more",
            Kind::Stopped => "the task that waits for this thread was asked to stop",
            Kind::Ended => "the task that waited for this thread has ended",
        })
    }
}

impl std::error::Error for FromThreadError {}
