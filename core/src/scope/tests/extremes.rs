//! Very many, very deep, and not polled more often than there is a reason.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use futures::future::{Either, select};

use crate::region::BoxFuture;
use crate::task::tests::{Hand, tick};
use crate::{Runtime, defer, shield};

const DEEP: usize = 100_000;

/// A child that opens a scope with such a child, and so on; at the bottom it waits for ever.
fn deeper(rt: Hand, left: usize, bottom: Arc<AtomicUsize>) -> BoxFuture {
    Box::pin(async move {
        let Some(below) = left.checked_sub(1) else {
            bottom.fetch_add(1, Ordering::SeqCst);
            return pending().await;
        };
        rt.clone()
            .scope(async |s| {
                s.spawn(deeper(rt, below, bottom));
                pending::<()>().await;
            })
            .await;
    })
}

fn on_a_small_stack(test: fn()) {
    let small = thread::Builder::new().stack_size(512 * 1024);
    small.spawn(test).unwrap().join().unwrap();
}

/// Polls each new task once, until there are no more of them.
fn descend(rt: &Hand) -> Vec<BoxFuture> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut roots = Vec::new();
    loop {
        let new = rt.take_roots();
        if new.is_empty() {
            return roots;
        }
        for mut root in new {
            assert!(root.as_mut().poll(&mut cx).is_pending());
            roots.push(root);
        }
    }
}

#[test]
fn a_hundred_thousand_scopes_deep_a_request_ends_them_all() {
    on_a_small_stack(|| {
        let rt = Hand::default();
        let bottom = Arc::new(AtomicUsize::new(0));
        let task = rt.spawn(deeper(rt.clone(), DEEP, bottom.clone()));
        let mut roots = descend(&rt);
        assert_eq!(bottom.load(Ordering::SeqCst), 1);
        task.cancel("all of it");
        let mut cx = Context::from_waker(Waker::noop());
        // From the bottom up, each ends when what is in it has.
        while let Some(mut root) = roots.pop() {
            let ended = (0..4).any(|_| root.as_mut().poll(&mut cx).is_ready());
            assert!(ended, "{} left", roots.len());
        }
        assert!(task.is_finished());
    });
}

#[test]
fn a_hundred_thousand_scopes_deep_all_may_be_dropped_from_either_end() {
    on_a_small_stack(|| {
        for bottom_first in [true, false] {
            let rt = Hand::default();
            let task = rt.spawn(deeper(rt.clone(), DEEP, Arc::default()));
            let mut roots = descend(&rt);
            if bottom_first {
                roots.reverse();
            }
            rt.go();
            roots.into_iter().for_each(drop);
            assert!(task.is_finished());
        }
    });
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_stopped_scope_with_a_shielded_child_is_woken_a_handful_of_times() {
    let rt = Hand::default();
    let (open, gate) = futures::channel::oneshot::channel::<()>();
    let scope = rt.clone();
    let task = rt.spawn(async move {
        scope
            .scope(async |s| {
                s.spawn(async move {
                    shield(gate).await.unwrap();
                    pending::<()>().await;
                });
                pending::<()>().await;
            })
            .await;
    });
    let mut host = rt.next_root();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(host.as_mut().poll(&mut cx).is_pending());
    let mut child = rt.next_root();
    assert!(
        child
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    task.cancel("stop");
    // Polled as often as it is woken, and no more.
    let mut polls = 0;
    let mut seen = 0;
    let mut poll_if_woken = |host: &mut BoxFuture| {
        let mut ended = false;
        while seen < woken.0.load(Ordering::SeqCst) && !ended {
            seen = woken.0.load(Ordering::SeqCst);
            polls += 1;
            ended = host.as_mut().poll(&mut cx).is_ready();
        }
        ended
    };
    for _ in 0..1_000 {
        assert!(!poll_if_woken(&mut host), "the child is shielded");
        let polled = child.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    open.send(()).unwrap();
    assert!(
        child
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
    assert!(poll_if_woken(&mut host));
    assert!(polls <= 4, "{polls} polls");
}

/// One connection, which is given back by an asynchronous clean-up.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Pool {
    async fn take(&self) {
        poll_fn(|cx| {
            let mut pool = self.0.lock().unwrap();
            if pool.0 {
                pool.1.push(cx.waker().clone());
                return Poll::Pending;
            }
            pool.0 = true;
            Poll::Ready(())
        })
        .await;
        let pool = self.clone();
        defer(async move {
            tick().await;
            let woken = {
                let mut pool = pool.0.lock().unwrap();
                pool.0 = false;
                std::mem::take(&mut pool.1)
            };
            woken.into_iter().for_each(Waker::wake);
        });
    }
}

#[test]
fn a_loop_that_drops_scopes_half_way_never_starves_its_pool_of_one() {
    const ROUNDS: usize = 100_000;
    let rt = Hand::default();
    let held = Arc::new(());
    let (scope, weight) = (rt.clone(), held.clone());
    let task = rt.spawn(async move {
        let pool = Pool::default();
        for round in 0..ROUNDS {
            let request = scope.scope(async |_| {
                let _held = weight.clone();
                pool.take().await;
                pending::<()>().await;
            });
            // The timeout wins while the request is in the middle of its work.
            let mut turns = 0;
            let timeout = poll_fn(move |cx| {
                turns += 1;
                cx.waker().wake_by_ref();
                match turns > 3 {
                    true => Poll::Ready(round),
                    false => Poll::Pending,
                }
            });
            let first = select(Box::pin(request), timeout).await;
            assert!(matches!(first, Either::Right((_, _))));
            drop(first);
            // Nothing of earlier rounds stays: the clean-up of the last one, at most.
            assert!(Arc::strong_count(&weight) <= 3);
        }
        ROUNDS
    });
    let mut root = rt.next_root();
    let mut cx = Context::from_waker(Waker::noop());
    let polls = (1..)
        .find(|_| root.as_mut().poll(&mut cx).is_ready())
        .unwrap();
    assert!(polls <= ROUNDS * 5, "{polls} polls");
    drop(root);
    let mut task = task;
    let Poll::Ready(rounds) = Pin::new(&mut task).poll(&mut cx) else {
        panic!("it has ended");
    };
    assert_eq!(rounds.unwrap(), ROUNDS);
    assert_eq!(Arc::strong_count(&held), 1);
}
