//! What is held as long as its region.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Mutex;

use super::*;
use crate::{CancelToken, Cancellable, Held, Phase, defer, enter, hold};

#[test]
fn what_is_held_lives_as_long_as_its_region() {
    let rt = Hand::default();
    let counts = Counts::default();
    let (mut task, mut root) = spawn(&rt, {
        let counts = counts.clone();
        async move {
            let held = enter(Pooled::new(&counts, 1)).await?;
            tick().await;
            assert_eq!((held.acquired(), held.released()), (1, 0));
            Ok::<_, String>(())
        }
    });
    finish(root.as_mut());
    result(&mut task).unwrap().unwrap();
    assert_eq!((counts.acquired(), counts.released()), (1, 1));
    assert_eq!(counts.told(), ["value"]);
}

#[test]
fn a_request_at_any_point_releases_what_is_held() {
    for stop_after in 0..9 {
        let rt = Hand::default();
        let counts = Counts::default();
        let (task, mut root) = spawn(&rt, {
            let counts = counts.clone();
            async move {
                let _held = enter(Pooled::new(&counts, 2)).await?;
                tick().await;
                tick().await;
                Ok::<_, String>(())
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
            0 => vec![],
            1..=4 => vec!["cancelled"],
            _ => vec!["value"],
        };
        assert_eq!(counts.told(), told, "stopped after {stop_after} polls");
        assert_eq!(counts.acquired(), counts.released());
    }
}

#[test]
fn a_panic_releases_what_is_held_and_the_release_knows() {
    let rt = Hand::default();
    let counts = Counts::default();
    let (mut task, mut root) = spawn(&rt, {
        let counts = counts.clone();
        async move {
            let _held = enter(Pooled::new(&counts, 0)).await.unwrap();
            tick().await;
            panic!("body");
        }
    });
    finish(root.as_mut());
    let ended: Result<(), _> = result(&mut task);
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(counts.told(), ["panicked"]);
}

#[test]
fn releases_run_newest_first_among_the_clean_ups() {
    let rt = Hand::default();
    let log = Log::default();
    let (_task, root) = spawn(&rt, {
        let log = log.clone();
        async move {
            let acquire = |what: &'static str| async move { Ok::<_, String>(what) };
            let release = |log: &Log| {
                let log = log.clone();
                async move |what: &'static str, _: Exit| say(&log, what)
            };
            let _one = hold(acquire("one"), release(&log)).await?;
            let deferred = log.clone();
            defer(async move { say(&deferred, "deferred") });
            let _two = hold(acquire("two"), release(&log)).await?;
            Ok::<_, String>(())
        }
    });
    run(root);
    assert_eq!(said(&log), ["two", "deferred", "one"]);
}

#[test]
fn what_is_held_in_a_region_inside_is_released_with_that() {
    let rt = Hand::default();
    let counts = Counts::default();
    let (mut task, root) = spawn(&rt, {
        let counts = counts.clone();
        async move {
            let token = CancelToken::new();
            let inner = async {
                let _held = enter(Pooled::new(&counts, 1)).await;
                token.cancel("enough");
                std::future::pending::<()>().await;
            };
            assert!(inner.until(&token).await.is_err());
            (counts.released(), counts.told())
        }
    });
    run(root);
    let (released, told) = result(&mut task).unwrap();
    assert_eq!(released, 1);
    assert_eq!(told, ["cancelled"]);
}

#[test]
fn a_region_dropped_half_way_is_told_of_as_cancelled() {
    let rt = Hand::default();
    let counts = Counts::default();
    let (_task, root) = spawn(&rt, {
        let counts = counts.clone();
        async move {
            let token = CancelToken::new();
            let mut inner = Box::pin(
                async {
                    let _held = enter(Pooled::new(&counts, 0)).await;
                    std::future::pending::<()>().await;
                }
                .until(&token),
            );
            assert!(poll_once(inner.as_mut()).is_pending());
        }
    });
    run(root);
    assert_eq!(counts.released(), 1);
    assert_eq!(counts.told(), ["cancelled"]);
}

#[test]
fn the_region_waits_for_what_was_moved_out_of_it() {
    let rt = Hand::default();
    let counts = Counts::default();
    let away: Arc<Mutex<Option<Held<Counts>>>> = Arc::default();
    let (mut task, mut root) = spawn(&rt, {
        let (counts, away) = (counts.clone(), away.clone());
        async move {
            *away.lock().unwrap() = Some(enter(Pooled::new(&counts, 0)).await?);
            Ok::<_, String>(())
        }
    });
    for _ in 0..5 {
        assert!(poll_once(root.as_mut()).is_pending());
    }
    assert_eq!(counts.released(), 0);
    let held = away.lock().unwrap().take();
    drop(held);
    run(root);
    result(&mut task).unwrap().unwrap();
    assert_eq!(counts.released(), 1);
}

#[test]
fn an_early_release_is_the_only_one() {
    let rt = Hand::default();
    let counts = Counts::default();
    let (_task, root) = spawn(&rt, {
        let counts = counts.clone();
        async move {
            let held = enter(Pooled::new(&counts, 2)).await.unwrap();
            held.release().await;
            assert_eq!(counts.released(), 1);
            tick().await;
        }
    });
    run(root);
    assert_eq!((counts.acquired(), counts.released()), (1, 1));
}

#[test]
fn an_early_release_that_is_dropped_goes_on_at_the_end() {
    for polls in 0..3 {
        let rt = Hand::default();
        let counts = Counts::default();
        let (_task, root) = spawn(&rt, {
            let counts = counts.clone();
            async move {
                let held = enter(Pooled::new(&counts, 2)).await.unwrap();
                let mut release = Box::pin(held.release());
                for _ in 0..polls {
                    assert!(poll_once(release.as_mut()).is_pending());
                }
            }
        });
        run(root);
        assert_eq!((counts.acquired(), counts.released()), (1, 1), "{polls}");
        assert_eq!(counts.told().len(), 1);
    }
}

#[test]
fn who_waits_for_a_release_that_another_polls_is_woken_when_it_is_over() {
    let rt = Hand::default();
    let counts = Counts::default();
    let away: Arc<Mutex<Option<Held<Counts>>>> = Arc::default();
    let (_task, mut root) = spawn(&rt, {
        let (counts, away) = (counts.clone(), away.clone());
        async move {
            *away.lock().unwrap() = Some(enter(Pooled::new(&counts, 3)).await.unwrap());
        }
    });
    for _ in 0..5 {
        assert!(poll_once(root.as_mut()).is_pending());
    }
    let held = away.lock().unwrap().take().unwrap();
    let mut early = pin!(held.release());
    assert!(poll_once(early.as_mut()).is_pending());
    // The region polls on; the other, which has registered first, must not wait for ever.
    let (woken, waker) = counting();
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(early.as_mut().poll(&mut cx).is_pending());
    let before = woken.load(Ordering::SeqCst);
    run(root);
    assert!(woken.load(Ordering::SeqCst) > before);
    assert!(poll_once(early).is_ready());
    assert_eq!(counts.released(), 1);
}

/// A waker, and how often it was woken.
fn counting() -> (Arc<AtomicUsize>, std::task::Waker) {
    struct Count(Arc<AtomicUsize>);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let woken = Arc::new(AtomicUsize::new(0));
    let waker = Arc::new(Count(woken.clone())).into();
    (woken, waker)
}

#[test]
fn the_region_is_woken_when_an_early_release_is_over_or_dropped() {
    for dropped in [false, true] {
        let rt = Hand::default();
        let counts = Counts::default();
        let away: Arc<Mutex<Option<Held<Counts>>>> = Arc::default();
        let (_task, mut root) = spawn(&rt, {
            let (counts, away) = (counts.clone(), away.clone());
            async move {
                *away.lock().unwrap() = Some(enter(Pooled::new(&counts, 3)).await.unwrap());
            }
        });
        for _ in 0..5 {
            assert!(poll_once(root.as_mut()).is_pending());
        }
        let (woken, waker) = counting();
        let mut cx = std::task::Context::from_waker(&waker);
        let held = away.lock().unwrap().take().unwrap();
        let mut early = Box::pin(held.release());
        assert!(root.as_mut().poll(&mut cx).is_pending());
        // The early one is the last to poll, so the release itself wakes only that.
        assert!(poll_once(early.as_mut()).is_pending());
        let before = woken.load(Ordering::SeqCst);
        if dropped {
            drop(early);
            assert!(woken.load(Ordering::SeqCst) > before);
        } else {
            while poll_once(early.as_mut()).is_pending() {}
            assert!(woken.load(Ordering::SeqCst) > before);
            drop(early);
        }
        run(root);
        assert_eq!(counts.released(), 1);
    }
}

#[test]
fn what_is_kept_is_not_released() {
    let rt = Hand::default();
    let counts = Counts::default();
    let (_task, root) = spawn(&rt, {
        let counts = counts.clone();
        async move { drop(enter(Pooled::new(&counts, 0)).await.unwrap().keep()) }
    });
    run(root);
    assert_eq!((counts.acquired(), counts.released()), (1, 0));
}

#[test]
fn a_release_that_fails_stands_beside_the_outcome() {
    let rt = Hand::default();
    let (mut task, mut root) = spawn(&rt, async {
        let release = async |(), _: Exit| Err::<(), _>("stuck");
        let _held = hold(async { Ok::<_, String>(()) }, release).await?;
        std::future::pending::<()>().await;
        Ok::<_, String>(())
    });
    assert!(poll_once(root.as_mut()).is_pending());
    task.cancel("stop");
    run(root);
    let error = result(&mut task).unwrap_err();
    assert_eq!(error.failures()[0].phase(), Phase::Release);
    assert_eq!(error.failures()[0].message(), Some("stuck"));
}

#[test]
fn nothing_is_acquired_where_it_would_never_be_released() {
    let counts = Counts::default();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        finish(pin!(enter(Pooled::new(&counts, 0)))).0
    }));
    let payload = caught.err().unwrap();
    let text = payload.downcast_ref::<&str>().unwrap();
    assert!(text.contains("rooted(&rt, future)"), "{text}");
    assert_eq!(counts.acquired(), 0);
}
