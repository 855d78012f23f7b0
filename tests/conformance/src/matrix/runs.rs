//! The tables, run cell by cell.

#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use anyrt_core::{ErrorGroup, JoinError, Runtime, ScopeError, defer};
use futures::channel::oneshot;

use super::{
    Body, Cell, EVENTS, Event, Fate, Gives, Outcome, POLICIES, Policy, cell, outcome, rows,
};
use crate::faults::{OnDrop, PanicOnDrop, reported, unique_name, until, yield_once};
use crate::{ByHand, Harness};

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
            assert_eq!(error.errors().map(ErrorGroup::len), Some(1));
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
