//! Driving without a runtime.

use std::future::{pending, poll_fn};

use futures::stream;

use super::*;
use crate::task::tests::tick;
use crate::{
    await_sync, await_sync_strictly, defer, in_sync_drive, leave_sync, require_sync_drive, shield,
    sync_iter,
};

#[test]
fn a_bare_yield_is_skipped_and_refused_by_the_strict_form() {
    let yields = || async {
        tick().await;
        tick().await;
        5
    };
    assert_eq!(await_sync(yields()), Ok(5));
    let refused = await_sync_strictly(yields()).unwrap_err();
    assert!(refused.is_yield() && !refused.is_wait());
    assert_eq!(await_sync_strictly(async { 5 }), Ok(5));
    assert!(await_sync(pending::<()>()).unwrap_err().is_wait());
}

#[test]
fn a_future_that_yields_without_an_end_is_given_up() {
    let forever = poll_fn::<(), _>(|cx| {
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    let error = await_sync(forever).unwrap_err();
    assert!(error.is_yield(), "{error}");
}

#[test]
fn one_that_would_block_is_cleaned_up_before_the_error() {
    let log = Log::default();
    let error = await_sync({
        let log = log.clone();
        async move {
            let cleanup = log.clone();
            defer(async move {
                tick().await;
                say(&cleanup, "clean-up");
            });
            let _local = OnDrop(log.clone(), "dropped");
            shield(async {
                tick().await;
                say(&log, "shield over");
            })
            .await;
            pending::<()>().await;
        }
    });
    assert!(error.is_err());
    assert_eq!(said(&log), ["shield over", "dropped", "clean-up"]);
}

#[test]
fn a_clean_up_that_would_block_goes_on_in_the_task_around() {
    let log = Log::default();
    let (open, opened) = futures::channel::oneshot::channel::<()>();
    in_task({
        let log = log.clone();
        async move {
            let cleanup = log.clone();
            let blocked = await_sync(async move {
                defer(async move {
                    opened.await.unwrap();
                    say(&cleanup, "clean-up");
                });
                pending::<()>().await;
            });
            assert!(blocked.is_err());
            say(&log, "refused");
            open.send(()).unwrap();
        }
    });
    assert_eq!(said(&log), ["refused", "clean-up"]);
}

#[test]
fn driving_is_known_while_it_polls_and_never_after() {
    assert!(!in_sync_drive() && require_sync_drive().is_err());
    let nested = await_sync(async {
        let inner = await_sync(async { in_sync_drive() });
        assert_eq!(inner, Ok(true));
        assert!(await_sync(pending::<()>()).is_err());
        in_sync_drive()
    });
    assert_eq!(nested, Ok(true));
    assert!(!in_sync_drive());
    assert_eq!(panic_of(|| await_sync(async { panic!("boom") })), "boom");
    assert!(!in_sync_drive(), "also after a panic");
    assert!(await_sync(pending::<()>()).is_err());
    assert!(!in_sync_drive(), "also after an error");

    // What is spawned inside is polled elsewhere.
    let rt = Hand::default();
    let (seen, is_seen) = std::sync::mpsc::channel();
    let spawned = await_sync(async {
        rt.spawn_detached(async move { seen.send(in_sync_drive()).unwrap() });
    });
    assert!(spawned.is_ok());
    finish(rt.next_root().as_mut());
    assert_eq!(is_seen.recv(), Ok(false));
    let other = std::thread::spawn(in_sync_drive);
    assert!(!other.join().unwrap());
}

#[test]
fn a_request_to_the_task_is_not_due_in_a_drive() {
    let rt = Hand::default();
    let slot: Arc<std::sync::Mutex<Option<Task<()>>>> = Arc::default();
    let log = Log::default();
    let (task, mut root) = spawn(&rt, {
        let (slot, log) = (slot.clone(), log.clone());
        async move {
            slot.lock().unwrap().as_ref().unwrap().cancel("in its poll");
            let value = await_sync(async {
                crate::checkpoint().await;
                tick().await;
                7
            });
            say(&log, format!("{value:?}"));
            tick().await;
            unreachable!("the request took effect");
        }
    });
    *slot.lock().unwrap() = Some(task);
    finish(root.as_mut());
    assert_eq!(said(&log), ["Ok(7)"]);
}

#[test]
fn sync_code_is_called_where_sync_code_drives() {
    let refused = poll_once(Pin::new(&mut leave_sync(|| unreachable!("not driven"))));
    assert!(matches!(refused, Poll::Ready(Err::<(), _>(_))));
    let called = await_sync(async { leave_sync(|| 5).await.unwrap() });
    assert_eq!(called, Ok(5));
    // Where the drive began, blocking is fine; in a poll it is not.
    let blocks = || leave_sync(crate::region::frame::is_polling);
    assert_eq!(await_sync(async { blocks().await.unwrap() }), Ok(false));
    let in_task = in_task(async move { await_sync(async { blocks().await.unwrap() }) });
    assert_eq!(in_task, Ok(true));
}

#[test]
fn a_stream_is_gone_through_until_it_would_block() {
    let yields = stream::unfold(0, |n| async move {
        tick().await;
        (n < 3).then_some((n, n + 1))
    });
    let all: Result<Vec<_>, _> = sync_iter(yields).collect();
    assert_eq!(all, Ok(vec![0, 1, 2]));

    let (mut send, receive) = futures::channel::mpsc::channel(1);
    send.try_send(1).unwrap();
    let mut iter = sync_iter(receive);
    assert_eq!(iter.next(), Some(Ok(1)));
    assert!(iter.next().unwrap().is_err());
    assert!(iter.next().is_none());
    send.try_send(2).unwrap();
    let mut again = sync_iter(iter.into_inner());
    assert_eq!(again.next(), Some(Ok(2)), "the stream was not harmed");
}
