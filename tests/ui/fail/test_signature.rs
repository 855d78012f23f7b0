//! What `#[anyrt::test]` does not go on.

#![allow(unused_imports)]

use anyrt::{Runtime, backend::tokio::Tokio};

#[anyrt::test]
fn not_async(rt: impl Runtime) {}

#[anyrt::test]
async fn two_arguments(rt: impl Runtime, other: impl Runtime) {}

#[anyrt::test]
async fn not_generic(rt: Tokio) {}

#[anyrt::test]
async fn by_reference(rt: &impl Runtime) {}

#[anyrt::test]
async fn generic_parameters<R: Runtime>(rt: R) {}

#[anyrt::test]
async fn where_clause(rt: impl Runtime)
where
    u8: Copy,
{
}

#[anyrt::test]
async unsafe fn not_safe(rt: impl Runtime) {}

#[anyrt::test]
#[test]
async fn a_test_already(rt: impl Runtime) {}

#[anyrt::test]
struct NotAFunction;

struct Suite;

impl Suite {
    #[anyrt::test]
    async fn takes_self(&self) {}
}

fn main() {}
