//! Streams that are written as loops.

use std::future::pending;

use futures::stream::{FusedStream, StreamExt, TryStreamExt};

use super::*;
use crate::task::tests::tick;
use crate::{Co, await_sync, defer, generator, sync_iter};

#[test]
fn what_it_yields_are_the_items() {
    in_task(async {
        let mut stream = generator(async |co: Co<u8, ()>| {
            for n in 0..3 {
                tick().await;
                co.yield_(n).await;
            }
        });
        assert!(stream.state().is_new());
        assert_eq!(stream.by_ref().collect::<Vec<_>>().await, [0, 1, 2]);
        assert!(stream.is_terminated());
        assert_eq!(stream.next().await, None, "and never more");
        assert_eq!(stream.next_item().await, None);
    });
}

#[test]
fn an_error_is_the_last_item() {
    let stream = || {
        generator(async |co: Co<u8, ()>| {
            co.yield_(1).await;
            Err("out of cheese")
        })
    };
    let items: Vec<_> = sync_iter(stream()).map(Result::unwrap).collect();
    assert_eq!(items, [Ok(1), Err("out of cheese")]);
    let all = await_sync(stream().try_collect::<Vec<_>>()).unwrap();
    assert_eq!(all, Err("out of cheese"));
}

#[test]
fn answers_and_errors_are_sent_in() {
    in_task(async {
        let mut echo = generator(async |co: Co<String, Result<Option<u8>, &'static str>>| {
            let mut last = String::from("new");
            loop {
                last = match co.yield_(last).await {
                    Ok(None) => "next".into(),
                    Ok(Some(n)) => format!("sent {n}"),
                    Err("stop") => return,
                    Err(error) => format!("threw {error}"),
                };
            }
        });
        let early = echo.send(Ok(Some(1))).await.unwrap_err();
        assert!(early.is_not_yielded());
        assert_eq!(echo.next().await.unwrap(), "new");
        assert_eq!(echo.next().await.unwrap(), "next");
        assert_eq!(echo.send(Ok(Some(7))).await.unwrap().unwrap(), "sent 7");
        assert_eq!(echo.throw("x").await.unwrap().unwrap(), "threw x");
        assert_eq!(echo.throw("stop").await.unwrap(), None);
        assert!(echo.throw("again").await.unwrap_err().is_over());
    });
}

#[test]
fn closing_waits_for_its_clean_ups() {
    let log = Log::default();
    in_task({
        let log = log.clone();
        async move {
            let (cleanup, after) = (log.clone(), log.clone());
            let mut stream = generator(async move |co: Co<u8, ()>| {
                defer(async move {
                    tick().await;
                    say(&cleanup, "clean-up");
                });
                co.yield_(1).await;
                say(&after, "ran on");
            });
            assert_eq!(stream.next().await, Some(1));
            stream.close().await;
            say(&log, "closed");
            assert_eq!(stream.next().await, None);
            stream.close().await;
        }
    });
    assert_eq!(said(&log), ["clean-up", "closed"]);
}

#[test]
fn dropped_half_way_its_clean_ups_are_adopted() {
    let log = Log::default();
    in_task({
        let log = log.clone();
        async move {
            let cleanup = log.clone();
            let mut stream = Box::pin(generator(async move |co: Co<u8, ()>| {
                defer(async move {
                    tick().await;
                    say(&cleanup, "clean-up");
                });
                co.yield_(1).await;
            }));
            assert_eq!(stream.next().await, Some(1));
            drop(stream);
            say(&log, "dropped");
        }
    });
    assert_eq!(said(&log), ["dropped", "clean-up"]);
}

#[test]
fn an_item_that_was_asked_for_and_given_up_is_not_lost() {
    let (open, opened) = futures::channel::oneshot::channel::<()>();
    let mut stream = generator(async |co: Co<u8, ()>| {
        co.yield_(1).await;
        opened.await.unwrap();
        co.yield_(2).await;
    });
    assert_eq!(await_sync(stream.next()), Ok(Some(1)));
    assert!(poll_once(Pin::new(&mut stream.next())).is_pending());
    open.send(()).unwrap();
    assert_eq!(await_sync(stream.next()), Ok(Some(2)));
    assert_eq!(await_sync(stream.next()), Ok(None));
    let mut never = generator(async |_: Co<u8, ()>| pending::<()>().await);
    assert!(poll_once(Pin::new(&mut never.next_item())).is_pending());
}
