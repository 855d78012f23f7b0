//! Spawning and joining.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use anyrt_core::{AnyRuntime, Runtime};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{Alive, CountDrops, OnDrop, dropped, poll_once, until, yield_once};

pub async fn joining_gives_the_value<H: Harness>(rt: H::Handle) {
    assert_eq!(rt.spawn(async { 7 }).await.unwrap(), 7);
    rt.spawn(yield_once()).await.unwrap();
}

pub async fn a_task_spawned_from_a_plain_thread_runs<H: Harness>(rt: H::Handle) {
    let task = thread::spawn(move || rt.spawn(async { 5 })).join().unwrap();
    assert_eq!(task.await.unwrap(), 5);
}

pub async fn a_detached_task_runs_on<H: Harness>(rt: H::Handle) {
    let (tx, rx) = oneshot::channel();
    rt.spawn(async move {
        yield_once().await;
        tx.send(()).unwrap();
    })
    .detach();
    rx.await.unwrap();
}

pub async fn spawn_detached_runs<H: Harness>(rt: H::Handle) {
    let (tx, rx) = oneshot::channel();
    rt.spawn_detached(async move { tx.send(()).unwrap() });
    rx.await.unwrap();
}

pub async fn dropping_the_handle_cancels<H: Harness>(rt: H::Handle) {
    let (guard, gone) = dropped();
    let (tx, started) = oneshot::channel();
    let task = rt.spawn(async move {
        let _guard = guard;
        tx.send(()).unwrap();
        pending::<()>().await;
    });
    started.await.unwrap();
    drop(task);
    gone.await;
}

pub async fn dropping_the_handle_at_once_drops_the_future<H: Harness>(rt: H::Handle) {
    for _ in 0..50 {
        let (guard, gone) = dropped();
        drop(rt.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        gone.await;
    }
}

pub async fn finished_means_dropped<H: Harness>(rt: H::Handle) {
    for _ in 0..50 {
        let alive = Alive::default();
        let held = alive.clone();
        let task = rt.spawn(async move {
            let _held = held;
            yield_once().await;
        });
        assert!(!task.is_finished() || alive.others() == 0);
        until(|| task.is_finished()).await;
        assert_eq!(alive.others(), 0);
        task.await.unwrap();

        let held = alive.clone();
        rt.spawn(async move {
            yield_once().await;
            drop(held);
        })
        .await
        .unwrap();
        assert_eq!(alive.others(), 0);
    }
}

pub async fn finished_means_that_the_result_is_there<H: Harness>(rt: H::Handle) {
    for _ in 0..50 {
        let mut task = pin!(rt.spawn(yield_once()));
        until(|| task.is_finished()).await;
        assert!(poll_once(task.as_mut()).is_ready());
        assert!(task.is_finished(), "also once the result is taken");
    }
    let task = rt.spawn(pending::<()>());
    yield_once().await;
    assert!(!task.is_finished());
}

pub async fn the_first_poll_is_not_inside_the_spawn<H: Harness>(rt: H::Handle) {
    let lock = Arc::new(Mutex::new(0));
    let inside = Arc::clone(&lock);
    let task = {
        let _held = lock.lock().unwrap();
        let here = thread::current().id();
        rt.spawn(async move {
            // Polled inside the spawn this would be a deadlock, on this thread a failure.
            match inside.try_lock() {
                Ok(mut lock) => *lock += 1,
                Err(_) if thread::current().id() == here => panic!("polled inside the spawn"),
                Err(_) => *inside.lock().unwrap() += 1,
            }
        })
    };
    task.await.unwrap();
    assert_eq!(*lock.lock().unwrap(), 1);
}

pub async fn a_name_and_a_location_are_kept<H: Harness>(rt: H::Handle) {
    let line = line!() + 1;
    let task = rt.spawn_with().name("reader").spawn(ready(()));
    assert_eq!(task.name().as_deref(), Some("reader"));
    assert_eq!(task.location().file(), file!());
    assert_eq!(task.location().line(), line);
    assert!(format!("{task:?}").contains("reader"));
    let unnamed = rt.spawn(ready(()));
    assert_eq!(unnamed.name(), None);
    task.await.unwrap();
    unnamed.await.unwrap();
}

pub async fn a_location_survives_erasure<H: Harness>(rt: H::Handle) {
    #[track_caller]
    fn through<R: Runtime>(rt: &R) -> (&'static Location<'static>, &'static Location<'static>) {
        let task = rt.spawn(ready(()));
        let job = rt.spawn_blocking(|| ());
        (task.location(), job.location())
    }
    let line = line!() + 1;
    let (task, job) = through(&AnyRuntime::new(rt.clone()));
    assert_eq!((task.file(), task.line()), (file!(), line));
    assert_eq!((job.file(), job.line()), (file!(), line));
}

pub async fn the_output_is_dropped_once_whoever_drops_it<H: Harness>(rt: H::Handle) {
    let drops = Arc::new(AtomicUsize::new(0));
    let value = || CountDrops(Arc::clone(&drops));

    let joined = value();
    let joined = rt.spawn(ready(joined)).await.unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(joined);
    assert_eq!(drops.load(Ordering::SeqCst), 1);

    let finished = rt.spawn(ready(value()));
    until(|| finished.is_finished()).await;
    drop(finished);
    assert_eq!(drops.load(Ordering::SeqCst), 2);
}

pub async fn an_output_nobody_takes_is_dropped<H: Harness>(rt: H::Handle) {
    for late in [false, true] {
        let (guard, gone) = dropped();
        let task = rt.spawn(async move {
            yield_once().await;
            guard
        });
        if late {
            until(|| task.is_finished()).await;
        }
        task.detach();
        gone.await;
    }
}

pub async fn a_handle_may_be_dropped_inside_its_own_task<H: Harness>(rt: H::Handle) {
    let (guard, gone) = dropped();
    let (give, take) = oneshot::channel();
    let task = rt.spawn(async move {
        let _guard = guard;
        let own: anyrt_core::Task<()> = take.await.unwrap();
        drop(own);
        pending::<()>().await;
    });
    assert!(give.send(task).is_ok());
    gone.await;
}

pub async fn a_handle_may_be_dropped_on_another_thread<H: Harness>(rt: H::Handle) {
    let (guard, gone) = dropped();
    let task = rt.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    thread::spawn(move || drop(task)).join().unwrap();
    gone.await;
}

pub async fn a_handle_may_be_dropped_while_unwinding<H: Harness>(rt: H::Handle) {
    let (guard, gone) = dropped();
    let task = rt.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _task = task;
        std::panic::panic_any("on purpose");
    }));
    assert!(unwound.is_err());
    gone.await;
}

pub async fn a_destructor_may_spawn<H: Harness>(rt: H::Handle) {
    let (tx, rx) = oneshot::channel();
    let spawner = rt.clone();
    let task = rt.spawn(async move {
        let _spawn =
            OnDrop::new(move || spawner.spawn_detached(async move { tx.send(()).unwrap() }));
        pending::<()>().await;
    });
    yield_once().await;
    let _ = task.cancel_and_wait().await;
    // Never polled: its destructor spawned nothing, as it never came to make the guard.
    let _ = rx.await;

    let (tx, rx) = oneshot::channel();
    let spawner = rt.clone();
    let guard = OnDrop::new(move || spawner.spawn_detached(async move { tx.send(()).unwrap() }));
    let task = rt.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    rx.await.unwrap();
}

pub async fn a_task_that_wakes_itself_does_not_starve_its_siblings<H: Harness>(rt: H::Handle) {
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let stop = Arc::clone(&stop);
            rt.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    yield_once().await;
                }
            })
        })
        .collect();
    let sibling = rt.spawn(async {
        for _ in 0..10 {
            yield_once().await;
        }
    });
    sibling.await.unwrap();
    stop.store(true, Ordering::SeqCst);
    for task in busy {
        task.await.unwrap();
    }
}

pub async fn many_tasks_are_joined<H: Harness>(rt: H::Handle) {
    let many = H::CAPS.many as u64;
    let tasks: Vec<_> = (0..many)
        .map(|n| {
            rt.spawn(async move {
                if n % 2 == 0 {
                    yield_once().await;
                }
                n
            })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    assert_eq!(sum, (many - 1) * many / 2);
}

pub async fn tasks_spawn_tasks_a_thousand_deep<H: Harness>(rt: H::Handle) {
    fn deeper<R: Runtime>(rt: R, left: u32) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async move {
            match left {
                0 => 0,
                _ => 1 + rt.spawn(deeper(rt.clone(), left - 1)).await.unwrap(),
            }
        })
    }
    assert_eq!(deeper(rt, 1_000).await, 1_000);
}

pub async fn handles_may_be_joined_in_any_order<H: Harness>(rt: H::Handle) {
    let (open, gate) = oneshot::channel::<()>();
    let first = rt.spawn(async move { gate.await.is_ok() });
    let second = rt.spawn(ready(2));
    assert_eq!(second.await.unwrap(), 2);
    open.send(()).unwrap();
    assert!(first.await.unwrap());
}

pub async fn polling_a_handle_after_its_result_panics<H: Harness>(rt: H::Handle) {
    let mut task = rt.spawn(ready(1));
    let result = poll_fn(|cx| std::pin::Pin::new(&mut task).poll(cx)).await;
    assert_eq!(result.unwrap(), 1);
    let again = catch_unwind(AssertUnwindSafe(|| {
        poll_once(std::pin::Pin::new(&mut task))
    }));
    assert!(again.is_err());
    assert!(!matches!(again, Ok(Poll::Pending)));
}
