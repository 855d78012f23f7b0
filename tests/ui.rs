//! What the compiler says about code that is wrong, and that right code compiles and runs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The compiler whose words the `.stderr` files hold; other versions word things differently.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");

    let version = compiler();
    if version.starts_with(COMPILER) {
        cases.compile_fail("tests/ui/fail/*.rs");
    } else {
        println!("ui: skipped the messages of {COMPILER}, since this is {version}");
    }
}

fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// In the tests of this package all backends are on, so this one needs a package of its own.
#[test]
fn missing_backends() {
    let wrong = "
        #[anyrt::main]
        async fn main() {}

        #[anyrt::main(tokio_current)]
        async fn on_tokio() {}

        #[anyrt::main(async_std)]
        async fn on_async_std() -> Result<(), String> {
            Ok(())
        }

        #[anyrt::main(shutdown = \"10s\")]
        async fn stops_at_ctrl_c() {}

        #[anyrt::test(sim)]
        async fn in_the_simulator(rt: impl anyrt::Runtime) {}

        #[anyrt::test]
        async fn on_nothing(rt: impl anyrt::Runtime) -> Result<(), String> {
            Ok(())
        }
    ";
    let checked = check(wrong);
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(!checked.status.success(), "{told}");
    for message in [
        "error: `#[anyrt::main]` runs on the built-in runtime and needs the feature `builtin`",
        "error: `#[anyrt::main(tokio_current)]` needs the feature `tokio` of `anyrt`",
        "error: `#[anyrt::main(async_std)]` needs the feature `async-std` of `anyrt`",
        "error: `shutdown` needs the feature `signal` of `anyrt`",
        "error: `#[anyrt::test(sim)]` needs the feature `sim` of `anyrt`",
        "error: no backend of `anyrt` is enabled, so this would be no test at all",
        // And nothing else.
        "due to 6 previous errors",
    ] {
        assert!(told.contains(message), "{message} in {told}");
    }
}

/// Checks a program, tests included, against this crate with the feature `macros` alone.
fn check(program: &str) -> Output {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("missing_backends");
    let manifest = format!(
        "[package]
        name = 'missing_backends'
        edition = '2024'
        [dependencies.anyrt]
        path = '{}'
        default-features = false
        features = ['macros']
        [workspace]
        ",
        here.display()
    );
    fs::create_dir_all(package.join("src")).unwrap();
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::write(package.join("src/main.rs"), program).unwrap();
    // The versions that are downloaded already.
    fs::copy(here.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    Command::new(env!("CARGO"))
        .args(["check", "--tests", "--offline", "--color=never"])
        .env("CARGO_TARGET_DIR", package.join("target"))
        .current_dir(package)
        .output()
        .unwrap()
}
