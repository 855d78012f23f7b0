//! In which order a local scope ends, whatever ends it.

use std::future::pending;
use std::pin::pin;

use super::*;
use crate::task::tests::tick;
use crate::{CancelToken, Cancellable, defer, local_scope, local_scope_unsend, shield};

/// A scope with a local around it, a body that waits thrice, and two children: one has a shield and an
/// inner region, the other a clean-up.
async fn two_children(log: Log) -> usize {
    let _around = OnDrop(log.clone(), "around dropped");
    let log = &log;
    let value = local_scope(|n| async move {
        let cleanup = log.clone();
        defer(async move { say(&cleanup, "body cleaned up") });
        let _body = OnDrop(log.clone(), "body dropped");
        n.spawn(async move {
            let _a = OnDrop(log.clone(), "a dropped");
            shield(async {
                tick().await;
                say(log, "a's shield over");
            })
            .await;
            let token = CancelToken::new();
            let inner = async {
                let cleanup = log.clone();
                defer(async move {
                    tick().await;
                    say(&cleanup, "a's inner cleaned up");
                });
                tick().await;
            };
            inner.until(&token).await.unwrap();
            say(log, "a over");
        });
        n.spawn(async move {
            let cleanup = log.clone();
            defer(async move {
                tick().await;
                say(&cleanup, "b cleaned up");
            });
            let _b = OnDrop(log.clone(), "b dropped");
            tick().await;
            tick().await;
            say(log, "b over");
        });
        tick().await;
        tick().await;
        tick().await;
        say(log, "body over");
        7
    })
    .await;
    say(log, "scope over");
    value
}

#[test]
fn a_scope_cancelled_at_any_point_ends_inside_out() {
    for polls in 0..9 {
        let rt = Hand::default();
        let log = Log::default();
        let (mut task, mut root) = spawn(&rt, two_children(log.clone()));
        let mut ended = false;
        for _ in 0..polls {
            ended = ended || poll_once(root.as_mut()).is_ready();
        }
        task.cancel("at this point");
        if !ended {
            finish(root.as_mut());
        }
        let mut said = said(&log);
        let expected: &[&str] = match polls {
            0 => &[],
            // In a's shield. All go to their next suspension, and clean up side by side.
            1 => &[
                "body dropped",
                "body cleaned up",
                "a's shield over",
                "b dropped",
                "a dropped",
                "b cleaned up",
                "around dropped",
            ],
            // In a's inner region, which goes before what is around it.
            2 => &[
                "a's shield over",
                "body dropped",
                "body cleaned up",
                "b dropped",
                "a's inner cleaned up",
                "a dropped",
                "b cleaned up",
                "around dropped",
            ],
            // a and b have suspended for the last time; the body has not.
            3 => &[
                "a's shield over",
                "b over",
                "b dropped",
                "body dropped",
                "body cleaned up",
                "a's inner cleaned up",
                "a over",
                "a dropped",
                "b cleaned up",
                "around dropped",
            ],
            _ => &[
                "a's shield over",
                "b over",
                "b dropped",
                "body over",
                "body dropped",
                "body cleaned up",
                "a's inner cleaned up",
                "a over",
                "a dropped",
                "b cleaned up",
                "scope over",
                "around dropped",
            ],
        };
        let mut expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        if polls < 4 {
            // Side by side: which one is first is not promised, but which one is last is.
            assert_eq!(said.last(), expected.last(), "{polls}: {said:?}");
            let at = |what: &str| said.iter().position(|said| said == what);
            assert!(at("body dropped") <= at("body cleaned up"), "{said:?}");
            assert!(at("b dropped") <= at("b cleaned up"), "{said:?}");
            assert!(at("a's inner cleaned up") <= at("a dropped"), "{said:?}");
            said.sort();
            expected.sort();
        }
        assert_eq!(said, expected, "cancelled after {polls} polls");
        let result = result(&mut task);
        assert_eq!(result.is_ok(), polls >= 4, "{polls}: {result:?}");
    }
}

#[test]
fn a_scope_that_is_reached_when_a_request_is_due_starts_nothing() {
    let rt = Hand::default();
    let log = Log::default();
    let (task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let inside = &log;
            shield(tick()).await;
            local_scope(|n| async move {
                n.spawn(async move { say(inside, "child") });
                say(inside, "body");
            })
            .await;
            say(&log, "after it");
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert!(said(&log).is_empty());
}

#[test]
fn a_scope_that_is_stopped_from_around_never_returns() {
    let rt = Hand::default();
    let log = Log::default();
    let (mut task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            // One child has its value when it is asked, the other is cut.
            local_scope(|n| async move {
                n.spawn(shield(tick()));
                n.spawn(pending::<()>());
            })
            .await;
            say(&log, "returned");
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert!(said(&log).is_empty());
    assert!(result(&mut task).unwrap_err().is_cancelled());
}

#[test]
fn a_value_that_everybody_has_is_delivered_though_a_request_came() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, async {
        local_scope(|n| async move {
            n.spawn(shield(tick()));
            5
        })
        .await
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("too late");
    finish(root.as_mut());
    assert_eq!(result(&mut task).unwrap(), 5);
}

#[test]
fn a_scope_that_is_dropped_half_way_leaves_its_clean_ups_to_the_region_around() {
    let rt = Hand::default();
    let log = Log::default();
    let (mut task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let inside = &log;
            let mut scope = Box::pin(local_scope(|n| async move {
                n.spawn(async move {
                    let cleanup = inside.clone();
                    defer(async move {
                        tick().await;
                        say(&cleanup, "child cleaned up");
                    });
                    let _child = OnDrop(inside.clone(), "child dropped");
                    pending::<()>().await;
                });
                let _body = OnDrop(inside.clone(), "body dropped");
                pending::<()>().await;
            }));
            assert!(poll_once(scope.as_mut()).is_pending());
            drop(scope);
            say(&log, "scope gone");
            tick().await;
            tick().await;
            say(&log, "task over");
        }
    });
    finish(root.as_mut());
    result(&mut task).unwrap();
    let order = [
        "body dropped",
        "child dropped",
        "scope gone",
        "child cleaned up",
        "task over",
    ];
    assert_eq!(said(&log), order);
}

#[test]
fn a_request_reaches_more_children_than_a_poll_has_turns() {
    const MANY: usize = 1_000;
    let rt = Hand::default();
    let log = Log::default();
    let (task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let log = &log;
            local_scope(|n| async move {
                for _ in 0..MANY {
                    n.spawn(async move {
                        let _around = OnDrop(log.clone(), "around");
                        let token = CancelToken::new();
                        let inner = async {
                            let cleanup = log.clone();
                            defer(async move { say(&cleanup, "inside") });
                            pending::<()>().await;
                        };
                        let _ = inner.until(&token).await;
                    });
                }
            })
            .await;
        }
    });
    for _ in 0..MANY {
        assert!(poll_once(root.as_mut()).is_pending());
    }
    task.cancel("test");
    finish(root.as_mut());
    let said = said(&log);
    assert_eq!(said.len(), 2 * MANY);
    for pair in said.chunks(2) {
        assert_eq!(pair, ["inside", "around"]);
    }
}

#[test]
fn a_child_that_panics_stops_all_and_the_panic_goes_on_when_they_are_gone() {
    let log = Log::default();
    let inside = &log;
    let text = panic_of(local_scope(|n| async move {
        n.spawn(async move {
            let cleanup = inside.clone();
            defer(async move {
                tick().await;
                tick().await;
                say(&cleanup, "sibling cleaned up");
            });
            let _sibling = OnDrop(inside.clone(), "sibling dropped");
            pending::<()>().await;
        });
        n.spawn(async {
            tick().await;
            panic!("out of cheese");
        });
        let _body = OnDrop(inside.clone(), "body dropped");
        pending::<()>().await;
    }));
    assert_eq!(text, "out of cheese");
    let mut said = said(&log);
    assert_eq!(said.pop().unwrap(), "sibling cleaned up");
    said.sort();
    assert_eq!(said, ["body dropped", "sibling dropped"]);
}

#[test]
fn a_body_that_panics_stops_its_children() {
    let log = Log::default();
    let inside = &log;
    let text = panic_of(local_scope(|n| async move {
        n.spawn(async move {
            let _child = OnDrop(inside.clone(), "child dropped");
            pending::<()>().await;
        });
        tick().await;
        panic!("out of cheese");
    }));
    assert_eq!(text, "out of cheese");
    assert_eq!(said(&log), ["child dropped"]);
}

#[test]
fn a_panic_of_a_child_is_not_held_up_by_a_shield_around_the_scope() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(
        &rt,
        shield(local_scope(|n| async move {
            n.spawn(async { panic!("out of cheese") });
            pending::<()>().await;
        })),
    );
    finish(root.as_mut());
    assert!(result(&mut task).unwrap_err().is_panic());
}

#[test]
fn a_scope_moves_to_another_task_with_its_shields() {
    let rt = Hand::default();
    let log = Log::default();
    let scope = {
        let log = log.clone();
        async move {
            let log = &log;
            local_scope(|n| async move {
                n.spawn(async move {
                    shield(async {
                        for _ in 0..3 {
                            tick().await;
                        }
                        say(log, "shield over");
                    })
                    .await;
                    tick().await;
                    say(log, "never");
                });
            })
            .await;
        }
    };
    let mut scope: BoxFuture = Box::pin(scope);
    assert!(poll_once(scope.as_mut()).is_pending());
    let (task, mut root) = spawn(&rt, scope);
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("its new task");
    finish(root.as_mut());
    assert_eq!(said(&log), ["shield over"]);
}

#[test]
fn a_scope_that_was_stopped_in_its_old_task_panics_in_the_new_one() {
    let rt = Hand::default();
    let moving: Arc<Mutex<Option<BoxFuture>>> = Arc::default();
    let (old, mut root) = spawn(&rt, {
        let moving = moving.clone();
        async move {
            let mut scope: BoxFuture = Box::pin(local_scope(|_| pending::<()>()));
            assert!(poll_once(scope.as_mut()).is_pending());
            *moving.lock().unwrap() = Some(scope);
            pending::<()>().await;
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    old.cancel("it reaches what was begun here");
    let scope = moving.lock().unwrap().take().unwrap();
    let (mut new, mut root) = spawn(&rt, scope);
    finish(root.as_mut());
    let text = result(&mut new).unwrap_err().panic_message().unwrap();
    assert!(text.contains("in which it was begun"), "{text}");
}

#[test]
fn a_hundred_scopes_inside_each_other_end_inside_out() {
    fn nest<'a>(log: &'a Log, depth: usize) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let _level = OnDrop(log.clone(), "level");
            if depth > 0 {
                local_scope(|n| async move {
                    n.spawn(nest(log, depth - 1));
                })
                .await;
            } else {
                let cleanup = log.clone();
                defer(async move { say(&cleanup, "innermost") });
                pending::<()>().await;
            }
        })
    }
    let rt = Hand::default();
    let log = Log::default();
    let (mut task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move { nest(&log, 100).await }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    assert!(result(&mut task).unwrap_err().is_cancelled());
    let said = said(&log);
    assert_eq!(said.len(), 102);
    // The innermost level is the region of its clean-up itself, whose body goes before that.
    assert_eq!(said[..3], ["level", "innermost", "level"]);
}

#[test]
fn in_no_task_a_scope_works_with_all_that_is_in_it() {
    let log = Log::default();
    let inside = &log;
    let value = run(local_scope_unsend(|n| async move {
        let child = n.spawn(async move {
            let cleanup = inside.clone();
            defer(async move { say(&cleanup, "cleaned up") });
            shield(tick()).await;
            5
        });
        child.await
    }));
    assert_eq!(value, 5);
    assert_eq!(said(&log), ["cleaned up"]);
}

#[test]
fn a_scope_that_is_polled_after_it_was_ready_panics() {
    let mut scope = pin!(local_scope(|_| async {}));
    assert!(poll_once(scope.as_mut()).is_ready());
    let text = panic_of(scope);
    assert!(text.contains("after it was ready"), "{text}");
}
