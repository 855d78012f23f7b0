//! The backends on which each row is run through `anyrt`.

use anyrt::BlockOn;
use anyrt::backend::async_std::AsyncStd as AsyncStdOwner;
use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::smol::Smol as SmolOwner;
use anyrt::backend::tokio::TokioRuntime;
use tokio::runtime::Builder;

use crate::raw;

/// A way to start a runtime with one executor thread and one thread for blocking jobs.
///
/// Where threads belong to the process, the environment that [`child`](crate::child) sets says so.
pub(crate) trait Backend: 'static {
    type Owner: BlockOn + Send + Sync + 'static;
    /// Whether dropping the owner ends the runtime; a global one never ends.
    const ENDS: bool;

    fn start() -> Self::Owner;
}

pub(crate) enum Builtin {}

impl Backend for Builtin {
    type Owner = BuiltinRuntime;
    const ENDS: bool = true;

    fn start() -> BuiltinRuntime {
        let builder = BuiltinRuntime::builder().threads(1);
        builder.build().expect("a thread can be started")
    }
}

pub(crate) enum TokioMulti {}

impl Backend for TokioMulti {
    type Owner = TokioRuntime;
    const ENDS: bool = true;

    fn start() -> TokioRuntime {
        TokioRuntime::from(raw::tokio_runtime())
    }
}

pub(crate) enum TokioCurrent {}

impl Backend for TokioCurrent {
    type Owner = TokioRuntime;
    const ENDS: bool = true;

    fn start() -> TokioRuntime {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.max_blocking_threads(1).enable_all().build();
        TokioRuntime::from(runtime.expect("the drivers can be started"))
    }
}

pub(crate) enum Smol {}

impl Backend for Smol {
    type Owner = SmolOwner;
    const ENDS: bool = false;

    fn start() -> SmolOwner {
        SmolOwner
    }
}

pub(crate) enum AsyncStd {}

impl Backend for AsyncStd {
    type Owner = AsyncStdOwner;
    const ENDS: bool = false;

    fn start() -> AsyncStdOwner {
        AsyncStdOwner
    }
}
