//! Intervals, polled by hand.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::{Stream, StreamExt};

use super::poll_once;
use crate::region::tests::by_hand::{Clocked, Play};
use crate::runtime::{Instant, Timer};
use crate::time::Durations;
use crate::{Interval, MissedTick, Runtime};

fn tick(interval: &mut Interval<Clocked>) -> Option<Instant> {
    match poll_once(pin!(interval.tick())) {
        Poll::Ready(due) => Some(due),
        Poll::Pending => None,
    }
}

/// All ticks that are due now, in milliseconds after `start`.
fn due(interval: &mut Interval<Clocked>, start: Instant) -> Vec<u128> {
    std::iter::from_fn(|| tick(interval))
        .map(|due| (due - start).as_millis())
        .collect()
}

#[test]
fn the_first_tick_is_due_at_once_and_the_next_a_period_later() {
    let rt = Clocked::default();
    let start = rt.now();
    let mut interval = rt.interval(10.millis());
    assert_eq!(due(&mut interval, start), [0]);
    rt.advance(9.millis());
    assert_eq!(due(&mut interval, start), []);
    rt.advance(1.millis());
    assert_eq!(due(&mut interval, start), [10]);
    assert_eq!(interval.period(), 10.millis());
}

#[test]
fn one_sleep_serves_all_ticks() {
    let rt = Clocked::default();
    let mut interval = rt.interval(10.millis());
    for _ in 0..5 {
        assert!(tick(&mut interval).is_some());
        for _ in 0..3 {
            assert!(tick(&mut interval).is_none());
        }
        rt.advance(10.millis());
    }
    assert_eq!((rt.sleeps(), rt.waiting()), (1, 1));
    drop(interval);
    assert_eq!(rt.waiting(), 0);
}

#[test]
fn each_policy_does_its_own_with_ticks_that_were_missed() {
    let expected: [(_, &[u128], &[u128], &[u128]); 3] = [
        (MissedTick::Burst, &[10, 20, 30], &[40], &[50]),
        (MissedTick::Delay, &[10], &[45], &[55]),
        (MissedTick::Skip, &[10], &[40], &[50]),
    ];
    for (policy, late, next, after) in expected {
        let rt = Clocked::default();
        let start = rt.now();
        let mut interval = rt.interval(10.millis()).on_missed(policy);
        assert_eq!(due(&mut interval, start), [0]);
        rt.advance(35.millis());
        assert_eq!(due(&mut interval, start), late, "{policy:?}");
        rt.advance(10.millis());
        assert_eq!(due(&mut interval, start), next, "{policy:?}");
        rt.advance(10.millis());
        assert_eq!(due(&mut interval, start), after, "{policy:?}");
    }
}

#[test]
fn what_comes_within_the_grain_of_a_timer_shifts_no_schedule() {
    for policy in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
        let rt = Clocked::default();
        let start = rt.now();
        let mut interval = rt.interval(10.millis()).on_missed(policy);
        assert_eq!(due(&mut interval, start), [0]);
        rt.advance(15.millis());
        assert_eq!(due(&mut interval, start), [10]);
        rt.advance(5.millis());
        assert_eq!(due(&mut interval, start), [20], "{policy:?}");
    }
    // Of a short period, half of it is the grain.
    let rt = Clocked::default();
    let start = rt.now();
    let mut interval = rt.interval(2.millis()).on_missed(MissedTick::Delay);
    assert_eq!(due(&mut interval, start), [0]);
    rt.advance(4.millis());
    assert_eq!(due(&mut interval, start), [2]);
    rt.advance(1.millis());
    assert_eq!(due(&mut interval, start), []);
    rt.advance(1.millis());
    assert_eq!(due(&mut interval, start), [6]);
}

#[test]
fn a_tick_that_was_waited_for_and_dropped_comes_next() {
    let rt = Clocked::default();
    let start = rt.now();
    let mut interval = rt.interval(10.millis());
    assert_eq!(due(&mut interval, start), [0]);
    for _ in 0..3 {
        assert!(poll_once(pin!(interval.tick())).is_pending());
    }
    rt.advance(10.millis());
    drop(interval.tick());
    assert_eq!(due(&mut interval, start), [10]);
}

#[test]
fn a_reset_moves_the_next_tick_and_those_after_it() {
    let rt = Clocked::default();
    let start = rt.now();
    let mut interval = rt.interval(10.millis());
    assert_eq!(due(&mut interval, start), [0]);
    assert!(tick(&mut interval).is_none(), "it waits for the old moment");
    rt.advance(7.millis());
    interval.reset();
    rt.advance(3.millis());
    assert_eq!(due(&mut interval, start), []);
    rt.advance(7.millis());
    assert_eq!(due(&mut interval, start), [17]);

    interval.reset_after(3.millis());
    rt.advance(3.millis());
    assert_eq!(due(&mut interval, start), [20]);

    interval.reset_at(start + 25.millis());
    rt.advance(5.millis());
    assert_eq!(due(&mut interval, start), [25]);
    interval.reset_at(start);
    assert_eq!(due(&mut interval, start), [0, 10, 20], "it may have passed");

    interval.reset_after(Duration::ZERO);
    assert_eq!(due(&mut interval, start), [25]);
    interval.reset_after(Duration::MAX);
    rt.advance(1_000.hours());
    assert_eq!(due(&mut interval, start), []);
}

#[test]
fn a_period_beyond_the_clock_never_comes() {
    for policy in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
        for period in [
            Duration::MAX,
            Duration::MAX - 1.nanos(),
            u64::MAX.secs(),
            u64::MAX.hours(),
        ] {
            let rt = Clocked::default();
            let mut interval = rt.interval(period).on_missed(policy);
            assert!(tick(&mut interval).is_some());
            rt.advance(1_000.hours());
            assert!(tick(&mut interval).is_none(), "{policy:?} {period:?}");
            interval.reset();
            assert!(tick(&mut interval).is_none());
        }
    }
}

#[test]
fn a_huge_period_that_is_late_is_no_overflow() {
    for policy in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
        let rt = Clocked::default();
        let start = rt.now();
        let century = (24 * 365 * 100).hours();
        let mut interval = rt.interval_at(start + century, century).on_missed(policy);
        rt.advance(century * 3);
        assert_eq!(tick(&mut interval), Some(start + century), "{policy:?}");
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_period_of_zero_is_always_due_and_lets_others_run() {
    for policy in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
        let rt = Clocked::default();
        let mut interval = rt.interval(Duration::ZERO).on_missed(policy);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let cx = &mut Context::from_waker(&waker);
        let mut last = rt.now();
        for round in 1..=3 {
            let mut ticks = 0;
            while let Poll::Ready(due) = interval.poll_next_unpin(cx) {
                let due = due.expect("it never ends");
                assert!(due >= last);
                last = due;
                ticks += 1;
                assert!(ticks < 1_000, "nobody else runs");
            }
            assert!(ticks > 0);
            assert_eq!(woken.0.load(Ordering::SeqCst), round, "it runs on");
            rt.advance(1.millis());
        }
        assert!(last > rt.now() - 2.millis(), "it is in the present");
    }
}

#[test]
fn a_long_burst_lets_others_run() {
    let rt = Clocked::default();
    let start = rt.now();
    let mut interval = rt.interval(1.millis());
    rt.advance(100.millis());
    let mut ticks = Vec::new();
    let mut turns = 0;
    while ticks.len() < 101 {
        turns += 1;
        ticks.extend(due(&mut interval, start));
    }
    assert!(ticks.into_iter().eq(0..=100));
    assert!((2..10).contains(&turns), "{turns}");
}

#[test]
fn it_is_a_stream_that_never_ends() {
    let mut play = Play::default();
    let interval = play.rt.interval(10.millis());
    assert_eq!(interval.size_hint(), (usize::MAX, None));
    let start = play.rt.now();
    let mut task = play.start(interval.take(3).collect::<Vec<_>>());
    for _ in 0..2 {
        play.rt.advance(10.millis());
        play.turn();
    }
    let Poll::Ready(ticks) = poll_once(Pin::new(&mut task)) else {
        panic!("three ticks were due");
    };
    let expected = [start, start + 10.millis(), start + 20.millis()];
    assert_eq!(ticks.unwrap(), expected);
}

#[test]
fn it_says_what_it_is() {
    let rt = Clocked::default();
    let mut interval = rt.interval(10.millis());
    assert!(format!("{interval:?}").starts_with("Interval { period: 10ms, on_missed: Burst"));
    assert!(format!("{:?}", interval.tick()).starts_with("NextTick(Interval"));
}

#[test]
fn numbers_make_durations_that_do_not_overflow() {
    assert_eq!(2.secs(), Duration::from_secs(2));
    assert_eq!(3.mins() + 1.hours(), Duration::from_secs(3_780));
    assert_eq!(
        1.millis() + 1.micros() + 1.nanos(),
        Duration::from_nanos(1_001_001)
    );
    assert_eq!(0.hours(), Duration::ZERO);
    assert_eq!(u64::MAX.mins(), Duration::from_secs(u64::MAX));
    assert_eq!(u64::MAX.hours(), Duration::from_secs(u64::MAX));
    assert_eq!(
        (u64::MAX / 60).mins(),
        Duration::from_secs(u64::MAX / 60 * 60)
    );
}
