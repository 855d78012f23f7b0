//! Scopes, polled by hand.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::channel::oneshot;

use crate::region::BoxFuture;
use crate::region::contain::contain;
use crate::task::tests::{Hand, tick};
use crate::{
    CancelToken, Child, JoinError, Runtime, ScopeError, Task, TryScope, Verdict, WaitFor,
    current_scope, defer, shield,
};

pub(super) type Log = Arc<Mutex<Vec<String>>>;

pub(super) fn say(log: &Log, what: impl Into<String>) {
    log.lock().unwrap().push(what.into());
}

pub(super) fn said(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

pub(super) struct OnDrop(pub(super) Log, pub(super) &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        say(&self.0, self.1);
    }
}

/// A runtime by hand and all its tasks, each polled once in a turn, the oldest first.
#[derive(Default)]
pub(super) struct Play {
    pub(super) rt: Hand,
    roots: Vec<BoxFuture>,
}

impl Play {
    pub(super) fn spawn<F>(&mut self, body: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = self.rt.spawn(body);
        self.roots.extend(self.rt.take_roots());
        task
    }

    /// One turn for everybody. Says whether anybody is left.
    pub(super) fn turn(&mut self) -> bool {
        self.roots.extend(self.rt.take_roots());
        let mut cx = Context::from_waker(Waker::noop());
        self.roots
            .retain_mut(|root| root.as_mut().poll(&mut cx).is_pending());
        self.roots.extend(self.rt.take_roots());
        !self.roots.is_empty()
    }

    pub(super) fn turns(&mut self, turns: usize) {
        for _ in 0..turns {
            self.turn();
        }
    }

    /// Until nobody is left.
    pub(super) fn end(&mut self) {
        for _ in 0..1_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("{} tasks are stuck", self.roots.len());
    }

    /// Runs a body as a task, to its end.
    pub(super) fn run<F>(&mut self, body: F) -> Result<F::Output, JoinError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut task = self.spawn(body);
        self.end();
        result(&mut task)
    }
}

pub(super) fn result<T>(task: &mut Task<T>) -> Result<T, JoinError> {
    match Pin::new(task).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task has not ended"),
    }
}

pub(super) async fn ticks(count: usize) {
    for _ in 0..count {
        tick().await;
    }
}

pub(super) fn texts<E: ToString>(error: &ScopeError<E>) -> Vec<String> {
    error
        .errors()
        .into_iter()
        .flatten()
        .map(|child| match (child.error(), child.panic_message()) {
            (Some(error), _) => error.to_string(),
            (_, Some(panic)) => format!("panic: {panic}"),
            _ => "lost".to_owned(),
        })
        .collect()
}

#[test]
fn a_scope_gives_the_value_of_its_body_when_all_children_are_gone() {
    let mut play = Play::default();
    let log = Log::default();
    let rt = play.rt.clone();
    let inner = log.clone();
    let value = play.run(async move {
        let value = rt
            .scope(async |s| {
                let child = inner.clone();
                s.spawn(async move {
                    let _guard = OnDrop(child.clone(), "child dropped");
                    ticks(5).await;
                });
                say(&inner, "body over");
                7
            })
            .await;
        say(&inner, "scope over");
        value
    });
    assert_eq!(value.unwrap(), 7);
    assert_eq!(said(&log), ["body over", "child dropped", "scope over"]);
}

#[test]
fn children_are_awaited_for_their_plain_values() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let value = play.run(async move {
        rt.scope(async |s| {
            let (a, b) = (
                s.spawn(async { 1 }),
                s.spawn(async {
                    ticks(2).await;
                    2
                }),
            );
            b.await * 10 + a.await
        })
        .await
    });
    assert_eq!(value.unwrap(), 21);
}

#[test]
fn a_scope_without_children_takes_no_more_polls_than_its_body() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let mut task =
        play.spawn(async move { rt.scope(async |_| 1).await + rt.scope(async |_| 2).await });
    assert!(!play.turn());
    assert_eq!(result(&mut task).unwrap(), 3);
}

#[test]
fn children_of_children_are_waited_for_after_the_body_and_the_child_have_ended() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let done = play.run(async move {
        rt.scope(async |s| {
            let (scope, log) = (s.clone(), inner.clone());
            s.spawn(async move {
                ticks(2).await;
                scope.spawn(async move {
                    ticks(3).await;
                    say(&log, "grandchild over");
                });
            });
        })
        .await;
        say(&inner, "scope over");
    });
    done.unwrap();
    assert_eq!(said(&log), ["grandchild over", "scope over"]);
}

#[test]
fn the_first_error_stops_the_others_and_the_body() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let outcome = play.run(async move {
        rt.try_scope(async |s| {
            let _body = OnDrop(inner.clone(), "body dropped");
            let child = inner.clone();
            s.spawn(async move {
                let cleanup = child.clone();
                defer(async move {
                    ticks(2).await;
                    say(&cleanup, "sibling cleaned up");
                });
                let _sibling = OnDrop(child.clone(), "sibling dropped");
                pending::<()>().await;
            });
            s.spawn_with().name("bad").spawn(async {
                ticks(2).await;
                Err::<(), _>("out of cheese")
            });
            pending::<Result<(), _>>().await
        })
        .await
    });
    let error = outcome.unwrap().unwrap_err();
    assert_eq!(texts(&error), ["out of cheese"]);
    let first = error.errors().unwrap().first();
    assert_eq!((first.index(), first.name()), (Some(1), Some("bad")));
    assert!(!error.is_cancelled() && !error.is_elapsed());
    let said = said(&log);
    assert!(said.contains(&"body dropped".to_owned()), "{said:?}");
    assert_eq!(said.last().unwrap(), "sibling cleaned up");
}

#[test]
fn errors_that_come_while_the_others_are_stopped_are_kept_too() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let outcome: Result<(), _> = play
        .run(async move {
            rt.try_scope(async |s| {
                s.spawn(async {
                    shield(ticks(3)).await;
                    Err::<(), _>("second")
                });
                s.spawn(async { Err::<(), _>("first") });
                s.spawn_value(async { panic!("third, at once") });
                Ok(())
            })
            .await
        })
        .unwrap();
    let error = outcome.unwrap_err();
    assert_eq!(texts(&error), ["first", "second"]);
    let index = |n: usize| error.errors().unwrap().iter().nth(n).unwrap().index();
    assert_eq!((index(0), index(1)), (Some(1), Some(0)));
}

#[test]
fn a_body_that_awaits_a_failed_child_is_stopped_there() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let outcome = play.run(async move {
        rt.try_scope(async |s| {
            let child: Child<()> = s.spawn(async { Err("bad") });
            child.await;
            say(&inner, "never");
            Ok(())
        })
        .await
    });
    assert_eq!(texts(&outcome.unwrap().unwrap_err()), ["bad"]);
    assert!(said(&log).is_empty());
}

#[test]
fn a_sibling_that_awaits_a_failed_child_is_stopped_there() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let outcome: Result<(), _> = play
        .run(async move {
            rt.try_scope(async |s| {
                let child: Child<()> = s.spawn(async { Err("bad") });
                s.spawn(async move {
                    child.await;
                    Ok(())
                });
                Ok(())
            })
            .await
        })
        .unwrap();
    assert_eq!(texts(&outcome.unwrap_err()), ["bad"]);
}

#[test]
fn awaiting_a_failed_child_where_nobody_is_stopped_panics_with_advice() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    // Collected errors stop nobody.
    let scope = rt.clone();
    let joined: Result<Result<(), ScopeError<&str>>, _> = play.run(async move {
        scope
            .scope_with()
            .collect_errors()
            .try_run(async |s| {
                let child: Child<()> = s.spawn(async { Err("bad") });
                child.await;
                Ok(())
            })
            .await
    });
    let message = joined.unwrap_err().panic_message().unwrap();
    assert!(message.contains("await `child.result()`"), "{message}");
    // In a shield, a request does not arrive.
    let joined: Result<Result<(), ScopeError<&str>>, _> = play.run(async move {
        rt.try_scope(async |s| {
            let child: Child<()> = s.spawn(async { Err("bad") });
            shield(child).await;
            Ok(())
        })
        .await
    });
    assert!(
        joined
            .unwrap_err()
            .panic_message()
            .unwrap()
            .contains("await `child.result()`")
    );
}

#[test]
fn a_child_that_is_cancelled_by_itself_disturbs_nobody() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let outcome: Result<_, ScopeError<&str>> = play
        .run(async move {
            rt.try_scope(async |s| {
                let child = s.spawn(pending::<()>());
                let other = s.spawn(async {
                    ticks(4).await;
                    Ok(3)
                });
                tick().await;
                child.cancel("not needed");
                let error = child.result().await.unwrap_err();
                assert_eq!(error.reason().unwrap().as_str(), "not needed");
                Ok(other.await)
            })
            .await
        })
        .unwrap();
    assert_eq!(outcome.unwrap(), 3);
}

#[test]
fn an_error_of_the_body_stops_the_children_and_is_in_the_group() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let outcome: Result<(), _> = play
        .run(async move {
            rt.try_scope(async |s| {
                s.spawn(pending::<()>());
                tick().await;
                Err("body failed")
            })
            .await
        })
        .unwrap();
    let error = outcome.unwrap_err();
    assert_eq!(texts(&error), ["body failed"]);
    assert!(error.errors().unwrap().first().is_body());
}

#[test]
fn a_panic_of_the_body_stops_the_children_and_goes_on_when_they_are_gone() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let joined = play.run(async move {
        rt.scope(async |s| {
            let child = inner.clone();
            s.spawn(async move {
                defer(async move {
                    ticks(3).await;
                    say(&child, "child cleaned up");
                });
                pending::<()>().await;
            });
            ticks(2).await;
            panic!("in the body");
        })
        .await
    });
    assert_eq!(
        joined.unwrap_err().panic_message().as_deref(),
        Some("in the body")
    );
    assert_eq!(said(&log), ["child cleaned up"]);
}

#[test]
fn a_panic_of_a_child_goes_on_where_the_scope_is_awaited() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let joined = play.run(async move {
        rt.scope(async |s| {
            s.spawn(async {
                tick().await;
                panic!("in the child")
            });
            pending::<()>().await;
        })
        .await;
    });
    assert_eq!(
        joined.unwrap_err().panic_message().as_deref(),
        Some("in the child")
    );
}

#[test]
fn collected_errors_come_in_completion_order_and_disturb_nobody() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let outcome: Result<(), _> = play
        .run(async move {
            rt.scope_with()
                .collect_errors()
                .try_run(async |s| {
                    for (wait, text) in [(4, "late"), (1, "early")] {
                        s.spawn(async move {
                            ticks(wait).await;
                            Err::<(), _>(text)
                        });
                    }
                    let child = inner.clone();
                    s.spawn(async move {
                        ticks(8).await;
                        say(&child, "the third ran to its end");
                    });
                    ticks(3).await;
                    say(&inner, "the body too");
                    Err("body")
                })
                .await
        })
        .unwrap();
    assert_eq!(texts(&outcome.unwrap_err()), ["early", "body", "late"]);
    assert_eq!(said(&log), ["the body too", "the third ran to its end"]);
}

#[test]
fn a_handler_decides_for_each_error() {
    for (verdict, texts_then, alive) in [
        (Verdict::Continue, vec![], true),
        (Verdict::Keep, vec!["bad"], true),
        (Verdict::Stop, vec!["bad"], false),
    ] {
        let mut play = Play::default();
        let rt = play.rt.clone();
        let log = Log::default();
        let inner = log.clone();
        let outcome = play
            .run(async move {
                rt.scope_with()
                    .supervise(move |error| {
                        assert_eq!(error.error(), Some(&"bad"));
                        verdict
                    })
                    .try_run(async |s| {
                        s.spawn(async { Err::<(), _>("bad") });
                        let child = inner.clone();
                        s.spawn(async move {
                            ticks(4).await;
                            say(&child, "alive");
                        });
                        Ok(())
                    })
                    .await
            })
            .unwrap();
        let texts = outcome.as_ref().map_or_else(texts, |()| Vec::new());
        assert_eq!(texts, texts_then, "{verdict:?}");
        assert_eq!(said(&log).len(), usize::from(alive), "{verdict:?}");
    }
}

#[test]
fn leaving_the_body_cancels_the_children_where_it_was_said() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let outcome = play
        .run(async move {
            rt.scope_with()
                .cancel_on_exit()
                .run(async |s| {
                    let child = inner.clone();
                    s.spawn(async move {
                        let _guard = OnDrop(child, "helper stopped");
                        pending::<()>().await;
                    });
                    ticks(3).await;
                    "value"
                })
                .await
        })
        .unwrap();
    assert_eq!(outcome.unwrap(), "value");
    assert_eq!(said(&log), ["helper stopped"]);
}

#[test]
fn a_request_from_outside_reaches_the_children_first_and_the_scope_gives_nothing() {
    for turns in 0..6 {
        let mut play = Play::default();
        let rt = play.rt.clone();
        let log = Log::default();
        let inner = log.clone();
        let mut task = play.spawn(async move {
            let _around = OnDrop(inner.clone(), "around dropped");
            rt.scope(async |s| {
                let child = inner.clone();
                s.spawn(async move {
                    let cleanup = child.clone();
                    defer(async move {
                        ticks(2).await;
                        say(&cleanup, "child cleaned up");
                    });
                    let _child = OnDrop(child.clone(), "child dropped");
                    pending::<()>().await;
                });
                let _body = OnDrop(inner.clone(), "body dropped");
                pending::<()>().await;
            })
            .await;
            say(&inner, "never");
        });
        play.turns(turns);
        task.cancel("from outside");
        play.end();
        assert!(result(&mut task).unwrap_err().is_cancelled());
        let said = said(&log);
        assert!(!said.contains(&"never".to_owned()));
        match turns {
            0 => assert!(said.is_empty(), "nothing started"),
            _ => assert_eq!(said.last().unwrap(), "around dropped", "{turns}: {said:?}"),
        }
        if turns > 1 {
            let at = |what: &str| said.iter().position(|line| line == what);
            assert!(at("child cleaned up") < at("around dropped"), "{said:?}");
            assert!(at("body dropped").is_some());
        }
    }
}

#[test]
fn a_request_while_the_children_end_gives_no_value_if_it_stopped_any() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let mut task = play.spawn(async move {
        loop {
            // Would spin for ever in one poll, if it gave anything.
            let tried = rt
                .try_scope(async |s| {
                    s.spawn(pending::<Result<(), String>>());
                    Ok(())
                })
                .await;
            say(&inner, format!("tried: {tried:?}"));
        }
    });
    play.turns(3);
    task.cancel("from outside");
    play.end();
    assert!(result::<()>(&mut task).unwrap_err().is_cancelled());
    assert!(said(&log).is_empty());
}

#[test]
fn the_errors_of_a_scope_that_is_stopped_from_outside_are_with_who_was_stopped() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let mut task = play.spawn(async move {
        rt.try_scope(async |s| {
            s.spawn(async {
                shield(ticks(4)).await;
                Err::<(), _>("while it was stopped")
            });
            pending::<Result<(), &str>>().await
        })
        .await
    });
    play.turns(2);
    task.cancel("from outside");
    play.end();
    let error = result(&mut task).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(error.failures().len(), 1);
    let payload = error.failures()[0].take_payload().unwrap();
    assert_eq!(payload.downcast_ref(), Some(&"while it was stopped"));
}

#[test]
fn a_scope_that_is_dropped_half_way_is_drained_by_its_task() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let mut task = play.spawn(async move {
        {
            let mut scope = pin!(rt.try_scope(async |s| {
                let child = inner.clone();
                s.spawn(async move {
                    let cleanup = child.clone();
                    defer(async move {
                        ticks(3).await;
                        say(&cleanup, "child cleaned up");
                    });
                    pending::<()>().await;
                });
                let last = inner.clone();
                s.defer(async move { say(&last, "scope cleaned up") })
                    .unwrap();
                s.spawn(async {
                    shield(ticks(3)).await;
                    Err::<(), _>("late error")
                });
                pending::<Result<(), _>>().await
            }));
            for _ in 0..2 {
                let polled = poll_fn(|cx| Poll::Ready(scope.as_mut().poll(cx))).await;
                assert!(polled.is_pending());
                tick().await;
            }
        }
        say(&inner, "body goes on");
        panic!("so that there is an outcome with failures");
    });
    play.end();
    let error = result::<()>(&mut task).unwrap_err();
    assert_eq!(
        said(&log),
        ["body goes on", "child cleaned up", "scope cleaned up"]
    );
    assert_eq!(error.failures().len(), 1, "{:?}", error.failures());
}

#[test]
fn clean_ups_of_the_scope_run_when_the_children_are_gone_newest_first() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let done = play.run(async move {
        rt.scope(async |s| {
            for text in ["scope, first", "scope, second"] {
                let log = inner.clone();
                s.defer(async move { say(&log, text) }).unwrap();
            }
            let body = inner.clone();
            defer(async move { say(&body, "body") });
            let child = inner.clone();
            s.spawn(async move {
                ticks(4).await;
                say(&child, "child over");
            });
        })
        .await;
    });
    done.unwrap();
    assert_eq!(
        said(&log),
        ["body", "child over", "scope, second", "scope, first"]
    );
}

#[test]
fn a_limit_queues_first_in_first_out() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let log = Log::default();
    let (inner, now, max) = (log.clone(), running.clone(), most.clone());
    let done = play.run(async move {
        rt.scope_with()
            .limit(3)
            .run(async |s| {
                for n in 0..10 {
                    let (log, now, max) = (inner.clone(), now.clone(), max.clone());
                    s.spawn(async move {
                        say(&log, n.to_string());
                        max.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        ticks(3).await;
                        now.fetch_sub(1, Ordering::SeqCst);
                    });
                }
                assert_eq!(s.live(), 10);
            })
            .await
    });
    done.unwrap().unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(
        said(&log),
        (0..10).map(|n| n.to_string()).collect::<Vec<_>>()
    );
}

#[test]
fn what_waits_for_its_turn_is_dropped_unrun_when_the_scope_stops() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let outcome: Result<(), _> = play
        .run(async move {
            rt.scope_with()
                .limit(1)
                .try_run(async |s| {
                    s.spawn(async {
                        ticks(2).await;
                        Err::<(), _>("bad")
                    });
                    for _ in 0..3 {
                        let (guard, log) = (OnDrop(inner.clone(), "dropped"), inner.clone());
                        s.spawn(async move {
                            let _guard = guard;
                            say(&log, "ran");
                        });
                    }
                    Ok(())
                })
                .await
        })
        .unwrap();
    assert_eq!(texts(&outcome.unwrap_err()), ["bad"]);
    assert_eq!(said(&log), ["dropped"; 3]);
}

#[test]
fn a_child_that_waits_for_one_in_the_queue_lets_it_start() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    fn tree(s: crate::Scope<Hand>, depth: usize) -> BoxFuture {
        Box::pin(async move {
            if let Some(below) = depth.checked_sub(1) {
                let (a, b) = (
                    s.spawn(tree(s.clone(), below)),
                    s.spawn(tree(s.clone(), below)),
                );
                a.await;
                b.await;
            }
        })
    }
    let spawned = play.run(async move {
        rt.scope_with()
            .limit(1)
            .run(async |s| {
                s.spawn(tree(s.clone(), 5)).await;
                s.spawned()
            })
            .await
    });
    assert_eq!(spawned.unwrap().unwrap(), 63);
}

#[test]
fn spawning_when_there_is_room_waits_for_it() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let done = play.run(async move {
        rt.scope_with()
            .limit(1)
            .run(async |s| {
                for n in 0..3 {
                    let log = inner.clone();
                    let child = async move {
                        ticks(2).await;
                        say(&log, format!("over {n}"));
                    };
                    s.spawn_when_free(child).await;
                    say(&inner, format!("spawned {n}"));
                }
            })
            .await
    });
    done.unwrap().unwrap();
    let order = [
        "spawned 0",
        "over 0",
        "spawned 1",
        "over 1",
        "spawned 2",
        "over 2",
    ];
    assert_eq!(said(&log), order);
}

#[test]
fn a_closed_scope_gives_the_future_back() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let kept = play
        .run(async move { rt.scope(async |s| s.clone()).await })
        .unwrap();
    let refused = kept.try_spawn(async { 5 }).unwrap_err();
    assert_eq!(futures::executor::block_on(refused.into_inner()), 5);
    let child = kept.spawn(async { 5 });
    assert!(child.is_finished());
    let error = futures::executor::block_on(child.result()).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(kept.live(), 0);
}

#[test]
fn a_token_stops_a_scope_and_gives_its_reason() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let token = CancelToken::new();
    let mut task = play.spawn({
        let token = token.clone();
        async move {
            rt.scope_with()
                .until(&token)
                .run(async |s| {
                    s.spawn(pending::<()>());
                    pending::<()>().await;
                })
                .await
        }
    });
    play.turns(3);
    token.cancel("closing time");
    play.end();
    let error = result(&mut task).unwrap().unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(error.reason().unwrap().as_str(), "closing time");
}

#[test]
fn a_shielded_scope_is_stopped_by_itself_and_not_from_outside() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let mut task = play.spawn(async move {
        let outcome: Result<(), ScopeError<Infallible>> = rt
            .scope_with()
            .shielded()
            .run(async |s| {
                let child = inner.clone();
                s.spawn(async move {
                    ticks(5).await;
                    say(&child, "child ran to its end");
                });
                ticks(4).await;
                say(&inner, "body too");
            })
            .await;
        say(&inner, format!("{outcome:?}"));
        tick().await;
        say(&inner, "never");
    });
    play.turns(2);
    task.cancel("from outside");
    play.end();
    assert!(result(&mut task).unwrap_err().is_cancelled());
    assert_eq!(said(&log), ["body too", "child ran to its end", "Ok(())"]);
}

#[test]
fn a_handle_closes_the_scope_from_elsewhere_and_not_from_within() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let (give, taken) = oneshot::channel::<TryScope<Hand, &str>>();
    let mut serving = play.spawn(async move {
        rt.try_scope(async |s| {
            give.send(s.clone()).ok().unwrap();
            s.spawn(async {
                shield(ticks(3)).await;
                Ok(())
            });
            pending().await
        })
        .await
    });
    let log = Log::default();
    let inner = log.clone();
    let mut closing = play.spawn(async move {
        let s = taken.await.unwrap();
        s.close("closing time").await.unwrap();
        say(&inner, "closed");
        assert_eq!(s.live(), 0);
    });
    play.end();
    result(&mut closing).unwrap();
    let error: ScopeError<&str> = result::<Result<(), _>>(&mut serving).unwrap().unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "closing time");

    let rt = play.rt.clone();
    let outcome: Result<Result<(), ScopeError<&str>>, _> = play.run(async move {
        rt.try_scope(async |s| {
            s.close("from within").await.unwrap_err();
            pending().await
        })
        .await
    });
    assert!(outcome.unwrap().unwrap_err().is_cancelled());
}

#[test]
fn waits_see_the_first_the_first_error_and_all() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let outcome: Result<(), _> = play
        .run(async move {
            rt.scope_with()
                .collect_errors()
                .try_run(async |s| {
                    s.wait(WaitFor::All).await.unwrap();
                    s.wait(WaitFor::FirstDone).await.unwrap();
                    for (n, fails) in [(1, false), (3, true), (5, false)] {
                        let log = inner.clone();
                        s.spawn(async move {
                            ticks(n).await;
                            say(&log, n.to_string());
                            if fails { Err("bad") } else { Ok(()) }
                        });
                    }
                    s.wait(WaitFor::FirstDone).await.unwrap();
                    say(&inner, "first");
                    s.wait(WaitFor::FirstError).await.unwrap();
                    say(&inner, "first error");
                    s.wait(WaitFor::All).await.unwrap();
                    say(&inner, "all");
                    Ok(())
                })
                .await
        })
        .unwrap();
    assert_eq!(texts(&outcome.unwrap_err()), ["bad"]);
    assert_eq!(said(&log), ["1", "first", "3", "first error", "5", "all"]);
}

#[test]
fn the_scope_that_code_runs_in_is_found_from_deep_inside() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let spawned = play.run(async move {
        assert!(current_scope().is_none());
        rt.scope(async |s| {
            current_scope().unwrap().spawn(async {
                current_scope().unwrap().spawn(async {});
            });
            s.wait(WaitFor::All).await.unwrap();
            s.spawned()
        })
        .await
    });
    assert_eq!(spawned.unwrap(), 2);
}

#[test]
fn a_start_gives_what_the_child_says_and_its_early_failure_to_the_caller_only() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let outcome: Result<&str, ScopeError<&str>> = play
        .run(async move {
            rt.try_scope(async |s| {
                let ready = s.start(|ready| async move {
                    tick().await;
                    ready.ready(7);
                    tick().await;
                    Ok(())
                });
                assert_eq!(ready.await.unwrap(), 7);
                let early = s
                    .start::<(), _, _>(|_ready| async { Err::<(), _>("early") })
                    .await;
                assert_eq!(early.unwrap_err().into_error().unwrap(), "early");
                let panicked = s
                    .start::<(), _, _>(|_ready| async {
                        if true {
                            panic!("early")
                        }
                    })
                    .await;
                assert!(panicked.unwrap_err().is_panic());
                let silent = s.start::<(), _, _>(|_ready| async { Ok(()) }).await;
                assert!(silent.unwrap_err().never_said());
                drop(s.start::<(), _, _>(|_ready| pending::<Result<(), _>>()));
                s.wait(WaitFor::All).await.unwrap();
                let late = s.start(|ready| async move {
                    ready.ready(());
                    Err::<(), _>("late")
                });
                late.await.unwrap();
                pending().await
            })
            .await
        })
        .unwrap();
    assert_eq!(texts(&outcome.unwrap_err()), ["late"]);
}

#[test]
fn what_was_started_elsewhere_is_told_to_stop_and_waited_for() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let elsewhere = play.spawn(async move {
        let cleanup = inner.clone();
        defer(async move {
            ticks(4).await;
            say(&cleanup, "elsewhere cleaned up");
        });
        pending::<()>().await;
    });
    let inner = log.clone();
    let outcome: Result<(), ScopeError<&str>> = play
        .run(async move {
            let outcome = rt
                .try_scope(async |s| {
                    s.adopt(elsewhere, |task| task.cancel("its scope stops"));
                    ticks(3).await;
                    Err("enough")
                })
                .await;
            say(&inner, "scope over");
            outcome
        })
        .unwrap();
    assert!(outcome.is_err());
    assert_eq!(said(&log), ["elsewhere cleaned up", "scope over"]);
}

#[test]
fn a_runtime_that_goes_loses_the_children_and_the_scope_says_so() {
    let mut play = Play::default();
    let gone = Hand::default();
    let children = gone.clone();
    let mut task = play.spawn(async move {
        children
            .try_scope(async |s| {
                s.spawn(pending::<Result<(), &str>>());
                pending().await
            })
            .await
    });
    play.turns(2);
    drop(gone.take_roots());
    play.end();
    let error: ScopeError<&str> = result::<Result<(), _>>(&mut task).unwrap().unwrap_err();
    assert!(error.errors().unwrap().first().is_lost());
}

#[test]
fn a_scope_is_polled_after_its_end_with_a_clear_panic() {
    let rt = Hand::default();
    let mut scope = pin!(rt.scope(async |_| 1));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(scope.as_mut().poll(&mut cx).is_ready());
    let panicked = contain(|| scope.as_mut().poll(&mut cx)).unwrap_err();
    let text = panicked.downcast_ref::<&str>().unwrap();
    assert_eq!(*text, "a scope was polled after it was ready");
}

#[test]
fn one_short_child_after_the_other_leaves_nothing_behind() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let mut task = play.spawn(async move {
        rt.scope(async |s| {
            let weight = Arc::new(());
            for _ in 0..10_000 {
                let held = weight.clone();
                s.spawn(async move {
                    tick().await;
                    drop(held);
                });
                tick().await;
            }
            s.wait(WaitFor::All).await.unwrap();
            assert_eq!(Arc::strong_count(&weight), 1);
            s.listed()
        })
        .await
    });
    while play.turn() {}
    assert!(result(&mut task).unwrap() < 200);
}

#[test]
fn what_fails_in_a_stopped_child_without_a_handle_is_reported_once() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let watch = Arc::<crate::testing::Watch>::default();
    let mut root = Box::pin(crate::task::watched(&play.rt, watch.clone(), async move {
        let scope = rt.scope_with().cancel_on_exit().run(async |s| {
            s.spawn(async {
                defer(async { panic!("in the clean-up") });
                pending::<()>().await;
            });
            ticks(2).await;
        });
        scope.await.is_ok()
    }));
    let mut cx = Context::from_waker(Waker::noop());
    let ended = (0..20).find_map(|_| match root.as_mut().poll(&mut cx) {
        Poll::Ready(is_ok) => Some(is_ok),
        Poll::Pending => {
            play.turn();
            None
        }
    });
    assert_eq!(ended, Some(true), "to be stopped is no failure");
    let reported = watch.unseen_panics();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0].contains("in the clean-up"), "{reported:?}");
    assert!(watch.live().is_empty(), "{:?}", watch.live());
}
