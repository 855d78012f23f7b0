//! The future that ticks: a scope whose body spawns a child at each tick.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::{First, Overlap, Tick, Words};
use crate::combine::Drive;
use crate::region::Reason;
use crate::region::contain::{Payload, contain};
use crate::runtime::{Instant, Spawn, Timer};
use crate::scope::{
    AnyError, MayFail, NurseryHandle, ScopeWait, ScopeWith, TryScope, TryScopeFuture,
};
use crate::time::interval::Interval;
use crate::time::missed::MissedTick;

const NEXT_IS_DUE: Reason = Reason::fixed("the next tick is due");

/// The future of [`Every::run`](crate::Every::run).
///
/// Dropping it asks all ticks that run to stop; the task around it waits for them.
///
/// # Panics
///
/// When it is polled again after it was ready.
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Ticking<R: Spawn + Timer, F> {
    #[pin]
    run: Run<R, F>,
}

type Run<R, F> = TryScopeFuture<R, AnyError, Drive<State<R, F>, Result<(), AnyError>>>;

/// The body of the scope.
struct State<R: Spawn + Timer, F> {
    ticks: NurseryHandle<R>,
    rt: R,
    f: F,
    words: Words,
    location: &'static Location<'static>,
    /// There since the first poll, by which the first tick is due.
    interval: Option<Interval<R>>,
    /// A tick that is due, and for which there is no room yet.
    due: Option<Instant>,
    room: Option<ScopeWait<R, AnyError>>,
    number: u64,
}

impl<R: Spawn + Timer, F> Ticking<R, F> {
    #[track_caller]
    pub(super) fn new<Fut>(
        scope: ScopeWith<'_, R, AnyError>,
        rt: &R,
        words: Words,
        f: F,
        location: &'static Location<'static>,
    ) -> Self
    where
        F: FnMut(Tick) -> Fut,
        Fut: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
    {
        let body = |scope: TryScope<R, AnyError>| {
            let state = State {
                ticks: NurseryHandle::new(scope),
                rt: rt.clone(),
                f,
                words,
                location,
                interval: None,
                due: None,
                room: None,
                number: 0,
            };
            Drive::new(state, |state, cx| state.poll(cx).map(Ok))
        };
        Ticking {
            run: scope.try_run(body),
        }
    }
}

impl<R: Spawn + Timer, F> State<R, F> {
    /// Ready when the last tick has been spawned.
    fn poll<Fut>(&mut self, cx: &mut Context<'_>) -> Poll<()>
    where
        F: FnMut(Tick) -> Fut,
        Fut: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
    {
        loop {
            if self.words.times == Some(self.number) {
                return Poll::Ready(());
            }
            let due = match self.due {
                Some(due) => due,
                None => {
                    let due = ready!(self.interval().poll_due(cx));
                    *self.due.insert(due)
                }
            };
            if self.leaves_out() {
                self.due = None;
                // What is missed is missed: the next one may be due only later, or this would not wait.
                self.interval().take(MissedTick::Skip);
                continue;
            }
            ready!(self.poll_room(cx));
            self.due = None;
            let policy = self.words.missed;
            self.interval().take(policy);
            self.spawn(due);
        }
    }

    fn interval(&mut self) -> &mut Interval<R> {
        let (rt, period, first) = (&self.rt, self.words.period, self.words.first);
        self.interval.get_or_insert_with(|| {
            let now = rt.now();
            let first = match first {
                First::AtOnce => Some(now),
                First::AfterOnePeriod => now.checked_add(period),
            };
            Interval::new(rt, first, period)
        })
    }

    /// Whether the tick that is due is to be left out.
    fn leaves_out(&self) -> bool {
        // With no time between them, none comes later: waiting for room is the same.
        self.words.overlap == Overlap::SkipIfBusy
            && self.ticks.live() > 0
            && !self.words.period.is_zero()
    }

    /// Waits until the tick that is due may run.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let most = match self.words.overlap {
            Overlap::AtMost(most) => most,
            Overlap::CancelPrevious | Overlap::SkipIfBusy => 1,
        };
        let room = match &mut self.room {
            Some(room) => room,
            None if self.ticks.live() < most => return Poll::Ready(()),
            none => {
                if self.words.overlap == Overlap::CancelPrevious {
                    self.ticks.cancel_children(&NEXT_IS_DUE);
                }
                none.insert(self.ticks.wait_for_fewer_than(most))
            }
        };
        let waited = ready!(Pin::new(room).poll(cx));
        debug_assert!(waited.is_ok(), "only who waits for all waits for itself");
        self.room = None;
        Poll::Ready(())
    }

    fn spawn<Fut>(&mut self, due: Instant)
    where
        F: FnMut(Tick) -> Fut,
        Fut: Future<Output: MayFail<Error: Display + Sync> + Send> + Send + 'static,
    {
        let number = self.number;
        self.number += 1;
        let work = match contain(|| (self.f)(Tick { number, due })) {
            Ok(future) => Work::Runs(future),
            Err(payload) => Work::Panics(Some(payload)),
        };
        let child = self.ticks.spawn_with().at(self.location);
        let child = match &self.words.name {
            Some(name) => child.name(Cow::clone(name)),
            None => child,
        };
        drop(child.spawn(work));
    }
}

/// What a tick does. A panic of the closure is one of the tick, so that the others go on.
#[pin_project(project = Projected)]
enum Work<Fut> {
    Runs(#[pin] Fut),
    Panics(Option<Payload>),
}

impl<Fut: Future> Future for Work<Fut> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        match self.project() {
            Projected::Runs(future) => future.poll(cx),
            Projected::Panics(payload) => match payload.take() {
                Some(payload) => resume_unwind(payload),
                None => Poll::Pending,
            },
        }
    }
}

impl<R: Spawn + Timer, F> Future for Ticking<R, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Its body does not fail, and its policy keeps no errors.
        self.project().run.poll(cx).map(drop)
    }
}

impl<R: Spawn + Timer, F> fmt::Debug for Ticking<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticking")
            .field("scope", &self.run)
            .finish_non_exhaustive()
    }
}
