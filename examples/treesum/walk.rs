//! Finding the files: one blocking job.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;

use crate::args::Args;
use crate::interrupt;
use crate::output::by_bytes;

/// What was found, sorted, and what could not be read on the way.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) failures: Vec<Failure>,
}

/// A file or directory that could not be read, and why.
pub(crate) type Failure = (PathBuf, io::Error);

/// Finds the regular files at and below `args.path`. Ctrl-C cuts it short.
pub(crate) fn walk(args: &Args, line: &ProgressBar) -> Found {
    let mut found = Found::default();
    let mut dirs = Vec::new();
    // `sha256sum --check` would take the name `-` for its standard input.
    let root = match args.path.to_str() {
        Some("-") => PathBuf::from("./-"),
        _ => args.path.clone(),
    };
    match fs::symlink_metadata(&root) {
        Ok(meta) if meta.is_dir() => dirs.push(root),
        Ok(meta) if meta.is_file() => found.files.push(root),
        Ok(_) => {
            let why = "neither a file nor a directory (symbolic links are not followed)";
            found.failures.push((root, io::Error::other(why)));
        }
        Err(error) => found.failures.push((root, error)),
    }
    // A stack of directories, not a recursion: trees may be deep.
    while let Some(dir) = dirs.pop() {
        if let Err(error) = list(&dir, args, &mut dirs, &mut found) {
            found.failures.push((dir, error));
        }
        line.set_position(found.files.len() as u64);
        if interrupt::requested() {
            break;
        }
    }
    found.files.sort_unstable_by(|a, b| by_bytes(a, b));
    found
}

fn list(dir: &Path, args: &Args, dirs: &mut Vec<PathBuf>, found: &mut Found) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if args.skips(&entry.file_name()) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => dirs.push(entry.path()),
            Ok(kind) if kind.is_file() => found.files.push(entry.path()),
            Ok(_) => {}
            Err(error) => found.failures.push((entry.path(), error)),
        }
    }
    Ok(())
}
