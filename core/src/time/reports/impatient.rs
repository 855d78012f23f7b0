//! Saying when something is waited for for long.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project::{pin_project, pinned_drop};

use super::sink::{Sink, place};
use crate::region::contain::{contain, discard};
use crate::runtime::{Instant, Timer, after};
use crate::time::digits::two_digits;

/// When the end of a wait is reported.
///
/// # Examples
///
/// ```
/// use anyrt::{OnCompletion, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let (tx, rx) = std::sync::mpsc::channel();
/// let five = async { 5 }.impatient(owner.handle(), 1.hours());
/// let five = five.on_completion(OnCompletion::Always).report_to(move |report| {
///     tx.send(report.name().is_some()).unwrap();
/// });
/// assert_eq!(owner.block_on(five), 5);
/// assert!(rx.recv().is_ok(), "it was not long, and is reported all the same");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnCompletion {
    /// Not at all: it is only said once that it takes long.
    Never,
    /// If it was said before that it takes long.
    AfterLongWait,
    /// In any case.
    Always,
}

/// What happened to something that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitEvent {
    /// It is not there yet.
    StillWaiting,
    /// It is there.
    Completed,
    /// It panicked.
    Panicked,
    /// It was dropped before it was there.
    Dropped,
}

/// A report about something that is waited for.
///
/// # Examples
///
/// ```
/// use anyrt::{WaitEvent, backend::builtin::BuiltinRuntime, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let (tx, rx) = std::sync::mpsc::channel();
/// let done = async { 5 }.report_completion(owner.handle()).name("five").report_to(move |report| {
///     tx.send((report.event(), report.to_string())).unwrap();
/// });
/// assert_eq!(owner.block_on(done), 5);
/// let (event, line) = rx.recv().unwrap();
/// assert_eq!(event, WaitEvent::Completed);
/// assert!(line.starts_with("waited "), "{line}");
/// ```
#[derive(Clone, Debug)]
pub struct WaitReport {
    event: WaitEvent,
    elapsed: Duration,
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
}

impl WaitReport {
    /// Returns what happened.
    pub fn event(&self) -> WaitEvent {
        self.event
    }

    /// Returns how long it has been waited for.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns the name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns where the watch was asked for.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl fmt::Display for WaitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elapsed = two_digits(self.elapsed);
        match self.event {
            WaitEvent::StillWaiting => f.write_str("still waiting for ")?,
            _ => write!(f, "waited {elapsed} for ")?,
        }
        place(f, self.name(), self.location)?;
        match self.event {
            WaitEvent::StillWaiting => write!(f, " after {elapsed}"),
            WaitEvent::Completed => Ok(()),
            WaitEvent::Panicked => f.write_str(", which panicked"),
            WaitEvent::Dropped => f.write_str(", which was dropped"),
        }
    }
}

/// The future of [`Reportable::impatient`](crate::Reportable::impatient), and words about it.
///
/// It gives what its future gives. Cancel safe if that is: dropping this drops it.
///
/// # Panics
///
/// With a panic of its future, after reporting it; and when it is polled after it was ready.
#[pin_project(PinnedDrop)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Impatient<R: Timer, F> {
    #[pin]
    future: F,
    rt: R,
    /// Nothing where a long wait is not reported.
    after: Option<Duration>,
    #[pin]
    sleep: Option<R::Sleep>,
    watch: Watch,
}

struct Watch {
    on_completion: OnCompletion,
    on_drop: OnDrop,
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
    sink: Sink<WaitReport>,
    /// When it was first polled.
    begun: Option<Instant>,
    was_long: bool,
    ended: bool,
}

/// Whether it is reported that the future was dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDrop {
    Ignore,
    Report,
}

impl Watch {
    fn report(&mut self, event: WaitEvent, now: Instant) {
        let begun = self.begun.unwrap_or(now);
        let report = WaitReport {
            event,
            elapsed: now.saturating_duration_since(begun),
            name: self.name.clone(),
            location: self.location,
        };
        self.sink.tell(&report, self.location);
    }

    /// Whether its end is to be reported.
    fn reports_end(&self) -> bool {
        match self.on_completion {
            OnCompletion::Never => false,
            OnCompletion::AfterLongWait => self.was_long,
            OnCompletion::Always => true,
        }
    }
}

impl<R: Timer, F> Impatient<R, F> {
    pub(super) fn new(
        future: F,
        rt: &R,
        after: Option<Duration>,
        on_completion: OnCompletion,
        location: &'static Location<'static>,
    ) -> Self {
        Impatient {
            future,
            rt: rt.clone(),
            after,
            sleep: None,
            watch: Watch {
                on_completion,
                on_drop: OnDrop::Ignore,
                name: None,
                location,
                sink: Sink::default(),
                begun: None,
                was_long: false,
                ended: false,
            },
        }
    }

    /// Says whether the end is reported: [`OnCompletion::AfterLongWait`], if it is not said.
    pub fn on_completion(mut self, when: OnCompletion) -> Self {
        self.watch.on_completion = when;
        self
    }

    /// Reports it if the future is dropped half-way, in the cases in which its end would be.
    pub fn report_drop(mut self) -> Self {
        self.watch.on_drop = OnDrop::Report;
        self
    }

    /// Names what is waited for.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.watch.name = Some(name.into());
        self
    }

    /// Gives the reports to `tell`, instead of `tracing` or standard error.
    ///
    /// It is called inside the poll, and must not block. If it panics, the panic goes to the hook of
    /// [`set_failure_hook`](crate::set_failure_hook).
    pub fn report_to(mut self, tell: impl FnMut(&WaitReport) + Send + 'static) -> Self {
        self.watch.sink = Sink::of(tell);
        self
    }
}

impl<R: Timer, F: Future> Future for Impatient<R, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let (rt, watch) = (this.rt, this.watch);
        assert!(
            !watch.ended,
            "an `Impatient` future was polled after it was ready"
        );
        let begun = *watch.begun.get_or_insert_with(|| rt.now());
        let polled = contain(|| this.future.poll(cx));
        if !matches!(polled, Ok(Poll::Pending)) {
            watch.ended = true;
            this.sleep.set(None);
            if watch.reports_end() {
                let event = match polled {
                    Ok(_) => WaitEvent::Completed,
                    Err(_) => WaitEvent::Panicked,
                };
                watch.report(event, rt.now());
            }
            return polled.unwrap_or_else(|payload| resume_unwind(payload));
        }
        let (Some(wait), false) = (*this.after, watch.was_long) else {
            return Poll::Pending;
        };
        if this.sleep.is_none() {
            this.sleep.set(Some(rt.sleep_until(after(begun, wait))));
        }
        if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
            if sleep.poll(cx).is_ready() {
                this.sleep.set(None);
                watch.was_long = true;
                watch.report(WaitEvent::StillWaiting, rt.now());
            }
        }
        Poll::Pending
    }
}

#[pinned_drop]
impl<R: Timer, F> PinnedDrop for Impatient<R, F> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        let watch = this.watch;
        let reports = watch.on_drop == OnDrop::Report && watch.reports_end();
        if watch.ended || watch.begun.is_none() || !reports {
            return;
        }
        // A clock may panic where its thread ends, and a destructor must not.
        match contain(|| this.rt.now()) {
            Ok(now) => watch.report(WaitEvent::Dropped, now),
            Err(payload) => discard(payload),
        }
    }
}

impl<R: Timer, F> fmt::Debug for Impatient<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Impatient")
            .field("name", &self.watch.name)
            .field("after", &self.after)
            .field("on_completion", &self.watch.on_completion)
            .field("was_long", &self.watch.was_long)
            .field("ready", &self.watch.ended)
            .finish_non_exhaustive()
    }
}

/// The future of [`Reportable::report_completion`](crate::Reportable::report_completion), and words about
/// it.
///
/// It gives what its future gives. Cancel safe if that is: dropping this drops it.
///
/// # Panics
///
/// With a panic of its future, after reporting it; and when it is polled after it was ready.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct ReportCompletion<R: Timer, F> {
    #[pin]
    watched: Impatient<R, F>,
}

impl<R: Timer, F> ReportCompletion<R, F> {
    pub(super) fn new(future: F, rt: &R, location: &'static Location<'static>) -> Self {
        ReportCompletion {
            watched: Impatient::new(future, rt, None, OnCompletion::Always, location),
        }
    }

    /// Reports it as well if the future is dropped half-way.
    pub fn report_drop(mut self) -> Self {
        self.watched = self.watched.report_drop();
        self
    }

    /// Names what is waited for.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.watched = self.watched.name(name);
        self
    }

    /// Gives the reports to `tell`: [`Impatient::report_to`].
    pub fn report_to(mut self, tell: impl FnMut(&WaitReport) + Send + 'static) -> Self {
        self.watched = self.watched.report_to(tell);
        self
    }
}

impl<R: Timer, F: Future> Future for ReportCompletion<R, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().watched.poll(cx)
    }
}

impl<R: Timer, F> fmt::Debug for ReportCompletion<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReportCompletion")
            .field(&self.watched)
            .finish()
    }
}
