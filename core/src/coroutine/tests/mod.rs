//! Coroutines, polled by hand.

mod co;
mod eager;
mod generator;
mod moves;
mod started;
mod sync;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::region::BoxFuture;
pub(super) use crate::region::tests::{Log, OnDrop, finish, poll_once, said, say};
use crate::task::tests::Hand;
use crate::{Runtime, Task};

/// A task and its root, to be polled by hand.
pub(super) fn spawn<F>(rt: &Hand, body: F) -> (Task<F::Output>, BoxFuture)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = rt.spawn(body);
    (task, rt.next_root())
}

pub(super) fn result<T>(task: &mut Task<T>) -> Result<T, crate::JoinError> {
    match poll_once(Pin::new(task)) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task has not ended"),
    }
}

/// Runs a body as a task, to its end.
pub(super) fn in_task<T: Send + 'static>(body: impl Future<Output = T> + Send + 'static) -> T {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, body);
    finish(root.as_mut());
    result(&mut task).unwrap()
}

/// The message of the panic of `f`.
pub(super) fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("it did not panic");
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast_ref::<&str>().unwrap().to_string(),
    }
}

/// A waker that counts.
#[derive(Default)]
pub(super) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    pub(super) fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub(super) fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// All of it in a task that generic code spawns: there, `Send` is proven with fewer facts.
fn spawned_by_generic_code<R: Runtime>(rt: &R) -> Task<u8> {
    let inner = rt.clone();
    rt.spawn(async move {
        let eager = inner.spawn_eager(async { 1 }).await.unwrap();
        let started = crate::Started::now(async { 2 }).await;
        let mut co = crate::coroutine(async |co: crate::Co<u8, u8>| co.yield_(3).await);
        let step = co.run().await.unwrap().yielded().unwrap();
        let done = co.resume(4).await.unwrap().done().unwrap();
        let mut items = crate::generator(async |co: crate::Co<u8, ()>| co.yield_(5).await);
        let item = items.next_item().await.unwrap();
        items.close().await;
        let child = inner
            .scope(async |s| s.spawn_eager(async { 6 }).await)
            .await;
        let driven = crate::coroutine(async |co: crate::Co<u8, u8>| co.yield_(7).await);
        eager + started + step + done + item + child + driven.drive(|n| n).await
    })
}

#[test]
fn the_futures_are_send_in_generic_code() {
    let rt = Hand::default();
    let mut task = spawned_by_generic_code(&rt);
    finish(rt.next_root().as_mut());
    assert_eq!(result(&mut task).unwrap(), 28);
}
