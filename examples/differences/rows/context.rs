//! Rows 10, 24 and 28: code that is not where its runtime expects it.

use std::future::Future;
use std::time::Duration;

use anyrt::prelude::*;
use futures::channel::oneshot;

use crate::backend::Backend;
use crate::probe::probe;
use crate::raw::{on_tokio, tokio_runtime};
use crate::row::{NOTHING, Row, Word};

const A_MOMENT: Duration = Duration::from_millis(1);

/// Row 10: a task is spawned and a sleep made on a thread that is in no runtime's context.
pub(crate) struct SleepOutside;

impl Row for SleepOutside {
    const NUMBER: u8 = 10;
    const TITLE: &'static str = "spawn, sleep outside";
    const PROMISE: &'static str = "works";

    /// A task can be spawned through a handle. A sleep has no such way.
    fn tokio() -> Word {
        let runtime = tokio_runtime();
        let task = runtime.spawn(async {});
        let sleep = tokio::time::sleep(A_MOMENT);
        runtime.block_on(async {
            sleep.await;
            task.await.expect("no panic");
        });
        "works".into()
    }

    fn smol() -> Word {
        let task = smol::spawn(async {});
        let sleep = smol::Timer::after(A_MOMENT);
        smol::block_on(async {
            sleep.await;
            task.await;
        });
        "works".into()
    }

    fn async_std() -> Word {
        let task = async_std::task::spawn(async {});
        let sleep = async_std::task::sleep(A_MOMENT);
        async_std::task::block_on(async {
            sleep.await;
            task.await;
        });
        "works".into()
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let task = owner.handle().spawn(async {});
        let sleep = owner.handle().sleep(A_MOMENT);
        owner.block_on(async {
            sleep.await;
            task.await.expect("no panic");
        });
        "works".into()
    }
}

/// Row 24: the destructor of a cancelled future asks which runtime it is on.
pub(crate) struct InDestructor;

/// Asks when it is dropped.
struct Asks<F: Fn() -> bool> {
    ask: F,
    tell: Option<oneshot::Sender<bool>>,
}

impl<F: Fn() -> bool> Drop for Asks<F> {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take() {
            let _ = tell.send((self.ask)());
        }
    }
}

impl InDestructor {
    /// A future that asks when it is dropped, and where the answer comes.
    fn asks<F: Fn() -> bool>(
        ask: F,
        body: impl Future<Output = ()>,
    ) -> (oneshot::Receiver<bool>, impl Future<Output = ()>) {
        let (tell, told) = oneshot::channel();
        let tell = Some(tell);
        let asks = Asks { ask, tell };
        let body = async move {
            let _asks = asks;
            body.await;
        };
        (told, body)
    }

    fn word(told: Result<bool, oneshot::Canceled>) -> Word {
        match told {
            Ok(true) => "known".into(),
            Ok(false) => "unknown".into(),
            Err(_) => "not asked".into(),
        }
    }
}

impl Row for InDestructor {
    const NUMBER: u8 = 24;
    const TITLE: &'static str = "drop asks for runtime";
    const PROMISE: &'static str = "known";

    fn tokio() -> Word {
        let (mut probe, body) = probe();
        let (told, body) = Self::asks(|| tokio::runtime::Handle::try_current().is_ok(), body);
        on_tokio(async {
            let task = tokio::spawn(body);
            probe.started().await;
            task.abort();
            Self::word(told.await)
        })
    }

    /// There is nothing that could be asked.
    fn smol() -> Word {
        NOTHING
    }

    /// Its runtime is one for all; what can be asked is the task.
    fn async_std() -> Word {
        let (mut probe, body) = probe();
        let (told, body) = Self::asks(|| async_std::task::try_current().is_some(), body);
        async_std::task::block_on(async {
            let task = async_std::task::spawn(body);
            probe.started().await;
            task.cancel().await;
            Self::word(told.await)
        })
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let (mut probe, body) = probe();
        let right = |rt: anyrt::AnyRuntime| {
            rt.downcast_ref::<<B::Owner as anyrt::Drive>::Handle>()
                .is_some()
        };
        let (told, body) = Self::asks(move || anyrt::current().is_ok_and(right), body);
        owner.block_on(async {
            let task = owner.handle().spawn(body);
            probe.started().await;
            let _ = task.cancel_and_wait().await;
            Self::word(told.await)
        })
    }
}

/// Row 28: a library spawns a task of its own, which then uses the timer of its caller's runtime. The
/// caller is a Tokio program, or one that uses `anyrt`.
pub(crate) struct InLibrary;

impl Row for InLibrary {
    const NUMBER: u8 = 28;
    const TITLE: &'static str = "library task, host timer";
    const PROMISE: &'static str = "works";

    fn tokio() -> Word {
        on_tokio(async {
            let task = tokio::spawn(tokio_sleep());
            task.await.expect("no panic");
        });
        "works".into()
    }

    /// The task lands on the thread `smol-1`, which is none of Tokio's.
    fn smol() -> Word {
        on_tokio(async { smol::spawn(tokio_sleep()).await });
        "works".into()
    }

    fn async_std() -> Word {
        on_tokio(async { async_std::task::spawn(tokio_sleep()).await });
        "works".into()
    }

    /// The library is given nothing and asks for the runtime that it is on.
    fn anyrt<B: Backend>() -> Word {
        async fn library() {
            let rt = anyrt::current().expect("called from a task");
            let task = rt.spawn(async {
                let rt = anyrt::current().expect("this is a task");
                rt.sleep(A_MOMENT).await;
            });
            task.await.expect("no panic");
        }
        B::start().block_on(library());
        "works".into()
    }
}

async fn tokio_sleep() {
    tokio::time::sleep(A_MOMENT).await;
}
