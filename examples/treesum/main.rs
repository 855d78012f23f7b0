//! Hashes a directory tree, many files at a time, on the runtime of your choice.
//!
//! ```text
//! cargo run --release --example treesum -- PATH [--runtime builtin|tokio|smol|async-std] [--jobs N]
//! ```
//!
//! Start at `hash.rs`: the function there is all that has to do with runtimes, but for the `match`
//! below that picks one. The sums are held until all are there, so memory grows with the number of
//! files and the length of their names, and with nothing else.

use std::error::Error;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use anyrt::{BlockOn, Drive, Runtime};
use clap::Parser;
use futures::TryStreamExt;
use indicatif::ProgressBar;

use args::{Args, Backend};
use hash::{Sum, hash_all};
use output::by_bytes;
use walk::{Failure, walk};

mod args;
mod hash;
mod interrupt;
mod output;
mod walk;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = on_backend(&args);
    outcome.unwrap_or_else(|error| {
        output::say(error);
        ExitCode::FAILURE
    })
}

fn on_backend(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    use anyrt::backend;
    match args.runtime {
        #[cfg(feature = "builtin")]
        Backend::Builtin => run(&backend::builtin::BuiltinRuntime::builder().build()?, args),
        #[cfg(feature = "tokio")]
        Backend::Tokio => run(&backend::tokio::TokioRuntime::multi_thread()?, args),
        #[cfg(feature = "smol")]
        Backend::Smol => run(&backend::smol::Smol, args),
        #[cfg(feature = "async-std")]
        Backend::AsyncStd => run(&backend::async_std::AsyncStd, args),
        #[allow(unreachable_patterns, reason = "so it is where all features are on")]
        other => {
            Err(format!("{other:?} is not in this build: its feature of `anyrt` is off").into())
        }
    }
}

/// Takes the owner of a runtime: [`Drive`] is what it implements, whichever it is.
fn run<D: Drive>(owner: &D, args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    interrupt::listen()?;
    let bar = output::search_line();
    let done = owner.block_on(treesum(owner.handle(), args, &bar));
    bar.finish_and_clear();
    let mut done = done?;

    // What Ctrl-C left unread is no failure, and what it left out would look like all there is.
    if interrupt::close() {
        output::say(format_args!(
            "interrupted: {} of {} files hashed",
            done.sums.len(),
            done.total
        ));
        return Ok(interrupt::STATUS.into());
    }
    done.sums.sort_unstable_by(|(a, _), (b, _)| by_bytes(a, b));
    done.failures
        .sort_unstable_by(|(a, _), (b, _)| by_bytes(a, b));
    let printed = output::print(&done.sums);
    output::report(&done.failures);
    printed?;
    Ok(match done.failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// What a run has come to.
struct Done {
    /// How many files there are, in words: unknown if the search was cut short.
    total: String,
    sums: Vec<(PathBuf, Sum)>,
    failures: Vec<Failure>,
}

async fn treesum<R: Runtime>(
    rt: &R,
    args: &Args,
    bar: &ProgressBar,
) -> Result<Done, Box<dyn Error>> {
    let search = (args.clone(), bar.clone());
    let found = rt
        .spawn_blocking(move || walk(&search.0, &search.1))
        .await?;
    let mut done = Done {
        total: match interrupt::requested() {
            true => format!("at least {}", found.files.len()),
            false => found.files.len().to_string(),
        },
        sums: Vec::with_capacity(found.files.len()),
        failures: found.failures,
    };
    output::into_progress_bar(bar, found.files.len());
    // After Ctrl-C the jobs that run end soon, and are waited for; no more are begun.
    let files = found
        .files
        .into_iter()
        .take_while(|_| !interrupt::requested());
    let mut hashed = pin!(hash_all(rt, files, args.jobs.get()));
    while let Some((path, sum)) = hashed.try_next().await? {
        bar.inc(1);
        match sum {
            Ok(sum) => done.sums.push((path, sum)),
            Err(error) => done.failures.push((path, error)),
        }
    }
    Ok(done)
}
