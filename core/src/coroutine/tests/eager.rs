//! Tasks that begin where they are spawned.

use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use futures::channel::oneshot;

use super::*;
use crate::region::tests::by_hand::Clocked;
use crate::task::tests::tick;
use crate::{
    AnyRuntime, ContextVar, Phase, cancel_requested, checkpoint, current, current_scope,
    current_task, deadline, defer, rooted, shield,
};

static USER: ContextVar<&str> = ContextVar::new("user");
static LOCAL: ContextVar<&str> = ContextVar::new("local").not_inherited();

/// Runs `body` as a task, with its runtime; polls it once and gives what was spawned.
fn once<T: Send + 'static>(
    body: impl Future<Output = T> + Send + 'static,
    rt: &Hand,
) -> (Task<T>, BoxFuture) {
    let (task, mut root) = spawn(rt, body);
    let _ = poll_once(root.as_mut());
    (task, root)
}

#[test]
fn what_is_ready_at_once_makes_no_task() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, _root) = once(
        async move {
            let eager = spawner.spawn_eager(async { 7 });
            assert!(eager.is_finished() && eager.name().is_none());
            let eager = eager.into_task().unwrap_err();
            eager.await.unwrap()
        },
        &rt,
    );
    assert_eq!(result(&mut task).unwrap(), 7);
    assert!(rt.take_roots().is_empty());
}

#[test]
fn it_runs_here_to_its_first_suspension_and_then_in_its_task() {
    let rt = Hand::default();
    let log = Log::default();
    let (spawner, outer) = (rt.clone(), log.clone());
    let (mut task, mut root) = once(
        async move {
            let inside = outer.clone();
            let eager = spawner.spawn_eager(async move {
                say(&inside, "begun");
                tick().await;
                say(&inside, "over");
                7
            });
            say(&outer, "caller goes on");
            assert!(!eager.is_finished());
            eager.await.unwrap()
        },
        &rt,
    );
    assert_eq!(said(&log), ["begun", "caller goes on"]);
    let mut eager = rt.next_root();
    finish(eager.as_mut());
    finish(root.as_mut());
    assert_eq!(result(&mut task).unwrap(), 7);
    assert_eq!(said(&log), ["begun", "caller goes on", "over"]);
}

#[test]
fn a_panic_at_once_is_a_result() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, _root) = once(
        async move {
            let bare = spawner.spawn_eager(async { panic!("boom") });
            let error = bare.await.unwrap_err();
            let with_cleanup = spawner.spawn_with().name("second").spawn_eager(async {
                defer(async { panic!("clean-up") });
                panic!("boom")
            });
            let second = with_cleanup.await.unwrap_err();
            assert!(second.is_panic() && second.name() == Some("second"));
            assert_eq!(second.failures()[0].phase(), Phase::CleanUp);
            error.is_panic()
        },
        &rt,
    );
    assert!(result(&mut task).unwrap());
}

#[test]
fn the_task_that_it_finds_is_its_own_before_and_after() {
    let rt = Hand::default();
    for name in [None, Some("eager")] {
        let spawner = rt.clone();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let inside = seen.clone();
        let (_task, _root) = once(
            async move {
                let around = current_task().unwrap();
                let body = async move {
                    for _ in 0..2 {
                        inside.lock().unwrap().push(current_task().unwrap());
                        assert!(current().unwrap().downcast_ref::<Hand>().is_some());
                        tick().await;
                    }
                };
                let eager = match name {
                    None => spawner.spawn_eager(body),
                    Some(name) => spawner.spawn_with().name(name).spawn_eager(body),
                };
                assert_eq!(current_task().unwrap(), around);
                let task = eager.into_task().unwrap();
                assert_eq!(task.name().as_deref(), name);
                task.detach();
            },
            &rt,
        );
        finish(rt.next_root().as_mut());
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0].name(), name);
        assert_eq!(seen[0].location().file(), file!());
    }
}

#[test]
fn a_request_to_the_caller_is_none_to_it() {
    let rt = Hand::default();
    let slot: Arc<Mutex<Option<Task<()>>>> = Arc::default();
    let log = Log::default();
    let (spawner, asks, inside) = (rt.clone(), slot.clone(), log.clone());
    let (task, mut root) = spawn(&rt, async move {
        asks.lock().unwrap().as_ref().unwrap().cancel("the caller");
        assert!(cancel_requested());
        let eager = spawner.spawn_eager(async move {
            // First, as long as nothing has been made of it.
            let limited = spawner_timeout().await;
            assert!(!cancel_requested());
            checkpoint().await;
            shield(async {}).await;
            say(&inside, format!("ran on, {limited}"));
            tick().await;
            say(&inside, "over");
        });
        eager.detach();
        pending::<()>().await;
    });
    *slot.lock().unwrap() = Some(task);
    finish(root.as_mut());
    assert_eq!(said(&log), ["ran on, 5"]);
    finish(rt.next_root().as_mut());
    assert_eq!(said(&log), ["ran on, 5", "over"]);
}

/// A region inside.
async fn spawner_timeout() -> u8 {
    let timeout = Hand::default().timeout(Duration::from_secs(1), async { 5 });
    timeout.await.unwrap()
}

#[test]
fn the_deadline_of_the_caller_is_not_its_own() {
    let clock = Clocked::default();
    let spawner = clock.clone();
    let mut task = clock.spawn(async move {
        let inner = spawner.clone();
        let limited = spawner.timeout(Duration::from_secs(5), async move {
            assert!(deadline().is_some());
            let eager = inner.spawn_eager(async {
                let before = deadline();
                defer(async {});
                (before, deadline())
            });
            eager.await.unwrap()
        });
        assert_eq!(limited.await.unwrap(), (None, None));
    });
    let mut root = clock.next_root();
    finish(root.as_mut());
    result(&mut task).unwrap();
}

#[test]
fn a_timeout_that_begins_in_the_eager_part_stops_the_child_and_never_the_caller() {
    let clock = Clocked::default();
    let log = Log::default();
    let (spawner, inside) = (clock.clone(), log.clone());
    let mut task = clock.spawn(async move {
        let inner = spawner.clone();
        let eager = spawner.spawn_eager(async move {
            let cleanup = inside.clone();
            let limited = inner.timeout(Duration::from_secs(1), async move {
                defer(async move { say(&cleanup, "clean-up") });
                pending::<()>().await;
            });
            assert!(limited.await.is_err());
            "elapsed"
        });
        let (open, opened) = oneshot::channel::<()>();
        drop(open);
        assert!(opened.await.is_err(), "the caller goes on");
        eager.await.unwrap()
    });
    let mut root = clock.next_root();
    assert!(poll_once(root.as_mut()).is_pending());
    let mut eager = clock.next_root();
    assert!(poll_once(eager.as_mut()).is_pending());
    clock.advance(Duration::from_secs(2));
    assert!(poll_once(root.as_mut()).is_pending());
    finish(eager.as_mut());
    finish(root.as_mut());
    assert_eq!(result(&mut task).unwrap(), "elapsed");
    assert_eq!(said(&log), ["clean-up"]);
}

#[test]
fn what_it_opened_in_the_eager_part_counts_in_its_task_from_the_start() {
    // Asked before the runtime polls the rest: the shield holds, and the clean-ups run.
    let rt = Hand::default();
    let log = Log::default();
    let (spawner, inside) = (rt.clone(), log.clone());
    let (_task, mut root) = once(
        async move {
            let eager = spawner.spawn_eager(async move {
                let cleanup = inside.clone();
                defer(async move { say(&cleanup, "clean-up") });
                let _local = OnDrop(inside.clone(), "dropped");
                shield(async {
                    tick().await;
                    say(&inside, "shield over");
                })
                .await;
                pending::<()>().await;
            });
            let ended = eager.cancel_and_wait().await;
            assert!(ended.unwrap_err().is_cancelled());
        },
        &rt,
    );
    finish(rt.next_root().as_mut());
    finish(root.as_mut());
    assert_eq!(said(&log), ["shield over", "dropped", "clean-up"]);
}

#[test]
fn a_shield_in_it_does_not_hold_the_caller() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, mut root) = once(
        async move {
            spawner.spawn_eager(shield(pending::<()>())).detach();
            pending::<()>().await;
        },
        &rt,
    );
    task.cancel("the caller");
    finish(root.as_mut());
    assert!(result(&mut task).unwrap_err().is_cancelled());
}

#[test]
fn its_context_is_what_a_task_inherits() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let body = async move {
        let eager = spawner.spawn_eager(async {
            let begun = (USER.get(), LOCAL.get());
            let own = LOCAL.scope("own", async { LOCAL.get() }).await;
            tick().await;
            (begun, own, (USER.get(), LOCAL.get()))
        });
        assert_eq!((USER.get(), LOCAL.get()), (Some("ann"), Some("here")));
        eager.await.unwrap()
    };
    let (mut task, mut root) = once(USER.scope("ann", LOCAL.scope("here", body)), &rt);
    finish(rt.next_root().as_mut());
    finish(root.as_mut());
    let inherited = (Some("ann"), None);
    assert_eq!(
        result(&mut task).unwrap(),
        (inherited, Some("own"), inherited)
    );
}

#[test]
fn outside_a_task_of_the_runtime_it_begins_as_others_do() {
    let rt = Hand::default();
    let eager = rt.spawn_eager(async { 1 });
    assert!(!eager.is_finished(), "plain code");
    finish(rt.next_root().as_mut());
    let other = Hand::default();
    let (spawner, erased) = (rt.clone(), AnyRuntime::new(other.clone()));
    let mut inside = Box::pin(rooted(&other, async move {
        let of_another = spawner.spawn_eager(async { 1 });
        assert!(!of_another.is_finished(), "a task of another runtime");
        of_another.detach();
        let erased = erased.spawn_eager(async { 2 });
        assert!(erased.is_finished(), "an erased handle of this one");
    }));
    finish(inside.as_mut());
    drop(eager);
}

#[test]
fn it_waits_for_the_caller_without_being_taken_for_it() {
    // In the eager part, the caller is not something that it runs in.
    let rt = Hand::default();
    let slot: Arc<Mutex<Option<Task<u8>>>> = Arc::default();
    let (tell, told) = std::sync::mpsc::channel();
    let (spawner, from) = (rt.clone(), slot.clone());
    let (caller, mut root) = spawn(&rt, async move {
        let waits_for = from.lock().unwrap().take().unwrap();
        let eager = spawner.spawn_eager(async move {
            tell.send(waits_for.await.unwrap()).unwrap();
        });
        eager.detach();
        7
    });
    *slot.lock().unwrap() = Some(caller);
    finish(root.as_mut());
    let mut eager = rt.next_root();
    assert!(poll_once(eager.as_mut()).is_ready(), "the caller is over");
    assert_eq!(told.try_recv(), Ok(7));
}

#[test]
fn eager_tasks_nest() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, _root) = once(
        async move {
            let middle = spawner.clone();
            let outer = spawner.spawn_eager(async move {
                let inner = middle.spawn_with().name("inner").spawn_eager(async {
                    let name = current_task().unwrap().name().map(str::to_owned);
                    (name, current_scope().is_none())
                });
                let name = current_task().unwrap().name().map(str::to_owned);
                (name, inner.await.unwrap())
            });
            outer.await.unwrap()
        },
        &rt,
    );
    let inner = (Some("inner".to_owned()), true);
    assert_eq!(result(&mut task).unwrap(), (None, inner));
}

// --- in scopes

#[test]
fn an_error_at_once_is_given_where_it_is_spawned_and_stops_the_scope() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, mut root) = once(
        async move {
            let scope = spawner.try_scope(async |s| {
                s.spawn(pending::<Result<(), &str>>());
                let error = s
                    .spawn_eager(async { Err::<(), _>("at once") })
                    .unwrap_err();
                assert_eq!(error.into_error().unwrap(), "at once");
                tick().await;
                Ok(())
            });
            scope.await.unwrap_err()
        },
        &rt,
    );
    finish(rt.next_root().as_mut());
    finish(root.as_mut());
    let error = result(&mut task).unwrap();
    assert!(error.is_cancelled() && error.errors().is_none(), "{error}");
}

#[test]
fn an_error_at_once_disturbs_nobody_where_errors_are_collected() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, _root) = once(
        async move {
            let scope = spawner.scope_with().collect_errors().try_run(async |s| {
                let early = s.spawn_eager(async { Err::<u8, _>("at once") });
                assert!(early.is_err());
                Ok(s.spawn_eager(async { Ok::<_, &str>(7) }).unwrap().await)
            });
            scope.await.unwrap()
        },
        &rt,
    );
    assert_eq!(result(&mut task).unwrap(), 7);
    assert!(rt.take_roots().is_empty());
}

#[test]
fn an_error_later_is_the_scopes() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, mut root) = once(
        async move {
            let scope = spawner.try_scope(async |s| {
                let child = s.spawn_eager(async {
                    tick().await;
                    Err::<(), _>("later")
                });
                child.unwrap().await;
                Ok(())
            });
            scope.await.unwrap_err()
        },
        &rt,
    );
    finish(rt.next_root().as_mut());
    finish(root.as_mut());
    let error = result(&mut task).unwrap();
    assert_eq!(error.errors().unwrap().first().error(), Some(&"later"));
}

#[test]
fn an_error_at_once_behind_a_clean_up_that_waits_is_the_scopes() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, mut root) = once(
        async move {
            let scope = spawner.try_scope(async |s| {
                let child = s.spawn_eager(async {
                    defer(tick());
                    Err::<(), _>("not gone at once")
                });
                assert!(!child.unwrap().is_finished());
                Ok(())
            });
            scope.await.unwrap_err()
        },
        &rt,
    );
    finish(rt.next_root().as_mut());
    finish(root.as_mut());
    let error = result(&mut task).unwrap();
    let first = error.errors().unwrap().first();
    assert_eq!(first.error(), Some(&"not gone at once"));
}

#[test]
fn a_child_that_cancels_its_scope_before_it_first_suspends_still_ends() {
    let rt = Hand::default();
    let log = Log::default();
    let (spawner, inside) = (rt.clone(), log.clone());
    let (mut task, mut root) = once(
        async move {
            let scope = spawner.try_scope(async |s| {
                let own = s.clone();
                let _child = s.spawn_eager(async move {
                    let _local = OnDrop(inside, "child dropped");
                    own.cancel("from its own child");
                    pending::<Result<(), &str>>().await
                });
                Ok(())
            });
            scope.await.unwrap_err()
        },
        &rt,
    );
    for mut left in rt.take_roots() {
        finish(left.as_mut());
    }
    finish(root.as_mut());
    let error = result(&mut task).unwrap();
    assert_eq!(error.reason().unwrap().as_str(), "from its own child");
    assert_eq!(said(&log), ["child dropped"]);
}

#[test]
fn a_full_limit_means_not_eager() {
    let rt = Hand::default();
    let log = Log::default();
    let (spawner, inside) = (rt.clone(), log.clone());
    let (_task, mut root) = once(
        async move {
            let scope = spawner.scope_with::<String>().limit(1).try_run(async |s| {
                for n in 0..3 {
                    let log = inside.clone();
                    let _child = s.spawn_eager(async move {
                        say(&log, format!("{n} begun"));
                        tick().await;
                    });
                }
                say(&inside, "body over");
                Ok(())
            });
            scope.await.unwrap();
        },
        &rt,
    );
    assert_eq!(said(&log), ["0 begun", "body over"]);
    for _ in 0..3 {
        finish(rt.next_root().as_mut());
    }
    finish(root.as_mut());
    assert_eq!(said(&log), ["0 begun", "body over", "1 begun", "2 begun"]);
}

#[test]
fn a_child_is_in_its_scope_from_the_start() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, _root) = once(
        async move {
            spawner
                .scope(async |s| {
                    let child = s.spawn_with().name("child").spawn_eager(async {
                        let name = current_task().unwrap().name().map(str::to_owned);
                        (name, current_scope().is_some())
                    });
                    child.await
                })
                .await
        },
        &rt,
    );
    assert_eq!(result(&mut task).unwrap(), (Some("child".to_owned()), true));
}

#[test]
fn a_panic_at_once_goes_on_in_the_body_of_a_scope_that_cannot_fail() {
    let rt = Hand::default();
    let spawner = rt.clone();
    let (mut task, _root) = once(
        async move {
            let scope = spawner.scope(async |s| s.spawn_eager(async { panic!("boom") }).await);
            scope.await;
        },
        &rt,
    );
    let error = result::<()>(&mut task).unwrap_err();
    assert!(error.is_panic());
}
