//! Futures that are started before they are awaited.

use std::future::pending;
use std::sync::{Arc, Mutex};

use super::*;
use crate::task::tests::tick;
use crate::{Bindings, CoState, ContextVar, NotDone, Started, defer, shield};

static USER: ContextVar<&str> = ContextVar::new("user");

#[test]
fn it_runs_to_its_first_suspension_and_no_further() {
    let log = Log::default();
    let mut started = Started::now(async {
        say(&log, "start");
        tick().await;
        say(&log, "end");
        7
    });
    assert_eq!(said(&log), ["start"]);
    assert!(started.is_pending() && !started.is_done() && !started.is_taken());
    assert_eq!(started.state(), CoState::Suspended);
    assert!(!started.take().unwrap_err().is_taken());
    assert_eq!(poll_once(Pin::new(&mut started)), Poll::Ready(7));
    assert_eq!(said(&log), ["start", "end"]);
    assert!(started.is_taken());
    assert!(panic_of(|| poll_once(Pin::new(&mut started))).contains("given or taken"));
}

#[test]
fn what_is_ready_is_taken_once() {
    let mut started = Started::now(async { String::from("value") });
    assert!(started.is_done() && !started.is_pending());
    assert_eq!(started.take().unwrap(), "value");
    assert_eq!(started.state(), CoState::Finished);
    let again: NotDone = started.take().unwrap_err();
    assert!(again.is_taken());
    assert!(Started::now(pending::<()>()).into_ready().is_err());
    let ready = Started::now(async { 5 }).into_ready().unwrap();
    assert_eq!(ready.into_inner(), 5);
}

#[test]
fn one_for_later_is_started_once() {
    let polls = AtomicUsize::new(0);
    let mut later = Started::later(async {
        polls.fetch_add(1, Ordering::SeqCst);
        tick().await;
        polls.fetch_add(1, Ordering::SeqCst);
    });
    assert!(later.state().is_new() && polls.load(Ordering::SeqCst) == 0);
    assert!(!later.start());
    assert!(!later.start(), "a second start does not poll");
    assert_eq!(polls.load(Ordering::SeqCst), 1);
    assert!(poll_once(Pin::new(&mut later)).is_ready());
}

#[test]
fn a_panic_of_the_start_is_kept_for_who_awaits() {
    let mut started = Started::now(async { panic!("boom") });
    assert!(started.is_done() && started.has_panicked());
    assert_eq!(panic_of(|| poll_once(Pin::new(&mut started))), "boom");
    assert!(started.is_taken());
    let mut started = Started::now(async { panic!("boom") });
    let payload = started.take_panic().unwrap();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"boom"));
    assert!(started.take_panic().is_none());
}

#[test]
fn its_context_is_that_of_its_making_and_an_empty_one_counts() {
    let look = || async {
        let first = USER.get();
        tick().await;
        (first, USER.get())
    };
    let mut made = USER.sync_scope("ann", || Started::now(look()));
    let seen = USER.sync_scope("bob", || poll_once(Pin::new(&mut made)));
    assert_eq!(seen, Poll::Ready((Some("ann"), Some("ann"))));

    let none = || Started::later(look()).within(Bindings::none());
    let mut empty = USER.sync_scope("ann", || {
        let mut empty = none();
        empty.start();
        empty
    });
    let seen = USER.sync_scope("bob", || poll_once(Pin::new(&mut empty)));
    assert_eq!(seen, Poll::Ready((None, None)));

    // Each phase its own.
    let mut first = USER.sync_scope("ann", || Started::now(look()));
    first = first.within(USER.sync_scope("eve", Bindings::here));
    assert_eq!(
        poll_once(Pin::new(&mut first)),
        Poll::Ready((Some("ann"), Some("eve")))
    );
    assert_eq!(USER.get(), None);
}

#[test]
fn closing_runs_shields_and_clean_ups_first() {
    let log = Log::default();
    let closed = in_task({
        let log = log.clone();
        async move {
            let started = Started::now({
                let log = log.clone();
                async move {
                    let cleanup = log.clone();
                    defer(async move {
                        tick().await;
                        say(&cleanup, "clean-up");
                    });
                    let _local = OnDrop(log.clone(), "dropped");
                    shield(async {
                        tick().await;
                        say(&log, "shield over");
                    })
                    .await;
                    pending::<u8>().await
                }
            });
            let closed = started.close().await;
            say(&log, "closed");
            closed
        }
    });
    assert_eq!(closed, None);
    assert_eq!(said(&log), ["shield over", "dropped", "clean-up", "closed"]);
}

#[test]
fn closing_gives_a_value_that_is_there_and_runs_nothing_that_is_new() {
    assert_eq!(
        in_task(async { Started::now(async { 5 }).close().await }),
        Some(5)
    );
    let never = Started::later(async { unreachable!("it is new") });
    assert_eq!(in_task(async { never.close().await }), None::<()>);
}

#[test]
fn one_that_is_dropped_half_way_leaves_its_clean_ups_to_the_task() {
    let rt = Hand::default();
    let log = Log::default();
    let (_task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let cleanup = log.clone();
            drop(Started::now(async move {
                defer(async move {
                    tick().await;
                    say(&cleanup, "clean-up");
                });
                pending::<()>().await;
            }));
            say(&log, "body over");
        }
    });
    finish(root.as_mut());
    assert_eq!(said(&log), ["body over", "clean-up"]);
}

#[test]
fn where_a_request_is_due_the_start_is_put_off() {
    let rt = Hand::default();
    let begun = Arc::new(Mutex::new(None));
    let asks: Arc<Mutex<Option<Task<()>>>> = Arc::default();
    let (task, mut root) = spawn(&rt, {
        let (begun, asks) = (begun.clone(), asks.clone());
        async move {
            asks.lock().unwrap().as_ref().unwrap().cancel("in its poll");
            let started = Started::now(async { unreachable!("a request is due") });
            *begun.lock().unwrap() = Some(started.state());
            started.await;
        }
    });
    *asks.lock().unwrap() = Some(task);
    finish(root.as_mut());
    assert_eq!(*begun.lock().unwrap(), Some(CoState::New));
}
