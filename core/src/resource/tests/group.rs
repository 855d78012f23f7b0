//! Groups of resources.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use super::*;
use crate::{GroupExit, using_all};

fn group(counts: &Counts, fails: &[Fails]) -> Vec<Pooled> {
    let members = fails.iter().map(|fails| Pooled::failing(counts, 3, *fails));
    members.collect()
}

#[test]
fn all_are_acquired_at_once_and_released_at_once() {
    let counts = Counts::default();
    let used = using_all(group(&counts, &[Fails::Never; 10]), async |all| {
        assert_eq!(all.len(), 10);
        Ok::<_, String>(all.iter().flatten().count())
    });
    let (end, polls) = finish(pin!(used));
    assert_eq!(polls, 7);
    assert_eq!(counts.released(), 10);
    assert_eq!(end.into_result().unwrap(), 10);
}

#[test]
fn each_failure_is_kept_and_only_what_was_acquired_is_released() {
    let counts = Counts::default();
    let fails = [
        Fails::Never,
        Fails::Acquire,
        Fails::Release,
        Fails::PanicRelease,
        Fails::Never,
    ];
    let used = using_all(group(&counts, &fails), async |all| {
        assert!(all[1].is_err());
        Err::<(), _>("body")
    });
    let end = finish(pin!(used)).0;
    assert_eq!(end.result(), &Err("body"));
    assert!(matches!(
        end.exits(),
        [
            GroupExit::Released,
            GroupExit::NotAcquired(_),
            GroupExit::Failed(_),
            GroupExit::Panicked(_),
            GroupExit::Released,
        ]
    ));
    assert_eq!((counts.acquired(), counts.released()), (4, 3));
    assert_eq!(counts.told(), ["error"; 4]);
}

#[test]
fn no_resources_are_a_group() {
    let none: [Pooled; 0] = [];
    let used = using_all(none, async |all| Ok::<_, String>(all.len()));
    assert_eq!(finish(pin!(used)).0.into_result().unwrap(), 0);
}

#[test]
fn a_panic_of_one_acquisition_releases_the_others() {
    let counts = Counts::default();
    let fails = [Fails::Never, Fails::PanicAcquire, Fails::Never];
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let used = using_all(group(&counts, &fails), async |_| Ok::<_, String>(()));
        drop(finish(pin!(used)));
    }));
    assert!(caught.is_err());
    assert_eq!((counts.acquired(), counts.released()), (2, 2));
}

#[test]
fn a_request_at_any_point_releases_what_was_acquired() {
    for stop_after in 0..12 {
        let rt = Hand::default();
        let counts = Counts::default();
        let (task, mut root) = spawn(&rt, {
            let counts = counts.clone();
            async move {
                // Each takes another time.
                let members = (0..4).map(|ticks| Pooled::new(&counts, ticks));
                let used = using_all(members, async |_| {
                    tick().await;
                    Ok::<_, String>(())
                });
                used.await.into_result().unwrap();
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
        assert_eq!(
            counts.acquired(),
            counts.released(),
            "stopped after {stop_after} polls"
        );
        assert!(counts.acquired() > 0 || stop_after == 0);
    }
}
