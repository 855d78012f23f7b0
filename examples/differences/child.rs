//! Running each cell in a process of its own, and seeing from outside how it ends.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::row::{COLUMNS, Claim};

/// The hidden argument that makes this program one cell.
pub(crate) const CELL: &str = "--cell";

/// A cell takes some milliseconds. One that takes this long hangs, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(5);

/// How many children run at a time.
const AT_A_TIME: usize = 2;

/// The exit status of a program whose main thread panicked.
const PANICKED: i32 = 101;

/// Stands before the word on the child's standard output.
const MARK: &str = "seen: ";

/// How a cell ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) word: String,
    pub(crate) stderr: String,
    /// Whether the cell could not say the word itself.
    pub(crate) from_outside: bool,
}

/// Says, in the child, what the cell saw.
pub(crate) fn answer(word: &str) {
    let mut out = io::stdout().lock();
    // Nobody to tell if this fails; the parent reports a child without an answer.
    let _ = writeln!(out, "{MARK}{word}").and_then(|()| out.flush());
}

/// Runs all cells of `claims`; the outer list is by row, the inner one by column.
pub(crate) fn run_all(claims: &[Claim]) -> io::Result<Vec<Vec<Seen>>> {
    let seen = Mutex::new(vec![vec![Seen::default(); COLUMNS.len()]; claims.len()]);
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<()> {
        loop {
            let cell = next.fetch_add(1, Ordering::Relaxed);
            let (row, column) = (cell / COLUMNS.len(), cell % COLUMNS.len());
            let Some(claim) = claims.get(row) else {
                return Ok(());
            };
            let outcome = run(claim.number, COLUMNS[column].key)?;
            seen.lock().unwrap_or_else(PoisonError::into_inner)[row][column] = outcome;
        }
    };
    thread::scope(|s| {
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| s.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            let panicked = |_| io::Error::other("the thread that runs the children panicked");
            worker.join().map_err(panicked)?
        })
    })?;
    Ok(seen.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn run(row: u8, column: &str) -> io::Result<Seen> {
    let mut child = Command::new(std::env::current_exe()?)
        .args([CELL, &row.to_string(), column])
        .env("SMOL_THREADS", "1")
        .env("ASYNC_STD_THREAD_COUNT", "1")
        .env("BLOCKING_MAX_THREADS", "1")
        // Symbols take longer to look up than any cell takes.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    thread::scope(|s| {
        // Read while it runs: a full pipe would make the child wait for ever.
        let out = s.spawn(move || read(out));
        let err = s.spawn(move || read(err));
        let status = wait(&mut child)?;
        let stdout = out.join().unwrap_or_default();
        let stderr = err.join().unwrap_or_default();
        let said = stdout.lines().find_map(|line| line.strip_prefix(MARK));
        Ok(match (status, said) {
            (Some(status), Some(word)) if status.success() => Seen {
                word: word.to_owned(),
                stderr,
                from_outside: false,
            },
            (status, _) => Seen {
                word: seen_from_outside(status),
                stderr,
                from_outside: true,
            },
        })
    })
}

fn read(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What was read until an error is good enough to show.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for the child's end; kills one that takes too long, and gives `None`.
fn wait(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > DEADLINE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn seen_from_outside(status: Option<ExitStatus>) -> String {
    let Some(status) = status else {
        return "hang".to_owned();
    };
    if let Some(signal) = signal(status) {
        return signal;
    }
    match status.code() {
        Some(PANICKED) => "panics".to_owned(),
        Some(0) => "no answer".to_owned(),
        _ => status.to_string(),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt;

    const SIGABRT: i32 = 6;
    status.signal().map(|signal| match signal {
        SIGABRT => "ABORT (SIGABRT)".to_owned(),
        signal => format!("signal {signal}"),
    })
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<String> {
    None
}
