//! The hashing. Nothing here knows which runtime it runs on.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyrt::{JoinError, Runtime};
use futures::stream::{self, Stream, StreamExt};
use sha2::{Digest, Sha256};

use crate::interrupt;

/// Hashes `files` where `rt` lets jobs block, up to `jobs` at a time; each as it gets done.
///
/// The stream pulls the next file when a job has ended, so that no more than `jobs` of them exist.
/// Written for Tokio alone it would take `rt: &Handle`, and be the same otherwise.
pub(crate) fn hash_all<R: Runtime>(
    rt: &R,
    files: impl Iterator<Item = PathBuf>,
    jobs: usize,
) -> impl Stream<Item = Result<Hashed, JoinError>> {
    stream::iter(files)
        .map(move |path| rt.spawn_blocking(move || hash(path)))
        .buffer_unordered(jobs)
}

/// A file, and its sum or the reason why there is none.
pub(crate) type Hashed = (PathBuf, io::Result<Sum>);

/// A SHA-256 sum.
pub(crate) type Sum = [u8; 32];

/// How much of a file is in memory at a time, and read between two looks for Ctrl-C.
const CHUNK: usize = 64 * 1024;

pub(crate) fn hash(path: PathBuf) -> Hashed {
    let sum = read(&path);
    (path, sum)
}

fn read(path: &Path) -> io::Result<Sum> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK];
    let mut hasher = Sha256::new();
    loop {
        // Nothing can stop a blocking job from outside: it looks for itself.
        if interrupt::requested() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(n) => hasher.update(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
