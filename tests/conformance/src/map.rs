//! The same for each of many: in order, so many at a time, and gone when it is over.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use anyrt_core::{Runtime, ScopeError, defer, shield};
use futures::channel::oneshot;
use futures::{StreamExt, TryStreamExt};

use crate::Harness;
use crate::faults::{dropped, until, yield_once};

/// Counts how many are inside at a time, and the most there ever were.
#[derive(Clone, Default)]
struct Crowd(Arc<(AtomicUsize, AtomicUsize)>);

impl Crowd {
    fn enter(&self) -> Inside {
        let (now, most) = &*self.0;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Inside(self.clone())
    }

    fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

struct Inside(Crowd);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn yields(count: usize) {
    for _ in 0..count {
        yield_once().await;
    }
}

pub async fn the_values_come_in_the_order_of_the_items<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let items = crowd.clone();
    let values = rt
        .map(0..200usize, 7, move |n| {
            let inside = items.enter();
            async move {
                let _inside = inside;
                yields(n * 31 % 5).await;
                n * 2
            }
        })
        .await;
    assert!(values.into_iter().eq((0..200).map(|n| n * 2)));
    assert!(crowd.most() <= 7, "{} at a time", crowd.most());
    assert_eq!(crowd.now(), 0);
}

pub async fn nothing_and_a_limit_of_zero_are_fine<H: Harness>(rt: H::Handle) {
    let none: Vec<u8> = rt.map(Vec::<u8>::new(), 3, |n| async move { n }).await;
    assert!(none.is_empty());
    assert_eq!(rt.map([1, 2], 0, |n| async move { n }).await, [1, 2]);
    assert!(
        rt.gather_all(Vec::<std::future::Ready<()>>::new())
            .await
            .is_empty()
    );
    let nothing = rt.as_completed(Vec::<std::future::Ready<()>>::new(), async |mut done| {
        done.next().await.is_none()
    });
    assert!(nothing.await);
}

pub async fn the_items_are_asked_for_only_when_there_is_room<H: Harness>(rt: H::Handle) {
    let asked = Arc::new(AtomicUsize::new(0));
    let (open, gate) = oneshot::channel::<()>();
    let mut gate = Some(gate);
    let count = Arc::clone(&asked);
    let items = std::iter::repeat_with(move || {
        count.fetch_add(1, Ordering::SeqCst);
        gate.take()
    });
    let mapped = rt.map(items.take(10), 3, |gate| async move {
        match gate {
            Some(gate) => drop(gate.await),
            None => pending().await,
        }
    });
    let mut mapped = Box::pin(mapped);
    let polled = poll_fn(|cx| Poll::Ready(mapped.as_mut().poll(cx).is_pending()));
    assert!(polled.await);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    drop(open);
    drop(mapped);
}

pub async fn the_first_error_stops_the_others_and_all_are_gone<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let cleaned = Arc::new(AtomicUsize::new(0));
    let (items, counted) = (crowd.clone(), Arc::clone(&cleaned));
    let outcome: Result<Vec<()>, ScopeError<usize>> = rt
        .try_map(0..100usize, 8, move |n| {
            let (inside, counted) = (items.enter(), Arc::clone(&counted));
            async move {
                let _inside = inside;
                defer(async move {
                    yields(2).await;
                    counted.fetch_add(1, Ordering::SeqCst);
                });
                yields(2).await;
                match n {
                    5 => Err(n),
                    _ => pending().await,
                }
            }
        })
        .await;
    let error = outcome.unwrap_err();
    assert!(error.errors().unwrap().errors().eq(&[5]));
    assert_eq!(error.errors().unwrap().first().index(), Some(5));
    assert_eq!(crowd.now(), 0);
    // One that was stopped before its first poll never ran.
    let cleaned = cleaned.load(Ordering::SeqCst);
    assert!((1..=8).contains(&cleaned), "{cleaned}");
}

pub async fn a_panic_of_one_goes_on_when_all_are_gone<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let items = crowd.clone();
    let scope = rt.clone();
    let joined = rt.spawn(async move {
        scope
            .map(0..20, 4, move |n| {
                let inside = items.enter();
                async move {
                    let _inside = inside;
                    assert!(n != 3, "three");
                    pending::<()>().await;
                }
            })
            .await
    });
    assert_eq!(
        joined.await.unwrap_err().panic_message().as_deref(),
        Some("three")
    );
    assert_eq!(crowd.now(), 0);
}

pub async fn a_panic_of_the_closure_goes_on_when_all_are_gone<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let items = crowd.clone();
    let scope = rt.clone();
    let joined = rt.spawn(async move {
        scope
            .map(0..20, 4, move |n| {
                assert!(n != 3, "three");
                let inside = items.enter();
                async move {
                    let _inside = inside;
                    pending::<()>().await;
                }
            })
            .await
    });
    assert_eq!(
        joined.await.unwrap_err().panic_message().as_deref(),
        Some("three")
    );
    assert_eq!(crowd.now(), 0);
}

pub async fn a_request_stops_all_before_what_is_around<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let (around, gone) = dropped();
    let seen = Arc::new(Mutex::new(None));
    let scope = rt.clone();
    let task = rt.spawn({
        let (crowd, seen) = (crowd.clone(), Arc::clone(&seen));
        async move {
            let look = crowd.clone();
            let _around = (
                crate::faults::OnDrop::new(move || {
                    *seen.lock().unwrap() = Some(look.now());
                }),
                around,
            );
            scope
                .map(0..10, 10, |_| {
                    let inside = crowd.enter();
                    async move {
                        let _inside = inside;
                        shield(yields(3)).await;
                        pending::<()>().await;
                    }
                })
                .await
        }
    });
    until(|| crowd.now() == 10).await;
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    gone.await;
    assert_eq!(
        *seen.lock().unwrap(),
        Some(0),
        "how many lived when what is around was dropped"
    );
}

pub async fn dropped_half_way_it_is_drained_by_its_task<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let scope = rt.clone();
    let inner = crowd.clone();
    let task = rt.spawn(async move {
        let mut mapped = Box::pin(scope.map(0..10, 10, |_| {
            let inside = inner.enter();
            async move {
                let _inside = inside;
                pending::<()>().await;
            }
        }));
        let polled = poll_fn(|cx| Poll::Ready(mapped.as_mut().poll(cx).is_pending()));
        assert!(polled.await);
    });
    task.await.unwrap();
    assert_eq!(crowd.now(), 0, "a task is not over before its children");
}

pub async fn a_stream_gives_each_value_when_it_is_there<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let items = crowd.clone();
    let stream = rt.map_stream(0..50usize, 4, move |n| {
        let inside = items.enter();
        async move {
            yields(n % 3).await;
            (n, inside)
        }
    });
    let mut stream = std::pin::pin!(stream);
    let mut expected = 0;
    while let Some((n, _inside)) = stream.next().await {
        assert_eq!(n, expected);
        expected += 1;
        yields(3).await;
    }
    assert_eq!(expected, 50);
    // Those that run, those that wait to be taken, and the one in our hand.
    assert!(crowd.most() <= 5, "{} at a time", crowd.most());
    assert!(stream.next().await.is_none());
}

pub async fn a_stream_ends_with_what_failed<H: Harness>(rt: H::Handle) {
    let stream = rt.try_map_stream(0..10, 1, |n| async move {
        match n {
            3 => Err("three"),
            n => Ok(n),
        }
    });
    let mut stream = std::pin::pin!(stream);
    let mut values = Vec::new();
    let error = loop {
        match stream.try_next().await {
            Ok(Some(value)) => values.push(value),
            Ok(None) => panic!("it failed"),
            Err(error) => break error,
        }
    };
    assert_eq!(values, [0, 1, 2]);
    assert!(error.errors().unwrap().errors().eq(&["three"]));
    assert!(stream.next().await.is_none());
}

pub async fn all_outcomes_come_in_the_order_of_the_futures<H: Harness>(rt: H::Handle) {
    let futures = (0..20).map(|n| async move {
        yields(n % 4).await;
        assert!(n % 5 != 0, "a fifth");
        n
    });
    let outcomes = rt.gather_all(futures).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match n % 5 {
            0 => assert_eq!(
                outcome.unwrap_err().panic_message().as_deref(),
                Some("a fifth")
            ),
            _ => assert_eq!(outcome.unwrap(), n),
        }
    }
}

pub async fn the_first_to_end_come_first_and_the_unseen_are_stopped<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let mut gates = Vec::new();
    let arms: Vec<_> = (0..4)
        .map(|n| {
            let (open, gate) = oneshot::channel::<()>();
            gates.push(Some(open));
            let crowd = crowd.clone();
            async move {
                let _inside = crowd.enter();
                gate.await.unwrap();
                assert!(n != 1, "one");
                n
            }
        })
        .collect();
    let seen = rt
        .as_completed(arms, async |mut done| {
            let mut seen = Vec::new();
            for n in [2, 0, 1] {
                gates[n].take().unwrap().send(()).unwrap();
                let (position, outcome) = done.next().await.unwrap();
                seen.push((position, outcome.is_ok()));
            }
            seen
        })
        .await;
    assert_eq!(seen, [(2, true), (0, true), (1, false)]);
    assert_eq!(crowd.now(), 0, "the fourth was stopped");
}

pub async fn recursion_works_through_boxes<H: Harness>(rt: H::Handle) {
    type Sum = std::pin::Pin<Box<dyn Future<Output = u64> + Send>>;
    fn tree<R: Runtime>(rt: R, depth: u64) -> Sum {
        Box::pin(async move {
            let Some(below) = depth.checked_sub(1) else {
                return 1;
            };
            let parts = rt.map([below; 3], 2, |below| tree(rt.clone(), below)).await;
            parts.into_iter().sum()
        })
    }
    assert_eq!(tree(rt, 5).await, 243);
}

pub async fn the_first_task_to_end_wins_and_the_losers_are_gone<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let cleaned = Arc::new(AtomicUsize::new(0));
    let arms: Vec<_> = (0..5)
        .map(|n| {
            let (crowd, cleaned) = (crowd.clone(), Arc::clone(&cleaned));
            async move {
                let _inside = crowd.enter();
                defer(async move {
                    yields(3).await;
                    cleaned.fetch_add(1, Ordering::SeqCst);
                });
                if n == 3 {
                    until(|| crowd.now() == 5).await;
                    return n;
                }
                pending().await
            }
        })
        .collect();
    assert_eq!(rt.race(arms).await, Some(3));
    assert_eq!((crowd.now(), cleaned.load(Ordering::SeqCst)), (0, 5));
    assert_eq!(rt.race(Vec::<std::future::Ready<()>>::new()).await, None);
}

pub async fn a_race_is_lost_by_a_panic_that_is_first<H: Harness>(rt: H::Handle) {
    let crowd = Crowd::default();
    let (scope, items) = (rt.clone(), crowd.clone());
    let joined = rt.spawn(async move {
        let arms = (0..4).map(move |n| {
            let crowd = items.clone();
            async move {
                let _inside = crowd.enter();
                until(|| crowd.now() == 4).await;
                assert!(n != 2, "two");
                pending::<()>().await;
            }
        });
        scope.race(arms).await
    });
    assert_eq!(
        joined.await.unwrap_err().panic_message().as_deref(),
        Some("two")
    );
    assert_eq!(crowd.now(), 0);
}

pub async fn the_first_ok_of_tasks_comes_with_what_failed_before<H: Harness>(rt: H::Handle) {
    let gate = Arc::new(AtomicUsize::new(0));
    let arms: Vec<_> = (0..3)
        .map(|n| {
            let gate = Arc::clone(&gate);
            async move {
                until(|| gate.load(Ordering::SeqCst) == n).await;
                gate.fetch_add(1, Ordering::SeqCst);
                if n == 2 { Ok("third") } else { Err(n) }
            }
        })
        .collect();
    let (value, failed) = rt.race_ok(arms).await.unwrap();
    assert_eq!(value, "third");
    let mut errors: Vec<_> = failed
        .into_iter()
        .map(|child| child.into_error().unwrap())
        .collect();
    // Two that end between two looks come in order; one may end after the winner has.
    errors.sort_unstable();
    assert!(
        errors.len() <= 2 && errors.iter().all(|n| *n < 2),
        "{errors:?}"
    );

    let error = rt
        .race_ok(["a", "b"].map(|text| async move { Err::<(), _>(text) }))
        .await
        .unwrap_err();
    assert_eq!(error.errors().unwrap().len(), 2);
    let nobody = rt
        .race_ok(Vec::<std::future::Ready<Result<(), String>>>::new())
        .await;
    assert!(nobody.unwrap_err().is_empty());
}

pub async fn gathering_spawns_all_and_keeps_their_order<H: Harness>(rt: H::Handle) {
    let numbers = (0..50usize).map(|n| async move {
        yields(n % 3).await;
        n
    });
    assert!(rt.gather(numbers).await.into_iter().eq(0..50));
    let outcome = rt
        .try_gather([Ok(1), Err("bad")].map(std::future::ready))
        .await;
    assert!(outcome.unwrap_err().errors().unwrap().errors().eq(&["bad"]));
}

pub async fn an_error_says_where_the_map_was_called<H: Harness>(rt: H::Handle) {
    let failed = rt.try_map([1], 1, |_| async { Err::<(), _>("out of cheese") });
    let error = failed.await.unwrap_err();
    let place = error.errors().unwrap().first().location();
    assert!(place.file().contains("conformance"), "{place}");
    let raced = rt
        .race_ok([async { Err::<(), _>("no bread") }])
        .await
        .unwrap_err();
    let text = format!("{raced:#}");
    assert!(
        text.contains("conformance") && !text.contains("combine/spawned"),
        "{text}"
    );
}
