//! The backends under test: each with `anyrt` on it, and with nothing on it.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyrt::backend::builtin::{Builtin, BuiltinRuntime};
use anyrt::backend::tokio::{Tokio, TokioRuntime};
use anyrt::prelude::*;
use anyrt::{Drive, Runtime};
use async_executor::Executor;

/// Whose work is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

/// A runtime that can run work as a task of its own, through `anyrt` or without it.
///
/// Everything measured happens inside one task, so that on one thread no wake-up crosses threads.
pub(crate) trait Lab: 'static {
    /// The handle of `anyrt`.
    type Handle: Runtime;
    /// The runtime itself.
    type Own: Own;

    const NAME: &'static str;
    /// Whether the limits hold here: on one thread, and not on a runtime that is legacy.
    const GATED: bool;

    fn open() -> Self;
    fn handle(&self) -> Self::Handle;
    fn own(&self) -> Self::Own;

    /// Runs `work` in a task of `anyrt`.
    fn in_ours<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static;

    /// Runs `work` in a task of the runtime's own.
    fn in_theirs<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static;
}

/// The runtime's own way to do what `anyrt` does.
pub(crate) trait Own: Clone + Send + Sync + 'static {
    /// The runtime's join handle; what it gives differs.
    type Join<T: Send + 'static>: Future<Output: Send> + Send + Unpin;
    type Sleep: Future<Output: Send> + Debug + Send;

    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static;

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output: Send> + Send + 'static;

    fn sleep(&self, duration: Duration) -> Self::Sleep;
}

/// Starts work on some executor thread and waits for it without being part of that executor.
fn run_elsewhere<F>(work: F, start: impl FnOnce(Job)) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let (tx, rx) = mpsc::channel();
    start(Box::pin(async move {
        let _ = tx.send(work.await);
    }));
    rx.recv().expect("the work ends")
}

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

// --- Tokio

/// Both flavours: they differ in how they are built only.
pub(crate) struct OnTokio<const MULTI: bool>(TokioRuntime);

#[derive(Clone)]
pub(crate) struct OwnTokio;

impl<const MULTI: bool> Lab for OnTokio<MULTI> {
    type Handle = Tokio;
    type Own = OwnTokio;

    const NAME: &'static str = match MULTI {
        true => "tokio-multi",
        false => "tokio-current",
    };
    const GATED: bool = !MULTI;

    fn open() -> Self {
        let owner = match MULTI {
            true => TokioRuntime::multi_thread(),
            false => TokioRuntime::current_thread(),
        };
        OnTokio(owner.expect("Tokio starts"))
    }

    fn handle(&self) -> Tokio {
        self.0.handle().clone()
    }

    fn own(&self) -> OwnTokio {
        OwnTokio
    }

    fn in_ours<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let task = self.0.handle().spawn(work);
        self.0.block_on(task).expect("the work ends")
    }

    fn in_theirs<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let task = self.0.handle().as_tokio().spawn(work);
        self.0.drive(task).expect("the work ends")
    }
}

impl Own for OwnTokio {
    type Join<T: Send + 'static> = tokio::task::JoinHandle<T>;
    type Sleep = tokio::time::Sleep;

    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        drop(tokio::spawn(future));
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        tokio::time::sleep(duration)
    }
}

// --- built-in

/// One executor thread of ours, one that runs a bare `async_executor::Executor` in the same way.
pub(crate) struct OnBuiltin {
    ours: BuiltinRuntime,
    theirs: OwnExecutor,
}

#[derive(Clone)]
pub(crate) struct OwnExecutor(Arc<Executor<'static>>);

impl Lab for OnBuiltin {
    type Handle = Builtin;
    type Own = OwnExecutor;

    const NAME: &'static str = "builtin";
    const GATED: bool = true;

    fn open() -> Self {
        let ours = BuiltinRuntime::builder().threads(1).build();
        let theirs = Arc::new(Executor::new());
        let executor = Arc::clone(&theirs);
        thread::spawn(move || async_io::block_on(executor.run(std::future::pending::<()>())));
        OnBuiltin {
            ours: ours.expect("a thread starts"),
            theirs: OwnExecutor(theirs),
        }
    }

    fn handle(&self) -> Builtin {
        self.ours.handle().clone()
    }

    fn own(&self) -> OwnExecutor {
        self.theirs.clone()
    }

    fn in_ours<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        run_elsewhere(work, |job| self.ours.handle().spawn_detached(job))
    }

    fn in_theirs<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        run_elsewhere(work, |job| self.theirs.spawn_detached(job))
    }
}

impl Own for OwnExecutor {
    type Join<T: Send + 'static> = async_executor::Task<T>;
    type Sleep = async_io::Timer;

    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.spawn(future).detach();
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        async_io::Timer::after(duration)
    }
}

// --- smol

pub(crate) struct OnSmol;

#[derive(Clone)]
pub(crate) struct OwnSmol;

impl Lab for OnSmol {
    type Handle = anyrt::backend::smol::Smol;
    type Own = OwnSmol;

    const NAME: &'static str = "smol";
    const GATED: bool = true;

    fn open() -> Self {
        OnSmol
    }

    fn handle(&self) -> Self::Handle {
        anyrt::backend::smol::Smol
    }

    fn own(&self) -> OwnSmol {
        OwnSmol
    }

    fn in_ours<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        run_elsewhere(work, |job| self.handle().spawn_detached(job))
    }

    fn in_theirs<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        run_elsewhere(work, |job| smol::spawn(job).detach())
    }
}

impl Own for OwnSmol {
    type Join<T: Send + 'static> = smol::Task<T>;
    type Sleep = smol::Timer;

    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        smol::spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        smol::spawn(future).detach();
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        smol::Timer::after(duration)
    }
}

// --- async-std

pub(crate) struct OnAsyncStd;

#[derive(Clone)]
pub(crate) struct OwnAsyncStd;

impl Lab for OnAsyncStd {
    type Handle = anyrt::backend::async_std::AsyncStd;
    type Own = OwnAsyncStd;

    const NAME: &'static str = "async-std";
    const GATED: bool = false;

    fn open() -> Self {
        OnAsyncStd
    }

    fn handle(&self) -> Self::Handle {
        anyrt::backend::async_std::AsyncStd
    }

    fn own(&self) -> OwnAsyncStd {
        OwnAsyncStd
    }

    fn in_ours<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        run_elsewhere(work, |job| self.handle().spawn_detached(job))
    }

    fn in_theirs<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        run_elsewhere(work, |job| drop(async_std::task::spawn(job)))
    }
}

impl Own for OwnAsyncStd {
    type Join<T: Send + 'static> = async_std::task::JoinHandle<T>;
    /// async-std has no timer type that can be named; its own is async-io's.
    type Sleep = async_io::Timer;

    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        async_std::task::spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        drop(async_std::task::spawn(future));
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        async_io::Timer::after(duration)
    }
}
