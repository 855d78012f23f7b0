//! Timeouts, polled by hand on a clock that is moved by hand.

use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::region::tests::by_hand::{Clocked, Play};
use crate::region::tests::counted::{listen, reported};
use crate::region::tests::{Log, OnDrop, finish, poll_once, said, say};
use crate::runtime::{Instant, Sleep};
use crate::task::tests::tick;
use crate::time::Timeout;
use crate::{
    Deadline, Phase, RescheduleError, Runtime, Timed, Timer, deadline, defer, gather, shield,
};

const SECOND: Duration = Duration::from_secs(1);

/// Defers a clean-up that suspends once, and waits.
async fn cleans_up(log: &Log) {
    let cleanup = log.clone();
    defer(async move {
        tick().await;
        say(&cleanup, "cleaned up");
    });
    let _local = OnDrop(log.clone(), "dropped");
    pending::<()>().await;
}

#[test]
fn what_is_ready_at_once_needs_no_sleep() {
    let rt = Clocked::default();
    assert_eq!(finish(pin!(rt.timeout(SECOND, ready(5)))).0.unwrap(), 5);
    assert_eq!(rt.sleeps(), 0);
}

#[test]
fn when_its_time_is_up_the_future_is_dropped_and_there_is_an_error() {
    let (rt, log) = (Clocked::default(), Log::default());
    let mut timeout = pin!(rt.timeout(SECOND, {
        let log = log.clone();
        async move {
            let _local = OnDrop(log, "dropped");
            pending::<()>().await;
        }
    }));
    assert!(poll_once(timeout.as_mut()).is_pending());
    rt.advance(SECOND - Duration::from_nanos(1));
    assert!(poll_once(timeout.as_mut()).is_pending());
    rt.advance(Duration::from_nanos(1));
    let Poll::Ready(Err(elapsed)) = poll_once(timeout.as_mut()) else {
        panic!("its time is up");
    };
    assert_eq!(said(&log), ["dropped"]);
    assert_eq!(elapsed.limit(), Some(SECOND));
    assert!(elapsed.location().file().ends_with("timeout.rs"));
    let text = elapsed.to_string();
    assert!(text.starts_with("not done after 1s (timeout at "), "{text}");
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn polling_it_after_it_was_ready_panics() {
    let rt = Clocked::default();
    let mut timeout = pin!(rt.timeout(SECOND, ready(())));
    assert!(poll_once(timeout.as_mut()).is_ready());
    let _ = poll_once(timeout.as_mut());
}

#[test]
fn its_clean_ups_have_run_when_it_returns() {
    let (rt, log) = (Clocked::default(), Log::default());
    let mut timeout = pin!(rt.timeout(SECOND, cleans_up(&log)));
    assert!(poll_once(timeout.as_mut()).is_pending());
    rt.advance(SECOND);
    assert!(poll_once(timeout.as_mut()).is_pending());
    assert_eq!(said(&log), ["dropped"]);
    assert!(finish(timeout).0.is_err());
    assert_eq!(said(&log), ["dropped", "cleaned up"]);
}

#[test]
fn what_failed_meanwhile_is_in_the_error() {
    let rt = Clocked::default();
    let mut timeout = pin!(rt.timeout(SECOND, async {
        defer(async { panic!("out of cheese") });
        pending::<()>().await;
    }));
    assert!(poll_once(timeout.as_mut()).is_pending());
    rt.advance(SECOND);
    let elapsed = finish(timeout).0.unwrap_err();
    assert_eq!(elapsed.failures().len(), 1);
    assert_eq!(elapsed.failures()[0].phase(), Phase::CleanUp);
    assert!(elapsed.to_string().ends_with("; 1 more failed meanwhile"));
    assert!(format!("{elapsed:#}").contains("out of cheese"));
    assert_eq!(elapsed.into_failures().len(), 1);
}

#[test]
fn who_moves_on_leaves_the_failures_to_the_hook() {
    listen();
    let rt = Clocked::default();
    let mut moving = pin!(rt.move_on_after(SECOND, async {
        defer(async { panic!("moved on from the stilton") });
        pending::<()>().await;
    }));
    assert!(poll_once(moving.as_mut()).is_pending());
    rt.advance(SECOND);
    assert_eq!(finish(moving).0, None);
    assert_eq!(reported("moved on from the stilton"), [Phase::CleanUp]);
    assert_eq!(finish(pin!(rt.move_on_at(rt.now(), ready(3)))).0, Some(3));
}

#[test]
fn a_shield_holds_the_deadline_and_its_value_is_given() {
    let rt = Clocked::default();
    let mut handle = None;
    let mut timeout = pin!(rt.timeout_with(SECOND, |deadline| {
        handle = Some(deadline);
        shield(async {
            for _ in 0..5 {
                tick().await;
            }
            "late"
        })
    }));
    let deadline = handle.unwrap();
    assert!(poll_once(timeout.as_mut()).is_pending());
    assert!(!deadline.expired());
    rt.advance(SECOND);
    assert_eq!(finish(timeout).0.unwrap(), "late");
    assert!(deadline.expired());
}

#[test]
fn a_shielded_value_is_not_given_where_the_body_suspends_after_it() {
    let rt = Clocked::default();
    let mut timeout = pin!(rt.timeout(SECOND, async {
        shield(async {
            tick().await;
            tick().await;
        })
        .await;
        tick().await;
    }));
    assert!(poll_once(timeout.as_mut()).is_pending());
    rt.advance(SECOND);
    assert!(finish(timeout).0.is_err());
}

#[test]
fn zero_gives_a_value_that_is_there_and_stops_what_suspends() {
    let rt = Clocked::default();
    let zero = Duration::ZERO;
    let (value, polls) = finish(pin!(rt.timeout(zero, ready(1))));
    assert_eq!((value.unwrap(), polls), (1, 1));
    let (ended, polls) = finish(pin!(rt.timeout(zero, pending::<()>())));
    assert!(ended.is_err());
    assert_eq!(polls, 1);
    let past = rt.now();
    rt.advance(SECOND);
    assert!(
        finish(pin!(pending::<()>().timeout_at(&rt, past)))
            .0
            .is_err()
    );
}

#[test]
fn the_longest_time_never_ends() {
    let rt = Clocked::default();
    for limit in [Duration::MAX, Duration::from_secs(u64::MAX)] {
        let mut timeout = pin!(rt.timeout(limit, pending::<()>()));
        assert!(poll_once(timeout.as_mut()).is_pending());
        rt.advance(Duration::from_secs(86_400));
        assert!(poll_once(timeout.as_mut()).is_pending());
    }
}

#[test]
fn of_two_equal_deadlines_the_inner_one_wins() {
    let rt = Clocked::default();
    let at = rt.now() + SECOND;
    let mut outer = pin!(rt.timeout_at(at, async {
        rt.timeout_at(at, pending::<()>()).await.unwrap_err();
        "the inner one"
    }));
    assert!(poll_once(outer.as_mut()).is_pending());
    rt.advance(SECOND);
    assert_eq!(finish(outer).0.unwrap(), "the inner one");
}

#[test]
fn an_outer_deadline_is_not_taken_for_the_inner_ones() {
    let (rt, log) = (Clocked::default(), Log::default());
    let mut outer = pin!(rt.timeout(SECOND, async {
        let inner = rt.timeout(SECOND * 2, cleans_up(&log)).await;
        say(&log, format!("inner: {}", inner.is_err()));
    }));
    assert!(poll_once(outer.as_mut()).is_pending());
    rt.advance(SECOND);
    assert!(finish(outer).0.is_err());
    assert_eq!(said(&log), ["dropped", "cleaned up"]);
}

#[test]
fn a_request_to_the_task_around_is_no_timeout() {
    let mut play = Play::default();
    let log = Log::default();
    let task = play.start({
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            // A request that gave a value here would make this spin for ever.
            loop {
                let ended = rt.timeout(SECOND, cleans_up(&log)).await;
                say(&log, format!("{}", ended.is_err()));
            }
        }
    });
    task.cancel("test");
    play.finish();
    assert_eq!(said(&log), ["dropped", "cleaned up"]);
}

#[test]
fn a_request_to_the_task_around_stops_what_nothing_is_known_of() {
    let mut play = Play::default();
    let log = Log::default();
    let task = play.start({
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            let _around = OnDrop(log.clone(), "around");
            let inside = async {
                let _inside = OnDrop(log.clone(), "inside");
                pending::<()>().await;
            };
            let _ = rt.timeout(SECOND, inside).await;
        }
    });
    task.cancel("test");
    play.turn();
    assert_eq!(said(&log), ["inside", "around"]);
}

#[test]
fn a_deadline_is_moved_later_and_earlier() {
    let rt = Clocked::default();
    let mut handle = None;
    let mut timeout = pin!(rt.timeout_with(SECOND, |deadline: Deadline| {
        handle = Some(deadline);
        pending::<()>()
    }));
    let deadline = handle.unwrap();
    assert!(poll_once(timeout.as_mut()).is_pending());
    deadline.extend(SECOND).unwrap();
    rt.advance(SECOND);
    assert!(poll_once(timeout.as_mut()).is_pending());
    deadline.extend(SECOND * 100).unwrap();
    deadline.reschedule(rt.now()).unwrap();
    assert_eq!(deadline.when(), rt.now());
    assert!(!deadline.expired());
    let elapsed = finish(timeout).0.unwrap_err();
    assert_eq!(elapsed.limit(), None);
    assert!(elapsed.to_string().starts_with("not done by the deadline"));
    assert!(deadline.expired());
    let late = deadline.extend(SECOND).unwrap_err();
    assert_eq!(late, RescheduleError::Expired);
    assert_eq!(
        late.to_string(),
        "the deadline has passed and cannot be moved any more"
    );
}

#[test]
fn a_deadline_that_was_moved_at_the_last_moment_has_not_passed() {
    let rt = Clocked::default();
    let mut handle = None;
    let mut timeout = pin!(rt.timeout_with(SECOND, |deadline: Deadline| {
        handle = Some(deadline.clone());
        let rt = rt.clone();
        async move {
            tick().await;
            // In the very poll in which it would pass.
            deadline.reschedule(rt.now() + SECOND).unwrap();
            tick().await;
            tick().await;
            5
        }
    }));
    assert!(poll_once(timeout.as_mut()).is_pending());
    rt.advance(SECOND);
    assert_eq!(finish(timeout).0.unwrap(), 5);
    let over = handle.unwrap();
    assert!(!over.expired());
    assert_eq!(over.extend(SECOND), Err(RescheduleError::Ended));
    assert_eq!(
        RescheduleError::Ended.to_string(),
        "what the deadline limits has ended"
    );
}

#[test]
fn who_moves_a_deadline_wakes_the_task_and_keeps_nothing_of_it() {
    let rt = Clocked::default();
    let mut handle = None;
    let mut timeout = Box::pin(rt.timeout_with(SECOND, |deadline: Deadline| {
        handle = Some(deadline);
        pending::<()>()
    }));
    let deadline = handle.unwrap();
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    let polled = timeout.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    deadline.extend(SECOND).unwrap();
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    let polled = timeout.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    drop((timeout, waker));
    assert_eq!(Arc::strong_count(&woken), 1, "only the test holds it");
    assert_eq!(deadline.extend(SECOND), Err(RescheduleError::Ended));
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_timeout_inside_a_shield_still_ends() {
    let mut play = Play::default();
    let task = play.start({
        let rt = play.rt.clone();
        async move { shield(rt.timeout(SECOND, pending::<()>())).await.is_err() }
    });
    task.cancel("test");
    play.turns(3);
    assert_eq!(play.live(), 1);
    play.rt.advance(SECOND);
    play.finish();
    // A request after the last suspension has no effect.
    let mut task = pin!(task);
    let Poll::Ready(Ok(elapsed)) = poll_once(task.as_mut()) else {
        panic!("it has a value");
    };
    assert!(elapsed);
}

#[test]
fn a_timeout_that_is_dropped_leaves_its_clean_ups_to_the_task_around() {
    let mut play = Play::default();
    let log = Log::default();
    let _task = play.start({
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            let mut timeout = Box::pin(rt.timeout(SECOND, cleans_up(&log)));
            let polled = poll_fn(|cx| Poll::Ready(timeout.as_mut().poll(cx).is_pending()));
            assert!(polled.await);
            drop(timeout);
            say(&log, "body over");
        }
    });
    play.finish();
    assert_eq!(said(&log), ["dropped", "body over", "cleaned up"]);
}

#[test]
fn what_a_destructor_defers_is_waited_for_though_nothing_was_known_of_it() {
    struct Closing(Log);
    impl Drop for Closing {
        fn drop(&mut self) {
            let log = self.0.clone();
            defer(async move {
                tick().await;
                say(&log, "closed");
            });
        }
    }
    let (rt, log) = (Clocked::default(), Log::default());
    let mut timeout = pin!(rt.timeout(SECOND, async {
        let _closing = Closing(log.clone());
        pending::<()>().await;
    }));
    assert!(poll_once(timeout.as_mut()).is_pending());
    rt.advance(SECOND);
    assert!(finish(timeout).0.is_err());
    assert_eq!(said(&log), ["closed"]);
}

#[test]
fn a_panic_goes_on_when_the_clean_ups_have_run() {
    let (rt, log) = (Clocked::default(), Log::default());
    let (inside, clock) = (log.clone(), rt.clone());
    let caught = catch_unwind(AssertUnwindSafe(move || {
        finish(pin!(clock.timeout(SECOND, async {
            defer(async move { say(&inside, "cleaned up") });
            tick().await;
            panic!("out of cheese");
        })))
        .0
        .is_err()
    }));
    assert_eq!(
        *caught.unwrap_err().downcast::<&str>().unwrap(),
        "out of cheese"
    );
    assert_eq!(said(&log), ["cleaned up"]);
}

#[test]
fn a_destructor_that_panics_when_the_time_is_up_is_a_panic() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let rt = Clocked::default();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let bomb = async {
            let _bomb = Bomb;
            pending::<()>().await;
        };
        finish(pin!(rt.timeout(Duration::ZERO, bomb))).0.is_err()
    }));
    assert_eq!(
        *caught.unwrap_err().downcast::<&str>().unwrap(),
        "in a destructor"
    );
}

#[test]
fn code_finds_the_earliest_deadline_that_stops_it() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let near = rt.now() + SECOND;
    let task = play.start(async move {
        assert_eq!(deadline(), None);
        let inside = async {
            assert_eq!(deadline(), Some(near));
            let nested = rt.timeout(SECOND * 2, async { deadline() });
            assert_eq!(nested.await.unwrap(), Some(near));
            // Also where the regions are made, in a child, and further inside that.
            defer(async { assert_eq!(deadline(), None, "a clean-up is under none") });
            assert_eq!(deadline(), Some(near));
            assert_eq!(shield(async { deadline() }).await, None);
            let shielded = shield(rt.timeout_at(near + SECOND, async { deadline() })).await;
            assert_eq!(shielded.unwrap(), Some(near + SECOND));
            let child = rt
                .scope(async |s| s.spawn(async { deadline() }).await)
                .await;
            assert_eq!(child, Some(near));
        };
        rt.timeout_at(near, inside).await.unwrap();
        assert_eq!(deadline(), None);
        let scope = rt
            .scope_with()
            .within(SECOND)
            .try_run(async |_| Ok::<_, String>(deadline()));
        assert_eq!(scope.await.unwrap(), Some(near));
        let moved = rt.timeout_with(SECOND, async |limit: Deadline| {
            limit.extend(SECOND).unwrap();
            tick().await;
            tick().await;
            deadline()
        });
        assert_eq!(moved.await.unwrap(), Some(near + SECOND));
    });
    play.finish();
    let mut task = pin!(task);
    assert!(matches!(poll_once(task.as_mut()), Poll::Ready(Ok(()))));
}

#[test]
fn arms_with_nothing_to_unwind_are_stopped_while_another_arm_is_shielded() {
    for many in [false, true] {
        let mut play = Play::default();
        let log = Log::default();
        let task = play.start({
            let log = log.clone();
            async move {
                let arm = |shielded: bool| {
                    let log = log.clone();
                    async move {
                        if shielded {
                            for _ in 0..5 {
                                shield(tick()).await;
                            }
                            shield(async {
                                for _ in 0..5 {
                                    tick().await;
                                }
                                say(&log, "shield over");
                            })
                            .await;
                        }
                        let _local = OnDrop(log, "arm dropped");
                        pending::<()>().await;
                    }
                };
                match many {
                    false => drop(gather((arm(true), arm(false))).await),
                    true => drop(gather(vec![arm(true), arm(false)]).await),
                }
            }
        });
        play.turns(6);
        task.cancel("test");
        play.finish();
        assert_eq!(
            said(&log),
            ["arm dropped", "shield over", "arm dropped"],
            "many: {many}"
        );
    }
}

#[test]
fn nothing_starts_or_goes_on_where_a_request_is_due() {
    let mut play = Play::default();
    let log = Log::default();
    let (send, receive) = futures::channel::oneshot::channel();
    let task = play.start({
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            let shielded = async {
                shield(async {
                    for _ in 0..5 {
                        tick().await;
                    }
                })
                .await;
                // Ready at once, if it were polled.
                let started = async { say(&log, "started") };
                let _ = rt.timeout(SECOND, started).await;
            };
            let going_on = rt.timeout(SECOND, async {
                let _ = receive.await;
                say(&log, "went on");
            });
            let _ = futures::future::join(shielded, going_on).await;
        }
    });
    task.cancel("test");
    send.send(()).unwrap();
    play.finish();
    assert!(said(&log).is_empty(), "{:?}", said(&log));
}

/// A clock whose sleeps end at once; just before, somebody moves the deadline.
#[derive(Clone, Debug, Default)]
struct Late(Arc<Mutex<Option<Deadline>>>, Clocked);

impl Timer for Late {
    type Sleep = LateSleep;

    fn now(&self) -> Instant {
        self.1.now()
    }

    fn sleep_until(&self, _: Instant) -> LateSleep {
        LateSleep(self.clone())
    }
}

#[derive(Debug)]
struct LateSleep(Late);

impl Future for LateSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.0.0.lock().unwrap().take() {
            Some(deadline) => {
                deadline.extend(SECOND).unwrap();
                Poll::Ready(())
            }
            None => Poll::Pending,
        }
    }
}

impl Sleep for LateSleep {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}

#[test]
fn a_deadline_that_is_moved_while_its_sleep_ends_has_not_passed() {
    let rt = Late::default();
    let mut timeout = pin!(Timeout::with(&rt, SECOND, |deadline| {
        *rt.0.lock().unwrap() = Some(deadline);
        pending::<()>()
    }));
    assert!(poll_once(timeout.as_mut()).is_pending());
    assert!(rt.0.lock().unwrap().is_none(), "its sleep has ended");
    assert!(poll_once(timeout.as_mut()).is_pending());
}
