//! What the common operations allocate: on each backend, beside what the runtime itself allocates.
//!
//! Counted on the thread that does it, and as the least of many times: now and then a queue of the
//! runtime grows.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use allocation_counter::measure;
use anyrt::Runtime;
use anyrt::backend::async_std::AsyncStd;
use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::smol::Smol;
use anyrt::backend::tokio::TokioRuntime;
use anyrt::prelude::*;

const HOUR: Duration = Duration::from_secs(3600);

/// The least number of allocations that `f` makes.
fn least(mut f: impl FnMut()) -> u64 {
    let counts = (0..200).map(|_| measure(&mut f).count_total);
    counts.min().unwrap_or(u64::MAX)
}

/// Polls a future once and drops it.
fn poll_and_drop(future: impl Future, cx: &mut Context<'_>) {
    black_box(pin!(future).poll(cx).is_ready());
}

/// Allocations of one sleep: made, polled and dropped.
async fn of_a_sleep<F: Future>(sleep: impl Fn() -> F) -> u64 {
    poll_fn(|cx| Poll::Ready(least(|| poll_and_drop(sleep(), cx)))).await
}

/// A sleep of ours allocates what the runtime's own does, and a task of ours one cell more than a task
/// of the runtime's own. Runs in a task of `rt`.
async fn costs<R: Runtime, S: Future>(
    rt: R,
    own_sleep: impl Fn(Duration) -> S,
    own_spawn: impl Fn(),
) {
    assert_eq!(
        of_a_sleep(|| rt.sleep(HOUR)).await,
        of_a_sleep(|| own_sleep(HOUR)).await,
        "a sleep"
    );

    let limited = || rt.timeout(HOUR, std::future::ready(()));
    let allocated = poll_fn(|cx| Poll::Ready(least(|| poll_and_drop(limited(), cx)))).await;
    assert_eq!(allocated, 0, "a timeout around what is ready");

    let eager = || {
        drop(black_box(
            rt.spawn_eager(async { black_box([0_u8; 64]) }).into_ready(),
        ))
    };
    let allocated = poll_fn(|_| Poll::Ready(least(eager))).await;
    assert_eq!(
        allocated, 1,
        "an eager task that is ready at once: the box of its body"
    );
    let own = least(own_spawn);
    assert_eq!(own, 1, "a task of the runtime's own");
    assert_eq!(least(|| rt.spawn(async {}).detach()), own + 1, "a task");
    assert_eq!(
        least(|| rt.erased().spawn(async {}).detach()),
        own + 3,
        "a task through a handle just erased: the handle, and the root in a box"
    );

    let first = anyrt::current().expect("this is a task");
    assert_eq!(least(|| drop(black_box(anyrt::current()))), 0, "current()");
    drop(first);
}

#[test]
fn on_builtin() {
    let owner = BuiltinRuntime::builder().threads(1).build().unwrap();
    let rt = owner.handle().clone();
    let task = owner.handle().spawn(async {
        let executor = async_executor::Executor::new();
        let own_spawn = move || executor.spawn(async {}).detach();
        costs(rt, async_io::Timer::after, own_spawn).await;
    });
    owner.block_on(task).unwrap();
}

#[test]
fn on_tokio() {
    let owner = TokioRuntime::current_thread().unwrap();
    let rt = owner.handle().clone();
    let own_spawn = || drop(tokio::spawn(async {}));
    let task = owner
        .handle()
        .spawn(costs(rt, tokio::time::sleep, own_spawn));
    owner.block_on(task).unwrap();
}

#[test]
fn on_smol() {
    let own_spawn = || smol::spawn(async {}).detach();
    let task = Smol.spawn(costs(Smol, smol::Timer::after, own_spawn));
    Smol.block_on(task).unwrap();
}

/// async-std's own task allocates more than once, so only ours are compared with each other.
#[test]
fn on_async_std() {
    let task = AsyncStd.spawn(async {
        let own = of_a_sleep(|| async_io::Timer::after(HOUR)).await;
        assert_eq!(of_a_sleep(|| AsyncStd.sleep(HOUR)).await, own, "a sleep");
        drop(black_box(anyrt::current()));
        assert_eq!(least(|| drop(black_box(anyrt::current()))), 0, "current()");
    });
    AsyncStd.block_on(task).unwrap();
}
