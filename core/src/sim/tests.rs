use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::*;
use crate::front::{BlockOn, Runtime};
use crate::runtime::{Drive, Timer};

/// Suspends once; ready to go on at once.
pub(super) fn turn() -> impl Future<Output = ()> + Send {
    let mut over = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut over, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn a_value_comes_back() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    assert_eq!(
        sim.block_on(async { rt.spawn(async { 1 }).await.unwrap() + 1 }),
        2
    );
}

#[test]
fn an_hour_is_an_hour_to_the_nanosecond() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let (one, two) = sim.block_on(async {
        let start = rt.now();
        rt.sleep(Duration::from_nanos(3_600_000_000_001)).await;
        let one = rt.now() - start;
        rt.gather((1..=100).rev().map(|n| rt.sleep(Duration::from_nanos(n))))
            .await;
        (one, rt.now() - start)
    });
    assert_eq!(one, Duration::from_nanos(3_600_000_000_001));
    assert_eq!(two, Duration::from_nanos(3_600_000_000_101));
}

#[test]
fn a_job_runs_and_blocks_nobody() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let sum = sim.block_on(async {
        let jobs: Vec<_> = (0..10).map(|n| rt.spawn_blocking(move || n)).collect();
        let mut sum = 0;
        for job in jobs {
            sum += job.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 45);
}

#[test]
fn a_job_may_block_on_the_simulation_it_is_in() {
    let sim = Arc::new(Sim::new(1));
    let rt = sim.handle().clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inner = Arc::clone(&sim);
    let noted = Arc::clone(&seen);
    sim.block_on(async {
        let there = rt.clone();
        let job = rt.spawn_blocking(move || {
            let rt = there.clone();
            inner.block_on(async {
                rt.sleep(Duration::from_secs(2)).await;
                noted.lock().unwrap().push("job");
                rt.spawn(async { 5 }).await.unwrap()
            })
        });
        rt.sleep(Duration::from_secs(1)).await;
        seen.lock().unwrap().push("root");
        assert_eq!(job.await.unwrap(), 5);
    });
    assert_eq!(*seen.lock().unwrap(), ["root", "job"]);
}

#[test]
#[should_panic(expected = "the simulation has stalled")]
fn who_waits_for_ever_is_told() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let _ = sim.block_on(async { rt.spawn(std::future::pending::<()>()).await });
}

/// Two tasks read, let others run, and write what they read plus one.
pub(super) fn lost_update(sim: &Sim) {
    let rt = sim.handle().clone();
    let total = Arc::new(Mutex::new(0));
    let add = |total: Arc<Mutex<u32>>| async move {
        turn().await;
        let seen = *total.lock().unwrap();
        turn().await;
        *total.lock().unwrap() = seen + 1;
        turn().await;
    };
    sim.block_on(async {
        let adds: Vec<_> = (0..3).map(|_| rt.spawn(add(Arc::clone(&total)))).collect();
        for add in adds {
            add.await.unwrap();
        }
    });
    assert_eq!(*total.lock().unwrap(), 3, "an update was lost");
}

#[test]
fn a_lost_update_is_found_replayed_and_shrunk() {
    let failed = Sim::explore(0..1_000, lost_update).unwrap_err();
    println!("{failed}");
    let again = Explore::seed(failed.seed()).run(lost_update).unwrap_err();
    assert_eq!(again.trace(), failed.trace());
    let switches = failed.switches().unwrap();
    assert!((1..=2).contains(&switches.len()), "{failed}");
    assert!(switches[0].contains("tests.rs"), "{failed}");
}
