//! A sync function that a sync and an async program share.
//!
//! `word_counts` reads files, which blocks, and asks a service, which is async. It knows neither who calls it
//! nor on which runtime:
//!
//! ```text
//! cargo run --example shared_sync
//! ```

use std::io;
use std::path::{Path, PathBuf};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::{ErrorGroup, Parallel, block_anywhere, blocking, prelude::*, to_thread};

/// The words in each file, without those that the service says are of no interest.
fn word_counts(paths: &[PathBuf]) -> Result<Vec<usize>, ErrorGroup<io::Error>> {
    let boring = block_anywhere(boring_words());
    let counts = paths.iter().cloned().fold(Parallel::new(), |counts, path| {
        counts.add(blocking(move || count(&path, boring)))
    });
    let counted = counts.block();
    counted.map_err(|error| error.into_errors().expect("nobody stops it"))
}

fn count(path: &Path, boring: &[&str]) -> io::Result<usize> {
    let text = std::fs::read_to_string(path)?;
    let words = text.split_whitespace();
    Ok(words.filter(|word| !boring.contains(word)).count())
}

/// Stands for a request to somebody else.
async fn boring_words() -> &'static [&'static str] {
    anyrt::checkpoint().await;
    &["a", "the", "of", "and"]
}

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths = ["README.md", "CHANGELOG.md"].map(|name| here.join(name));

    // A sync program calls it.
    let counts = word_counts(&paths).map_err(first)?;

    // An async program awaits it, and goes on with other things meanwhile.
    let owner = BuiltinRuntime::new();
    let again = owner.block_on(async {
        let paths = paths.clone();
        let counting = to_thread(move || word_counts(&paths));
        counting.timeout(owner.handle(), 10.secs()).await
    });
    let again = again.map_err(io::Error::other)?.map_err(first)?;
    assert_eq!(counts, again);

    for (path, words) in paths.iter().zip(counts) {
        println!("{words:6} {}", path.display());
    }

    // An error comes with the file it is of.
    let missing = word_counts(&[here.join("no such file")]).map_err(first);
    println!("{}", missing.expect_err("it is not there"));
    Ok(())
}

fn first(errors: ErrorGroup<io::Error>) -> io::Error {
    errors.into_first_error().unwrap_or_else(io::Error::other)
}
