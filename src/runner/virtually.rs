//! `#[anyrt::test(virtual_time)]`: the same runtimes, in virtual time.

use std::future::Future;
use std::process::Termination;

use anyrt_core::{BlockOn, Drive, Virtual, VirtualClock};

use super::{Settings, judge, until_over_virtually};

/// Runs a test on a built-in runtime of its own.
#[cfg(feature = "builtin")]
#[track_caller]
pub fn on_builtin<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(Virtual<crate::backend::builtin::Builtin>) -> Fut,
    Fut: Future<Output: Termination>,
{
    run(
        crate::backend::builtin::BuiltinRuntime::new(),
        settings,
        body,
    )
}

/// Runs a test on a multi-thread Tokio runtime of its own.
#[cfg(feature = "tokio")]
#[track_caller]
pub fn on_tokio_multi<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(Virtual<crate::backend::tokio::Tokio>) -> Fut,
    Fut: Future<Output: Termination>,
{
    let owner = crate::backend::tokio::TokioRuntime::multi_thread();
    run(super::tokio_started(owner), settings, body)
}

/// Runs a test on a current-thread Tokio runtime of its own.
#[cfg(feature = "tokio")]
#[track_caller]
pub fn on_tokio_current<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(Virtual<crate::backend::tokio::Tokio>) -> Fut,
    Fut: Future<Output: Termination>,
{
    let owner = crate::backend::tokio::TokioRuntime::current_thread();
    run(super::tokio_started(owner), settings, body)
}

/// Runs a test on smol's global executor, which other tests share.
#[cfg(feature = "smol")]
#[track_caller]
pub fn on_smol<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(Virtual<crate::backend::smol::Smol>) -> Fut,
    Fut: Future<Output: Termination>,
{
    run(crate::backend::smol::Smol, settings, body)
}

/// Runs a test on async-std's global executor, which other tests share.
#[cfg(feature = "async-std")]
#[track_caller]
pub fn on_async_std<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(Virtual<crate::backend::async_std::AsyncStd>) -> Fut,
    Fut: Future<Output: Termination>,
{
    run(crate::backend::async_std::AsyncStd, settings, body)
}

/// Runs `body` on `owner` in virtual time, and ends the owner; judged as in real time.
///
/// # Panics
///
/// As [`run`](super::run()), and where time does not go on.
#[track_caller]
pub fn run<D, F, Fut>(owner: D, settings: Settings, body: F) -> Fut::Output
where
    D: Drive,
    F: FnOnce(Virtual<D::Handle>) -> Fut,
    Fut: Future<Output: Termination>,
{
    judge(VirtualClock::on(owner), settings, body, |clock, watch| {
        clock.block_on(until_over_virtually(clock.handle(), watch));
    })
}
