//! One use of one resource.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use super::*;
use crate::{AsyncClose, CancelToken, Cancellable, Phase, bracket, closing, defer, shield, using};

#[test]
fn a_value_and_an_error_are_given_after_the_release() {
    for outcome in [Ok(7), Err("use".to_owned())] {
        let counts = Counts::default();
        let used = using(Pooled::new(&counts, 1), async |held| {
            assert_eq!(held.acquired(), 1);
            tick().await;
            outcome.clone()
        });
        let (ended, polls) = finish(pin!(used));
        assert_eq!(ended, outcome);
        assert_eq!((counts.acquired(), counts.released(), polls), (1, 1, 4));
        let told = if outcome.is_ok() { "value" } else { "error" };
        assert_eq!(counts.told(), [told]);
    }
}

#[test]
fn a_failed_acquisition_runs_neither_the_body_nor_the_release() {
    let counts = Counts::default();
    let resource = Pooled::failing(&counts, 1, Fails::Acquire);
    let used = using(resource, async |_| -> Result<(), String> { unreachable!() });
    assert_eq!(finish(pin!(used)).0, Err("acquire".to_owned()));
    assert_eq!((counts.acquired(), counts.released()), (0, 0));
}

#[test]
fn a_release_that_fails_is_the_error_of_a_value_and_beside_one_of_the_body() {
    let counts = Counts::default();
    let fails = || Pooled::failing(&counts, 0, Fails::Release);
    let used = using(fails(), async |_| Ok(1));
    assert_eq!(finish(pin!(used)).0, Err("release".to_owned()));
    let used = using(fails(), async |_| Err::<(), _>("use".to_owned()));
    assert_eq!(finish(pin!(used)).0, Err("use".to_owned()));
}

#[test]
fn a_release_may_change_an_error_or_suppress_it() {
    let change = bracket(
        async { Ok(()) },
        async |_| Err::<i32, _>("one".to_owned()),
        async |(), mut exit: Exit<String>| exit.error_mut().unwrap().push_str(" and two"),
    );
    assert_eq!(finish(pin!(change)).0.unwrap_err(), "one and two");
    let suppressing = || {
        bracket(
            async { Ok(()) },
            async |_| Err::<i32, _>("one".to_owned()),
            async |(), mut exit: Exit<String>| {
                exit.suppress();
                assert_eq!(exit.error(), None);
            },
        )
    };
    assert_eq!(finish(pin!(suppressing().or_none())).0, Ok(None));
    // There is no value in its place.
    assert_eq!(finish(pin!(suppressing())).0.unwrap_err(), "one");
    let value = bracket(
        async { Ok::<_, String>(()) },
        async |_| Ok(5),
        async |(), mut exit: Exit<String>| exit.suppress(),
    );
    assert_eq!(finish(pin!(value.or_none())).0, Ok(Some(5)));
}

#[test]
fn a_release_that_panics_leaves_the_error_as_it_is() {
    let used = bracket(
        async { Ok(()) },
        async |_| Err::<(), _>("use".to_owned()),
        async |(), mut exit: Exit<String>| {
            *exit.error_mut().unwrap() = "changed".to_owned();
            if true {
                panic!("release");
            }
        },
    );
    assert_eq!(finish(pin!(used)).0.unwrap_err(), "changed");
}

#[test]
fn a_panic_goes_on_after_the_release() {
    let counts = Counts::default();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let used = using(Pooled::new(&counts, 2), async |_| {
            tick().await;
            if true {
                panic!("use");
            }
            Ok(())
        });
        finish(pin!(used))
    }));
    assert_eq!(*caught.unwrap_err().downcast_ref::<&str>().unwrap(), "use");
    assert_eq!(counts.released(), 1);
    assert_eq!(counts.told(), ["panicked"]);
}

#[test]
fn a_request_at_any_point_releases_what_was_acquired() {
    for stop_after in 0..9 {
        let rt = Hand::default();
        let counts = Counts::default();
        let (mut task, mut root) = spawn(&rt, {
            let counts = counts.clone();
            async move {
                using(Pooled::new(&counts, 2), async |_| {
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
        let told = match stop_after {
            // Nothing began.
            0 => vec![],
            // In the acquisition, which ends; in the body, which does not.
            1..=4 => vec!["cancelled"],
            _ => vec!["value"],
        };
        assert_eq!(counts.told(), told, "stopped after {stop_after} polls");
        assert_eq!(counts.acquired(), counts.released());
        // After the body's last suspension there is a value, and it is given.
        let cancelled = result(&mut task).is_err();
        assert_eq!(
            cancelled,
            stop_after < 5,
            "stopped after {stop_after} polls"
        );
    }
}

#[test]
fn an_inner_resource_is_released_before_an_outer_one() {
    for drops in [false, true] {
        let rt = Hand::default();
        let log = Log::default();
        let (task, mut root) = spawn(&rt, {
            let log = log.clone();
            async move {
                let made = |what: &'static str| (log.clone(), what);
                let close = async |(log, what): (Log, &'static str), _: Exit<String>| {
                    tick().await;
                    say(&log, format!("{what} released"));
                };
                let before = log.clone();
                defer(async move { say(&before, "deferred before") });
                bracket(
                    async { Ok(made("outer")) },
                    async |_| {
                        let inner = log.clone();
                        defer(async move { say(&inner, "deferred in the use") });
                        bracket(
                            async { Ok(made("inner")) },
                            async |_| Ok(std::future::pending::<i32>().await),
                            close,
                        )
                        .await
                    },
                    close,
                )
                .await
            }
        });
        assert!(poll_once(root.as_mut()).is_pending());
        if drops {
            drop(task);
        } else {
            task.cancel("stop");
        }
        run(root);
        let order = [
            "inner released",
            "deferred in the use",
            "outer released",
            "deferred before",
        ];
        assert_eq!(said(&log), order);
    }
}

#[test]
fn a_use_that_is_dropped_is_released_by_the_region_around() {
    let rt = Hand::default();
    let counts = Counts::default();
    let (mut task, mut root) = spawn(&rt, {
        let counts = counts.clone();
        async move {
            let mut used = Box::pin(using(Pooled::new(&counts, 1), async |_| {
                Ok(std::future::pending::<i32>().await)
            }));
            assert!(poll_once(used.as_mut()).is_pending());
            assert!(poll_once(used.as_mut()).is_pending());
            drop(used);
            assert_eq!(counts.released(), 0);
            5
        }
    });
    finish(root.as_mut());
    assert_eq!(result(&mut task).unwrap(), 5);
    assert_eq!((counts.acquired(), counts.released()), (1, 1));
    assert_eq!(counts.told(), ["cancelled"]);
}

#[test]
fn a_release_that_fails_after_a_request_stands_beside_the_outcome() {
    let rt = Hand::default();
    let counts = Counts::default();
    let (mut task, mut root) = spawn(&rt, {
        let counts = counts.clone();
        async move {
            let resource = Pooled::failing(&counts, 1, Fails::Release);
            using(resource, async |_| Ok(std::future::pending::<i32>().await)).await
        }
    });
    for _ in 0..3 {
        assert!(poll_once(root.as_mut()).is_pending());
    }
    task.cancel("stop");
    run(root);
    let error = result(&mut task).unwrap_err();
    let failure = &error.failures()[0];
    assert_eq!(failure.phase(), Phase::Release);
    assert!(failure.location().file().ends_with("bracket.rs"));
    let text = failure.to_string();
    assert!(
        text.starts_with("release failed (resource acquired at "),
        "{text}"
    );
    assert!(text.ends_with(": release"), "{text}");
}

#[test]
fn nothing_is_acquired_where_a_request_is_due() {
    let rt = Hand::default();
    let counts = Counts::default();
    let (task, mut root) = spawn(&rt, {
        let counts = counts.clone();
        async move {
            shield(tick()).await;
            using(Pooled::new(&counts, 0), async |_| Ok(())).await
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("stop");
    run(root);
    assert_eq!((counts.acquired(), counts.released()), (0, 0));
}

#[test]
fn a_token_inside_the_use_ends_the_use_only() {
    let counts = Counts::default();
    let token = CancelToken::new();
    token.cancel("now");
    let used = using(Pooled::new(&counts, 0), async |_| {
        let stopped = std::future::pending::<()>().until(&token).await;
        assert!(stopped.is_err());
        Ok(5)
    });
    assert_eq!(finish(pin!(used)).0, Ok(5));
    assert_eq!(counts.told(), ["value"]);
}

#[test]
fn the_body_and_the_acquisition_may_borrow() {
    let pool = [1, 2, 3];
    let mut sum = 0;
    let acquire = async { pool.first().copied().ok_or("empty") };
    let used = bracket(
        acquire,
        async |first| {
            sum += *first;
            Ok(&pool[1..])
        },
        async |_, _| (),
    );
    assert_eq!(finish(pin!(used)).0, Ok(&[2, 3][..]));
    assert_eq!(sum, 1);
}

#[test]
fn what_is_there_already_is_closed() {
    struct Socket(Log);
    impl AsyncClose for Socket {
        type Error = String;

        async fn close(self) -> Result<(), String> {
            tick().await;
            say(&self.0, "closed");
            Ok(())
        }
    }
    for outcome in [Ok(1), Err("use".to_owned())] {
        let log = Log::default();
        let used = closing(Socket(log.clone()), async |socket| {
            say(&socket.0, "used");
            outcome.clone()
        });
        assert_eq!(finish(pin!(used)).0, outcome);
        assert_eq!(said(&log), ["used", "closed"]);
    }
}

#[test]
fn a_use_in_generic_code_can_be_spawned() {
    fn spawned<R: Runtime>(rt: &R, counts: Counts) -> Task<Result<usize, String>> {
        let handle = rt.clone();
        rt.spawn(async move {
            let name = "borrowed".to_owned();
            let close = async |_, _: Exit<String>| ();
            bracket(
                async { Ok(&handle).map(|_| 1) },
                async |n| using(Pooled::new(&counts, 1), async |_| Ok(name.len() + *n)).await,
                close,
            )
            .await
        })
    }
    let rt = Hand::default();
    let mut task = spawned(&rt, Counts::default());
    run(rt.next_root());
    assert_eq!(result(&mut task).unwrap(), Ok(9));
}
