//! A race is a number: a bank that loses money, found, replayed on every backend, and shrunk.
//!
//! A transfer reads a balance, asks whether it may go on, and writes the balance back. Between the two
//! another transfer may come. The test that is written for it passes, day after day; the simulator runs it
//! under seeds until one fails.
//!
//! `cargo run --example seed`; it asserts what it prints.

#![allow(clippy::unwrap_used, reason = "a demo may panic")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt::backend::async_std::AsyncStd;
use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::smol::Smol;
use anyrt::backend::tokio::TokioRuntime;
use anyrt::{Explore, FailedSeed, Runtime, Sim, prelude::*};

// --- the program: nothing in it knows of a simulator

#[derive(Clone)]
struct Bank(Arc<Mutex<[i64; 2]>>);

impl Bank {
    /// Moves money from one account to the other.
    async fn transfer<R: Runtime>(&self, rt: &R, from: usize, amount: i64) {
        let [mut one, mut two] = *self.0.lock().unwrap();
        may_go_on(rt).await;
        let (from, to) = if from == 0 {
            (&mut one, &mut two)
        } else {
            (&mut two, &mut one)
        };
        *from -= amount;
        *to += amount;
        // Whatever was booked since the first line is overwritten.
        *self.0.lock().unwrap() = [one, two];
    }
}

/// Two departments have a look, one after the other.
async fn may_go_on<R: Runtime>(rt: &R) {
    rt.sleep(Duration::from_millis(10)).await;
    rt.sleep(Duration::from_millis(10)).await;
}

/// A transfer, and a deposit that comes when the transfer is over. Nearly always.
async fn a_day<R: Runtime>(rt: R) {
    let bank = Bank(Arc::new(Mutex::new([100, 0])));
    let (one, two) = (bank.clone(), bank.clone());
    let (here, there) = (rt.clone(), rt.clone());
    let transfer = rt.spawn_with().name("transfer").spawn(async move {
        one.transfer(&here, 0, 30).await;
    });
    let deposit = rt.spawn_with().name("deposit").spawn(async move {
        there.sleep(Duration::from_millis(20)).await;
        two.0.lock().unwrap()[0] += 50;
    });
    transfer.await.unwrap();
    deposit.await.unwrap();
    let [one, two] = *bank.0.lock().unwrap();
    assert_eq!(one + two, 150, "money was lost");
}

// --- the search

fn test(sim: &Sim) {
    sim.block_on(a_day(sim.handle().clone()));
}

fn main() {
    let found = Explore::seeds(0..1_000)
        .run(test)
        .expect_err("there is a race");
    println!("{found}\n");
    assert!(found.message().contains("money was lost"));
    let switches = found.switches().expect("it fails a second time");
    assert_eq!(switches.len(), 1, "one switch is enough");

    // The seed means the same wherever the program runs.
    let seed = found.seed();
    let replays: [(&str, Result<_, FailedSeed>); 5] = [
        (
            "the built-in runtime",
            Explore::seed(seed).on(BuiltinRuntime::new).run(test),
        ),
        (
            "Tokio, many threads",
            Explore::seed(seed).on(multi).run(test),
        ),
        (
            "Tokio, one thread",
            Explore::seed(seed).on(current).run(test),
        ),
        ("smol", Explore::seed(seed).on(|| Smol).run(test)),
        ("async-std", Explore::seed(seed).on(|| AsyncStd).run(test)),
    ];
    for (name, replay) in replays {
        let again = replay.expect_err("it fails everywhere");
        assert_eq!(again.trace(), found.trace());
        println!("on {name}: the same run, {}", again.trace());
    }
}

fn multi() -> TokioRuntime {
    TokioRuntime::multi_thread().unwrap()
}

fn current() -> TokioRuntime {
    TokioRuntime::current_thread().unwrap()
}
