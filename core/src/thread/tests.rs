//! The cache of threads, with threads of the machine.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use super::ThreadCache;
use super::cache::Statistics;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

fn run<T: Send + 'static>(
    cache: &ThreadCache,
    job: impl FnOnce() -> T + Send + 'static,
) -> Receiver<T> {
    let (tx, rx) = channel();
    let seat = cache.reserve().unwrap();
    seat.run(move |worker| {
        let value = job();
        worker.list();
        let _ = tx.send(value);
    });
    rx
}

/// Waits until the cache says so: that a thread ends is not told to anybody.
fn wait_until(cache: &ThreadCache, is_so: impl Fn(Statistics) -> bool) {
    let begun = Instant::now();
    while !is_so(cache.statistics()) {
        assert!(begun.elapsed() < LONG / 10, "{cache:?}");
        thread::yield_now();
    }
}

#[test]
fn one_thread_runs_one_job_after_the_other() {
    let cache = ThreadCache::new("one", LONG);
    let threads: HashSet<_> = (0..100)
        .map(|_| run(&cache, || thread::current().id()).recv().unwrap())
        .collect();
    assert_eq!(threads.len(), 1);
    let rest = Statistics {
        threads: 1,
        idle: 1,
        queued: 0,
    };
    assert_eq!(cache.statistics(), rest);
}

#[test]
fn jobs_that_wait_for_each_other_each_have_a_thread() {
    const MANY: usize = 600;
    let cache = ThreadCache::new("many", LONG);
    let barrier = Arc::new(Barrier::new(MANY));
    let jobs: Vec<_> = (0..MANY)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            run(&cache, move || barrier.wait().is_leader())
        })
        .collect();
    let leaders = jobs.into_iter().filter(|job| job.recv().unwrap());
    assert_eq!(leaders.count(), 1);
    assert_eq!(cache.statistics().threads, MANY);
    wait_until(&cache, |now| now.idle == MANY);
}

#[test]
fn idle_threads_go() {
    let cache = ThreadCache::new("short", Duration::from_millis(1));
    run(&cache, || ()).recv().unwrap();
    wait_until(&cache, |now| now.threads == 0);
    assert_eq!(run(&cache, || 5).recv().unwrap(), 5);
}

#[test]
fn a_promised_thread_does_not_go() {
    let cache = ThreadCache::new("patient", Duration::from_millis(1));
    let seat = cache.reserve().unwrap();
    // The other one comes, waits and goes, and waits no less than the first.
    run(&cache, || ()).recv().unwrap();
    wait_until(&cache, |now| now.threads == 1);
    let (tx, rx) = channel();
    seat.run(move |_| tx.send(5).unwrap());
    assert_eq!(rx.recv().unwrap(), 5);
}

#[test]
fn a_seat_that_is_not_taken_is_free_again() {
    let cache = ThreadCache::new("free", LONG);
    drop(cache.reserve().unwrap());
    assert_eq!(cache.statistics().threads, 1);
    drop(cache.reserve().unwrap());
    run(&cache, || ()).recv().unwrap();
    assert_eq!(cache.statistics().threads, 1);
}

#[test]
fn a_panic_of_a_job_ends_in_its_thread() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose, again");
        }
    }
    let cache = ThreadCache::new("panics", LONG);
    for _ in 0..3 {
        assert!(run(&cache, || panic!("on purpose")).recv().is_err());
        wait_until(&cache, |now| now.idle == now.threads);
        let seat = cache.reserve().unwrap();
        seat.run(|_| std::panic::panic_any(Bomb));
        wait_until(&cache, |now| now.idle == now.threads);
    }
    assert_eq!(cache.statistics().threads, 1);
}

#[test]
fn the_threads_have_names() {
    let cache = ThreadCache::new("named", LONG);
    let name = run(&cache, || thread::current().name().map(str::to_owned));
    assert_eq!(name.recv().unwrap().as_deref(), Some("named-1"));
}

#[test]
fn without_any_thread_the_job_comes_back() {
    let cache = ThreadCache::started_by("none", LONG, |_, _| Err(io::Error::other("no more")));
    let job = cache.run(|| panic!("on purpose"));
    assert!(job.is_err());
    let nothing = Statistics {
        threads: 0,
        idle: 0,
        queued: 0,
    };
    assert_eq!(cache.statistics(), nothing);
}

#[test]
fn where_one_thread_lives_the_job_waits_for_it() {
    let started = AtomicUsize::new(0);
    let cache = ThreadCache::started_by("single", LONG, move |name, work| {
        match started.fetch_add(1, Ordering::SeqCst) {
            0 => thread::Builder::new().name(name).spawn(work).map(drop),
            _ => Err(io::Error::other("no more")),
        }
    });
    let (release, released) = channel::<()>();
    let first = run(&cache, move || released.recv());
    wait_until(&cache, |now| now.queued == 0);
    let others: Vec<_> = (0..10).map(|n| run(&cache, move || n)).collect();
    assert_eq!(cache.statistics().queued, 10);
    release.send(()).unwrap();
    first.recv().unwrap().unwrap();
    let values: Vec<_> = others.iter().map(|job| job.recv().unwrap()).collect();
    assert_eq!(values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(cache.statistics().threads, 1);
}

#[test]
fn a_job_may_start_jobs_while_a_thread_is_being_started() {
    // Would hang, were a lock held while a thread is started.
    let cache = Arc::new(std::sync::OnceLock::<ThreadCache>::new());
    let once = AtomicBool::new(false);
    let again = Arc::clone(&cache);
    let inside = move |name: String, work: Box<dyn FnOnce() + Send>| {
        if !once.swap(true, Ordering::SeqCst) {
            drop(run(again.get().unwrap(), || ()));
        }
        thread::Builder::new().name(name).spawn(work).map(drop)
    };
    let cache = cache.get_or_init(|| ThreadCache::started_by("inside", LONG, inside));
    assert_eq!(run(cache, || 5).recv().unwrap(), 5);
}

#[test]
fn a_cache_that_is_dropped_runs_what_it_took_and_ends() {
    let live = Arc::new(());
    let (release, released) = channel::<()>();
    let cache = {
        let live = Arc::clone(&live);
        ThreadCache::started_by("ends", LONG, move |name, work| {
            let live = Arc::clone(&live);
            let work = move || {
                work();
                drop(live);
            };
            thread::Builder::new().name(name).spawn(work).map(drop)
        })
    };
    let idle = run(&cache, || 1);
    assert_eq!(idle.recv().unwrap(), 1);
    let busy = run(&cache, move || released.recv());
    let seat = cache.reserve().unwrap();
    drop(cache);
    release.send(()).unwrap();
    busy.recv().unwrap().unwrap();
    let (tx, rx) = channel();
    seat.run(move |_| tx.send(3).unwrap());
    assert_eq!(rx.recv().unwrap(), 3);
    while Arc::strong_count(&live) > 1 {
        thread::yield_now();
    }
}

#[test]
fn a_storm_of_jobs_from_four_threads_loses_none() {
    let cache = Arc::new(ThreadCache::new("storm", Duration::from_micros(50)));
    let ran = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (cache, ran) = (Arc::clone(&cache), Arc::clone(&ran));
            thread::spawn(move || {
                for n in 0..500 {
                    let ran = Arc::clone(&ran);
                    let job = run(&cache, move || ran.fetch_add(1, Ordering::SeqCst));
                    if n % 3 == 0 {
                        job.recv().unwrap();
                    }
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    while ran.load(Ordering::SeqCst) < 2_000 {
        thread::yield_now();
    }
    wait_until(&cache, |now| now.threads == 0);
}
