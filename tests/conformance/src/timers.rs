//! Intervals, and what is done again and again, on a clock that is moved by hand.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{
    AnyError, CancelToken, ChildError, Durations, Instant, MissedTick, Phase, Runtime, Tick, Timer,
    defer,
};
use futures::StreamExt;

use crate::faults::{collect_failures, poll_once, reported, unique_name, until, yield_once};
use crate::{ByHand, Harness};

/// What was said, and how many milliseconds after the beginning.
pub(crate) struct Log<R> {
    rt: ByHand<R>,
    start: Instant,
    lines: Arc<Mutex<Vec<(u128, &'static str)>>>,
}

impl<R: Runtime> Clone for Log<R> {
    fn clone(&self) -> Self {
        Log {
            rt: self.rt.clone(),
            start: self.start,
            lines: Arc::clone(&self.lines),
        }
    }
}

impl<R: Runtime> Log<R> {
    pub(crate) fn new(rt: &ByHand<R>) -> Self {
        Log {
            rt: rt.clone(),
            start: rt.now(),
            lines: Arc::default(),
        }
    }

    pub(crate) fn say(&self, what: &'static str) {
        let at = (self.rt.now() - self.start).as_millis();
        self.lines.lock().unwrap().push((at, what));
    }

    /// When this was said.
    pub(crate) fn times(&self, what: &str) -> Vec<u128> {
        let lines = self.lines.lock().unwrap();
        let said = lines.iter().filter(|(_, line)| *line == what);
        said.map(|(at, _)| *at).collect()
    }

    /// Waits until this was said so often.
    pub(crate) async fn until(&self, what: &str, times: usize) {
        until(|| self.times(what).len() >= times).await;
    }

    /// Waits until so many sleep, and moves the clock on.
    pub(crate) async fn advance(&self, sleeping: usize, by: Duration) {
        let clock = self.rt.clock();
        until(|| clock.waiting() == sleeping).await;
        clock.advance(by);
    }
}

pub async fn an_interval_ticks_when_its_clock_says_so<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Log::new(&rt);
    let (mut interval, said) = (rt.interval(1.secs()), log.clone());
    let task = rt.spawn(async move {
        let mut ticks = Vec::new();
        for _ in 0..3 {
            ticks.push(interval.tick().await);
            said.say("tick");
        }
        ticks
    });
    log.until("tick", 1).await;
    log.advance(1, 999.millis()).await;
    log.advance(1, 1.millis()).await;
    log.until("tick", 2).await;
    log.advance(1, 1.secs()).await;
    let ticks = task.await.unwrap();
    assert_eq!(log.times("tick"), [0, 1_000, 2_000]);
    assert_eq!(ticks[2] - ticks[0], 2.secs());
}

pub async fn an_interval_that_is_late_follows_its_policy<H: Harness>(rt: H::Handle) {
    let expected = [
        (MissedTick::Burst, [10, 20, 30]),
        (MissedTick::Delay, [10, 45, 55]),
        (MissedTick::Skip, [10, 40, 50]),
    ];
    for (policy, expected) in expected {
        let rt = ByHand::new(rt.clone());
        let start = rt.now();
        let mut interval = rt.interval(10.millis()).on_missed(policy);
        interval.tick().await;
        rt.clock().advance(35.millis());
        for due in expected {
            let mut tick = pin!(interval.tick());
            let mut polled = poll_once(tick.as_mut());
            while polled.is_pending() {
                rt.clock().advance(5.millis());
                polled = poll_once(tick.as_mut());
            }
            assert_eq!(
                tick_at(polled) - start,
                Duration::from_millis(due),
                "{policy:?}"
            );
        }
    }
}

fn tick_at(polled: std::task::Poll<Instant>) -> Instant {
    match polled {
        std::task::Poll::Ready(due) => due,
        std::task::Poll::Pending => unreachable!("it was looked at"),
    }
}

pub async fn an_interval_that_is_reset_wakes_at_its_new_moment<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let start = rt.now();
    let mut interval = rt.interval_at(start + 1.hours(), 1.hours());
    assert!(poll_once(pin!(interval.tick())).is_pending());
    interval.reset_after(1.secs());
    let task = rt.spawn(async move { interval.tick().await });
    until(|| rt.clock().waiting() == 1).await;
    rt.clock().advance(1.secs());
    assert_eq!(task.await.unwrap() - start, 1.secs());
}

pub async fn an_interval_of_zero_lets_other_tasks_run<H: Harness>(rt: H::Handle) {
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let mut interval = rt.interval(Duration::ZERO);
    let ticking = rt.spawn(async move {
        while !seen.load(Ordering::SeqCst) {
            interval.next().await;
        }
    });
    let other = rt.spawn(async move {
        for _ in 0..10 {
            yield_once().await;
        }
        over.store(true, Ordering::SeqCst);
    });
    other.await.unwrap();
    ticking.await.unwrap();
}

pub async fn an_endless_interval_does_not_tick<H: Harness>(rt: H::Handle) {
    for period in [Duration::MAX, u64::MAX.secs(), u64::MAX.nanos()] {
        let mut interval = rt.interval(period);
        interval.tick().await;
        for _ in 0..2 {
            assert!(poll_once(pin!(interval.tick())).is_pending(), "{period:?}");
        }
        interval.reset();
        assert!(poll_once(pin!(interval.tick())).is_pending(), "{period:?}");
    }
}

pub async fn what_is_done_every_second_is_done_every_second<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Log::new(&rt);
    let said = log.clone();
    let every = rt.every(1.secs()).times(3).run(move |_| {
        let said = said.clone();
        async move { said.say("tick") }
    });
    let task = rt.spawn(every);
    for tick in 1..3 {
        log.until("tick", tick).await;
        log.advance(1, 1.secs()).await;
    }
    task.await.unwrap();
    assert_eq!(log.times("tick"), [0, 1_000, 2_000]);
}

pub async fn the_previous_tick_is_cancelled_and_cleans_up_first<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Log::new(&rt);
    let said = log.clone();
    let every = rt.every(1.secs()).cancel_previous().run(move |_| {
        let (log, over) = (said.clone(), said.clone());
        async move {
            defer(async move {
                // Made before it is told: whoever is told may move the clock.
                let sleep = over.rt.sleep(500.millis());
                over.say("cleans up");
                sleep.await;
                over.say("is gone");
            });
            log.say("starts");
            pending::<()>().await;
        }
    });
    let task = rt.spawn(every);
    for tick in 1..3 {
        log.until("starts", tick).await;
        rt.clock().advance(1.secs());
        log.until("cleans up", tick).await;
        rt.clock().advance(500.millis());
    }
    log.until("starts", 3).await;
    assert_eq!(log.times("starts"), [0, 1_500, 3_000]);
    assert_eq!(log.times("is gone"), [1_500, 3_000]);

    let waiting = rt.spawn(task.cancel_and_wait());
    log.until("cleans up", 3).await;
    assert!(!waiting.is_finished(), "it waits for the last tick");
    rt.clock().advance(500.millis());
    assert!(waiting.await.unwrap().unwrap_err().is_cancelled());
    assert_eq!(log.times("is gone"), [1_500, 3_000, 3_500]);
}

pub async fn a_tick_that_waits_for_room_starts_when_there_is<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Log::new(&rt);
    let (said, gate) = (log.clone(), CancelToken::new());
    let closed = gate.clone();
    let every = rt.every(1.secs()).at_most(2).times(3).run(move |_| {
        let (said, closed) = (said.clone(), closed.clone());
        async move {
            said.say("starts");
            closed.cancelled().await;
        }
    });
    let task = rt.spawn(every);
    log.until("starts", 1).await;
    log.advance(1, 1.secs()).await;
    log.until("starts", 2).await;
    log.advance(1, 1.secs()).await;
    assert_eq!(log.times("starts").len(), 2);
    gate.cancel("there is room now");
    task.await.unwrap();
    assert_eq!(log.times("starts"), [0, 1_000, 2_000]);
}

pub async fn a_busy_tick_lets_the_next_ones_out<H: Harness>(rt: H::Handle) {
    let rt = ByHand::new(rt);
    let log = Log::new(&rt);
    let (said, gate) = (log.clone(), CancelToken::new());
    let closed = gate.clone();
    let every = rt
        .every(1.secs())
        .skip_if_busy()
        .times(2)
        .run(move |_: Tick| {
            let (said, closed) = (said.clone(), closed.clone());
            async move {
                said.say("starts");
                closed.cancelled().await;
            }
        });
    let task = rt.spawn(every);
    log.until("starts", 1).await;
    for _ in 0..3 {
        log.advance(1, 1.secs()).await;
    }
    until(|| rt.clock().waiting() == 1).await;
    assert_eq!(log.times("starts"), [0]);
    gate.cancel("done");
    // How soon the first is gone is not known here: the next one comes with a full second.
    while !task.is_finished() {
        if rt.clock().waiting() == 1 {
            rt.clock().advance(1.secs());
        }
        yield_once().await;
    }
    task.await.unwrap();
    let times = log.times("starts");
    assert_eq!(times.len(), 2);
    assert!(times[1] >= 4_000 && times[1] % 1_000 == 0, "{times:?}");
}

pub async fn a_tick_that_fails_is_reported_and_the_next_comes<H: Harness>(rt: H::Handle) {
    collect_failures();
    let name = unique_name();
    let ticks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ticks);
    let every = rt.every(Duration::ZERO).name(name.clone()).times(4);
    let every = every.run(move |tick| {
        assert!(tick.number() != 1, "the second is refused");
        let counted = Arc::clone(&counted);
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            match tick.number() {
                0 => Err("the first fails"),
                2 => panic!("the third panics"),
                _ => Ok(()),
            }
        }
    });
    every.await;
    assert_eq!(ticks.load(Ordering::SeqCst), 3);
    let mut seen: Vec<_> = reported(&name)
        .into_iter()
        .map(|seen| (seen.message.unwrap(), seen.phase))
        .collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("the first fails".to_owned(), Phase::Failed),
        ("the second is refused".to_owned(), Phase::Body),
        ("the third panics".to_owned(), Phase::Body),
    ];
    assert_eq!(seen, expected);
}

pub async fn a_handler_is_told_of_ticks_that_fail<H: Harness>(rt: H::Handle) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = {
        let told = Arc::clone(&told);
        move |error: &ChildError<AnyError>| {
            let text = error.error().unwrap().to_string();
            told.lock().unwrap().push(text);
        }
    };
    let every = rt.every(Duration::ZERO).on_error(tell).times(2);
    every.run(|_| async { "x".parse::<u64>() }).await;
    assert_eq!(*told.lock().unwrap(), ["invalid digit found in string"; 2]);
}

pub async fn ticks_without_a_pause_come_to_their_end<H: Harness>(rt: H::Handle) {
    let ticks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ticks);
    let every = rt
        .every(Duration::ZERO)
        .at_most(10)
        .times(1_000)
        .run(move |_| {
            let counted = Arc::clone(&counted);
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
    every.await;
    assert_eq!(ticks.load(Ordering::SeqCst), 1_000);
}

pub async fn ticks_in_a_scope_stop_with_it<H: Harness>(rt: H::Handle) {
    let ticks = Arc::new(AtomicUsize::new(0));
    let cleaned = Arc::new(AtomicUsize::new(0));
    let (counted, gone) = (Arc::clone(&ticks), Arc::clone(&cleaned));
    let outcome = rt.try_scope(async |s| {
        s.spawn(s.every(Duration::ZERO).at_most(3).run(move |_| {
            let (counted, gone) = (Arc::clone(&counted), Arc::clone(&gone));
            async move {
                defer(async move {
                    yield_once().await;
                    gone.fetch_add(1, Ordering::SeqCst);
                });
                counted.fetch_add(1, Ordering::SeqCst);
                pending::<()>().await;
            }
        }));
        until(|| ticks.load(Ordering::SeqCst) == 3).await;
        Err::<(), _>("enough")
    });
    assert_eq!(
        outcome.await.unwrap_err().into_first_error().unwrap(),
        "enough"
    );
    assert_eq!(cleaned.load(Ordering::SeqCst), 3);
}
