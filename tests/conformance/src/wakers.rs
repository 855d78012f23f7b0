//! Wakers: kept, changed, dropped, woken from anywhere, and hostile ones.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use anyrt_core::{Phase, Runtime, Task};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{
    CountingWaker, PanickingWaker, ReentrantWaker, poll_once, reported, unique_name, until,
    yield_once,
};

pub async fn a_wake_from_a_foreign_thread_works<H: Harness>(rt: H::Handle) {
    let (give, take) = std::sync::mpsc::channel::<(Waker, oneshot::Sender<()>)>();
    let waker_thread = thread::spawn(move || {
        for (waker, tx) in take {
            let _ = tx.send(());
            waker.wake();
        }
    });
    for _ in 0..20 {
        let give = give.clone();
        rt.spawn(async move {
            let (tx, mut rx) = oneshot::channel();
            let mut tx = Some(tx);
            poll_fn(|cx| {
                if let Some(tx) = tx.take() {
                    give.send((cx.waker().clone(), tx)).unwrap();
                }
                // Polled without its waker: only the other thread's wake counts.
                match rx.try_recv() {
                    Ok(Some(())) => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            })
            .await;
        })
        .await
        .unwrap();
    }
    drop(give);
    waker_thread.join().unwrap();
}

pub async fn a_waker_may_outlive_its_task<H: Harness>(rt: H::Handle) {
    let (tx, rx) = oneshot::channel();
    let mut tx = Some(tx);
    rt.spawn(poll_fn(move |cx| {
        if let Some(tx) = tx.take() {
            let _ = tx.send(cx.waker().clone());
        }
        Poll::Ready(())
    }))
    .await
    .unwrap();
    let waker = rx.await.unwrap();
    waker.wake_by_ref();
    let second = waker.clone();
    second.wake();
    waker.wake();
}

pub async fn a_waker_is_dropped_with_its_task<H: Harness>(rt: H::Handle) {
    let (count, waker) = CountingWaker::new();
    let mut task = rt.spawn(pending::<()>());
    assert!(
        Pin::new(&mut task)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert_eq!(Arc::strong_count(&count), 3);
    let error = task.cancel_and_wait().await.unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(
        Arc::strong_count(&count),
        2,
        "the joiner's waker is kept for ever"
    );
}

pub async fn the_last_waker_of_a_joiner_is_the_one_that_is_woken<H: Harness>(rt: H::Handle) {
    let (open, gate) = oneshot::channel::<()>();
    let mut task = rt.spawn(async move { gate.await.is_ok() });
    let (first, first_waker) = CountingWaker::new();
    let (second, second_waker) = CountingWaker::new();
    for waker in [&first_waker, &first_waker, &second_waker] {
        assert!(
            Pin::new(&mut task)
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
    }
    open.send(()).unwrap();
    until(|| second.count() == 1).await;
    assert_eq!(first.count(), 0);
    assert!(task.await.unwrap());
}

pub async fn a_joiner_whose_waker_panics_harms_nobody<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let (open, gate) = oneshot::channel::<()>();
    let mut task = rt
        .spawn_with()
        .name(name.clone())
        .spawn(async move { gate.await.is_ok() });
    let waker = Waker::from(Arc::new(PanickingWaker));
    assert!(
        Pin::new(&mut task)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    open.send(()).unwrap();
    until(|| task.is_finished() && !reported(&name).is_empty()).await;
    assert_eq!(reported(&name)[0].phase, Phase::Waker);
    assert!(task.await.unwrap());
    assert_eq!(rt.spawn(ready(1)).await.unwrap(), 1);
}

pub async fn a_joiner_whose_waker_reenters_the_handle_is_fine<H: Harness>(rt: H::Handle) {
    let handle = Arc::new(Mutex::new(None::<Task<()>>));
    let calls = Arc::new(AtomicUsize::new(0));
    let waker = ReentrantWaker::waker({
        let (handle, calls) = (Arc::clone(&handle), Arc::clone(&calls));
        move || {
            calls.fetch_add(1, Ordering::SeqCst);
            // Not held where the case itself drops the waker.
            if let Ok(handle) = handle.try_lock() {
                if let Some(task) = &*handle {
                    task.cancel("from a waker");
                    let _ = (task.is_finished(), task.name());
                }
            }
        }
    });
    let (open, gate) = oneshot::channel::<()>();
    let mut task = rt.spawn(async move {
        let _ = gate.await;
    });
    assert!(
        Pin::new(&mut task)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    // Replaced by another: the first clone is dropped, outside all locks.
    assert!(poll_once(Pin::new(&mut task)).is_pending());
    assert!(
        Pin::new(&mut task)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    *handle.lock().unwrap() = Some(task);
    drop(waker);
    open.send(()).unwrap();
    // Woken once, and dropped once for the last time.
    until(|| calls.load(Ordering::SeqCst) >= 2).await;
    let task = handle.lock().unwrap().take().unwrap();
    task.await.unwrap();
}

pub async fn a_pending_task_is_polled_only_when_it_is_woken<H: Harness>(rt: H::Handle) {
    let polls = Arc::new(AtomicUsize::new(0));
    let (give, take) = oneshot::channel::<Waker>();
    let mut give = Some(give);
    let task = rt.spawn({
        let polls = Arc::clone(&polls);
        poll_fn(move |cx| {
            let before = polls.fetch_add(1, Ordering::SeqCst);
            if let Some(give) = give.take() {
                let _ = give.send(cx.waker().clone());
            }
            if before == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    });
    let waker = take.await.unwrap();
    for _ in 0..20 {
        yield_once().await;
    }
    assert_eq!(polls.load(Ordering::SeqCst), 1);
    waker.wake_by_ref();
    until(|| polls.load(Ordering::SeqCst) == 2).await;
    waker.wake();
    task.await.unwrap();
    assert_eq!(polls.load(Ordering::SeqCst), 3);
}

pub async fn a_burst_of_wakes_from_four_threads_loses_none<H: Harness>(rt: H::Handle) {
    const EACH: usize = 500;
    let sent = Arc::new(AtomicUsize::new(0));
    let slot = Arc::new(Mutex::new(None::<Waker>));
    let task = rt.spawn({
        let (sent, slot) = (Arc::clone(&sent), Arc::clone(&slot));
        poll_fn(move |cx| {
            *slot.lock().unwrap() = Some(cx.waker().clone());
            match sent.load(Ordering::SeqCst) {
                n if n == 4 * EACH => Poll::Ready(n),
                _ => Poll::Pending,
            }
        })
    });
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (sent, slot) = (Arc::clone(&sent), Arc::clone(&slot));
            thread::spawn(move || {
                for _ in 0..EACH {
                    sent.fetch_add(1, Ordering::SeqCst);
                    let waker = slot.lock().unwrap().clone();
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
            })
        })
        .collect();
    assert_eq!(task.await.unwrap(), 4 * EACH);
    for thread in threads {
        thread.join().unwrap();
    }
}
