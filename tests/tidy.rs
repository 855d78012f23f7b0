//! The rules of the repository that a compiler does not check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that git tracks, or would.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    match listed {
        Ok(listed) if listed.status.success() => String::from_utf8(listed.stdout)
            .expect("names are UTF-8")
            .lines()
            .map(|name| root().join(name))
            .filter(|path| path.is_file())
            .collect(),
        _ => walk(&root()),
    }
}

/// The same where there is no git: everything but what a build leaves.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a readable folder").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != ".git" {
            found.extend(walk(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// The lines of Rust code below `folder`, without comments, with where they stand.
fn code_lines(folder: &str) -> Vec<(String, String)> {
    let folder = root().join(folder);
    let mut lines = Vec::new();
    for path in files() {
        if path.starts_with(&folder) && path.extension().is_some_and(|ext| ext == "rs") {
            let text = fs::read_to_string(&path).expect("a readable file");
            for (number, line) in text.lines().enumerate() {
                if !line.trim_start().starts_with("//") {
                    lines.push((
                        format!("{}:{}", path.display(), number + 1),
                        line.to_owned(),
                    ));
                }
            }
        }
    }
    assert!(!lines.is_empty(), "no code in {}", folder.display());
    lines
}

#[test]
fn core_names_no_runtime() {
    let runtimes = [
        "tokio",
        "smol",
        "async_std",
        "async_io",
        "async_executor",
        "blocking",
    ];
    for (place, line) in code_lines("core/src") {
        for runtime in runtimes {
            assert!(!line.contains(&format!("{runtime}::")), "{place}: {line}");
        }
    }
}

#[test]
fn core_depends_on_no_runtime() {
    let allowed = [
        "anyrt-core",
        "futures",
        "futures-channel",
        "futures-core",
        "futures-io",
        "futures-sink",
        "futures-task",
        "futures-util",
        "memchr",
        "once_cell",
        "slab",
        "pin-project",
        "pin-project-internal",
        "pin-project-lite",
        // What the pin projection is made with.
        "proc-macro2",
        "quote",
        "syn",
        "unicode-ident",
    ];
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "-p",
            "anyrt-core",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(root())
        .output()
        .expect("cargo can be run");
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    for line in String::from_utf8_lossy(&tree.stdout).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        assert!(allowed.contains(&name), "core depends on `{name}`");
    }
}

#[test]
fn core_reads_no_clock_of_its_own() {
    for (place, line) in code_lines("core/src") {
        let in_tests = ["/tests.rs", "/models.rs", "/timer.rs"]
            .iter()
            .any(|file| place.contains(file));
        // The epoch of a simulation that has no runtime to ask.
        let is_epoch = place.contains("sim/owner.rs");
        // A runtime of its own: that is where its clock is.
        let is_runtime = place.contains("bridge/idle.rs");
        // It bounds a wait that is awake: too short for anybody to see.
        let is_moment = place.contains("thread/moment.rs");
        assert!(
            in_tests || is_epoch || is_runtime || is_moment || !line.contains("Instant::now()"),
            "{place}: {line}"
        );
    }
}

#[test]
fn the_traits_depend_on_nothing_else_in_core() {
    for (place, line) in code_lines("core/src/runtime") {
        for folder in ["region", "task", "app", "front"] {
            assert!(
                !line.contains(&format!("crate::{folder}")),
                "{place}: {line}"
            );
        }
    }
}

#[test]
fn folders_of_core_import_only_from_those_before_them() {
    let order = [
        "runtime",
        "context",
        "sync",
        "thread",
        "region",
        "task",
        "clock",
        "scope",
        "combine",
        "time",
        "bridge",
        "coroutine",
        "resource",
        "cache",
        "iteration",
        "sim",
        "app",
    ];
    for (position, folder) in order.iter().enumerate() {
        for (place, line) in code_lines(&format!("core/src/{folder}")) {
            let own = place.trim_start_matches(&root().display().to_string());
            if own.contains("/tests.rs") || own.contains("/tests/") {
                continue;
            }
            for later in &order[position + 1..] {
                assert!(
                    !line.contains(&format!("crate::{later}::")),
                    "{place}: {line}"
                );
            }
            assert!(!line.contains("crate::front"), "{place}: {line}");
        }
    }
}

#[test]
fn adapters_have_no_semantics() {
    for adapter in ["builtin", "tokio", "smol", "async-std"] {
        for (place, line) in code_lines(&format!("adapters/{adapter}/src/lib.rs")) {
            for word in ["catch_unwind", "JoinError", "cancel", "Mutex"] {
                assert!(!line.contains(word), "{place}: {line}");
            }
        }
    }
}

#[test]
fn there_is_no_unsafe_code() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for path in files() {
        if path.file_name().is_some_and(|name| name == "Cargo.toml")
            && path != root().join("Cargo.toml")
        {
            let text = fs::read_to_string(&path).expect("a manifest");
            assert!(
                text.contains("[lints]\nworkspace = true"),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn no_registry_and_no_machine_is_named() {
    // Put together here, so that this file does not name them either.
    let words = [
        ["crates", ".io"].concat(),
        ["docs", ".rs/"].concat(),
        ["lib", ".rs/"].concat(),
        ["/ro", "ot/"].concat(),
        ["/ho", "me/"].concat(),
        ["/wo", "rk/"].concat(),
    ];
    for path in files() {
        let is_lock = path.file_name().is_some_and(|name| name == "Cargo.lock");
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for word in &words {
            assert!(
                is_lock || !text.contains(word),
                "{} names {word}",
                path.display()
            );
        }
    }
}

#[test]
fn no_test_is_ignored_without_a_reason() {
    let words = ["#[ignore", "]"].concat();
    for (place, line) in code_lines("") {
        assert!(!line.trim().starts_with(&words), "{place}: {line}");
    }
}
