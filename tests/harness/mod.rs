//! How the conformance suite starts each backend.

#![allow(dead_code, reason = "each test binary uses the backends it needs")]

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyrt::backend::async_std::AsyncStd;
use anyrt::backend::builtin::{Builtin, BuiltinRuntime};
use anyrt::backend::smol::Smol;
use anyrt::backend::tokio::{Tokio, TokioRuntime};
use anyrt::{Drive, ShutdownReport, Sim, SimHandle};
use anyrt_conformance::{Caps, Harness};

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct OnBuiltin;

impl Harness for OnBuiltin {
    type Handle = Builtin;
    type Owner = BuiltinRuntime;
    const CAPS: Caps = Caps::OWNED;

    fn start() -> BuiltinRuntime {
        // Two on any machine: one case blocks one of them.
        let builder = BuiltinRuntime::builder().threads(2);
        builder.build().expect("threads can be started")
    }

    fn handle(owner: &BuiltinRuntime) -> Builtin {
        owner.handle().clone()
    }

    fn shutdown(owner: BuiltinRuntime, timeout: Duration) -> Option<ShutdownReport> {
        Some(owner.shutdown(timeout))
    }
}

/// Binding a socket finds the runtime's driver by the thread's context.
fn binds_a_socket() -> Boxed {
    Box::pin(async {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await;
        socket.expect("a port of the machine itself is free");
    })
}

/// Takes more messages, all of them there, than Tokio allows a task in one poll.
fn takes_a_thousand_messages() -> Boxed {
    Box::pin(async {
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        for n in 0..1_000 {
            tx.send(n).expect("the receiver lives");
        }
        for n in 0..1_000 {
            assert_eq!(rx.recv().await, Some(n));
        }
    })
}

pub(crate) struct OnTokioMulti;

impl Harness for OnTokioMulti {
    type Handle = Tokio;
    type Owner = TokioRuntime;
    const CAPS: Caps = Caps::OWNED;

    fn start() -> TokioRuntime {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        TokioRuntime::build(builder.worker_threads(2).enable_all()).expect("threads can be started")
    }

    fn handle(owner: &TokioRuntime) -> Tokio {
        owner.handle().clone()
    }

    fn shutdown(owner: TokioRuntime, timeout: Duration) -> Option<ShutdownReport> {
        Some(owner.shutdown(timeout))
    }

    fn needs_its_context() -> Option<Boxed> {
        Some(binds_a_socket())
    }

    fn needs_its_budget() -> Option<Boxed> {
        Some(takes_a_thousand_messages())
    }
}

pub(crate) struct OnTokioCurrent;

impl Harness for OnTokioCurrent {
    type Handle = Tokio;
    type Owner = TokioRuntime;
    const CAPS: Caps = Caps::CURRENT_THREAD;

    fn start() -> TokioRuntime {
        TokioRuntime::current_thread().expect("a driver can be started")
    }

    fn handle(owner: &TokioRuntime) -> Tokio {
        owner.handle().clone()
    }

    fn shutdown(owner: TokioRuntime, timeout: Duration) -> Option<ShutdownReport> {
        Some(owner.shutdown(timeout))
    }

    fn needs_its_context() -> Option<Boxed> {
        Some(binds_a_socket())
    }

    fn needs_its_budget() -> Option<Boxed> {
        Some(takes_a_thousand_messages())
    }
}

pub(crate) struct OnSmol;

impl Harness for OnSmol {
    type Handle = Smol;
    type Owner = Smol;
    const CAPS: Caps = Caps::GLOBAL;

    fn start() -> Smol {
        Smol
    }

    fn handle(owner: &Smol) -> Smol {
        *owner
    }
}

pub(crate) struct OnAsyncStd;

impl Harness for OnAsyncStd {
    type Handle = AsyncStd;
    type Owner = AsyncStd;
    const CAPS: Caps = Caps::GLOBAL;

    fn start() -> AsyncStd {
        AsyncStd
    }

    fn handle(owner: &AsyncStd) -> AsyncStd {
        *owner
    }
}

/// The simulator, which needs no runtime. The suite has threads of its own, which wake tasks when they like.
pub(crate) struct OnSim;

impl Harness for OnSim {
    type Handle = SimHandle;
    type Owner = Sim;
    const CAPS: Caps = Caps::SIMULATED;

    fn start() -> Sim {
        Sim::with().seed(7).allow_outside_wakes().start()
    }

    fn handle(owner: &Sim) -> SimHandle {
        owner.handle().clone()
    }
}

/// The simulator, on the threads of a runtime.
pub(crate) struct Simulated<H>(std::marker::PhantomData<H>);

impl<H: Harness> Harness for Simulated<H>
where
    H::Owner: Sync,
{
    type Handle = SimHandle;
    type Owner = Sim;
    const CAPS: Caps = Caps::SIMULATED;

    fn start() -> Sim {
        Sim::with().seed(7).allow_outside_wakes().on(H::start())
    }

    fn handle(owner: &Sim) -> SimHandle {
        owner.handle().clone()
    }
}
