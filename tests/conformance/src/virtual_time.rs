//! Every runtime under a virtual clock: exact to the nanosecond, in one order.
//!
//! Each case takes the harness's owner into virtual time itself. `ANYRT_VIRTUAL_RUNS` sets how often the case
//! about exactness runs.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use anyrt_core::{
    BlockOn, Drive, Instant, Phase, Runtime, Sleep, Timer, Virtual, VirtualClock, blocking_wait,
    defer, external, shield,
};
use futures::channel::{mpsc as channel, oneshot};
use futures::future::{Either, select};
use futures::{FutureExt, SinkExt, StreamExt};

use crate::Harness;
use crate::faults::{OnDrop, poll_once, yield_once};
use crate::harness::skip;

type Clock<H> = VirtualClock<<H as Harness>::Owner>;
type Handle<H> = Virtual<<<H as Harness>::Owner as Drive>::Handle>;

fn clock<H: Harness>() -> Clock<H> {
    VirtualClock::on(H::start())
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ns(n: u64) -> Duration {
    Duration::from_nanos(n)
}

/// Random enough, and the same each time.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Wakes every ten seconds for ever: what moves the time where it may move.
fn decoy<R: Runtime>(rt: &R) -> anyrt_core::Task<()> {
    let inside = rt.clone();
    rt.spawn(async move {
        loop {
            inside.sleep(secs(10)).await;
        }
    })
}

/// Runs `body` beside something that would move the time. It must not.
fn stands_still<H: Harness, F>(body: impl FnOnce(Handle<H>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let decoy = decoy(&rt);
        yield_once().await;
        let inside = rt.clone();
        let task = rt.spawn(async move {
            let before = inside.elapsed();
            body(inside.clone()).await;
            inside.elapsed() - before
        });
        assert_eq!(task.await.unwrap(), Duration::ZERO, "the time has moved");
        decoy.cancel_and_wait().await.unwrap_err();
    });
}

/// Waits until nothing counts: a task does for a moment longer than its joiner can see.
fn rests<H: Harness>(rt: &Handle<H>) {
    while !format!("{rt:?}").contains("busy: 0") {
        thread::yield_now();
    }
}

pub fn every_sleep_ends_at_its_nanosecond_and_all_in_order<H: Harness>() {
    let runs = std::env::var("ANYRT_VIRTUAL_RUNS").ok();
    let runs = runs.and_then(|runs| runs.parse().ok()).unwrap_or(1);
    for run in 0..runs {
        let clock = clock::<H>();
        let rt = clock.handle().clone();
        let start = rt.now();
        // When each woke: what one finds here was due before.
        let last = Arc::new(Mutex::new(start));
        let tasks: Vec<_> = (0..1_000)
            .map(|n| {
                let (rt, last) = (rt.clone(), Arc::clone(&last));
                let mut dice = Dice((run + 1) * 7_919 + n * 104_729);
                async move {
                    for _ in 0..10 {
                        let due = rt.now() + ns(dice.up_to(3_600_000_000_000));
                        rt.sleep_until(due).await;
                        assert_eq!(rt.now(), due);
                        let before = std::mem::replace(&mut *last.lock().unwrap(), due);
                        assert!(before <= due, "woken out of order");
                    }
                }
            })
            .collect();
        let drive = rt.clone();
        clock.block_on(async move {
            let hold = drive.hold();
            let tasks: Vec<_> = tasks.into_iter().map(|task| drive.spawn(task)).collect();
            drop(hold);
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
}

pub fn what_is_sent_arrives_at_the_moment_it_is_sent<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let (mut tx, mut rx) = channel::channel::<Instant>(0);
        let producer = rt.spawn({
            let rt = rt.clone();
            async move {
                let mut dice = Dice(17);
                for _ in 0..200 {
                    rt.sleep(ns(dice.up_to(1_000_000))).await;
                    tx.send(rt.now()).await.unwrap();
                }
            }
        });
        let consumer = rt.spawn({
            let rt = rt.clone();
            async move {
                let mut missed = 0;
                loop {
                    // Ends now and then, right before a message comes.
                    let patience = rt.now() + ns(400_000);
                    match select(rx.next(), pin!(rt.sleep_until(patience))).await {
                        Either::Left((Some(sent), _)) => assert_eq!(rt.now(), sent),
                        Either::Left((None, _)) => return missed,
                        Either::Right(_) => {
                            assert_eq!(rt.now(), patience);
                            missed += 1;
                        }
                    }
                }
            }
        });
        producer.await.unwrap();
        assert!(consumer.await.unwrap() > 50);
    });
}

pub fn who_queues_for_a_lock_gets_it_when_it_is_free<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let lock = Arc::new(futures::lock::Mutex::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (inside, lock) = (rt.clone(), Arc::clone(&lock));
                rt.spawn(async move {
                    for _ in 0..3 {
                        let mut turns = lock.lock().await;
                        inside.sleep(ns(1_000)).await;
                        *turns += 1;
                        assert_eq!(inside.elapsed(), ns(1_000) * *turns);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(rt.elapsed(), ns(300_000));
    });
}

pub fn a_blocking_job_takes_no_time<H: Harness>() {
    stands_still::<H, _>(|rt| async move {
        for _ in 0..5 {
            let inside = rt.clone();
            let job = rt.spawn_blocking(move || {
                let before = inside.now();
                for _ in 0..100 {
                    thread::yield_now();
                }
                inside.now() - before
            });
            assert_eq!(job.await.unwrap(), Duration::ZERO);
        }
    });
}

pub fn more_jobs_than_any_pool_has_threads_wait_for_each_other<H: Harness>() {
    const JOBS: usize = 600;
    stands_still::<H, _>(|rt| async move {
        let barrier = Arc::new(Barrier::new(JOBS));
        let jobs: Vec<_> = (0..JOBS)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                rt.spawn_blocking(move || barrier.wait().is_leader())
            })
            .collect();
        let mut leaders = 0;
        for job in jobs {
            leaders += usize::from(job.await.unwrap());
        }
        assert_eq!(leaders, 1);
    });
}

pub fn a_job_that_drives_does_not_stop_the_time<H: Harness>() {
    if !H::CAPS.background {
        return skip("who drives this runtime is the only one who may");
    }
    let clock = Arc::new(clock::<H>());
    let rt = clock.handle().clone();
    clock.block_on(async {
        let jobs: Vec<_> = [secs(3), secs(1), secs(2)]
            .map(|duration| {
                let (clock, inside) = (Arc::clone(&clock), rt.clone());
                rt.spawn_blocking(move || {
                    for n in 1..=3 {
                        clock.block_on(inside.sleep(duration));
                        assert_eq!(inside.elapsed(), n * duration);
                    }
                })
            })
            .into();
        for job in jobs {
            job.await.unwrap();
        }
        assert_eq!(rt.elapsed(), secs(9));
    });
}

pub fn a_job_that_drives_is_counted_again_before_time_moves<H: Harness>() {
    if !H::CAPS.background {
        return skip("who drives this runtime is the only one who may");
    }
    let clock = Arc::new(clock::<H>());
    let rt = clock.handle().clone();
    clock.block_on(async {
        let decoy = decoy(&rt);
        for _ in 0..50 {
            let (clock, inside) = (Arc::clone(&clock), rt.clone());
            let before = rt.elapsed();
            let job = rt.spawn_blocking(move || {
                clock.block_on(async { yield_once().await });
                thread::yield_now();
                let panicked = catch_unwind(AssertUnwindSafe(|| {
                    clock.block_on(async { panic!("on purpose") });
                }));
                assert!(panicked.is_err());
                inside.elapsed()
            });
            assert_eq!(job.await.unwrap(), before);
        }
        decoy.cancel_and_wait().await.unwrap_err();
    });
}

pub fn a_job_that_waits_for_a_plain_channel_lends_its_thread<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let (tx, rx) = mpsc::channel();
        let job = rt.spawn_blocking(move || blocking_wait(|| rx.recv()));
        rt.sleep(secs(3_600)).await;
        tx.send(7).unwrap();
        assert_eq!(job.await.unwrap(), Ok(7));
    });
}

pub fn a_task_that_yields_takes_no_time<H: Harness>() {
    stands_still::<H, _>(|_| async {
        for _ in 0..1_000 {
            yield_once().await;
        }
    });
}

pub fn a_task_that_does_much_at_once_takes_no_time<H: Harness>() {
    if H::needs_its_budget().is_none() {
        return skip("this runtime makes no task yield");
    }
    stands_still::<H, _>(|_| async {
        if let Some(future) = H::needs_its_budget() {
            future.await;
        }
    });
}

pub fn spawning_and_joining_takes_no_time<H: Harness>() {
    stands_still::<H, _>(|rt| async move {
        for n in 0..200 {
            assert_eq!(rt.spawn(async move { n }).await.unwrap(), n);
        }
    });
}

pub fn what_a_cancelled_task_drops_is_dropped_at_that_moment<H: Harness>() {
    stands_still::<H, _>(|rt| async move {
        for _ in 0..50 {
            let (tx, rx) = oneshot::channel();
            let (started, is_started) = oneshot::channel();
            let inside = rt.clone();
            let task = rt.spawn(async move {
                let _held = OnDrop::new(move || tx.send(inside.now()).unwrap());
                started.send(()).unwrap();
                pending::<()>().await;
            });
            is_started.await.unwrap();
            let asked = rt.now();
            drop(task);
            assert_eq!(rx.await.unwrap(), asked);
        }
    });
}

pub fn what_waits_outside_stops_the_time<H: Harness>() {
    stands_still::<H, _>(|rt| async move {
        for _ in 0..20 {
            let (tx, rx) = oneshot::channel();
            let sends = thread::spawn(move || {
                thread::yield_now();
                tx.send(()).unwrap();
            });
            let patience = rt.sleep(secs(5));
            match select(external(rx), patience).await {
                Either::Left((got, _)) => got.unwrap(),
                Either::Right(_) => panic!("the time has moved"),
            }
            sends.join().unwrap();
        }
    });
}

pub fn a_hold_stops_the_time<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let hold = rt.hold();
        let mut sleep = rt.sleep(ns(1));
        for _ in 0..100 {
            assert!(poll_once(pin!(&mut sleep)).is_pending());
            yield_once().await;
        }
        assert_eq!(rt.elapsed(), Duration::ZERO);
        drop(hold);
        sleep.await;
        assert_eq!(rt.elapsed(), ns(1));
    });
}

pub fn a_shield_ends_at_its_moment<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let inside = rt.clone();
        let task = rt.spawn(async move {
            shield(inside.sleep(secs(5))).await;
            pending::<()>().await;
        });
        rt.sleep(secs(2)).await;
        task.cancel_and_wait().await.unwrap_err();
        assert_eq!(rt.elapsed(), secs(5));
    });
}

pub fn a_clean_up_deadline_passes_at_its_moment<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let (started, is_started) = oneshot::channel();
        let task = rt.spawn(async move {
            defer(pending());
            started.send(()).unwrap();
            pending::<()>().await;
        });
        is_started.await.unwrap();
        let error = task.cancel_and_wait().await.unwrap_err();
        assert_eq!(error.failures()[0].phase(), Phase::CleanUpDeadline);
        assert_eq!(rt.elapsed(), secs(30));
    });
}

pub fn a_kill_takes_no_time<H: Harness>() {
    stands_still::<H, _>(|rt| async move {
        for _ in 0..50 {
            let task = rt.spawn(shield(pending::<()>()));
            yield_once().await;
            task.kill("enough");
            task.await.unwrap_err();
        }
    });
}

pub fn a_scope_ends_when_its_last_child_does<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let inside = rt.clone();
        rt.scope(async |s| {
            for n in 1..=50 {
                s.spawn(inside.sleep(secs(n)));
            }
        })
        .await;
        assert_eq!(rt.elapsed(), secs(50));
        let late = rt
            .scope_with::<()>()
            .within(secs(7))
            .try_run(async |_| {
                pending::<()>().await;
                Ok(())
            })
            .await;
        assert!(late.unwrap_err().is_elapsed());
        assert_eq!(rt.elapsed(), secs(57));
    });
}

pub fn it_is_a_runtime_behind_the_erased_handle_too<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().erased();
    let start = rt.now();
    clock.block_on(async {
        let inside = rt.clone();
        let task = rt.spawn(async move {
            inside.sleep(secs(5)).await;
            anyrt_core::current().unwrap().sleep(secs(5)).await;
            inside.spawn_blocking(|| 1).await.unwrap()
        });
        assert_eq!(task.await.unwrap(), 1);
        assert_eq!(rt.now() - start, secs(10));
    });
}

pub fn a_sleep_is_moved_while_it_waits<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    let start = rt.now();
    clock.block_on(async {
        let mut sleep = pin!(rt.sleep(secs(100)));
        assert!(poll_once(sleep.as_mut()).is_pending());
        sleep.as_mut().reset(start + secs(3));
        sleep.as_mut().await;
        assert_eq!(rt.elapsed(), secs(3));
        sleep.as_mut().reset(start + secs(4));
        assert!(poll_once(sleep.as_mut()).is_pending());
        sleep.as_mut().reset(start + secs(6));
        sleep.as_mut().await;
        assert_eq!(rt.elapsed(), secs(6));
        sleep.as_mut().reset(start);
        assert!(poll_once(sleep.as_mut()).is_ready());
    });
}

pub fn a_sleep_that_is_kept_and_not_polled_stops_nothing<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let mut kept = pin!(rt.sleep(secs(1)));
        assert!(poll_once(kept.as_mut()).is_pending());
        rt.sleep(secs(2)).await;
        assert_eq!(rt.elapsed(), secs(2));
        assert!(poll_once(kept.as_mut()).is_ready());
    });
}

pub fn by_hand_it_goes_as_far_as_it_is_told<H: Harness>() {
    let clock = clock::<H>().by_hand();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [3, 1, 2, 5]
            .map(|n| {
                let (inside, woken) = (rt.clone(), Arc::clone(&woken));
                rt.spawn(async move {
                    inside.sleep(secs(n)).await;
                    woken.lock().unwrap().push((n, inside.elapsed()));
                    // What is due at the end of a step belongs to it.
                    inside.sleep(Duration::ZERO).await;
                    yield_once().await;
                    inside.sleep(ns(1)).await;
                    woken.lock().unwrap().push((10 * n, inside.elapsed()));
                })
            })
            .into();
        let inside = rt.clone();
        let late = rt.spawn(async move {
            // Due when the step ends, and known only after it has begun.
            inside.sleep(secs(1)).await;
            inside.sleep(secs(1)).await;
        });
        rt.advance(Duration::ZERO).await;
        assert_eq!(*woken.lock().unwrap(), []);
        rt.advance(secs(2)).await;
        assert!(late.is_finished());
        assert_eq!(rt.elapsed(), secs(2));
        let so_far = [(1, secs(1)), (10, secs(1) + ns(1)), (2, secs(2))];
        assert_eq!(*woken.lock().unwrap(), so_far);
        assert_eq!(rt.advance_to_next().await, Some(rt.now()));
        assert_eq!(rt.elapsed(), secs(2) + ns(1));
        rt.advance(secs(10)).await;
        assert_eq!(woken.lock().unwrap().len(), 8);
        assert!(tasks.iter().all(anyrt_core::Task::is_finished));
        assert_eq!(rt.advance_to_next().await, None);
        // Dropped half-way it goes no further.
        let hold = rt.hold();
        let mut advance = rt.advance(secs(5));
        assert!(poll_once(pin!(&mut advance)).is_pending());
        let now = rt.now();
        drop((advance, hold));
        rt.advance(Duration::ZERO).await;
        assert_eq!(rt.now(), now);
        rt.advance(Duration::MAX).await;
    });
}

pub fn a_clock_starts_where_it_is_told<H: Harness>() {
    let start = H::handle(&H::start()).now() + secs(1_000_000);
    let clock = clock::<H>().starting_at(start);
    let rt = clock.handle().clone();
    assert_eq!(rt.now(), start);
    clock.block_on(rt.sleep(secs(1)));
    assert_eq!(rt.now(), start + secs(1));
}

/// The text of the panic with which `f` ends.
fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("it did not panic");
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&'static str>().unwrap().to_string(),
    }
}

pub fn where_nothing_can_happen_the_report_says_who_waits<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    let line = line!() + 4;
    let text = panic_of(|| {
        clock.block_on(async {
            rt.sleep(secs(3)).await;
            let task = rt.spawn(pending::<()>());
            let _ = task.await;
        });
    });
    assert!(
        text.contains("3s after its start: nothing can run"),
        "{text}"
    );
    let spawned = format!("waits: the task spawned at {}:{line}", file!());
    assert!(text.contains(&spawned), "{text}");
    assert!(
        text.contains("waits: the future that is driven, since 3s"),
        "{text}"
    );
    // The clock goes on after it.
    clock.block_on(rt.sleep(secs(1)));

    let by_hand = VirtualClock::on(H::start()).by_hand();
    let text = panic_of(|| by_hand.block_on(by_hand.handle().sleep(secs(1))));
    assert!(
        text.contains("1 sleeps wait, and nobody moves the clock"),
        "{text}"
    );
}

pub fn of_two_who_drive_the_inner_one_is_told_that_nothing_can_happen<H: Harness>() {
    if !H::CAPS.background {
        return skip("who drives this runtime is the only one who may");
    }
    let clock = Arc::new(clock::<H>());
    let rt = clock.handle().clone();
    clock.block_on(async {
        let inside = Arc::clone(&clock);
        let job = rt.spawn_blocking(move || inside.block_on(pending::<()>()));
        let error = job.await.unwrap_err();
        assert!(error.to_string().contains("nothing can run"), "{error}");
        rt.sleep(secs(1)).await;
    });
}

pub fn a_clock_that_is_told_so_waits_for_what_is_outside<H: Harness>() {
    let clock = clock::<H>().allow_outside_wakes();
    for _ in 0..20 {
        let (tx, rx) = oneshot::channel();
        let sends = thread::spawn(move || tx.send(1));
        assert_eq!(clock.block_on(rx), Ok(1));
        sends.join().unwrap().unwrap();
    }
}

pub fn what_is_busy_for_ever_is_reported<H: Harness>() {
    let clock = clock::<H>().watchdog(Duration::from_millis(20));
    let rt = clock.handle().clone();
    // Waits for a flag that nobody will set before time moves.
    let flag = Arc::new(AtomicBool::new(false));
    let text = panic_of(|| {
        clock.block_on(async {
            let (inside, sets) = (rt.clone(), Arc::clone(&flag));
            let _setter = rt.spawn(async move {
                inside.sleep(secs(1)).await;
                sets.store(true, Ordering::SeqCst);
            });
            while !flag.load(Ordering::SeqCst) {
                yield_once().await;
            }
        });
    });
    assert!(text.contains("busy for 20ms of real time"), "{text}");
    assert!(text.contains("runs: the future that is driven"), "{text}");
}

pub fn a_sleep_outside_any_task_of_the_clock_panics_with_advice<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    let text = panic_of(|| futures::executor::block_on(rt.sleep(secs(1))));
    assert!(text.contains("outside any task of that clock"), "{text}");
    // A moment that has come needs nobody.
    futures::executor::block_on(rt.sleep(Duration::ZERO));
}

pub fn tasks_run_while_nobody_drives<H: Harness>() {
    if !H::CAPS.background {
        return skip("this runtime runs only inside `block_on`");
    }
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    let task = rt.spawn(rt.sleep(secs(3_600)));
    futures::executor::block_on(task).unwrap();
    assert_eq!(rt.elapsed(), secs(3_600));
}

pub fn what_is_dropped_with_the_runtime_counts_no_more<H: Harness>() {
    if !H::CAPS.ends {
        return skip("this runtime is the process's own and never ends");
    }
    let (clock, other) = (clock::<H>(), VirtualClock::on(H::start()));
    let rt = clock.handle().clone();
    let hold = rt.hold();
    let sleeping = rt.spawn(rt.sleep(secs(1)));
    let woken = rt.spawn(async {
        loop {
            yield_once().await;
        }
    });
    clock.block_on(yield_once());
    let _ = H::shutdown(clock.into_inner(), secs(30));
    assert!(futures::executor::block_on(woken).unwrap_err().is_lost());
    assert!(futures::executor::block_on(sleeping).unwrap_err().is_lost());
    drop(hold);
    rests::<H>(&rt);
    drop(other);
}

pub fn two_clocks_do_not_know_each_other<H: Harness>() {
    if !H::CAPS.background {
        return skip("who drives this runtime is the only one who may");
    }
    let (outer, inner) = (clock::<H>(), Arc::new(clock::<H>()));
    let rt = outer.handle().clone();
    outer.block_on(async {
        let inside = Arc::clone(&inner);
        let job = rt.spawn_blocking(move || {
            inside.block_on(inside.handle().sleep(secs(5)));
        });
        job.await.unwrap();
    });
    assert_eq!(outer.handle().elapsed(), Duration::ZERO);
    assert_eq!(inner.handle().elapsed(), secs(5));
}

pub fn a_storm_of_everything_ends_where_it_must<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    let wrong = Arc::new(AtomicUsize::new(0));
    clock.block_on(async {
        let tasks: Vec<_> = (0..100_u64)
            .map(|n| {
                let (inside, wrong) = (rt.clone(), Arc::clone(&wrong));
                rt.spawn(async move {
                    let rt = inside;
                    let mut dice = Dice(n * 7_919 + 1);
                    for _ in 0..20 {
                        let due = rt.now() + ns(dice.up_to(1_000));
                        match dice.up_to(5) {
                            0 => rt.sleep_until(due).await,
                            1 => rt.spawn(rt.sleep_until(due)).await.unwrap(),
                            2 => {
                                let (tx, rx) = oneshot::channel();
                                let inside = rt.clone();
                                let _job = rt.spawn_blocking(move || tx.send(inside.now()));
                                wrong.fetch_add(
                                    usize::from(rx.await.unwrap() != rt.now()),
                                    Ordering::SeqCst,
                                );
                                rt.sleep_until(due).await;
                            }
                            3 => {
                                let losing = pin!(rt.sleep_until(due + ns(1)));
                                select(pin!(rt.sleep_until(due)), losing).await;
                            }
                            _ => {
                                let task = rt.spawn(pending::<()>());
                                rt.sleep_until(due).await;
                                task.cancel_and_wait().await.unwrap_err();
                            }
                        }
                        wrong.fetch_add(usize::from(rt.now() != due), Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(wrong.load(Ordering::SeqCst), 0);
    rests::<H>(&rt);
}

pub fn many_may_be_ready_at_one_moment<H: Harness>() {
    let clock = clock::<H>();
    let rt = clock.handle().clone();
    clock.block_on(async {
        let hold = rt.hold();
        let tasks: Vec<_> = (0..H::CAPS.many.min(2_000))
            .map(|_| {
                let inside = rt.clone();
                rt.spawn(async move {
                    inside.sleep(secs(5)).await;
                    inside.elapsed()
                })
            })
            .collect();
        drop(hold);
        for task in tasks {
            assert_eq!(task.await.unwrap(), secs(5));
        }
        let mut polled = 0;
        let ready = poll_fn(|cx| {
            polled += 1;
            rt.sleep(Duration::ZERO).poll_unpin(cx)
        });
        ready.await;
        assert_eq!(polled, 1);
    });
}
