//! Trying again, polled by hand.

use std::error::Error;
use std::future::{Future, pending, ready};
use std::io;
use std::iter;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use super::{Log, pass, poll_once};
use crate::region::tests::by_hand::{Clocked, Play};
use crate::region::tests::finish;
use crate::task::tests::tick;
use crate::time::Durations;
use crate::{CancelToken, Cancellable, RetryError, Runtime, Task, defer, rooted, shield};

/// Fails so often, and says each time that it tries.
fn failing(
    log: &Log,
    times: usize,
) -> impl FnMut() -> std::future::Ready<Result<usize, String>> + Send + use<> {
    let log = log.clone();
    let mut attempts = 0;
    move || {
        log.say("tries");
        attempts += 1;
        assert!(attempts < 1_000, "it spins");
        ready(match attempts <= times {
            true => Err(format!("failure {attempts}")),
            false => Ok(attempts),
        })
    }
}

fn outcome<T>(task: &mut Task<T>) -> T {
    match poll_once(Pin::new(task)) {
        Poll::Ready(Ok(value)) => value,
        Poll::Ready(Err(error)) => panic!("{error}"),
        Poll::Pending => panic!("it has not ended"),
    }
}

fn has_ended<T>(task: &mut Task<T>) -> bool {
    poll_once(Pin::new(task)).is_ready()
}

#[test]
fn what_works_at_once_needs_no_clock() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let mut task = play.start(play.rt.clone().retry(failing(&log, 0)));
    assert_eq!(outcome(&mut task).unwrap(), 1);
    assert_eq!(play.rt.sleeps(), 0);
}

#[test]
fn it_is_tried_again_after_each_delay() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let delays = [1.secs(), 2.secs(), 3.secs()];
    let mut task = play.start(play.rt.clone().retry_with(delays, failing(&log, 2)));
    pass(&mut play, 10.secs());
    assert_eq!(outcome(&mut task).unwrap(), 3);
    assert_eq!(log.times("tries"), [0, 1_000, 3_000]);
}

#[test]
fn if_nothing_is_said_it_is_tried_five_times() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let mut task = play.start(play.rt.clone().retry(failing(&log, 100)));
    pass(&mut play, 71.secs());
    let error = outcome(&mut task).unwrap_err();
    assert_eq!(log.times("tries"), [0, 0, 1_000, 11_000, 71_000]);
    assert_eq!((error.attempts(), error.elapsed()), (5, 71.secs()));
}

#[test]
fn it_does_not_sleep_after_the_last_attempt() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let mut task = play.start(play.rt.clone().retry_with([1.secs()], failing(&log, 100)));
    pass(&mut play, 1.secs());
    let error = outcome(&mut task).unwrap_err();
    assert_eq!(play.rt.sleeps(), 1);
    assert_eq!(error.elapsed(), 1.secs());
    assert_eq!(error.error().unwrap(), "failure 2");
}

#[test]
fn without_delays_it_is_tried_once() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let mut task = play.start(play.rt.clone().retry_with([], failing(&log, 100)));
    let error = outcome(&mut task).unwrap_err();
    assert_eq!((error.attempts(), play.rt.sleeps()), (1, 0));
    assert_eq!(error.into_inner().unwrap(), "failure 1");
}

#[test]
fn an_error_that_is_not_worth_it_is_the_last() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let retry = play
        .rt
        .retry_with(iter::repeat(1.secs()), failing(&log, 100));
    let mut task = play.start(retry.when(|error| error != "failure 3"));
    pass(&mut play, 10.secs());
    let error = outcome(&mut task).unwrap_err();
    assert_eq!(error.attempts(), 3);
    assert_eq!(log.times("tries"), [0, 1_000, 2_000]);
}

#[test]
fn an_attempt_that_takes_too_long_is_stopped_and_cleans_up_before_the_next() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let mut attempts = 0;
    let (rt, said) = (play.rt.clone(), log.clone());
    let retry = play.rt.retry_with([1.secs(), 1.secs()], move || {
        attempts += 1;
        let (attempt, log, over, rt) = (attempts, said.clone(), said.clone(), rt.clone());
        async move {
            log.say("tries");
            defer(async move {
                rt.sleep(500.millis()).await;
                over.say("is gone");
            });
            match attempt {
                3 => Ok::<_, String>("worked"),
                _ => pending().await,
            }
        }
    });
    let mut task = play.start(retry.each_within(2.secs()));
    pass(&mut play, 10.secs());
    assert_eq!(outcome(&mut task).unwrap(), "worked");
    assert_eq!(log.times("tries"), [0, 3_500, 7_000]);
    assert_eq!(log.times("is gone"), [2_500, 6_000, 7_500]);
}

#[test]
fn a_value_that_is_there_when_the_time_is_up_is_given() {
    for limit in [Duration::ZERO, 1.secs(), Duration::MAX] {
        let rt = Clocked::default();
        let now = rt.clone();
        let limited = rt
            .retry_with([], || async {
                now.advance(2.secs());
                Ok::<_, String>(5)
            })
            .each_within(limit)
            .within(limit);
        let Poll::Ready(value) = poll_once(pin!(limited)) else {
            panic!("it is there");
        };
        assert_eq!(value.unwrap(), 5);
    }
}

#[test]
fn where_all_attempts_take_too_long_there_is_no_error_of_theirs() {
    let mut play = Play::default();
    let retry = play
        .rt
        .retry_with([1.secs()], pending::<Result<(), String>>);
    let mut task = play.start(retry.each_within(1.secs()));
    pass(&mut play, 3.secs());
    let error = outcome(&mut task).unwrap_err();
    assert!(error.is_elapsed());
    assert_eq!(error.error(), None);
    let shown = "gave up after 2 attempts in 3.0 s: the last one took too long";
    assert_eq!(error.to_string(), shown);
}

#[test]
fn a_limit_of_zero_stops_what_is_not_there_at_once() {
    let mut play = Play::default();
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let retry = play.rt.retry_with([Duration::ZERO; 2], move || {
        let polls = counted.clone();
        async move {
            polls.fetch_add(1, Ordering::SeqCst);
            tick().await;
            pending::<Result<(), String>>().await
        }
    });
    let mut task = play.start(retry.each_within(Duration::ZERO));
    play.turns(5);
    assert!(
        outcome::<Result<(), _>>(&mut task)
            .unwrap_err()
            .is_elapsed()
    );
    assert_eq!(polls.load(Ordering::SeqCst), 3);
}

#[test]
fn it_does_not_wait_for_an_attempt_that_would_begin_too_late() {
    let expected: [(_, &[u128]); 4] = [
        (Duration::ZERO, &[0]),
        (999.millis(), &[0]),
        (2.secs(), &[0, 1_000]),
        (2.secs() + 1.nanos(), &[0, 1_000, 2_000]),
    ];
    for (within, tries) in expected {
        let mut play = Play::default();
        let log = Log::new(&play.rt);
        let retry = play
            .rt
            .retry_with(iter::repeat(1.secs()), failing(&log, 100));
        let mut task = play.start(retry.within(within));
        pass(&mut play, 2.secs());
        let error = outcome(&mut task).unwrap_err();
        assert_eq!(log.times("tries"), tries, "{within:?}");
        assert_eq!(error.elapsed().as_millis(), *tries.last().unwrap());
        assert!(!error.is_elapsed());
    }
}

#[test]
fn when_all_the_time_is_up_the_attempt_is_stopped_and_the_last_error_is_given() {
    let mut play = Play::default();
    let mut attempts = 0;
    let retry = play.rt.retry_with(iter::repeat(1.secs()), move || {
        attempts += 1;
        let attempt = attempts;
        async move {
            match attempt {
                1 => Err::<(), _>("out of cheese"),
                _ => pending().await,
            }
        }
    });
    let mut task = play.start(retry.within(5.secs()).each_within(1.hours()));
    pass(&mut play, 5.secs());
    let error = outcome(&mut task).unwrap_err();
    assert_eq!((error.attempts(), error.elapsed()), (2, 5.secs()));
    assert!(error.is_elapsed());
    let shown =
        "gave up after 2 attempts in 5.0 s: the last one took too long, after: out of cheese";
    assert_eq!(error.to_string(), shown);
    assert_eq!(error.into_inner(), Some("out of cheese"));
}

#[test]
fn limits_that_are_huge_are_none() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let retry = play
        .rt
        .retry_with([1.secs(), Duration::MAX], failing(&log, 100));
    let retry = retry.within(Duration::MAX).each_within(Duration::MAX);
    let mut task = play.start(retry.jitter(Duration::ZERO));
    pass(&mut play, 2.secs());
    play.rt.advance(100_000.hours());
    play.turns(3);
    assert!(!has_ended(&mut task));
    assert_eq!(log.times("tries"), [0, 1_000]);
}

#[test]
fn stopped_between_two_attempts_it_ends_at_once() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let mut task = play.start(play.rt.clone().retry_with([1.hours()], failing(&log, 100)));
    play.turns(3);
    assert_eq!(play.rt.waiting(), 1);
    task.cancel("enough");
    play.turn();
    let Poll::Ready(Err(error)) = poll_once(Pin::new(&mut task)) else {
        panic!("it was cancelled");
    };
    assert_eq!(error.reason().unwrap().as_str(), "enough");
    assert_eq!((play.rt.waiting(), log.times("tries").len()), (0, 1));
}

#[test]
fn a_scope_that_is_stopped_from_outside_is_not_tried_again() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let (rt, said) = (play.rt.clone(), log.clone());
    let mut task = play.start(async move {
        let attempt = || {
            said.say("tries");
            rt.try_scope(async |s| {
                s.spawn(pending::<Result<(), String>>());
                Ok(())
            })
        };
        rt.retry_with(iter::repeat(Duration::ZERO), attempt).await
    });
    play.turns(3);
    task.cancel("enough");
    play.turns(5);
    assert!(matches!(
        poll_once(Pin::new(&mut task)),
        Poll::Ready(Err(_))
    ));
    assert_eq!(log.times("tries"), [0]);
    assert_eq!(play.live(), 0);
}

#[test]
fn where_a_request_is_due_nothing_is_tried() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let (rt, attempt) = (play.rt.clone(), failing(&log, 0));
    let token = CancelToken::new();
    let inside = token.clone();
    let stopped = async move {
        inside.cancel("enough");
        rt.retry(attempt).await
    };
    let mut task = play.start(async move { stopped.until(&token).await.unwrap_err() });
    assert_eq!(outcome(&mut task).as_str(), "enough");
    assert_eq!(log.times("tries"), []);
}

#[test]
fn attempts_that_fail_at_once_let_others_run() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let endless = iter::repeat(Duration::ZERO);
    let mut task = play.start(
        play.rt
            .clone()
            .retry_with(endless, failing(&log, usize::MAX)),
    );
    for turn in 1..10 {
        assert_eq!(log.times("tries").len(), turn, "one in a turn");
        play.turn();
    }
    task.cancel("enough");
    play.turn();
    assert!(has_ended(&mut task));
}

#[test]
fn a_random_part_is_added_to_each_delay_and_a_seed_decides_it() {
    let run = |seed| {
        let mut play = Play::default();
        let log = Log::new(&play.rt);
        let retry = play.rt.retry_with([1.secs(), 1.secs()], failing(&log, 100));
        let mut task = play.start(retry.jitter(1.secs()).seed(seed));
        for _ in 0..4_000 {
            play.rt.advance(1.millis());
            play.turn();
        }
        assert!(has_ended(&mut task));
        log.times("tries")
    };
    let times = run(5);
    assert!((1_000..=2_001).contains(&times[1]), "{times:?}");
    assert!(
        (1_000..=2_001).contains(&(times[2] - times[1])),
        "{times:?}"
    );
    assert_eq!(times, run(5));
    assert_ne!(times, run(6));
}

#[test]
fn a_panic_of_an_attempt_passes() {
    let mut play = Play::default();
    let retry = play.rt.retry(|| async {
        tick().await;
        panic!("in an attempt");
        #[expect(unreachable_code, reason = "it says the type")]
        Ok::<(), String>(())
    });
    let mut task = play.start(retry);
    play.turns(3);
    let Poll::Ready(Err(error)) = poll_once(Pin::new(&mut task)) else {
        panic!("it panicked");
    };
    assert!(error.is_panic());
}

#[test]
#[should_panic(expected = "a `Retry` future was polled after it was ready")]
fn it_panics_when_it_is_polled_after_it_was_ready() {
    let rt = Clocked::default();
    let mut retry = pin!(rt.retry(|| ready(Ok::<_, String>(()))));
    assert!(poll_once(retry.as_mut()).is_ready());
    let _ = poll_once(retry);
}

#[test]
fn dropping_it_drops_the_attempt_and_its_clean_ups_go_on_outside() {
    let mut play = Play::default();
    let log = Log::new(&play.rt);
    let (rt, over) = (play.rt.clone(), log.clone());
    let mut task = play.start(async move {
        {
            let attempt = || {
                let over = over.clone();
                async move {
                    defer(async move {
                        tick().await;
                        over.say("is gone");
                    });
                    pending::<Result<(), String>>().await
                }
            };
            let mut retry = pin!(rt.retry(attempt));
            assert!(poll_once(retry.as_mut()).is_pending());
        }
        over.say("goes on");
    });
    play.turns(3);
    assert!(has_ended(&mut task));
    let lines: Vec<_> = log.lines().into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["goes on", "is gone"]);
}

#[test]
fn it_may_borrow_and_runs_in_no_task_as_well() {
    let rt = Clocked::default();
    let (name, mut attempts) = (String::from("ada"), 0);
    let retry = rt.retry(|| {
        attempts += 1;
        let (name, attempt) = (&name, attempts);
        async move {
            match attempt {
                1 => Err("not yet"),
                _ => Ok(name.len()),
            }
        }
    });
    let mut retry = pin!(retry);
    assert!(poll_once(retry.as_mut()).is_pending());
    assert!(format!("{retry:?}").contains("waiting: true"));
    let Poll::Ready(length) = poll_once(retry) else {
        panic!("it works the second time");
    };
    assert_eq!(length.unwrap(), 3);
}

#[test]
fn an_async_closure_is_an_attempt() {
    let rt = Clocked::default();
    let answer = rt.retry(async || Ok::<_, String>("hello"));
    let Poll::Ready(answer) = poll_once(pin!(rooted(&rt, answer))) else {
        panic!("it is there");
    };
    assert_eq!(answer.unwrap(), "hello");
}

/// What generic code spawns must be `Send` there.
fn spawns<R, F, Fut>(rt: &R, attempt: F) -> Task<Result<u32, RetryError<io::Error>>>
where
    R: Runtime,
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = io::Result<u32>> + Send + 'static,
{
    let inner = rt.clone();
    rt.spawn(async move {
        let limited = inner.retry(attempt).each_within(1.secs()).within(9.secs());
        limited
            .when(|error| error.kind() != io::ErrorKind::NotFound)
            .await
    })
}

#[test]
fn its_error_has_the_last_error_as_its_source() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let mut task = spawns(&rt, || ready(Err(io::ErrorKind::NotFound.into())));
    play.turns(2);
    let error = outcome(&mut task).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("gave up after 1 attempt in 0 s: ")
    );
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
}

#[test]
fn in_a_clean_up_and_in_a_shield_its_limits_hold_and_requests_do_not() {
    for shielded in [false, true] {
        let mut play = Play::default();
        let log = Log::new(&play.rt);
        let (rt, said) = (play.rt.clone(), log.clone());
        let mut task = play.start(async move {
            let mut attempts = 0;
            let inner = rt.clone();
            let told = said.clone();
            let retry = async move {
                let attempt = || {
                    attempts += 1;
                    let (attempt, said) = (attempts, said.clone());
                    async move {
                        said.say("tries");
                        match attempt {
                            3 => Ok::<_, String>("saved"),
                            _ => pending().await,
                        }
                    }
                };
                let retry = inner.retry_with([1.secs(); 5], attempt);
                let saved = retry.each_within(2.secs()).await;
                told.say(saved.unwrap());
            };
            match shielded {
                true => shield(retry).await,
                false => defer(retry),
            }
            pending::<()>().await;
        });
        play.turns(2);
        task.cancel("enough");
        pass(&mut play, 10.secs());
        assert_eq!(log.times("tries"), [0, 3_000, 6_000], "{shielded}");
        assert_eq!(log.times("saved"), [6_000]);
        assert!(has_ended(&mut task));
    }
}

#[test]
fn a_pause_that_ends_after_the_deadline_around_is_not_begun() {
    let rt = Clocked::default();
    let delays = [Duration::from_secs(1), Duration::from_secs(10)];
    let mut limited = pin!(rt.timeout(
        Duration::from_secs(5),
        rt.retry_with(delays, || async { Err::<(), _>("busy") }),
    ));
    assert!(poll_once(limited.as_mut()).is_pending());
    rt.advance(Duration::from_secs(1));
    // The second pause would end after the deadline: the error is better than the timeout.
    let error = finish(limited).0.unwrap().unwrap_err();
    assert_eq!((error.attempts(), error.error()), (2, Some(&"busy")));
}
