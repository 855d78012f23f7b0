//! Running an application to its end: by itself, or by a request and within a time.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::left::Left;
use super::running::{Application, Listed};
use super::stopped::Stopped;
use crate::bridge::{abandoned_threads, driven};
use crate::region::contain::{contain, discard, drop_contained};
use crate::region::{CancelToken, Reason};
use crate::runtime::{AnyRuntime, Drive, Instant, Spawn, Timer, after};
use crate::scope::{AnyError, NurseryHandle, ScopeWith};
use crate::task::{block_on_guard, rooted_in_driver};

/// How often it is said who is left.
const EACH: Duration = Duration::from_secs(1);
/// How long who was killed may take to be dropped, where threads have to get to it.
const LAST: Duration = Duration::from_millis(500);

type Report<'a> = Box<dyn FnMut(&str) + 'a>;

/// Runs an application that stops when it is told to, within a grace period.
///
/// The application is a body and its tasks: those of the scopes in the body, and those that anybody
/// spawned by [`application`](crate::application). It ends in one of two ways:
///
/// 1. The body ends. The tasks that are left are asked to stop.
/// 2. `stop` is ready. [`stopping`](crate::stopping) is cancelled with its reason, and the body and all
///    tasks are asked to stop: each is dropped where it suspends outside of a shield, and its clean-ups run.
///
/// Either way those that are left have the grace period to be gone. Each second they are named, with the
/// places where they were spawned, on standard error or to [`on_report`](Shutdown::on_report). When the
/// time is up, they are given up on: `run` returns, and what is left ends with the runtime, as soon as its
/// owner is dropped.
///
/// With signals as what says *stop* it is `anyrt::run_until_signal`, or in one line
/// `#[anyrt::main(shutdown = "10s")]`.
///
/// # Examples
///
/// A server that stops at a message:
///
/// ```
/// use std::{future::pending, time::Duration};
/// use anyrt::{Runtime, Shutdown, application, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let (ask, asked) = futures::channel::oneshot::channel();
/// let (done, cleaned) = std::sync::mpsc::channel();
/// let stop = async { asked.await.map_or("nobody is there".into(), anyrt::Reason::from) };
///
/// let stopped = Shutdown::within(Duration::from_secs(10)).on_report(|_| ()).run(&owner, stop, async |_| {
///     application().unwrap().spawn(async move {
///         anyrt::defer(async move { done.send("connection closed").unwrap() });
///         ask.send("update").unwrap();
///         pending::<()>().await
///     });
///     pending::<()>().await
/// });
/// assert_eq!(stopped.reason().unwrap().as_str(), "update");
/// assert_eq!(cleaned.recv(), Ok("connection closed"));
/// ```
#[must_use = "nothing runs until `run` is called"]
pub struct Shutdown<'a> {
    grace: Duration,
    report: Report<'a>,
}

impl<'a> Shutdown<'a> {
    /// Gives what is left this much time from the request, or from the end of the body.
    ///
    /// Zero gives it none; [`Duration::MAX`] is no limit.
    pub fn within(grace: Duration) -> Self {
        Shutdown {
            grace,
            report: Box::new(|line| eprintln!("anyrt: {line}")),
        }
    }

    /// Gives the lines of the report to `report` instead of standard error.
    ///
    /// It must not block. A panic of it is discarded.
    pub fn on_report(self, report: impl FnMut(&str) + 'a) -> Self {
        Shutdown {
            report: Box::new(report),
            ..self
        }
    }

    /// Runs `body` on this thread, as [`block_on`](crate::BlockOn::block_on) does, until it has ended or
    /// `stop` says so, and all tasks of the application are gone or given up on.
    ///
    /// # Panics
    ///
    /// With a panic of the body, when all is gone; and when it is called inside a task of this library.
    #[track_caller]
    pub fn run<D, S, F, Fut>(self, owner: &D, stop: S, body: F) -> Stopped<Fut::Output>
    where
        D: Drive,
        S: Future<Output = Reason>,
        F: FnOnce(D::Handle) -> Fut,
        Fut: Future,
    {
        block_on_guard();
        let running = self.running(owner.handle(), stop, body);
        driven(owner, || owner.drive(running))
    }

    /// The same as a future, to be polled by a driver.
    #[track_caller]
    pub(super) fn running<R, S, F, Fut>(
        self,
        rt: &R,
        stop: S,
        body: F,
    ) -> impl Future<Output = Stopped<Fut::Output>>
    where
        R: Spawn + Timer,
        S: Future<Output = Reason>,
        F: FnOnce(R) -> Fut,
        Fut: Future,
    {
        let erased = AnyRuntime::new(rt.clone());
        let end = Rc::new(BodyEnd {
            value: RefCell::new(None),
            is_gone: Cell::new(false),
        });
        let mut home = None;
        let scope = ScopeWith::new(&erased)
            .name("application")
            .long_lived()
            .cancel_on_exit()
            .try_run(|scope| {
                home = Some(NurseryHandle::new(scope));
                let (rt, end) = (rt.clone(), Gone(end.clone()));
                async move {
                    let value = body(rt).await;
                    *end.0.value.borrow_mut() = Some(value);
                    Ok::<(), AnyError>(())
                }
            });
        let Some(home) = home else {
            unreachable!("a scope calls its closure at once");
        };
        let all = Box::pin(rooted_in_driver(rt, scope));
        let mut course = Course {
            rt: rt.clone(),
            grace: self.grace,
            report: self.report,
            application: Application {
                home,
                stopping: CancelToken::new(),
            },
            reason: None,
            draining: None,
            killed: None,
        };
        async move {
            let _listed = Listed::new(&course.application);
            let mut stop = pin!(stop);
            let mut all = Some(all);
            let left = poll_fn(|cx| course.poll(&mut all, stop.as_mut(), &end, cx)).await;
            let value = end.value.take();
            Stopped {
                value,
                reason: course.reason,
                clean: left.is_none(),
                left: left.unwrap_or_default(),
                abandoned: abandoned_threads(),
            }
        }
    }
}

impl fmt::Debug for Shutdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// What is known of the body from outside: its value must not be lost with those that are left.
struct BodyEnd<T> {
    value: RefCell<Option<T>>,
    is_gone: Cell<bool>,
}

/// Notes that the body has ended, or was dropped.
struct Gone<T>(Rc<BodyEnd<T>>);

impl<T> Drop for Gone<T> {
    fn drop(&mut self) {
        self.0.is_gone.set(true);
    }
}

/// An application on its way.
struct Course<'a, R: Timer> {
    rt: R,
    grace: Duration,
    report: Report<'a>,
    application: Application,
    reason: Option<Reason>,
    draining: Option<Draining<R>>,
    /// Who was left when the grace period was over, and has been killed.
    killed: Option<Vec<String>>,
}

/// The grace period.
struct Draining<R: Timer> {
    deadline: Instant,
    next: Instant,
    seconds: u64,
    sleep: Pin<Box<R::Sleep>>,
}

impl<R: Spawn + Timer> Course<'_, R> {
    /// Ready when the application is over: with who was given up on, if the time was up.
    fn poll<A: Future, T>(
        &mut self,
        all: &mut Option<Pin<Box<A>>>,
        stop: Pin<&mut impl Future<Output = Reason>>,
        end: &BodyEnd<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Vec<String>>> {
        let running = all.as_mut().expect("polled until it is ready");
        if running.as_mut().poll(cx).is_ready() {
            return Poll::Ready(self.killed.take());
        }
        if self.reason.is_none() {
            if let Poll::Ready(reason) = stop.poll(cx) {
                self.stop(reason, end.is_gone.get());
                // What ends at once takes no grace: and a request wakes who waits, as a rule.
                if running.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
            }
        }
        if end.is_gone.get() {
            self.drain();
        }
        if let Some((killed, draining)) = self.killed.as_ref().zip(self.draining.as_mut()) {
            if draining.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // What does not end then waits for something that nothing can stop. Dropped here, where the
            // runtime is entered; what is left of it ends with the runtime.
            let killed = killed.clone();
            if let Err(payload) = drop_contained(all.take()) {
                discard(payload);
            }
            return Poll::Ready(Some(killed));
        }
        if !self.is_time_up(end.is_gone.get(), cx) {
            return Poll::Pending;
        }
        let left = Left::of(&self.application.home);
        let lines = lines_of(&left, end.is_gone.get());
        self.say(&format!(
            "{} left after {:?}, given up on:",
            count(&left),
            self.grace
        ));
        lines.iter().for_each(|line| self.say(&format!("  {line}")));
        self.killed = Some(lines);
        self.application
            .home
            .kill("the grace period of the application is over");
        if let Some(draining) = &mut self.draining {
            let last = after(self.rt.now(), LAST);
            draining.sleep = Box::pin(self.rt.sleep_until(last));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Asks everybody to stop.
    fn stop(&mut self, reason: Reason, body_is_gone: bool) {
        let live = self.application.home.live();
        let body = match body_is_gone {
            true => "",
            false => "the body and ",
        };
        self.say(&format!(
            "stopping: {reason}; {body}{live} tasks have {:?}",
            self.grace
        ));
        self.application.stopping.cancel(reason.clone());
        self.application.home.cancel(reason.clone());
        self.reason = Some(reason);
        self.drain();
    }

    /// Lets the grace period begin, once.
    fn drain(&mut self) {
        if self.draining.is_none() {
            let now = self.rt.now();
            let deadline = after(now, self.grace);
            let next = after(now, EACH).min(deadline);
            self.draining = Some(Draining {
                deadline,
                next,
                seconds: 0,
                sleep: Box::pin(self.rt.sleep_until(next)),
            });
        }
    }

    /// Says each second who is left, until the grace period is over.
    fn is_time_up(&mut self, body_is_gone: bool, cx: &mut Context<'_>) -> bool {
        loop {
            let Some(draining) = &mut self.draining else {
                return false;
            };
            if draining.sleep.as_mut().poll(cx).is_pending() {
                return false;
            }
            if draining.next >= draining.deadline {
                return true;
            }
            draining.seconds += 1;
            draining.next = after(draining.next, EACH).min(draining.deadline);
            draining.sleep = Box::pin(self.rt.sleep_until(draining.next));
            let seconds = draining.seconds;
            let left = Left::of(&self.application.home);
            self.say(&format!("{} left after {seconds}s:", count(&left)));
            for line in lines_of(&left, body_is_gone) {
                self.say(&format!("  {line}"));
            }
        }
    }

    fn say(&mut self, line: &str) {
        let report = &mut self.report;
        if let Err(payload) = contain(|| report(line)) {
            discard(payload);
        }
    }
}

fn count(left: &Left) -> String {
    match left.tasks() {
        0 => "the body is".to_owned(),
        1 => "1 task is".to_owned(),
        tasks => format!("{tasks} tasks are"),
    }
}

/// Who is left; at least one, as the application is not over.
fn lines_of(left: &Left, body_is_gone: bool) -> Vec<String> {
    let mut lines = left.lines();
    if !body_is_gone {
        lines.push("the body of the application".to_owned());
    } else if left.is_empty() {
        lines.push("the clean-ups of the application's body".to_owned());
    }
    lines
}
