//! Context, polled by hand.

mod clean_ups;
mod jobs;
mod lists;
mod scopes;
mod tasks;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::region::BoxFuture;
use crate::task::tests::{Hand, tick};
use crate::{ContextVar, Runtime, Task};

static USER: ContextVar<&str> = ContextVar::new("user");
static DEPTH: ContextVar<u32> = ContextVar::new("depth");
static LOCAL: ContextVar<&str> = ContextVar::new("local").not_inherited();

/// What was seen, in order.
type Log<T = Option<&'static str>> = Arc<Mutex<Vec<T>>>;

fn seen<T: Clone>(log: &Log<T>) -> Vec<T> {
    log.lock().unwrap().clone()
}

/// Notes what is bound where it is dropped.
struct Look(Log);

impl Drop for Look {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(USER.get());
    }
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn finish<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    for _ in 0..10_000 {
        if let Poll::Ready(value) = poll_once(future.as_mut()) {
            return value;
        }
    }
    panic!("stuck");
}

/// Spawns where `ann` is the user; polls where `eve` is.
fn spawn_as_ann<F>(rt: &Hand, body: F) -> (Task<F::Output>, BoxFuture)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = USER.sync_scope("ann", || rt.spawn(body));
    (task, rt.next_root())
}

fn run_as_eve(mut root: BoxFuture) {
    USER.sync_scope("eve", || finish(root.as_mut()));
}

fn look(log: &Log) -> impl Future<Output = ()> + Send + use<> {
    let log = log.clone();
    async move {
        log.lock().unwrap().push(USER.get());
        tick().await;
        log.lock().unwrap().push(USER.get());
    }
}
