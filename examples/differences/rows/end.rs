//! Rows 9 and 23: the end of a runtime. The global ones never end and have nothing to show.

use std::future::pending;

use anyrt::prelude::*;
use futures::executor::block_on;
use smol::Executor;

use crate::backend::Backend;
use crate::probe::{Fate, probe};
use crate::raw::{on_tokio, tokio_runtime};
use crate::row::{NOTHING, Row, Word};

/// Row 9: a task is joined when its runtime is gone.
pub(crate) struct Join;

impl Row for Join {
    const NUMBER: u8 = 9;
    const TITLE: &'static str = "join, its runtime gone";
    const PROMISE: &'static str = "Err(lost)";

    fn tokio() -> Word {
        let runtime = tokio_runtime();
        let task = runtime.spawn(pending::<()>());
        drop(runtime);
        match block_on(task) {
            Ok(()) => "Ok".into(),
            Err(error) if error.is_cancelled() => "Err(cancelled)".into(),
            Err(_) => "Err(panic)".into(),
        }
    }

    /// With an executor of its own (`async_executor`'s): smol's global one never ends.
    fn smol() -> Word {
        let executor = Executor::new();
        let task = executor.spawn(pending::<()>());
        drop(executor);
        block_on(task);
        "Ok".into()
    }

    fn async_std() -> Word {
        NOTHING
    }

    fn anyrt<B: Backend>() -> Word {
        if !B::ENDS {
            return NOTHING;
        }
        let owner = B::start();
        let task = owner.handle().spawn(pending::<()>());
        drop(owner);
        match block_on(task) {
            Ok(()) => "Ok".into(),
            Err(error) if error.is_lost() => "Err(lost)".into(),
            Err(error) if error.is_cancelled() => "Err(cancelled)".into(),
            Err(_) => "Err(panic)".into(),
        }
    }
}

/// Row 23: a runtime is dropped in async code, and a task with it.
pub(crate) struct DropInAsync;

impl DropInAsync {
    fn word(fate: Fate) -> Word {
        match fate {
            Fate::Dropped => "drops tasks".into(),
            Fate::RanOn => "task ran on".into(),
        }
    }
}

impl Row for DropInAsync {
    const NUMBER: u8 = 23;
    const TITLE: &'static str = "runtime drop in async";
    const PROMISE: &'static str = "drops tasks";

    fn tokio() -> Word {
        let (mut probe, body) = probe();
        on_tokio(async {
            let inner = tokio_runtime();
            drop(inner.spawn(body));
            drop(inner);
            Self::word(probe.fate().await)
        })
    }

    /// With an executor of its own, as in row 9.
    fn smol() -> Word {
        let (mut probe, body) = probe();
        smol::block_on(async {
            let inner = Executor::new();
            inner.spawn(body).detach();
            drop(inner);
            Self::word(probe.fate().await)
        })
    }

    fn async_std() -> Word {
        NOTHING
    }

    fn anyrt<B: Backend>() -> Word {
        if !B::ENDS {
            return NOTHING;
        }
        let (mut probe, body) = probe();
        B::start().block_on(async {
            let inner = B::start();
            inner.handle().spawn(body).detach();
            drop(inner);
            Self::word(probe.fate().await)
        })
    }
}
