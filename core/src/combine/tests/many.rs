//! Many arms: who is polled for which wake, and how many in one go.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::{Log, OnDrop, finish, poll_once, said, say, spawn};
use crate::task::tests::{Hand, tick};
use crate::{defer, gather, race};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Arms that wait for their turn, and how often they were polled.
#[derive(Default)]
struct Crowd {
    polls: AtomicUsize,
    wakers: Mutex<Vec<Option<Waker>>>,
    open: Mutex<Vec<bool>>,
}

impl Crowd {
    fn new(count: usize) -> Arc<Self> {
        let crowd = Crowd::default();
        crowd.wakers.lock().unwrap().resize(count, None);
        crowd.open.lock().unwrap().resize(count, false);
        Arc::new(crowd)
    }

    async fn arm(self: Arc<Self>, index: usize) -> usize {
        poll_fn(|cx| {
            self.polls.fetch_add(1, Ordering::SeqCst);
            // Registered before it looks: who opens it in between finds the waker.
            let before = self.wakers.lock().unwrap()[index].replace(cx.waker().clone());
            drop(before);
            if !self.open.lock().unwrap()[index] {
                return Poll::Pending;
            }
            let left = self.wakers.lock().unwrap()[index].take();
            drop(left);
            Poll::Ready(index)
        })
        .await
    }

    fn arms(self: &Arc<Self>) -> Vec<impl Future<Output = usize> + Send + use<>> {
        let count = self.open.lock().unwrap().len();
        (0..count).map(|n| Arc::clone(self).arm(n)).collect()
    }

    fn open(&self, index: usize) {
        self.open.lock().unwrap()[index] = true;
        let waker = self.wakers.lock().unwrap()[index].take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn polls(&self) -> usize {
        self.polls.swap(0, Ordering::SeqCst)
    }
}

const MANY: usize = 10_000;
const BUDGET: usize = 64;

#[test]
fn one_wake_polls_one_arm_of_ten_thousand() {
    let crowd = Crowd::new(MANY);
    let mut gathering = pin!(gather(crowd.arms()));
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let cx = &mut Context::from_waker(&waker);

    let mut rounds = 0;
    loop {
        let before = count.0.load(Ordering::SeqCst);
        assert!(gathering.as_mut().poll(cx).is_pending());
        rounds += 1;
        let polled = crowd.polls();
        assert!(polled <= BUDGET, "{polled} in one go");
        if count.0.load(Ordering::SeqCst) == before {
            break;
        }
    }
    assert_eq!(rounds, MANY.div_ceil(BUDGET));

    for index in [5_000, 0, 9_999] {
        let before = count.0.load(Ordering::SeqCst);
        crowd.open(index);
        assert_eq!(count.0.load(Ordering::SeqCst), before + 1);
        assert!(gathering.as_mut().poll(cx).is_pending());
        assert_eq!(crowd.polls(), 1);
        assert!(gathering.as_mut().poll(cx).is_pending(), "for no reason");
        assert_eq!(crowd.polls(), 0);
    }
    for index in 0..MANY {
        crowd.open(index);
    }
    let (values, rounds) = finish(gathering);
    assert!(values.into_iter().eq(0..MANY));
    assert!(rounds <= MANY.div_ceil(BUDGET));
    assert_eq!(crowd.polls(), MANY - 3);
}

#[test]
fn a_thousand_arms_that_wake_themselves_starve_nobody() {
    let turns = Arc::new(Mutex::new(vec![0; 1_000]));
    let arm = |n: usize| {
        let turns = turns.clone();
        async move {
            loop {
                turns.lock().unwrap()[n] += 1;
                tick().await;
            }
        }
    };
    let mut endless = pin!(gather((0..1_000).map(arm).collect::<Vec<_>>()));
    for _ in 0..200 {
        let polled: Poll<Vec<()>> = poll_once(endless.as_mut());
        assert!(polled.is_pending());
    }
    let turns = turns.lock().unwrap();
    let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
    assert!(*least >= 8 && most - least <= 2, "{least} to {most}");
}

#[test]
fn a_race_of_ten_thousand_drains_in_bounded_steps() {
    let crowd = Crowd::new(MANY);
    let mut racing = pin!(race(crowd.arms()));
    for _ in 0..MANY.div_ceil(BUDGET) {
        assert!(poll_once(racing.as_mut()).is_pending());
    }
    crowd.polls();
    crowd.open(7_000);
    let (won, rounds) = finish(racing);
    assert_eq!(won, Some(7_000));
    assert!(rounds <= MANY.div_ceil(BUDGET) + 2, "{rounds}");
    assert_eq!(crowd.polls(), 1, "losers are dropped, not polled");
}

#[test]
fn of_those_that_are_ready_at_once_the_first_argument_wins_whoever_was_woken_first() {
    let crowd = Crowd::new(10);
    let mut racing = pin!(race(crowd.arms()));
    assert!(poll_once(racing.as_mut()).is_pending());
    for index in [7, 3, 9, 4] {
        crowd.open(index);
    }
    assert_eq!(finish(racing).0, Some(3));
}

#[test]
fn a_request_reaches_every_arm_before_the_body_around_is_dropped() {
    let rt = Hand::default();
    let log = Log::default();
    for started in [1, 200] {
        log.lock().unwrap().clear();
        let (task, mut root) = spawn(&rt, {
            let log = log.clone();
            async move {
                let _around = OnDrop(log.clone(), "body dropped");
                let arm = |n: usize| {
                    let log = log.clone();
                    async move {
                        let cleanup = log.clone();
                        defer(async move {
                            if n % 3 == 0 {
                                tick().await;
                            }
                            say(&cleanup, "cleaned up");
                        });
                        pending::<()>().await;
                    }
                };
                gather((0..1_000).map(arm).collect::<Vec<_>>()).await;
            }
        });
        for _ in 0..started {
            assert!(poll_once(root.as_mut()).is_pending());
        }
        task.cancel("test");
        let ((), polls) = finish(root.as_mut());
        let log = said(&log);
        // Those that were never polled have nothing to clean up.
        assert_eq!(log.len() - 1, 1_000.min(started * BUDGET));
        assert_eq!(log.last().unwrap(), "body dropped");
        assert!(polls <= 10, "{polls}");
    }
}

#[test]
fn a_waker_of_an_arm_that_lives_on_keeps_no_task() {
    let kept = Arc::new(Mutex::new(None::<Waker>));
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    for drop_half_way in [false, true] {
        let arm = |n: u8| {
            let kept = kept.clone();
            poll_fn(move |cx| {
                *kept.lock().unwrap() = Some(cx.waker().clone());
                match n {
                    0 => Poll::Ready(n),
                    _ => Poll::Pending,
                }
            })
        };
        let mut combined = Box::pin(gather(vec![arm(0), arm(u8::from(drop_half_way))]));
        let polled = combined.as_mut().poll(&mut cx);
        assert_eq!(polled.is_pending(), drop_half_way);
        // Two are ours; and, as long as it may still wake us, one of the combinator.
        let expected = if drop_half_way { 3 } else { 2 };
        assert_eq!(Arc::strong_count(&count), expected);
        drop(combined);
        assert!(kept.lock().unwrap().is_some());
        assert_eq!(Arc::strong_count(&count), 2, "half-way: {drop_half_way}");
        // And harms nobody.
        kept.lock().unwrap().take().unwrap().wake();
    }
}

#[test]
fn wakes_from_other_threads_are_not_lost() {
    for _ in 0..50 {
        let crowd = Crowd::new(100);
        let mut gathering = Box::pin(gather(crowd.arms()));
        let wakers: Vec<_> = (0..4)
            .map(|quarter| {
                let crowd = Arc::clone(&crowd);
                std::thread::spawn(move || {
                    for index in (quarter..100).step_by(4) {
                        crowd.open(index);
                    }
                })
            })
            .collect();
        let values = futures::executor::block_on(Pin::as_mut(&mut gathering));
        assert!(values.into_iter().eq(0..100));
        for waker in wakers {
            waker.join().unwrap();
        }
    }
}
