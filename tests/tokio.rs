//! What only Tokio has: contexts of its own, and a clock that can be paused.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::tokio::{Tokio, TokioRuntime};
use anyrt::prelude::*;
use anyrt::{current, find, rooted};

const HOUR: Duration = Duration::from_secs(3_600);

fn paused() -> TokioRuntime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    TokioRuntime::build(builder.enable_all().start_paused(true)).expect("a driver can be started")
}

#[test]
fn a_paused_clock_is_honoured() {
    let owner = paused();
    let rt = owner.handle();
    let real = Instant::now();
    let elapsed = owner.block_on(async {
        let before = rt.now();
        rt.sleep(HOUR).await;
        rt.now() - before
    });
    assert!(elapsed >= HOUR);
    assert!(real.elapsed() < HOUR);
}

#[test]
fn a_paused_clock_is_honoured_from_a_plain_thread() {
    let owner = paused();
    let rt = owner.handle().clone();
    // Tokio's auto-advance has moved its clock an hour ahead of the real one.
    owner.block_on(rt.sleep(HOUR));
    let real = Instant::now();
    assert!(rt.now() > real + HOUR - Duration::from_secs(60));
    // A deadline that has passed on that clock only.
    let deadline = real + HOUR / 2;
    let sleep = std::thread::spawn(move || rt.sleep_until(deadline))
        .join()
        .unwrap();
    futures::executor::block_on(sleep);
}

#[test]
fn the_context_of_a_plain_tokio_main_is_found() {
    assert!(Tokio::try_current().is_err());
    let raw = tokio::runtime::Runtime::new().unwrap();
    raw.block_on(async {
        let rt = Tokio::current();
        assert_eq!(rt.spawn(async { 1 }).await.unwrap(), 1);
        assert!(current().is_err(), "Tokio's own main is no root");
        assert!(find().unwrap().downcast_ref::<Tokio>().is_some());
        let inside = rooted(&rt, async {
            current().unwrap().spawn(async { 2 }).await.unwrap()
        });
        assert_eq!(inside.await, 2);
        assert!(current().is_err());
    });
}

#[test]
fn an_owner_may_be_dropped_in_a_plain_tokio_context() {
    let raw = tokio::runtime::Runtime::new().unwrap();
    raw.block_on(async {
        for owner in [TokioRuntime::multi_thread(), TokioRuntime::current_thread()] {
            let owner = owner.unwrap();
            let task = owner.handle().spawn(pending::<()>());
            drop(owner);
            assert!(task.await.unwrap_err().is_lost());
        }
        let owner = TokioRuntime::multi_thread().unwrap();
        let _ = owner.shutdown(Duration::from_secs(1));
        let job = raw.spawn_blocking(|| drop(TokioRuntime::multi_thread().unwrap()));
        job.await.unwrap();
        // And one of another kind.
        drop(BuiltinRuntime::new());
    });
}

#[test]
fn a_runtime_that_was_built_elsewhere_is_taken_over() {
    let owner = TokioRuntime::from(tokio::runtime::Runtime::new().unwrap());
    let rt = Tokio::from(owner.handle().as_tokio().clone());
    assert_eq!(owner.block_on(rt.spawn(async { 1 })).unwrap(), 1);
    assert!(owner.shutdown(Duration::from_secs(5)).is_clean());
    assert!(
        futures::executor::block_on(rt.spawn(async {}))
            .unwrap_err()
            .is_lost()
    );
}

#[test]
fn sockets_of_tokio_work_in_a_task_of_anyrt() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let owner = TokioRuntime::multi_thread().unwrap();
    let rt = owner.handle().clone();
    let text = owner.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = rt.spawn(async move {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        client.await.unwrap();
        text
    });
    assert_eq!(text, "hello");
}

#[test]
fn a_root_in_place_may_be_dropped_by_a_thread_that_is_ending() {
    thread_local! {
        static KEPT: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>> = const { RefCell::new(Vec::new()) };
    }
    let owner = TokioRuntime::multi_thread().unwrap();
    let rt = owner.handle().clone();
    let thread = std::thread::spawn(move || {
        // Before Tokio's own thread-local, so that this one is destroyed after it.
        KEPT.with_borrow_mut(|kept| {
            let cx = &mut Context::from_waker(Waker::noop());
            let mut over = Box::pin(rooted(&rt, async {}));
            assert!(over.as_mut().poll(cx).is_ready());
            let mut half_way = Box::pin(rooted(&rt, pending()));
            assert!(half_way.as_mut().poll(cx).is_pending());
            kept.push(over);
            kept.push(half_way);
        });
    });
    // A panic in such a destructor would have aborted the process.
    thread.join().unwrap();
}

#[test]
fn the_last_moment_there_is_never_comes() {
    let owner = TokioRuntime::multi_thread().unwrap();
    let rt = owner.handle();
    let mut last = Instant::now();
    let mut step = Duration::MAX;
    while !step.is_zero() {
        match last.checked_add(step) {
            Some(later) => last = later,
            None => step /= 2,
        }
    }
    owner.block_on(async {
        let mut sleep = Box::pin(rt.sleep_until(last));
        for _ in 0..2 {
            poll_fn(|cx| {
                assert!(sleep.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            sleep.as_mut().reset(last);
        }
    });
}
