//! The clean-up that borrows: when it runs, and that nothing stops it.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::{Log, OnDrop, finish, poll_once, result, said, say, spawn};
use crate::task::tests::{Hand, tick};
use crate::{CancelToken, Cancellable, Runtime, Task, cancel_requested, finally, shield};

#[test]
fn the_clean_up_runs_after_a_value_and_after_an_error() {
    for outcome in [Ok(1), Err("no")] {
        let log = RefCell::new(Vec::new());
        let body = async {
            tick().await;
            log.borrow_mut().push("body");
            outcome
        };
        let cleanup = async || {
            tick().await;
            log.borrow_mut().push("cleaned up");
        };
        let (ended, polls) = finish(pin!(finally(body, cleanup)));
        assert_eq!(ended, outcome);
        assert_eq!(polls, 3);
        assert_eq!(log.into_inner(), ["body", "cleaned up"]);
    }
}

#[test]
fn the_body_is_dropped_before_the_clean_up_begins() {
    let log = Log::default();
    let held = OnDrop(log.clone(), "body dropped");
    // Unlike a block, it holds on when it is ready.
    let body = poll_fn(move |_| {
        let _held = &held;
        Poll::Ready(())
    });
    finish(pin!(finally(body, async || say(&log, "cleaned up"))));
    assert_eq!(said(&log), ["body dropped", "cleaned up"]);
}

#[test]
fn a_panic_goes_on_after_the_clean_up() {
    let log = Log::default();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        finish(pin!(finally(
            async {
                tick().await;
                panic!("body");
            },
            async || {
                tick().await;
                say(&log, "cleaned up");
            },
        )));
    }));
    assert_eq!(*caught.unwrap_err().downcast_ref::<&str>().unwrap(), "body");
    assert_eq!(said(&log), ["cleaned up"]);
}

#[test]
fn a_panic_of_the_clean_up_takes_nothing_from_the_body() {
    // Both where the closure panics and where its future does.
    let value = finish(pin!(finally(async { 5 }, async || panic!("clean-up")))).0;
    assert_eq!(value, 5);
    let closure = || -> std::future::Ready<()> { panic!("closure") };
    assert_eq!(finish(pin!(finally(async { 6 }, closure))).0, 6);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let body = async { panic!("body") };
        finish(pin!(finally(body, async || panic!("clean-up"))));
    }));
    assert_eq!(*caught.unwrap_err().downcast_ref::<&str>().unwrap(), "body");
}

#[test]
fn a_request_does_not_stop_the_clean_up_and_takes_effect_after_it() {
    let rt = Hand::default();
    let log = Log::default();
    // After the first poll it comes in the shielded body, after the third in the clean-up.
    for polls in [1, 3] {
        log.lock().unwrap().clear();
        let (mut task, mut root) = spawn(&rt, {
            let log = log.clone();
            async move {
                let body = shield(async {
                    tick().await;
                    tick().await;
                    3
                });
                let cleanup = async || {
                    tick().await;
                    // Masked: what is opened here opens.
                    shield(tick()).await;
                    assert!(cancel_requested());
                    say(&log, "cleaned up");
                };
                let value = finally(body, cleanup).await;
                say(&log, format!("got {value}"));
                tick().await;
                say(&log, "never");
            }
        });
        for _ in 0..polls {
            assert!(poll_once(root.as_mut()).is_pending());
        }
        task.cancel("test");
        finish(root.as_mut());
        assert_eq!(said(&log), ["cleaned up", "got 3"], "after {polls} polls");
        assert!(result(&mut task).unwrap_err().is_cancelled());
    }
}

#[test]
fn it_does_not_run_on_a_cancel_around_it_nor_on_a_drop() {
    let rt = Hand::default();
    let log = Log::default();
    let (task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            finally(pending::<()>(), async || say(&log, "cleaned up")).await;
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    {
        let mut half = pin!(finally(pending::<()>(), async || say(&log, "cleaned up")));
        assert!(poll_once(half.as_mut()).is_pending());
    }
    assert!(said(&log).is_empty());
}

#[test]
fn it_runs_when_a_token_inside_stops_the_work() {
    let token = CancelToken::new();
    let log = Log::default();
    let mut ending = pin!(finally(pending::<()>().until(&token), async || say(
        &log,
        "cleaned up"
    )));
    assert!(poll_once(ending.as_mut()).is_pending());
    token.cancel("enough");
    assert!(finish(ending).0.is_err());
    assert_eq!(said(&log), ["cleaned up"]);
}

#[test]
fn where_a_request_is_due_the_body_does_not_start() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, async {
        shield(tick()).await;
        finally(async { unreachable!("started") }, async || {}).await;
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    let stopped: Result<(), _> = result(&mut task);
    assert!(stopped.unwrap_err().is_cancelled());
}

#[test]
fn it_is_send_in_a_task_of_a_runtime_that_is_not_known() {
    fn start<R: Runtime>(rt: &R) -> Task<(u8, Vec<&'static str>)> {
        rt.spawn(async {
            let mut attempts = 0;
            let log = std::sync::Mutex::new(Vec::new());
            let value = finally(
                async {
                    attempts += 1;
                    tick().await;
                    attempts
                },
                async || {
                    tick().await;
                    log.lock().unwrap().push("cleaned up");
                },
            )
            .await;
            (value, log.into_inner().unwrap())
        })
    }
    let rt = Hand::default();
    let mut task = start(&rt);
    finish(rt.next_root().as_mut());
    assert_eq!(result(&mut task).unwrap(), (1, vec!["cleaned up"]));
}

#[test]
fn polling_after_the_end_panics_and_says_so() {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let mut over: Pin<Box<dyn Future<Output = ()>>> = Box::pin(finally(async {}, async || {}));
        finish(over.as_mut());
        let _ = poll_once(over.as_mut());
    }));
    let payload = caught.unwrap_err();
    let text = payload.downcast_ref::<&str>().unwrap();
    assert_eq!(*text, "a `Finally` future was polled after it was ready");
}
