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

/// The simulator on the threads of a runtime: another one for each case, or for all of them the one that the
/// environment variable `ANYRT_SIM_HOST` names.
pub(crate) struct OnSimHosted;

const HOSTS: [&str; 5] = [
    "builtin",
    "tokio_multi",
    "tokio_current",
    "smol",
    "async_std",
];

fn host() -> String {
    if let Ok(host) = std::env::var("ANYRT_SIM_HOST") {
        return host;
    }
    // A case runs on a thread that is named after it.
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    let sum: usize = name.bytes().map(usize::from).sum();
    HOSTS[sum % HOSTS.len()].to_owned()
}

impl Harness for OnSimHosted {
    type Handle = SimHandle;
    type Owner = Sim;
    const CAPS: Caps = Caps::SIMULATED;

    fn start() -> Sim {
        let sim = Sim::with().seed(7).allow_outside_wakes();
        let host = host();
        println!("hosted by {host}");
        match host.as_str() {
            "builtin" => sim.on(OnBuiltin::start()),
            "tokio_multi" => sim.on(OnTokioMulti::start()),
            "tokio_current" => sim.on(OnTokioCurrent::start()),
            "smol" => sim.on(Smol),
            "async_std" => sim.on(AsyncStd),
            other => panic!("no host is called {other}; there are {HOSTS:?}"),
        }
    }

    fn handle(owner: &Sim) -> SimHandle {
        owner.handle().clone()
    }
}
