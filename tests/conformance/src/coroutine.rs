//! Futures that are started by hand, eager tasks, coroutines and generators.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{
    Co, ContextVar, Runtime, Started, Step, await_sync, coroutine, current, current_task, defer,
    generator, in_sync_drive, shield, sync_iter, try_defer,
};
use futures::StreamExt;
use futures::channel::oneshot;

use crate::faults::{OnDrop, poll_once, until, yield_once};
use crate::{ByHand, Harness};

type Log = Arc<Mutex<Vec<String>>>;

fn say(log: &Log, what: impl Into<String>) {
    log.lock().unwrap().push(what.into());
}

fn said(log: &Log) -> Vec<String> {
    log.lock().unwrap().clone()
}

/// Whether tasks may begin where they are spawned: an adapter says so.
fn begins<R: Runtime>(rt: &R) -> bool {
    rt.is_same(&rt.clone())
}

static USER: ContextVar<&str> = ContextVar::new("coroutine user");

// --- started

pub async fn what_is_started_runs_here_and_goes_on_in_a_task<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inside = log.clone();
    let started = Started::now(async move {
        let cleanup = inside.clone();
        defer(async move {
            yield_once().await;
            say(&cleanup, "clean-up");
        });
        say(&inside, "begun");
        yield_once().await;
        say(&inside, "over");
        7
    });
    assert_eq!(said(&log), ["begun"]);
    assert!(started.is_pending());
    assert_eq!(rt.spawn(started).await.unwrap(), 7);
    assert_eq!(said(&log), ["begun", "over", "clean-up"]);
}

pub async fn what_was_started_is_stopped_with_the_task_it_is_in<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inside = log.clone();
    let (open, opened) = oneshot::channel::<()>();
    let started = Started::now(async move {
        let cleanup = inside.clone();
        defer(async move {
            yield_once().await;
            say(&cleanup, "clean-up");
        });
        shield(async {
            opened.await.unwrap();
            say(&inside, "shield over");
        })
        .await;
        pending::<()>().await;
    });
    let (arrived, has_arrived) = oneshot::channel();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            let _around = OnDrop::new(move || say(&log, "around dropped"));
            arrived.send(()).unwrap();
            started.await;
        }
    });
    has_arrived.await.unwrap();
    task.cancel("in its new task");
    open.send(()).unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
    // Where the request came before its first poll there, the shield was still held nowhere.
    let said = said(&log);
    assert!(said.ends_with(&["clean-up".into()]) || said.ends_with(&["around dropped".into()]));
    assert!(said.contains(&"clean-up".into()), "{said:?}");
}

pub async fn a_panic_of_a_start_is_for_who_awaits_it<H: Harness>(rt: H::Handle) {
    let started = Started::now(async { panic!("boom") });
    assert!(started.is_done());
    let error = rt.spawn(async move { started.await }).await;
    let error: anyrt_core::JoinError = error.map(|()| unreachable!()).unwrap_err();
    assert!(error.is_panic());
}

// --- eager

pub async fn what_is_ready_at_once_needs_no_turn<H: Harness>(rt: H::Handle) {
    let eager = rt.spawn_eager(async { 7 });
    assert_eq!(eager.is_finished(), begins(&rt) || eager.is_finished());
    assert_eq!(eager.await.unwrap(), 7);
    let panics = rt.spawn_eager(async { panic!("boom") });
    let panics: Result<(), _> = panics.await;
    assert!(panics.unwrap_err().is_panic());
}

pub async fn an_eager_task_runs_to_its_first_suspension_before_the_caller_goes_on<H: Harness>(
    rt: H::Handle,
) {
    if !begins(&rt) {
        return;
    }
    let log = Log::default();
    let spawn = |n: usize| {
        let log = log.clone();
        rt.spawn_eager(async move {
            say(&log, format!("{n} begun"));
            yield_once().await;
            say(&log, format!("{n} over"));
            n
        })
    };
    let all: Vec<_> = (0..3).map(spawn).collect();
    say(&log, "caller");
    for (n, eager) in all.into_iter().enumerate() {
        assert_eq!(eager.await.unwrap(), n);
    }
    let said = said(&log);
    let begun: Vec<_> = said.iter().filter(|line| line.ends_with("begun")).collect();
    assert_eq!(begun, ["0 begun", "1 begun", "2 begun"]);
    assert!(said.iter().position(|line| line == "caller") >= Some(3));
    assert_eq!(said.len(), 7);
}

pub async fn eager_tasks_are_found_as_themselves<H: Harness>(rt: H::Handle) {
    let of = |rt: &H::Handle| {
        rt.spawn_with().name("eager").spawn_eager(async {
            let mut seen = Vec::new();
            for _ in 0..2 {
                seen.push((current_task().unwrap(), current().is_ok(), USER.get()));
                yield_once().await;
            }
            seen
        })
    };
    let eager = USER.sync_scope("ann", || of(&rt));
    let place = eager.location();
    for (task, has_runtime, user) in eager.await.unwrap() {
        assert_eq!((task.name(), task.location()), (Some("eager"), place));
        assert!(has_runtime);
        assert_eq!(user, Some("ann"));
    }
}

pub async fn timers_that_begin_in_the_eager_part_fire<H: Harness>(rt: H::Handle) {
    // On the runtime's own clock: what is polled first here is woken in another task.
    let inner = rt.clone();
    let eager = rt.spawn_eager(async move {
        inner.sleep(Duration::from_micros(10)).await;
        let limited = inner.timeout(Duration::from_micros(10), pending::<()>());
        limited.await.is_err()
    });
    assert!(eager.await.unwrap());
}

pub async fn a_timeout_of_the_eager_part_is_not_the_callers<H: Harness>(rt: H::Handle) {
    let by_hand = ByHand::new(rt.clone());
    let timers = by_hand.clone();
    let log = Log::default();
    let inside = log.clone();
    let eager = rt.spawn_eager(async move {
        let cleanup = inside.clone();
        let limited = timers.timeout(Duration::from_secs(1), async move {
            defer(async move { say(&cleanup, "clean-up") });
            pending::<()>().await;
        });
        assert!(limited.await.is_err());
        say(&inside, "elapsed");
    });
    until(|| by_hand.clock().waiting() == 1).await;
    by_hand.clock().advance(Duration::from_secs(1));
    eager.await.unwrap();
    yield_once().await;
    assert_eq!(said(&log), ["clean-up", "elapsed"]);
}

pub async fn an_eager_task_is_cancelled_like_any_other<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inside = log.clone();
    let (open, opened) = oneshot::channel::<()>();
    let eager = rt.spawn_eager(async move {
        let cleanup = inside.clone();
        defer(async move {
            yield_once().await;
            say(&cleanup, "clean-up");
        });
        shield(async {
            opened.await.unwrap();
            say(&inside, "shield over");
        })
        .await;
        pending::<()>().await;
    });
    let ending = eager.cancel_and_wait();
    open.send(()).unwrap();
    assert!(ending.await.unwrap_err().is_cancelled());
    if begins(&rt) {
        // It was in the shield when it was asked, before its task had a turn.
        assert_eq!(said(&log), ["shield over", "clean-up"]);
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = dropped.clone();
    drop(rt.spawn_eager(async move {
        let _count = OnDrop::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        pending::<()>().await;
    }));
    until(|| dropped.load(Ordering::SeqCst) == 1).await;
}

pub async fn an_eager_child_that_cancels_its_scope_ends<H: Harness>(rt: H::Handle) {
    let scope = rt.try_scope(async |s| {
        s.spawn(pending::<Result<(), String>>());
        let own = s.clone();
        let _child = s.spawn_eager(async move {
            own.cancel("from its own child");
            pending::<Result<(), String>>().await
        });
        pending::<()>().await;
        Ok(())
    });
    let error = scope.await.unwrap_err();
    assert_eq!(error.reason().unwrap().as_str(), "from its own child");
}

pub async fn an_eager_childs_first_outcome_is_for_who_spawned_it<H: Harness>(rt: H::Handle) {
    if !begins(&rt) {
        return;
    }
    let scope = rt.try_scope(async |s| {
        assert_eq!(s.spawn_eager(async { Ok::<_, &str>(1) }).unwrap().await, 1);
        let child = s.spawn_eager(async {
            yield_once().await;
            Ok::<_, &str>(2)
        });
        assert_eq!(child.unwrap().await, 2);
        let error = s.spawn_eager(async { Err::<(), _>("at once") });
        assert_eq!(error.unwrap_err().into_error().unwrap(), "at once");
        // It stops the scope, and is not among its errors.
        pending::<()>().await;
        Ok(())
    });
    let error = scope.await.unwrap_err();
    assert!(error.is_cancelled() && error.errors().is_none());
}

// --- sync

pub async fn sync_code_drives_in_a_task_and_on_any_thread<H: Harness>(rt: H::Handle) {
    let task = rt.spawn(async {
        let driven = await_sync(async {
            yield_once().await;
            in_sync_drive()
        });
        (driven, in_sync_drive())
    });
    assert_eq!(task.await.unwrap(), (Ok(true), false));
    let job = rt.spawn_blocking(|| await_sync(async { in_sync_drive() }));
    assert_eq!(job.await.unwrap(), Ok(true));
    let sleeps = rt.clone();
    let blocks = rt.spawn(async move { await_sync(sleeps.sleep(Duration::MAX)) });
    assert!(blocks.await.unwrap().unwrap_err().is_wait());
}

// --- coroutines

async fn sum(co: Co<u32, u32>) -> u32 {
    let mut sum = 0;
    for n in 0..3 {
        yield_once().await;
        sum += co.yield_(n).await;
    }
    sum
}

pub async fn a_coroutine_is_run_in_one_task_and_then_in_another<H: Harness>(rt: H::Handle) {
    let mut co = coroutine(sum);
    assert_eq!(co.run().await.unwrap(), Step::Yield(0));
    let moved = rt.spawn(async move {
        let step = co.resume(10).await.unwrap();
        (step, co)
    });
    let (step, mut co) = moved.await.unwrap();
    assert_eq!(step, Step::Yield(1));
    assert_eq!(co.resume(20).await.unwrap(), Step::Yield(2));
    assert_eq!(co.resume(30).await.unwrap(), Step::Done(60));
    assert!(co.resume(40).await.unwrap_err().is_over());
    assert_eq!(coroutine(sum).drive(|n| n + 1).await, 6);
    assert_eq!(await_sync(coroutine(sum).drive(|n| n + 1)), Ok(6));
}

pub async fn a_task_yields_to_the_coroutine_that_spawned_it<H: Harness>(rt: H::Handle) {
    let spawner = rt.clone();
    let mut co = coroutine(|co: Co<u32, u32>| async move {
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let co = co.clone();
                spawner.spawn(async move {
                    yield_once().await;
                    co.yield_(n).await
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    let mut step = co.run().await.unwrap();
    let mut seen = Vec::new();
    let total = loop {
        match step {
            Step::Done(total) => break total,
            Step::Yield(n) => {
                seen.push(n);
                step = co.resume(n * 2).await.unwrap();
            }
        }
    };
    seen.sort_unstable();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
    assert_eq!(total, 90);
}

pub async fn a_coroutine_is_closed_with_its_clean_ups<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (inside, sleeper) = (log.clone(), rt.clone());
    let mut co = coroutine(|co: Co<u8, ()>| async move {
        let late = co.clone();
        let cleanup = inside.clone();
        defer(async move {
            sleeper.sleep(Duration::from_micros(10)).await;
            let refused = late.try_yield(2).await.unwrap_err();
            say(&cleanup, format!("closing: {}", refused.is_closing()));
        });
        let _local = OnDrop::new(move || say(&inside, "dropped"));
        co.yield_(1).await;
    });
    assert_eq!(co.run().await.unwrap(), Step::Yield(1));
    assert_eq!(co.close().await, None);
    assert_eq!(said(&log), ["dropped", "closing: true"]);
}

pub async fn a_task_that_keeps_a_yielded_coroutine_is_cancelled<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let inside = log.clone();
    let (kept, is_kept) = oneshot::channel();
    let task = rt.spawn(async move {
        let mut co = coroutine(|co: Co<u8, ()>| async move {
            let cleanup = inside.clone();
            defer(async move {
                yield_once().await;
                say(&cleanup, "clean-up");
            });
            shield(co.try_yield(1)).await.ok();
        });
        co.run().await.unwrap();
        kept.send(()).unwrap();
        pending::<()>().await;
    });
    is_kept.await.unwrap();
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert_eq!(said(&log), ["clean-up"], "adopted by its task");
}

// --- generators

pub async fn a_generator_is_a_stream_here_and_an_iterator_there<H: Harness>(rt: H::Handle) {
    let numbers = || {
        generator(async |co: Co<u32, ()>| {
            for n in 0..3 {
                yield_once().await;
                co.yield_(n).await;
            }
        })
    };
    assert_eq!(numbers().collect::<Vec<_>>().await, [0, 1, 2]);
    let job = rt.spawn_blocking(move || sync_iter(numbers()).collect::<Result<Vec<_>, _>>());
    assert_eq!(job.await.unwrap(), Ok(vec![0, 1, 2]));
}

pub async fn a_generator_that_is_dropped_half_way_is_cleaned_up_by_the_task<H: Harness>(
    rt: H::Handle,
) {
    let log = Log::default();
    let inside = log.clone();
    let sleeper = rt.clone();
    let task = rt.spawn(async move {
        let mut items = generator(|co: Co<u8, ()>| async move {
            assert!(
                try_defer(async move {
                    sleeper.sleep(Duration::from_micros(10)).await;
                    say(&inside, "clean-up");
                })
                .is_ok()
            );
            co.yield_(1).await;
        });
        assert_eq!(items.next().await, Some(1));
    });
    task.await.unwrap();
    assert_eq!(said(&log), ["clean-up"]);
}

pub async fn an_item_that_was_given_up_comes_next<H: Harness>(rt: H::Handle) {
    let (open, opened) = oneshot::channel();
    let mut items = generator(|co: Co<u8, ()>| async move {
        co.yield_(1).await;
        opened.await.unwrap();
        co.yield_(2).await;
    });
    assert_eq!(items.next().await, Some(1));
    assert!(poll_once(std::pin::Pin::new(&mut items.next())).is_pending());
    rt.spawn(async move { open.send(()).unwrap() })
        .await
        .unwrap();
    assert_eq!(items.next().await, Some(2));
    assert_eq!(items.next().await, None);
}
