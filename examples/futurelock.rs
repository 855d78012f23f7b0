//! A futurelock, and the same job without it.
//!
//! Some of three jobs add to a total behind an asynchronous lock, and whoever collects their results adds to it
//! too. A buffered stream polls its jobs only while somebody waits for the next result. Who waits for
//! the lock instead, between two results, waits for a job that nobody polls: for ever.
//!
//! The children of a `local_scope` are polled whenever they are woken, whatever the body waits for.
//!
//! `cargo run --example futurelock`; it asserts what it prints.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use anyrt::local_scope;
use futures::lock::Mutex;
use futures::stream::{self, Stream, StreamExt};

const JOBS: usize = 3;

/// What is added to, and how many results have come.
#[derive(Default)]
struct Shop {
    total: Mutex<usize>,
    results: AtomicUsize,
}

/// The first job is quick and needs no lock; the others hold it while they wait.
async fn job(shop: &Shop, number: usize) -> usize {
    if number == 0 {
        pause().await;
    } else {
        let mut total = shop.total.lock().await;
        pause().await;
        pause().await;
        *total += 1;
    }
    number
}

/// What is done with each result.
async fn collect(shop: &Shop, _number: usize) {
    shop.results.fetch_add(1, Ordering::SeqCst);
    *shop.total.lock().await += 10;
}

async fn collect_all(shop: &Shop, results: impl Stream<Item = usize>) {
    let mut results = pin!(results);
    while let Some(number) = results.next().await {
        // Meanwhile nobody polls the stream, and the stream is who polls the jobs.
        collect(shop, number).await;
    }
}

async fn buffered(shop: &Shop) {
    let jobs = stream::iter(0..JOBS).map(|number| job(shop, number));
    collect_all(shop, jobs.buffered(2)).await;
}

async fn buffer_unordered(shop: &Shop) {
    let jobs = stream::iter(0..JOBS).map(|number| job(shop, number));
    collect_all(shop, jobs.buffer_unordered(2)).await;
}

async fn in_local_scope(shop: &Shop) {
    local_scope(|n| async move {
        let jobs: Vec<_> = (0..JOBS).map(|number| n.spawn(job(shop, number))).collect();
        for job in jobs {
            let number = job.await;
            // Meanwhile the other jobs go on, and give the lock back.
            collect(shop, number).await;
        }
    })
    .await;
}

/// Suspends once, as a read from a socket would.
async fn pause() {
    let mut over = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut over, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Whether anybody asked for another poll.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls a future until it is ready, or until nothing is left that could wake it: then it hangs, as
/// there is no timer and no other thread here. Says whether it ended.
fn ends(future: impl Future<Output = ()>) -> bool {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    while woken.0.swap(false, Ordering::SeqCst) {
        if future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            return true;
        }
    }
    false
}

fn show(name: &str, shop: &Shop, ended: bool) {
    let results = shop.results.load(Ordering::SeqCst);
    match ended {
        true => println!("{name:17} ended: {results} of {JOBS} results"),
        false => println!(
            "{name:17} hangs: {results} of {JOBS} results; who collects waits for the lock, a job holds \
             it, and nobody polls the job"
        ),
    }
}

fn main() {
    let shop = Shop::default();
    let ended = ends(buffered(&shop));
    show("buffered(2)", &shop, ended);
    assert!(!ended);
    assert_eq!(shop.results.into_inner(), 1);

    let shop = Shop::default();
    let ended = ends(buffer_unordered(&shop));
    show("buffer_unordered", &shop, ended);
    assert!(!ended);
    assert_eq!(shop.results.into_inner(), 1);

    let shop = Shop::default();
    let ended = ends(in_local_scope(&shop));
    show("local_scope", &shop, ended);
    assert!(ended);
    assert_eq!(shop.results.into_inner(), JOBS);
    assert_eq!(shop.total.into_inner(), JOBS - 1 + 10 * JOBS);
}
