//! Exit stacks.

use std::pin::pin;

use super::*;
use crate::exit_stack;

#[test]
fn all_are_released_the_newest_first_and_each_failure_is_kept() {
    let log = Log::default();
    let used = exit_stack(async |stack| {
        for n in 0..5 {
            let log = log.clone();
            stack.push(async move |exit: Exit<String>| {
                tick().await;
                say(&log, format!("{n} {}", exit.kind()));
                match n {
                    1 => Err("one".to_owned()),
                    2 => panic!("two"),
                    3 => Err("three".to_owned()),
                    _ => Ok(()),
                }
            });
        }
        assert_eq!(stack.len(), 5);
        tick().await;
        Ok("value")
    });
    let error = finish(pin!(used)).0.unwrap_err();
    assert!(error.errors().eq(["three", "one"]));
    assert_eq!(
        said(&log),
        ["4 value", "3 value", "2 value", "1 value", "0 value"]
    );
}

#[test]
fn the_bodys_error_comes_first_and_may_be_suppressed() {
    let stacked = || {
        exit_stack::<String, _, _, ()>(async |stack| {
            stack.push(async |exit: Exit<String>| assert_eq!(exit.kind(), ExitKind::Value));
            stack.push(async |mut exit: Exit<String>| {
                exit.suppress();
                Ok(())
            });
            stack.push(async |mut exit: Exit<String>| {
                exit.error_mut().unwrap().push('!');
                Err::<(), _>("late".to_owned())
            });
            Err("body".to_owned())
        })
    };
    let error = finish(pin!(stacked())).0.unwrap_err();
    assert!(error.errors().eq(["body!", "late"]));
    let error = finish(pin!(stacked().or_none())).0.unwrap_err();
    assert!(error.errors().eq(["late"]));
    let fine = exit_stack::<String, _, _, ()>(async |stack| {
        stack.push(async |mut exit: Exit<String>| exit.suppress());
        Err("body".to_owned())
    });
    assert!(finish(pin!(fine.or_none())).0.unwrap().is_none());
}

#[test]
fn what_was_entered_before_a_failed_entry_is_released() {
    let counts = Counts::default();
    let used = exit_stack(async |stack| {
        for fails in [Fails::Never, Fails::Never, Fails::Acquire, Fails::Never] {
            stack.enter(Pooled::failing(&counts, 1, fails)).await?;
        }
        Ok(())
    });
    let error = finish(pin!(used)).0.unwrap_err();
    assert!(error.errors().eq(["acquire"]));
    assert_eq!((counts.acquired(), counts.released()), (2, 2));
    assert_eq!(counts.told(), ["error", "error"]);
}

#[test]
fn a_request_at_any_point_releases_what_was_entered() {
    for stop_after in 0..20 {
        let rt = Hand::default();
        let counts = Counts::default();
        let (task, mut root) = spawn(&rt, {
            let counts = counts.clone();
            async move {
                exit_stack(async |stack| {
                    let _a = stack.enter(Pooled::new(&counts, 2)).await?;
                    tick().await;
                    let _b = stack
                        .enter(Pooled::failing(&counts, 1, Fails::Release))
                        .await?;
                    let c = stack.enter(Pooled::new(&counts, 1)).await?;
                    c.release().await;
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
        assert_eq!(
            counts.acquired(),
            counts.released(),
            "stopped after {stop_after} polls"
        );
        assert_eq!(counts.told().len(), counts.acquired());
    }
}

#[test]
fn what_is_popped_is_released_by_the_stack_that_it_goes_to() {
    let counts = Counts::default();
    let used = exit_stack(async |outer| {
        let inner = exit_stack(async |stack| {
            let held = stack.enter(Pooled::new(&counts, 1)).await?;
            Ok::<_, String>((held, stack.pop_all()))
        });
        let (held, exits) = inner.await.unwrap();
        assert_eq!(counts.released(), 0);
        outer.append(exits);
        assert_eq!(held.acquired(), 1);
        Ok::<_, String>(())
    });
    finish(pin!(used)).0.unwrap();
    assert_eq!(counts.released(), 1);
}

#[test]
fn an_empty_stack_gives_the_value() {
    let value = exit_stack::<String, _, _, _>(async |stack| Ok(stack.is_empty()));
    assert!(finish(pin!(value)).0.unwrap());
}
