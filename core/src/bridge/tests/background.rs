//! Background threads, with threads of the machine and channels that hold them up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{self, Sender};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::region::tests::by_hand::Clocked;
use crate::region::tests::{Log, OnDrop, poll_once, said, say};
use crate::{
    AtDrop, BackgroundJob, BackgroundThreads, BlockOn, ContextVar, Drive, Runtime, Timer,
    VirtualClock, abandoned_threads, cancel_requested, current, idle_runtime, rooted,
};

/// A job that runs until it is told to end, and is known to run.
fn held(threads: &BackgroundThreads) -> (BackgroundJob<bool>, Sender<()>) {
    let (started, is_started) = mpsc::channel();
    let (end, ends) = mpsc::channel();
    let job = threads.start(move || {
        started.send(()).unwrap();
        let _ = ends.recv();
        cancel_requested()
    });
    is_started.recv().unwrap();
    (job, end)
}

/// Where the abandoned job of this file stands, if it does.
fn is_listed(line: u32) -> bool {
    let at = |thread: &crate::AbandonedThread| {
        thread.location().file() == file!() && thread.location().line() == line
    };
    abandoned_threads().iter().any(at)
}

#[test]
fn a_job_gives_its_outcome_to_who_waits_and_to_who_awaits() {
    let threads = BackgroundThreads::new(AtDrop::Wait);
    assert_eq!(threads.start(|| 5).wait().unwrap(), 5);
    assert_eq!(futures::executor::block_on(threads.start(|| 6)).unwrap(), 6);
    let error = threads.start(|| panic!("no ink")).wait().unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("no ink"));
}

#[test]
fn a_wait_with_a_limit_gives_up_and_the_job_runs_on() {
    let threads = BackgroundThreads::new(AtDrop::Abandon);
    let (mut job, end) = held(&threads);
    assert!(job.wait_timeout(Duration::ZERO).is_none());
    assert!(job.wait_timeout(Duration::from_millis(1)).is_none());
    assert!(!job.is_abandoned());
    end.send(()).unwrap();
    assert!(!job.wait_timeout(Duration::MAX).unwrap().unwrap());
}

#[test]
fn jobs_beyond_the_limit_wait_and_begin_in_their_order() {
    let threads = BackgroundThreads::new(AtDrop::Wait).limit(1);
    let log = Log::default();
    assert!(!threads.would_queue());
    let (first, end) = held(&threads);
    assert!(threads.would_queue());
    let jobs = ["b", "c", "d"].map(|word| {
        let log = log.clone();
        threads.start(move || say(&log, word))
    });
    assert_eq!((threads.running(), threads.queued()), (1, 3));
    let refused = threads.try_start(|| 7).unwrap_err();
    assert!(refused.would_queue() && !refused.is_closed());
    assert_eq!(refused.into_inner()(), 7);
    end.send(()).unwrap();
    assert!(!first.wait().unwrap());
    for job in jobs {
        job.wait().unwrap();
    }
    assert_eq!(said(&log), ["b", "c", "d"]);
    while threads.would_queue() {
        thread::yield_now();
    }
    assert_eq!(threads.try_start(|| 7).unwrap().wait().unwrap(), 7);
}

#[test]
fn an_abandoned_job_takes_no_place_and_is_listed_until_it_ends() {
    let threads = BackgroundThreads::new(AtDrop::Wait).limit(1);
    let line = line!() + 4;
    let (started, is_started) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let (told, is_told) = mpsc::channel();
    let job = threads.start(move || {
        started.send(()).unwrap();
        ends.recv().unwrap();
        told.send(cancel_requested()).unwrap();
    });
    is_started.recv().unwrap();
    job.abandon();
    job.abandon();
    assert!(job.is_abandoned() && is_listed(line));
    // Its place is free, and the end does not wait for it.
    assert_eq!(threads.start(|| 5).wait().unwrap(), 5);
    drop(threads);
    end.send(()).unwrap();
    assert!(is_told.recv().unwrap());
    job.wait().unwrap();
    assert!(!is_listed(line));
}

#[test]
fn a_job_that_waits_in_the_queue_and_is_abandoned_never_runs() {
    let threads = BackgroundThreads::new(AtDrop::Wait).limit(1);
    let log = Log::default();
    let (first, end) = held(&threads);
    let (unrun, next) = (OnDrop(log.clone(), "destroyed"), log.clone());
    let second = threads.start(move || drop(unrun));
    let third = threads.start(move || say(&next, "third"));
    second.abandon();
    assert_eq!(said(&log), ["destroyed"]);
    assert!(second.wait().unwrap_err().is_cancelled());
    end.send(()).unwrap();
    first.wait().unwrap();
    third.wait().unwrap();
    assert_eq!(said(&log), ["destroyed", "third"]);
}

#[test]
fn each_end_does_with_the_jobs_what_it_says() {
    for how in [AtDrop::Abandon, AtDrop::NoWait, AtDrop::Wait] {
        let threads = BackgroundThreads::new(how).limit(1);
        let (runs, end) = held(&threads);
        let waits = threads.start(|| 5);
        let closer = thread::spawn(move || drop(threads));
        match how {
            AtDrop::Abandon => {
                closer.join().unwrap();
                assert!(runs.is_abandoned());
                assert!(waits.wait().unwrap_err().is_cancelled());
                end.send(()).unwrap();
                assert!(runs.wait().unwrap(), "it is told that nobody waits");
            }
            AtDrop::NoWait => {
                closer.join().unwrap();
                end.send(()).unwrap();
                assert!(!runs.wait().unwrap());
                assert_eq!(waits.wait().unwrap(), 5);
            }
            _ => {
                assert!(!closer.is_finished());
                end.send(()).unwrap();
                closer.join().unwrap();
                assert!(!runs.wait().unwrap());
                assert_eq!(waits.wait().unwrap(), 5);
            }
        }
    }
}

#[test]
fn a_wait_at_the_end_waits_for_values_that_nobody_receives() {
    struct Slow(mpsc::Receiver<()>, Log);
    impl Drop for Slow {
        fn drop(&mut self) {
            let _ = self.0.recv();
            say(&self.1, "dropped");
        }
    }
    let log = Log::default();
    let (go, may_go) = mpsc::channel();
    let threads = BackgroundThreads::new(AtDrop::Wait);
    let value = Slow(may_go, log.clone());
    // It is detached before it gives that, which would else be dropped here.
    let (detached, is_detached) = mpsc::channel::<()>();
    let job = threads.start(move || {
        is_detached.recv().unwrap();
        value
    });
    job.detach();
    detached.send(()).unwrap();
    while threads.running() > 0 {
        thread::yield_now();
    }
    let closer = thread::spawn(move || drop(threads));
    // It has returned, and what it gave is not gone.
    for _ in 0..2_000 {
        thread::yield_now();
        assert!(!closer.is_finished());
    }
    go.send(()).unwrap();
    closer.join().unwrap();
    assert_eq!(said(&log), ["dropped"]);
}

#[test]
fn a_detached_job_is_waited_for_by_its_owner_only() {
    let threads = BackgroundThreads::new(AtDrop::Wait);
    let log = Log::default();
    let (job, end) = held(&threads);
    let seen = log.clone();
    threads.start(move || say(&seen, "ran")).detach();
    job.detach();
    end.send(()).unwrap();
    drop(threads);
    assert_eq!(said(&log), ["ran"]);
}

#[test]
fn closed_it_takes_no_jobs() {
    let threads = BackgroundThreads::new(AtDrop::Abandon);
    threads.shutdown(AtDrop::NoWait);
    threads.shutdown(AtDrop::Wait);
    assert!(threads.start(|| 5).wait().unwrap_err().is_cancelled());
    assert!(threads.try_start(|| 5).unwrap_err().is_closed());
}

#[test]
fn a_job_sees_what_is_bound_and_the_runtime_of_who_started_it() {
    static USER: ContextVar<&str> = ContextVar::new("user");
    let threads = BackgroundThreads::new(AtDrop::Wait);
    assert!(threads.start(|| current().is_err()).wait().unwrap());
    let job = || threads.start(|| (USER.get(), current().is_ok()));
    let seen = idle_runtime().block_on(USER.scope("ada", async { job().await }));
    assert_eq!(seen.unwrap(), (Some("ada"), true));
}

#[test]
fn in_async_code_it_says_what_to_do_and_its_end_does_not_wait() {
    let threads = BackgroundThreads::new(AtDrop::Wait);
    let (job, end) = held(&threads);
    let rt = Clocked::default();
    let mut waits = Box::pin(rooted(&rt, async move {
        drop(threads);
        job.wait()
    }));
    let panic = catch_unwind(AssertUnwindSafe(|| poll_once(waits.as_mut()))).unwrap_err();
    let text = panic.downcast_ref::<&str>().unwrap();
    assert!(text.contains("`.await` the job"), "{text}");
    drop(end);
}

#[test]
fn a_thousand_jobs_under_a_limit_all_run() {
    let threads = BackgroundThreads::new(AtDrop::Wait).limit(4);
    let jobs: Vec<_> = (0..1_000).map(|n| threads.start(move || n)).collect();
    let sum: usize = jobs.into_iter().map(|job| job.wait().unwrap()).sum();
    assert_eq!(sum, 499_500);
}

#[test]
fn under_a_virtual_clock_a_wait_ends_at_its_moment() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let clock = VirtualClock::on(idle_runtime());
    let rt = clock.handle().clone();
    let start = rt.now();
    let waiting = clock.handle().spawn_blocking({
        let rt = rt.clone();
        move || {
            let threads = BackgroundThreads::new(AtDrop::Wait).limit(1);
            let slow = || {
                let rt = rt.clone();
                threads.start(move || idle_runtime().block_on(rt.sleep(HOUR)))
            };
            let (mut first, second) = (slow(), slow());
            assert!(first.wait_timeout(HOUR / 2).is_none());
            assert_eq!(rt.now() - start, HOUR / 2);
            first.wait().unwrap();
            assert_eq!(rt.now() - start, HOUR);
            second.wait().unwrap();
            assert_eq!(rt.now() - start, 2 * HOUR);
            // The end of these two takes an hour as well.
            let third = slow();
            drop(threads);
            assert_eq!(rt.now() - start, 3 * HOUR);
            third.wait().unwrap();
        }
    });
    clock.block_on(waiting).unwrap();
}

#[cfg(feature = "sim")]
#[test]
fn in_a_simulation_a_seed_decides_who_is_first() {
    let order = |seed| {
        let sim = crate::Sim::new(seed);
        let rt = sim.handle().clone();
        let log = Log::default();
        let seen = log.clone();
        sim.block_on(async move {
            let threads = BackgroundThreads::new(AtDrop::NoWait);
            let jobs = ["a", "b", "c"].map(|word| {
                let log = seen.clone();
                threads.start(move || say(&log, word))
            });
            rt.sleep(Duration::from_secs(1)).await;
            for mut job in jobs {
                let polled = poll_once(Pin::new(&mut job));
                assert!(matches!(polled, Poll::Ready(Ok(()))));
            }
        });
        said(&log)
    };
    let orders: std::collections::HashSet<_> = (0..40).map(order).collect();
    assert!(orders.len() > 1, "{orders:?}");
    assert_eq!(order(7), order(7));
}
