//! Where scopes broke once: at their end, by return and by drop.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use futures::channel::oneshot;

use super::run::{Log, OnDrop, Play, result, said, say, ticks};
use crate::region::BoxFuture;
use crate::region::tests::counted::Count;
use crate::runtime::{Enter, Instant, Spawn, Timer};
use crate::task::tests::{Hand, tick};
use crate::{Child, Runtime, Scope, TryScope, defer, shield};

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
    fn may_block(&self) -> bool {
        false
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
fn a_value_of_a_scope_that_was_cut_from_outside_is_not_given_though_it_cancels_on_exit() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let log = Log::default();
    let inner = log.clone();
    let mut task = play.spawn(async move {
        let value = rt
            .scope_with()
            .cancel_on_exit()
            .run(async |s| {
                s.spawn(pending::<()>());
                shield(ticks(4)).await;
            })
            .await;
        say(&inner, format!("{value:?}"));
    });
    play.turns(2);
    task.cancel("from outside");
    play.end();
    assert!(result(&mut task).unwrap_err().is_cancelled());
    assert!(said(&log).is_empty());
}

#[test]
fn a_child_that_its_scope_stopped_says_why() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let (give, mut given) = oneshot::channel();
    let task = play.spawn(async move {
        rt.scope(async |s| {
            give.send(s.spawn(pending::<()>())).ok();
            pending::<()>().await;
        })
        .await;
    });
    // Long enough for the child to be listed: one that was never polled copies the reason.
    play.turns(4);
    task.cancel("closing time");
    play.end();
    let child = given.try_recv().unwrap().unwrap();
    let error = futures::executor::block_on(child.result()).unwrap_err();
    assert_eq!(
        error.reason().map(crate::Reason::as_str),
        Some("closing time")
    );
}
