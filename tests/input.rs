//! Lines from standard input, in processes whose input is a pipe.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::{line_input, prelude::*};

const CHILD: &str = "ANYRT_TEST_INPUT";
/// Longer than the input is left alone for.
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(60);

/// What the processes do: run with the name of a part, and else nothing.
#[test]
fn child() {
    let Ok(part) = std::env::var(CHILD) else {
        return;
    };
    let owner = BuiltinRuntime::new();
    let rt = owner.handle();
    owner.block_on(async {
        let ask = |prompt: &str, limit| {
            let line = line_input(rt, prompt).timeout(rt, limit);
            async move { line.await.map(|line| line.expect("a pipe can be read")) }
        };
        match part.as_str() {
            "gives up" => assert!(ask("name? ", SHORT).await.is_err()),
            "asks again" => {
                assert!(ask("name? ", SHORT).await.is_err());
                println!("nobody");
                let line = ask("again? ", LONG).await;
                println!("got {:?}", line.expect("it is typed by then"));
                let end = ask("more? ", LONG).await;
                println!("end {:?}", end.expect("the pipe is closed by then"));
            }
            part => panic!("no such part: {part}"),
        }
    });
}

fn start(part: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().expect("this test is a file"))
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, part)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process can be started");
    let out = child.stdout.take().expect("it is a pipe");
    (child, BufReader::new(out))
}

/// Reads up to a line that contains `word`.
fn read_to(out: &mut impl BufRead, word: &str) -> String {
    loop {
        let mut line = String::new();
        let read = out.read_line(&mut line).expect("it prints text");
        assert!(read > 0, "the process ended before it printed {word:?}");
        if line.contains(word) {
            return line;
        }
    }
}

#[test]
fn a_line_that_never_comes_keeps_no_process_alive() {
    let (mut child, _out) = start("gives up");
    // Its input stays open, and nothing comes.
    let _input = child.stdin.take();
    assert!(child.wait().expect("it can be waited for").success());
}

#[test]
fn what_is_typed_after_a_cancel_goes_to_the_next_who_asks() {
    let (mut child, mut out) = start("asks again");
    let mut input = child.stdin.take().expect("it is a pipe");
    input.write_all(b"la").expect("the process reads");
    let line = read_to(&mut out, "nobody");
    assert!(
        line.contains("name? nobody"),
        "a prompt has no line break: {line}"
    );
    input.write_all(b"te \r\n").expect("the process reads");
    let line = read_to(&mut out, "got");
    assert!(line.contains("again? got Some(\"late \")"), "{line}");
    drop(input);
    let line = read_to(&mut out, "end");
    assert!(line.contains("more? end None"), "{line}");
    assert!(child.wait().expect("it can be waited for").success());
}
