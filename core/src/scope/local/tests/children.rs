//! What a child's handle gives, and what it does not keep alive.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use futures::future::join;

use super::*;
use crate::task::tests::tick;
use crate::{
    CancelToken, Cancellable, LocalChild, LocalScope, defer, local_scope, local_scope_unsend,
    shield,
};

#[test]
fn children_borrow_what_is_outside_and_give_values() {
    let words = [String::from("hello"), String::from("there")];
    let words = &words;
    let total = run(local_scope(|n| async move {
        let children: Vec<_> = words
            .iter()
            .map(|word| {
                n.spawn(async move {
                    tick().await;
                    word.len()
                })
            })
            .collect();
        let mut total = 0;
        for child in children {
            total += child.await;
        }
        total
    }));
    assert_eq!(total, 10);
}

#[test]
fn children_of_one_thread_share_what_cannot_be_sent() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let inside = &seen;
    run(local_scope_unsend(|n| async move {
        for number in 0..3 {
            let own = Rc::clone(inside);
            n.spawn(async move {
                tick().await;
                own.borrow_mut().push(number);
            });
        }
    }));
    assert_eq!(*seen.borrow(), [0, 1, 2]);
    assert_eq!(Rc::strong_count(&seen), 1);
}

#[test]
fn children_spawn_children_when_the_body_is_long_gone() {
    let log = Log::default();
    let inside = &log;
    let value = run(local_scope(|n| async move {
        n.clone().spawn(async move {
            tick().await;
            say(inside, "child");
            n.clone().spawn(async move {
                tick().await;
                say(inside, "grandchild");
                n.spawn(async move { say(inside, "great-grandchild") });
            });
        });
        say(inside, "body");
        5
    }));
    assert_eq!(value, 5);
    let order = ["body", "child", "grandchild", "great-grandchild"];
    assert_eq!(said(&log), order);
}

#[test]
fn siblings_await_each_other() {
    let value = run(local_scope(|n| async move {
        let first = n.spawn(async {
            tick().await;
            5
        });
        let second = n.spawn(async move { first.await + 1 });
        second.await
    }));
    assert_eq!(value, 6);
}

#[test]
fn finished_means_that_the_clean_ups_have_run() {
    let log = Log::default();
    let inside = &log;
    run(local_scope(|n| async move {
        let child = n.spawn(async move {
            let cleanup = inside.clone();
            defer(async move {
                tick().await;
                say(&cleanup, "cleaned up");
            });
            let _child = OnDrop(inside.clone(), "dropped");
        });
        tick().await;
        assert!(!child.is_finished());
        child.await;
        say(inside, "awaited");
    }));
    assert_eq!(said(&log), ["dropped", "cleaned up", "awaited"]);
}

#[test]
fn finished_means_dropped_also_for_a_scope_that_is_dropped() {
    let log = Log::default();
    let made = Arc::new(Mutex::new(None));
    let (given, inside) = (made.clone(), log.clone());
    let mut scope = Box::pin(local_scope(move |n: LocalScope<'static>| async move {
        let child = n.spawn(async move {
            let _child = OnDrop(inside, "dropped");
            pending::<()>().await;
        });
        *given.lock().unwrap() = Some(child);
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    struct Says(Log);
    impl Wake for Says {
        fn wake(self: Arc<Self>) {
            say(&self.0, "finished");
        }
    }
    let mut child = made.lock().unwrap().take().unwrap();
    let waker = Waker::from(Arc::new(Says(log.clone())));
    let cx = &mut Context::from_waker(&waker);
    assert!(Pin::new(&mut child).poll(cx).is_pending());
    drop(scope);
    assert_eq!(said(&log), ["dropped", "finished"]);
}

#[test]
fn a_handle_that_is_dropped_stops_nothing() {
    let log = Log::default();
    let inside = &log;
    run(local_scope(|n| async move {
        drop(n.spawn(async move {
            tick().await;
            say(inside, "ran");
        }));
    }));
    assert_eq!(said(&log), ["ran"]);
}

#[test]
fn a_child_that_was_cancelled_says_so_and_disturbs_nobody() {
    let log = Log::default();
    let inside = &log;
    run(local_scope(|n| async move {
        let child = n.spawn(async move {
            let cleanup = inside.clone();
            defer(async move { say(&cleanup, "cleaned up") });
            pending::<()>().await;
        });
        let sibling = n.spawn(async {
            tick().await;
            tick().await;
            5
        });
        tick().await;
        child.cancel("no longer needed");
        child.cancel("said again");
        let error = child.result().await.unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(error.reason().unwrap().as_str(), "no longer needed");
        assert_eq!(said(inside), ["cleaned up"]);
        assert_eq!(sibling.await, 5);
    }));
}

#[test]
fn a_child_that_was_cancelled_before_its_first_poll_never_runs() {
    run(local_scope(|n| async move {
        let child = n.spawn(async { panic!("it ran") });
        child.cancel("changed my mind");
        let error: crate::NoValue = child.result().await.unwrap_err();
        assert_eq!(error.reason().unwrap().as_str(), "changed my mind");
    }));
}

#[test]
fn awaiting_a_child_that_was_cancelled_by_itself_panics_with_advice() {
    let text = panic_of(local_scope(|n| async move {
        let child = n.spawn(pending::<()>());
        child.cancel("no longer needed");
        child.await;
    }));
    assert!(text.contains("cancelled: no longer needed"), "{text}");
    assert!(text.contains("child.result().await"), "{text}");
}

#[test]
fn awaiting_a_child_that_failed_is_where_the_body_stops() {
    let rt = Hand::default();
    let log = Log::default();
    let (mut task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let log = &log;
            local_scope(|n| async move {
                let child = n.spawn(async {
                    tick().await;
                    panic!("out of cheese");
                });
                let _body = OnDrop(log.clone(), "body dropped");
                let token = CancelToken::new();
                // Polled once more when it is stopped, as a region is open in it.
                let _ = join(child, pending::<()>().until(&token)).await;
                say(log, "went on");
            })
            .await;
        }
    });
    finish(root.as_mut());
    let error = result(&mut task).unwrap_err();
    assert_eq!(error.panic_message().unwrap(), "out of cheese");
    assert!(error.failures().is_empty(), "the body did not panic too");
    assert_eq!(said(&log), ["body dropped"]);
}

#[test]
fn who_learns_that_a_child_failed_finds_the_scope_stopping() {
    struct TriesToSpawn(LocalScope<'static>, Log);
    impl Wake for TriesToSpawn {
        fn wake(self: Arc<Self>) {
            let refused = self.0.try_spawn(async {}).is_err();
            say(&self.1, if refused { "refused" } else { "taken" });
        }
    }
    let log = Log::default();
    let made = Arc::new(Mutex::new(None));
    let given = made.clone();
    let mut scope = Box::pin(local_scope(move |n: LocalScope<'static>| async move {
        let child = n.spawn(async {
            tick().await;
            panic!("out of cheese");
        });
        *given.lock().unwrap() = Some((child, n));
        pending::<()>().await;
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    let (child, n) = made.lock().unwrap().take().unwrap();
    let mut child: LocalChild<()> = child;
    let waker = Waker::from(Arc::new(TriesToSpawn(n, log.clone())));
    let cx = &mut Context::from_waker(&waker);
    assert!(Pin::new(&mut child).poll(cx).is_pending());
    assert_eq!(panic_of(scope), "out of cheese");
    assert_eq!(said(&log), ["refused"]);
}

#[test]
fn awaiting_a_child_that_failed_inside_a_shield_does_not_hang() {
    let log = Log::default();
    let inside = &log;
    let text = panic_of(local_scope(|n| async move {
        let child = n.spawn(async {
            tick().await;
            panic!("out of cheese");
        });
        let _body = OnDrop(inside.clone(), "body dropped");
        shield(child).await;
    }));
    assert_eq!(text, "out of cheese", "the first one goes on");
    assert_eq!(said(&log), ["body dropped"]);
}

#[test]
fn a_shielded_body_can_know_why_a_child_has_no_value() {
    let log = Log::default();
    let inside = &log;
    let text = panic_of(local_scope(|n| async move {
        let child = n.spawn(async { panic!("out of cheese") });
        let error: crate::NoValue = shield(child.result()).await.unwrap_err();
        say(inside, error.to_string());
    }));
    assert_eq!(text, "out of cheese");
    assert!(
        said(&log)[0].ends_with("panicked: out of cheese"),
        "{log:?}"
    );
}

#[test]
fn a_handle_that_is_polled_after_its_result_panics() {
    let text = panic_of(local_scope(|n| async move {
        let mut child = n.spawn(async {});
        (&mut child).await;
        child.await;
    }));
    assert!(text.contains("after it had given its result"), "{text}");
}

#[test]
fn a_scope_that_is_over_takes_no_child() {
    let late = run(local_scope(|n| async move { n }));
    let refused = late.try_spawn(async { 5 }).unwrap_err();
    assert!(refused.to_string().contains("no more"), "{refused}");
    assert_eq!(run(refused.future), 5);
    let held = Arc::new(());
    let child = late.spawn({
        let held = held.clone();
        async move { drop(held) }
    });
    assert_eq!(Arc::strong_count(&held), 1, "the future is dropped");
    assert!(child.is_finished());
    assert!(run(child.result()).unwrap_err().is_cancelled());
}

#[test]
fn a_scope_that_was_asked_to_stop_takes_no_child() {
    let rt = Hand::default();
    let log = Log::default();
    let (task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let log = &log;
            local_scope(|n| async move {
                shield(async {
                    tick().await;
                    let refused = n.try_spawn(pending::<()>()).unwrap_err();
                    say(log, refused.reason().unwrap().as_str());
                })
                .await;
            })
            .await;
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("closing time");
    finish(root.as_mut());
    assert_eq!(said(&log), ["closing time"]);
}

#[test]
fn a_destructor_of_the_body_cannot_spawn_into_a_scope_that_is_dropped() {
    struct Spawns(LocalScope<'static>, Log);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let refused = self.0.try_spawn(async {}).is_err();
            say(&self.1, if refused { "refused" } else { "taken" });
        }
    }
    let log = Log::default();
    let mut scope = Box::pin(local_scope(|n| {
        let spawns = Spawns(n, log.clone());
        async move {
            pending::<()>().await;
            drop(spawns);
        }
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    drop(scope);
    assert_eq!(said(&log), ["refused"]);
}

#[test]
fn a_child_that_holds_its_scope_does_not_leak_however_the_scope_ends() {
    for polls in 0..4 {
        let held = Arc::new(());
        let late: Arc<Mutex<Option<LocalChild<()>>>> = Arc::default();
        {
            let (held, late) = (held.clone(), late.clone());
            let mut scope = Box::pin(local_scope(move |n: LocalScope<'static>| {
                let child = |ticks| {
                    let (n, held) = (n.clone(), held.clone());
                    async move {
                        for _ in 0..ticks {
                            tick().await;
                        }
                        n.spawn(async move { drop(held) });
                    }
                };
                // Spawned before the first poll: nobody has seen it yet.
                n.spawn(child(0));
                n.spawn(child(1));
                let unseen = n.spawn(child(9));
                *late.lock().unwrap() = Some(unseen);
                pending::<()>()
            }));
            for _ in 0..polls {
                assert!(poll_once(scope.as_mut()).is_pending());
            }
        }
        assert_eq!(Arc::strong_count(&held), 1, "after {polls} polls");
        let late = late.lock().unwrap().take().unwrap();
        assert!(run(late.result()).unwrap_err().is_cancelled());
    }
}

#[test]
fn wakers_that_outlive_the_scope_keep_no_child() {
    let held = Arc::new(());
    let wakers: Mutex<Vec<Waker>> = Mutex::default();
    {
        let (wakers, held) = (&wakers, held.clone());
        let mut scope = Box::pin(local_scope(|n| async move {
            n.spawn(std::future::poll_fn(move |cx| {
                let _held = &held;
                wakers.lock().unwrap().push(cx.waker().clone());
                Poll::<()>::Pending
            }));
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        wakers.lock().unwrap()[0].wake_by_ref();
    }
    let wakers = wakers.into_inner().unwrap();
    assert_eq!(Arc::strong_count(&held), 1);
    let (count, waker) = Count::new();
    drop(waker);
    for waker in wakers {
        waker.wake();
    }
    assert_eq!(count.get(), 0);
}

#[test]
fn a_value_that_nobody_takes_is_dropped_with_its_child() {
    let held = Arc::new(());
    let inside = &held;
    run(local_scope(|n| async move {
        n.spawn(async move { inside.clone() });
        let kept = n.spawn(async move { inside.clone() });
        tick().await;
        tick().await;
        assert_eq!(Arc::strong_count(inside), 2);
        drop(kept);
        assert_eq!(Arc::strong_count(inside), 1);
    }));
}
