//! Delays for loops that are written by hand.

use std::iter;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::{Log, pass, poll_once};
use crate::RetryDelayer;
use crate::region::tests::by_hand::{Clocked, Play};
use crate::runtime::Timer;
use crate::time::Durations;

/// Asks for delays, each after the one before was over and a pause.
fn delays<I>(delayer: &mut RetryDelayer<I>, pauses: &[Duration]) -> Vec<Duration>
where
    I: Iterator<Item = Duration> + Clone,
{
    let mut now = Clocked::default().now();
    let next = |pause: &Duration| {
        now += *pause;
        let delay = delayer.next_delay(now);
        now += delay;
        delay
    };
    pauses.iter().map(next).collect()
}

#[test]
fn delays_are_given_in_order_and_the_last_for_ever() {
    let mut delayer = RetryDelayer::default();
    let expected = [
        0.secs(),
        1.secs(),
        10.secs(),
        60.secs(),
        60.secs(),
        60.secs(),
    ];
    assert_eq!(delays(&mut delayer, &[Duration::ZERO; 6]), expected);
}

#[test]
fn they_begin_anew_after_more_than_the_last_delay() {
    let mut delayer = RetryDelayer::default();
    let pauses = [
        0.secs(),
        60.secs(),
        60.secs(),
        60.secs() + 1.nanos(),
        1.hours(),
    ];
    let expected = [0.secs(), 1.secs(), 10.secs(), 0.secs(), 0.secs()];
    assert_eq!(delays(&mut delayer, &pauses), expected);
}

#[test]
fn the_quiet_time_may_be_said() {
    let mut delayer = RetryDelayer::new([1.secs(), 2.secs()])
        .unwrap()
        .reset_after(5.secs());
    let pauses = [100.secs(), 5.secs(), 5.secs() + 1.nanos(), 0.secs()];
    let expected = [1.secs(), 2.secs(), 1.secs(), 2.secs()];
    assert_eq!(delays(&mut delayer, &pauses), expected);

    let mut at_once = RetryDelayer::default().reset_after(Duration::ZERO);
    let pauses = [0.secs(), 0.secs(), 1.nanos()];
    assert_eq!(
        delays(&mut at_once, &pauses),
        [0.secs(), 1.secs(), 0.secs()]
    );

    let mut never = RetryDelayer::default().reset_after(Duration::MAX);
    let pauses = [0.secs(), 100_000.hours(), 100_000.hours()];
    assert_eq!(delays(&mut never, &pauses), [0.secs(), 1.secs(), 10.secs()]);
}

#[test]
fn a_reset_begins_anew() {
    let now = Clocked::default().now();
    let mut delayer = RetryDelayer::default();
    assert_eq!(delayer.next_delay(now), 0.secs());
    assert_eq!(delayer.next_delay(now), 1.secs());
    delayer.reset();
    assert_eq!(delayer.next_delay(now), 0.secs());
}

#[test]
fn any_iterator_will_do() {
    let mut endless = RetryDelayer::from_delays(iter::repeat(3.secs())).unwrap();
    assert_eq!(delays(&mut endless, &[Duration::ZERO; 3]), [3.secs(); 3]);

    let growing = (1..=3).map(Duration::from_secs);
    let mut growing = RetryDelayer::from_delays(growing).unwrap();
    let expected = [1.secs(), 2.secs(), 3.secs(), 3.secs(), 3.secs()];
    let pauses = [0.secs(), 1.hours(), 1.hours(), 1.hours(), 1.hours()];
    assert_eq!(
        delays(&mut growing, &pauses),
        expected,
        "it has no last delay to go by"
    );
}

#[test]
fn without_delays_there_is_none() {
    assert!(RetryDelayer::new([]).is_err());
    assert!(RetryDelayer::new(Vec::new()).is_err());
    let error = RetryDelayer::from_delays(iter::empty()).unwrap_err();
    assert_eq!(error.to_string(), "there are no delays");
}

#[test]
fn a_random_part_is_added_and_a_seed_decides_it() {
    let made = |seed| {
        let delayer = RetryDelayer::new([1.secs(), 5.secs()]).unwrap();
        delays(
            &mut delayer.jitter(1.secs()).seed(seed),
            &[Duration::ZERO; 100],
        )
    };
    let one = made(1);
    assert!((1.secs()..2.secs()).contains(&one[0]));
    assert!(
        one[1..]
            .iter()
            .all(|delay| (5.secs()..6.secs()).contains(delay))
    );
    assert_eq!(one, made(1));
    assert_ne!(one, made(2));
}

#[test]
fn huge_delays_do_not_overflow() {
    let now = Clocked::default().now();
    let mut delayer = RetryDelayer::new([Duration::MAX])
        .unwrap()
        .jitter(Duration::MAX);
    for _ in 0..3 {
        assert_eq!(delayer.next_delay(now), Duration::MAX);
    }
}

#[test]
fn it_sleeps_on_the_clock_of_the_runtime_and_counts_from_the_end_of_the_sleep() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let (rt, said) = (play.rt.clone(), log.clone());
    let _task = play.start(async move {
        let mut delayer = RetryDelayer::new([1.secs(), 2.secs()]).unwrap();
        for pause in [0.secs(), 2.secs(), 2.secs() + 50.millis()] {
            if !pause.is_zero() {
                crate::Runtime::sleep(&rt, pause).await;
            }
            said.say("fails");
            delayer.sleep(&rt).await;
            said.say("tries");
        }
    });
    pass(&mut play, 15.secs());
    assert_eq!(log.times("fails"), [0, 3_000, 7_050]);
    assert_eq!(log.times("tries"), [1_000, 5_000, 8_050]);
}

#[test]
fn a_sleep_of_zero_suspends_once() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let mut task = play.start(async move {
        let mut delayer = RetryDelayer::new([Duration::ZERO]).unwrap();
        delayer.sleep(&rt).await;
        delayer.sleep(&rt).await;
    });
    assert!(poll_once(Pin::new(&mut task)).is_pending());
    play.turn();
    assert!(poll_once(Pin::new(&mut task)).is_pending());
    play.turn();
    assert!(matches!(
        poll_once(Pin::new(&mut task)),
        Poll::Ready(Ok(()))
    ));
}

#[test]
fn a_sleep_that_was_dropped_has_used_one_delay() {
    let rt = Clocked::default();
    let mut delayer = RetryDelayer::new([1.secs(), 2.secs(), 3.secs()]).unwrap();
    drop(delayer.sleep(&rt));
    {
        let mut sleep = std::pin::pin!(delayer.sleep(&rt));
        assert!(poll_once(sleep.as_mut()).is_pending());
        assert!(format!("{sleep:?}").contains("sleeping: true"));
    }
    assert_eq!(rt.waiting(), 0);
    assert_eq!(delayer.next_delay(rt.now()), 2.secs());
}
