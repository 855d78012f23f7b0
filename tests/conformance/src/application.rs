//! Applications, and their end.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyrt_core::{Reason, Runtime, Shutdown, application, defer, shield, stopping};
use futures::channel::oneshot;

use crate::Harness;
use crate::faults::{Alive, until, yield_once};

/// Long enough for any machine; not waited for where things end.
const LONG: Duration = Duration::from_secs(30);

fn quiet() -> Shutdown<'static> {
    Shutdown::within(LONG).on_report(|_| ())
}

/// Says stop as soon as it is told to.
async fn told(stop: oneshot::Receiver<&'static str>) -> Reason {
    stop.await.unwrap_or("nobody is there").into()
}

pub fn the_body_gives_its_value_when_the_tasks_are_cleaned_up<H: Harness>() {
    let owner = H::start();
    let cleaned = AtomicUsize::new(0);
    let stopped = quiet().run(&owner, pending(), async |_| {
        let app = application().unwrap();
        let waiting = Arc::<AtomicUsize>::default();
        let cleaned = Arc::<AtomicUsize>::default();
        for _ in 0..100 {
            let (waiting, cleaned) = (waiting.clone(), cleaned.clone());
            app.spawn(async move {
                defer(async move {
                    yield_once().await;
                    cleaned.fetch_add(1, Ordering::SeqCst);
                });
                waiting.fetch_add(1, Ordering::SeqCst);
                pending::<()>().await;
            });
        }
        until(|| waiting.load(Ordering::SeqCst) == 100).await;
        cleaned
    });
    assert!(stopped.is_clean() && stopped.reason().is_none());
    cleaned.store(
        stopped.into_value().unwrap().load(Ordering::SeqCst),
        Ordering::SeqCst,
    );
    assert_eq!(cleaned.into_inner(), 100);
}

pub fn a_stop_reaches_the_body_and_the_tasks_with_its_reason<H: Harness>() {
    let owner = H::start();
    let (stop, asked) = oneshot::channel();
    let (body, task) = (Alive::default(), Alive::default());
    let stopped = quiet().run(&owner, told(asked), async |_| {
        let _held = body.clone();
        let held = task.clone();
        application().unwrap().spawn(async move {
            let _held = held;
            yield_once().await;
            stop.send("closing time").unwrap();
            pending::<()>().await;
        });
        pending::<()>().await;
    });
    assert_eq!(stopped.reason().unwrap().as_str(), "closing time");
    assert!(stopped.is_clean() && stopped.value().is_none());
    assert_eq!((body.others(), task.others()), (0, 0));
}

pub fn a_body_that_is_shielded_sees_the_token_and_gives_its_value<H: Harness>() {
    let owner = H::start();
    let stop = ready(Reason::from("closing time"));
    let stopped = quiet().run(&owner, stop, async |_| {
        let stopping = stopping();
        shield(async move { stopping.cancelled().await.to_string() }).await
    });
    assert_eq!(stopped.reason().unwrap().as_str(), "closing time");
    assert_eq!(stopped.into_value().as_deref(), Some("closing time"));
}

pub fn a_panic_of_the_body_passes_when_the_tasks_are_gone<H: Harness>() {
    let owner = H::start();
    let task = Alive::default();
    let ran = catch_unwind(AssertUnwindSafe(|| {
        quiet().run(&owner, pending(), async |_| {
            let held = task.clone();
            application().unwrap().spawn(async move {
                let _held = held;
                pending::<()>().await;
            });
            yield_once().await;
            panic!("out of cheese")
        })
    }));
    let payload = ran.map(drop).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"out of cheese"));
    assert_eq!(task.others(), 0);
}

pub fn who_does_not_end_in_time_is_named_and_given_up_on<H: Harness>() {
    let owner = H::start();
    let (free, is_freed) = oneshot::channel::<()>();
    let (holding, is_holding) = oneshot::channel();
    let mut lines = Vec::new();
    let shutdown = Shutdown::within(Duration::ZERO).on_report(|line| lines.push(line.to_owned()));
    let stopped = shutdown.run(&owner, pending(), async |_| {
        let app = application().unwrap();
        app.spawn_with().name("stubborn").spawn(shield(async move {
            // Listed by name from its first suspension on.
            yield_once().await;
            holding.send(()).unwrap();
            let _ = is_freed.await;
        }));
        is_holding.await.unwrap();
        "done"
    });
    assert!(!stopped.is_clean());
    let left = stopped.left();
    assert_eq!(left.len(), 1);
    assert!(
        left[0].starts_with("task `stubborn` (spawned at "),
        "{left:?}"
    );
    assert!(left[0].contains("application.rs:"), "{left:?}");
    assert_eq!(stopped.into_value(), Some("done"));
    assert_eq!(lines[0], "1 task is left after 0ns, given up on:");
    // A global runtime goes on, and so does the task.
    drop(free);
}

pub fn code_that_runs_elsewhere_finds_its_application<H: Harness>() {
    let owner = H::start();
    let stopped = quiet().run(&owner, pending(), async |rt| {
        let app = application().unwrap();
        let child = app.spawn(async { Ok::<_, String>(application().unwrap().spawned()) });
        assert_eq!(child.await, 1);
        let spawned = rt.spawn(async { application().is_some() });
        spawned.await.unwrap()
    });
    assert_eq!(stopped.into_value(), Some(true));
}
