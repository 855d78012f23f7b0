//! The count of what is busy and the state of a tracked future, in all interleavings.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::current::Timekeeper;
use super::quiescence::{Outside, Pace, Quiescence};
use super::sleep::VirtualSleep;
use super::tracked::{Tracked, What};
use crate::runtime::Instant;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::model::{Hand, Polled, model, thread};

type Task = Polled<Tracked<Hand, Pin<Box<dyn Future<Output = ()> + Send>>>>;

#[derive(Clone)]
struct Clock(Arc<Quiescence>);

impl Clock {
    fn new() -> Self {
        Clock(Arc::new(Quiescence::new(
            Instant::now(),
            Pace::Auto,
            Outside::MayWake,
        )))
    }

    /// Nanoseconds since the start.
    fn now(&self) -> u64 {
        self.0.timers().now_nanos()
    }

    fn sleep_until(&self, nanos: u64) -> VirtualSleep {
        let timers = self.0.timers();
        VirtualSleep::new(timers, timers.instant(nanos))
    }

    /// A task that is counted from now on.
    fn task(&self, future: impl Future<Output = ()> + Send + 'static) -> Task {
        let future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
        Polled::new(self.tracked(future))
    }

    fn track<F: Future>(&self, future: F) -> Pin<Box<Tracked<Hand, F>>> {
        Box::pin(self.tracked(future))
    }

    fn tracked<F: Future>(&self, future: F) -> Tracked<Hand, F> {
        let what = What::Task(std::panic::Location::caller());
        Tracked::new(&self.0, Hand::default(), what, |_| future)
    }

    /// A task that rests until the event, which comes at `expected`, and would be woken at `late`.
    fn hears(&self, event: &Arc<Event>, expected: u64, late: u64) -> Task {
        let (clock, event) = (self.clone(), Arc::clone(event));
        self.task(async move {
            let mut sleep = clock.sleep_until(late);
            poll_fn(|cx| {
                if event.is_fired(cx.waker()) {
                    return Poll::Ready(());
                }
                Pin::new(&mut sleep).poll(cx)
            })
            .await;
            assert_eq!(
                clock.now(),
                expected,
                "time has moved while a task was woken"
            );
        })
    }

    /// Nothing is busy and nothing waits.
    fn assert_rests(&self, now: u64) {
        assert_eq!((self.0.busy(), self.now()), (0, now));
        assert_eq!(self.0.timers().lock().len(), 0);
    }
}

/// Polls what was woken until nothing is. All must have ended then.
fn rest(tasks: &mut [Task]) {
    while tasks.iter_mut().any(Polled::poll_if_woken) {}
    assert!(tasks.iter().all(Polled::is_over), "a task was not woken");
}

/// Something that happens once.
struct Event {
    fired: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Event {
    fn new() -> Arc<Self> {
        Arc::new(Event {
            fired: AtomicBool::new(false),
            waker: Mutex::new(None),
        })
    }

    fn fire(&self) {
        self.fired.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_fired(&self, waker: &Waker) -> bool {
        let before = self.waker.lock().unwrap().replace(waker.clone());
        drop(before);
        self.fired.load(Ordering::Acquire)
    }
}

/// Fires when it is dropped.
struct Fires(Arc<Event>);

impl Drop for Fires {
    fn drop(&mut self) {
        self.0.fire();
    }
}

#[test]
fn what_a_task_wakes_runs_before_time_moves() {
    model(|| {
        let (clock, event) = (Clock::new(), Event::new());
        let (at, fires) = (clock.clone(), Arc::clone(&event));
        let mut first = clock.task(async move {
            at.sleep_until(5).await;
            assert_eq!(at.now(), 5);
            fires.fire();
            assert_eq!(at.now(), 5, "time has moved while a task was running");
        });
        // What would move it.
        let at = clock.clone();
        let mut third = clock.task(async move { at.sleep_until(6).await });
        let mut second = clock.hears(&event, 5, 7);
        assert!(!third.poll() && !second.poll() && !first.poll());
        let runs = thread::spawn(move || {
            first.poll();
            first
        });
        // Woken or not: a parent polls all its children.
        second.poll();
        let first = runs.join().unwrap();
        rest(&mut [first, second, third]);
        clock.assert_rests(6);
    });
}

#[test]
fn a_task_that_is_woken_and_dropped_counts_no_more() {
    model(|| {
        let (clock, event) = (Clock::new(), Event::new());
        let hears = Arc::clone(&event);
        let mut dropped = clock.task(poll_fn(move |cx| match hears.is_fired(cx.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }));
        assert!(!dropped.poll());
        let at = clock.clone();
        let mut sleeps = clock.task(async move { at.sleep_until(9).await });
        let wakes = thread::spawn(move || event.fire());
        let drops = thread::spawn(move || drop(dropped));
        sleeps.poll();
        wakes.join().unwrap();
        drops.join().unwrap();
        rest(&mut [sleeps]);
        clock.assert_rests(9);
    });
}

#[test]
fn a_wake_up_from_outside_is_never_lost() {
    model(|| {
        let (clock, event) = (Clock::new(), Event::new());
        let hears = Arc::clone(&event);
        let mut waits = clock.task(poll_fn(move |cx| match hears.is_fired(cx.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }));
        let wakes = thread::spawn(move || event.fire());
        waits.poll();
        wakes.join().unwrap();
        rest(&mut [waits]);
        clock.assert_rests(0);
    });
}

/// A waker that the model explores, too: that of a runtime on whose word alone a task is polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        // Not a plain store: loom may put that before a `swap` that did not see it.
        self.0.swap(true, Ordering::AcqRel);
    }
}

#[test]
fn of_two_who_wake_what_each_has_written_is_seen() {
    model(|| {
        let clock = Clock::new();
        let flags = [false, false].map(|flag| Arc::new(AtomicBool::new(flag)));
        let inner = Arc::new(std::sync::Mutex::new(None::<Waker>));
        let (seen, hands_out) = (flags.clone(), Arc::clone(&inner));
        let mut waits = clock.track(poll_fn(move |cx| {
            hands_out.lock().unwrap().replace(cx.waker().clone());
            match seen.iter().all(|flag| flag.load(Ordering::Relaxed)) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }));
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut poll_if_woken = || {
            woken.0.swap(false, Ordering::AcqRel)
                && waits
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_ready()
        };
        assert!(!poll_if_woken());
        // Taken out before: no lock orders the two.
        let inner = inner.lock().unwrap().take().unwrap();
        let threads = flags.map(|flag| {
            let inner = inner.clone();
            thread::spawn(move || {
                flag.store(true, Ordering::Relaxed);
                inner.wake();
            })
        });
        drop(inner);
        let mut is_over = poll_if_woken();
        for thread in threads {
            thread.join().unwrap();
        }
        // Once for what was woken during that poll.
        is_over = is_over || poll_if_woken() || poll_if_woken();
        assert!(is_over, "a wake-up is lost");
        drop(waits);
        clock.assert_rests(0);
    });
}

#[test]
fn a_job_hands_over_before_time_moves() {
    model(|| {
        let (clock, event) = (Clock::new(), Event::new());
        clock.0.hold();
        let mut joiner = clock.hears(&event, 0, 3);
        let job = {
            let clock = clock.clone();
            thread::spawn(move || {
                event.fire();
                clock.0.release();
            })
        };
        joiner.poll();
        job.join().unwrap();
        rest(&mut [joiner]);
        clock.assert_rests(0);
    });
}

#[test]
fn two_who_find_nothing_busy_move_the_time_once() {
    model(|| {
        let clock = Clock::new();
        let sleeper = |nanos| {
            let at = clock.clone();
            clock.task(async move {
                at.sleep_until(nanos).await;
                assert_eq!(at.now(), nanos, "somebody else has moved the time, too");
            })
        };
        let (mut first, mut second) = (sleeper(4), sleeper(6));
        assert!(!second.poll());
        let other = clock.clone();
        let holds = thread::spawn(move || {
            other.0.hold();
            other.0.release();
        });
        first.poll();
        first.poll_if_woken();
        holds.join().unwrap();
        rest(&mut [first, second]);
        clock.assert_rests(6);
    });
}

#[test]
fn two_sleepers_on_two_threads_each_wake_at_their_moments() {
    model(|| {
        let clock = Clock::new();
        let sleeper = |moments: &'static [u64]| {
            let at = clock.clone();
            clock.task(async move {
                for &moment in moments {
                    at.sleep_until(moment).await;
                    assert_eq!(at.now(), moment);
                }
            })
        };
        let (mut first, mut second) = (sleeper(&[4, 8]), sleeper(&[6]));
        let runs = thread::spawn(move || {
            first.poll();
            first.poll_if_woken();
            first
        });
        second.poll();
        second.poll_if_woken();
        let first = runs.join().unwrap();
        rest(&mut [first, second]);
        clock.assert_rests(8);
    });
}

#[test]
fn what_a_future_wakes_when_it_ends_runs_before_time_moves() {
    model(|| {
        let (clock, event) = (Clock::new(), Event::new());
        let (at, fires) = (clock.clone(), Fires(Arc::clone(&event)));
        // Not an async block, which would drop what it holds before it is ready.
        let mut sleep = clock.sleep_until(5);
        let mut first = clock.task(poll_fn(move |cx| {
            let _fires = &fires;
            assert!(at.now() <= 5);
            Pin::new(&mut sleep).poll(cx)
        }));
        let mut second = clock.hears(&event, 5, 7);
        assert!(!second.poll() && !first.poll());
        let runs = thread::spawn(move || {
            first.poll();
            first
        });
        second.poll();
        let first = runs.join().unwrap();
        rest(&mut [first, second]);
        clock.assert_rests(5);
    });
}

#[test]
fn all_that_a_dropped_future_wakes_runs_before_time_moves() {
    /// What counted so far hands over to the destructors alone.
    struct Releases(Clock);
    impl Drop for Releases {
        fn drop(&mut self) {
            self.0.0.release();
        }
    }
    model(|| {
        let (clock, events) = (Clock::new(), [Event::new(), Event::new()]);
        clock.0.hold();
        let held = (Releases(clock.clone()), events.clone().map(Fires));
        let mut dropped = clock.task(poll_fn(move |_| {
            let _held = &held;
            Poll::Pending
        }));
        let mut hear = events.map(|event| clock.hears(&event, 0, 3));
        assert!(!dropped.poll());
        for task in &mut hear {
            assert!(!task.poll());
        }
        let drops = thread::spawn(move || drop(dropped));
        for task in &mut hear {
            task.poll();
        }
        drops.join().unwrap();
        rest(&mut hear);
        clock.assert_rests(0);
    });
}

#[test]
fn what_was_done_before_time_moved_is_seen_after() {
    model(|| {
        let clock = Clock::new();
        let written = Arc::new(AtomicBool::new(false));
        let (at, reads) = (clock.clone(), Arc::clone(&written));
        let mut reader = clock.task(async move {
            at.sleep_until(5).await;
            assert!(
                reads.load(Ordering::Relaxed),
                "a write of the past is not seen"
            );
        });
        let mut writer = clock.task(poll_fn(move |_| {
            written.store(true, Ordering::Relaxed);
            Poll::Ready(())
        }));
        let writes = thread::spawn(move || {
            writer.poll();
        });
        reader.poll();
        reader.poll_if_woken();
        // Not joined before: that would order the two by itself.
        let over = reader.is_over();
        writes.join().unwrap();
        if !over {
            rest(&mut [reader]);
        }
        clock.assert_rests(5);
    });
}
