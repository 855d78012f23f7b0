//! What is built on the bridge: work of both kinds, lists of it, batons.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyrt_core::{
    AtDrop, BackgroundThreads, BatonGroup, Parallel, Runtime, Serial, Timed, block, blocking,
    blocking_wait, cancel_requested, current, defer, from_thread, gather, run, to_async,
    to_blocking, to_thread,
};

use crate::Harness;
use crate::faults::{until, yield_once};
use crate::harness::skip;

const STEP: Duration = Duration::from_millis(1);

type Log = Arc<Mutex<Vec<&'static str>>>;

fn say(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

/// Blocks a job until it is so. It lends its thread meanwhile, to a clock or a simulator.
fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        blocking_wait(thread::yield_now);
    }
}

// --- work

pub async fn work_of_either_kind_is_awaited_and_blocked_on<H: Harness>(_: H::Handle) {
    assert_eq!(run(|| async { 1 }).await, 1);
    assert_eq!(run(blocking(|| 2)).await, 2);
    let sum = to_thread(|| {
        let after = || async {
            yield_once().await;
            3
        };
        block(after) + block(blocking(|| 4))
    });
    assert_eq!(sum.await, 7);
}

pub async fn functions_are_made_async_and_blocking<H: Harness>(_: H::Handle) {
    async fn remote(a: usize, b: usize) -> usize {
        yield_once().await;
        a * b
    }
    let local = |text: String| text.len();
    assert_eq!(to_async(remote)(2, 3).await, 6);
    let here = thread::current().id();
    let elsewhere = to_async(blocking(move |_: ()| thread::current().id() != here));
    assert!(elsewhere(()).await);
    assert_eq!(to_async(blocking(local))("abc".into()).await, 3);
    let product =
        to_thread(move || to_blocking(remote)(4, 5) + to_blocking(blocking(local))("ab".into()));
    assert_eq!(product.await, 22);
}

// --- lists of work

pub async fn a_list_gives_all_values_in_order_and_is_done_again<H: Harness>(rt: H::Handle) {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = {
        let runs = Arc::clone(&runs);
        move || runs.fetch_add(1, Ordering::SeqCst)
    };
    let last = count.clone();
    let list = Parallel::new()
        .add(|| async {
            for _ in 0..3 {
                yield_once().await;
            }
            Ok::<_, String>(0)
        })
        .add(blocking(move || {
            count();
            Ok(1)
        }))
        .add(move || {
            last();
            async { Ok(2) }
        });
    assert_eq!(list.run().await.unwrap(), [0, 1, 2]);
    assert_eq!(list.run_on(&rt).await.unwrap(), [0, 1, 2]);
    assert_eq!(runs.load(Ordering::SeqCst), 4);
    let both = Serial::new().add(list.clone()).add(list.clone());
    assert_eq!(both.run().await.unwrap(), [[0, 1, 2], [0, 1, 2]]);
    let on_thread = to_thread(move || list.block().unwrap());
    assert_eq!(on_thread.await, [0, 1, 2]);
    assert!(
        Parallel::<(), String>::new()
            .run()
            .await
            .unwrap()
            .is_empty()
    );
    assert!(Serial::<(), ()>::new().run_all().await.is_empty());
}

pub async fn members_run_beside_each_other<H: Harness>(_: H::Handle) {
    // Each waits for the others.
    let here = Arc::new(AtomicUsize::new(0));
    let arrives = |here: &Arc<AtomicUsize>| {
        let here = Arc::clone(here);
        move || {
            here.fetch_add(1, Ordering::SeqCst);
            let here = Arc::clone(&here);
            move || here.load(Ordering::SeqCst) == 4
        }
    };
    let (a, b, c, d) = (
        arrives(&here),
        arrives(&here),
        arrives(&here),
        arrives(&here),
    );
    let list = Parallel::new()
        .add(blocking(move || {
            wait_until(a());
            Ok::<_, String>(())
        }))
        .add(move || {
            let all = b();
            async move {
                until(all).await;
                Ok(())
            }
        })
        .add(blocking(move || {
            wait_until(c());
            Ok(())
        }))
        .add(move || {
            let all = d();
            async move {
                until(all).await;
                Ok(())
            }
        });
    assert_eq!(list.run().await.unwrap().len(), 4);
}

pub async fn the_first_error_stops_the_others_and_nothing_is_left<H: Harness>(_: H::Handle) {
    let log = Log::default();
    let started = Arc::new(AtomicUsize::new(0));
    let (first, second, third) = (started.clone(), started.clone(), started.clone());
    let (cleans, blocks) = (log.clone(), log.clone());
    let list: Parallel<(), &str> = Parallel::new()
        .add(move || {
            let (log, started) = (cleans.clone(), first.clone());
            async move {
                defer(async move {
                    yield_once().await;
                    say(&log, "cleaned up");
                });
                started.fetch_add(1, Ordering::SeqCst);
                pending().await
            }
        })
        .add(blocking(move || {
            second.fetch_add(1, Ordering::SeqCst);
            wait_until(cancel_requested);
            say(&blocks, "ended by itself");
            Ok(())
        }))
        .add(move || {
            let started = third.clone();
            async move {
                until(|| started.load(Ordering::SeqCst) == 2).await;
                Err("out of cheese")
            }
        });
    let error = list.run().await.unwrap_err();
    let errors = error.errors().unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors.first().index(), Some(2));
    assert!(errors.first().location().file().ends_with("bridge_jobs.rs"));
    let mut said = log.lock().unwrap().clone();
    said.sort_unstable();
    assert_eq!(said, ["cleaned up", "ended by itself"]);
}

pub async fn the_end_of_each_comes_whatever_fails<H: Harness>(_: H::Handle) {
    let works = || async {
        yield_once().await;
        Ok(1)
    };
    let beside = Parallel::new()
        .add(|| async { Err("out of cheese") })
        .add(|| async { panic!("on purpose") })
        .add(blocking(|| panic!("on purpose, too")))
        .add(works);
    let (one, other) = (beside.clone(), beside.clone());
    let after = Serial::new()
        .add(move || {
            let one = one.clone();
            async move {
                one.run_all()
                    .await
                    .into_iter()
                    .next_back()
                    .unwrap()
                    .map_err(|_| "")
            }
        })
        .add(|| async { panic!("on purpose") })
        .add(blocking(|| Err("out of wine")));
    let ends = beside.run_all().await;
    assert_eq!(
        ends[0].as_ref().unwrap_err().error(),
        Some(&"out of cheese")
    );
    assert_eq!(
        ends[1].as_ref().unwrap_err().panic_message().as_deref(),
        Some("on purpose")
    );
    assert_eq!(ends[2].as_ref().unwrap_err().index(), Some(2));
    assert_eq!(ends[3].as_ref().unwrap(), &1);
    let ends = after.run_all().await;
    assert_eq!(ends[0].as_ref().unwrap(), &1);
    assert!(ends[1].as_ref().unwrap_err().is_panic());
    assert_eq!(ends[2].as_ref().unwrap_err().error(), Some(&"out of wine"));
    let blocked = to_thread(move || other.block_all().len());
    assert_eq!(blocked.await, 4);
}

pub async fn what_is_done_in_order_stops_at_an_error<H: Harness>(_: H::Handle) {
    let log = Log::default();
    let says = |word: &'static str, result: Result<(), &'static str>| {
        let log = log.clone();
        move || {
            say(&log, word);
            result
        }
    };
    let (first, second, third) = (says("a", Ok(())), says("b", Err("stop")), says("c", Ok(())));
    let steps = Serial::new()
        .add(move || {
            let first = first.clone();
            async move {
                yield_once().await;
                first()
            }
        })
        .add(blocking(second))
        .add(blocking(third));
    for _ in 0..2 {
        let error = steps.run().await.unwrap_err();
        assert_eq!(error.errors().unwrap().first().index(), Some(1));
    }
    assert_eq!(*log.lock().unwrap(), ["a", "b", "a", "b"]);
}

pub async fn lists_stand_in_each_other_a_thousand_deep<H: Harness>(_: H::Handle) {
    let depth = H::CAPS.many.min(1_000);
    let mut list: Parallel<usize, String> = Parallel::new().add(|| async { Ok(0) });
    for n in 0..depth {
        let inner = list.clone();
        let one_more = move || {
            let inner = inner.clone();
            async move {
                let values = inner.run().await.map_err(|error| error.to_string())?;
                Ok(values[0] + 1)
            }
        };
        list = match n % 2 {
            0 => Parallel::new().add(one_more),
            _ => {
                let steps = Serial::new().add(one_more);
                Parallel::new().add(move || {
                    let steps = steps.clone();
                    async move { Ok(steps.run().await.map_err(|error| error.to_string())?[0]) }
                })
            }
        };
    }
    assert_eq!(list.run().await.unwrap(), [depth]);
}

pub async fn lists_that_block_stand_in_each_other<H: Harness>(_: H::Handle) {
    // As many threads as there are levels, where a pool with a cap would hang.
    let depth = H::CAPS.many.min(600);
    let mut list: Parallel<usize, String> = Parallel::new().add(blocking(|| Ok(0)));
    for _ in 0..depth {
        let inner = list;
        list = Parallel::new().add(blocking(move || {
            let values = inner.block().map_err(|error| error.to_string())?;
            Ok(values[0] + 1)
        }));
    }
    assert_eq!(list.run().await.unwrap(), [depth]);
}

pub async fn a_request_stops_a_list_and_waits_for_what_blocks<H: Harness>(rt: H::Handle) {
    let (started, ended) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (starts, ends) = (started.clone(), ended.clone());
    let steps: Serial<(), ()> = Serial::new()
        .add(
            Parallel::new()
                .add(blocking(move || {
                    starts.store(true, Ordering::SeqCst);
                    wait_until(cancel_requested);
                    // Who waits for the task finds this done.
                    ends.store(true, Ordering::SeqCst);
                    Ok::<(), ()>(())
                }))
                .into_unit(),
        )
        .add(|| async { unreachable!("it is stopped before") });
    let task = rt.spawn(async move { steps.run().await.is_ok() });
    until(|| started.load(Ordering::SeqCst)).await;
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert!(ended.load(Ordering::SeqCst));
}

/// A list as a member that gives nothing.
trait IntoUnit {
    fn into_unit(self) -> UnitWork;
}

type UnitWork = Box<dyn Fn() -> Unit + Send + Sync>;
type Unit = std::pin::Pin<Box<dyn Future<Output = Result<(), ()>> + Send>>;

impl IntoUnit for Parallel<(), ()> {
    fn into_unit(self) -> UnitWork {
        Box::new(move || {
            let run = self.run();
            Box::pin(async move { run.await.map(drop).map_err(drop) })
        })
    }
}

// --- background threads

pub async fn a_background_job_is_awaited_and_knows_where_it_came_from<H: Harness>(_: H::Handle) {
    let threads = BackgroundThreads::new(AtDrop::NoWait).limit(2);
    let jobs: Vec<_> = (0..20).map(|n| threads.start(move || n)).collect();
    let mut values = Vec::new();
    for job in jobs {
        values.push(job.await.unwrap());
    }
    assert_eq!(values, (0..20).collect::<Vec<_>>());
    let error = threads.start(|| panic!("no ink")).await.unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("no ink"));
    // In it, async code runs on the runtime of who started it.
    let spawned = threads.start(|| {
        let rt = current().unwrap();
        from_thread(async move { rt.spawn(async { 7 }).await.unwrap() })
    });
    assert_eq!(spawned.await.unwrap(), Ok(7));
}

pub async fn a_background_job_that_times_out_keeps_no_place<H: Harness>(rt: H::Handle) {
    let threads = BackgroundThreads::new(AtDrop::NoWait).limit(1);
    let told = Arc::new(AtomicBool::new(false));
    let ends = Arc::new(AtomicBool::new(false));
    let (tells, end) = (told.clone(), ends.clone());
    let hangs = threads.start(move || {
        wait_until(|| end.load(Ordering::SeqCst));
        tells.store(cancel_requested(), Ordering::SeqCst);
    });
    assert!(threads.would_queue());
    assert!(hangs.timeout(&rt, Duration::from_millis(1)).await.is_err());
    assert_eq!(threads.start(|| 5).await.unwrap(), 5);
    ends.store(true, Ordering::SeqCst);
    until(|| told.load(Ordering::SeqCst)).await;
}

pub async fn a_job_waits_for_one_in_the_background<H: Harness>(rt: H::Handle) {
    let waits = to_thread(move || {
        let threads = BackgroundThreads::new(AtDrop::Wait);
        let sleeps = rt.clone();
        let mut slow = threads.start(move || from_thread(async move { sleeps.sleep(STEP).await }));
        let early = slow.wait_timeout(Duration::ZERO).is_none();
        slow.wait().unwrap().unwrap();
        early
    });
    assert!(waits.await);
}

// --- batons

pub async fn members_of_a_group_run_one_at_a_time<H: Harness>(rt: H::Handle) {
    let group = BatonGroup::new();
    let inside = Arc::new(AtomicBool::new(false));
    let alone = {
        let inside = inside.clone();
        move || {
            assert!(!inside.swap(true, Ordering::SeqCst));
            thread::yield_now();
            assert!(inside.swap(false, Ordering::SeqCst));
        }
    };
    let member = |n: usize| {
        let (alone, group) = (alone.clone(), group.clone());
        let thread = group.to_thread(move || {
            alone();
            for _ in 0..n % 3 {
                from_thread(yield_once()).unwrap();
                alone();
            }
        });
        let alone = alone_of(&inside);
        async move {
            gather((thread, group.call(alone))).await;
        }
    };
    let tasks: Vec<_> = (0..20).map(|n| rt.spawn(member(n))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(group.waiting(), 0);
}

fn alone_of(inside: &Arc<AtomicBool>) -> impl FnOnce() + Send + use<> {
    let inside = inside.clone();
    move || {
        assert!(!inside.swap(true, Ordering::SeqCst));
        assert!(inside.swap(false, Ordering::SeqCst));
    }
}

pub async fn the_baton_is_passed_on_at_calls_in_the_order_of_asking<H: Harness>(_: H::Handle) {
    let (group, log) = (BatonGroup::new(), Log::default());
    let member = |first: &'static str, then: &'static str| {
        let log = log.clone();
        group.to_thread(move || {
            say(&log, first);
            from_thread(async {}).unwrap();
            say(&log, then);
        })
    };
    let members = [member("a1", "a2"), member("b1", "b2"), member("c1", "c2")];
    gather(Vec::from(members)).await;
    let said = log.lock().unwrap().clone();
    // Who comes back first from a call is the task's affair.
    assert_eq!(said[..3], ["a1", "b1", "c1"]);
    assert_eq!(said.len(), 6);
}

pub async fn an_abandoned_member_gives_the_baton_up_at_its_next_call<H: Harness>(_: H::Handle) {
    if !H::CAPS.background_jobs {
        return skip("a job that waits outside would keep its turn");
    }
    let (group, log) = (BatonGroup::new(), Log::default());
    let (started, go_on) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let abandoned = group.to_thread({
        let (log, started, go_on) = (log.clone(), started.clone(), go_on.clone());
        move || {
            started.store(true, Ordering::SeqCst);
            // A wait that is none of this library's: the baton stays.
            while !go_on.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            say(&log, "abandoned");
            assert!(from_thread(async {}).is_err());
            say(&log, "its rest");
        }
    });
    until(|| started.load(Ordering::SeqCst)).await;
    drop(abandoned);
    let next = group.to_thread({
        let log = log.clone();
        move || say(&log, "next")
    });
    go_on.store(true, Ordering::SeqCst);
    next.await;
    until(|| log.lock().unwrap().len() == 3).await;
    assert_eq!(*log.lock().unwrap(), ["abandoned", "next", "its rest"]);
}
