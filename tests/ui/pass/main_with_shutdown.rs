//! `main` that a signal would stop: this one ends by itself, with its own status.

#![deny(warnings, missing_docs, unused_qualifications, unreachable_pub)]

use std::future::pending;
use std::process::ExitCode;

use anyrt::Runtime;

#[anyrt::main(tokio, threads = 2, shutdown = "2m")]
async fn main(rt: impl Runtime) -> ExitCode {
    let app = anyrt::application().expect("this is one");
    app.spawn(pending::<()>()); // asked to stop when this ends
    assert!(!anyrt::stopping().is_cancelled());
    assert_eq!(in_milliseconds(), 3);
    assert_eq!(rt.spawn(async { 42 }).await.ok(), Some(42));
    ExitCode::SUCCESS
}

fn in_milliseconds() -> i32 {
    #[anyrt::main(smol, shutdown = "500ms")]
    async fn three() -> i32 {
        3
    }
    std::thread::spawn(three).join().expect("it has run")
}
