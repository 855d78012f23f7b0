//! A tracked future, its wakers and its count, polled by hand.

use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::Woken;
use crate::clock::current::{Timekeeper, current_of};
use crate::clock::quiescence::{Outside, Pace, Quiescence};
use crate::clock::sleep::VirtualSleep;
use crate::clock::tracked::{Tracked, TrackedJob, What};
use crate::runtime::Timer;
use crate::task::tests::Hand;

fn clock() -> Arc<Quiescence> {
    let now = Hand::default().now();
    Arc::new(Quiescence::new(now, Pace::Auto, Outside::MayWake))
}

fn track<F: Future>(clock: &Arc<Quiescence>, future: F) -> Pin<Box<Tracked<Hand, F>>> {
    let what = What::Task(Location::caller());
    Box::pin(Tracked::new(clock, Hand::default(), what, |_| future))
}

fn poll<F: Future>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

fn busy(clock: &Quiescence) -> String {
    let text = format!("{clock:?}");
    let from = text.find("busy: ").unwrap();
    text[from + 6..].split(',').next().unwrap().to_owned()
}

/// Rests for ever, and gives its waker to the test.
fn hands_out() -> (impl Future<Output = ()>, Arc<Mutex<Option<Waker>>>) {
    let slot = Arc::new(Mutex::new(None));
    let out = Arc::clone(&slot);
    let rests = poll_fn(move |cx| {
        *out.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    });
    (rests, slot)
}

#[test]
fn it_counts_from_its_spawn_while_it_is_woken_and_until_it_is_dropped() {
    let clock = clock();
    let (future, slot) = hands_out();
    let mut task = track(&clock, future);
    assert_eq!(busy(&clock), "1");
    assert!(poll(&mut task, Waker::noop()).is_pending());
    assert_eq!(busy(&clock), "0");
    let waker = slot.lock().unwrap().take().unwrap();
    waker.wake_by_ref();
    waker.wake_by_ref();
    assert_eq!(busy(&clock), "1");
    drop(task);
    assert_eq!(busy(&clock), "0");
    waker.wake();
    assert_eq!(busy(&clock), "0");
}

#[test]
fn one_that_is_never_polled_counts_until_it_is_dropped() {
    let clock = clock();
    let task = track(&clock, pending::<()>());
    assert_eq!(busy(&clock), "1");
    drop(task);
    assert_eq!(busy(&clock), "0");
}

#[test]
fn the_last_waker_of_its_runtime_is_the_one_that_is_woken() {
    let clock = clock();
    let (future, slot) = hands_out();
    let mut task = track(&clock, future);
    let ((old, old_waker), (new, new_waker)) = (Woken::new(), Woken::new());
    assert!(poll(&mut task, &old_waker).is_pending());
    assert!(poll(&mut task, &new_waker).is_pending());
    let waker = slot.lock().unwrap().take().unwrap();
    waker.wake_by_ref();
    waker.wake();
    assert_eq!((old.times(), new.times()), (0, 1));
}

#[test]
fn one_that_is_woken_while_it_is_polled_is_polled_again_and_counts_on() {
    let clock = clock();
    let mut task = track(
        &clock,
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }),
    );
    let (woken, waker) = Woken::new();
    for times in 1..=3 {
        assert!(poll(&mut task, &waker).is_pending());
        assert_eq!((woken.times(), busy(&clock).as_str()), (times, "1"));
    }
}

#[test]
fn when_it_has_ended_it_keeps_no_waker_and_is_not_polled_again() {
    let clock = clock();
    let mut task = track(&clock, ready(7));
    let (woken, waker) = Woken::new();
    assert_eq!(poll(&mut task, &waker), Poll::Ready(7));
    drop(waker);
    assert_eq!(Arc::strong_count(&woken), 1);
    assert_eq!(busy(&clock), "0");
    let again = catch_unwind(AssertUnwindSafe(|| poll(&mut task, Waker::noop())));
    assert!(again.is_err());
    drop(task);
    assert_eq!(busy(&clock), "0");
}

#[test]
fn its_panic_passes_and_it_counts_no_more() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let clock = clock();
    let mut task = track(&clock, async { panic!("on purpose") });
    let unwound = catch_unwind(AssertUnwindSafe(|| poll(&mut task, Waker::noop())));
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"on purpose"));
    assert_eq!(busy(&clock), "0");
    drop(task);

    let bomb = Bomb;
    let task = track(&clock, async move {
        let _bomb = bomb;
        pending::<()>().await;
    });
    let unwound = catch_unwind(AssertUnwindSafe(|| drop(task)));
    assert_eq!(
        unwound.unwrap_err().downcast_ref(),
        Some(&"in a destructor")
    );
    assert_eq!(busy(&clock), "0");
}

#[test]
fn its_keeper_is_current_while_it_is_polled_and_dropped() {
    struct Looks(Arc<Quiescence>, Arc<Mutex<usize>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            assert!(current_of(self.0.timers()).is_some());
            *self.1.lock().unwrap() += 1;
        }
    }
    let clock = clock();
    let dropped = Arc::new(Mutex::new(0));
    let mut ends = {
        let looks = Looks(Arc::clone(&clock), Arc::clone(&dropped));
        let (clock, looked) = (Arc::clone(&clock), looks);
        let mut polls = 0;
        track(
            &clock.clone(),
            poll_fn(move |_| {
                let _looked = &looked;
                assert!(current_of(clock.timers()).is_some());
                polls += 1;
                match polls {
                    2 => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            }),
        )
    };
    let looks = Looks(Arc::clone(&clock), Arc::clone(&dropped));
    let stays = track(&clock, async move {
        let _looks = looks;
        pending::<()>().await;
    });
    assert!(poll(&mut ends, Waker::noop()).is_pending());
    assert!(poll(&mut ends, Waker::noop()).is_ready());
    drop(stays);
    assert_eq!(*dropped.lock().unwrap(), 2);
    assert!(current_of(clock.timers()).is_none());
}

#[test]
fn a_waker_that_panics_does_not_stop_the_time() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    let clock = clock();
    let timers = clock.timers();
    let sleep = |nanos| VirtualSleep::new(timers, timers.instant(nanos));
    let (mut first, mut second) = (track(&clock, sleep(1)), track(&clock, sleep(2)));
    let hold = TrackedJob::new(&clock, Location::caller());
    assert!(poll(&mut first, &Waker::from(Arc::new(Panics))).is_pending());
    let (woken, waker) = Woken::new();
    assert!(poll(&mut second, &waker).is_pending());
    drop(hold);
    // It is woken, and so it counts; only nobody will poll it.
    assert_eq!((timers.now_nanos(), busy(&clock).as_str()), (1, "1"));
    drop(first);
    assert_eq!((timers.now_nanos(), woken.times()), (2, 1));
    assert!(poll(&mut second, &waker).is_ready());
}

#[test]
fn a_hundred_thousand_waits_that_wake_nobody_end_in_a_loop() {
    let clock = clock();
    let timers = clock.timers();
    let hold = TrackedJob::new(&clock, Location::caller());
    let sleeps: Vec<_> = (1..=100_000)
        .map(|nanos| {
            let sleep = VirtualSleep::new(timers, timers.instant(nanos));
            let key = timers.lock().key(nanos);
            drop(timers.lock().insert(key, Waker::noop().clone()));
            sleep
        })
        .collect();
    drop(hold);
    assert_eq!(timers.now_nanos(), 100_000);
    drop(sleeps);
}
