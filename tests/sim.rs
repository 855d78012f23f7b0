//! The simulator on every backend: the same seed is the same run.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt::backend::async_std::AsyncStd;
use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::smol::Smol;
use anyrt::backend::tokio::TokioRuntime;
use anyrt::{Explore, Runtime, Sim, SimTrace, prelude::*};
use futures::StreamExt;
use futures::channel::{mpsc, oneshot};

fn tokio_multi() -> TokioRuntime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    TokioRuntime::build(builder.worker_threads(4).enable_all()).unwrap()
}

fn tokio_current() -> TokioRuntime {
    TokioRuntime::current_thread().unwrap()
}

fn builtin() -> BuiltinRuntime {
    BuiltinRuntime::builder().threads(4).build().unwrap()
}

/// The simulator on each backend.
type Start = fn(u64) -> Sim;

const BACKENDS: [(&str, Start); 5] = [
    ("builtin", |seed| Sim::on(builtin(), seed)),
    ("tokio multi", |seed| Sim::on(tokio_multi(), seed)),
    ("tokio current", |seed| Sim::on(tokio_current(), seed)),
    ("smol", |seed| Sim::on(Smol, seed)),
    ("async-std", |seed| Sim::on(AsyncStd, seed)),
];

/// Runs `program` under each seed without a runtime and on every backend, and wants equal traces. Says how
/// many different ones there were.
fn traces_are_equal(seeds: u64, program: impl Fn(&Arc<Sim>)) -> usize {
    let run = |sim: Sim| -> SimTrace {
        let sim = Arc::new(sim);
        program(&sim);
        sim.trace()
    };
    let mut distinct = HashSet::new();
    for seed in 0..seeds {
        let alone = run(Sim::new(seed));
        assert_eq!(alone, run(Sim::new(seed)), "seed {seed}, twice alone");
        for (name, start) in BACKENDS {
            let hosted = run(start(seed));
            let divergence = alone.divergence(&hosted);
            assert_eq!(divergence, None, "seed {seed} on {name}");
        }
        distinct.insert(alone.hash());
    }
    distinct.len()
}

/// Tasks that race for channels, sleep, open scopes, are cancelled.
async fn tasks<R: Runtime>(rt: R) -> u64 {
    let (tx, mut rx) = mpsc::unbounded();
    for n in 0..4_u64 {
        let (rt, tx) = (rt.clone(), tx.clone());
        rt.clone().spawn_detached(async move {
            for m in 0..3 {
                rt.sleep(Duration::from_millis(n * m)).await;
                tx.unbounded_send(n * 10 + m).unwrap();
            }
        });
    }
    drop(tx);
    let other = rt.clone();
    let total = rt
        .scope(async |s| {
            s.spawn(async move {
                other.sleep(Duration::from_secs(1)).await;
            });
            let endless = rt.spawn(std::future::pending::<()>());
            let mut total = 0;
            while let Some(n) = rx.next().await {
                total = total * 3 + n;
            }
            let _ = endless.cancel_and_wait().await;
            total
        })
        .await;
    rt.race((0..3).map(|n| {
        let rt = rt.clone();
        async move {
            rt.sleep(Duration::from_micros(n)).await;
            n
        }
    }))
    .await;
    total
}

#[test]
fn a_thousand_seeds_are_the_same_everywhere() {
    let distinct = traces_are_equal(1_000, |sim| {
        sim.block_on(tasks(sim.handle().clone()));
    });
    println!(
        "1000 seeds, {} backends, {distinct} different runs",
        BACKENDS.len() + 1
    );
    assert!(distinct > 950, "{distinct}");
}

#[test]
fn with_blocking_jobs_too() {
    let distinct = traces_are_equal(1_000, |sim| {
        let rt = sim.handle().clone();
        sim.block_on(async {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let jobs: Vec<_> = (0..5)
                .map(|n| {
                    let seen = Arc::clone(&seen);
                    rt.spawn_blocking(move || seen.lock().unwrap().push(n))
                })
                .collect();
            let others = rt.spawn(tasks(rt.clone()));
            // A job that blocks on the simulation it is in, and spawns there.
            let (inner, there) = (Arc::clone(sim), rt.clone());
            let nested = rt.spawn_blocking(move || {
                inner.block_on(async {
                    there.sleep(Duration::from_millis(3)).await;
                    there.spawn(async { 7 }).await.unwrap()
                })
            });
            for job in jobs {
                job.await.unwrap();
            }
            others.await.unwrap();
            assert_eq!(nested.await.unwrap(), 7);
        });
    });
    println!("with jobs: {distinct} different runs");
    assert!(distinct > 950, "{distinct}");
}

/// Each waits on its thread for one word; more than the pools of the runtimes have threads.
#[test]
fn with_more_jobs_at_once_than_any_pool_has_threads() {
    traces_are_equal(3, |sim| {
        let rt = sim.handle().clone();
        sim.block_on(async {
            let mut gates = Vec::new();
            let jobs: Vec<_> = (0..600)
                .map(|n| {
                    let (open, gate) = oneshot::channel::<()>();
                    gates.push(open);
                    let inner = Arc::clone(sim);
                    rt.spawn_blocking(move || {
                        inner.block_on(gate).unwrap();
                        n
                    })
                })
                .collect();
            rt.sleep(Duration::from_secs(1)).await;
            for gate in gates {
                gate.send(()).unwrap();
            }
            for (n, job) in jobs.into_iter().enumerate() {
                assert_eq!(job.await.unwrap(), n);
            }
        });
    });
}

#[test]
fn a_job_and_a_task_are_inside_the_runtime_that_hosts_them() {
    for host in [tokio_multi(), tokio_current()] {
        let sim = Sim::on(host, 1);
        let rt = sim.handle().clone();
        sim.block_on(async {
            let found = || tokio::runtime::Handle::try_current().is_ok();
            assert!(found());
            assert!(rt.spawn(async move { found() }).await.unwrap());
            assert!(rt.spawn_blocking(found).await.unwrap());
        });
    }
}

/// A counter that is read, and written one turn later.
fn lost_update(sim: &Sim) {
    let rt = sim.handle().clone();
    let total = Arc::new(AtomicU32::new(0));
    sim.block_on(async {
        let add = |total: Arc<AtomicU32>| async move {
            let seen = total.load(Ordering::Relaxed);
            turn().await;
            total.store(seen + 1, Ordering::Relaxed);
        };
        let adds: Vec<_> = (0..5).map(|_| rt.spawn(add(Arc::clone(&total)))).collect();
        for add in adds {
            add.await.unwrap();
        }
    });
    assert_eq!(total.load(Ordering::Relaxed), 5, "an update was lost");
}

/// Lets others run.
async fn turn() {
    let mut over = false;
    std::future::poll_fn(|cx| match std::mem::replace(&mut over, true) {
        true => std::task::Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        }
    })
    .await;
}

#[test]
fn a_planted_race_is_found_and_shrunk_on_every_backend() {
    let alone = Explore::seeds(0..1_000).run(lost_update).unwrap_err();
    assert!(alone.message().contains("an update was lost"));
    let switches = alone.switches().unwrap();
    assert!((1..=2).contains(&switches.len()), "{alone}");
    let others = [
        Explore::seeds(0..1_000).on(builtin).run(lost_update),
        Explore::seeds(0..1_000).on(tokio_multi).run(lost_update),
        Explore::seeds(0..1_000).on(tokio_current).run(lost_update),
        Explore::seeds(0..1_000).on(|| Smol).run(lost_update),
        Explore::seeds(0..1_000).on(|| AsyncStd).run(lost_update),
    ];
    for other in others {
        let other = other.unwrap_err();
        assert_eq!(other.seed(), alone.seed());
        assert_eq!(other.trace(), alone.trace());
        assert_eq!(other.switches(), alone.switches());
    }
}

#[test]
fn each_seed_is_another_run() {
    let explored = Explore::seeds(0..1_000)
        .twice()
        .run(|sim| {
            let rt = sim.handle().clone();
            sim.block_on(async {
                let turns = (0..8).map(|_| async {
                    for _ in 0..4 {
                        turn().await;
                    }
                });
                let tasks: Vec<_> = turns.map(|turns| rt.spawn(turns)).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        })
        .unwrap();
    println!("{explored}");
    assert_eq!((explored.runs(), explored.distinct()), (1_000, 1_000));
}

/// Plain `cargo test` builds the demo; `cargo test --test sim` runs the one that is there.
#[test]
fn the_demo_tells_its_story() {
    let here = std::env::current_exe().unwrap();
    let profile = here.parent().and_then(std::path::Path::parent).unwrap();
    let name = format!("seed{}", std::env::consts::EXE_SUFFIX);
    let demo = profile.join("examples").join(name);
    assert!(demo.exists(), "run `cargo build --example seed` first");
    let ran = std::process::Command::new(demo).output().unwrap();
    let told = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{told}");
    for words in [
        "money was lost",
        "the same with 1 of ",
        "(`deposit`, spawned at examples/seed.rs:",
        "on smol: the same run",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
}

#[test]
fn its_types_go_to_other_threads() {
    fn goes<T: Send + Sync>() {}
    goes::<Sim>();
    goes::<anyrt::SimHandle>();
    goes::<anyrt::SimWith>();
    goes::<SimTrace>();
    goes::<anyrt::FailedSeed>();
    goes::<anyrt::Explored>();
}
