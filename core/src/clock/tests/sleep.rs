//! Sleeps, holds, and the thread-local.

use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::{ByHand, Woken};
use crate::clock::VirtualSleep;
use crate::clock::current::{Entered, current_of};
use crate::clock::{blocking_wait, external};
use crate::runtime::{Sleep, after};

const NS: Duration = Duration::from_nanos(1);

fn sleep(clock: &ByHand, duration: Duration) -> VirtualSleep {
    VirtualSleep::new(&clock.timers, after(clock.timers.now(), duration))
}

#[test]
fn a_sleep_ends_at_its_nanosecond() {
    let clock = ByHand::new();
    let start = clock.timers.now();
    let (woken, waker) = Woken::new();
    let mut sleep = sleep(&clock, 5 * NS);
    assert!(clock.poll(&mut sleep, &waker).is_pending());
    assert!(clock.fire());
    assert_eq!(clock.timers.now(), start + 5 * NS);
    assert_eq!(woken.times(), 1);
    assert!(clock.poll(&mut sleep, &waker).is_ready());
    assert!(clock.poll(&mut sleep, &waker).is_ready());
    assert!(!clock.fire());
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines_then_of_their_first_polls() {
    let clock = ByHand::new();
    let order = [7, 5, 5, 0, 6].map(|n| (n, sleep(&clock, n * NS), Woken::new()));
    let mut order = order.map(|(n, mut sleep, (woken, waker))| {
        let polled = clock.poll(&mut sleep, &waker);
        assert_eq!(polled.is_ready(), n == 0);
        (sleep, woken)
    });
    for expected in [1, 2, 4, 0] {
        assert!(clock.fire());
        let fired: Vec<_> = (0..5).filter(|&n| order[n].1.times() > 0).collect();
        assert_eq!(fired, [expected]);
        order[expected].1 = Woken::new().0;
    }
    assert!(!clock.fire());
}

#[test]
fn a_sleep_that_is_polled_again_keeps_its_place_and_has_its_last_waker() {
    let clock = ByHand::new();
    let (mut first, mut second) = (sleep(&clock, NS), sleep(&clock, NS));
    let ((old, old_waker), (new, new_waker)) = (Woken::new(), Woken::new());
    assert!(clock.poll(&mut first, &old_waker).is_pending());
    assert!(clock.poll(&mut second, Waker::noop()).is_pending());
    assert!(clock.poll(&mut first, &new_waker).is_pending());
    assert!(clock.fire());
    assert_eq!((old.times(), new.times()), (0, 1));
}

#[test]
fn a_dropped_sleep_waits_no_more() {
    let clock = ByHand::new();
    let mut sleep = sleep(&clock, NS);
    let (woken, waker) = Woken::new();
    assert!(clock.poll(&mut sleep, &waker).is_pending());
    drop(waker);
    assert_eq!(Arc::strong_count(&woken), 2);
    drop(sleep);
    assert_eq!(Arc::strong_count(&woken), 1);
    assert!(!clock.fire());
}

#[test]
fn a_sleep_is_reset_later_and_earlier_and_after_its_end() {
    let clock = ByHand::new();
    let start = clock.timers.now();
    let mut sleep = Box::pin(sleep(&clock, 5 * NS));
    let poll = |sleep: &mut _| clock.poll(sleep, Waker::noop());
    assert!(poll(&mut sleep).is_pending());
    sleep.as_mut().reset(start + 9 * NS);
    assert!(!clock.fire(), "nobody has polled it since");
    assert!(poll(&mut sleep).is_pending());
    sleep.as_mut().reset(start + 3 * NS);
    assert!(poll(&mut sleep).is_pending());
    assert!(clock.fire());
    assert_eq!(clock.timers.now(), start + 3 * NS);
    assert!(poll(&mut sleep).is_ready());
    sleep.as_mut().reset(start + 4 * NS);
    assert!(poll(&mut sleep).is_pending());
    sleep.as_mut().reset(start);
    assert!(poll(&mut sleep).is_ready());
}

#[test]
fn never_does_not_wait() {
    let clock = ByHand::new();
    let start = clock.timers.now();
    let mut sleeps = [Duration::MAX, Duration::from_secs(86_400 * 365 * 30)].map(|duration| {
        let mut sleep = sleep(&clock, duration);
        assert!(clock.poll(&mut sleep, Waker::noop()).is_pending());
        sleep
    });
    assert!(!clock.fire());
    assert_eq!(clock.timers.now(), start);
    assert_eq!(
        format!("{:?}", sleeps[0]),
        "VirtualSleep { left: \"for ever\", waits: false }"
    );
    std::pin::Pin::new(&mut sleeps[0]).reset(start + NS);
    assert!(clock.poll(&mut sleeps[0], Waker::noop()).is_pending());
    assert!(clock.fire());
}

#[test]
fn a_clock_may_start_at_the_end_of_all_time() {
    let clock = ByHand::new();
    let mut last = clock.timers.now();
    let mut step = Duration::MAX;
    while !step.is_zero() {
        match last.checked_add(step) {
            Some(later) => last = later,
            None => step /= 2,
        }
    }
    let timers = Arc::new(crate::clock::timers::Timers::new(last));
    assert_eq!(timers.now(), last);
    assert!(timers.is_never(timers.nanos(last + Duration::ZERO) + 1));
}

#[test]
fn a_sleep_outside_any_task_of_its_clock_panics_with_advice() {
    let (clock, other) = (ByHand::new(), ByHand::new());
    let advice = |poll: &dyn Fn(&mut VirtualSleep) -> Poll<()>| {
        let mut sleep = sleep(&clock, NS);
        let panic = catch_unwind(AssertUnwindSafe(|| poll(&mut sleep))).unwrap_err();
        let message = *panic.downcast::<&'static str>().unwrap();
        assert!(message.contains("block_on"), "{message}");
    };
    advice(&|sleep| {
        std::pin::Pin::new(sleep).poll(&mut std::task::Context::from_waker(Waker::noop()))
    });
    advice(&|sleep| other.poll(sleep, Waker::noop()));
}

#[test]
fn the_keeper_around_is_back_when_the_one_inside_has_gone() {
    let (outer, inner) = (ByHand::new(), ByHand::new());
    outer.enter(|| {
        assert!(current_of(&outer.timers).is_some());
        inner.enter(|| {
            assert!(current_of(&outer.timers).is_none());
            assert!(current_of(&inner.timers).is_some());
            let mut nobody = None;
            let _outside = Entered::new(&mut nobody);
            assert!(current_of(&inner.timers).is_none());
        });
        let panicked = catch_unwind(AssertUnwindSafe(|| inner.enter(|| panic!("on purpose"))));
        assert!(panicked.is_err());
        assert!(current_of(&outer.timers).is_some());
    });
    assert!(current_of(&outer.timers).is_none());
}

#[test]
fn time_stands_still_while_something_external_is_pending() {
    let clock = ByHand::new();
    let mut waits = external(pending::<()>());
    assert_eq!(clock.counted(), 0);
    for _ in 0..2 {
        assert!(clock.poll(&mut waits, Waker::noop()).is_pending());
        assert_eq!(clock.counted(), 1);
    }
    drop(waits);
    assert_eq!(clock.counted(), 0);

    assert!(
        clock
            .poll(&mut external(ready(())), Waker::noop())
            .is_ready()
    );
    assert_eq!(clock.counted(), 0);
}

#[test]
fn what_an_external_future_wakes_when_it_is_dropped_is_counted_first() {
    struct Looks(Arc<ByHand>);
    impl Drop for Looks {
        fn drop(&mut self) {
            assert_eq!(self.0.counted(), 1);
        }
    }
    let clock = ByHand::new();
    let looks = Looks(Arc::clone(&clock));
    let mut waits = external(Box::pin(poll_fn(move |_| {
        let _looks = &looks;
        Poll::<()>::Pending
    })));
    assert!(clock.poll(&mut waits, Waker::noop()).is_pending());
    drop(waits);
    assert_eq!(clock.counted(), 0);
}

#[test]
fn a_thread_that_waits_is_not_counted() {
    let clock = ByHand::new();
    clock.enter(|| {
        assert_eq!(blocking_wait(|| clock.counted()), -1);
        assert_eq!(clock.counted(), 0);
        let panicked = catch_unwind(AssertUnwindSafe(|| blocking_wait(|| panic!("on purpose"))));
        assert!(panicked.is_err());
        assert_eq!(clock.counted(), 0);
    });
    assert_eq!(blocking_wait(|| clock.counted()), 0);
}
