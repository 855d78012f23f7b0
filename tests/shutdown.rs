//! Ctrl-C on real processes: the example `ctrl_c`, and this program run again.
//!
//! `cargo test` builds the example first; `cargo test --test shutdown` does not. These tests wait for a
//! real clock: some seconds.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::env;
use std::fs;
use std::future::pending;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::smol::Smol;
use anyrt::{Drive, Runtime};

#[test]
fn ten_thousand_tasks_are_cleaned_up_at_ctrl_c() {
    let tested = Command::new(example()).arg("--self-test").output().unwrap();
    assert!(tested.status.success(), "{tested:?}");
}

#[test]
fn sigterm_does_as_ctrl_c_does() {
    let mut holding = Running::example(&["--files", "3"]);
    let folder = holding.folder();
    holding.signal("TERM");
    holding.says("anyrt: stopping: interrupted; the body and 4 tasks have 10s");
    assert_eq!(holding.status(), Some(130));
    assert!(!folder.exists());
}

#[test]
fn a_second_ctrl_c_ends_the_process_at_once() {
    let mut holding = Running::example(&["--files", "3", "--stubborn"]);
    let folder = holding.folder();
    holding.signal("INT");
    holding.says("anyrt: stopping: ");
    let again = Instant::now();
    holding.signal("INT");
    holding.says("anyrt: interrupted again: the process ends at once");
    assert_eq!(holding.status(), Some(130));
    assert!(again.elapsed() < Duration::from_secs(9), "it did not wait");
    // Cleaned up or not: nobody waited for it.
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn when_the_time_is_up_who_is_left_is_named_and_the_process_ends() {
    let mut holding = Running::example(&["--files", "3", "--stubborn", "--hurry"]);
    let folder = holding.folder();
    let asked = Instant::now();
    holding.signal("INT");
    holding.says("anyrt: stopping: interrupted; the body and 5 tasks have 1.5s");
    holding.says("left after 1s:");
    holding.says("given up on:");
    holding.says("anyrt:   task `stubborn` (spawned at examples/ctrl_c.rs:");
    assert_eq!(holding.status(), Some(130));
    assert!(asked.elapsed() >= Duration::from_millis(1_500));
    assert!(!folder.exists(), "the others were cleaned up");
}

#[test]
fn a_stuck_body_ends_with_the_process_when_the_time_is_up() {
    let mut stuck = Running::act("stuck");
    stuck.prints("ready");
    stuck.signal("INT");
    stuck.says("anyrt: the time is up: the process ends at once");
    assert_eq!(stuck.status(), Some(130));
}

#[test]
fn what_the_body_returns_all_the_same_is_returned() {
    let mut shielded = Running::act("shielded");
    shielded.prints("ready");
    shielded.signal("INT");
    shielded.prints("it gave Some(7), as it was interrupted: true");
    assert_eq!(shielded.status(), Some(0), "the tests in it passed");
}

#[test]
fn a_signal_after_the_application_ends_the_process() {
    let mut over = Running::act("over");
    over.prints("ready");
    over.signal("INT");
    assert_eq!(over.status(), Some(130));
}

#[test]
fn two_applications_stop_at_one_signal() {
    let mut both = Running::act("both");
    both.prints("ready");
    both.signal("INT");
    both.prints("both are over");
    assert_eq!(both.status(), Some(0));
}

/// The process that the tests above start: says nothing unless it is told which to be.
#[test]
fn acts() {
    let second = Duration::from_secs(1);
    match env::var("ANYRT_TEST_ACTS").as_deref() {
        Ok("stuck") => {
            let owner = BuiltinRuntime::new();
            let _ = anyrt::run_until_signal(&owner, second, async |_| {
                println!("ready");
                loop {
                    thread::sleep(second);
                }
            });
        }
        Ok("shielded") => {
            let owner = BuiltinRuntime::new();
            let stopped = anyrt::run_until_signal(&owner, 10 * second, async |_| {
                println!("ready");
                let stopping = anyrt::stopping();
                anyrt::shield(async move {
                    stopping.cancelled().await;
                    7
                })
                .await
            });
            let stopped = stopped.unwrap();
            println!(
                "it gave {:?}, as it was interrupted: {}",
                stopped.value(),
                stopped.reason().is_some()
            );
        }
        Ok("over") => {
            let owner = BuiltinRuntime::new();
            let stopped = anyrt::run_until_signal(&owner, second, async |_| 5);
            assert_eq!(stopped.unwrap().into_value(), Some(5));
            println!("ready");
            thread::sleep(60 * second);
        }
        Ok("both") => {
            fn runs<D: Drive>(owner: &D) -> bool {
                let grace = Duration::from_secs(10);
                let stopped = anyrt::run_until_signal(owner, grace, async |rt| {
                    rt.sleep(Duration::ZERO).await;
                    pending::<()>().await;
                });
                let stopped = stopped.unwrap();
                stopped.is_clean() && stopped.reason().is_some()
            }
            let other = thread::spawn(|| runs(&Smol));
            let mine = thread::spawn(|| runs(&BuiltinRuntime::new()));
            thread::sleep(second / 2);
            println!("ready");
            assert!(other.join().unwrap() && mine.join().unwrap());
            println!("both are over");
        }
        _ => {}
    }
}

/// The built example: `target/PROFILE/examples/ctrl_c`, where this is `target/PROFILE/deps/…`.
fn example() -> PathBuf {
    let here = env::current_exe().unwrap();
    let path = here.ancestors().nth(2).unwrap().join("examples/ctrl_c");
    assert!(
        path.is_file(),
        "{} is missing: `cargo test` builds it, `cargo test --test shutdown` alone does not; run \
         `cargo build --example ctrl_c` first",
        path.display()
    );
    path
}

/// A process that does not outlive a test that failed.
struct Running {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Running {
            out: BufReader::new(child.stdout.take().unwrap()).lines(),
            err: BufReader::new(child.stderr.take().unwrap()).lines(),
            child,
        }
    }

    fn example(words: &[&str]) -> Self {
        Running::start(Command::new(example()).args(words))
    }

    fn act(which: &str) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["acts", "--exact", "--nocapture"]);
        Running::start(command.env("ANYRT_TEST_ACTS", which))
    }

    /// Waits for the line that says where its files are.
    fn folder(&mut self) -> PathBuf {
        let line = self.out.next().expect("it has begun").unwrap();
        let (_, rest) = line.split_once(" in ").unwrap();
        PathBuf::from(rest.split_once(": press").unwrap().0)
    }

    /// Waits for a line of its output that contains `text`.
    fn prints(&mut self, text: &str) {
        let found = self.out.any(|line| line.unwrap().contains(text));
        assert!(found, "it does not print `{text}`");
    }

    /// Waits for a line of its errors that contains `text`.
    fn says(&mut self, text: &str) {
        let mut seen = Vec::new();
        for line in self.err.by_ref() {
            let line = line.unwrap();
            if line.contains(text) {
                return;
            }
            seen.push(line);
        }
        panic!("it does not say `{text}`, but {seen:#?}");
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([format!("-{name}"), self.child.id().to_string()]);
        assert!(kill.status().unwrap().success());
    }

    fn status(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
