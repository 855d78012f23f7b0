//! The hashing. Nothing here knows which runtime it runs on.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyrt::{JoinError, Runtime, ScopeError};
use futures::Stream;
use sha2::{Digest, Sha256};

use crate::interrupt;

/// Hashes `files` where `rt` lets jobs block, up to `jobs` at a time; gives them in their order.
///
/// Bounded, ordered, and drained: the next file is asked for when there is room, and whatever ends this
/// early, no job is left behind. Written for Tokio alone it would be a `JoinSet`, a semaphore, and a sort.
pub(crate) fn hash_all<'a, R: Runtime>(
    rt: &'a R,
    files: impl Iterator<Item = PathBuf> + 'a,
    jobs: usize,
) -> impl Stream<Item = Result<Hashed, ScopeError<JoinError>>> + 'a {
    rt.try_map_stream(files, jobs, |path| rt.spawn_blocking(move || hash(path)))
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
