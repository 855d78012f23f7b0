//! Who is polled when: no futurelock, nobody starves, nobody is polled for nothing.

use std::future::{pending, poll_fn};

use super::*;
use crate::scope::local::ready::{Member, Next, Ready};
use crate::task::tests::tick;
use crate::{CancelToken, LocalScope, local_scope};

/// How many turns a poll takes.
const TURNS: usize = 64;

#[test]
fn children_run_while_the_body_waits_for_something_else() {
    let (give, take) = futures::channel::oneshot::channel();
    run(local_scope(|n| async move {
        n.spawn(async move {
            tick().await;
            give.send(5).unwrap();
        });
        // No await of a child: a stream of futures would stand still here.
        assert_eq!(take.await.unwrap(), 5);
    }));
}

#[test]
fn a_lock_that_a_child_holds_is_given_back_while_the_body_waits_for_it() {
    let lock = futures::lock::Mutex::new(0);
    let shared = &lock;
    run(local_scope(|n| async move {
        for _ in 0..3 {
            n.spawn(async move {
                let mut held = shared.lock().await;
                tick().await;
                *held += 1;
            });
        }
        tick().await;
        *shared.lock().await += 10;
    }));
    assert_eq!(lock.into_inner(), 13);
}

#[test]
fn a_child_is_polled_only_when_it_was_woken() {
    let polls = [const { AtomicUsize::new(0) }; 100];
    let wakers: Mutex<Vec<Waker>> = Mutex::default();
    let (counts, kept) = (&polls, &wakers);
    let mut scope = Box::pin(local_scope(|n| async move {
        for count in counts {
            n.spawn(poll_fn(move |cx| {
                count.fetch_add(1, Ordering::SeqCst);
                kept.lock().unwrap().push(cx.waker().clone());
                Poll::<()>::Pending
            }));
        }
    }));
    let (count, waker) = Count::new();
    let cx = &mut Context::from_waker(&waker);
    for _ in 0..5 {
        assert!(scope.as_mut().poll(cx).is_pending());
    }
    assert_eq!(count.get(), 1, "101 members take two polls");
    let sum = || {
        polls
            .iter()
            .map(|polls| polls.load(Ordering::SeqCst))
            .sum::<usize>()
    };
    assert_eq!(sum(), 100);
    let one = wakers.lock().unwrap()[17].clone();
    one.wake_by_ref();
    one.wake();
    assert_eq!(count.get(), 2, "woken once for both");
    assert!(scope.as_mut().poll(cx).is_pending());
    assert_eq!(sum(), 101);
    assert_eq!(polls[17].load(Ordering::SeqCst), 2);
}

#[test]
fn a_waker_of_a_child_that_is_gone_polls_nobody() {
    let polls = AtomicUsize::new(0);
    let wakers: Mutex<Vec<Waker>> = Mutex::default();
    let (counted, kept) = (&polls, &wakers);
    let mut scope = Box::pin(local_scope(|n| async move {
        let first = n.spawn(poll_fn(move |cx| {
            kept.lock().unwrap().push(cx.waker().clone());
            Poll::Ready(())
        }));
        first.await;
        // In the place of the first.
        n.spawn(poll_fn(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Poll::<()>::Pending
        }));
    }));
    for _ in 0..3 {
        assert!(poll_once(scope.as_mut()).is_pending());
    }
    assert_eq!(polls.load(Ordering::SeqCst), 1);
    wakers.lock().unwrap()[0].wake_by_ref();
    assert!(poll_once(scope.as_mut()).is_pending());
    assert_eq!(polls.load(Ordering::SeqCst), 1);
}

#[test]
fn a_queue_that_is_closed_keeps_nobody() {
    let ready = Arc::new(Ready::default());
    let (queued, late) = (Member::new(&ready, 0), Member::new(&ready, 1));
    ready.begin_round();
    assert!(matches!(ready.next(2), Next::Turn(_)));
    assert!(matches!(ready.next(1), Next::Turn(_)));
    queued.wake_by_ref();
    drop(queued);
    ready.close();
    late.wake();
    assert_eq!(Arc::strong_count(&ready), 1);
}

#[test]
fn one_poll_takes_a_bounded_number_of_turns_and_comes_back() {
    let turns = AtomicUsize::new(0);
    let counted = &turns;
    let mut scope = Box::pin(local_scope(|n| async move {
        for _ in 0..10_000 {
            n.spawn(async move {
                loop {
                    counted.fetch_add(1, Ordering::SeqCst);
                    tick().await;
                }
            });
        }
    }));
    let (count, waker) = Count::new();
    for polls in 1..200 {
        let cx = &mut Context::from_waker(&waker);
        assert!(scope.as_mut().poll(cx).is_pending());
        assert_eq!(count.get(), polls, "it wakes its task");
        let most = polls * TURNS;
        assert!(turns.load(Ordering::SeqCst) <= most);
    }
}

#[test]
fn a_child_that_never_rests_starves_no_sibling() {
    let done = AtomicUsize::new(0);
    let counted = &done;
    let token = CancelToken::new();
    let stop = &token;
    run(local_scope(|n| async move {
        n.spawn(async move {
            while !stop.is_cancelled() {
                tick().await;
            }
        });
        for _ in 0..10 {
            n.spawn(async move {
                for _ in 0..100 {
                    tick().await;
                }
                if counted.fetch_add(1, Ordering::SeqCst) == 9 {
                    stop.cancel("all are done");
                }
            });
        }
    }));
    assert_eq!(done.into_inner(), 10);
}

#[test]
fn children_that_spawn_for_ever_let_their_task_go_on() {
    fn again(n: LocalScope<'static>) {
        n.clone().spawn(async move { again(n) });
    }
    let mut scope = Box::pin(local_scope(|n| async move { again(n) }));
    let (count, waker) = Count::new();
    for polls in 1..10 {
        let cx = &mut Context::from_waker(&waker);
        assert!(scope.as_mut().poll(cx).is_pending());
        assert_eq!(count.get(), polls);
    }
}

#[test]
fn ten_thousand_children_cost_ten_thousand_turns() {
    const MANY: usize = 10_000;
    let turns = AtomicUsize::new(0);
    let counted = &turns;
    let (open, gate) = futures::channel::oneshot::channel::<()>();
    let mut scope = Box::pin(local_scope(|n| async move {
        let children: Vec<_> = (0..MANY)
            .map(|number| {
                n.spawn(async move {
                    counted.fetch_add(1, Ordering::SeqCst);
                    number
                })
            })
            .collect();
        gate.await.unwrap();
        let mut sum = 0;
        for child in children {
            sum += child.await;
        }
        sum
    }));
    let mut polls = 0;
    while turns.load(Ordering::SeqCst) < MANY {
        assert!(poll_once(scope.as_mut()).is_pending());
        polls += 1;
    }
    assert!(polls <= MANY / TURNS + 2, "{polls}");
    open.send(()).unwrap();
    assert_eq!(finish(scope.as_mut()), MANY * (MANY - 1) / 2);
    assert_eq!(turns.load(Ordering::SeqCst), MANY);
}

#[test]
fn a_child_spawned_from_another_thread_wakes_the_scope() {
    let handle: Arc<Mutex<Option<LocalScope<'static>>>> = Arc::default();
    let given = handle.clone();
    let mut scope = Box::pin(local_scope(move |n| async move {
        *given.lock().unwrap() = Some(n);
        pending::<()>().await;
    }));
    let (count, waker) = Count::new();
    let cx = &mut Context::from_waker(&waker);
    assert!(scope.as_mut().poll(cx).is_pending());
    assert_eq!(count.get(), 0);
    let n = handle.lock().unwrap().take().unwrap();
    let child = std::thread::spawn(move || n.spawn(async { 5 }))
        .join()
        .unwrap();
    assert_eq!(count.get(), 1);
    assert!(scope.as_mut().poll(cx).is_pending());
    assert_eq!(run(child), 5);
}
