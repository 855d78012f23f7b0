//! What the example's `hash_all` would be on Tokio alone. A test compares what the two find.

use std::path::PathBuf;

use futures::stream::{self, Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::task::JoinError;

use crate::hash::{Hashed, hash};

pub(crate) fn hash_all(
    rt: &Handle,
    files: impl Iterator<Item = PathBuf>,
    jobs: usize,
) -> impl Stream<Item = Result<Hashed, JoinError>> {
    stream::iter(files)
        .map(move |path| rt.spawn_blocking(move || hash(path)))
        .buffer_unordered(jobs)
}
