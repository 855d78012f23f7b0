//! What the experiments on the raw runtimes share.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Starts a Tokio runtime with one worker and one thread for blocking jobs.
pub(crate) fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .expect("threads and drivers can be started")
}

/// Runs `future` on a Tokio runtime of its own.
pub(crate) fn on_tokio<F: Future>(future: F) -> F::Output {
    tokio_runtime().block_on(future)
}

/// Polls `future` this once. Nobody is woken for it.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
