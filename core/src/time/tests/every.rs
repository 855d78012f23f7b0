//! What is done again and again, with tasks polled by hand.

use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::{Log, pass, poll_once};
use crate::region::tests::by_hand::Play;
use crate::region::tests::counted::{listen, reported};
use crate::runtime::Timer;
use crate::time::Durations;
use crate::{
    AnyError, CancelToken, Cancellable, ChildError, MissedTick, Phase, Runtime, Task, Tick, defer,
    shield,
};

/// Something that says when each of its ticks begins, ends and is gone, and takes so long.
fn working(
    log: &Log,
    takes: Duration,
    cleans_up: Duration,
) -> impl FnMut(Tick) -> crate::region::BoxFuture + Send + 'static {
    let log = log.clone();
    move |_| {
        let (log, over, rt) = (log.clone(), log.clone(), log.rt.clone());
        Box::pin(async move {
            let clock = rt.clone();
            log.say("starts");
            defer(async move {
                clock.sleep(cleans_up).await;
                over.say("is gone");
            });
            rt.sleep(takes).await;
            log.say("ends");
        })
    }
}

fn has_ended<T>(task: &mut Task<T>) -> bool {
    poll_once(Pin::new(task)).is_ready()
}

#[test]
fn the_first_tick_comes_at_once_and_the_others_in_the_period() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play
        .rt
        .every(1.secs())
        .run(working(&log, 100.millis(), Duration::ZERO));
    let _running = play.start(every);
    play.turns(3);
    pass(&mut play, 3.secs() + 500.millis());
    assert_eq!(log.times("starts"), [0, 1_000, 2_000, 3_000]);
    assert_eq!(log.times("is gone"), [100, 1_100, 2_100, 3_100]);
}

#[test]
fn the_first_tick_comes_after_a_period_if_that_is_said() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(1.secs()).wait_first();
    let _running = play.start(every.run(working(&log, Duration::ZERO, Duration::ZERO)));
    pass(&mut play, 2.secs() + 500.millis());
    assert_eq!(log.times("starts"), [1_000, 2_000]);
}

#[test]
fn the_first_tick_is_due_when_it_is_first_polled() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play
        .rt
        .every(1.secs())
        .run(working(&log, Duration::ZERO, Duration::ZERO));
    play.rt.advance(5.secs());
    let _running = play.start(every);
    pass(&mut play, 1.secs());
    assert_eq!(log.times("starts"), [5_000, 6_000]);
}

#[test]
fn a_tick_knows_its_number_and_when_it_was_due() {
    let mut play = Play::default();
    let start = play.rt.now();
    let ticks = Arc::new(Mutex::new(Vec::new()));
    let every = play.rt.every(1.secs()).run({
        let ticks = Arc::clone(&ticks);
        move |tick: Tick| {
            ticks
                .lock()
                .unwrap()
                .push((tick.number(), tick.due() - start));
            async {}
        }
    });
    let _running = play.start(every);
    // Within the grain of a timer the schedule does not move.
    play.rt.advance(1_003.millis());
    play.turns(3);
    play.rt.advance(997.millis());
    play.turns(3);
    let expected = [(0, 0.secs()), (1, 1.secs()), (2, 2.secs())];
    assert_eq!(*ticks.lock().unwrap(), expected);
}

#[test]
fn ticks_overlap_if_nothing_is_said() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(1.secs()).times(4);
    let mut running = play.start(every.run(working(&log, 2.secs() + 500.millis(), Duration::ZERO)));
    pass(&mut play, 5.secs());
    assert_eq!(log.times("starts"), [0, 1_000, 2_000, 3_000]);
    assert_eq!(log.times("ends"), [2_500, 3_500, 4_500]);
    assert!(!has_ended(&mut running), "the last tick still runs");
    pass(&mut play, 1.secs());
    assert_eq!(log.times("ends"), [2_500, 3_500, 4_500, 5_500]);
    assert!(has_ended(&mut running));
}

#[test]
fn ticks_wait_for_room_under_a_bound() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(1.secs()).at_most(2).times(4);
    let mut running = play.start(every.run(working(&log, 2.secs() + 500.millis(), Duration::ZERO)));
    pass(&mut play, 8.secs());
    assert_eq!(log.times("starts"), [0, 1_000, 2_500, 3_500]);
    assert!(has_ended(&mut running));
}

#[test]
fn ticks_that_waited_for_room_come_in_a_burst_if_that_is_said() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play
        .rt
        .every(1.secs())
        .at_most(1)
        .times(5)
        .on_missed(MissedTick::Burst);
    let mut works = working(&log, Duration::ZERO, Duration::ZERO);
    let mut long = working(&log, 3.secs() + 500.millis(), Duration::ZERO);
    let every = every.run(move |tick| match tick.number() {
        0 => long(tick),
        _ => works(tick),
    });
    let _running = play.start(every);
    pass(&mut play, 5.secs());
    assert_eq!(log.times("starts"), [0, 3_500, 3_500, 3_500, 4_000]);
}

#[test]
fn a_bound_of_zero_counts_as_one() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(1.secs()).at_most(0);
    let _running = play.start(every.run(working(&log, 1_500.millis(), Duration::ZERO)));
    pass(&mut play, 3.secs());
    assert_eq!(log.times("starts"), [0, 1_500, 3_000]);
}

#[test]
fn the_previous_tick_is_cancelled_and_waited_for() {
    // AT-14: a period of 1, and clean-ups of 0.5.
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(1.secs()).cancel_previous();
    let _running = play.start(every.run(working(&log, 1.hours(), 500.millis())));
    pass(&mut play, 4.secs() + 400.millis());
    assert_eq!(log.times("starts"), [0, 1_500, 3_000]);
    assert_eq!(log.times("is gone"), [1_500, 3_000]);
    assert_eq!(log.times("ends"), []);
}

#[test]
fn a_clean_up_of_the_previous_tick_shifts_no_schedule_if_that_is_said() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play
        .rt
        .every(1.secs())
        .cancel_previous()
        .on_missed(MissedTick::Skip);
    let _running = play.start(every.run(working(&log, 1.hours(), 500.millis())));
    pass(&mut play, 4.secs());
    assert_eq!(log.times("starts"), [0, 1_500, 2_500, 3_500]);
}

#[test]
fn a_tick_that_has_ended_is_not_cancelled() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(1.secs()).cancel_previous();
    let _running = play.start(every.run(working(&log, 500.millis(), Duration::ZERO)));
    pass(&mut play, 2.secs() + 600.millis());
    assert_eq!(log.times("starts"), [0, 1_000, 2_000]);
    assert_eq!(log.times("ends"), [500, 1_500, 2_500]);
}

#[test]
fn a_previous_tick_that_does_not_stop_is_killed_by_the_clean_up_deadline() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let said = log.clone();
    let every = play
        .rt
        .every(1.secs())
        .cancel_previous()
        .cleanup_deadline(2.secs());
    listen();
    let _running = play.start(every.run(move |_| {
        said.say("starts");
        shield(pending::<()>())
    }));
    pass(&mut play, 4.secs());
    assert_eq!(log.times("starts"), [0, 3_000]);
}

#[test]
fn a_tick_is_left_out_while_the_previous_one_runs() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(1.secs()).skip_if_busy().times(3);
    let mut running = play.start(every.run(working(&log, 2.secs(), 500.millis())));
    pass(&mut play, 8.secs() + 450.millis());
    assert_eq!(
        log.times("starts"),
        [0, 3_000, 6_000],
        "a clean-up is busy too"
    );
    assert!(!has_ended(&mut running));
    pass(&mut play, 100.millis());
    assert!(has_ended(&mut running));
}

#[test]
fn cancelling_cancels_the_ticks_that_run_and_waits_for_them() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(1.secs());
    let mut running = play.start(every.run(working(&log, 1.hours(), 500.millis())));
    pass(&mut play, 2.secs());
    assert_eq!(log.times("starts"), [0, 1_000, 2_000]);
    running.cancel("enough");
    play.turns(6);
    assert!(!has_ended(&mut running));
    pass(&mut play, 450.millis());
    assert!(!has_ended(&mut running), "they clean up");
    pass(&mut play, 100.millis());
    assert_eq!(log.times("is gone"), [2_500; 3]);
    let Poll::Ready(Err(error)) = poll_once(Pin::new(&mut running)) else {
        panic!("it was cancelled");
    };
    assert_eq!(error.reason().unwrap().as_str(), "enough");
    pass(&mut play, 5.secs());
    assert_eq!(log.times("starts").len(), 3);
    assert_eq!(play.live(), 0);
}

#[test]
fn dropping_it_cancels_the_ticks_and_the_task_around_waits_for_them() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let (rt, inner) = (play.rt.clone(), log.clone());
    let mut around = play.start(async move {
        {
            let work = working(&inner, 1.hours(), 500.millis());
            let mut every = pin!(rt.every(1.secs()).run(work));
            assert!(poll_once(every.as_mut()).is_pending());
            rt.sleep(200.millis()).await;
        }
        inner.say("dropped");
    });
    pass(&mut play, 650.millis());
    assert_eq!(log.times("dropped"), [200]);
    assert!(!has_ended(&mut around));
    pass(&mut play, 100.millis());
    assert_eq!(log.times("is gone"), [700]);
    assert!(has_ended(&mut around));
}

#[test]
fn a_tick_that_fails_or_panics_is_told_and_the_next_comes() {
    let mut play = Play::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let told = Arc::clone(&told);
        move |error: &ChildError<AnyError>| told.lock().unwrap().push(error.to_string())
    };
    let every = play
        .rt
        .every(1.secs())
        .name("feeder")
        .on_error(handler)
        .times(5);
    let line = line!() + 1;
    let mut running = play.start(every.run(|tick| {
        assert!(tick.number() != 2, "in the closure");
        async move {
            match tick.number() {
                0 => Err("out of cheese"),
                1 => panic!("in the future"),
                _ => Ok(()),
            }
        }
    }));
    pass(&mut play, 5.secs());
    assert!(has_ended(&mut running));
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3);
    let place = format!("(child 0 `feeder`, spawned at {}:{line}:", file!());
    assert!(told[0].starts_with("out of cheese"), "{told:?}");
    assert!(told[0].contains(&place), "{told:?}");
    assert!(told[1].starts_with("panicked: in the future"), "{told:?}");
    assert!(told[2].starts_with("panicked: in the closure"), "{told:?}");
}

#[test]
fn a_tick_that_fails_goes_to_the_hook_if_nobody_else_is_told() {
    listen();
    let mut play = Play::default();
    let every = play.rt.every(1.secs()).times(2);
    let mut running = play.start(every.run(|_| async { Err::<(), _>("a tick without cheese") }));
    pass(&mut play, 2.secs());
    assert!(has_ended(&mut running));
    assert_eq!(
        reported("a tick without cheese"),
        [Phase::Failed, Phase::Failed]
    );
}

#[test]
fn no_ticks_at_all_end_at_once() {
    let mut play = Play::default();
    let every = play.rt.every(1.secs()).times(0);
    let mut running = play.start(every.run(|_| async { unreachable!("no tick was asked for") }));
    assert!(has_ended(&mut running));
}

#[test]
fn a_period_beyond_the_clock_ticks_once() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(Duration::MAX);
    let _running = play.start(every.run(working(&log, Duration::ZERO, Duration::ZERO)));
    play.turns(3);
    play.rt.advance(100_000.hours());
    play.turns(3);
    assert_eq!(log.times("starts"), [0]);

    let never = play.rt.every(Duration::MAX).wait_first();
    let mut never = play.start(never.run(|_| async { unreachable!("it never comes") }));
    play.turns(3);
    assert!(!has_ended(&mut never));
}

#[test]
fn a_period_of_zero_ticks_whenever_there_is_room_and_lets_others_run() {
    for policy in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
        for overlap in 0..3 {
            let mut play = Play::default();
            let log = Log::new(&play.rt);
            let every = play.rt.every(Duration::ZERO).on_missed(policy).times(100);
            let every = match overlap {
                0 => every.at_most(3),
                1 => every.cancel_previous(),
                _ => every.skip_if_busy(),
            };
            let mut running = play.start(every.run(working(&log, 10.millis(), 1.millis())));
            let mut at_most = 0;
            for _ in 0..2_000 {
                play.rt.advance(1.millis());
                play.turns(2);
                at_most = at_most.max(play.live());
                if has_ended(&mut running) {
                    break;
                }
            }
            // Where each is stopped at once by the next, none of them begins.
            let expected = if overlap == 1 { 1 } else { 100 };
            assert_eq!(log.times("is gone").len(), expected, "{policy:?} {overlap}");
            assert!(play.live() == 0, "{policy:?} {overlap}");
            assert!(at_most <= 4, "{policy:?} {overlap}: {at_most}");
        }
    }
}

#[test]
fn it_runs_for_very_long_in_flat_memory() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let every = play.rt.every(1.secs()).skip_if_busy();
    let _running = play.start(every.run(|_| async {}));
    for _ in 0..5_000 {
        play.rt.advance(1.secs());
        play.turns(3);
    }
    assert_eq!(play.live(), 1);
    assert!(log.lines().is_empty());
}

#[test]
fn where_a_request_is_due_nothing_ticks() {
    let mut play = Play::default();
    let token = CancelToken::new();
    let (rt, inside) = (play.rt.clone(), token.clone());
    let stopped = async move {
        inside.cancel("enough");
        let every = rt.every(Duration::ZERO);
        every
            .run(|_| async { unreachable!("nothing starts") })
            .await;
    };
    let task = play.start(async move { stopped.until(&token).await.unwrap_err() });
    assert!(task.is_finished());
    assert_eq!(play.live(), 0);
}

#[test]
#[should_panic(expected = "a scope was polled after it was ready")]
fn it_panics_when_it_is_polled_after_it_was_ready() {
    let play = Play::default();
    let mut every = pin!(play.rt.every(1.secs()).times(0).run(|_| async {}));
    assert!(poll_once(every.as_mut()).is_ready());
    let _ = poll_once(every);
}

#[test]
fn a_handler_that_panics_harms_nobody_and_nothing_is_lost() {
    listen();
    let mut play = Play::default();
    let every = play.rt.every(1.secs()).times(2);
    let every = every.on_error(|_| panic!("a handler of ticks"));
    let mut running = play.start(every.run(|_| async { Err::<(), _>("a tick for a bad handler") }));
    pass(&mut play, 2.secs());
    assert!(has_ended(&mut running));
    assert_eq!(reported("a handler of ticks"), [Phase::Callback; 2]);
    assert_eq!(reported("a tick for a bad handler"), [Phase::Failed; 2]);
}

#[test]
fn a_runtime_that_ends_is_no_failure_of_a_tick() {
    let told = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&told);
    let mut play = Play::default();
    let every = play
        .rt
        .every(1.secs())
        .on_error(move |_| *counted.lock().unwrap() += 1);
    let running = play.start(every.run(|_| pending::<()>()));
    pass(&mut play, 2.secs());
    drop(play);
    drop(running);
    assert_eq!(*told.lock().unwrap(), 0);
}
