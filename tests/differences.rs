//! The demo `examples/differences` sees what it promises. Its last line is counted from what was seen.
//!
//! Plain `cargo test` builds the demo. `cargo test --test differences` does not: it runs the one that
//! is there, which may be missing or old. Then `cargo build --example differences` comes first.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The demo stands beside this test: `target/<profile>/examples`, as `target/<profile>/deps` is here.
fn demo() -> PathBuf {
    let here = std::env::current_exe().expect("a test knows where it is");
    let profile = here
        .parent()
        .and_then(Path::parent)
        .expect("it is in target/<profile>/deps");
    let name = format!("differences{}", std::env::consts::EXE_SUFFIX);
    let demo = profile.join("examples").join(name);
    assert!(
        demo.exists(),
        "{} is not built: plain `cargo test` builds it, `cargo test --test differences` does not; \
         run `cargo build --example differences` first",
        demo.display()
    );
    demo
}

fn run(args: &[&str]) -> (Output, String) {
    let output = Command::new(demo())
        .args(args)
        .output()
        .expect("the demo can be run");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, stdout)
}

#[test]
fn raw_runtimes_differ_and_anyrt_does_not() {
    let rows = ["1", "2", "5", "6", "8", "9", "13"];
    let args: Vec<&str> = rows.iter().flat_map(|row| ["--row", row]).collect();
    let (output, stdout) = run(&args);
    assert!(output.status.success(), "{}\n{stdout}", output.status);
    assert_eq!(
        stdout.lines().last(),
        Some("raw runtimes: 6 of 7 rows differ · anyrt: 0 of 7 rows differ, 0 not as promised"),
        "{stdout}"
    );
}

#[test]
fn a_row_that_is_not_claimed_is_an_error() {
    let (output, stdout) = run(&["--row", "14"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout, "");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        complaint.starts_with("row 14 is not claimed"),
        "{complaint}"
    );
}
