//! Local scopes, polled by hand.

mod children;
mod errors;
mod order;
mod turns;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::region::BoxFuture;
use crate::task::tests::Hand;
use crate::{JoinError, Runtime, Task};

type Log = Arc<Mutex<Vec<String>>>;

fn say(log: &Log, what: impl Into<String>) {
    log.lock().unwrap().push(what.into());
}

fn said(log: &Log) -> Vec<String> {
    log.lock().unwrap().clone()
}

/// Says something when it is dropped.
struct OnDrop(Log, &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        say(&self.0, self.1);
    }
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls to the end, at most this often.
fn finish<F: Future + ?Sized>(mut future: Pin<&mut F>) -> F::Output {
    for _ in 0..10_000 {
        if let Poll::Ready(value) = poll_once(future.as_mut()) {
            return value;
        }
    }
    panic!("stuck");
}

/// Runs a future in no task.
fn run<F: Future>(future: F) -> F::Output {
    finish(Box::pin(future).as_mut())
}

/// What a future panicked with.
fn panic_of<F: Future>(future: F) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(run(future)))).unwrap_err();
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().unwrap().to_string(),
    }
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
