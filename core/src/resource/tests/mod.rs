//! Resources, polled by hand: requests, drops and panics at every point.

mod bracket;
mod generated;
mod group;
mod hold;
mod seeds;
mod stack;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::region::BoxFuture;
use crate::region::tests::{Log, finish, poll_once, said, say};
use crate::task::tests::{Hand, tick};
use crate::{Exit, ExitKind, JoinError, Resource, Runtime, Task};

/// A task and its root, to be polled by hand.
fn spawn<F>(rt: &Hand, body: F) -> (Task<F::Output>, BoxFuture)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = rt.spawn(body);
    (task, rt.next_root())
}

/// Polls a root to its end.
fn run(mut root: BoxFuture) {
    finish(root.as_mut());
}

fn result<T>(task: &mut Task<T>) -> Result<T, JoinError> {
    match poll_once(Pin::new(task)) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("the task has not ended"),
    }
}

/// How many were acquired and released, and how the releases were told that the use ended.
#[derive(Clone, Default)]
struct Counts(Arc<(AtomicUsize, AtomicUsize)>, Log);

impl Counts {
    fn acquired(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    fn released(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    fn told(&self) -> Vec<String> {
        said(&self.1)
    }
}

/// Acquired in `ticks` suspensions, released in as many.
struct Pooled {
    counts: Counts,
    ticks: usize,
    fails: Fails,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fails {
    Never,
    Acquire,
    Release,
    PanicAcquire,
    PanicRelease,
}

impl Pooled {
    fn new(counts: &Counts, ticks: usize) -> Self {
        Self::failing(counts, ticks, Fails::Never)
    }

    fn failing(counts: &Counts, ticks: usize, fails: Fails) -> Self {
        Pooled {
            counts: counts.clone(),
            ticks,
            fails,
        }
    }
}

impl Resource for Pooled {
    type Held = Counts;
    type Error = String;

    async fn acquire(&mut self) -> Result<Counts, String> {
        for _ in 0..self.ticks {
            tick().await;
        }
        match self.fails {
            Fails::Acquire => return Err("acquire".to_owned()),
            Fails::PanicAcquire => panic!("acquire"),
            _ => {}
        }
        self.counts.0.0.fetch_add(1, Ordering::SeqCst);
        Ok(self.counts.clone())
    }

    async fn release(self, counts: Counts, exit: Exit<String>) -> Result<(), String> {
        say(&counts.1, exit.kind().to_string());
        for _ in 0..self.ticks {
            tick().await;
        }
        if self.fails == Fails::PanicRelease {
            panic!("release");
        }
        counts.0.1.fetch_add(1, Ordering::SeqCst);
        match self.fails {
            Fails::Release => Err("release".to_owned()),
            _ => Ok(()),
        }
    }
}

#[test]
fn what_is_told_of_an_end_has_a_name() {
    let kinds = [
        ExitKind::Value,
        ExitKind::Error,
        ExitKind::Panicked,
        ExitKind::Cancelled,
    ];
    let names = kinds.map(|kind| kind.to_string());
    assert_eq!(names, ["value", "error", "panicked", "cancelled"]);
}
