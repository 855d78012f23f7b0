//! Types of `main` that the macro passes on and the compiler refuses, where they are written.

trait Database {}

#[anyrt::main(tokio)]
async fn with_a_database(_rt: impl anyrt::Runtime + Database) {}

#[anyrt::main]
async fn main() -> u32 {
    42
}
