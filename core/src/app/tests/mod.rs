//! Applications whose tasks are polled, and whose clock is moved, by hand.

mod clock;

use std::cell::RefCell;
use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::channel::oneshot;

use self::clock::Clock;
use crate::region::BoxFuture;
use crate::runtime::AnyRuntime;
use crate::task::tests::tick;
use crate::{
    NurseryHandle, Reason, Runtime, Shutdown, Stopped, application, defer, shield, stopping,
};

const SECOND: Duration = Duration::from_secs(1);

type Lines = RefCell<Vec<String>>;

/// An application and its tasks, each polled once in a turn.
struct Play<F: Future> {
    clock: Clock,
    main: Pin<Box<F>>,
    roots: Vec<BoxFuture>,
}

impl<F: Future> Play<F> {
    fn new(clock: &Clock, main: F) -> Self {
        Play {
            clock: clock.clone(),
            main: Box::pin(main),
            roots: Vec::new(),
        }
    }

    fn turn(&mut self) -> Poll<F::Output> {
        let mut cx = Context::from_waker(Waker::noop());
        let polled = self.main.as_mut().poll(&mut cx);
        self.roots.extend(self.clock.hand().take_roots());
        self.roots
            .retain_mut(|root| root.as_mut().poll(&mut cx).is_pending());
        polled
    }

    /// As many turns as anybody needs who is not waiting for the clock.
    fn settle(&mut self) {
        for _ in 0..20 {
            assert!(self.turn().is_pending(), "it has ended");
        }
    }

    fn end(&mut self) -> F::Output {
        for _ in 0..20 {
            if let Poll::Ready(output) = self.turn() {
                return output;
            }
        }
        panic!("it has not ended");
    }

    fn pass(&mut self, time: Duration) {
        self.clock.pass(time);
    }
}

fn shutdown(grace: Duration, lines: &Lines) -> Shutdown<'_> {
    Shutdown::within(grace).on_report(|line| lines.borrow_mut().push(line.to_owned()))
}

fn taken(lines: &Lines) -> Vec<String> {
    lines.take()
}

fn app() -> NurseryHandle<AnyRuntime> {
    application().expect("called in one")
}

async fn told(stop: oneshot::Receiver<()>) -> Reason {
    let _ = stop.await;
    "closing time".into()
}

/// Shielded, until it is let go.
fn hold(name: &'static str) -> oneshot::Sender<()> {
    let (free, is_freed) = oneshot::channel::<()>();
    app().spawn_with().name(name).spawn(shield(async {
        let _ = is_freed.await;
    }));
    free
}

#[test]
fn each_second_says_who_is_left_and_where_it_was_spawned() {
    let (clock, lines) = (Clock::new(), Lines::default());
    let (stop, asked) = oneshot::channel();
    let held = RefCell::new(Vec::new());
    let running = shutdown(10 * SECOND, &lines).running(&clock, told(asked), async |_| {
        held.borrow_mut().extend([hold("flusher"), hold("pool")]);
        pending::<()>().await;
    });
    let mut play = Play::new(&clock, running);
    play.settle();
    play.pass(60 * SECOND);
    play.settle();
    assert!(taken(&lines).is_empty(), "nobody is asked to stop yet");

    stop.send(()).unwrap();
    play.settle();
    assert_eq!(
        taken(&lines),
        ["stopping: closing time; the body and 2 tasks have 10s"]
    );
    play.pass(SECOND);
    play.settle();
    let said = taken(&lines);
    assert_eq!(said[0], "2 tasks are left after 1s:");
    assert!(
        said[1].starts_with("  task `flusher` (spawned at "),
        "{said:?}"
    );
    assert!(
        said[2].starts_with("  task `pool` (spawned at "),
        "{said:?}"
    );
    assert!(said[2].contains("tests/mod.rs:"), "{said:?}");

    held.borrow_mut().remove(0).send(()).unwrap();
    play.settle();
    play.pass(SECOND);
    play.settle();
    let said = taken(&lines);
    assert_eq!(said[0], "1 task is left after 2s:");
    assert_eq!(said.len(), 2);

    held.borrow_mut().remove(0).send(()).unwrap();
    let stopped = play.end();
    assert!(stopped.is_clean() && stopped.left().is_empty());
    assert_eq!(stopped.reason().unwrap().as_str(), "closing time");
    assert!(taken(&lines).is_empty());
}

#[test]
fn when_the_time_is_up_those_left_are_given_up_on() {
    let (clock, lines) = (Clock::new(), Lines::default());
    let (stop, asked) = oneshot::channel();
    let held = RefCell::new(Vec::new());
    let running = shutdown(SECOND * 3 / 2, &lines).running(&clock, told(asked), async |_| {
        shield(async { held.borrow_mut().push(hold("stubborn")) }).await;
        shield(pending::<()>()).await;
    });
    let mut play = Play::new(&clock, running);
    play.settle();
    stop.send(()).unwrap();
    play.settle();
    play.pass(SECOND);
    play.settle();
    let said = taken(&lines);
    assert_eq!(said[1], "1 task is left after 1s:");
    assert_eq!(said[3], "  the body of the application");
    play.pass(SECOND / 2 - Duration::from_nanos(1));
    play.settle();
    play.pass(Duration::from_nanos(1));
    let stopped: Stopped<()> = play.end();
    assert!(!stopped.is_clean() && stopped.value().is_none());
    assert_eq!(stopped.left().len(), 2);
    assert_eq!(taken(&lines)[0], "1 task is left after 1.5s, given up on:");
}

#[test]
fn the_end_of_the_body_begins_the_grace_period_as_well() {
    let (clock, lines) = (Clock::new(), Lines::default());
    let held = RefCell::new(Vec::new());
    let running = shutdown(SECOND, &lines).running(&clock, pending(), async |_| {
        held.borrow_mut().push(hold("stubborn"));
        tick().await;
        "value"
    });
    let mut play = Play::new(&clock, running);
    play.settle();
    play.pass(SECOND);
    let stopped = play.end();
    assert!(!stopped.is_clean() && stopped.reason().is_none());
    assert_eq!(stopped.into_value(), Some("value"), "it is not lost");
}

#[test]
fn tasks_of_scopes_in_tasks_are_named_too() {
    let (clock, lines) = (Clock::new(), Lines::default());
    let held = RefCell::new(Vec::new());
    let running = shutdown(10 * SECOND, &lines).running(&clock, pending(), async |rt| {
        let (free, is_freed) = oneshot::channel::<()>();
        held.borrow_mut().push(free);
        app().spawn_with().name("outer").spawn(async move {
            let inner = async |s: crate::Scope<Clock>| {
                s.spawn_with().name("inner").spawn(shield(async {
                    let _ = is_freed.await;
                }));
            };
            rt.scope(inner).await;
        });
        for _ in 0..5 {
            tick().await;
        }
    });
    let mut play = Play::new(&clock, running);
    play.settle();
    play.pass(SECOND);
    play.settle();
    let said = taken(&lines);
    assert_eq!(said[0], "2 tasks are left after 1s:");
    assert!(said[1].starts_with("  task `inner`"), "{said:?}");
    assert!(said[2].starts_with("  task `outer`"), "{said:?}");
    held.borrow_mut().clear();
    assert!(play.end().is_clean());
}

#[test]
fn many_of_one_kind_take_one_line() {
    let (clock, lines) = (Clock::new(), Lines::default());
    let held = RefCell::new(Vec::new());
    let running = shutdown(10 * SECOND, &lines).running(&clock, pending(), async |_| {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        for name in names {
            held.borrow_mut().push(hold(name));
        }
        for _ in 0..1_000 {
            held.borrow_mut().push(hold("connection"));
        }
        tick().await;
    });
    let mut play = Play::new(&clock, running);
    play.settle();
    play.pass(SECOND);
    play.settle();
    let said = taken(&lines);
    assert_eq!(said[0], "1012 tasks are left after 1s:");
    assert!(
        said[1].starts_with("  1000 × task `connection`"),
        "{said:?}"
    );
    assert_eq!(said.last().unwrap(), "  and 3 others");
    assert_eq!(said.len(), 12);
    held.borrow_mut().clear();
    assert!(play.end().is_clean());
}

#[test]
fn who_has_not_suspended_yet_is_counted() {
    let (clock, lines) = (Clock::new(), Lines::default());
    let running = shutdown(Duration::ZERO, &lines).running(&clock, pending(), async |_| {
        app().spawn(pending::<()>());
        app().spawn(pending::<()>());
    });
    let stopped = Play::new(&clock, running).end();
    assert_eq!(stopped.left(), ["2 × a task that has not suspended yet"]);
    assert_eq!(taken(&lines)[0], "2 tasks are left after 0ns, given up on:");
}

#[test]
fn clean_ups_of_the_body_have_the_grace_period() {
    let (clock, lines) = (Clock::new(), Lines::default());
    let done = Arc::<AtomicUsize>::default();
    let (stop, asked) = oneshot::channel();
    let counted = done.clone();
    let running = shutdown(10 * SECOND, &lines).running(&clock, told(asked), async |rt| {
        defer(async move {
            rt.sleep(2 * SECOND).await;
            counted.fetch_add(1, Ordering::SeqCst);
        });
        pending::<()>().await;
    });
    let mut play = Play::new(&clock, running);
    play.settle();
    stop.send(()).unwrap();
    play.settle();
    play.pass(SECOND);
    play.settle();
    let said = taken(&lines);
    assert_eq!(
        said[1..],
        [
            "the body is left after 1s:",
            "  the clean-ups of the application's body"
        ]
    );
    play.pass(SECOND);
    assert!(play.end().is_clean());
    assert_eq!(done.load(Ordering::SeqCst), 1);
}

#[test]
fn a_report_that_panics_harms_nobody() {
    let clock = Clock::new();
    let stop = ready(Reason::from("closing time"));
    let shutdown = Shutdown::within(SECOND).on_report(|_| panic!("standard error is closed"));
    let running = shutdown.running(&clock, stop, async |_| pending::<()>().await);
    assert!(Play::new(&clock, running).end().is_clean());
}

/// An application that looks whether what it finds is itself.
fn named<'a>(
    clock: &'a Clock,
    lines: &'a Lines,
    name: &'static str,
) -> Play<impl Future<Output = Stopped<&'static str>> + use<'a>> {
    let running = shutdown(SECOND, lines).running(clock, pending(), async move |_| {
        let token = stopping();
        let child = app().spawn(async { Ok::<_, String>(stopping()) });
        let inner = child.await;
        token.cancel(name);
        assert_eq!(inner.reason().unwrap().as_str(), name);
        name
    });
    Play::new(clock, running)
}

#[test]
fn each_of_two_applications_is_found_from_inside() {
    let (one, two) = (Clock::new(), Clock::new());
    let lines = Lines::default();
    let (mut first, mut second) = (named(&one, &lines, "first"), named(&two, &lines, "second"));
    assert!(first.turn().is_pending());
    assert!(second.turn().is_pending());
    assert_eq!(first.end().into_value(), Some("first"));
    assert_eq!(second.end().into_value(), Some("second"));
}
