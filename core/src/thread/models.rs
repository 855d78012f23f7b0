//! The cache of threads in all interleavings. Here threads do wait: what is lost leaves one waiting for
//! ever, and the model says so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::ThreadCache;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::model::{Count, model, thread};

type Started = Arc<Mutex<Vec<thread::JoinHandle<()>>>>;

/// A cache of the model's threads, and the threads.
fn cache() -> (ThreadCache, Started) {
    let started = Started::default();
    let threads = Arc::clone(&started);
    let start = move |_, work: Box<dyn FnOnce() + Send>| {
        threads.lock().unwrap().push(thread::spawn(work));
        Ok(())
    };
    (
        ThreadCache::started_by("model", Duration::ZERO, start),
        started,
    )
}

/// Lets the cache go and waits for its threads. Says how many there were.
fn end(cache: ThreadCache, started: &Started) -> usize {
    drop(cache);
    let threads = std::mem::take(&mut *started.lock().unwrap());
    let many = threads.len();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    many
}

#[test]
fn two_who_hand_over_jobs_lose_none() {
    model(|| {
        let (cache, started) = cache();
        let cache = Arc::new(cache);
        let ran = Count::new();
        let (other, counted) = (Arc::clone(&cache), Arc::clone(&ran));
        let hands_over = thread::spawn(move || other.run(move || counted.add()).is_ok());
        let counted = Arc::clone(&ran);
        assert!(cache.run(move || counted.add()).is_ok());
        assert!(hands_over.join().unwrap());
        let Some(cache) = Arc::into_inner(cache) else {
            panic!("the other one is gone");
        };
        end(cache, &started);
        assert_eq!(ran.get(), 2);
    });
}

#[test]
fn a_seat_that_is_left_while_the_cache_ends_keeps_no_thread() {
    model(|| {
        let (cache, started) = cache();
        let seat = cache.reserve().unwrap();
        let leaves = thread::spawn(move || drop(seat));
        end(cache, &started);
        leaves.join().unwrap();
    });
}

#[test]
fn a_job_that_is_handed_over_while_the_cache_ends_is_run() {
    model(|| {
        let (cache, started) = cache();
        let seat = cache.reserve().unwrap();
        let ran = Count::new();
        let counted = Arc::clone(&ran);
        let hands_over = thread::spawn(move || seat.run(move |_| counted.add()));
        end(cache, &started);
        hands_over.join().unwrap();
        assert_eq!(ran.get(), 1);
    });
}

#[test]
fn who_learns_of_a_result_finds_its_thread_idle() {
    model(|| {
        let (cache, started) = cache();
        let published = Arc::new(AtomicBool::new(false));
        let publishes = Arc::clone(&published);
        cache.reserve().unwrap().run(move |worker| {
            worker.list();
            publishes.store(true, Ordering::Release);
        });
        let learned = published.load(Ordering::Acquire);
        let second = cache.run(|| ());
        assert!(second.is_ok());
        let threads = end(cache, &started);
        assert!(!learned || threads == 1, "a thread was started for nothing");
    });
}
