//! Learn: the children of a `local_scope` run in one task and borrow from the function around.
//!
//! No `Arc`, no clones, no runtime: the scope is a future like any other. All else is as in `scope`: it
//! returns when all children are gone, and each is polled whenever it is woken, whatever the body waits
//! for.
//!
//! `cargo run --example 06_local_scope`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::sync::Mutex;

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{checkpoint, local_scope, try_local_scope};

/// Counts words of lines that it does not own.
async fn count(lines: &[String]) -> usize {
    local_scope(|n| async move {
        let count_one = |line| async move {
            checkpoint().await; // where a real one would read from somewhere
            str::split_whitespace(line).count()
        };
        let children: Vec<_> = lines.iter().map(|line| n.spawn(count_one(line))).collect();
        let mut words = 0;
        for child in children {
            words += child.await;
        }
        words
    })
    .await
}

fn main() {
    let owner = BuiltinRuntime::new();
    let lines = ["to be", "or not to be", ""].map(String::from);

    let words = owner.block_on(count(&lines));
    println!("{words} words");
    assert_eq!(words, 6);

    // What it returns may borrow as well, and a child may spawn another.
    let seen = Mutex::new(Vec::new());
    let (seen, lines) = (&seen, &lines);
    owner.block_on(local_scope(|n| async move {
        n.clone().spawn(async move {
            seen.lock().unwrap().push(&lines[0]);
            n.spawn(async move { seen.lock().unwrap().push(&lines[1]) });
        });
    }));
    println!("seen: {:?}", seen.lock().unwrap());
    assert_eq!(*seen.lock().unwrap(), [&lines[0], &lines[1]]);

    let outcome = owner.block_on(try_local_scope(|n| async move {
        for line in lines {
            n.spawn(async move { line.split(' ').nth(3).map(drop).ok_or("too short") });
        }
        Ok(())
    }));
    let error = outcome.unwrap_err();
    println!("the first that failed: {}", error.errors().unwrap().first());
    assert_eq!(error.into_first_error().unwrap(), "too short");
}
