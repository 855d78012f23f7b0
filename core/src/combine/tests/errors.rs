//! Errors of arms: which stops whom, and who is in the group.

use std::future::{Ready, pending, ready};
use std::pin::pin;

use super::{Log, finish, listen, reported, said, say};
use crate::task::tests::tick;
use crate::{Origin, defer, race_ok, shield, try_gather};

type Outcome = Result<u8, &'static str>;

async fn after(ticks: usize, outcome: Outcome) -> Outcome {
    for _ in 0..ticks {
        tick().await;
    }
    outcome
}

#[test]
fn values_only_are_a_value() {
    let (values, _) = finish(pin!(try_gather((after(2, Ok(1)), async {
        Ok::<_, &str>("two")
    }))));
    assert_eq!(values.unwrap(), (1, "two"));
    let values = finish(pin!(try_gather([after(2, Ok(1)), after(0, Ok(2))]))).0;
    assert_eq!(values.unwrap(), [1, 2]);
}

#[test]
fn the_first_error_stops_the_others_and_theirs_join_in_order() {
    for many in [false, true] {
        let log = Log::default();
        let arm = |n: usize| {
            let log = log.clone();
            async move {
                let cleanup = log.clone();
                defer(async move { say(&cleanup, format!("cleaned up {n}")) });
                match n {
                    // Fails last, while it is drained.
                    0 => shield(after(6, Err("zero"))).await,
                    1 => after(1, Err("one")).await,
                    // Is in the way of nothing.
                    2 => pending().await,
                    // A value that comes too late.
                    3 => shield(after(2, Ok(3))).await,
                    // Panics while it is drained.
                    _ => {
                        let _ = shield(after(3, Ok(4))).await;
                        panic!("four")
                    }
                }
            }
        };
        let group = match many {
            true => finish(pin!(try_gather((0..5).map(arm).collect::<Vec<_>>())))
                .0
                .unwrap_err(),
            false => finish(pin!(try_gather((arm(0), arm(1), arm(2), arm(3), arm(4)))))
                .0
                .unwrap_err(),
        };
        let members: Vec<_> = group
            .iter()
            .map(|child| (child.index().unwrap(), child.error().copied()))
            .collect();
        assert_eq!(
            members,
            [(1, Some("one")), (4, None), (0, Some("zero"))],
            "many: {many}"
        );
        assert!(group.iter().all(|child| child.origin() == Origin::Arm));
        assert_eq!(said(&log).len(), 5, "all are cleaned up");
        let text = group.first().to_string();
        assert!(
            text.starts_with("one (arm 1, combined at ") && text.contains("errors.rs"),
            "{text}"
        );
    }
}

#[test]
fn a_panic_is_a_member_like_an_error() {
    let bad = async {
        tick().await;
        defer(async { panic!("beside") });
        panic!("out of cheese")
    };
    let bad: std::pin::Pin<Box<dyn Future<Output = Outcome>>> = Box::pin(bad);
    let (group, _) = finish(pin!(try_gather((after(9, Ok(1)), bad))));
    let first = group.unwrap_err().into_first();
    assert!(first.is_panic());
    assert_eq!(first.index(), Some(1));
    assert_eq!(first.panic_message().as_deref(), Some("out of cheese"));
    assert_eq!(first.failures().len(), 1);
}

#[test]
fn the_first_ok_wins_and_brings_the_errors_until_then() {
    let arms = [
        after(3, Ok(3)),
        after(2, Err("b")),
        after(1, Err("a")),
        after(9, Ok(9)),
    ];
    let (won, errors) = finish(pin!(race_ok(arms))).0.unwrap();
    assert_eq!(won, 3);
    let errors: Vec<_> = errors
        .iter()
        .map(|child| (child.index().unwrap(), *child.error().unwrap()))
        .collect();
    assert_eq!(errors, [(2, "a"), (1, "b")]);
}

#[test]
fn what_fails_while_losers_are_drained_is_kept() {
    listen();
    let late = async { shield(after(3, Err("too late"))).await };
    let panics = async {
        let _ = shield(after(3, Ok(1))).await;
        tick().await;
        Ok(2)
    };
    let (won, errors) = finish(pin!(race_ok((late, after(1, Ok(7)), panics))))
        .0
        .unwrap();
    assert_eq!(won, 7);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].error(), Some(&"too late"));
}

#[test]
fn a_panic_of_an_arm_does_not_decide_a_race_for_a_value() {
    let bad = |n: u8| async move {
        assert_ne!(n, 0, "race_ok: panics");
        after(2, Ok(n)).await
    };
    let (won, errors) = finish(pin!(race_ok(vec![bad(0), bad(5)]))).0.unwrap();
    assert_eq!(won, 5);
    assert!(errors[0].is_panic());
    drop(errors);
    assert!(reported("race_ok: panics").is_empty(), "it was received");
}

#[test]
fn when_all_fail_there_is_a_group_and_when_there_are_none_it_says_so() {
    let error = finish(pin!(race_ok((after(1, Err("b")), after(0, Err("a"))))))
        .0
        .unwrap_err();
    assert!(!error.is_empty());
    assert!(
        error.to_string().starts_with("2 arms failed: a (arm 1"),
        "{error}"
    );
    let error: Box<dyn std::error::Error> = Box::new(error);
    assert!(error.source().is_none(), "as an `ErrorGroup`");

    let none: Vec<Ready<Outcome>> = Vec::new();
    let error = finish(pin!(race_ok(none))).0.unwrap_err();
    assert!(error.is_empty() && error.errors().is_none());
    assert_eq!(error.to_string(), "a race of no arms has no winner");
    assert_eq!(format!("{error:?}"), "a race of no arms has no winner");
    assert!(error.into_errors().is_none());
}

#[test]
fn the_type_of_the_error_is_inferred_from_any_arm() {
    let arms = (async { Ok(1) }, ready(Err::<char, _>("no")));
    assert_eq!(finish(pin!(try_gather(arms))).0.unwrap_err().len(), 1);
}
