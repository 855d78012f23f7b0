//! Ten thousand temporary files, each held by a task; one Ctrl-C, and all are removed.
//!
//! ```text
//! cargo run --release --features signal --example ctrl_c [-- [--files N] [--stubborn] [--hurry] | --self-test]
//! ```
//!
//! Look at `hold`: the grace period is one word in the attribute, and a task that cleans up is one
//! `defer`. With `--stubborn` one task does not end, and is given up on when the time is up, sooner with
//! `--hurry`; a second Ctrl-C ends it at once. `--self-test` presses Ctrl-C itself.

use std::error::Error;
use std::fs::{self, File};
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyrt::Runtime;

/// What is wanted: from the command line.
struct Wanted {
    files: usize,
    stubborn: bool,
    hurry: bool,
    self_test: bool,
}

fn wanted() -> Result<Wanted, Box<dyn Error>> {
    let mut wanted = Wanted {
        files: 10_000,
        stubborn: false,
        hurry: false,
        self_test: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--files" => wanted.files = words.next().ok_or("how many files?")?.parse()?,
            "--stubborn" => wanted.stubborn = true,
            "--hurry" => wanted.hurry = true,
            "--self-test" => wanted.self_test = true,
            other => return Err(format!("what is `{other}`?").into()),
        }
    }
    Ok(wanted)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let wanted = wanted()?;
    match (wanted.self_test, wanted.hurry) {
        (true, _) => self_test::run(),
        (_, false) => hold(),
        (_, true) => hold_in_a_hurry(),
    }
}

/// The application. Ctrl-C stops it where it waits; the files are gone when the process is.
#[anyrt::main(shutdown = "10s")]
async fn hold(rt: impl Runtime) -> Result<ExitCode, Box<dyn Error>> {
    hold_files(&rt, &wanted()?).await
}

/// The same with less patience.
#[anyrt::main(shutdown = "1500ms")]
async fn hold_in_a_hurry(rt: impl Runtime) -> Result<ExitCode, Box<dyn Error>> {
    hold_files(&rt, &wanted()?).await
}

async fn hold_files<R: Runtime>(rt: &R, wanted: &Wanted) -> Result<ExitCode, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("anyrt-ctrl-c-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let app = anyrt::application().ok_or("called in an application")?;
    {
        let folder = folder.clone();
        let slow = rt.clone();
        // It waits a little, and is named meanwhile.
        app.spawn_with().name("the folder").spawn(async move {
            anyrt::defer(async move {
                while fs::remove_dir(&folder).is_err() {
                    slow.sleep(Duration::from_millis(1_200)).await;
                }
            });
            pending::<()>().await;
        });
    }
    for n in 0..wanted.files {
        let file = folder.join(n.to_string());
        app.spawn_with()
            .name("file")
            .spawn(hold_file(rt.clone(), file));
    }
    if wanted.stubborn {
        let stubborn = anyrt::shield(pending::<()>());
        app.spawn_with().name("stubborn").spawn(stubborn);
    }
    while fs::read_dir(&folder)?.count() < wanted.files {
        rt.sleep(Duration::from_millis(10)).await;
    }
    println!(
        "{} files in {}: press Ctrl-C",
        wanted.files,
        folder.display()
    );
    pending().await
}

/// Holds one file; removes it when it is told to stop.
async fn hold_file<R: Runtime>(rt: R, path: PathBuf) -> io::Result<()> {
    File::create_new(&path)?;
    anyrt::defer(async move {
        // A clean-up may wait: for a farewell on a connection, or here for a thread that may block.
        let removed = rt.spawn_blocking(move || fs::remove_file(path)).await;
        if let Ok(Err(error)) = removed {
            eprintln!("a file is left: {error}");
        }
    });
    pending().await
}

/// Ctrl-C, pressed by a program.
mod self_test {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    pub(crate) fn run() -> Result<ExitCode, Box<dyn Error>> {
        let mut holding = Command::new(std::env::current_exe()?)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = holding.stdout.take().ok_or("its output is piped")?;
        BufReader::new(out).read_line(&mut line)?;
        print!("{line}");
        let folder = line
            .split_once(" in ")
            .and_then(|(_, rest)| rest.split_once(": press"))
            .map(|(folder, _)| Path::new(folder))
            .ok_or("it says where its files are")?;
        assert_eq!(fs::read_dir(folder)?.count(), 10_000);

        let pid = holding.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()?
                .success()
        );
        let ended = holding.wait_with_output()?;
        let said = String::from_utf8(ended.stderr)?;
        print!("{said}");

        assert!(!folder.exists(), "every clean-up ran");
        assert_eq!(ended.status.code(), Some(130));
        assert!(said.contains("anyrt: stopping: interrupted; "), "{said}");
        assert!(said.contains(" left after 1s:"), "{said}");
        assert!(said.contains("task `the folder` (spawned at "), "{said}");
        println!("all of them were removed");
        Ok(ExitCode::SUCCESS)
    }
}
