//! What `#[anyrt::main]` does not go on. It need not be called `main`.

#![allow(unused_imports)]

use anyrt::Runtime;

#[anyrt::main]
fn not_async() {}

#[anyrt::main]
async fn two_arguments(rt: impl Runtime, other: impl Runtime) {}

#[anyrt::main]
async fn not_generic(arguments: Vec<String>) {}

#[anyrt::main]
async fn generic_parameters<R: Runtime>(rt: R) {}

#[anyrt::main]
mod not_a_function {}

#[anyrt::main(smol, tokio)]
async fn main() {}
