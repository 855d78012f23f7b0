//! Where scopes broke once: each of these was red.

use std::future::{Future, pending, poll_fn};
use std::panic::panic_any;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use futures::channel::oneshot;

use super::run::{Log, OnDrop, Play, result, said, say, texts, ticks};
use crate::region::BoxFuture;
use crate::region::tests::counted::Count;
use crate::runtime::{Enter, Instant, Spawn, Timer};
use crate::task::tests::{Hand, tick};
use crate::{
    CancelToken, Cancellable, Child, Runtime, Scope, ScopeError, TryScope, Verdict, defer, shield,
};

#[test]
fn what_is_spawned_from_two_threads_while_the_scope_ends_is_waited_for_or_refused() {
    const ROUNDS: usize = 300;
    let turn = AtomicUsize::new(0);
    let scope: Mutex<Option<Scope<Hand>>> = Mutex::new(None);
    let children: Mutex<Vec<Child<()>>> = Mutex::new(Vec::new());
    let spawned = AtomicUsize::new(0);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                for round in 1..=ROUNDS {
                    while turn.load(Ordering::SeqCst) < round {
                        thread::yield_now();
                    }
                    let here = scope.lock().unwrap().clone().unwrap();
                    for _ in 0..3 {
                        let child = here.try_spawn(async {});
                        children.lock().unwrap().extend(child);
                    }
                    drop(here);
                    spawned.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 1..=ROUNDS {
            let mut play = Play::default();
            let rt = play.rt.clone();
            let (give, taken) = oneshot::channel();
            let mut task = play.spawn(async move {
                rt.scope(async |s| {
                    drop(give.send(s));
                    tick().await;
                })
                .await;
            });
            play.turn();
            *scope.lock().unwrap() = Some(futures::executor::block_on(taken).unwrap());
            turn.store(round, Ordering::SeqCst);
            for _ in 0..round % 4 {
                thread::yield_now();
            }
            while !task.is_finished() {
                play.turn();
            }
            // Nothing is polled any more.
            while spawned.load(Ordering::SeqCst) < 2 * round {
                thread::yield_now();
            }
            for child in std::mem::take(&mut *children.lock().unwrap()) {
                assert!(child.is_finished(), "round {round}: nobody waits for it");
            }
            result(&mut task).unwrap();
        }
    });
}

/// Polls a future again whenever it is woken, at once.
struct PolledWhenWoken(Mutex<Option<BoxFuture>>);

impl Wake for PolledWhenWoken {
    fn wake(self: Arc<Self>) {
        let Some(mut future) = self.0.lock().unwrap().take() else {
            return;
        };
        let waker = Waker::from(Arc::clone(&self));
        if future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            *self.0.lock().unwrap() = Some(future);
        }
    }
}

#[test]
fn who_waits_for_a_scope_to_close_learns_that_it_was_dropped() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let done = play.run(async move {
        let (give, taken) = oneshot::channel::<TryScope<Hand, ()>>();
        {
            let mut scope = pin!(rt.try_scope(async |s| {
                drop(give.send(s.clone()));
                pending::<Result<(), ()>>().await
            }));
            let polled = poll_fn(|cx| Poll::Ready(scope.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            let s = taken.await.unwrap();
            let waits = thread::spawn(move || {
                // Not through `close`, which would ask, too.
                let closed = s.close("elsewhere");
                let future: BoxFuture = Box::pin(async move {
                    closed.await.unwrap();
                    seen.store(true, Ordering::SeqCst);
                });
                Arc::new(PolledWhenWoken(Mutex::new(Some(future)))).wake();
            });
            waits.join().unwrap();
        }
    });
    done.unwrap();
    assert!(over.load(Ordering::SeqCst));
}

/// A runtime that polls a task before its spawn returns, as another thread might.
#[derive(Clone, Debug, Default)]
struct AtOnce {
    rt: Hand,
    roots: Roots,
    woken: Arc<CountingWaker>,
}

#[derive(Clone, Default)]
struct Roots(Arc<Mutex<Vec<BoxFuture>>>);

impl std::fmt::Debug for Roots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Roots")
    }
}

#[derive(Debug, Default)]
struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl AtOnce {
    fn poll(&self) {
        let waker = Waker::from(self.woken.clone());
        let roots = std::mem::take(&mut *self.roots.0.lock().unwrap());
        for mut root in roots {
            if root
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
            {
                self.roots.0.lock().unwrap().push(root);
            }
        }
    }
}

impl Spawn for AtOnce {
    fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        let mut root: BoxFuture = Box::pin(future);
        let waker = Waker::from(self.woken.clone());
        // Elsewhere, so that it does not run inside the one that spawns it.
        let root = thread::scope(|threads| {
            let polled = threads.spawn(move || {
                let pending = root.as_mut().poll(&mut Context::from_waker(&waker));
                pending.is_pending().then_some(root)
            });
            polled.join().unwrap()
        });
        self.roots.0.lock().unwrap().extend(root);
    }

    fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
        self.rt.spawn_blocking_raw(job)
    }

    fn enter<T>(&self, purpose: Enter, f: impl FnOnce() -> T) -> T {
        self.rt.enter(purpose, f)
    }
}

impl Timer for AtOnce {
    type Sleep = <Hand as Timer>::Sleep;

    fn now(&self) -> Instant {
        self.rt.now()
    }

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        self.rt.sleep_until(deadline)
    }
}

#[test]
fn what_waits_elsewhere_for_the_children_of_a_dropped_scope_is_woken() {
    let rt = AtOnce::default();
    let log = Log::default();
    let (open, gate) = oneshot::channel::<()>();
    {
        let (cleanup, child) = (log.clone(), log.clone());
        let mut scope = Box::pin(rt.scope(async move |s| {
            s.defer(async move { say(&cleanup, "scope cleaned up") })
                .unwrap();
            s.spawn(shield(async move {
                gate.await.unwrap();
                say(&child, "child over");
            }));
            pending::<()>().await;
        }));
        // In no task of ours, and dropped half-way there.
        let polled = scope.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    open.send(()).unwrap();
    let waiting = rt.roots.0.lock().unwrap().len();
    assert_eq!(waiting, 2, "the child, and who waits for it");
    let woken = rt.woken.0.load(Ordering::SeqCst);
    rt.poll();
    assert!(
        rt.woken.0.load(Ordering::SeqCst) > woken,
        "by the child's end"
    );
    rt.poll();
    assert_eq!(said(&log), ["child over", "scope cleaned up"]);
}

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
            .map(|value| std::mem::forget(value))
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
                    taken.await.unwrap()
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
fn clean_ups_of_a_closed_scope_have_a_place() {
    // The clean-up of a child that outlives nobody: registered while the scope drains.
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let _ = OnDrop(log.clone(), "first");
    let done = play.run(async move {
        rt.scope(async |s| {
            let (scope, log) = (s.clone(), inner.clone());
            s.spawn(async move {
                defer(async move {
                    tick().await;
                    let last = log.clone();
                    scope
                        .defer(async move { say(&last, "scope cleaned up") })
                        .unwrap();
                    say(&log, "child cleaned up");
                });
            });
        })
        .await;
    });
    done.unwrap();
    assert_eq!(
        said(&log),
        ["first", "child cleaned up", "scope cleaned up"]
    );
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

#[test]
fn a_late_error_of_a_scope_that_was_dropped_in_no_task_goes_to_the_hook() {
    for rooted in [false, true] {
        let mut play = Play::default();
        let rt = play.rt.clone();
        let count = Count::default();
        let error = count.error();
        let scope = async {
            rt.try_scope(async |s| {
                s.spawn(async {
                    shield(ticks(3)).await;
                    Err::<(), _>(error)
                });
                pending::<Result<(), _>>().await
            })
            .await
        };
        let mut cx = Context::from_waker(Waker::noop());
        if rooted {
            let mut scope = Box::pin(crate::rooted(&rt, scope));
            assert!(scope.as_mut().poll(&mut cx).is_pending());
            play.turn();
        } else {
            let mut scope = Box::pin(scope);
            assert!(scope.as_mut().poll(&mut cx).is_pending());
            play.turn();
        }
        play.end();
        assert_eq!(count.received(), 1, "rooted: {rooted}");
    }
}
