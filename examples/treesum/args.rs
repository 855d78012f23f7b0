//! The command line.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use clap::{Parser, ValueEnum};

/// Prints the SHA-256 sum of each regular file below PATH, as `sha256sum` does, sorted by path.
///
/// Symbolic links are not followed.
///
/// Exit status: 0, or 1 if something could not be read (the rest is printed), 2 for wrong arguments,
/// 130 after Ctrl-C (no sum is printed; a second Ctrl-C does not wait for the files being read).
#[derive(Clone, Debug, Parser)]
#[command(name = "treesum")]
pub(crate) struct Args {
    /// The directory to walk, or one file
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,

    /// What to run on
    #[arg(long, value_enum, default_value_t = Backend::Builtin)]
    pub(crate) runtime: Backend,

    /// How many files to read at a time [default: one for each core]
    #[arg(long, value_name = "N", default_value_t = cores(), hide_default_value = true)]
    pub(crate) jobs: NonZeroUsize,

    /// Take hidden entries and those named `target` too
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Backend {
    Builtin,
    Tokio,
    Smol,
    AsyncStd,
}

impl Args {
    /// Returns whether an entry of a directory is to be left out.
    pub(crate) fn skips(&self, name: &OsStr) -> bool {
        !self.all && (name == "target" || name.as_encoded_bytes().starts_with(b"."))
    }
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
