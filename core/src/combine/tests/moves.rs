//! Combinators that are begun in one task and go on in another.

use std::future::pending;
use std::sync::{Arc, Mutex};

use super::{Log, OnDrop, finish, panic_of, poll_once, said, say, spawn};
use crate::region::BoxFuture;
use crate::task::tests::{Hand, tick};
use crate::{defer, gather};

/// Polls `moving` once in a task of its own, and gives it back.
fn begin_elsewhere(rt: &Hand, mut moving: BoxFuture, cancel: bool) -> BoxFuture {
    let slot: Arc<Mutex<Option<BoxFuture>>> = Arc::default();
    let (task, mut root) = spawn(rt, {
        let slot = slot.clone();
        async move {
            let polled = std::future::poll_fn(|cx| {
                assert!(moving.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            });
            polled.await;
            if cancel {
                *slot.lock().unwrap() = Some(std::mem::replace(&mut moving, Box::pin(pending())));
                pending::<()>().await;
            }
            *slot.lock().unwrap() = Some(moving);
        }
    });
    let ended = poll_once(root.as_mut()).is_ready();
    assert_eq!(ended, !cancel);
    if cancel {
        task.cancel("where it was begun");
    }
    let moved = slot.lock().unwrap().take().unwrap();
    drop((root, task));
    moved
}

#[test]
fn a_combinator_that_moves_to_another_task_is_stopped_there_inside_out() {
    for many in [false, true] {
        let rt = Hand::default();
        let log = Log::default();
        let inside = log.clone();
        let moving: BoxFuture = Box::pin(async move {
            let arm = |n: u8| {
                let log = inside.clone();
                async move {
                    let _closing = Closing(log.clone(), n);
                    let _local = OnDrop(log, "arm dropped");
                    // Not woken by anything: only the move makes it be polled again.
                    pending::<()>().await;
                }
            };
            match many {
                true => drop(gather(vec![arm(1), arm(2)]).await),
                false => drop(gather((arm(1), arm(2))).await),
            }
        });
        let moved = begin_elsewhere(&rt, moving, false);
        let (task, mut root) = spawn(&rt, {
            let log = log.clone();
            async move {
                let _around = OnDrop(log, "body dropped");
                moved.await;
            }
        });
        assert!(poll_once(root.as_mut()).is_pending());
        task.cancel("in its new task");
        finish(root.as_mut());
        let mut log = said(&log);
        assert_eq!(log.pop().unwrap(), "body dropped", "many: {many}");
        log.sort();
        assert_eq!(log, ["arm dropped", "arm dropped", "closed 1", "closed 2"]);
    }
}

/// Closes asynchronously, from its destructor.
struct Closing(Log, u8);

impl Drop for Closing {
    fn drop(&mut self) {
        let (log, n) = (self.0.clone(), self.1);
        defer(async move {
            tick().await;
            say(&log, format!("closed {n}"));
        });
    }
}

#[test]
fn a_combinator_that_is_moved_away_after_the_request_panics_and_says_why() {
    let rt = Hand::default();
    let moving: BoxFuture = Box::pin(gather_nothing());
    let mut moved = begin_elsewhere(&rt, moving, true);
    let text = panic_of(|| {
        finish(moved.as_mut());
    });
    assert!(
        text.ends_with("was cancelled: where it was begun"),
        "{text}"
    );
}

/// Has something to unwind, so that its region is known to the one around.
async fn made() {
    defer(async {});
    pending::<()>().await;
}

async fn gather_nothing() {
    gather((made(), made())).await;
}

#[test]
fn a_combinator_with_nothing_to_unwind_goes_on_where_it_is_moved_to_after_the_request() {
    let rt = Hand::default();
    let (send, receive) = futures::channel::oneshot::channel();
    let moving: BoxFuture = Box::pin(async {
        let _ = gather((receive, async {})).await;
    });
    let mut moved = begin_elsewhere(&rt, moving, true);
    assert!(poll_once(moved.as_mut()).is_pending());
    send.send(()).unwrap();
    finish(moved.as_mut());
}
