//! Rows 12 and 13: blocking on a future, where that is a mistake and where it is not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use anyrt::prelude::*;

use super::panic::text;
use crate::backend::Backend;
use crate::raw::tokio_runtime;
use crate::row::{Row, Word};

const A_MOMENT: Duration = Duration::from_millis(1);

/// Row 12: `block_on` inside `block_on`, on one thread.
pub(crate) struct Nested;

impl Row for Nested {
    const NUMBER: u8 = 12;
    const TITLE: &'static str = "block_on in block_on";
    const PROMISE: &'static str = "panic+advice";

    fn tokio() -> Word {
        let runtime = tokio_runtime();
        runtime.block_on(async { runtime.block_on(async { "works".into() }) })
    }

    fn smol() -> Word {
        smol::block_on(async { smol::block_on(async { "works".into() }) })
    }

    fn async_std() -> Word {
        use async_std::task::block_on;
        block_on(async { block_on(async { "works".into() }) })
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let nested = || owner.block_on(async { "works".into() });
        let result = owner.block_on(async { catch_unwind(AssertUnwindSafe(nested)) });
        result.unwrap_or_else(|payload| match text(&*payload).contains("`.await`") {
            true => "panic+advice".into(),
            false => "panics".into(),
        })
    }
}

/// Row 13: `block_on` inside a blocking job, around a sleep.
pub(crate) struct InBlockingJob;

impl Row for InBlockingJob {
    const NUMBER: u8 = 13;
    const TITLE: &'static str = "block_on, blocking job";
    const PROMISE: &'static str = "works";

    fn tokio() -> Word {
        let runtime = tokio_runtime();
        let handle = runtime.handle().clone();
        let job = runtime.spawn_blocking(move || handle.block_on(tokio::time::sleep(A_MOMENT)));
        runtime.block_on(job).expect("no panic");
        "works".into()
    }

    fn smol() -> Word {
        let job = || smol::block_on(smol::Timer::after(A_MOMENT));
        smol::block_on(smol::unblock(job));
        "works".into()
    }

    fn async_std() -> Word {
        use async_std::task::{block_on, sleep, spawn_blocking};
        block_on(spawn_blocking(|| block_on(sleep(A_MOMENT))));
        "works".into()
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = Arc::new(B::start());
        let inside = Arc::clone(&owner);
        let sleep = owner.handle().sleep(A_MOMENT);
        let job = owner
            .handle()
            .spawn_blocking(move || inside.block_on(sleep));
        owner.block_on(job).expect("no panic");
        "works".into()
    }
}
