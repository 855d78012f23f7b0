//! Probe.
use anyrt::{prelude::*, to_thread};
use std::time::Instant;
fn main() {
    let owner = anyrt::backend::tokio::TokioRuntime::current_thread().unwrap();
    for _ in 0..5 {
        let t = owner.block_on(async {
            let t = Instant::now();
            for _ in 0..5000 {
                to_thread(|| 1).await;
            }
            t.elapsed()
        });
        println!(
            "{:?} per trip, threads {}",
            t / 5000,
            std::fs::read_dir("/proc/self/task").unwrap().count()
        );
    }
}
