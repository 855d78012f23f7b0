//! Learn: `race` returns the first value, and the losers have cleaned up by then; `gather` returns all.
//!
//! The arms run in this task and may borrow. Each is a region of its own: what it defers, it waits for,
//! and what it shields runs to its end. `try_gather` stops the others at the first error, `race_ok`
//! looks for the first that does not fail, `gather_all` lets everybody end.
//!
//! `cargo run --example 07_race_and_gather`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{defer, gather, gather_all, race, race_ok, try_gather};

fn main() {
    let owner = BuiltinRuntime::new();
    let rt = owner.handle();
    let log = Arc::new(Mutex::new(Vec::new()));

    let (for_slow, clock) = (log.clone(), rt.clone());
    let slow = async {
        defer(async move {
            clock.sleep(Duration::from_millis(5)).await; // the race waits for it
            for_slow.lock().unwrap().push("the slow mirror hung up");
        });
        pending().await
    };
    let fast = async {
        rt.sleep(Duration::from_millis(1)).await;
        "the fast mirror"
    };
    let winner = owner.block_on(race((slow, fast)));
    println!("{winner} won; {:?}", log.lock().unwrap());
    assert_eq!(winner, "the fast mirror");
    assert_eq!(*log.lock().unwrap(), ["the slow mirror hung up"]);

    // A tuple may be of different types, an array or a vector may be long.
    let (name, size) = owner.block_on(gather((async { "ada" }, async { 36 })));
    println!("gathered: {name}, {size}");
    assert_eq!((name, size), ("ada", 36));

    let parse = |text: &'static str| async move { text.parse::<i32>() };
    let numbers = owner.block_on(try_gather(["1", "2", "3"].map(parse)));
    assert_eq!(numbers.unwrap(), [1, 2, 3]);

    let error = owner
        .block_on(try_gather(["1", "two", "3"].map(parse)))
        .unwrap_err();
    println!("one failed: {error}");
    assert_eq!(error.first().index(), Some(1));

    let first = owner.block_on(race_ok(["one", "2", "three"].map(parse)));
    let (number, failed) = first.unwrap();
    println!("the first number: {number}; {} failed before", failed.len());
    assert_eq!(number, 2);

    let all = owner.block_on(gather_all(["1", "two"].map(parse)));
    let values = all.iter().filter(|end| matches!(end, Ok(Ok(_)))).count();
    println!("of {} that ended, {values} gave a number", all.len());
    assert_eq!((all.len(), values), (2, 1));
}
