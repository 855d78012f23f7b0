//! Scopes with errors: who failed, in which order, and where it goes if nobody is there.

use std::future::pending;

use super::*;
use crate::task::tests::tick;
use crate::{
    Origin, Phase, ScopeError, defer, local_scope, shield, try_local_scope, try_local_scope_unsend,
};

async fn fails_after(ticks: usize, error: &'static str) -> Result<(), &'static str> {
    for _ in 0..ticks {
        tick().await;
    }
    Err(error)
}

fn members(error: &ScopeError<&'static str>) -> Vec<(Option<usize>, String)> {
    let text = |child: &crate::ChildError<&str>| {
        let panic = child.panic_message();
        panic.unwrap_or_else(|| child.error().unwrap().to_string())
    };
    let group = error.errors().unwrap().iter();
    group.map(|child| (child.index(), text(child))).collect()
}

#[test]
fn children_without_errors_give_their_values() {
    let value = run(try_local_scope(|n| async move {
        let nothing = n.spawn(async {});
        let value = n.spawn(async { Ok(1) });
        let any = n.spawn_value(async { Err::<(), _>("nobody's business") });
        nothing.await;
        assert!(any.await.is_err());
        Ok::<i32, String>(value.await)
    }));
    assert_eq!(value.unwrap(), 1);
}

#[test]
fn the_first_error_stops_the_others_and_what_fails_then_is_kept_in_order() {
    let log = Log::default();
    let inside = &log;
    let error = run(try_local_scope(|n| async move {
        n.spawn(shield(fails_after(5, "third")));
        n.spawn(async { shield(fails_after(3, "second")).await });
        n.spawn(fails_after(1, "first"));
        n.spawn(fails_after(2, "never"));
        n.spawn(async {
            let critical = async {
                tick().await;
                tick().await;
                panic!("a panic too")
            };
            shield(critical).await;
        });
        let _body = OnDrop(inside.clone(), "body dropped");
        pending::<()>().await;
        Ok(())
    }))
    .unwrap_err();
    let expected = [
        (Some(2), "first".to_owned()),
        (Some(4), "a panic too".to_owned()),
        (Some(1), "second".to_owned()),
        (Some(0), "third".to_owned()),
    ];
    assert_eq!(members(&error), expected);
    assert_eq!(said(&log), ["body dropped"]);
    assert!(!error.is_cancelled());
    assert!(error.location().file().ends_with("errors.rs"));
}

#[test]
fn errors_stand_in_the_order_in_which_they_came() {
    let error = run(try_local_scope(|n| async move {
        n.spawn(shield(fails_after(3, "third")));
        n.spawn(shield(fails_after(1, "first")));
        n.spawn(shield(fails_after(2, "second")));
        Ok(())
    }))
    .unwrap_err();
    let expected = [(1, "first"), (2, "second"), (0, "third")];
    let expected = expected.map(|(index, text)| (Some(index), text.to_owned()));
    assert_eq!(members(&error), expected);
    assert_eq!(error.errors().unwrap().first().origin(), Origin::Child);
}

#[test]
fn an_error_of_the_body_stops_the_children() {
    let log = Log::default();
    let inside = &log;
    let error = run(try_local_scope_unsend(|n| async move {
        n.spawn(async move {
            let cleanup = inside.clone();
            defer(async move {
                tick().await;
                say(&cleanup, "cleaned up");
            });
            pending::<()>().await;
        });
        tick().await;
        Err::<(), _>("out of cheese")
    }))
    .unwrap_err();
    assert_eq!(said(&log), ["cleaned up"]);
    assert!(error.errors().unwrap().first().is_body());
    assert_eq!(error.into_first_error().unwrap(), "out of cheese");
}

#[test]
fn a_panic_is_a_member_of_the_errors() {
    let error = run(try_local_scope(|n| async move {
        n.spawn_value(async { panic!("out of cheese") });
        Ok::<_, &str>(())
    }))
    .unwrap_err();
    assert_eq!(members(&error), [(Some(0), "out of cheese".to_owned())]);
    let error = run(try_local_scope::<&str, _, _, ()>(|_| async {
        panic!("of the body")
    }));
    assert!(error.unwrap_err().errors().unwrap().first().is_body());
}

#[test]
fn an_error_is_there_though_the_body_has_a_value() {
    let error = run(try_local_scope(|n| async move {
        n.spawn(fails_after(3, "late"));
        Ok(5)
    }))
    .unwrap_err();
    assert_eq!(error.into_first_error().unwrap(), "late");
}

#[test]
fn the_question_mark_works_in_children() {
    let error = run(try_local_scope(|n| async move {
        n.spawn(async move {
            "two".parse::<i32>()?;
            Ok(())
        });
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    }))
    .unwrap_err();
    assert!(error.to_string().contains("invalid digit"), "{error}");
}

#[test]
fn of_two_panics_the_second_is_a_failure_of_the_task() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, async {
        local_scope(|n| async move {
            n.spawn(async {
                tick().await;
                panic!("first")
            });
            n.spawn(shield(async {
                tick().await;
                tick().await;
                panic!("second")
            }));
        })
        .await;
    });
    finish(root.as_mut());
    let error = result(&mut task).unwrap_err();
    assert_eq!(error.panic_message().unwrap(), "first");
    let [second] = error.failures() else {
        panic!("{error:?}")
    };
    assert_eq!(
        (second.phase(), second.message()),
        (Phase::Body, Some("second"))
    );
    assert!(second.location().file().ends_with("errors.rs"));
}

#[test]
fn errors_of_a_scope_that_was_stopped_from_around_are_failures_of_the_task() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, async {
        try_local_scope(|n| async move {
            n.spawn(async {
                shield(tick()).await;
                Err::<(), _>("out of cheese")
            });
            n.spawn(pending::<()>());
            Ok(())
        })
        .await
        .unwrap_err();
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("test");
    finish(root.as_mut());
    let error = result(&mut task).unwrap_err();
    assert!(error.is_cancelled());
    let [failure] = error.failures() else {
        panic!("{error:?}")
    };
    assert_eq!(failure.phase(), Phase::NotKept);
    let payload = failure.take_payload().unwrap();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "out of cheese");
}
