//! Rows 15 and 17: sleeps at the ends of the range.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use anyrt::prelude::*;

use crate::backend::Backend;
use crate::raw::{on_tokio, poll_once};
use crate::row::{Row, Word};

fn word<F: Future>(sleep: F) -> Word {
    match poll_once(pin!(sleep)) {
        Poll::Ready(_) => "ready".into(),
        Poll::Pending => "pending".into(),
    }
}

fn on_raw_tokio(duration: Duration) -> Word {
    on_tokio(async { word(tokio::time::sleep(duration)) })
}

fn on_raw_smol(duration: Duration) -> Word {
    smol::block_on(async { word(smol::Timer::after(duration)) })
}

fn on_raw_async_std(duration: Duration) -> Word {
    use async_std::task::{block_on, sleep};
    block_on(async { word(sleep(duration)) })
}

fn through_anyrt<B: Backend>(duration: Duration) -> Word {
    let owner = B::start();
    owner.block_on(async { word(owner.handle().sleep(duration)) })
}

/// Row 15: the first poll of a sleep of no length.
pub(crate) struct Zero;

impl Row for Zero {
    const NUMBER: u8 = 15;
    const TITLE: &'static str = "first poll of sleep(0)";
    const PROMISE: &'static str = "ready";

    fn tokio() -> Word {
        on_raw_tokio(Duration::ZERO)
    }

    fn smol() -> Word {
        on_raw_smol(Duration::ZERO)
    }

    fn async_std() -> Word {
        on_raw_async_std(Duration::ZERO)
    }

    fn anyrt<B: Backend>() -> Word {
        through_anyrt::<B>(Duration::ZERO)
    }
}

/// Row 17: a sleep that is too long to be represented.
pub(crate) struct Max;

impl Row for Max {
    const NUMBER: u8 = 17;
    const TITLE: &'static str = "first poll of sleep(MAX)";
    const PROMISE: &'static str = "pending";

    fn tokio() -> Word {
        on_raw_tokio(Duration::MAX)
    }

    fn smol() -> Word {
        on_raw_smol(Duration::MAX)
    }

    fn async_std() -> Word {
        on_raw_async_std(Duration::MAX)
    }

    fn anyrt<B: Backend>() -> Word {
        through_anyrt::<B>(Duration::MAX)
    }
}
