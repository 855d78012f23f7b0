//! What is begun in one task and goes on in another: with all that it has open.
//!
//! Each way of moving × what the code inside has open.

use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::region::tests::by_hand::Clocked;
use crate::task::tests::tick;
use crate::{
    AnyRuntime, Co, ContextVar, Started, coroutine, current, current_task, defer, generator, shield,
};

static USER: ContextVar<&str> = ContextVar::new("user");

/// How something is begun in one task, and what is then polled in another.
#[derive(Clone, Copy, Debug)]
enum Mover {
    Started,
    Coroutine,
    Generator,
}

const MOVERS: [Mover; 3] = [Mover::Started, Mover::Coroutine, Mover::Generator];

impl Mover {
    /// Polls `body` once in a task that then ends, and gives out the rest of it.
    fn begin(self, rt: &Hand, body: BoxFuture) -> BoxFuture {
        let slot: Arc<Mutex<Option<BoxFuture>>> = Arc::default();
        let to = slot.clone();
        let (_task, mut root) = spawn(rt, async move {
            let rest: BoxFuture = match self {
                Mover::Started => Box::pin(Started::now(body)),
                Mover::Coroutine => {
                    let mut co = coroutine(|_: Co<(), ()>| body);
                    assert!(poll_once(Pin::new(&mut co.run())).is_pending());
                    Box::pin(async move { assert!(co.run().await.is_ok()) })
                }
                Mover::Generator => {
                    let mut items = generator(|_: Co<(), ()>| body);
                    assert!(poll_once(Pin::new(&mut items.next_item())).is_pending());
                    Box::pin(async move { assert!(items.next_item().await.is_none()) })
                }
            };
            *to.lock().unwrap() = Some(rest);
        });
        assert!(poll_once(root.as_mut()).is_ready());
        let rest = slot.lock().unwrap().take();
        rest.unwrap()
    }
}

#[test]
fn what_it_deferred_runs_when_it_ends_in_its_new_task() {
    for mover in MOVERS {
        let rt = Hand::default();
        let log = Log::default();
        let inside = log.clone();
        let rest = mover.begin(
            &rt,
            Box::pin(async move {
                let cleanup = inside.clone();
                defer(async move {
                    tick().await;
                    say(&cleanup, "clean-up");
                });
                tick().await;
                say(&inside, "body over");
            }),
        );
        assert_eq!(said(&log), [""; 0], "{mover:?}");
        let (_task, mut root) = spawn(&rt, rest);
        finish(root.as_mut());
        assert_eq!(said(&log), ["body over", "clean-up"], "{mover:?}");
    }
}

#[test]
fn stopped_in_its_new_task_it_unwinds_before_the_body_around() {
    for mover in MOVERS {
        let rt = Hand::default();
        let log = Log::default();
        let inside = log.clone();
        let rest = mover.begin(
            &rt,
            Box::pin(async move {
                let cleanup = inside.clone();
                defer(async move {
                    tick().await;
                    say(&cleanup, "clean-up");
                });
                let _local = OnDrop(inside, "dropped");
                pending::<()>().await;
            }),
        );
        let (mut task, mut root) = spawn(&rt, {
            let log = log.clone();
            async move {
                let _around = OnDrop(log, "around dropped");
                rest.await;
            }
        });
        assert!(poll_once(root.as_mut()).is_pending());
        task.cancel("in its new task");
        finish(root.as_mut());
        assert!(result(&mut task).unwrap_err().is_cancelled());
        assert_eq!(
            said(&log),
            ["dropped", "clean-up", "around dropped"],
            "{mover:?}"
        );
    }
}

#[test]
fn a_shield_that_was_open_holds_a_request_to_its_new_task() {
    for mover in MOVERS {
        let rt = Hand::default();
        let log = Log::default();
        let inside = log.clone();
        let rest = mover.begin(
            &rt,
            Box::pin(async move {
                shield(async {
                    tick().await;
                    tick().await;
                    say(&inside, "shield over");
                })
                .await;
                tick().await;
                say(&inside, "not reached");
            }),
        );
        let (mut task, mut root) = spawn(&rt, rest);
        assert!(poll_once(root.as_mut()).is_pending());
        task.cancel("inside the shield");
        finish(root.as_mut());
        assert!(result(&mut task).unwrap_err().is_cancelled());
        assert_eq!(said(&log), ["shield over"], "{mover:?}");
    }
}

#[test]
fn a_scope_that_was_open_goes_on_in_its_new_task_and_ends_with_it() {
    for mover in MOVERS {
        let rt = Hand::default();
        let log = Log::default();
        let (inside, spawner) = (log.clone(), rt.clone());
        let rest = mover.begin(
            &rt,
            Box::pin(async move {
                let scope = spawner.scope(|s| {
                    let log = inside.clone();
                    async move {
                        s.spawn(async move {
                            let _child = OnDrop(log, "child dropped");
                            pending::<()>().await;
                        });
                        pending::<()>().await;
                    }
                });
                scope.await;
            }),
        );
        let mut child = rt.next_root();
        assert!(poll_once(child.as_mut()).is_pending());
        let (task, mut root) = spawn(&rt, {
            let log = log.clone();
            async move {
                let _around = OnDrop(log, "around dropped");
                rest.await;
            }
        });
        assert!(poll_once(root.as_mut()).is_pending());
        task.cancel("in its new task");
        assert!(poll_once(root.as_mut()).is_pending(), "the child lives");
        finish(child.as_mut());
        finish(root.as_mut());
        assert_eq!(said(&log), ["child dropped", "around dropped"], "{mover:?}");
    }
}

#[test]
fn a_timeout_that_was_begun_stops_it_and_nothing_of_its_new_task() {
    for mover in MOVERS {
        let rt = Hand::default();
        let clock = Clocked::default();
        let hand = clock.clone();
        let log = Log::default();
        let inside = log.clone();
        let rest = mover.begin(
            &rt,
            Box::pin(async move {
                let cleanup = inside.clone();
                let limited = hand.timeout(Duration::from_secs(1), async move {
                    defer(async move { say(&cleanup, "clean-up") });
                    pending::<()>().await;
                });
                assert!(limited.await.is_err());
                say(&inside, "elapsed");
            }),
        );
        let (mut task, mut root) = spawn(&rt, {
            let log = log.clone();
            async move {
                rest.await;
                tick().await;
                say(&log, "around goes on");
            }
        });
        assert!(poll_once(root.as_mut()).is_pending());
        clock.advance(Duration::from_secs(2));
        finish(root.as_mut());
        result(&mut task).unwrap();
        assert_eq!(
            said(&log),
            ["clean-up", "elapsed", "around goes on"],
            "{mover:?}"
        );
    }
}

#[test]
fn it_finds_the_runtime_and_the_task_that_it_runs_in() {
    for mover in MOVERS {
        let rt = Hand::default();
        let other = AnyRuntime::new(Clocked::default());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let inside = seen.clone();
        let rest = mover.begin(
            &rt,
            Box::pin(async move {
                for _ in 0..2 {
                    // Made real in the first task, so that it has to move.
                    defer(async {});
                    let name = current_task().and_then(|task| Some(task.name()?.to_owned()));
                    let is_hand = current().unwrap().downcast_ref::<Hand>().is_some();
                    inside.lock().unwrap().push((name, is_hand));
                    tick().await;
                }
            }),
        );
        let mut rooted = Box::pin(crate::rooted(&other, rest));
        finish(rooted.as_mut());
        let seen = seen.lock().unwrap();
        assert_eq!(*seen, [(None, true), (None, false)], "{mover:?}");
    }
}

#[test]
fn what_it_binds_itself_goes_along_and_what_is_around_does_only_for_started() {
    for mover in MOVERS {
        let rt = Hand::default();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let inside = seen.clone();
        let body: BoxFuture = Box::pin(async move {
            for _ in 0..2 {
                let bound = USER.scope("own", async { USER.get() }).await;
                inside.lock().unwrap().push((bound, USER.get()));
                tick().await;
            }
        });
        let rest = USER.sync_scope("ann", || mover.begin(&rt, body));
        let (_task, mut root) = USER.sync_scope("bob", || spawn(&rt, rest));
        finish(root.as_mut());
        let after = match mover {
            Mover::Started => Some("ann"),
            Mover::Coroutine | Mover::Generator => Some("bob"),
        };
        let own = Some("own");
        let seen = seen.lock().unwrap();
        assert_eq!(*seen, [(own, Some("ann")), (own, after)], "{mover:?}");
    }
}

#[test]
fn a_request_to_the_task_that_it_has_left_does_not_reach_it() {
    let rt = Hand::default();
    let log = Log::default();
    let slot: Arc<Mutex<Option<Started<BoxFuture>>>> = Arc::default();
    let inside = log.clone();
    let body: BoxFuture = Box::pin(async move {
        defer(async {});
        tick().await;
        tick().await;
        say(&inside, "over");
    });
    let (left, mut first) = spawn(&rt, {
        let slot = slot.clone();
        async move {
            *slot.lock().unwrap() = Some(Started::now(body));
            pending::<()>().await;
        }
    });
    assert!(poll_once(first.as_mut()).is_pending());
    let started = slot.lock().unwrap().take().unwrap();
    let (mut task, mut second) = spawn(&rt, started);
    assert!(poll_once(second.as_mut()).is_pending());
    left.cancel("the one it has left");
    finish(first.as_mut());
    finish(second.as_mut());
    result(&mut task).unwrap();
    assert_eq!(said(&log), ["over"]);
}
