//! Rows 6 to 8: where a panic goes.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyrt::prelude::*;

use crate::backend::Backend;
use crate::probe::{Fate, probe};
use crate::raw::on_tokio;
use crate::row::{Row, Word};

/// What the tasks here panic with.
const BOOM: &str = "boom";

async fn boom() {
    panic_any(BOOM);
}

/// The text of a panic, where it has one.
pub(super) fn text(payload: &(dyn Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&str>().copied();
    let formatted = || payload.downcast_ref::<String>().map(String::as_str);
    literal.or_else(formatted).unwrap_or_default()
}

/// Row 6: the panic of a task whose handle is awaited.
pub(crate) struct Joined;

impl Joined {
    fn word(payload: Option<Box<dyn Any + Send>>) -> Word {
        match payload {
            Some(payload) if text(&*payload) == BOOM => "Err(payload)".into(),
            Some(_) => "Err(stranger)".into(),
            None => "Err(nothing)".into(),
        }
    }

    /// Looks at what came out of a wait, which unwinds with the payload or does not.
    fn unwound(waited: Result<(), Box<dyn Any + Send>>) -> Word {
        match waited {
            Ok(()) => "nothing".into(),
            Err(payload) if text(&*payload) == BOOM => "unwinds".into(),
            Err(_) => "unwinds, lost".into(),
        }
    }
}

impl Row for Joined {
    const NUMBER: u8 = 6;
    const TITLE: &'static str = "panic, handle awaited";
    const PROMISE: &'static str = "Err(payload)";

    fn tokio() -> Word {
        let error = on_tokio(async { tokio::spawn(boom()).await }).expect_err("it panicked");
        Self::word(error.try_into_panic().ok())
    }

    fn smol() -> Word {
        let wait = || smol::block_on(smol::spawn(boom()));
        Self::unwound(catch_unwind(wait))
    }

    fn async_std() -> Word {
        let wait = || async_std::task::block_on(async_std::task::spawn(boom()));
        Self::unwound(catch_unwind(wait))
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let task = owner.handle().spawn(boom());
        match catch_unwind(AssertUnwindSafe(|| owner.block_on(task))) {
            Ok(Ok(())) => "nothing".into(),
            Ok(Err(error)) => Self::word(error.into_panic().ok()),
            Err(payload) => Self::unwound(Err(payload)),
        }
    }
}

/// Row 7: the panic of a detached task. Does the pool live, and is anybody told?
pub(crate) struct Detached;

impl Row for Detached {
    const NUMBER: u8 = 7;
    const TITLE: &'static str = "panic, detached";
    const PROMISE: &'static str = "lives, told";

    fn tokio() -> Word {
        let (mut probe, body) = probe();
        on_tokio(async {
            drop(tokio::spawn(panic_holding(body)));
            assert_eq!(probe.fate().await, Fate::Dropped);
            tokio::spawn(async {}).await.expect("no panic");
        });
        "lives".into()
    }

    fn smol() -> Word {
        let (mut probe, body) = probe();
        smol::block_on(async {
            smol::spawn(panic_holding(body)).detach();
            assert_eq!(probe.fate().await, Fate::Dropped);
            smol::spawn(async {}).await;
        });
        "lives".into()
    }

    fn async_std() -> Word {
        let (mut probe, body) = probe();
        async_std::task::block_on(async {
            drop(async_std::task::spawn(panic_holding(body)));
            assert_eq!(probe.fate().await, Fate::Dropped);
            async_std::task::spawn(async {}).await;
        });
        "lives".into()
    }

    fn anyrt<B: Backend>() -> Word {
        let told = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&told);
        anyrt::set_failure_hook(move |failure| {
            let payload = failure.take_payload();
            tell.store(payload.is_some_and(|p| text(&*p) == BOOM), Ordering::SeqCst);
        });
        let owner = B::start();
        let (mut probe, body) = probe();
        owner.block_on(async {
            owner.handle().spawn(panic_holding(body)).detach();
            assert_eq!(probe.fate().await, Fate::Dropped);
            // There is one worker, so it is done with the first task when it runs this one.
            owner.handle().spawn(async {}).await.expect("no panic");
        });
        match told.load(Ordering::SeqCst) {
            true => "lives, told".into(),
            false => "lives, untold".into(),
        }
    }
}

async fn panic_holding(held: impl Future<Output = ()>) {
    let _held = held;
    boom().await;
}

/// Row 8: the destructor of a cancelled future panics.
pub(crate) struct InDestructor;

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(BOOM);
    }
}

async fn beside_a_bomb(body: impl Future<Output = ()>) {
    let _bomb = Bomb;
    body.await;
}

impl Row for InDestructor {
    const NUMBER: u8 = 8;
    const TITLE: &'static str = "destructor panics";
    const PROMISE: &'static str = "Err(payload)";

    fn tokio() -> Word {
        let (mut probe, body) = probe();
        on_tokio(async {
            let task = tokio::spawn(beside_a_bomb(body));
            probe.started().await;
            task.abort();
            let error = task.await.expect_err("it was cancelled");
            Joined::word(error.try_into_panic().ok())
        })
    }

    fn smol() -> Word {
        let (mut probe, body) = probe();
        smol::block_on(async {
            let task = smol::spawn(beside_a_bomb(body));
            probe.started().await;
            task.cancel().await;
        });
        "nothing".into()
    }

    fn async_std() -> Word {
        let (mut probe, body) = probe();
        async_std::task::block_on(async {
            let task = async_std::task::spawn(beside_a_bomb(body));
            probe.started().await;
            task.cancel().await;
        });
        "nothing".into()
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let (mut probe, body) = probe();
        owner.block_on(async {
            let task = owner.handle().spawn(beside_a_bomb(body));
            probe.started().await;
            let error = task.cancel_and_wait().await.expect_err("it was cancelled");
            Joined::word(error.into_panic().ok())
        })
    }
}
