//! Scopes in code that runs in no task: order, nesting, panics, drops, futures that are moved.

use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use futures::future::join;

use super::{DEPTH, LOCAL, Log, Look, USER, finish, poll_once, seen};
use crate::task::tests::tick;
use crate::{ContextVar, Rebound};

#[test]
fn the_innermost_binding_counts_and_the_one_around_is_back_after_it() {
    finish(async {
        assert_eq!(USER.get(), None);
        let nested = async {
            assert_eq!(USER.get(), Some("ann"));
            tick().await;
            let bob = USER.scope("bob", async {
                tick().await;
                USER.get()
            });
            assert_eq!(bob.await, Some("bob"));
            assert_eq!(USER.get(), Some("ann"));
            assert_eq!(
                USER.sync_scope("carla", || USER.get_arc().map(|user| *user)),
                Some("carla")
            );
            USER.get()
        };
        assert_eq!(USER.scope("ann", nested).await, Some("ann"));
        assert_eq!(USER.get(), None);
    });
}

#[test]
fn a_variable_is_unbound_and_bound_again() {
    finish(USER.scope("ann", async {
        let unbound = USER.without(async {
            tick().await;
            assert!(!USER.is_bound());
            assert_eq!(USER.get_arc(), None);
            USER.scope("bob", async { USER.get() }).await
        });
        assert_eq!(unbound.await, Some("bob"));
        assert_eq!(USER.get(), Some("ann"));
        assert_eq!(USER.sync_without(|| USER.get()), None);
        assert_eq!(USER.get(), Some("ann"));
    }));
}

#[test]
fn two_variables_of_one_name_and_type_are_two() {
    static ONE: ContextVar<u32> = ContextVar::new("same");
    static TWO: ContextVar<u32> = ContextVar::new("same");
    ONE.sync_scope(1, || {
        assert_eq!((ONE.get(), TWO.get()), (Some(1), None));
        TWO.sync_scope(2, || assert_eq!((ONE.get(), TWO.get()), (Some(1), Some(2))));
        TWO.sync_without(|| assert_eq!((ONE.get(), TWO.get()), (Some(1), None)));
    });
}

#[test]
fn futures_that_take_turns_see_their_own_bindings() {
    fn three_times(name: &'static str) -> impl Future<Output = Vec<Option<&'static str>>> {
        USER.scope(name, async {
            let mut seen = vec![];
            for _ in 0..3 {
                seen.push(USER.get());
                tick().await;
            }
            seen
        })
    }
    let (ann, bob) = finish(join(three_times("ann"), three_times("bob")));
    assert_eq!(ann, [Some("ann"); 3]);
    assert_eq!(bob, [Some("bob"); 3]);
}

#[test]
fn between_polls_nothing_is_bound() {
    let mut half = pin!(USER.scope("ann", pending::<()>()));
    assert!(poll_once(half.as_mut()).is_pending());
    assert_eq!(USER.get(), None);
}

#[test]
fn what_was_bound_around_is_back_after_a_panic() {
    USER.sync_scope("ann", || {
        let mut bad = pin!(USER.scope("bob", async { panic!("inside") }));
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _: Poll<()> = poll_once(bad.as_mut());
        }));
        assert!(unwound.is_err());
        assert_eq!(USER.get(), Some("ann"));
        let unwound = catch_unwind(|| {
            USER.sync_scope("bob", || assert_eq!(USER.get(), None, "inside"));
        });
        assert!(unwound.is_err());
        assert_eq!(USER.get(), Some("ann"));
    });
    assert_eq!(USER.get(), None);
}

#[test]
fn destructors_see_the_binding() {
    let log = Log::default();
    let look = || {
        let look = Look(log.clone());
        async move {
            let _look = look;
            tick().await;
        }
    };
    finish(USER.scope("to its end", look()));
    {
        let mut half = pin!(USER.scope("dropped half-way", look()));
        assert!(poll_once(half.as_mut()).is_pending());
    }
    drop(USER.scope("never polled", look()));
    let held = Look(log.clone());
    // It keeps what it holds until it is dropped itself.
    let keeps = poll_fn(move |_| {
        let _ = &held;
        Poll::Ready(())
    });
    finish(USER.scope("ready", keeps));
    assert_eq!(USER.get(), None);
    let expected = ["to its end", "dropped half-way", "never polled", "ready"];
    assert_eq!(seen(&log), expected.map(Some));
}

#[test]
fn what_is_dropped_elsewhere_sees_what_its_last_poll_saw() {
    let log = Log::default();
    let look = Look(log.clone());
    let mut half = Box::pin(DEPTH.scope(1, async move {
        let _look = look;
        pending::<()>().await;
    }));
    USER.sync_scope("ann", || assert!(poll_once(half.as_mut()).is_pending()));
    thread::spawn(move || drop(half)).join().unwrap();
    assert_eq!(seen(&log), [Some("ann")]);

    let look = Look(log.clone());
    let never_polled = DEPTH.scope(1, async move { drop(look) });
    USER.sync_scope("bob", || drop(never_polled));
    assert_eq!(seen(&log), [Some("ann"), Some("bob")]);
}

#[test]
fn a_value_goes_as_soon_as_its_scope_is_over() {
    static HELD: ContextVar<Arc<()>> = ContextVar::new("held");
    let held = Arc::new(());
    let mut scope = pin!(HELD.scope(held.clone(), tick()));
    assert!(poll_once(scope.as_mut()).is_pending());
    assert_eq!(Arc::strong_count(&held), 2);
    assert!(poll_once(scope.as_mut()).is_ready());
    assert_eq!(Arc::strong_count(&held), 1);
    HELD.sync_scope(held.clone(), || assert_eq!(Arc::strong_count(&held), 2));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_value_may_look_and_bind_while_it_is_cloned_and_dropped() {
    static BUSY: ContextVar<Busy> = ContextVar::new("busy");
    struct Busy(Log);
    fn work(log: &Log) {
        USER.sync_scope("inside", || log.lock().unwrap().push(USER.get()));
        log.lock().unwrap().push(USER.get());
    }
    impl Clone for Busy {
        fn clone(&self) -> Self {
            assert!(BUSY.is_bound());
            work(&self.0);
            Busy(self.0.clone())
        }
    }
    impl Drop for Busy {
        fn drop(&mut self) {
            work(&self.0);
            finish(USER.without(ready(())));
        }
    }
    let log = Log::default();
    USER.sync_scope("around", || {
        let busy = BUSY.sync_scope(Busy(log.clone()), || BUSY.get());
        drop(busy);
        finish(BUSY.scope(Busy(log.clone()), ready(())));
        drop(BUSY.scope(Busy(log.clone()), ready(())));
    });
    // One clone, and each of four is dropped.
    assert_eq!(seen(&log), [Some("inside"), Some("around")].repeat(5));
}

#[test]
fn inside_with_everything_is_bound_as_it_was() {
    USER.sync_scope("ann", || {
        USER.with(|user| {
            assert_eq!(user, Some(&"ann"));
            assert_eq!(USER.get(), Some("ann"));
            USER.sync_scope("bob", || USER.with(|user| assert_eq!(user, Some(&"bob"))));
        });
        assert_eq!(USER.get(), Some("ann"));
    });
}

#[test]
fn a_moved_future_takes_its_scopes_along_and_finds_the_rest_where_it_is() {
    async fn look() -> (Option<u32>, Option<&'static str>) {
        (DEPTH.get(), USER.get())
    }
    let mut moved = Box::pin(DEPTH.scope(
        1,
        DEPTH.scope(2, async {
            let mut log = vec![];
            for _ in 0..4 {
                log.push(look().await);
                tick().await;
            }
            log
        }),
    ));
    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        poll_once(future.as_mut())
    }
    assert!(USER.sync_scope("ann", || poll(&mut moved)).is_pending());
    assert!(USER.sync_scope("bob", || poll(&mut moved)).is_pending());
    assert!(poll(&mut moved).is_pending());
    let moved = thread::spawn(move || {
        USER.sync_scope("carla", || assert!(poll(&mut moved).is_pending()));
        moved
    });
    let log = finish(moved.join().unwrap());
    let users = [Some("ann"), Some("bob"), None, Some("carla")];
    assert_eq!(log, users.map(|user| (Some(2), user)));
}

#[test]
fn a_thread_that_is_ending_finds_nothing_and_does_not_panic() {
    struct Late(Log);
    impl Drop for Late {
        fn drop(&mut self) {
            finish(USER.scope("late", async { tick().await }));
            USER.sync_scope("late", || ());
            self.0.lock().unwrap().push(USER.get());
        }
    }
    thread_local! {
        static LATE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) };
    }
    let log = Log::default();
    thread::spawn({
        let log = log.clone();
        move || {
            LATE.with(|late| *late.borrow_mut() = Some(Late(log)));
            // Made after `LATE`, and so gone before it.
            USER.sync_scope("ann", || assert!(USER.is_bound()));
        }
    })
    .join()
    .unwrap();
    assert_eq!(seen(&log), [None]);
}

#[test]
fn a_poll_after_the_end_panics() {
    let mut over = pin!(USER.scope("ann", ready(())));
    assert!(poll_once(over.as_mut()).is_ready());
    let unwound = catch_unwind(AssertUnwindSafe(|| poll_once(over.as_mut())));
    assert!(unwound.is_err());
}

#[test]
fn a_scope_says_what_it_binds() {
    assert!(format!("{USER:?}").contains("\"user\""));
    assert!(format!("{LOCAL:?}").contains("ThisTask"), "{LOCAL:?}");
    let scope = USER.scope("ann", ready(()));
    assert!(format!("{scope:?}").contains("\"user\""), "{scope:?}");
}

#[test]
fn a_scope_may_go_where_its_future_may() {
    fn send<T: Send>(_: &T) {}
    fn sync<T: Sync>(_: &T) {}
    fn unpin<T: Unpin>() {}
    let scope = USER.scope("ann", poll_fn(|_| Poll::Ready(())));
    send(&scope);
    sync(&scope);
    sync(&USER);
    unpin::<Rebound<std::future::Ready<()>>>();
}
