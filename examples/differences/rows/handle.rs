//! Rows 27 and 29: the handle itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyrt::prelude::*;

use super::panic::text;
use crate::backend::Backend;
use crate::raw::on_tokio;
use crate::row::{Row, Word};

/// Row 27: how large a handle is.
pub(crate) struct Size;

impl Size {
    fn word<H>() -> Word {
        format!("{} B", size_of::<H>()).into()
    }

    fn word_of<H>(_: &H) -> Word {
        Self::word::<H>()
    }
}

impl Row for Size {
    const NUMBER: u8 = 27;
    const TITLE: &'static str = "size of a handle";
    const PROMISE: &'static str = if size_of::<usize>() == 8 {
        "16 B"
    } else {
        "8 B"
    };

    fn tokio() -> Word {
        Self::word::<tokio::task::JoinHandle<()>>()
    }

    fn smol() -> Word {
        Self::word::<smol::Task<()>>()
    }

    fn async_std() -> Word {
        Self::word::<async_std::task::JoinHandle<()>>()
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        Self::word_of(&owner.handle().spawn(async {}))
    }
}

/// Row 29: a handle is polled again after it gave its result.
pub(crate) struct PollAfterReady;

impl Row for PollAfterReady {
    const NUMBER: u8 = 29;
    const TITLE: &'static str = "handle polled again";
    const PROMISE: &'static str = "panics";

    fn tokio() -> Word {
        on_tokio(async {
            let mut task = tokio::spawn(async {});
            let _ = (&mut task).await;
            let _ = task.await;
        });
        "ready again".into()
    }

    fn smol() -> Word {
        smol::block_on(async {
            let mut task = smol::spawn(async {});
            (&mut task).await;
            task.await;
        });
        "ready again".into()
    }

    fn async_std() -> Word {
        async_std::task::block_on(async {
            let mut task = async_std::task::spawn(async {});
            (&mut task).await;
            task.await;
        });
        "ready again".into()
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let twice = async {
            let mut task = owner.handle().spawn(async {});
            let _ = (&mut task).await;
            let _ = task.await;
        };
        match catch_unwind(AssertUnwindSafe(|| owner.block_on(twice))) {
            Ok(()) => "ready again".into(),
            Err(payload) if text(&*payload).contains("after it had given") => "panics".into(),
            Err(_) => "panics oddly".into(),
        }
    }
}
