//! Context variables: what tasks, jobs and clean-ups find, on a real runtime.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex};

use anyrt_core::{
    CancelToken, Cancellable, ContextVar, Runtime, current, defer, outside_regions, rooted, shield,
};
use futures::channel::oneshot;
use futures::future::{join_all, select};

use crate::Harness;
use crate::faults::{OnDrop, poll_once, until, yield_once};

static USER: ContextVar<String> = ContextVar::new("user");
static LEVEL: ContextVar<u32> = ContextVar::new("level");
static LOCAL: ContextVar<u32> = ContextVar::new("local").not_inherited();

fn user() -> String {
    USER.get().unwrap_or_default()
}

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log) {
    log.lock().unwrap().push(user());
}

pub async fn a_scope_holds_across_suspensions_and_ends<H: Harness>(rt: H::Handle) {
    let sleeper = rt.clone();
    let nested = async move {
        assert_eq!(user(), "ann");
        yield_once().await;
        let bob = USER.scope("bob".into(), async {
            sleeper.sleep(std::time::Duration::from_micros(10)).await;
            user()
        });
        assert_eq!(bob.await, "bob");
        assert_eq!(USER.without(async { USER.get() }).await, None);
        user()
    };
    assert_eq!(USER.scope("ann".into(), nested).await, "ann");
    assert_eq!(USER.get(), None);
}

pub async fn child_tasks_inherit<H: Harness>(rt: H::Handle) {
    let (go, gate) = oneshot::channel::<()>();
    let child = USER.sync_scope("ann".into(), || {
        rt.spawn({
            let rt = rt.clone();
            async move {
                gate.await.unwrap();
                let grandchild = rt.spawn(async { user() });
                (user(), grandchild.await.unwrap())
            }
        })
    });
    // Its scope is over before it goes on.
    assert_eq!(USER.get(), None);
    go.send(()).unwrap();
    assert_eq!(child.await.unwrap(), ("ann".into(), "ann".into()));

    let (tell, told) = oneshot::channel();
    USER.sync_scope("bob".into(), || {
        rt.spawn_with().name("detached").spawn_detached(async {
            tell.send(user()).unwrap();
        });
    });
    assert_eq!(told.await.unwrap(), "bob");
}

pub async fn a_task_spawned_where_nothing_is_bound_finds_nothing<H: Harness>(rt: H::Handle) {
    let seen = USER.scope("ann".into(), async {
        let unbound = USER.sync_without(|| rt.spawn(async { USER.get() }));
        unbound.await.unwrap()
    });
    assert_eq!(seen.await, None);
    assert_eq!(rt.spawn(async { USER.get() }).await.unwrap(), None);
}

pub async fn a_thousand_tasks_each_have_their_own<H: Harness>(rt: H::Handle) {
    let tasks = (0..H::CAPS.many.min(1_000) as u32).map(|n| {
        let task = rt.spawn(LEVEL.scope(n, async move {
            for _ in 0..3 {
                assert_eq!(LEVEL.get(), Some(n));
                yield_once().await;
            }
            let child = current().unwrap().spawn(async { LEVEL.get() });
            child.await.unwrap()
        }));
        async move { (n, task.await.unwrap()) }
    });
    for (n, seen) in join_all(tasks).await {
        assert_eq!(seen, Some(n));
    }
}

pub async fn a_blocking_job_inherits<H: Harness>(rt: H::Handle) {
    let job = USER.sync_scope("ann".into(), || {
        rt.spawn_blocking({
            let rt = rt.clone();
            move || {
                assert_eq!(LOCAL.get(), None);
                let inner = USER.sync_scope("bob".into(), || rt.spawn(async { user() }));
                (user(), inner)
            }
        })
    });
    let (outer, inner) = job.await.unwrap();
    assert_eq!((outer, inner.await.unwrap()), ("ann".into(), "bob".into()));
    // The thread goes back to the pool with nothing bound.
    for _ in 0..4 {
        assert_eq!(rt.spawn_blocking(|| USER.get()).await.unwrap(), None);
    }
}

pub async fn a_variable_that_is_not_inherited_stays_in_its_task<H: Harness>(rt: H::Handle) {
    let seen = LOCAL.scope(1, async {
        yield_once().await;
        assert_eq!(LOCAL.get(), Some(1));
        let child = rt.spawn(async {
            let first = LOCAL.get();
            (first, LOCAL.scope(2, async { LOCAL.get() }).await)
        });
        let job = rt.spawn_blocking(|| LOCAL.get());
        let in_place = rooted(&rt, async { LOCAL.get() }).await;
        (child.await.unwrap(), job.await.unwrap(), in_place)
    });
    assert_eq!(seen.await, ((None, Some(2)), None, None));
}

pub async fn clean_ups_have_what_was_bound_where_they_were_registered<H: Harness>(rt: H::Handle) {
    for how in ["value", "panic", "cancel"] {
        let log = Log::default();
        let (start, started) = oneshot::channel();
        let body = {
            let log = log.clone();
            async move {
                let defer_note = |log: &Log| {
                    let log = log.clone();
                    defer(async move {
                        yield_once().await;
                        note(&log);
                    });
                };
                defer_note(&log);
                USER.scope("bob".into(), async {
                    defer_note(&log);
                    LOCAL.sync_scope(1, || defer(async { assert_eq!(LOCAL.get(), Some(1)) }));
                })
                .await;
                let dropped = log.clone();
                let _guard = OnDrop::new(move || note(&dropped));
                start.send(()).unwrap();
                match how {
                    "value" => {}
                    "panic" => panic!("in the body"),
                    _ => pending().await,
                }
            }
        };
        let task = USER.sync_scope("ann".into(), || rt.spawn(body));
        started.await.unwrap();
        match how {
            "value" => task.await.unwrap(),
            "panic" => assert!(task.await.unwrap_err().is_panic()),
            _ => assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled()),
        }
        assert_eq!(*log.lock().unwrap(), ["ann", "bob", "ann"], "{how}");
    }
}

pub async fn a_losing_arm_is_cleaned_up_in_its_own_context<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            let token = CancelToken::new();
            let loser = USER.scope("loser".into(), async {
                let inner = async {
                    let (cleanup, dropped) = (log.clone(), log.clone());
                    defer(async move {
                        yield_once().await;
                        note(&cleanup);
                    });
                    let _guard = OnDrop::new(move || note(&dropped));
                    pending::<()>().await;
                };
                let _ = inner.until(&token).await;
            });
            {
                let loser = pin!(loser);
                select(loser, pin!(yield_once())).await;
            }
            assert_eq!(USER.get(), None);
        }
    });
    task.await.unwrap();
    assert_eq!(*log.lock().unwrap(), ["loser", "loser"]);
}

pub async fn a_cancelled_body_sees_its_bindings_while_it_is_dropped<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (start, started) = oneshot::channel();
    let task = rt.spawn({
        let log = log.clone();
        let body = async move {
            let dropped = log.clone();
            let _guard = OnDrop::new(move || note(&dropped));
            shield(USER.scope("shielded".into(), async { note(&log) })).await;
            start.send(()).unwrap();
            pending::<()>().await;
        };
        USER.scope("ann".into(), body)
    });
    started.await.unwrap();
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert_eq!(*log.lock().unwrap(), ["shielded", "ann"]);
}

pub async fn a_future_moved_to_another_task_takes_its_scopes_along<H: Harness>(rt: H::Handle) {
    async fn three_looks() -> Vec<(Option<u32>, String)> {
        let mut seen = vec![];
        for _ in 0..2 {
            seen.push((LEVEL.get(), user()));
            yield_once().await;
        }
        seen
    }
    let mut moved = Box::pin(LEVEL.scope(1, three_looks()));
    USER.sync_scope("ann".into(), || {
        assert!(poll_once(moved.as_mut()).is_pending());
    });
    let task = USER.sync_scope("bob".into(), || rt.spawn(moved));
    let expected = [(Some(1), "ann".into()), (Some(1), "bob".into())];
    assert_eq!(task.await.unwrap(), expected);
}

pub async fn outside_regions_nothing_is_bound<H: Harness>(rt: H::Handle) {
    let task = rt.spawn(USER.scope("ann".into(), async {
        let outside = outside_regions(async {
            yield_once().await;
            (USER.get(), USER.scope("eve".into(), async { user() }).await)
        });
        (outside.await, user())
    }));
    let expected = ((None, "eve".into()), "ann".into());
    assert_eq!(task.await.unwrap(), expected);
}

pub async fn a_rooted_future_has_what_is_bound_where_it_is_polled<H: Harness>(rt: H::Handle) {
    // Made before the scope is entered, as arguments are.
    let inside = rooted(&rt, async {
        yield_once().await;
        let child = current().unwrap().spawn(async { user() });
        (user(), child.await.unwrap())
    });
    let seen = USER.scope("ann".into(), inside).await;
    assert_eq!(seen, ("ann".into(), "ann".into()));
}

pub async fn a_panic_leaves_nothing_bound<H: Harness>(rt: H::Handle) {
    for _ in 0..8 {
        let task = rt.spawn(USER.scope("ann".into(), async {
            yield_once().await;
            panic!("inside the scope");
        }));
        let error: anyrt_core::JoinError = task.await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(rt.spawn(async { USER.get() }).await.unwrap(), None);
    }
}

pub async fn inherited_values_go_with_the_last_task<H: Harness>(rt: H::Handle) {
    static HELD: ContextVar<Arc<()>> = ContextVar::new("held");
    let held = Arc::new(());
    let tasks = HELD.scope(held.clone(), async {
        (0..10).map(|_| rt.spawn(yield_once())).collect::<Vec<_>>()
    });
    let tasks = tasks.await;
    until(|| tasks.iter().all(anyrt_core::Task::is_finished)).await;
    // Though no handle was joined. A root lets go before its task shows as finished.
    assert_eq!(Arc::strong_count(&held), 1);
    for result in join_all(tasks).await {
        result.unwrap();
    }
}

pub async fn the_scopes_are_send_in_generic_code<H: Harness>(rt: H::Handle) {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    async fn all<R: Runtime>(rt: R) -> String {
        let unbound = send(USER.without(async { USER.get() })).await;
        assert_eq!(unbound, None);
        send(USER.scope("ann".into(), async {
            rt.spawn(async { user() }).await.unwrap()
        }))
        .await
    }
    assert_eq!(rt.spawn(send(all(rt.clone()))).await.unwrap(), "ann");
}
