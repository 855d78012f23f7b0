//! The example `treesum` against the real `sha256sum`, on every backend.
//!
//! `cargo test` builds the example first; `cargo test --test treesum` does not.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyrt::backend::{
    async_std::AsyncStd, builtin::BuiltinRuntime, smol::Smol, tokio::TokioRuntime,
};
use anyrt::{BlockOn, Drive, Runtime};
use futures::{StreamExt, TryStreamExt};

#[path = "../examples/treesum/hash.rs"]
mod hash;
#[path = "../examples/treesum/interrupt.rs"]
#[allow(
    dead_code,
    reason = "these tests press Ctrl-C in the built example only"
)]
mod interrupt;
#[path = "treesum/on_tokio.rs"]
mod on_tokio;

const BACKENDS: [&str; 4] = ["builtin", "tokio", "smol", "async-std"];

// ---- the sums ----

#[test]
fn prints_what_sha256sum_prints() {
    let Some(tree) = Tree::for_comparison("prints") else {
        return;
    };
    let dir = tree.plant();

    let seen = ["dir/inner/deepest", "dir/one", "dir-ectory", "empty", "big"];
    let names: Vec<_> = seen.map(OsStr::new).into_iter().chain(awkward()).collect();
    let hidden = [
        ".hidden",
        ".git/config",
        "dir/.hidden",
        "target",
        "dir/target/debug",
    ];
    let all: Vec<_> = names
        .iter()
        .copied()
        .chain(hidden.map(OsStr::new))
        .collect();

    for backend in BACKENDS {
        for jobs in ["1", "3", "100"] {
            let run = |more: &[&str]| {
                let mut command = treesum(backend);
                finished(command.current_dir(&dir).args(["--jobs", jobs]).args(more))
            };
            assert_same(&run(&["."]), &sums(&dir, "./", &names), backend);
            assert_same(&run(&[]), &sums(&dir, "./", &names), backend);
            assert_same(&run(&["--all"]), &sums(&dir, "./", &all), backend);
            assert_same(&run(&["dir/"]), &sums(&dir, "", &names[..2]), backend);
        }
        let absolute = finished(treesum(backend).arg(&dir));
        let prefix = format!("{}/", dir.display());
        assert_same(&absolute, &sums(&dir, &prefix, &names), backend);
    }
}

#[test]
fn takes_a_single_file_whatever_its_name() {
    let Some(tree) = Tree::for_comparison("single") else {
        return;
    };
    let dir = tree.plant();
    for backend in BACKENDS {
        let names = awkward().filter(|name| *name != "-");
        for name in names.chain([".hidden", "empty", "big"].map(OsStr::new)) {
            let run = finished(treesum(backend).current_dir(&dir).arg("--").arg(name));
            assert_same(&run, &sums(&dir, "", &[name]), backend);
        }
        // Alone, this name would be standard input to `sha256sum --check`.
        let run = finished(treesum(backend).current_dir(&dir).arg("-"));
        assert_same(&run, &sums(&dir, "./", &[OsStr::new("-")]), backend);
    }
}

#[test]
fn is_accepted_by_check() {
    let Some(tree) = Tree::for_comparison("check") else {
        return;
    };
    let dir = tree.plant();
    for backend in BACKENDS {
        let list = tree.0.join("sums");
        let run = finished(treesum(backend).current_dir(&dir).arg("--all"));
        fs::write(&list, run.stdout).unwrap();
        let mut check = Command::new("sha256sum");
        let check = finished(
            check
                .current_dir(&dir)
                .args(["--check", "--strict"])
                .arg(&list),
        );
        assert!(check.status.success(), "{backend}: {}", text(&check.stderr));
    }
}

#[test]
fn prints_nothing_for_an_empty_directory() {
    let tree = Tree::new("nothing");
    for backend in BACKENDS {
        let run = finished(treesum(backend).arg(&tree.0));
        assert_same(&run, b"", backend);
    }
}

// ---- what cannot be read ----

/// Paths that are too long are unreadable for root too, and any tree may hold them.
#[test]
#[cfg(target_os = "linux")]
fn goes_on_after_what_is_unreadable() {
    const LONGEST_PATH: usize = 4095;
    let Some(tree) = Tree::for_comparison("unreadable") else {
        return;
    };
    let (dir, file) = ("d".repeat(200), "f".repeat(250));
    // No path this long can be made at once: one deep directory is moved into another.
    let halves = ["top", "bottom"].map(|half| {
        let mut level = tree.0.join(half);
        for depth in 0..15 {
            level.push(&dir);
            fs::create_dir_all(&level).unwrap();
            fs::write(level.join(&file), depth.to_string()).unwrap();
        }
        level
    });
    let top = tree.0.join("top");
    fs::rename(tree.0.join("bottom").join(&dir), halves[0].join(&dir)).unwrap();
    let deep = |depth| std::iter::repeat_n(&dir, depth).collect::<PathBuf>();
    let names: Vec<_> = (1..=30).map(deep).collect();

    // Others beside it, on many levels: some come after it in whatever order it is walked.
    let others: Vec<_> = (0..30)
        .map(|n| deep(n / 3).join(format!("other-{n}/file")))
        .collect();
    for other in &others {
        let other = top.join(other);
        fs::create_dir(other.parent().unwrap()).unwrap();
        fs::write(other, "other").unwrap();
    }

    let fits = |path: &Path| path.as_os_str().len() + "./".len() <= LONGEST_PATH;
    let files: Vec<_> = names.iter().map(|dir| dir.join(&file)).collect();
    let readable: Vec<_> = (files.iter().chain(&others))
        .filter(|file| fits(file))
        .map(|f| f.as_os_str())
        .collect();
    let long_file = files.iter().find(|file| !fits(file)).unwrap();
    let long_dir = names.iter().find(|dir| !fits(dir)).unwrap();
    assert!(
        fits(long_file.parent().unwrap()),
        "the file is unreadable, its directory is not"
    );

    for backend in BACKENDS {
        let run = finished(treesum(backend).current_dir(&top));
        assert_eq!(run.status.code(), Some(1), "{backend}");
        assert_eq!(
            text(&run.stdout),
            text(&sums(&top, "./", &readable)),
            "{backend}"
        );
        let why = "File name too long (os error 36)";
        let lines = [long_dir, long_file]
            .map(|path| format!("treesum: {:?}: {why}\n", Path::new(".").join(path)));
        assert_eq!(text(&run.stderr), lines.concat(), "{backend}");
    }
}

#[test]
fn respects_permissions() {
    let Some(tree) = Tree::for_comparison("permissions") else {
        return;
    };
    fs::write(tree.0.join("file"), "secret").unwrap();
    fs::write(tree.0.join("other"), "other").unwrap();
    fs::create_dir(tree.0.join("dir")).unwrap();
    let nobody = |mode| {
        for name in ["dir", "file"] {
            fs::set_permissions(tree.0.join(name), PermissionsExt::from_mode(mode)).unwrap();
        }
    };
    nobody(0o000);
    if File::open(tree.0.join("file")).is_ok() {
        println!("skipped: permissions do not stop this user (root?)");
        return;
    }
    for backend in BACKENDS {
        let run = finished(treesum(backend).current_dir(&tree.0));
        assert_eq!(run.status.code(), Some(1), "{backend}");
        assert_eq!(
            run.stdout,
            sums(&tree.0, "./", &["other"].map(OsStr::new)),
            "{backend}"
        );
        let stderr = text(&run.stderr);
        assert_eq!(stderr.lines().count(), 2, "{stderr}");
        assert!(stderr.contains("\"./dir\": Permission denied"), "{stderr}");
        assert!(stderr.contains("\"./file\": Permission denied"), "{stderr}");
    }
    nobody(0o700);
}

#[test]
fn fails_for_a_path_that_is_not_there_or_is_a_link() {
    let tree = Tree::new("nowhere");
    fs::write(tree.0.join("file"), "").unwrap();
    symlink("file", tree.0.join("link")).unwrap();
    for backend in BACKENDS {
        let absent = finished(treesum(backend).current_dir(&tree.0).arg("a\nb"));
        assert_eq!(absent.status.code(), Some(1), "{backend}");
        let expected = "treesum: \"a\\nb\": No such file or directory (os error 2)\n";
        assert_eq!(text(&absent.stderr), expected);
        let link = finished(treesum(backend).current_dir(&tree.0).arg("link"));
        assert_eq!(link.status.code(), Some(1), "{backend}");
        assert!(text(&link.stderr).contains("links are not followed"));
        assert!(absent.stdout.is_empty() && link.stdout.is_empty());
    }
}

/// A regular file whose reads fail, for root too.
#[test]
#[cfg(target_os = "linux")]
fn reports_a_read_that_fails() {
    for backend in BACKENDS {
        let run = finished(treesum(backend).arg("/proc/self/mem"));
        assert_eq!(run.status.code(), Some(1), "{backend}");
        assert!(run.stdout.is_empty(), "{backend}");
        let stderr = text(&run.stderr);
        assert!(
            stderr.starts_with("treesum: \"/proc/self/mem\": "),
            "{stderr}"
        );
    }
}

// ---- Ctrl-C ----

#[test]
#[cfg(target_os = "linux")]
fn ctrl_c_stops_it_and_says_how_far_it_got() {
    let tree = Tree::new("interrupt");
    let huge = tree.0.join("c");
    fs::write(tree.0.join("a"), "a").unwrap();
    fs::write(tree.0.join("b"), "b").unwrap();
    // So large that Ctrl-C comes before its end, so small that the end comes if Ctrl-C is not heard.
    File::create(&huge).unwrap().set_len(1 << 32).unwrap();
    for backend in BACKENDS {
        let mut command = treesum(backend);
        command.args(["--jobs", "1"]).arg(&tree.0);
        let mut child = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        // Files are begun in the order of their names: once this one is open, the others are done.
        while !child.has_open(&huge) {
            assert!(child.0.try_wait().unwrap().is_none(), "it ended too early");
            thread::yield_now();
        }
        child.interrupt();
        let run = child.output();
        assert_eq!(run.status.code(), Some(130), "{backend}");
        let expected = "treesum: interrupted: 2 of 3 files hashed\n";
        assert_eq!(text(&run.stderr), expected, "{backend}");
        assert!(
            run.stdout.is_empty(),
            "{backend}: a part must not look like the whole"
        );
    }
}

#[test]
fn ctrl_c_ends_it_at_once_while_nobody_reads_the_output() {
    let tree = Tree::new("full-pipe");
    tree.fill_a_pipe();
    for backend in BACKENDS {
        let mut command = treesum(backend);
        let mut child = Running::start(command.arg(&tree.0).stdout(Stdio::piped()));
        let mut pipe = child.0.stdout.take().unwrap();
        pipe.read_exact(&mut [0]).unwrap();
        child.interrupt();
        let deadline = Instant::now() + Duration::from_secs(60);
        let status = loop {
            match child.0.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() < deadline => thread::yield_now(),
                None => panic!("{backend}: it waits for its reader"),
            }
        };
        assert_eq!(status.code(), Some(130), "{backend}");
        drop(pipe);
    }
}

// ---- arguments and streams ----

#[test]
fn wrong_arguments_are_status_2() {
    let wrong: [&[&str]; 5] = [
        &["--jobs", "0"],
        &["--jobs", "many"],
        &["--runtime", "other"],
        &["--nonsense"],
        &["one", "two"],
    ];
    for args in wrong {
        let run = finished(Command::new(example()).args(args));
        assert_eq!(run.status.code(), Some(2), "{args:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let tree = Tree::new("broken-pipe");
    tree.fill_a_pipe();
    for backend in BACKENDS {
        let mut command = treesum(backend);
        command
            .arg(&tree.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = Running::start(&mut command);
        drop(child.0.stdout.take());
        let run = child.output();
        assert_eq!(run.status.code(), Some(0), "{backend}");
        assert_eq!(text(&run.stderr), "", "{backend}");
    }
}

#[test]
fn closed_stdout_is_no_panic() {
    let tree = Tree::new("closed");
    fs::write(tree.0.join("file"), "").unwrap();
    for backend in BACKENDS {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" >&-"]).arg(example());
        let run = finished(shell.args(["--runtime", backend]).arg(&tree.0));
        assert_eq!(text(&run.stderr), "", "{backend}");
        assert_eq!(run.status.code(), Some(0), "{backend}");
    }
}

#[test]
fn a_full_disk_is_reported_and_a_full_stderr_is_no_panic() {
    let full = || File::options().write(true).open("/dev/full");
    if full().is_err() {
        println!("skipped: this system has no /dev/full");
        return;
    }
    let tree = Tree::new("full");
    fs::write(tree.0.join("file"), "").unwrap();
    for backend in BACKENDS {
        let run = finished(treesum(backend).arg(&tree.0).stdout(full().unwrap()));
        assert_eq!(run.status.code(), Some(1), "{backend}");
        assert!(
            text(&run.stderr).starts_with("treesum: No space left"),
            "{backend}"
        );

        let run = finished(treesum(backend).arg("/nowhere").stderr(full().unwrap()));
        assert_eq!(run.status.code(), Some(1), "{backend}");
    }
}

// ---- the function itself ----

#[test]
fn the_generic_function_finds_what_tokios_finds() {
    let tree = Tree::new("twin");
    let files: Vec<_> = (0..50).map(|n| tree.0.join(n.to_string())).collect();
    for (n, file) in files.iter().enumerate() {
        fs::write(file, vec![b'x'; n * 5000]).unwrap();
    }
    let tokio = TokioRuntime::multi_thread().unwrap();
    let mut expected: Vec<_> = tokio.block_on(async {
        let handle = tokio.handle().as_tokio();
        let hashed = on_tokio::hash_all(handle, files.clone().into_iter(), 4);
        hashed
            .map_ok(|(path, sum)| (path, sum.unwrap()))
            .try_collect()
            .await
            .unwrap()
    });
    expected.sort();

    hashes_in_a_task(&BuiltinRuntime::new(), &files, &expected);
    hashes_in_a_task(&tokio, &files, &expected);
    hashes_in_a_task(&TokioRuntime::current_thread().unwrap(), &files, &expected);
    hashes_in_a_task(&Smol, &files, &expected);
    hashes_in_a_task(&AsyncStd, &files, &expected);
}

/// In a spawned task, so that the stream is shown to be `Send` for any runtime.
fn hashes_in_a_task<D: Drive>(owner: &D, files: &[PathBuf], expected: &[(PathBuf, hash::Sum)]) {
    const JOBS: usize = 3;
    let (rt, files) = (owner.handle().clone(), files.to_vec());
    let mut hashed = owner.block_on(owner.handle().spawn(async move {
        let (begun, begin) = std::sync::mpsc::channel();
        let gone = PathBuf::from("/nowhere");
        let files = files.into_iter().chain([gone.clone()]);
        let files = files.inspect(move |_| begun.send(()).unwrap());
        let mut stream = std::pin::pin!(hash::hash_all(&rt, files, JOBS));
        let (mut sums, mut open) = (Vec::new(), 0);
        while let Some(hashed) = stream.next().await {
            open += begin.try_iter().count();
            assert!(open <= JOBS, "{open} jobs at a time");
            open -= 1;
            match hashed.unwrap() {
                (path, Ok(sum)) => sums.push((path, sum)),
                (path, Err(_)) => assert_eq!(path, gone),
            }
        }
        sums
    }));
    let hashed = hashed.as_mut().unwrap();
    hashed.sort();
    assert_eq!(hashed, expected);
}

// ---- helpers ----

/// A directory that is gone after the test.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let dir = format!("treesum-{name}-{}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(dir);
        fs::create_dir_all(&dir).unwrap();
        Tree(dir)
    }

    /// `None`, and a message, where there is nothing to compare with.
    fn for_comparison(name: &str) -> Option<Self> {
        if Command::new("sha256sum").arg("--version").output().is_err() {
            println!("skipped: no `sha256sum` on this machine");
            return None;
        }
        Some(Self::new(name))
    }

    /// Makes files of all kinds, in a directory of their own.
    fn plant(&self) -> PathBuf {
        let tree = self.0.join("tree");
        let put = |name: &OsStr, content: &[u8]| {
            let path = tree.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        for name in awkward() {
            put(name, name.as_bytes());
        }
        for name in [
            "dir/one",
            "dir/inner/deepest",
            "dir-ectory",
            ".hidden",
            ".git/config",
        ] {
            put(name.as_ref(), name.as_bytes());
        }
        for name in ["dir/.hidden", "dir/target/debug", "target"] {
            put(name.as_ref(), name.as_bytes());
        }
        put("empty".as_ref(), b"");
        let big: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251) as u8).collect();
        put("big".as_ref(), &big);
        symlink("big", tree.join("link-to-file")).unwrap();
        symlink("dir", tree.join("link-to-dir")).unwrap();
        symlink(".", tree.join("dir/loop")).unwrap();
        symlink("nowhere", tree.join("link-to-nothing")).unwrap();
        tree
    }

    /// Makes so many files that no pipe holds their sums.
    fn fill_a_pipe(&self) {
        for n in 0..1000 {
            fs::write(self.0.join(format!("{n:0200}")), "").unwrap();
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Names that have to be escaped, and names that must not be.
fn awkward() -> impl Iterator<Item = &'static OsStr> {
    let names: [&[u8]; 14] = [
        b"with space",
        b" leading and trailing ",
        b"new\nline",
        b"back\\slash",
        b"\\",
        b"\r",
        b"carriage\r\\return\n",
        b"not utf-8 \xff\xfe",
        b"-leading-dash",
        b"--all",
        b"-",
        b"*star",
        b"tab\tbell\x07",
        "ü".as_bytes(),
    ];
    names.into_iter().map(OsStr::from_bytes)
}

/// What the real one prints for `names`, in the order of the bytes.
fn sums(dir: &Path, prefix: &str, names: &[&OsStr]) -> Vec<u8> {
    let mut paths: Vec<OsString> = names
        .iter()
        .map(|name| {
            let mut path = OsString::from(prefix);
            path.push(name);
            path
        })
        .collect();
    paths.sort();
    let mut command = Command::new("sha256sum");
    let run = finished(command.current_dir(dir).arg("--").args(paths));
    assert!(run.status.success(), "{}", text(&run.stderr));
    run.stdout
}

fn assert_same(run: &Output, expected: &[u8], backend: &str) {
    assert_eq!(text(&run.stderr), "", "{backend}");
    assert_eq!(run.status.code(), Some(0), "{backend}");
    assert_eq!(text(&run.stdout), text(expected), "{backend}");
    assert!(
        run.stdout == expected,
        "{backend}: the names differ in bytes that are not UTF-8"
    );
}

/// The built example: `target/PROFILE/examples/treesum`, where this is `target/PROFILE/deps/…`.
fn example() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let path = here.ancestors().nth(2).unwrap().join("examples/treesum");
    assert!(
        path.is_file(),
        "{} is missing: `cargo test` builds it, `cargo test --test treesum` alone does not; \
         run `cargo build --example treesum` first",
        path.display()
    );
    path
}

fn treesum(backend: &str) -> Command {
    let mut command = Command::new(example());
    command.args(["--runtime", backend]);
    command
}

fn finished(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A child that does not outlive a test that failed.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Running(command.stdin(Stdio::null()).spawn().unwrap())
    }

    #[cfg(target_os = "linux")]
    fn has_open(&self, path: &Path) -> bool {
        let files = fs::read_dir(format!("/proc/{}/fd", self.0.id()));
        files.is_ok_and(|mut files| {
            files.any(|file| {
                file.is_ok_and(|file| fs::read_link(file.path()).is_ok_and(|to| to == path))
            })
        })
    }

    fn interrupt(&self) {
        let mut kill = Command::new("kill");
        assert!(
            kill.args(["-INT", &self.0.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    fn output(mut self) -> Output {
        let mut output = Output {
            status: Default::default(),
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_end(&mut output.stdout).unwrap();
        }
        if let Some(mut stderr) = self.0.stderr.take() {
            stderr.read_to_end(&mut output.stderr).unwrap();
        }
        output.status = self.0.wait().unwrap();
        output
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
