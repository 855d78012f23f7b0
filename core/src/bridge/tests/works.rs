//! Lists of work, polled by hand.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use crate::region::tests::by_hand::Play;
use crate::region::tests::{Log, OnDrop, poll_once, said, say};
use crate::task::tests::tick;
use crate::{Parallel, Runtime, Serial, Work, blocking, defer, run};

/// A member that says when it begins, when it goes on, and gives `value`.
fn says(
    log: &Log,
    word: &'static str,
    value: Result<u8, &'static str>,
) -> impl Work<Output = Result<u8, &'static str>> {
    let log = log.clone();
    move || {
        say(&log, word);
        async move {
            tick().await;
            value
        }
    }
}

#[test]
fn nothing_begins_before_it_is_polled_and_a_request_keeps_it_from_beginning() {
    let mut play = Play::default();
    let log = Log::default();
    let list = Parallel::new().add(says(&log, "a", Ok(1)));
    let run = list.run();
    assert!(said(&log).is_empty());
    drop(run);
    let mut task = play.rt.spawn(async move {
        tick().await;
        list.run().await.map(drop)
    });
    play.turn();
    task.cancel("enough");
    play.finish();
    assert!(said(&log).is_empty());
    let Poll::Ready(Err(error)) = poll_once(Pin::new(&mut task)) else {
        panic!("it was cancelled");
    };
    assert!(error.is_cancelled());
}

#[test]
fn members_side_by_side_all_begin_and_in_order_one_at_a_time() {
    let log = Log::default();
    let members = || {
        [
            says(&log, "a", Ok(1)),
            says(&log, "b", Ok(2)),
            says(&log, "c", Ok(3)),
        ]
    };
    let mut play = Play::default();
    let beside = members().into_iter().fold(Parallel::new(), Parallel::add);
    let mut task = play.start(async move { beside.run().await });
    play.turn();
    assert_eq!(said(&log), ["a", "b", "c"]);
    play.finish();
    let Poll::Ready(Ok(Ok(values))) = poll_once(Pin::new(&mut task)) else {
        panic!("nothing fails");
    };
    assert_eq!(values, [1, 2, 3]);

    let after = members().into_iter().fold(Serial::new(), Serial::add);
    let mut task = play.start(async move { after.run().await });
    play.turn();
    assert_eq!(said(&log), ["a", "b", "c", "a"]);
    play.finish();
    assert_eq!(said(&log), ["a", "b", "c", "a", "b", "c"]);
    assert!(matches!(
        poll_once(Pin::new(&mut task)),
        Poll::Ready(Ok(Ok(_)))
    ));
}

#[test]
fn members_are_gone_and_cleaned_up_before_the_error_comes() {
    let log = Log::default();
    let mut play = Play::default();
    let seen = log.clone();
    let list: Parallel<u8, &str> = Parallel::new()
        .add(move || {
            let log = seen.clone();
            async move {
                let cleans = log.clone();
                defer(async move {
                    tick().await;
                    say(&cleans, "cleaned up");
                });
                let _local = OnDrop(log, "dropped");
                pending().await
            }
        })
        .add(says(&log, "fails", Err("out of cheese")));
    let after = log.clone();
    let task = play.start(async move {
        let error = list.run().await.unwrap_err();
        say(&after, "over");
        error.errors().unwrap().first().index()
    });
    play.finish();
    assert_eq!(said(&log), ["fails", "dropped", "cleaned up", "over"]);
    let mut task = task;
    assert!(matches!(
        poll_once(Pin::new(&mut task)),
        Poll::Ready(Ok(Some(1)))
    ));
}

#[test]
fn where_there_is_no_runtime_it_says_what_to_do() {
    let list: Parallel<(), String> = Parallel::new();
    let mut run = list.run();
    let poll = || poll_once(Pin::new(&mut run));
    let panic = catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("rooted(&rt, future)"), "{text}");
    let play = Play::default();
    let mut run = list.run_on(&play.rt);
    assert!(poll_once(Pin::new(&mut run)).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(Pin::new(&mut run)))).is_err());
}

#[test]
fn work_is_done_as_often_as_it_is_run() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let work = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        async { 5 }
    };
    assert_eq!(poll_once(pin!(run(work.clone()))), Poll::Ready(5));
    assert_eq!(poll_once(pin!(run(work))), Poll::Ready(5));
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(crate::block(blocking(|| 6)), 6);
}

#[test]
fn a_list_that_is_very_deep_is_dropped_on_a_small_stack() {
    let mut list: Parallel<(), ()> = Parallel::new();
    for n in 0..100_000 {
        let inner = list;
        let holds = move || {
            let _ = &inner;
            async { Ok(()) }
        };
        list = match n % 2 {
            0 => Parallel::new().add(holds),
            _ => {
                let steps = Serial::<(), ()>::new().add(holds);
                Parallel::new().add(move || {
                    let _ = &steps;
                    async { Ok(()) }
                })
            }
        };
    }
    let small = thread::Builder::new().stack_size(256 << 10);
    small.spawn(move || drop(list)).unwrap().join().unwrap();
}
