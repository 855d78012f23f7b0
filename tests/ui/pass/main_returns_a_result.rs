//! `main` that takes nothing and returns a result.

#![deny(warnings, missing_docs, unused_qualifications)]

use std::error::Error;

use anyrt::prelude::*;

/// Documented.
#[anyrt::main(tokio)]
#[allow(unused_variables, reason = "to see that it holds for the body")]
async fn main() -> Result<(), Box<dyn Error>> {
    let unused = 0;
    let rt = anyrt::current()?;
    assert_eq!(rt.spawn(async { 42 }).await?, 42);
    Ok(())
}
