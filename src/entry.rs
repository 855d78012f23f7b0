//! What `#[anyrt::main]` expands to: an owner is started, and blocks on the body.
//!
//! One function for each word that names a backend. No part of the public interface.

use std::future::Future;

use anyrt_core::{BlockOn, Drive};

/// What the words of `#[anyrt::main]` ask for.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "settings do nothing by themselves"]
pub struct Settings {
    threads: Option<usize>,
    #[cfg(feature = "signal")]
    grace: Option<std::time::Duration>,
}

impl Settings {
    /// The settings of an attribute without words.
    pub const fn new() -> Self {
        Settings {
            threads: None,
            #[cfg(feature = "signal")]
            grace: None,
        }
    }

    /// `threads = N`: how many threads run tasks. The macro has refused zero.
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// `shutdown = "…"`: the grace period, in milliseconds.
    #[cfg(feature = "signal")]
    pub const fn shutdown(mut self, millis: u64) -> Self {
        self.grace = Some(std::time::Duration::from_millis(millis));
        self
    }
}

/// `#[anyrt::main]`, `#[anyrt::main(builtin)]`.
#[cfg(feature = "builtin")]
#[track_caller]
pub fn on_builtin<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::builtin::Builtin) -> Fut,
    Fut: Future,
{
    let mut builder = crate::backend::builtin::BuiltinRuntime::builder();
    if let Some(threads) = settings.threads {
        builder = builder.threads(threads);
    }
    run(settings, started(builder.build()), body)
}

/// `#[anyrt::main(tokio)]`.
#[cfg(feature = "tokio")]
#[track_caller]
pub fn on_tokio<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::tokio::Tokio) -> Fut,
    Fut: Future,
{
    use crate::backend::tokio::TokioRuntime;
    let owner = match settings.threads {
        Some(threads) => TokioRuntime::with_threads(threads),
        None => TokioRuntime::multi_thread(),
    };
    run(settings, started(owner), body)
}

/// `#[anyrt::main(tokio_current)]`.
#[cfg(feature = "tokio")]
#[track_caller]
pub fn on_tokio_current<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::tokio::Tokio) -> Fut,
    Fut: Future,
{
    let owner = crate::backend::tokio::TokioRuntime::current_thread();
    run(settings, started(owner), body)
}

/// `#[anyrt::main(smol)]`.
#[cfg(feature = "smol")]
#[track_caller]
pub fn on_smol<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::smol::Smol) -> Fut,
    Fut: Future,
{
    run(settings, crate::backend::smol::Smol, body)
}

/// `#[anyrt::main(async_std)]`.
#[cfg(feature = "async-std")]
#[track_caller]
pub fn on_async_std<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::async_std::AsyncStd) -> Fut,
    Fut: Future,
{
    run(settings, crate::backend::async_std::AsyncStd, body)
}

#[cfg(any(feature = "builtin", feature = "tokio"))]
#[track_caller]
fn started<D>(owner: std::io::Result<D>) -> D {
    match owner {
        Ok(owner) => owner,
        Err(error) => panic!("the runtime of `main` could not be started: {error}"),
    }
}

/// Drives the body of `main` on any owner, and drops it then.
#[track_caller]
#[allow(
    clippy::needless_pass_by_value,
    reason = "it ends here, with what is left"
)]
pub fn run<D, F, Fut>(settings: Settings, owner: D, body: F) -> Fut::Output
where
    D: Drive,
    F: FnOnce(D::Handle) -> Fut,
    Fut: Future,
{
    #[cfg(feature = "signal")]
    if let Some(grace) = settings.grace {
        return crate::signal::main(owner, grace, body);
    }
    let _ = settings;
    owner.block_on(body(owner.handle().clone()))
}
