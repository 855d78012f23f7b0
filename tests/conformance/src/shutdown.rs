//! The end of a runtime.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use anyrt_core::{BlockOn, Runtime};
use futures::executor::block_on as foreign_block_on;

use crate::Harness;
use crate::faults::{Alive, CountDrops, OnDrop, until, yield_once};
use crate::harness::skip;

/// Long enough for any machine; not waited for where things end.
const LONG: Duration = Duration::from_secs(30);

const GLOBAL: &str = "this runtime is the process's own and never ends";

pub fn a_task_that_is_waited_for_is_lost<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    let owner = H::start();
    let rt = H::handle(&owner);
    let task = rt.spawn(pending::<()>());
    let (waiting, is_waiting) = mpsc::channel();
    let joiner = thread::spawn(move || {
        let mut task = Box::pin(task);
        let mut waiting = Some(waiting);
        foreign_block_on(poll_fn(|cx| {
            let polled = task.as_mut().poll(cx);
            if let Some(waiting) = waiting.take() {
                waiting.send(polled.is_pending()).unwrap();
            }
            polled
        }))
    });
    assert!(is_waiting.recv().unwrap());
    owner.block_on(yield_once());
    let _ = H::shutdown(owner, LONG);
    let error = joiner.join().unwrap().unwrap_err();
    assert!(error.is_lost() && !error.is_cancelled() && !error.is_panic());
    assert!(
        error.to_string().ends_with("its runtime is gone"),
        "{error}"
    );
}

pub fn a_task_spawned_afterwards_is_lost<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    let owner = H::start();
    let rt = H::handle(&owner);
    let _ = H::shutdown(owner, LONG);
    let alive = Alive::default();
    let held = alive.clone();
    let task = rt.spawn(async move { drop(held) });
    assert!(foreign_block_on(task).unwrap_err().is_lost());
    assert_eq!(alive.others(), 0);
    let held = alive.clone();
    rt.spawn_detached(async move { drop(held) });
    assert_eq!(alive.others(), 0);
    let _ = rt.now_and_debug();
}

/// What else one may ask of a handle whose runtime is gone.
trait Ask: Runtime {
    fn now_and_debug(&self) -> (anyrt_core::Instant, String) {
        (self.now(), format!("{self:?}"))
    }
}

impl<R: Runtime> Ask for R {}

pub fn a_blocking_job_afterwards_runs_or_is_lost<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    let owner = H::start();
    let rt = H::handle(&owner);
    let _ = H::shutdown(owner, LONG);
    let ran = Arc::new(AtomicBool::new(false));
    let inside = Arc::clone(&ran);
    let result = foreign_block_on(rt.spawn_blocking(move || inside.store(true, Ordering::SeqCst)));
    match result {
        Ok(()) => assert!(ran.load(Ordering::SeqCst)),
        Err(error) => assert!(error.is_lost() && !ran.load(Ordering::SeqCst), "{error}"),
    }
}

pub fn every_future_is_dropped_once<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    let owner = H::start();
    let rt = H::handle(&owner);
    let drops = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for n in 0..1_000 {
        let guard = CountDrops(Arc::clone(&drops));
        let future = async move {
            let _guard = guard;
            if n % 2 == 0 {
                yield_once().await;
            }
            pending::<()>().await;
        };
        match n % 3 {
            0 => rt.spawn_detached(future),
            _ => tasks.push(rt.spawn(future)),
        }
    }
    owner.block_on(yield_once());
    let _ = H::shutdown(owner, LONG);
    assert_eq!(drops.load(Ordering::SeqCst), 1_000);
    for task in tasks {
        assert!(task.is_finished());
        assert!(foreign_block_on(task).unwrap_err().is_lost());
    }
    assert_eq!(drops.load(Ordering::SeqCst), 1_000);
}

pub fn a_handle_does_not_keep_the_runtime_alive<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    let owner = H::start();
    let handles: Vec<_> = (0..3).map(|_| H::handle(&owner)).collect();
    let erased = handles[0].erased();
    let alive = Alive::default();
    let held = alive.clone();
    // A task that holds a handle of its own runtime is no reason either.
    let inside = handles[1].clone();
    handles[2].spawn_detached(async move {
        let _held = (held, inside);
        pending::<()>().await;
    });
    owner.block_on(yield_once());
    drop(owner);
    assert_eq!(alive.others(), 0);
    assert!(
        foreign_block_on(erased.spawn(async {}))
            .unwrap_err()
            .is_lost()
    );
}

pub fn a_handle_dropped_afterwards_is_fine<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    let owner = H::start();
    let rt = H::handle(&owner);
    let (waker, tasks) = owner.block_on(async {
        let slot = Arc::new(Mutex::new(None::<Waker>));
        let inside = Arc::clone(&slot);
        let keeps_waker = rt.spawn(poll_fn(move |cx| {
            *inside.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        until(|| slot.lock().unwrap().is_some()).await;
        let waker = slot.lock().unwrap().take().unwrap();
        (waker, vec![keeps_waker, rt.spawn(pending::<()>())])
    });
    let _ = H::shutdown(owner, LONG);
    for task in &tasks {
        task.cancel("too late");
    }
    drop(tasks);
    waker.wake_by_ref();
    drop(waker);
    drop(rt);
}

pub fn dropping_the_owner_inside_async_code_is_fine<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    let outer = H::start();
    let rt = H::handle(&outer);
    let task = rt.spawn(async {
        let inner = H::start();
        let lost = H::handle(&inner).spawn(pending::<()>());
        drop(inner);
        lost.await.unwrap_err().is_lost()
    });
    assert!(outer.block_on(task).unwrap());
    outer.block_on(async {
        let inner = H::start();
        let lost = H::handle(&inner).spawn(pending::<()>());
        let _ = H::shutdown(inner, LONG);
        assert!(lost.await.unwrap_err().is_lost());
    });
}

pub fn dropping_the_owner_on_its_own_thread_is_fine<H: Harness>() {
    if !H::CAPS.ends || !H::CAPS.background {
        return skip("needs a runtime whose tasks run on threads of its own");
    }
    let owner = H::start();
    let rt = H::handle(&owner);
    let (give, take) = mpsc::channel::<H::Owner>();
    let (tx, rx) = mpsc::channel();
    let other = rt.spawn(pending::<()>());
    rt.spawn_detached(async move {
        let owner = take.recv().unwrap();
        drop(owner);
        tx.send(()).unwrap();
    });
    give.send(owner).unwrap();
    rx.recv().unwrap();
    assert!(foreign_block_on(other).unwrap_err().is_lost());
    assert!(foreign_block_on(rt.spawn(async {})).unwrap_err().is_lost());
}

pub fn a_body_may_spawn_while_it_is_dropped<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    let owner = H::start();
    let rt = H::handle(&owner);
    let (tx, rx) = mpsc::channel();
    let spawner = rt.clone();
    let guard = OnDrop::new(move || tx.send(spawner.spawn(async {})).unwrap());
    rt.spawn_detached(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    owner.block_on(yield_once());
    let _ = H::shutdown(owner, LONG);
    let task = rx.recv().unwrap();
    assert!(foreign_block_on(task).unwrap_err().is_lost());
}

pub fn wakes_from_other_threads_during_the_end_are_fine<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    for _ in 0..20 {
        let owner = H::start();
        let rt = H::handle(&owner);
        let slots: Vec<Arc<Mutex<Option<Waker>>>> = (0..8).map(|_| Arc::default()).collect();
        owner.block_on(async {
            for slot in &slots {
                let inside = Arc::clone(slot);
                rt.spawn_detached(poll_fn(move |cx| {
                    *inside.lock().unwrap() = Some(cx.waker().clone());
                    Poll::Pending
                }));
            }
            until(|| slots.iter().all(|slot| slot.lock().unwrap().is_some())).await;
        });
        let stop = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (stop, slots) = (Arc::clone(&stop), slots.clone());
                thread::spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        for slot in &slots {
                            let waker = slot.lock().unwrap().clone();
                            if let Some(waker) = waker {
                                waker.wake();
                            }
                        }
                    }
                })
            })
            .collect();
        drop(owner);
        stop.store(true, Ordering::SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

pub fn two_runtimes_of_one_kind_live_side_by_side<H: Harness>() {
    let (one, two) = (H::start(), H::start());
    let (a, b) = (H::handle(&one), H::handle(&two));
    let sum = one.block_on(async {
        let here = a.spawn(async { 1 }).await.unwrap();
        // Only where the other runs by itself can its task be awaited here.
        let there = if H::CAPS.background {
            b.spawn(async { 2 }).await.unwrap()
        } else {
            2
        };
        here + there
    });
    assert_eq!(sum, 3);
    drop(one);
    assert_eq!(two.block_on(b.spawn(async { 4 })).unwrap(), 4);
}

pub fn the_report_is_clean<H: Harness>() {
    let owner = H::start();
    let rt = H::handle(&owner);
    owner.block_on(async {
        rt.spawn(async {}).await.unwrap();
        rt.spawn_blocking(|| ()).await.unwrap();
    });
    match H::shutdown(owner, LONG) {
        Some(report) => assert!(report.is_clean(), "{report}"),
        None => skip("this runtime gives no report"),
    }
}

pub fn a_started_job_is_not_lost<H: Harness>() {
    if !H::CAPS.ends {
        return skip(GLOBAL);
    }
    if !H::CAPS.background_jobs {
        return skip("a job of this runtime starts only while somebody is in `block_on`");
    }
    let owner = H::start();
    let (started, is_started) = mpsc::channel();
    let (go_on, wait) = mpsc::channel();
    let job = H::handle(&owner).spawn_blocking(move || {
        started.send(()).unwrap();
        wait.recv().unwrap();
        6
    });
    is_started.recv().unwrap();
    // It cannot end before we let it: the report has to say so.
    if let Some(report) = H::shutdown(owner, Duration::from_millis(1)) {
        assert!(!report.is_clean(), "{report}");
    }
    go_on.send(()).unwrap();
    assert_eq!(foreign_block_on(job).unwrap(), 6);
}
