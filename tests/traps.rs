//! What bypasses a virtual clock on Tokio, and what one does about it.
//!
//! What the clock counts by itself is a matter of the conformance suite (`virtual_time`). Here is what it
//! cannot see: each of these moves the time wrongly when it is awaited bare, and not when it is awaited in
//! `external`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::future::Future;
use std::time::Duration;

use anyrt::backend::tokio::{Tokio, TokioRuntime};
use anyrt::prelude::*;
use anyrt::{Virtual, VirtualClock, external};
use futures::future::{Either, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Runs `body` where something wakes every ten seconds, on both kinds of Tokio. The time must not move.
fn stands_still<F>(body: impl Fn(Virtual<Tokio>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for owner in both() {
        stands_still_on(&VirtualClock::on(owner), &body);
    }
}

fn both() -> [TokioRuntime; 2] {
    let owners = [
        TokioRuntime::current_thread(),
        TokioRuntime::with_threads(4),
    ];
    owners.map(Result::unwrap)
}

fn stands_still_on<F>(clock: &VirtualClock<TokioRuntime>, body: impl Fn(Virtual<Tokio>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let rt = clock.handle().clone();
    clock.block_on(async {
        let inside = rt.clone();
        let decoy = rt.spawn(async move {
            loop {
                inside.sleep(Duration::from_secs(10)).await;
            }
        });
        let (inside, body) = (rt.clone(), body(rt.clone()));
        let task = rt.spawn(async move {
            let before = inside.elapsed();
            // The decoy sleeps by now.
            yield_here().await;
            body.await;
            inside.elapsed() - before
        });
        assert_eq!(task.await.unwrap(), Duration::ZERO, "the time has moved");
        decoy.cancel_and_wait().await.unwrap_err();
    });
}

/// Yields with a wake-up that the clock sees.
async fn yield_here() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn its_own_yield_keeps_the_wake_up_back() {
    stands_still(|_| async {
        for _ in 0..100 {
            external(tokio::task::yield_now()).await;
        }
    });
}

#[test]
fn its_channels_make_nobody_yield_under_the_clock() {
    stands_still(|_| async {
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        for n in 0..10_000 {
            tx.send(n).unwrap();
        }
        for n in 0..10_000 {
            assert_eq!(rx.recv().await, Some(n));
        }
    });
}

#[test]
fn its_own_tasks_are_not_counted() {
    stands_still(|_| async {
        for n in 0..20 {
            assert_eq!(external(tokio::spawn(async move { n })).await.unwrap(), n);
        }
    });
}

#[test]
fn its_own_blocking_jobs_are_not_counted() {
    stands_still(|_| async {
        for n in 0..5 {
            let job = tokio::task::spawn_blocking(move || n);
            assert_eq!(external(job).await.unwrap(), n);
        }
    });
}

#[test]
fn what_its_own_abort_drops_is_dropped_some_time_later() {
    stands_still(|_| async {
        for _ in 0..20 {
            let (tx, rx) = tokio::sync::oneshot::channel::<()>();
            let task = tokio::spawn(async move {
                let _held = tx;
                std::future::pending::<()>().await;
            });
            task.abort();
            assert!(external(rx).await.is_err());
        }
    });
}

#[test]
fn its_sockets_take_real_time() {
    stands_still(|rt| async move {
        for _ in 0..10 {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let echo = std::thread::spawn(move || {
                use std::io::{Read, Write};
                let (mut stream, _) = listener.accept().unwrap();
                let mut bytes = [0; 4];
                stream.read_exact(&mut bytes).unwrap();
                stream.write_all(&bytes).unwrap();
            });
            let talk = external(async {
                let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
                stream.write_all(b"ping").await.unwrap();
                let mut bytes = [0; 4];
                stream.read_exact(&mut bytes).await.unwrap();
                bytes
            });
            let patience = rt.sleep(Duration::from_secs(5));
            match select(std::pin::pin!(talk), patience).await {
                Either::Left((bytes, _)) => assert_eq!(&bytes, b"ping"),
                Either::Right(_) => panic!("five virtual seconds are nothing"),
            }
            echo.join().unwrap();
        }
    });
}

#[test]
fn its_own_sleeps_take_real_time() {
    stands_still(|_| async {
        external(tokio::time::sleep(Duration::from_millis(1))).await;
    });
}

#[test]
fn a_sleep_of_the_clock_in_a_task_of_its_own_panics_with_advice() {
    stands_still(|rt| async move {
        let task = tokio::spawn(rt.sleep(Duration::from_secs(1)));
        let error = external(task).await.unwrap_err();
        let payload = error.into_panic();
        let text = payload.downcast_ref::<&'static str>().unwrap();
        assert!(text.contains("outside any task of that clock"), "{text}");
    });
}

#[test]
fn a_block_in_place_inside_a_task_holds_the_time() {
    let clock = VirtualClock::on(TokioRuntime::with_threads(2).unwrap());
    let rt = clock.handle().clone();
    clock.block_on(async {
        let inside = rt.clone();
        let task = rt.spawn(async move {
            let (tx, rx) = std::sync::mpsc::channel();
            let before = inside.elapsed();
            let _sleeper = inside.spawn(inside.sleep(Duration::from_secs(1)));
            let _sender = inside.spawn(async move { tx.send(7).unwrap() });
            let got = tokio::task::block_in_place(|| rx.recv().unwrap());
            assert_eq!(inside.elapsed(), before);
            got
        });
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn a_clock_that_probes_sees_what_is_kept_back_on_one_thread() {
    let clock = VirtualClock::on(TokioRuntime::current_thread().unwrap()).probe(100);
    stands_still_on(&clock, |_| async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        for n in 0..20 {
            assert_eq!(tokio::spawn(async move { n }).await.unwrap(), n);
        }
    });
}

#[test]
fn a_clock_with_grace_sees_what_comes_in_time() {
    for owner in both() {
        let clock = VirtualClock::on(owner).grace(Duration::from_millis(200));
        stands_still_on(&clock, |_| async {
            for n in 0..5 {
                let job = tokio::task::spawn_blocking(move || n);
                assert_eq!(job.await.unwrap(), n);
            }
        });
    }
}

#[test]
fn a_clock_that_probes_goes_on_and_ends() {
    for times in [0, 1, 5] {
        let clock = VirtualClock::on(TokioRuntime::with_threads(2).unwrap()).probe(times);
        let rt = clock.handle().clone();
        clock.block_on(async {
            for n in 1..=100 {
                rt.spawn(rt.sleep(Duration::from_secs(1))).await.unwrap();
                assert_eq!(rt.elapsed(), Duration::from_secs(n));
            }
        });
        drop(rt);
        let owner = clock.into_inner();
        // Nobody is left who would look at the clock.
        let metrics = owner.handle().as_tokio().metrics();
        while metrics.num_alive_tasks() > 0 {
            owner.block_on(yield_here());
        }
    }
}
