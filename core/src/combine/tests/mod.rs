//! Combinators, polled by hand.

mod errors;
mod gather;
mod many;
mod moves;
mod race;
mod requests;
mod verdicts;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::region::BoxFuture;
use crate::region::tests::counted::{listen, reported};
use crate::task::tests::Hand;
use crate::{JoinError, Runtime, Task};

type Log = Arc<Mutex<Vec<String>>>;

fn say(log: &Log, what: impl Into<String>) {
    log.lock().unwrap().push(what.into());
}

fn said(log: &Log) -> Vec<String> {
    log.lock().unwrap().clone()
}

struct OnDrop(Log, &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        say(&self.0, self.1);
    }
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls to the end; says in how many polls.
fn finish<F: Future + ?Sized>(mut future: Pin<&mut F>) -> (F::Output, usize) {
    for polls in 1..10_000 {
        if let Poll::Ready(value) = poll_once(future.as_mut()) {
            return (value, polls);
        }
    }
    panic!("stuck");
}

fn result<T>(task: &mut Task<T>) -> Result<T, JoinError> {
    match poll_once(Pin::new(task)) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task has not ended"),
    }
}

/// A task and its root, to be polled by hand.
fn spawn<F>(rt: &Hand, body: F) -> (Task<F::Output>, BoxFuture)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = rt.spawn(body);
    (task, rt.next_root())
}

/// The text of the panic of `f`.
fn panic_of(f: impl FnOnce()) -> String {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    let payload = caught.expect_err("a panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&'static str>().expect("a text")).to_owned(),
    }
}
