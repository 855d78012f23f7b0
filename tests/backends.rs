//! The conformance suite on every backend, on `AnyRuntime` over each, and on an adapter that a third
//! party might have written.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyrt::ShutdownReport;
use anyrt::backend::async_std::AsyncStd;
use anyrt::backend::builtin::{Builtin, BuiltinRuntime};
use anyrt::backend::smol::Smol;
use anyrt::backend::tokio::{Tokio, TokioRuntime};
use anyrt_conformance::{Caps, Erased, Harness, conformance};

#[path = "toy/mod.rs"]
mod toy;

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

struct OnBuiltin;

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

struct OnTokioMulti;

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

struct OnTokioCurrent;

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

struct OnSmol;

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

struct OnAsyncStd;

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

conformance!(on_builtin, OnBuiltin);
conformance!(on_tokio_multi, OnTokioMulti);
conformance!(on_tokio_current, OnTokioCurrent);
conformance!(on_smol, OnSmol);
conformance!(on_async_std, OnAsyncStd);

conformance!(on_any_builtin, Erased<OnBuiltin>);
conformance!(on_any_tokio_multi, Erased<OnTokioMulti>);
conformance!(on_any_tokio_current, Erased<OnTokioCurrent>);
conformance!(on_any_smol, Erased<OnSmol>);
conformance!(on_any_async_std, Erased<OnAsyncStd>);

conformance!(on_toy, toy::OnToy);
conformance!(on_any_toy, Erased<toy::OnToy>);
