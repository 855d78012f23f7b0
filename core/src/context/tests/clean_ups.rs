//! What clean-ups see, wherever they run.

use std::future::pending;
use std::pin::pin;

use futures::future::select;

use super::{LOCAL, Log, Look, USER, finish, look, poll_once, run_as_eve, seen, spawn_as_ann};
use crate::task::tests::{Hand, tick};
use crate::{CancelToken, Cancellable, Runtime, defer};

#[test]
fn a_clean_up_has_what_was_bound_where_it_was_registered() {
    let rt = Hand::default();
    let log = Log::default();
    let (_task, root) = spawn_as_ann(&rt, {
        let log = log.clone();
        async move {
            defer(look(&log));
            USER.scope("bob", async { defer(look(&log)) }).await;
            USER.without(async { defer(look(&log)) }).await;
            // A scope is no region: nothing has run at its end.
            assert_eq!(seen(&log), []);
        }
    });
    run_as_eve(root);
    let expected = [
        None,
        None,
        Some("bob"),
        Some("bob"),
        Some("ann"),
        Some("ann"),
    ];
    assert_eq!(seen(&log), expected);
}

#[test]
fn a_clean_up_that_is_dropped_unfinished_is_dropped_in_its_context() {
    let log = Log::default();
    let orphaned = Hand::default();
    let guard = Look(log.clone());
    let (_task, mut root) = spawn_as_ann(&orphaned, async move {
        USER.sync_scope("bob", || {
            defer(async move {
                let _guard = guard;
                pending::<()>().await;
            });
        });
    });
    assert!(poll_once(root.as_mut()).is_pending());
    drop(root);
    // It was handed on once; the second time it is lost.
    drop(orphaned.next_root());
    assert_eq!(seen(&log), [Some("bob")]);
}

#[test]
fn a_clean_up_that_a_region_further_out_adopts_keeps_its_context() {
    let rt = Hand::default();
    let log = Log::default();
    let token = CancelToken::new();
    let (_task, root) = spawn_as_ann(&rt, {
        let log = log.clone();
        async move {
            let loser = USER.scope("loser", async {
                let inner = async {
                    defer(look(&log));
                    LOCAL.sync_scope("kept", || {
                        defer(async { assert_eq!(LOCAL.get(), Some("kept")) });
                    });
                    pending::<()>().await;
                };
                let _ = inner.until(&token).await;
            });
            select(pin!(loser), pin!(tick())).await;
            tick().await;
            assert_eq!(USER.get(), Some("ann"));
        }
    });
    run_as_eve(root);
    assert_eq!(seen(&log), [Some("loser"); 2]);
}

#[test]
fn a_clean_up_registered_where_nothing_was_bound_sees_nothing_later() {
    let rt = Hand::default();
    let log = Log::default();
    let token = CancelToken::new();
    rt.spawn_detached({
        let log = log.clone();
        async move {
            let body = async {
                defer(look(&log));
                tick().await;
            };
            let mut half = Box::pin(body.until(&token));
            assert!(poll_once(half.as_mut()).is_pending());
            // The region moves into a scope, and its clean-ups run there.
            USER.scope("bob", half).await.unwrap();
        }
    });
    run_as_eve(rt.next_root());
    assert_eq!(seen(&log), [None, None]);
}

#[test]
fn orphans_keep_their_context() {
    let rt = Hand::default();
    let log = Log::default();
    let (task, mut root) = spawn_as_ann(&rt, {
        let log = log.clone();
        async move {
            defer(look(&log));
            USER.scope("bob", async {
                LOCAL.sync_scope("kept", || {
                    let log = log.clone();
                    defer(async move {
                        log.lock().unwrap().push(LOCAL.get());
                        look(&log).await;
                    });
                });
                pending::<()>().await;
            })
            .await;
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    drop(root);
    run_as_eve(rt.next_root());
    let expected = ["kept", "bob", "bob", "ann", "ann"];
    assert_eq!(seen(&log), expected.map(Some));
    assert!(finish(task).unwrap_err().is_lost());
}

#[test]
fn a_clean_up_deferred_in_a_destructor_sees_the_scope_of_that() {
    struct Closes(Log);
    impl Drop for Closes {
        fn drop(&mut self) {
            defer(look(&self.0));
        }
    }
    let rt = Hand::default();
    let log = Log::default();
    let (task, mut root) = spawn_as_ann(&rt, {
        let closes = Closes(log.clone());
        USER.scope("bob", async move {
            let _closes = closes;
            pending::<()>().await;
        })
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    run_as_eve(root);
    assert_eq!(seen(&log), [Some("bob"); 2]);
}
