//! Sync and async code in one call stack.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{
    BlockOn, CancelToken, Cancellable, ContextVar, Drive, FromThreadError, Runtime, Spawn, Task,
    Threads, Timer, allow_blocking, block_anywhere, cancel_requested, current, current_task, defer,
    from_thread, from_thread_local, idle_runtime, shield, to_thread, try_block_anywhere,
};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{OnDrop, poll_once, yield_once};
use crate::harness::skip;

const HOUR: Duration = Duration::from_secs(3_600);

static USER: ContextVar<&'static str> = ContextVar::new("user");

type Log = Arc<Mutex<Vec<&'static str>>>;

fn say(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

pub async fn a_thread_runs_a_function_while_it_is_awaited<H: Harness>(rt: H::Handle) {
    let here = std::thread::current().id();
    let there = to_thread(|| std::thread::current().id()).await;
    assert_ne!(here, there);
    assert_eq!(rt.to_thread(|| 42).await, 42);
    assert_eq!(to_thread(|| 43).result().await.unwrap(), 43);
}

pub async fn what_is_bound_crosses_in_both_directions<H: Harness>(_: H::Handle) {
    let seen = USER
        .scope("ada", async {
            to_thread(|| {
                let on_thread = USER.get();
                let in_call = from_thread(async { USER.get() }).unwrap();
                let rebound = USER.sync_scope("bob", || from_thread(async { USER.get() }).unwrap());
                (on_thread, in_call, rebound)
            })
            .await
        })
        .await;
    assert_eq!(seen, (Some("ada"), Some("ada"), Some("bob")));
    assert_eq!(to_thread(|| USER.get()).await, None);
}

pub async fn the_innermost_async_code_is_in_the_outermost_task<H: Harness>(rt: H::Handle) {
    let name = || current_task().unwrap().name().map(String::from);
    let task = rt.spawn_with().name("outermost").spawn(async move {
        let outermost = name();
        assert_eq!(outermost.as_deref(), Some("outermost"));
        let innermost = to_thread(move || {
            assert!(current().is_ok());
            from_thread(async move {
                to_thread(move || from_thread(async move { name() }).unwrap()).await
            })
            .unwrap()
        })
        .await;
        assert_eq!(outermost, innermost);
    });
    task.await.unwrap();
}

pub async fn panics_cross_in_both_directions<H: Harness>(_: H::Handle) {
    let error = to_thread(|| panic!("no ink")).result().await.unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("no ink"));

    let (caught, after) = to_thread(|| {
        let call = || from_thread(async { panic!("no paper") });
        let caught = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        (
            caught.downcast_ref::<&str>().copied(),
            from_thread(async { 1 }),
        )
    })
    .await;
    assert_eq!((caught, after), (Some("no paper"), Ok(1)));
}

pub async fn a_call_is_answered_while_the_task_awaits_something_else<H: Harness>(_: H::Handle) {
    let (tx, rx) = oneshot::channel();
    let thread = to_thread(move || from_thread(async move { tx.send(7).unwrap() }));
    // The thread is not awaited yet, and what is awaited comes by its call.
    assert_eq!(rx.await.unwrap(), 7);
    thread.await.unwrap();
}

pub async fn a_call_may_wait_for_a_task_that_calls_a_thread<H: Harness>(rt: H::Handle) {
    let inside = rt.clone();
    let sum = to_thread(move || {
        let call = async move {
            let task =
                inside.spawn(async { to_thread(|| from_thread(async { 20 }).unwrap()).await });
            task.await.unwrap() + 1
        };
        from_thread(call).unwrap() * 2
    })
    .await;
    assert_eq!(sum, 42);
}

pub async fn dropping_the_await_stops_the_call_and_refuses_the_next<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (started, is_started) = oneshot::channel();
    let (over, is_over) = oneshot::channel();
    let thread = to_thread({
        let log = Arc::clone(&log);
        move || {
            let inside = Arc::clone(&log);
            let stopped: Result<(), FromThreadError> = from_thread(async move {
                let cleanup = Arc::clone(&inside);
                defer(async move {
                    yield_once().await;
                    say(&cleanup, "cleaned up");
                });
                let _local = OnDrop::new(move || say(&inside, "dropped"));
                started.send(()).unwrap();
                pending::<()>().await;
            });
            say(&log, "refused");
            let next = from_thread(async { unreachable!("nobody waits") });
            let _ = over.send((stopped, next, cancel_requested()));
        }
    });
    is_started.await.unwrap();
    drop(thread);
    let (stopped, next, requested): (_, Result<(), _>, _) =
        rt.timeout(HOUR, is_over).await.unwrap().unwrap();
    assert!(stopped.unwrap_err().is_abandoned());
    assert!(next.unwrap_err().is_abandoned());
    assert!(requested);
    assert_eq!(*log.lock().unwrap(), ["dropped", "cleaned up", "refused"]);
}

pub async fn a_request_unwinds_the_call_before_the_body<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (started, is_started) = oneshot::channel();
    let task = rt.spawn({
        let log = Arc::clone(&log);
        async move {
            let body = Arc::clone(&log);
            let _local = OnDrop::new(move || say(&body, "body"));
            let call = Arc::clone(&log);
            to_thread(move || {
                let stopped = from_thread(async move {
                    let cleanup = Arc::clone(&call);
                    defer(async move {
                        yield_once().await;
                        say(&cleanup, "clean-up of the call");
                    });
                    let _local = OnDrop::new(move || say(&call, "call"));
                    started.send(()).unwrap();
                    pending::<()>().await;
                });
                assert!(stopped.unwrap_err().is_stopped());
            })
            .await;
        }
    });
    is_started.await.unwrap();
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    // The task does not wait for the thread, but for what the thread runs in it.
    let log = log.lock().unwrap();
    assert_eq!(*log, ["call", "clean-up of the call", "body"]);
}

pub async fn a_request_reaches_a_call_inside_out<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (started, is_started) = oneshot::channel();
    let task = rt.spawn({
        let log = Arc::clone(&log);
        async move {
            let body = Arc::clone(&log);
            let _local = OnDrop::new(move || say(&body, "outer body"));
            let call = Arc::clone(&log);
            to_thread(move || {
                from_thread(async move {
                    let outer = Arc::clone(&call);
                    let _local = OnDrop::new(move || say(&outer, "outer call"));
                    to_thread(move || {
                        from_thread(async move {
                            let _local = OnDrop::new(move || say(&call, "inner call"));
                            started.send(()).unwrap();
                            pending::<()>().await;
                        })
                    })
                    .await
                })
            })
            .await
        }
    });
    is_started.await.unwrap();
    task.cancel("enough");
    assert!(task.await.unwrap_err().is_cancelled());
    let log = log.lock().unwrap();
    assert_eq!(*log, ["inner call", "outer call", "outer body"]);
}

pub async fn a_shielded_thread_is_not_stopped<H: Harness>(rt: H::Handle) {
    let (started, is_started) = oneshot::channel();
    let (go, may_go) = oneshot::channel();
    let task = rt.spawn(async move {
        shield(to_thread(move || {
            from_thread(async move {
                started.send(()).unwrap();
                may_go.await.unwrap()
            })
        }))
        .await
    });
    is_started.await.unwrap();
    task.cancel("too early");
    for _ in 0..10 {
        yield_once().await;
    }
    go.send(5).unwrap();
    assert_eq!(task.await.unwrap(), Ok(5));
}

pub async fn a_timeout_unwinds_the_call_before_the_body<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (tell, told) = oneshot::channel();
    let inside = Arc::clone(&log);
    let stopped = rt
        .timeout(Duration::from_millis(20), async move {
            let body = Arc::clone(&inside);
            let _local = OnDrop::new(move || say(&body, "body"));
            to_thread(move || {
                let call: Result<(), _> = from_thread(async move {
                    let cleanup = Arc::clone(&inside);
                    defer(async move {
                        yield_once().await;
                        say(&cleanup, "clean-up of the call");
                    });
                    let _local = OnDrop::new(move || say(&inside, "call"));
                    pending::<()>().await;
                });
                let _ = tell.send(call);
            })
            .await;
        })
        .await;
    assert!(stopped.is_err());
    assert_eq!(
        *log.lock().unwrap(),
        ["call", "clean-up of the call", "body"]
    );
    let call = rt.timeout(HOUR, told).await.unwrap().unwrap();
    assert!(call.unwrap_err().is_stopped());
}

pub async fn a_call_leaves_a_shield_with_its_await<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (started, is_started) = oneshot::channel();
    let (out, is_out) = oneshot::channel();
    let task = rt.spawn({
        let log = Arc::clone(&log);
        async move {
            let body = Arc::clone(&log);
            let _local = OnDrop::new(move || say(&body, "body"));
            let call = Arc::clone(&log);
            let mut thread = to_thread(move || {
                from_thread(async move {
                    let _local = OnDrop::new(move || say(&call, "call"));
                    started.send(()).unwrap();
                    pending::<()>().await;
                })
            });
            shield(futures::future::select(&mut thread, is_started)).await;
            assert!(poll_once(Pin::new(&mut thread)).is_pending());
            out.send(()).unwrap();
            thread.await
        }
    });
    is_out.await.unwrap();
    task.cancel("enough");
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(*log.lock().unwrap(), ["call", "body"]);
}

pub async fn a_region_around_the_await_stops_the_call<H: Harness>(rt: H::Handle) {
    let token = CancelToken::new();
    let inside = token.clone();
    let (over, is_over) = oneshot::channel();
    let stopped = to_thread(move || {
        let stopped: Result<(), _> = from_thread(async move {
            inside.cancel("enough");
            pending::<()>().await;
        });
        let _ = over.send(stopped);
    })
    .until(&token)
    .await;
    assert!(stopped.is_err());
    let call = rt.timeout(HOUR, is_over).await.unwrap().unwrap();
    let error = call.unwrap_err();
    assert!(error.is_stopped() || error.is_abandoned(), "{error}");
    // The task itself goes on.
    assert_eq!(to_thread(|| from_thread(async { 1 }).unwrap()).await, 1);
}

pub async fn a_timeout_abandons_a_thread_and_the_next_has_another<H: Harness>(rt: H::Handle) {
    let (go, may_go) = oneshot::channel::<()>();
    let (started, is_started) = oneshot::channel();
    let busy = Arc::new(AtomicBool::new(true));
    let over = {
        let busy = Arc::clone(&busy);
        to_thread(move || {
            started.send(()).unwrap();
            // Not a call: it goes on when nobody waits any more.
            let _ = block_anywhere(may_go);
            busy.store(false, Ordering::SeqCst);
        })
    };
    is_started.await.unwrap();
    assert!(rt.timeout(Duration::ZERO, over).await.is_err());
    assert_eq!(to_thread(|| 1).await, 1);
    assert!(busy.load(Ordering::SeqCst));
    go.send(()).unwrap();
}

pub async fn a_call_borrows_on_its_own_thread<H: Harness>(_: H::Handle) {
    let length = to_thread(|| {
        let here = std::thread::current().id();
        let local = std::rc::Rc::new(String::from("not Send"));
        from_thread_local(async {
            yield_once().await;
            assert_eq!(std::thread::current().id(), here);
            assert!(current().is_ok());
            local.len()
        })
        .unwrap()
    })
    .await;
    assert_eq!(length, 8);
}

pub async fn a_blocking_job_calls_a_task_of_its_own<H: Harness>(rt: H::Handle) {
    let job = rt.spawn_blocking(|| {
        USER.sync_scope("eve", || {
            from_thread(async { (USER.get(), current().is_ok()) })
        })
    });
    assert_eq!(job.await.unwrap(), Ok((Some("eve"), true)));
}

pub async fn time_passes_in_a_call<H: Harness>(rt: H::Handle) {
    let inside = rt.clone();
    let begun = rt.now();
    let ended = to_thread(move || {
        let again = inside.clone();
        from_thread(async move {
            again.sleep(Duration::from_millis(2)).await;
            again.now()
        })
        .unwrap()
    })
    .await;
    assert!(ended - begun >= Duration::from_millis(2));
}

pub async fn calls_nest_a_hundred_deep<H: Harness>(_: H::Handle) {
    fn down(depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        from_thread(async move { to_thread(move || down(depth - 1)).await + 1 }).unwrap()
    }
    assert_eq!(to_thread(|| down(100)).await, 100);
}

pub async fn sync_code_waits_anywhere<H: Harness>(rt: H::Handle) {
    let inside = rt.clone();
    let begun = rt.now();
    let wait = move || {
        block_anywhere(async move {
            let begun = inside.now();
            inside.sleep(Duration::from_millis(2)).await;
            assert!(current().is_ok());
            begun
        })
    };
    let begun_there = rt.spawn_blocking(wait.clone()).await.unwrap();
    assert!(begun_there >= begun);
    to_thread(wait.clone()).await;
    // In async code it works, or is refused; it never hangs.
    match try_block_anywhere(async { 1 }) {
        Ok(one) => {
            assert_eq!(one, 1);
            assert!(rt.may_block());
            let task = rt.spawn(async { 2 });
            assert_eq!(block_anywhere(task).unwrap(), 2);
        }
        Err(error) => {
            assert!(!rt.may_block());
            assert!(error.to_string().contains("to_thread"));
        }
    }
    assert_eq!(allow_blocking(|| block_anywhere(async { 3 })), 3);
}

pub async fn tasks_that_block_on_all_threads_at_once_go_on<H: Harness>(rt: H::Handle) {
    if !rt.may_block() {
        return skip("a task may not block here");
    }
    // Twice: who stood in may do so again.
    for _ in 0..2 {
        let (first, mut before) = oneshot::channel::<u32>();
        let blocked: Vec<_> = (0..8)
            .map(|_| {
                let (next, after) = oneshot::channel();
                let before = std::mem::replace(&mut before, after);
                rt.spawn(async move {
                    let n = block_anywhere(before).unwrap();
                    next.send(n + 1).unwrap();
                })
            })
            .collect();
        // It stands behind them.
        rt.spawn_detached(async move { first.send(0).unwrap() });
        assert_eq!(before.await.unwrap(), 8);
        for task in blocked {
            task.await.unwrap();
        }
    }
}

pub async fn a_thread_has_a_runtime_of_its_own<H: Harness>(rt: H::Handle) {
    let job = move || {
        let owner = idle_runtime();
        let own = owner.handle().clone();
        let begun = own.now();
        let left = owner.block_on(async {
            // It goes on in the next `block_on`.
            let left = own.spawn(yield_once());
            own.sleep(Duration::from_millis(2)).await;
            assert!(own.now() - begun >= Duration::from_millis(2));
            assert_eq!(own.spawn(async { 1 }).await.unwrap(), 1);
            assert_eq!(own.spawn_blocking(|| 2).await.unwrap(), 2);
            // Another, inside the first.
            idle_runtime().handle().spawn(pending::<()>()).detach();
            (left, own.spawn(pending::<()>()))
        });
        left.1.cancel("enough");
        assert!(owner.block_on(left.1).unwrap_err().is_cancelled());
        owner.block_on(left.0).unwrap();
    };
    rt.spawn_blocking(job).await.unwrap();
}

pub async fn a_pool_with_a_limit_refuses_its_own_chain<H: Harness>(rt: H::Handle) {
    let pool = Threads::limited(1).named("narrow");
    let inside = pool.clone();
    let chain = pool.to_thread(move || {
        let call = async move {
            let direct = inside.to_thread(|| ()).map(drop).is_err();
            // A task in the middle does not hide where it comes from.
            let again = inside.clone();
            let task = rt.spawn(async move { again.to_thread(|| ()).map(drop).is_err() });
            // Without a limit there is a thread for everybody.
            let unlimited = to_thread(|| from_thread(async { true }).unwrap()).await;
            (direct, task.await.unwrap(), unlimited, inside.would_queue())
        };
        from_thread(call).unwrap()
    });
    assert_eq!(chain.unwrap().await, (true, true, true, true));
    assert_eq!(pool.to_thread(|| 7).unwrap().await, 7);
}

pub async fn a_pool_with_a_limit_lets_others_wait_their_turn<H: Harness>(_: H::Handle) {
    let pool = Threads::limited(1);
    let log = Arc::new(Mutex::new(Vec::new()));
    let (go, may_go) = oneshot::channel::<()>();
    let first = pool.to_thread(move || from_thread(async move { may_go.await.unwrap() }));
    let first = first.unwrap();
    let others: Vec<_> = (0..10)
        .map(|n| {
            let log = Arc::clone(&log);
            pool.to_thread(move || log.lock().unwrap().push(n)).unwrap()
        })
        .collect();
    assert_eq!((pool.running(), pool.queued()), (1, 10));
    assert!(pool.try_to_thread(|| ()).is_err());
    go.send(()).unwrap();
    assert_eq!(first.await, Ok(()));
    for other in others {
        other.await;
    }
    assert_eq!(*log.lock().unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(pool.queued(), 0);
}

pub async fn who_waits_for_itself_through_a_thread_is_told<H: Harness>(rt: H::Handle) {
    let (give, take) = oneshot::channel::<Task<()>>();
    let (tell, told) = oneshot::channel();
    let task = rt.spawn(async move {
        to_thread(move || {
            let waits = async move {
                let error = take.await.unwrap().await.unwrap_err();
                let _ = tell.send(error.is_oneself());
            };
            block_anywhere(waits);
        })
        .await;
    });
    assert!(give.send(task).is_ok());
    assert!(told.await.unwrap());
}
