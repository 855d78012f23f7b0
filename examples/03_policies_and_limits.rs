//! Learn: what a scope does when a child fails is said where it is opened; so is how many run at a time.
//!
//! ```text
//!                      the others      the error
//! (nothing said)       are stopped     is given in the end
//! collect_errors()     go on           is given in the end, with all others
//! supervise(handler)   the handler says
//! long_lived()         go on           is reported at once, and not kept
//! ```
//!
//! `cargo run --example 03_policies_and_limits`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{ChildError, Runtime, ScopeError, ScopeWith, Verdict};

/// Checks that numbers are even; says of how many it began.
async fn check(number: usize, begun: Arc<AtomicUsize>) -> Result<(), String> {
    begun.fetch_add(1, Ordering::SeqCst);
    match number % 2 {
        0 => Ok(()),
        _ => Err(format!("{number} is odd")),
    }
}

/// The same six children under each policy, one at a time.
async fn under<R: Runtime>(
    scope: ScopeWith<'_, R, String>,
) -> (usize, Result<(), ScopeError<String>>) {
    let begun = Arc::new(AtomicUsize::new(0));
    let outcome = scope.limit(1).try_run(async |s| {
        for number in 0..6 {
            s.spawn(check(number, begun.clone())); // never waits: who has no place yet is queued
        }
        Ok(())
    });
    let outcome = outcome.await;
    (begun.load(Ordering::SeqCst), outcome)
}

fn main() {
    let owner = BuiltinRuntime::new();
    let rt = owner.handle();
    let (begun, outcome) = owner.block_on(under(rt.scope_with()));
    println!(
        "fail fast:      {begun} begun; {}",
        outcome.as_ref().unwrap_err()
    );
    assert_eq!(begun, 2, "0, and 1, which failed; the others never began");
    let (begun, outcome) = owner.block_on(under(rt.scope_with().collect_errors()));
    println!(
        "collect errors: {begun} begun; {}",
        outcome.as_ref().unwrap_err()
    );
    assert_eq!(
        (begun, outcome.unwrap_err().errors().unwrap().len()),
        (6, 3)
    );

    let only_five_matters = |error: &ChildError<String>| match error.index() {
        Some(5) => Verdict::Stop,
        _ => Verdict::Continue,
    };
    let (begun, outcome) = owner.block_on(under(rt.scope_with().supervise(only_five_matters)));
    println!(
        "supervise:      {begun} begun; {}",
        outcome.as_ref().unwrap_err()
    );
    assert_eq!(outcome.unwrap_err().into_first_error().unwrap(), "5 is odd");
    let slow = rt.scope_with().within(Duration::from_millis(5));
    let outcome = owner.block_on(slow.run(async |s| s.sleep(Duration::from_secs(3600)).await));
    println!("a deadline:     {}", outcome.as_ref().unwrap_err());
    assert!(outcome.unwrap_err().is_elapsed());
}
