//! What a scope does in each case, and how a task ends: the tables of the documentation, as data, and
//! the cases that run them cell by cell.

#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use anyrt_core::{JoinError, Runtime, ScopeError, Verdict, defer};
use futures::channel::oneshot;

use crate::faults::{OnDrop, PanicOnDrop, reported, unique_name, until, yield_once};
use crate::{ByHand, Harness};

/// What a scope was told to do when something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// What a scope does if nothing else is said.
    FailFast,
    /// `collect_errors()`.
    Collect,
    /// `supervise`, with a handler that always gives this.
    Supervise(Verdict),
    /// `long_lived()`.
    LongLived,
    /// `cancel_on_exit()`.
    CancelOnExit,
}

/// What happens in a scope whose body and a sibling of the child in question both wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub enum Event {
    ChildError,
    ChildPanic,
    ChildCancelled,
    HandlerPanic,
    BodyValue,
    BodyError,
    BodyPanic,
    Deadline,
    OuterRequest,
}

/// What becomes of the body, or of a sibling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody disturbs it.
    RunsOn,
    /// It is asked to stop.
    Cancelled,
    /// It is what the event ended.
    Over,
}

/// What the scope gives in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// The value of the body.
    Value,
    /// The same; what failed went to the hook.
    ValueAndHook,
    /// An error with what failed.
    Errors,
    /// An error that says that the time was up.
    Elapsed,
    /// The panic goes on where the scope is awaited.
    Panic,
    /// Nothing: who awaits it is stopped too.
    Nothing,
}

/// One cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub struct Cell {
    pub siblings: Fate,
    pub body: Fate,
    pub gives: Gives,
}

/// The rows of the table.
pub const POLICIES: [Policy; 7] = [
    Policy::FailFast,
    Policy::Collect,
    Policy::Supervise(Verdict::Continue),
    Policy::Supervise(Verdict::Keep),
    Policy::Supervise(Verdict::Stop),
    Policy::LongLived,
    Policy::CancelOnExit,
];

/// The columns of the table.
pub const EVENTS: [Event; 9] = [
    Event::ChildError,
    Event::ChildPanic,
    Event::ChildCancelled,
    Event::HandlerPanic,
    Event::BodyValue,
    Event::BodyError,
    Event::BodyPanic,
    Event::Deadline,
    Event::OuterRequest,
];

/// Returns the cell of a policy and an event; none where there is no handler that could panic.
pub fn cell(policy: Policy, event: Event) -> Option<Cell> {
    use Fate::{Cancelled, Over, RunsOn};
    use Policy::{CancelOnExit, Collect, FailFast, LongLived, Supervise};

    let (siblings, body, gives) = match (event, policy) {
        (Event::ChildError | Event::ChildPanic, _) => match policy {
            FailFast | CancelOnExit | Supervise(Verdict::Stop) => {
                (Cancelled, Cancelled, Gives::Errors)
            }
            Collect | Supervise(Verdict::Keep) => (RunsOn, RunsOn, Gives::Errors),
            LongLived => (RunsOn, RunsOn, Gives::ValueAndHook),
            Supervise(_) => (RunsOn, RunsOn, Gives::Value),
        },
        (Event::HandlerPanic, Supervise(_)) => (RunsOn, RunsOn, Gives::ValueAndHook),
        (Event::HandlerPanic, _) => return None,
        (Event::ChildCancelled, _) => (RunsOn, RunsOn, Gives::Value),
        (Event::BodyValue, CancelOnExit) => (Cancelled, Over, Gives::Value),
        (Event::BodyValue, _) => (RunsOn, Over, Gives::Value),
        (Event::BodyError, Collect) => (RunsOn, Over, Gives::Errors),
        (Event::BodyError, _) => (Cancelled, Over, Gives::Errors),
        (Event::BodyPanic, _) => (Cancelled, Over, Gives::Panic),
        (Event::Deadline, _) => (Cancelled, Cancelled, Gives::Elapsed),
        (Event::OuterRequest, _) => (Cancelled, Cancelled, Gives::Nothing),
    };
    Some(Cell {
        siblings,
        body,
        gives,
    })
}

/// Returns the table of policies, in Markdown.
pub fn policies() -> String {
    let mut table = String::from("| what happens |");
    for policy in POLICIES {
        table.push_str(match policy {
            Policy::FailFast => " fail-fast |",
            Policy::Collect => " `collect_errors` |",
            Policy::Supervise(Verdict::Continue) => " `supervise`: `Continue` |",
            Policy::Supervise(Verdict::Keep) => " `supervise`: `Keep` |",
            Policy::Supervise(_) => " `supervise`: `Stop` |",
            Policy::LongLived => " `long_lived` |",
            Policy::CancelOnExit => " `cancel_on_exit` |",
        });
    }
    table.push_str("\n|---|---|---|---|---|---|---|---|\n");
    for event in EVENTS {
        table.push_str(match event {
            Event::ChildError => "| a child fails |",
            Event::ChildPanic => "| a child panics |",
            Event::ChildCancelled => "| a child is cancelled by its handle |",
            Event::HandlerPanic => "| a child fails, and the handler panics |",
            Event::BodyValue => "| the body ends with a value |",
            Event::BodyError => "| the body fails |",
            Event::BodyPanic => "| the body panics |",
            Event::Deadline => "| the scope's own deadline passes |",
            Event::OuterRequest => "| a request comes from outside |",
        });
        for policy in POLICIES {
            let Some(cell) = cell(policy, event) else {
                table.push_str(" – |");
                continue;
            };
            let fate = |fate| match fate {
                Fate::RunsOn => "run on",
                Fate::Cancelled => "stop",
                Fate::Over => "over",
            };
            let gives = match cell.gives {
                Gives::Value => "value",
                Gives::ValueAndHook => "value, hook",
                Gives::Errors => "error",
                Gives::Elapsed => "elapsed",
                Gives::Panic => "panic",
                Gives::Nothing => "nothing",
            };
            let (siblings, body) = (fate(cell.siblings), fate(cell.body));
            table.push_str(&format!(" {siblings} / {body} / {gives} |"));
        }
        table.push('\n');
    }
    table
}

/// Which of the three parts of a task panic: all that a row of the second table says, beside how the
/// body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub struct Row {
    pub body: Body,
    pub destructor_panics: bool,
    pub clean_up_panics: bool,
}

/// How the body of a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub enum Body {
    Value,
    Panics,
    Cancelled,
}

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub enum Outcome {
    Value,
    PanicOfBody,
    PanicOfDestructor,
    Cancelled,
}

/// Returns the rows of the table of outcomes.
pub fn rows() -> impl Iterator<Item = Row> {
    let bodies = [Body::Value, Body::Panics, Body::Cancelled];
    bodies.into_iter().flat_map(|body| {
        let panics = [(false, false), (false, true), (true, false), (true, true)];
        panics.into_iter().map(move |(destructor, clean_up)| Row {
            body,
            destructor_panics: destructor,
            clean_up_panics: clean_up,
        })
    })
}

/// Returns how a task ends, and how many failures there are beside its outcome.
pub fn outcome(row: Row) -> (Outcome, usize) {
    let outcome = match (row.body, row.destructor_panics) {
        (Body::Value, false) => Outcome::Value,
        (Body::Panics, _) => Outcome::PanicOfBody,
        (Body::Cancelled, false) => Outcome::Cancelled,
        (_, true) => Outcome::PanicOfDestructor,
    };
    let second = row.body == Body::Panics && row.destructor_panics;
    let failures = usize::from(row.clean_up_panics) + usize::from(second);
    (outcome, failures)
}

/// Returns the table of outcomes, in Markdown.
pub fn outcomes() -> String {
    let mut table = String::from(
        "| body | its destructors | clean-ups | outcome | beside it |\n|---|---|---|---|---|\n",
    );
    for row in rows() {
        let body = match row.body {
            Body::Value => "gives a value",
            Body::Panics => "panics",
            Body::Cancelled => "is cancelled",
        };
        let part = |panics| if panics { "panic" } else { "fine" };
        let (destructor, clean_up) = (part(row.destructor_panics), part(row.clean_up_panics));
        let (outcome, failures) = outcome(row);
        let ends = match outcome {
            Outcome::Value => "value",
            Outcome::PanicOfBody => "panicked: the body's",
            Outcome::PanicOfDestructor => "panicked: the destructor's",
            Outcome::Cancelled => "cancelled",
        };
        let beside = match (failures, outcome) {
            (0, _) => "",
            (_, Outcome::Value) => "1 to the hook",
            (1, _) => "1 in `failures()`",
            _ => "2 in `failures()`",
        };
        table.push_str(&format!(
            "| {body} | {destructor} | {clean_up} | {ends} | {beside} |\n"
        ));
    }
    table.push_str("| any, and its runtime goes | any | any | lost | |\n");
    table
}

type Outcomes = Result<Result<(), ScopeError<&'static str>>, JoinError>;

/// Runs one cell, and says what the scope gave. Hangs where somebody is not stopped who should be.
async fn play<R: Runtime>(rt: R, policy: Policy, event: Event, expected: Cell) {
    let rt = ByHand::new(rt);
    let clock = rt.clock().clone();
    let name = unique_name();
    let (sibling_over, sibling_ran) = flags();
    let (body_over, body_ran) = flags();
    let (open_sibling, sibling_gate) = oneshot::channel::<()>();
    let (open_body, body_gate) = oneshot::channel::<()>();
    let (happen, happens) = oneshot::channel::<()>();
    let (started, both_started) = oneshot::channel();

    let handler_panics = event == Event::HandlerPanic;
    let task = rt.spawn({
        let (rt, name) = (rt.clone(), name.clone());
        let (sibling_over, sibling_ran) = (sibling_over.clone(), sibling_ran.clone());
        let (body_over, body_ran) = (body_over.clone(), body_ran.clone());
        async move {
            let scope = rt.scope_with().within(Duration::from_secs(1));
            let scope = match policy {
                Policy::FailFast => scope,
                Policy::Collect => scope.collect_errors(),
                Policy::LongLived => scope.long_lived(),
                Policy::CancelOnExit => scope.cancel_on_exit(),
                Policy::Supervise(verdict) => scope.supervise(move |_| {
                    assert!(!handler_panics, "in the handler");
                    verdict
                }),
            };
            scope
                .try_run(async |s| {
                    let (sibling, runs) = oneshot::channel();
                    s.spawn(async move {
                        let _over = over(sibling_over);
                        sibling.send(()).unwrap();
                        sibling_gate.await.unwrap();
                        sibling_ran.store(true, Ordering::SeqCst);
                    });
                    runs.await.unwrap();
                    let _over = over(body_over);
                    match event {
                        Event::BodyValue | Event::BodyError | Event::BodyPanic => {
                            started.send(None).unwrap();
                            happens.await.unwrap();
                            return match event {
                                Event::BodyValue => Ok(()),
                                Event::BodyError => Err("in the body"),
                                _ => panic!("in the body"),
                            };
                        }
                        Event::Deadline | Event::OuterRequest => {
                            started.send(None).unwrap();
                        }
                        _ => {
                            let child = s.spawn_with().name(name).spawn(async move {
                                happens.await.unwrap();
                                match event {
                                    Event::ChildPanic => panic!("in the child"),
                                    Event::ChildCancelled => pending().await,
                                    _ => Err::<(), _>("in the child"),
                                }
                            });
                            started.send(Some(child)).unwrap();
                        }
                    }
                    body_gate.await.unwrap();
                    body_ran.store(true, Ordering::SeqCst);
                    Ok(())
                })
                .await
        }
    });
    let child = both_started.await.unwrap();
    match event {
        Event::Deadline => clock.advance(Duration::from_secs(1)),
        Event::OuterRequest => task.cancel("from outside"),
        Event::ChildCancelled => child.as_ref().unwrap().cancel("alone"),
        _ => happen.send(()).unwrap(),
    }
    if let Some(child) = child {
        let error = child.result().await.unwrap_err();
        assert_eq!(error.is_cancelled(), event == Event::ChildCancelled);
    }
    for (fate, over, ran, open) in [
        (expected.siblings, &sibling_over, &sibling_ran, open_sibling),
        (expected.body, &body_over, &body_ran, open_body),
    ] {
        let kept = match fate {
            Fate::RunsOn => {
                for _ in 0..10 {
                    yield_once().await;
                }
                assert!(open.send(()).is_ok(), "it was stopped");
                None
            }
            Fate::Cancelled | Fate::Over => Some(open),
        };
        until(|| over.load(Ordering::SeqCst)).await;
        drop(kept);
        assert_eq!(ran.load(Ordering::SeqCst), fate == Fate::RunsOn);
    }
    let outcome: Outcomes = task.await;
    let gives = match &outcome {
        Ok(Ok(())) if reported(&name).is_empty() => Gives::Value,
        Ok(Ok(())) => Gives::ValueAndHook,
        Ok(Err(error)) if error.is_elapsed() => Gives::Elapsed,
        Ok(Err(error)) => {
            assert_eq!(error.errors().map(|errors| errors.len()), Some(1));
            Gives::Errors
        }
        Err(error) if error.is_panic() => Gives::Panic,
        Err(_) => Gives::Nothing,
    };
    assert_eq!(gives, expected.gives, "{outcome:?}");
}

fn flags() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    (Arc::default(), Arc::default())
}

/// Sets a flag when it is dropped.
fn over(flag: Arc<AtomicBool>) -> OnDrop<impl FnOnce()> {
    OnDrop::new(move || flag.store(true, Ordering::SeqCst))
}

/// Every cell of the table of policies.
pub async fn each_cell_of_the_policies_is_true<H: Harness>(rt: H::Handle) {
    for policy in POLICIES {
        for event in EVENTS {
            let Some(expected) = cell(policy, event) else {
                continue;
            };
            println!("{policy:?}, {event:?}: {expected:?}");
            play(rt.clone(), policy, event, expected).await;
        }
    }
}

/// A body and what is dropped with it, and not while it unwinds: a second panic then would abort.
struct Guarded {
    _guard: Option<PanicOnDrop>,
    body: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Future for Guarded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.body.as_mut().poll(cx)
    }
}

/// Every row of the table of outcomes, but the last one.
pub async fn each_row_of_the_outcomes_is_true<H: Harness>(rt: H::Handle) {
    for row in rows() {
        println!("{row:?}");
        let name = unique_name();
        let (start, started) = oneshot::channel();
        let body = async move {
            defer(async move {
                yield_once().await;
                assert!(!row.clean_up_panics, "clean-up");
            });
            start.send(()).unwrap();
            match row.body {
                Body::Value => {}
                Body::Panics => panic!("body"),
                Body::Cancelled => pending().await,
            }
        };
        let task = rt.spawn_with().name(name.clone()).spawn(Guarded {
            _guard: row.destructor_panics.then(|| PanicOnDrop("destructor")),
            body: Box::pin(body),
        });
        started.await.unwrap();
        if row.body == Body::Cancelled {
            task.cancel("from outside");
        }
        let (expected, failures) = outcome(row);
        let (ends, beside) = match task.await {
            Ok(()) => (Outcome::Value, reported(&name).len()),
            Err(error) => {
                let ends = match error.panic_message().as_deref() {
                    Some("body") => Outcome::PanicOfBody,
                    Some("destructor") => Outcome::PanicOfDestructor,
                    _ => Outcome::Cancelled,
                };
                (ends, error.failures().len())
            }
        };
        assert_eq!((ends, beside), (expected, failures), "{row:?}");
    }
}
