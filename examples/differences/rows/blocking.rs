//! Rows 20 and 21: blocking jobs that wait in the queue.
//!
//! The only thread for such jobs is held by a first one, so all others wait. Once it is let go, they
//! run in their order; when the last has run, everything that was to run has.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use anyrt::prelude::*;

use crate::backend::Backend;
use crate::raw::{on_tokio, poll_once};
use crate::row::{Row, Word};

const JOBS: usize = 10;

/// A job that holds its thread until the sender says so or is gone.
fn hold() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
    let (let_go, held) = mpsc::channel();
    let job = move || {
        let _ = held.recv();
    };
    (let_go, job)
}

/// Counts the jobs that ran.
#[derive(Clone, Default)]
struct Ran(Arc<AtomicUsize>);

impl Ran {
    fn job(&self) -> impl FnOnce() + Send + 'static {
        let ran = Arc::clone(&self.0);
        move || {
            ran.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Row 20: jobs whose handles are dropped.
pub(crate) struct HandlesDropped;

impl HandlesDropped {
    fn word(ran: &Ran) -> Word {
        match ran.count() {
            0 => "none runs".into(),
            JOBS => "all run".into(),
            some => format!("{some} of {JOBS} run").into(),
        }
    }
}

impl Row for HandlesDropped {
    const NUMBER: u8 = 20;
    const TITLE: &'static str = "job handles dropped";
    const PROMISE: &'static str = "all run";

    fn tokio() -> Word {
        let ran = Ran::default();
        let (let_go, hold) = hold();
        on_tokio(async {
            let first = tokio::task::spawn_blocking(hold);
            for _ in 0..JOBS {
                drop(tokio::task::spawn_blocking(ran.job()));
            }
            drop(let_go);
            first.await.expect("no panic");
            tokio::task::spawn_blocking(|| ()).await.expect("no panic");
        });
        Self::word(&ran)
    }

    fn smol() -> Word {
        let ran = Ran::default();
        let (let_go, hold) = hold();
        smol::block_on(async {
            let first = smol::unblock(hold);
            for _ in 0..JOBS {
                drop(smol::unblock(ran.job()));
            }
            drop(let_go);
            first.await;
            smol::unblock(|| ()).await;
        });
        Self::word(&ran)
    }

    fn async_std() -> Word {
        use async_std::task::spawn_blocking;
        let ran = Ran::default();
        let (let_go, hold) = hold();
        async_std::task::block_on(async {
            let first = spawn_blocking(hold);
            for _ in 0..JOBS {
                drop(spawn_blocking(ran.job()));
            }
            drop(let_go);
            first.await;
            spawn_blocking(|| ()).await;
        });
        Self::word(&ran)
    }

    fn anyrt<B: Backend>() -> Word {
        let ran = Ran::default();
        let owner = B::start();
        let rt = owner.handle();
        let (let_go, hold) = hold();
        owner.block_on(async {
            let first = rt.spawn_blocking(hold);
            for _ in 0..JOBS {
                drop(rt.spawn_blocking(ran.job()));
            }
            drop(let_go);
            first.await.expect("no panic");
            rt.spawn_blocking(|| ()).await.expect("no panic");
        });
        Self::word(&ran)
    }
}

/// Row 21: a job that is cancelled.
pub(crate) struct CancelQueued;

impl CancelQueued {
    fn word(ran: &Ran) -> Word {
        match ran.count() {
            0 => "never runs".into(),
            _ => "runs".into(),
        }
    }
}

impl Row for CancelQueued {
    const NUMBER: u8 = 21;
    const TITLE: &'static str = "queued job cancelled";
    const PROMISE: &'static str = "never runs";

    fn tokio() -> Word {
        let ran = Ran::default();
        let (let_go, hold) = hold();
        on_tokio(async {
            let first = tokio::task::spawn_blocking(hold);
            tokio::task::spawn_blocking(ran.job()).abort();
            drop(let_go);
            first.await.expect("no panic");
            tokio::task::spawn_blocking(|| ()).await.expect("no panic");
        });
        Self::word(&ran)
    }

    fn smol() -> Word {
        let ran = Ran::default();
        let (let_go, hold) = hold();
        smol::block_on(async {
            let first = smol::unblock(hold);
            let mut cancel = pin!(smol::unblock(ran.job()).cancel());
            let _ = poll_once(cancel.as_mut());
            drop(let_go);
            first.await;
            smol::unblock(|| ()).await;
        });
        Self::word(&ran)
    }

    fn async_std() -> Word {
        use async_std::task::spawn_blocking;
        let ran = Ran::default();
        let (let_go, hold) = hold();
        async_std::task::block_on(async {
            let first = spawn_blocking(hold);
            let mut cancel = pin!(spawn_blocking(ran.job()).cancel());
            let _ = poll_once(cancel.as_mut());
            // A task stands before the job. The only executor thread has seen its cancel when it has
            // run this.
            async_std::task::spawn(async {}).await;
            drop(let_go);
            first.await;
            spawn_blocking(|| ()).await;
        });
        Self::word(&ran)
    }

    fn anyrt<B: Backend>() -> Word {
        let ran = Ran::default();
        let owner = B::start();
        let rt = owner.handle();
        let (let_go, hold) = hold();
        owner.block_on(async {
            let first = rt.spawn_blocking(hold);
            let waiting = rt.spawn_blocking(ran.job()).cancel_and_wait();
            drop(let_go);
            first.await.expect("no panic");
            assert!(waiting.await.is_err_and(|error| error.is_cancelled()));
            rt.spawn_blocking(|| ()).await.expect("no panic");
        });
        Self::word(&ran)
    }
}
