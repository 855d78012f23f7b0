//! Context and tasks: what is inherited, what is not, what destructors see.

use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{
    DEPTH, LOCAL, Log, Look, USER, finish, look, poll_once, run_as_eve, seen, spawn_as_ann,
};
use crate::task::tests::{Hand, tick};
use crate::{ContextVar, Runtime, current, defer, outside_regions, rooted};

// --- what child tasks inherit

#[test]
fn a_task_has_what_was_bound_where_it_was_spawned() {
    let rt = Hand::default();
    let log = Log::default();
    let (task, root) = spawn_as_ann(&rt, look(&log));
    run_as_eve(root);
    USER.sync_scope("bob", || rt.spawn_detached(look(&log)));
    run_as_eve(rt.next_root());
    USER.sync_scope("carla", || {
        rt.spawn_with().name("named").spawn_detached(look(&log));
    });
    run_as_eve(rt.next_root());
    let users = ["ann", "ann", "bob", "bob", "carla", "carla"];
    assert_eq!(seen(&log), users.map(Some));
    assert_eq!(USER.get(), None);
    drop(task);
}

#[test]
fn a_task_that_inherits_nothing_sees_nothing_of_who_polls_it() {
    let rt = Hand::default();
    let log = Log::default();
    rt.spawn_detached(look(&log));
    run_as_eve(rt.next_root());
    assert_eq!(seen(&log), [None, None]);
}

#[test]
fn a_grandchild_inherits_through_a_child_that_binds_nothing() {
    let rt = Hand::default();
    let log = Log::default();
    let (_task, root) = spawn_as_ann(&rt, {
        let (rt, log) = (rt.clone(), log.clone());
        async move {
            rt.spawn_detached(look(&log));
            USER.sync_without(|| rt.spawn_detached(look(&log)));
        }
    });
    run_as_eve(root);
    run_as_eve(rt.next_root());
    run_as_eve(rt.next_root());
    assert_eq!(seen(&log), [Some("ann"), Some("ann"), None, None]);
}

#[test]
fn a_variable_that_is_not_inherited_holds_in_its_task_only() {
    let rt = Hand::default();
    let log = Log::default();
    let body = {
        let (rt, log) = (rt.clone(), log.clone());
        async move {
            let note = {
                let log = log.clone();
                move || log.lock().unwrap().push(LOCAL.get())
            };
            note(); // bound around the whole body
            let child_note = note.clone();
            rt.spawn_detached(async move {
                child_note();
                let inner = async {
                    tick().await;
                    child_note();
                };
                LOCAL.scope("child's own", inner).await;
                DEPTH.scope(1, async { child_note() }).await;
                DEPTH.sync_scope(1, child_note);
                assert_eq!(USER.get(), Some("ann"));
            });
            defer(async move { note() });
            tick().await;
        }
    };
    // The scope moves into the task; it is not bound where the task is spawned.
    let (_task, root) = spawn_as_ann(&rt, LOCAL.scope("local", body));
    run_as_eve(root);
    run_as_eve(rt.next_root());
    let expected = [
        Some("local"),
        Some("local"),
        None,
        Some("child's own"),
        None,
        None,
    ];
    assert_eq!(seen(&log), expected);
}

#[test]
fn a_variable_that_is_not_inherited_is_not_found_beyond_a_root_in_place() {
    let rt = Hand::default();
    LOCAL.sync_scope("around", || {
        USER.sync_scope("ann", || {
            let inside = rooted(&rt, async {
                assert_eq!((USER.get(), LOCAL.get()), (Some("ann"), None));
                tick().await;
                LOCAL
                    .scope("inside", async {
                        tick().await;
                        LOCAL.get()
                    })
                    .await
            });
            assert_eq!(finish(inside), Some("inside"));
            assert_eq!(LOCAL.get(), Some("around"));
        });
    });
}

#[test]
fn a_root_in_place_has_what_was_bound_at_its_first_poll() {
    let rt = Hand::default();
    let body = async {
        let first = USER.get();
        tick().await;
        (first, USER.get())
    };
    // Made outside of the scope, as arguments are.
    let mut scope = Box::pin(USER.scope("ann", rooted(&rt, body)));
    USER.sync_scope("eve", || assert!(poll_once(scope.as_mut()).is_pending()));
    assert_eq!(finish(scope), (Some("ann"), Some("ann")));

    let mut unscoped = pin!(rooted(&rt, async {
        let first = USER.get();
        tick().await;
        (first, USER.get())
    }));
    assert!(poll_once(unscoped.as_mut()).is_pending());
    let seen = USER.sync_scope("eve", || finish(unscoped));
    assert_eq!(seen, (None, None));

    let made_inside = USER.sync_scope("ann", || rooted(&rt, async { USER.get() }));
    assert_eq!(finish(made_inside), None);
}

#[test]
fn outside_regions_nothing_is_bound() {
    let log = Log::default();
    finish(USER.scope("ann", async {
        let guard = Look(log.clone());
        outside_regions(async {
            look(&log).await;
            assert_eq!(USER.scope("bob", async { USER.get() }).await, Some("bob"));
            drop(guard);
        })
        .await;
        let guard = Look(log.clone());
        let mut half = Box::pin(outside_regions(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        assert!(poll_once(half.as_mut()).is_pending());
        drop(half);
        assert_eq!(USER.get(), Some("ann"));
    }));
    assert_eq!(seen(&log), [None; 4]);
}

// --- moved futures

#[test]
fn a_future_that_moves_to_another_task_finds_what_that_inherited() {
    let rt = Hand::default();
    let log = Log::default();
    let mut moved = Box::pin(DEPTH.scope(1, {
        let log = log.clone();
        async move {
            look(&log).await;
            assert_eq!(DEPTH.get(), Some(1));
        }
    }));
    let (_task, root) = spawn_as_ann(&rt, async move {
        assert!(poll_once(moved.as_mut()).is_pending());
        USER.sync_scope("bob", || current().unwrap().spawn(moved))
            .detach();
    });
    run_as_eve(root);
    run_as_eve(rt.next_root());
    assert_eq!(seen(&log), [Some("ann"), Some("bob")]);
}

// --- destructors

#[test]
fn destructors_see_what_their_task_had_however_it_ends() {
    let log = Log::default();
    for how in ["value", "cancel", "panic", "runtime goes"] {
        let rt = Hand::default();
        let guard = Look(log.clone());
        let (task, mut root) = spawn_as_ann(&rt, async move {
            let inside = async {
                let _guard = guard;
                match how {
                    "value" => {}
                    "panic" => panic!("in the body"),
                    _ => pending().await,
                }
            };
            USER.scope(how, inside).await;
        });
        USER.sync_scope("eve", || {
            let polled = poll_once(root.as_mut());
            match how {
                "cancel" => {
                    task.cancel("test");
                    assert!(poll_once(root.as_mut()).is_ready());
                }
                "runtime goes" => drop(root),
                _ => assert!(polled.is_ready()),
            }
        });
    }
    let expected = ["value", "cancel", "panic", "runtime goes"];
    assert_eq!(seen(&log), expected.map(Some));

    let rt = Hand::default();
    let guard = Look(log.clone());
    let (_task, root) = spawn_as_ann(&rt, async move { drop(guard) });
    USER.sync_scope("eve", || drop(root));
    assert_eq!(seen(&log).last(), Some(&Some("ann")));
}

#[test]
fn an_inherited_value_goes_when_the_task_is_over_though_its_handle_is_kept() {
    static HELD: ContextVar<Arc<()>> = ContextVar::new("held");
    let rt = Hand::default();
    let held = Arc::new(());
    let task = HELD.sync_scope(held.clone(), || rt.spawn(ready(())));
    let mut root = rt.next_root();
    assert_eq!(Arc::strong_count(&held), 2);
    assert!(poll_once(root.as_mut()).is_ready());
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(task.is_finished());
}

#[test]
fn a_value_whose_destructor_panics_does_not_unwind_out_of_the_root() {
    static BAD: ContextVar<Bad> = ContextVar::new("bad");
    static DROPPED: AtomicBool = AtomicBool::new(false);
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            DROPPED.store(true, Ordering::SeqCst);
            panic!("in the destructor of a value");
        }
    }
    let rt = Hand::default();
    let task = BAD.sync_scope(Bad, || rt.spawn(ready(5)));
    assert!(!DROPPED.load(Ordering::SeqCst));
    assert!(poll_once(rt.next_root().as_mut()).is_ready());
    assert!(DROPPED.load(Ordering::SeqCst));
    assert_eq!(finish(task).unwrap(), 5);
}
