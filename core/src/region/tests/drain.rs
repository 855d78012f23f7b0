//! What becomes of a task whose handle is dropped in a region.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::by_hand::{Clocked, Play};
use super::{Log, poll_once, result, said, say};
use crate::region::state::flag;
use crate::task::tests::tick;
use crate::{CancelToken, Cancellable, Phase, Runtime, Task, defer, rooted, shield};

/// A task that says when it is gone, some turns after it was asked.
fn slow(rt: &Clocked, log: &Log, name: &'static str) -> Task<()> {
    let log = log.clone();
    rt.spawn(async move {
        defer(async move {
            for _ in 0..5 {
                tick().await;
            }
            say(&log, name);
        });
        pending::<()>().await;
    })
}

#[test]
fn a_task_does_not_end_before_one_whose_handle_it_dropped() {
    for how in ["in the body", "with the body", "by a cancel", "by a kill"] {
        let mut play = Play::default();
        let log = Log::default();
        let mut task = play.start({
            let (rt, log) = (play.rt.clone(), log.clone());
            async move {
                let dropped = slow(&rt, &log, "dropped");
                tick().await;
                tick().await;
                match how {
                    "in the body" => drop(dropped),
                    "with the body" => {}
                    _ => pending().await,
                }
            }
        });
        play.turns(4);
        match how {
            "by a cancel" => task.cancel("test"),
            "by a kill" => task.kill("test"),
            _ => {}
        }
        while !task.is_finished() {
            play.turn();
        }
        match how {
            // The kill goes on to it.
            "by a kill" => assert!(said(&log).is_empty()),
            _ => assert_eq!(said(&log), ["dropped"], "{how}"),
        }
        assert_eq!(play.live(), 0, "{how}");
        let _ = result(&mut task);
    }
}

#[test]
fn an_until_and_a_scope_do_not_end_before_it_either() {
    for place in ["until", "scope", "child"] {
        let mut play = Play::default();
        let log = Log::default();
        play.start({
            let (rt, log) = (play.rt.clone(), log.clone());
            async move {
                let (inner, inner_log) = (rt.clone(), log.clone());
                let inside = async move {
                    let dropped = slow(&inner, &inner_log, "dropped");
                    tick().await;
                    tick().await;
                    drop(dropped);
                };
                match place {
                    "until" => inside.until(&CancelToken::new()).await.unwrap(),
                    "scope" => rt.scope(async |_| inside.await).await,
                    _ => rt.scope(async |s| s.spawn(inside).await).await,
                }
                say(&log, "after");
            }
        })
        .detach();
        play.finish();
        assert_eq!(said(&log), ["dropped", "after"], "{place}");
    }
}

#[test]
fn the_body_goes_on_while_it_is_waited_for() {
    let mut play = Play::default();
    let log = Log::default();
    play.start({
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            let dropped = slow(&rt, &log, "dropped");
            tick().await;
            drop(dropped);
            tick().await;
            say(&log, "goes on");
        }
    })
    .detach();
    play.finish();
    assert_eq!(
        said(&log),
        ["goes on"],
        "it was dropped before its first poll"
    );
}

#[test]
fn a_detached_task_and_a_finished_one_leave_nothing() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let finished = play.start(async {});
    let endless = play.start(pending::<()>());
    let mut task = play.start(async move {
        drop(finished);
        endless.detach();
        let here = crate::region::frame::current().unwrap();
        assert!(!here.region().has(flag::WORK | flag::DRAINS));
        drop(rt);
    });
    play.turns(2);
    result(&mut task).unwrap();
    assert_eq!(play.live(), 1);
}

/// Tasks that each hold the handle of the next, the last that of the first, and drop it as said.
fn circle(play: &mut Play, n: usize, when: &'static str) -> Arc<Mutex<Vec<Option<Task<()>>>>> {
    let handles: Arc<Mutex<Vec<Option<Task<()>>>>> = Arc::default();
    for next in (1..n).chain([0]) {
        let theirs = Arc::clone(&handles);
        let task = play.rt.spawn(async move {
            tick().await;
            let held = theirs.lock().unwrap()[next].take();
            match when {
                "at once" => drop(held),
                "in a clean-up" => defer(async move {
                    tick().await;
                    drop(held);
                }),
                _ => {
                    let _held = held;
                    pending::<()>().await;
                }
            }
            tick().await;
        });
        handles.lock().unwrap().push(Some(task));
    }
    handles
}

#[test]
fn tasks_that_drop_each_others_handles_do_not_wait_for_each_other_for_ever() {
    for n in [1, 2, 3, 7] {
        for when in ["at once", "in a clean-up", "with the body"] {
            let mut play = Play::default();
            let handles = circle(&mut play, n, when);
            if when == "with the body" {
                play.turns(3);
                // Nobody has a handle outside: only a kill of one starts it.
                assert!(handles.lock().unwrap().iter().all(Option::is_none));
                assert_eq!(play.live(), n);
                continue;
            }
            play.finish();
        }
    }
}

#[test]
fn tasks_on_two_threads_that_drop_each_others_handles_at_once_both_end() {
    for _ in 0..500 {
        let mut play = Play::default();
        let handles = circle(&mut play, 2, "at once");
        play.turn();
        let barrier = std::sync::Barrier::new(2);
        let mut roots = play.take_roots();
        assert_eq!(roots.len(), 2);
        std::thread::scope(|threads| {
            for root in &mut roots {
                threads.spawn(|| {
                    barrier.wait();
                    let _ = poll_once(root.as_mut());
                });
            }
        });
        play.put_roots(roots);
        play.finish();
        drop(handles);
    }
}

#[test]
fn a_task_that_drops_its_own_handle_does_not_wait_for_itself() {
    for place in ["in its body", "in a child", "in a root in place"] {
        let mut play = Play::default();
        let slot = Arc::new(Mutex::new(None::<Task<()>>));
        let task = {
            let (slot, rt) = (Arc::clone(&slot), play.rt.clone());
            play.rt.spawn(async move {
                let own = slot.lock().unwrap().take();
                match place {
                    "in its body" => drop(own),
                    "in a child" => {
                        rt.scope(async |s| {
                            s.spawn(shield(async move {
                                drop(own);
                                tick().await;
                            }));
                        })
                        .await;
                    }
                    _ => {
                        let inside = rooted(&rt, async move {
                            drop(own);
                            tick().await;
                        });
                        shield(inside).await;
                    }
                }
                tick().await;
            })
        };
        *slot.lock().unwrap() = Some(task);
        assert!(play.finish() < 10, "{place}");
    }
}

#[test]
fn a_drain_that_was_left_by_a_dropped_region_is_that_of_the_one_around() {
    let mut play = Play::default();
    let log = Log::default();
    let mut task = play.start({
        let (rt, log) = (play.rt.clone(), log.clone());
        async move {
            let token = CancelToken::new();
            let dropped = slow(&rt, &log, "dropped");
            let mut inside = Box::pin(
                async move {
                    tick().await;
                    drop(dropped);
                    pending::<()>().await;
                }
                .until(&token),
            );
            for _ in 0..2 {
                tick().await; // the other runs meanwhile
                let _ = super::poll_fn(|cx| {
                    std::task::Poll::Ready(inside.as_mut().poll(cx).is_pending())
                })
                .await;
                tick().await;
            }
            drop(inside);
        }
    });
    while !task.is_finished() {
        play.turn();
    }
    assert_eq!(said(&log), ["dropped"]);
    result(&mut task).unwrap();
}

#[test]
fn a_region_that_drops_many_handles_stays_flat() {
    let mut play = Play::default();
    let mut task = play.start({
        let rt = play.rt.clone();
        async move {
            for _ in 0..1_000 {
                drop(rt.spawn(pending::<()>()));
                tick().await;
                tick().await;
            }
            tick().await; // for the last one
            let here = crate::region::frame::current().unwrap();
            assert!(!here.region().has(flag::DRAINS), "all marks are gone");
        }
    });
    play.finish();
    result(&mut task).unwrap();
}

#[test]
fn a_drain_is_dropped_by_the_deadline_and_the_drained_task_with_it() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let mut task = rt
        .spawn_with()
        .cleanup_deadline(Duration::from_secs(5))
        .spawn({
            let rt = rt.clone();
            async move {
                let hung = rt.spawn_with().cleanup_deadline(Duration::MAX);
                let hung = hung.spawn(async {
                    defer(pending());
                    pending::<()>().await;
                });
                tick().await;
                tick().await;
                drop(hung);
                pending::<()>().await;
            }
        });
    play.turns(5);
    task.cancel("test");
    play.turns(3);
    assert!(!task.is_finished());
    play.rt.advance(Duration::from_secs(5));
    play.finish();
    let error = poll_once(Pin::new(&mut task)).map(Result::unwrap_err);
    let std::task::Poll::Ready(error) = error else {
        panic!("it is over");
    };
    assert_eq!(error.failures()[0].phase(), Phase::CleanUpDeadline);
}

#[test]
fn a_hundred_thousand_tasks_that_each_hold_the_next_are_drained_on_a_small_stack() {
    fn nest(rt: Clocked, depth: usize) -> crate::region::BoxFuture {
        Box::pin(async move {
            let _next = match depth {
                0 => None,
                _ => Some(rt.spawn(nest(rt.clone(), depth - 1))),
            };
            pending::<()>().await;
        })
    }
    let run = || {
        const DEEP: usize = 100_000;
        let play = Play::default();
        let mut task = play.rt.spawn(nest(play.rt.clone(), DEEP));
        let mut roots = Vec::new();
        for _ in 0..=DEEP {
            let mut root = play.rt.next_root();
            assert!(poll_once(root.as_mut()).is_pending());
            roots.push(root);
        }
        task.cancel("test");
        for root in &mut roots {
            let _ = poll_once(root.as_mut());
        }
        assert!(!task.is_finished(), "it waits for the next, and so on");
        for root in roots.iter_mut().rev() {
            let _ = poll_once(root.as_mut());
        }
        assert!(result(&mut task).unwrap_err().is_cancelled());
    };
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap();
}
