//! Where scopes broke once: requests, queues, errors.

use std::future::{pending, poll_fn};
use std::panic::panic_any;
use std::task::Poll;

use futures::channel::oneshot;

use super::run::{Log, Play, said, say, texts, ticks};
use crate::region::tests::counted::Count;
use crate::task::tests::{Hand, tick};
use crate::{CancelToken, Cancellable, Child, Runtime, ScopeError, TryScope, Verdict};

#[test]
fn asking_the_children_to_stop_reaches_those_that_were_never_polled() {
    for limit in [1, 5] {
        let mut play = Play::default();
        let rt = play.rt.clone();
        let outcome = play.run(async move {
            rt.scope_with()
                .limit(limit)
                .run(async |s| {
                    let children = [s.spawn(pending::<()>()), s.spawn(pending::<()>())];
                    s.cancel_children("at once");
                    let later = s.spawn(async { 5 });
                    for child in children {
                        let error = child.result().await.unwrap_err();
                        assert_eq!(error.reason().unwrap().as_str(), "at once");
                    }
                    later.await
                })
                .await
        });
        assert_eq!(outcome.unwrap().unwrap(), 5);
    }
}

#[test]
fn asking_the_children_to_stop_while_one_is_first_polled_reaches_it() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let outcome = play.run(async move {
        rt.scope(async |s| {
            let inner = s.clone();
            let child = s.spawn(async move {
                inner.cancel_children("by itself");
                pending::<()>().await;
            });
            child.result().await.unwrap_err().is_cancelled()
        })
        .await
    });
    assert!(outcome.unwrap());
}

#[test]
fn a_scope_that_is_cancelled_while_a_child_is_first_polled_stops_it() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let outcome: Result<(), ScopeError<&str>> = play
        .run(async move {
            rt.try_scope(async |s| {
                let inner = s.clone();
                s.spawn(async move {
                    inner.cancel("from a child");
                    pending::<()>().await;
                });
                Ok(())
            })
            .await
        })
        .unwrap();
    assert_eq!(
        outcome.unwrap_err().reason().unwrap().as_str(),
        "from a child"
    );
}

#[test]
fn asking_the_children_to_stop_leaves_what_the_body_has_open_alone() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let token = CancelToken::new();
    let outcome = play.run(async move {
        rt.scope(async |s| {
            let inner = s.clone();
            s.spawn(async move {
                tick().await;
                inner.cancel_children("only the children");
            });
            let body = async {
                rt.scope(async |nested| {
                    nested.spawn(ticks(4)).await;
                    7
                })
                .await
            };
            body.until(&token).await.unwrap()
        })
        .await
    });
    assert_eq!(outcome.unwrap(), 7);
}

#[test]
fn a_child_that_is_cancelled_in_the_queue_does_not_wait_for_its_turn() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let outcome = play.run(async move {
        rt.scope_with()
            .limit(1)
            .run(async |s| {
                let (open, gate) = oneshot::channel::<()>();
                s.spawn(async { gate.await.unwrap() });
                let queued = s.spawn(async { unreachable!("it was cancelled before") });
                queued.cancel("not needed");
                assert!(queued.result().await.unwrap_err().is_cancelled());
                let job = s.spawn_blocking(|| unreachable!("it was cancelled before"));
                job.cancel("not needed");
                assert!(job.result().await.unwrap_err().is_cancelled());
                drop(s.start::<(), _, _>(|_ready| async { unreachable!("given up before") }));
                assert_eq!(s.live(), 2);
                tick().await;
                tick().await;
                assert_eq!(s.live(), 1);
                open.send(()).unwrap();
            })
            .await
    });
    outcome.unwrap().unwrap();
}

#[test]
fn children_of_a_closure_are_waited_for_though_the_token_was_cancelled_before() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let outcome = play.run(async move {
        let (give, taken) = oneshot::channel();
        let token = CancelToken::new();
        token.cancel("before");
        let outcome = rt
            .scope_with()
            .until(&token)
            .run(|s| {
                let log = inner.clone();
                s.spawn(async move { say(&log, "never") });
                drop(give.send(s));
                std::future::ready(())
            })
            .await;
        assert_eq!(taken.await.unwrap().live(), 0);
        say(&inner, "scope over");
        outcome
    });
    let error = outcome.unwrap().unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "before");
    assert_eq!(said(&log), ["scope over"]);
}

struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic_any("in a destructor");
    }
}

#[test]
fn a_value_whose_destructor_panics_takes_no_error_with_it() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let outcome = play.run(async move {
        rt.scope_with()
            .collect_errors()
            .try_run(async |s| {
                s.spawn(async { Err::<(), _>("bad") });
                Ok(PanicOnDrop)
            })
            .await
            .map(std::mem::forget)
    });
    let error = outcome.unwrap().unwrap_err();
    assert_eq!(texts(&error), ["bad"]);
    assert_eq!(error.failures().len(), 1, "the destructor's");
}

#[test]
fn a_destructor_of_the_body_that_panics_while_unwinding_is_reported() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let joined = play.run(async move {
        let mut scope = Box::pin(rt.scope(async |_| {
            let _first = PanicOnDrop;
            pending::<()>().await;
        }));
        let polled = poll_fn(|cx| Poll::Ready(scope.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        panic_any("in the task");
    });
    let error = joined.unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("in the task"));
    assert_eq!(error.failures().len(), 1, "{error:?}");
}

#[test]
fn an_error_that_was_dealt_with_is_no_reason_to_keep_the_value() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let (give, taken) = oneshot::channel();
    let log = Log::default();
    let inner = log.clone();
    let task = play.spawn(async move {
        let value: Result<_, ScopeError<&str>> = rt
            .scope_with()
            .supervise(|_| Verdict::Continue)
            .try_run(async |s| {
                s.spawn(async { Err::<(), _>("dealt with") });
                s.protect(async {
                    ticks(3).await;
                    taken.await.unwrap();
                });
                Ok(5)
            })
            .await;
        say(&inner, format!("{value:?}"));
    });
    play.turns(3);
    task.cancel("after the body, and it stops nobody");
    give.send(()).unwrap();
    play.end();
    assert_eq!(said(&log), ["Ok(5)"]);
}

#[test]
fn a_child_that_spawns_while_it_is_dropped_is_waited_for_or_refused() {
    for stop in ["the child", "the scope"] {
        let mut play = Play::default();
        let rt = play.rt.clone();
        let log = Log::default();
        let inner = log.clone();
        struct SpawnOnDrop(TryScope<Hand, &'static str>, Log);
        impl Drop for SpawnOnDrop {
            fn drop(&mut self) {
                let log = self.1.clone();
                self.0.spawn(async move {
                    ticks(3).await;
                    say(&log, "spawned by a destructor");
                });
            }
        }
        let outcome: Result<(), _> = play
            .run(async move {
                let outcome = rt
                    .try_scope(async |s| {
                        let guard = SpawnOnDrop(s.clone(), inner.clone());
                        let child: Child<()> = s.spawn(async move {
                            let _guard = guard;
                            pending::<()>().await;
                        });
                        ticks(2).await;
                        match stop {
                            "the child" => child.cancel("alone"),
                            _ => return Err("all"),
                        }
                        Ok(())
                    })
                    .await;
                say(&inner, "scope over");
                outcome
            })
            .unwrap();
        let expected: &[&str] = match stop {
            "the child" => &["spawned by a destructor", "scope over"],
            _ => &["scope over"],
        };
        assert_eq!(said(&log), expected);
        assert_eq!(outcome.is_ok(), stop == "the child");
    }
}

#[test]
fn an_early_error_whose_caller_is_gone_is_not_lost() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let count = Count::default();
    let error = count.error();
    let done = play.run(async move {
        rt.try_scope(async |s| {
            let mut start = Box::pin(s.start::<(), _, _>(|_ready| async { Err::<(), _>(error) }));
            let polled = poll_fn(|cx| Poll::Ready(start.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            ticks(2).await;
            drop(start);
            Ok(())
        })
        .await
    });
    assert!(done.unwrap().is_ok());
    assert_eq!((count.made(), count.received()), (1, 1));
}
