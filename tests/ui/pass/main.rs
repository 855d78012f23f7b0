//! `main` as most programs have it.

#![deny(warnings, missing_docs, unused_qualifications, unreachable_pub)]

use anyrt::Runtime;

#[anyrt::main]
async fn main(rt: impl Runtime) {
    assert_eq!(rt.spawn(async { 42 }).await.unwrap(), 42);
}
