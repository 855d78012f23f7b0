//! Learn: `every` does something again and again, `retry` does it again because it failed.
//!
//! Each tick of `every` is a task in a scope: one that fails is reported, and the next comes; stopped, all
//! of them have cleaned up before it ends. `retry` takes any iterator of delays, and gives up with the last
//! error. `impatient` says what takes long, and where.
//!
//! `cargo run --example 09_every_and_retry`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::future::pending;
use std::sync::mpsc::channel;

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{AnyError, ChildError, RetryDelayer, WaitEvent, defer};

fn main() {
    let owner = BuiltinRuntime::new();
    let rt = owner.handle();

    // A heartbeat whose second beat fails. Without `times` it would run until it is stopped.
    let (failed, failures) = channel();
    let tell = move |error: &ChildError<AnyError>| failed.send(error.to_string()).unwrap();
    let heart = rt.every(2.millis()).name("heart").on_error(tell).times(3);
    owner.block_on(heart.run(|tick| async move {
        match tick.number() {
            1 => Err("a beat was lost"),
            _ => Ok(()),
        }
    }));
    let failure = failures.recv().unwrap();
    println!("three beats; {failure}");
    assert!(failure.starts_with("a beat was lost (child 1 `heart`"));

    // A tick that still runs when the next is due is stopped, and cleans up first.
    let (log, logged) = channel();
    let polling = rt
        .every(50.millis())
        .cancel_previous()
        .times(2)
        .run(move |tick| {
            let (log, over) = (log.clone(), log.clone());
            async move {
                defer(async move { over.send((tick.number(), "hangs up")).unwrap() });
                log.send((tick.number(), "asks")).unwrap();
                if tick.number() == 0 {
                    pending::<()>().await; // a server that does not answer
                }
            }
        });
    owner.block_on(polling);
    let lines: Vec<_> = logged.iter().collect();
    println!("polled: {lines:?}");
    let expected = [(0, "asks"), (0, "hangs up"), (1, "asks"), (1, "hangs up")];
    assert_eq!(lines, expected);

    // The same for who waits himself: a tick is the moment when it was due, so it does not drift.
    let (first, third) = owner.block_on(async {
        let mut interval = rt.interval(1.millis());
        (
            interval.tick().await,
            [interval.tick().await, interval.tick().await][1],
        )
    });
    assert_eq!(third - first, 2.millis());

    // Attempts that fail, that hang, and that work in the end; the delays may be any iterator.
    let mut attempts = 0;
    let doubling = std::iter::successors(Some(1.millis()), |delay| Some(*delay * 2));
    let answer = rt.retry_with(doubling, || {
        attempts += 1;
        let attempt = attempts;
        async move {
            match attempt {
                1 => Err("busy"),
                2 => pending().await,
                _ => Ok("hello"),
            }
        }
    });
    let answer = answer.each_within(5.millis()).jitter(1.millis()).seed(9);
    assert_eq!(owner.block_on(answer).unwrap(), "hello");
    println!("it took {attempts} attempts");
    assert_eq!(attempts, 3);

    // It gives up when there is no delay left, or the error is not worth it, with the last error.
    let gone = rt.retry_with([1.millis(); 9], || async { Err::<(), _>("gone") });
    let error = owner
        .block_on(gone.when(|error| *error != "gone"))
        .unwrap_err();
    println!("{error}");
    assert_eq!((error.attempts(), error.into_inner()), (1, Some("gone")));

    // In a loop of one's own: after a quiet time the delays begin anew.
    let mut delayer = RetryDelayer::new([0.secs(), 1.millis(), 2.millis()]).unwrap();
    let start = rt.now();
    assert_eq!(delayer.next_delay(start), 0.secs());
    assert_eq!(delayer.next_delay(start), 1.millis());
    assert_eq!(delayer.next_delay(start + 1.hours()), 0.secs());

    // What takes long says so, and where it is waited for.
    let (told, reports) = channel();
    let slow = rt
        .sleep(50.millis())
        .impatient(rt, 1.millis())
        .name("the answer");
    owner.block_on(slow.report_to(move |report| {
        println!("{report}");
        told.send(report.event()).unwrap();
    }));
    let expected = [WaitEvent::StillWaiting, WaitEvent::Completed];
    assert!(reports.iter().eq(expected));
}
