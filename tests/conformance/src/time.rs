//! Clocks and sleeps, without waiting: at the edges, and on a clock that is moved by hand.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{Runtime, Sleep, Timer};

use crate::faults::{poll_once, until};
use crate::{ByHand, Harness};

pub async fn now_does_not_go_back<H: Harness>(rt: H::Handle) {
    let mut before = rt.now();
    for _ in 0..1_000 {
        let now = rt.now();
        assert!(now >= before);
        before = now;
    }
    let other = rt.clone();
    let there = rt.spawn(async move { other.now() }).await.unwrap();
    assert!(there >= before);
    assert!(rt.now() >= there);
}

pub async fn a_sleep_of_zero_is_ready_at_once<H: Harness>(rt: H::Handle) {
    assert!(poll_once(pin!(rt.sleep(Duration::ZERO))).is_ready());
}

pub async fn a_deadline_that_has_passed_is_ready_at_once<H: Harness>(rt: H::Handle) {
    let now = rt.now();
    assert!(poll_once(pin!(rt.sleep_until(now))).is_ready());
    if let Some(past) = now.checked_sub(Duration::from_secs(1)) {
        assert!(poll_once(pin!(rt.sleep_until(past))).is_ready());
    }
}

pub async fn endless_sleeps_do_not_panic_and_do_not_end<H: Harness>(rt: H::Handle) {
    let endless = [
        Duration::MAX,
        Duration::MAX - Duration::from_nanos(1),
        Duration::from_nanos(u64::MAX),
        Duration::from_secs(u64::MAX),
        Duration::from_secs(u64::MAX / 2),
        Duration::from_millis(u64::MAX),
        Duration::from_secs(86_400 * 365 * 100),
    ];
    for duration in endless {
        let mut sleep = pin!(rt.sleep(duration));
        assert!(poll_once(sleep.as_mut()).is_pending(), "{duration:?}");
        assert!(poll_once(sleep).is_pending(), "{duration:?}");
    }
}

pub async fn ten_thousand_sleeps_may_be_dropped<H: Harness>(rt: H::Handle) {
    for round in 0..2_u64 {
        let mut sleeps: Vec<Pin<Box<_>>> = (0..5_000_u64)
            .map(|n| Box::pin(rt.sleep(Duration::from_secs(3_600 + n * 7_919 % 1_000))))
            .collect();
        for sleep in &mut sleeps {
            assert!(poll_once(sleep.as_mut()).is_pending());
        }
        if round == 1 {
            sleeps.reverse();
        }
        drop(sleeps);
    }
}

pub async fn a_clock_moved_by_hand_decides_when_a_sleep_ends<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let before = rt.now();
    let task = rt.spawn({
        let rt = rt.clone();
        async move {
            rt.sleep(Duration::from_secs(3_600)).await;
            rt.now()
        }
    });
    until(|| rt.clock().waiting() == 1).await;
    rt.clock().advance(Duration::from_secs(3_599));
    assert!(!task.is_finished());
    rt.clock().advance(Duration::from_secs(1));
    assert_eq!(task.await.unwrap() - before, Duration::from_secs(3_600));
}

pub async fn sleeps_on_a_clock_moved_by_hand_end_in_order<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for n in [5_u64, 1, 4, 2, 3] {
        let (rt2, order) = (rt.clone(), Arc::clone(&order));
        tasks.push(rt.spawn(async move {
            rt2.sleep(Duration::from_secs(n)).await;
            order.lock().unwrap().push(n);
        }));
    }
    until(|| rt.clock().waiting() == 5).await;
    for n in 1..=5 {
        rt.clock().advance(Duration::from_secs(1));
        until(|| order.lock().unwrap().len() == n).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4, 5]);
}

pub async fn a_sleep_on_a_clock_moved_by_hand_is_reset<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let start = rt.now();
    let mut sleep = pin!(rt.sleep(Duration::from_secs(10)));
    assert!(poll_once(sleep.as_mut()).is_pending());
    sleep.as_mut().reset(start + Duration::from_secs(20));
    rt.clock().advance(Duration::from_secs(15));
    assert!(poll_once(sleep.as_mut()).is_pending());
    sleep.as_mut().reset(start + Duration::from_secs(1));
    assert!(poll_once(sleep.as_mut()).is_ready());
    sleep.as_mut().reset(start + Duration::from_secs(30));
    assert!(poll_once(sleep.as_mut()).is_pending());
}
