//! Rows 1 to 5: what stops a task, when, and what becomes of its value.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::Poll;
use std::thread;

use anyrt::prelude::*;
use futures::channel::oneshot;
use futures::executor::block_on;

use crate::backend::Backend;
use crate::probe::{Fate, probe};
use crate::raw::{on_tokio, poll_once};
use crate::row::{Row, Word};

/// Row 1: the handle of a task that waits is dropped.
pub(crate) struct DropHandle;

impl DropHandle {
    fn word(fate: Fate) -> Word {
        match fate {
            Fate::RanOn => "detaches".into(),
            Fate::Dropped => "cancels".into(),
        }
    }
}

impl Row for DropHandle {
    const NUMBER: u8 = 1;
    const TITLE: &'static str = "drop(handle)";
    const PROMISE: &'static str = "cancels";

    fn tokio() -> Word {
        let (mut probe, body) = probe();
        on_tokio(async {
            let task = tokio::spawn(body);
            probe.started().await;
            drop(task);
            Self::word(probe.fate_at_the_gate().await)
        })
    }

    fn smol() -> Word {
        let (mut probe, body) = probe();
        smol::block_on(async {
            let task = smol::spawn(body);
            probe.started().await;
            drop(task);
            Self::word(probe.fate_at_the_gate().await)
        })
    }

    fn async_std() -> Word {
        let (mut probe, body) = probe();
        async_std::task::block_on(async {
            let task = async_std::task::spawn(body);
            probe.started().await;
            drop(task);
            Self::word(probe.fate_at_the_gate().await)
        })
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let (mut probe, body) = probe();
        owner.block_on(async {
            let task = owner.handle().spawn(body);
            probe.started().await;
            drop(task);
            Self::word(probe.fate_at_the_gate().await)
        })
    }
}

/// Row 2: the future of a cancel is kept without being polled, or dropped without being polled.
pub(crate) struct TakesEffect;

impl TakesEffect {
    fn word(kept: Fate, dropped: Fate) -> Word {
        match (kept, dropped) {
            (Fate::Dropped, Fate::Dropped) => "at the call".into(),
            (Fate::RanOn, Fate::Dropped) => "at poll or drop".into(),
            (Fate::RanOn, Fate::RanOn) => "at poll only".into(),
            (Fate::Dropped, Fate::RanOn) => "if kept".into(),
        }
    }
}

impl Row for TakesEffect {
    const NUMBER: u8 = 2;
    const TITLE: &'static str = "a cancel takes effect";
    const PROMISE: &'static str = "at the call";

    fn tokio() -> Word {
        let (mut probe_kept, kept) = probe();
        let (mut probe_dropped, dropped) = probe();
        on_tokio(async {
            let task = tokio::spawn(kept);
            probe_kept.started().await;
            task.abort();
            let kept = probe_kept.fate_at_the_gate().await;

            let task = tokio::spawn(dropped);
            probe_dropped.started().await;
            task.abort();
            drop(task);
            Self::word(kept, probe_dropped.fate_at_the_gate().await)
        })
    }

    fn smol() -> Word {
        let (mut probe_kept, kept) = probe();
        let (mut probe_dropped, dropped) = probe();
        smol::block_on(async {
            let task = smol::spawn(kept);
            probe_kept.started().await;
            let _asked = task.cancel();
            let kept = probe_kept.fate_at_the_gate().await;

            let task = smol::spawn(dropped);
            probe_dropped.started().await;
            drop(task.cancel());
            Self::word(kept, probe_dropped.fate_at_the_gate().await)
        })
    }

    fn async_std() -> Word {
        let (mut probe_kept, kept) = probe();
        let (mut probe_dropped, dropped) = probe();
        async_std::task::block_on(async {
            let task = async_std::task::spawn(kept);
            probe_kept.started().await;
            let _asked = task.cancel();
            let kept = probe_kept.fate_at_the_gate().await;

            let task = async_std::task::spawn(dropped);
            probe_dropped.started().await;
            drop(task.cancel());
            Self::word(kept, probe_dropped.fate_at_the_gate().await)
        })
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let (mut probe_kept, kept) = probe();
        let (mut probe_dropped, dropped) = probe();
        owner.block_on(async {
            let task = owner.handle().spawn(kept);
            probe_kept.started().await;
            let _asked = task.cancel_and_wait();
            let kept = probe_kept.fate_at_the_gate().await;

            // Asked by the plain call, and the handle detached: only the request can stop the task.
            let task = owner.handle().spawn(dropped);
            probe_dropped.started().await;
            task.cancel("row 2");
            task.detach();
            Self::word(kept, probe_dropped.fate_at_the_gate().await)
        })
    }
}

/// Row 3: when is the future gone? Asked on the only worker, so that nobody else can drop it.
pub(crate) struct FutureGone;

impl FutureGone {
    fn word(after_call: bool, after_wait: bool) -> Word {
        match (after_call, after_wait) {
            (true, _) => "at the call".into(),
            (false, true) => "once awaited".into(),
            (false, false) => "later still".into(),
        }
    }
}

impl Row for FutureGone {
    const NUMBER: u8 = 3;
    const TITLE: &'static str = "cancelled future is gone";
    const PROMISE: &'static str = "once awaited";

    fn tokio() -> Word {
        let (mut probe, body) = probe();
        let on_the_worker = async move {
            let task = tokio::spawn(body);
            probe.started().await;
            task.abort();
            let after_call = probe.is_gone();
            let _ = task.await;
            Self::word(after_call, probe.is_gone())
        };
        on_tokio(async { tokio::spawn(on_the_worker).await.expect("no panic") })
    }

    fn smol() -> Word {
        let (mut probe, body) = probe();
        smol::block_on(smol::spawn(async move {
            let task = smol::spawn(body);
            probe.started().await;
            let mut cancel = pin!(task.cancel());
            let polled = poll_once(cancel.as_mut());
            let after_call = probe.is_gone();
            if polled.is_pending() {
                cancel.await;
            }
            Self::word(after_call, probe.is_gone())
        }))
    }

    fn async_std() -> Word {
        let (mut probe, body) = probe();
        async_std::task::block_on(async_std::task::spawn(async move {
            let task = async_std::task::spawn(body);
            probe.started().await;
            let mut cancel = pin!(task.cancel());
            let polled = poll_once(cancel.as_mut());
            let after_call = probe.is_gone();
            if polled.is_pending() {
                cancel.await;
            }
            Self::word(after_call, probe.is_gone())
        }))
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let rt = owner.handle().clone();
        let (mut probe, body) = probe();
        let on_the_worker = owner.handle().spawn(async move {
            let task = rt.spawn(body);
            probe.started().await;
            let waiting = task.cancel_and_wait();
            let after_call = probe.is_gone();
            let _ = waiting.await;
            Self::word(after_call, probe.is_gone())
        });
        owner.block_on(on_the_worker).expect("no panic")
    }
}

/// Row 4: cancelled before its first poll, by its spawner on the only worker.
pub(crate) struct BeforeFirstPoll;

impl BeforeFirstPoll {
    fn body() -> (Arc<AtomicBool>, impl Future<Output = ()> + Send + 'static) {
        let polled = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&polled);
        (polled, async move { set.store(true, Ordering::SeqCst) })
    }

    fn word(polled: &AtomicBool) -> Word {
        match polled.load(Ordering::SeqCst) {
            true => "polled".into(),
            false => "never polled".into(),
        }
    }
}

impl Row for BeforeFirstPoll {
    const NUMBER: u8 = 4;
    const TITLE: &'static str = "cancel before first poll";
    const PROMISE: &'static str = "never polled";

    fn tokio() -> Word {
        let (polled, body) = Self::body();
        let on_the_worker = async move {
            let task = tokio::spawn(body);
            task.abort();
            let _ = task.await;
            Self::word(&polled)
        };
        on_tokio(async { tokio::spawn(on_the_worker).await.expect("no panic") })
    }

    fn smol() -> Word {
        let (polled, body) = Self::body();
        smol::block_on(smol::spawn(async move {
            smol::spawn(body).cancel().await;
            Self::word(&polled)
        }))
    }

    fn async_std() -> Word {
        let (polled, body) = Self::body();
        async_std::task::block_on(async_std::task::spawn(async move {
            async_std::task::spawn(body).cancel().await;
            Self::word(&polled)
        }))
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let rt = owner.handle().clone();
        let (polled, body) = Self::body();
        let on_the_worker = owner.handle().spawn(async move {
            let _ = rt.spawn(body).cancel_and_wait().await;
            Self::word(&polled)
        });
        owner.block_on(on_the_worker).expect("no panic")
    }
}

/// Row 5: cancelled, from another thread, while it is in its last poll and about to return a value.
pub(crate) struct DuringFinalPoll;

impl DuringFinalPoll {
    fn body() -> (
        Receiver<()>,
        Sender<()>,
        impl Future<Output = u8> + Send + 'static,
    ) {
        let (enter, entered) = mpsc::channel();
        let (leave, left) = mpsc::channel();
        let body = poll_fn(move |_| {
            let _ = enter.send(());
            let _ = left.recv();
            Poll::Ready(5)
        });
        (entered, leave, body)
    }

    fn word(value: Option<u8>) -> Word {
        match value {
            Some(5) => "value kept".into(),
            _ => "value lost".into(),
        }
    }
}

impl Row for DuringFinalPoll {
    const NUMBER: u8 = 5;
    const TITLE: &'static str = "cancel during final poll";
    const PROMISE: &'static str = "value kept";

    fn tokio() -> Word {
        let (entered, leave, body) = Self::body();
        let runtime = crate::raw::tokio_runtime();
        let task = runtime.spawn(body);
        let _ = entered.recv();
        task.abort();
        let _ = leave.send(());
        Self::word(block_on(task).ok())
    }

    fn smol() -> Word {
        let (entered, leave, body) = Self::body();
        let task = smol::spawn(body);
        let _ = entered.recv();
        let mut cancel = pin!(task.cancel());
        assert!(
            poll_once(cancel.as_mut()).is_pending(),
            "it is being polled"
        );
        let _ = leave.send(());
        Self::word(block_on(cancel))
    }

    fn async_std() -> Word {
        let (entered, leave, body) = Self::body();
        let task = async_std::task::spawn(body);
        let _ = entered.recv();
        let mut cancel = pin!(task.cancel());
        assert!(
            poll_once(cancel.as_mut()).is_pending(),
            "it is being polled"
        );
        let _ = leave.send(());
        Self::word(block_on(cancel))
    }

    fn anyrt<B: Backend>() -> Word {
        let owner = B::start();
        let (entered, leave, body) = Self::body();
        let task = owner.handle().spawn(body);
        let (tell, told) = oneshot::channel();
        // This thread may be the worker, so another one asks.
        thread::spawn(move || {
            let _ = entered.recv();
            let waiting = task.cancel_and_wait();
            let _ = leave.send(());
            let _ = tell.send(block_on(waiting).ok());
        });
        Self::word(owner.block_on(told).ok().flatten())
    }
}
