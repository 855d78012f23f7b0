//! Resources that are made of a function.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use super::*;
use crate::{Co, defer, resource_from, using};

type Yields = Co<Counts, (Counts, Exit<String>)>;

/// Acquires and releases, with suspensions; `yields` times.
async fn pooled(co: Yields, counts: Counts, yields: usize) -> Result<(), String> {
    tick().await;
    let _local = crate::region::tests::OnDrop(counts.1.clone(), "local dropped");
    counts.0.0.fetch_add(1, Ordering::SeqCst);
    let deferred = counts.1.clone();
    defer(async move { say(&deferred, "deferred") });
    for _ in 0..yields {
        let (held, exit) = co.yield_(counts.clone()).await;
        say(&held.1, exit.kind().to_string());
        tick().await;
        held.0.1.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

#[test]
fn what_is_before_the_yield_acquires_and_what_is_after_it_releases() {
    for outcome in [Ok(5), Err("use".to_owned())] {
        let counts = Counts::default();
        let made = counts.clone();
        let resource = resource_from(move |co| pooled(co, made, 1));
        let used = using(resource, async |held| {
            assert_eq!((held.acquired(), held.released()), (1, 0));
            tick().await;
            outcome.clone()
        });
        assert_eq!(finish(pin!(used)).0, outcome);
        let told = if outcome.is_ok() { "value" } else { "error" };
        assert_eq!(counts.told(), [told, "local dropped", "deferred"]);
        assert_eq!(counts.released(), 1);
    }
}

#[test]
fn errors_before_and_after_the_yield_are_those_of_acquisition_and_release() {
    let before = resource_from::<(), _, _, _>(async |_| Err("before".to_owned()));
    let used = using(before, async |_| -> Result<(), String> { unreachable!() });
    assert_eq!(finish(pin!(used)).0.unwrap_err(), "before");
    let after = resource_from(async |co: Co<(), ((), Exit<String>)>| {
        let _ = co.yield_(()).await;
        Err("after".to_owned())
    });
    assert_eq!(
        finish(pin!(using(after, async |_| Ok(1)))).0.unwrap_err(),
        "after"
    );
}

#[test]
fn a_request_at_any_point_releases_what_was_acquired() {
    for stop_after in 0..8 {
        let rt = Hand::default();
        let counts = Counts::default();
        let (task, mut root) = spawn(&rt, {
            let counts = counts.clone();
            async move {
                let made = counts.clone();
                let resource = resource_from(move |co| pooled(co, made, 1));
                using(resource, async |_| {
                    tick().await;
                    tick().await;
                    Ok(())
                })
                .await
            }
        });
        let mut ended = false;
        for _ in 0..stop_after {
            ended = ended || poll_once(root.as_mut()).is_ready();
        }
        task.cancel("at this point");
        if !ended {
            finish(root.as_mut());
        }
        let expected = match stop_after {
            0 => vec![],
            1..=3 => vec!["cancelled", "local dropped", "deferred"],
            _ => vec!["value", "local dropped", "deferred"],
        };
        assert_eq!(counts.told(), expected, "stopped after {stop_after} polls");
        assert_eq!(counts.acquired(), counts.released());
    }
}

#[test]
fn no_yield_and_a_second_one_are_clear_errors() {
    let none = resource_from::<(), String, _, _>(async |_| Ok(()));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        finish(pin!(using(none, async |_| Ok(())))).0
    }));
    let text = *caught.unwrap_err().downcast_ref::<&str>().unwrap();
    assert!(text.contains("has not yielded"), "{text}");

    crate::region::tests::counted::listen();
    let counts = Counts::default();
    let made = counts.clone();
    let twice = resource_from(move |co| pooled(co, made, 2));
    // The use has a value, and it stands; the panic of the release is reported.
    assert_eq!(finish(pin!(using(twice, async |_| Ok(5)))).0, Ok(5));
    assert_eq!(counts.told(), ["value", "local dropped", "deferred"]);
    let text = "a function that a resource is made of has yielded a second time";
    assert!(!crate::region::tests::counted::reported(text).is_empty());
}
