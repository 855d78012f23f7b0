//! Two-way coroutines.

use std::future::pending;
use std::sync::Mutex;

use futures::channel::oneshot;
use futures::future::join;
use futures::stream::{FuturesUnordered, StreamExt};

use super::*;
use crate::task::tests::tick;
use crate::{Co, CoState, Step, await_sync, coroutine, defer, shield, try_local_scope};

#[test]
fn each_answer_goes_to_its_yield_and_the_value_comes_last() {
    in_task(async {
        let mut co = coroutine(async |co: Co<u8, &'static str>| {
            let one = co.yield_(1).await;
            tick().await;
            let two = co.yield_(2).await;
            (one, two)
        });
        assert!(co.state().is_new());
        assert_eq!(co.run().await.unwrap(), Step::Yield(1));
        assert!(co.is_yielded() && co.state().is_suspended());
        assert_eq!(co.resume("a").await.unwrap(), Step::Yield(2));
        assert_eq!(co.resume("b").await.unwrap(), Step::Done(("a", "b")));
        assert!(co.state().is_finished());
    });
}

#[test]
fn misuse_is_an_error_that_gives_the_answer_back() {
    in_task(async {
        let mut co = coroutine(async |co: Co<(), u8>| co.yield_(()).await);
        let early = co.resume(7).await.unwrap_err();
        assert!(early.is_not_yielded(), "{early}");
        assert_eq!(early.into_answer(), Some(7));
        assert_eq!(co.state(), CoState::New, "nothing ran");
        co.run().await.unwrap();
        assert!(co.run().await.unwrap_err().is_yielded());
        assert_eq!(co.resume(9).await.unwrap(), Step::Done(9));
        assert!(co.run().await.unwrap_err().is_over());
        let late = co.resume(8).await.unwrap_err();
        assert!(late.is_over() && late.into_answer() == Some(8));
        assert_eq!(co.close().await, None, "nothing to close");
    });
}

#[test]
fn yields_come_from_any_depth() {
    fn deep(co: &Co<u32, ()>, n: u32) -> Pin<Box<dyn Future<Output = u32> + Send + '_>> {
        Box::pin(async move {
            if n == 0 {
                return 0;
            }
            co.yield_(n).await;
            deep(co, n - 1).await + n
        })
    }
    let mut seen = Vec::new();
    let sum = await_sync(coroutine(async |co| deep(&co, 100).await).drive(|n| seen.push(n)));
    assert_eq!(sum, Ok(5050));
    assert_eq!(seen, (1..=100).rev().collect::<Vec<_>>());
}

#[test]
fn nested_coroutines_are_independent() {
    in_task(async {
        let mut outer = coroutine(async |outer: Co<String, u8>| {
            let to_outer = outer.clone();
            let mut inner = coroutine(async move |inner: Co<u8, u8>| {
                let a = inner.yield_(1).await;
                let b = to_outer.yield_("from inside".into()).await;
                let c = inner.yield_(2).await;
                [a, b, c]
            });
            assert_eq!(inner.run().await.unwrap(), Step::Yield(1));
            assert_eq!(inner.resume(10).await.unwrap(), Step::Yield(2));
            let own = outer.yield_("between".into()).await;
            let all = inner.resume(30).await.unwrap().done().unwrap();
            (all, own)
        });
        assert_eq!(
            outer.run().await.unwrap(),
            Step::Yield("from inside".into())
        );
        assert_eq!(
            outer.resume(20).await.unwrap(),
            Step::Yield("between".into())
        );
        assert_eq!(
            outer.resume(40).await.unwrap(),
            Step::Done(([10, 20, 30], 40))
        );
    });
}

#[test]
fn what_a_spawned_task_yields_wakes_who_runs_the_coroutine() {
    let rt = Hand::default();
    let (keep, kept) = std::sync::mpsc::channel();
    let (end, ended) = oneshot::channel();
    let mut co = coroutine(|co: Co<&str, u8>| async move {
        keep.send(co).unwrap();
        ended.await.unwrap()
    });
    let (woken, waker) = Count::new();
    let mut step = co.run();
    assert!(poll_with(&mut step, &waker).is_pending());
    let handle = kept.recv().unwrap();
    let (mut task, mut root) = spawn(&rt, async move { handle.yield_("from a task").await });
    let (asked, task_waker) = Count::new();
    assert!(poll_with(&mut root, &task_waker).is_pending());
    assert_eq!(woken.get(), 1);
    let Poll::Ready(Ok(step)) = poll_with(&mut step, &waker) else {
        panic!("a step is there");
    };
    assert_eq!(step, Step::Yield("from a task"));
    let mut next = co.resume(5);
    assert!(poll_with(&mut next, &waker).is_pending());
    assert_eq!(asked.get(), 1, "who yielded is woken");
    assert!(poll_with(&mut root, &task_waker).is_ready());
    assert_eq!(result(&mut task).unwrap(), 5);
    end.send(9).unwrap();
    assert!(matches!(
        poll_with(&mut next, &waker),
        Poll::Ready(Ok(Step::Done(9)))
    ));
}

#[test]
fn what_the_body_yields_itself_wakes_nobody() {
    let mut co = coroutine(async |co: Co<(), ()>| {
        co.yield_(()).await;
        co.yield_(()).await;
    });
    let (woken, waker) = Count::new();
    assert!(poll_with(&mut co.run(), &waker).is_ready());
    assert!(poll_with(&mut co.resume(()), &waker).is_ready());
    assert!(poll_with(&mut co.resume(()), &waker).is_ready());
    assert_eq!(woken.get(), 0);
}

#[test]
fn several_yields_at_once_are_handed_out_one_at_a_time() {
    in_task(async {
        for by_own_wakers in [false, true] {
            let mut co = coroutine(async |co: Co<u8, u8>| {
                if by_own_wakers {
                    let both: FuturesUnordered<_> =
                        [1, 2].map(|n| co.yield_(n)).into_iter().collect();
                    let mut both: Vec<_> = both.collect().await;
                    both.sort_unstable();
                    return (both[0], both[1]);
                }
                join(co.yield_(1), co.yield_(2)).await
            });
            let first = co.run().await.unwrap().yielded().unwrap();
            let second = co.resume(10 * first).await.unwrap().yielded().unwrap();
            assert_eq!(first + second, 3);
            assert_eq!(co.resume(10 * second).await.unwrap(), Step::Done((10, 20)));
        }
    });
}

#[test]
fn an_error_is_thrown_where_it_yielded_and_may_be_handled() {
    in_task(async {
        let mut co = coroutine(async |co: Co<u8, Result<(), &'static str>>| {
            let handled = co.yield_(1).await.unwrap_err();
            co.yield_(2).await.unwrap();
            handled
        });
        co.run().await.unwrap();
        assert_eq!(co.throw("oh").await.unwrap(), Step::Yield(2));
        assert_eq!(co.resume(Ok(())).await.unwrap(), Step::Done("oh"));
    });
}

#[test]
fn closing_unwinds_it_and_refuses_what_still_yields() {
    let log = Log::default();
    in_task({
        let log = log.clone();
        async move {
            let mut co = coroutine(|co: Co<u8, ()>| {
                let log = log.clone();
                async move {
                    let (cleanup, late) = (log.clone(), co.clone());
                    defer(async move {
                        tick().await;
                        let refused = late.try_yield(9).await.unwrap_err();
                        say(&cleanup, format!("{refused:?}"));
                    });
                    let _local = OnDrop(log.clone(), "dropped");
                    co.yield_(1).await;
                    unreachable!("nobody resumes it");
                }
            });
            co.run().await.unwrap();
            assert_eq!(co.close().await, None::<()>);
            say(&log, "closed");
            assert!(co.state().is_finished());
        }
    });
    let refused = "YieldError { phase: Closing, has_value: true }";
    assert_eq!(said(&log), ["dropped", refused, "closed"]);
}

#[test]
fn a_shielded_yield_does_not_keep_a_close_waiting() {
    in_task(async {
        let mut co = coroutine(async |co: Co<u8, ()>| shield(co.try_yield(1)).await.is_err());
        co.run().await.unwrap();
        assert_eq!(co.close().await, Some(true));
        // One that is not told by a value is told by a panic.
        let mut co = coroutine(async |co: Co<u8, ()>| shield(co.yield_(1)).await);
        co.run().await.unwrap();
        let closed = crate::rooted(&Hand::default(), async move { co.close().await });
        let closed = futures::FutureExt::catch_unwind(AssertUnwindSafe(closed));
        let payload = closed.await.unwrap_err();
        let message = payload.downcast_ref::<String>().unwrap();
        assert!(message.contains("`try_yield`"), "{message}");
    });
}

#[test]
fn a_new_one_is_closed_without_being_run() {
    in_task(async {
        let mut co = coroutine(async |_: Co<(), ()>| unreachable!("it is new"));
        assert_eq!(co.close().await, None::<()>);
        assert!(co.run().await.unwrap_err().is_over());
    });
}

#[test]
fn a_step_that_is_dropped_is_gone_on_with_by_run() {
    let mut co = coroutine(async |co: Co<u8, u8>| {
        let answer = co.yield_(1).await;
        tick().await;
        answer
    });
    assert!(poll_once(Pin::new(&mut co.run())).is_ready());
    {
        let mut step = co.resume(5);
        assert!(poll_once(Pin::new(&mut step)).is_pending());
    }
    let Poll::Ready(Err(error)) = poll_once(Pin::new(&mut co.resume(6))) else {
        panic!("it waits for no answer");
    };
    assert!(error.is_not_yielded());
    assert_eq!(await_sync(co.run()).unwrap().unwrap(), Step::Done(5));
    // A step that was never polled has answered nothing.
    let mut co = coroutine(async |co: Co<u8, u8>| co.yield_(1).await);
    await_sync(co.run()).unwrap().unwrap();
    drop(co.resume(1));
    assert_eq!(await_sync(co.resume(2)).unwrap().unwrap(), Step::Done(2));
}

#[test]
fn a_yield_that_is_given_up_is_not_handed_out() {
    in_task(async {
        let mut co = coroutine(async |co: Co<u8, u8>| {
            // Polled once, and dropped.
            futures::future::select(co.yield_(1), std::future::ready(())).await;
            co.yield_(2).await
        });
        assert_eq!(co.run().await.unwrap(), Step::Yield(2));
        // Handed out, and dropped before it is answered.
        let (give_up, given_up) = oneshot::channel::<()>();
        let mut co = coroutine(async |co: Co<u8, u8>| {
            futures::future::select(co.yield_(1), given_up).await;
            co.yield_(2).await
        });
        assert_eq!(co.run().await.unwrap(), Step::Yield(1));
        give_up.send(()).unwrap();
        // The answer is given to who waits for it, first.
        assert_eq!(co.resume(7).await.unwrap(), Step::Yield(2));
        assert_eq!(co.resume(8).await.unwrap(), Step::Done(8));
    });
}

#[test]
fn a_yield_that_is_given_up_at_once_is_not_handed_out() {
    let mut co = coroutine(async |co: Co<u8, u8>| {
        futures::future::select(co.yield_(1), std::future::ready(())).await;
        co.yield_(2).await
    });
    let step = poll_once(Pin::new(&mut co.run()));
    assert_eq!(step, Poll::Ready(Ok(Step::Yield(2))));
}

#[test]
fn who_waits_elsewhere_learns_that_the_coroutine_is_over() {
    let rt = Hand::default();
    let kept = Arc::new(Mutex::new(None));
    let mut co = coroutine(|co: Co<u8, ()>| {
        *kept.lock().unwrap() = Some(co);
        pending::<()>()
    });
    assert!(poll_once(Pin::new(&mut co.run())).is_pending());
    let handle = kept.lock().unwrap().take().unwrap();
    let (mut task, mut root) = spawn(&rt, async move {
        let refused = handle.try_yield(1).await.unwrap_err();
        (refused.is_over(), refused.into_value())
    });
    let (woken, waker) = Count::new();
    assert!(poll_with(&mut root, &waker).is_pending());
    drop(co);
    assert_eq!(woken.get(), 1);
    assert!(poll_with(&mut root, &waker).is_ready());
    assert_eq!(result(&mut task).unwrap(), (true, Some(1)));
}

#[test]
fn a_panic_goes_to_who_runs_it_after_the_clean_ups() {
    let log = Log::default();
    let inside = log.clone();
    let mut co = coroutine(|co: Co<(), ()>| async move {
        defer(async move { say(&inside, "clean-up") });
        co.yield_(()).await;
        panic!("boom");
    });
    await_sync(co.run()).unwrap().unwrap();
    assert_eq!(panic_of(|| drop(await_sync(co.resume(())))), "boom");
    assert_eq!(said(&log), ["clean-up"]);
    assert!(co.state().is_finished());
}

#[test]
fn one_that_has_yielded_inside_a_shield_does_not_hold_its_task_up() {
    let rt = Hand::default();
    let log = Log::default();
    let (mut task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let cleanup = log.clone();
            let mut co = coroutine(async move |co: Co<(), ()>| {
                defer(async move { say(&cleanup, "clean-up") });
                shield(co.yield_(())).await;
            });
            co.run().await.unwrap();
            let _local = OnDrop(log, "body dropped");
            pending::<()>().await;
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("now");
    finish(root.as_mut());
    assert!(result(&mut task).unwrap_err().is_cancelled());
    assert_eq!(said(&log), ["body dropped", "clean-up"]);
}

#[test]
fn one_that_is_run_in_an_asked_task_is_stopped_with_it() {
    let rt = Hand::default();
    let log = Log::default();
    let (mut task, mut root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let _local = OnDrop(log.clone(), "body dropped");
            let mut co = coroutine(async move |_: Co<(), ()>| {
                let cleanup = log.clone();
                defer(async move { say(&cleanup, "clean-up") });
                let _local = OnDrop(log, "coroutine dropped");
                pending::<()>().await;
            });
            co.run().await.unwrap();
        }
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("now");
    finish(root.as_mut());
    assert!(result(&mut task).unwrap_err().is_cancelled());
    assert_eq!(
        said(&log),
        ["coroutine dropped", "clean-up", "body dropped"]
    );
}

#[test]
fn children_of_a_scope_in_it_yield_too() {
    in_task(async {
        let mut co = coroutine(async |co: Co<u8, u8>| {
            let sum = try_local_scope(|s| {
                let co = &co;
                async move {
                    let (a, b) = (
                        s.spawn(async { Ok::<_, String>(co.yield_(1).await) }),
                        s.spawn(async { Ok(co.yield_(2).await) }),
                    );
                    Ok(a.await + b.await)
                }
            });
            sum.await.unwrap()
        });
        assert_eq!(co.run().await.unwrap(), Step::Yield(1));
        assert_eq!(co.resume(3).await.unwrap(), Step::Yield(2));
        assert_eq!(co.resume(4).await.unwrap(), Step::Done(7));
    });
}
