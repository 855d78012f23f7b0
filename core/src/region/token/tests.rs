//! The token, polled by hand, with wakers and callbacks that count, panic and call back into it.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use super::{CancelToken, Cancelled, CancelledOwned};
use crate::Reason;

/// Runs `test` on a thread with a small stack; a test that hangs fails.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let (over, is_over) = mpsc::channel();
    let thread = thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(move || {
            test();
            over.send(()).unwrap();
        })
        .unwrap();
    if let Err(mpsc::RecvTimeoutError::Timeout) = is_over.recv_timeout(Duration::from_secs(60)) {
        panic!("the test hangs");
    }
    if let Err(payload) = thread.join() {
        std::panic::resume_unwind(payload);
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(Arc::clone(&count)))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.add();
    }
}

/// Calls `0` when it is woken, and `1` when it is dropped.
struct Calls(Box<dyn Fn() + Send + Sync>, Box<dyn Fn() + Send + Sync>);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        (self.1)();
    }
}

fn calls(
    on_wake: impl Fn() + Send + Sync + 'static,
    on_drop: impl Fn() + Send + Sync + 'static,
) -> Waker {
    Waker::from(Arc::new(Calls(Box::new(on_wake), Box::new(on_drop))))
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

fn poll(future: &mut (impl Future<Output = Reason> + Unpin), waker: &Waker) -> Poll<Reason> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

fn ready(reason: &'static str) -> Poll<Reason> {
    Poll::Ready(reason.into())
}

fn reason_of(token: &CancelToken) -> Option<String> {
    token.reason().map(|reason| reason.as_str().to_owned())
}

fn assert_nothing_is_left(token: &CancelToken) {
    let counts = token.node().counts();
    assert_eq!(
        (counts.children, counts.waiting, counts.callbacks),
        (0, 0, 0)
    );
}

/// Uses everything that a token can do.
fn use_it(token: &CancelToken) {
    let _ = (token.is_cancelled(), token.reason(), format!("{token:?}"));
    let child = token.child();
    let (_, waker) = Count::new();
    let _ = poll(&mut token.cancelled(), &waker);
    let _ = poll(&mut child.cancelled_owned(), &waker);
    drop(token.on_cancel(|_| ()));
    child.on_cancel(|_| ()).detach();
    child.cancel("used");
    token.guard("not used").disarm();
}

mod a_request {
    use super::*;

    #[test]
    fn is_seen_through_each_clone() {
        let token = CancelToken::default();
        let clone = token.clone();
        assert!(!token.is_cancelled() && token.reason().is_none());
        assert!(clone.cancel("first"));
        assert!(token.is_cancelled());
        assert_eq!(reason_of(&token).as_deref(), Some("first"));
    }

    #[test]
    fn keeps_the_first_reason() {
        let token = CancelToken::new();
        assert!(token.cancel("first"));
        assert!(!token.cancel(String::from("second")));
        assert_eq!(reason_of(&token).as_deref(), Some("first"));
    }

    #[test]
    fn goes_down_and_neither_up_nor_sideways() {
        let root = CancelToken::new();
        let (left, right) = (root.child(), root.child());
        let below = left.child().child();
        assert!(left.cancel("left"));
        assert!(below.is_cancelled());
        assert!(!root.is_cancelled() && !right.is_cancelled());
        assert!(root.cancel("root"));
        assert!(!right.cancel("too late"));
        let reasons = [&root, &left, &below, &right].map(|token| reason_of(token).unwrap());
        assert_eq!(reasons, ["root", "left", "left", "root"]);
    }

    #[test]
    fn reaches_children_that_come_later() {
        let token = CancelToken::new();
        token.cancel("early");
        let late = token.child().child();
        assert_eq!(reason_of(&late).as_deref(), Some("early"));
        assert_nothing_is_left(&token);
    }

    #[test]
    fn passes_through_a_token_whose_handles_are_gone() {
        let root = CancelToken::new();
        let leaf = root.child().child().child();
        root.cancel("through");
        assert_eq!(reason_of(&leaf).as_deref(), Some("through"));
    }

    #[test]
    fn has_one_first_caller() {
        for _ in 0..200 {
            let token = CancelToken::new();
            let firsts = Count::default();
            let start = Barrier::new(4);
            thread::scope(|s| {
                for _ in 0..4 {
                    s.spawn(|| {
                        start.wait();
                        if token.cancel("mine") {
                            firsts.add();
                        }
                    });
                }
            });
            assert_eq!(firsts.get(), 1);
        }
    }

    #[test]
    fn says_itself_where_it_is_debugged() {
        let token = CancelToken::new();
        token.cancel("seen");
        let shown = format!("{token:?}");
        assert!(
            shown.contains("seen") && shown.contains("tests.rs"),
            "{shown}"
        );
    }
}

mod waiting {
    use super::*;

    #[test]
    fn ends_with_the_reason_and_stays_ended() {
        let token = CancelToken::new();
        let (count, waker) = Count::new();
        let mut waiting = token.cancelled();
        assert!(poll(&mut waiting, &waker).is_pending());
        assert_eq!(count.get(), 0);
        token.cancel("over");
        assert_eq!(count.get(), 1);
        assert_eq!(poll(&mut waiting, &waker), ready("over"));
        assert_eq!(poll(&mut waiting, &waker), ready("over"));
        assert_eq!(count.get(), 1);
    }

    #[test]
    fn ends_at_once_on_a_cancelled_token() {
        let token = CancelToken::new();
        token.cancel("before");
        let (_, waker) = Count::new();
        assert_eq!(poll(&mut token.cancelled(), &waker), ready("before"));
        assert_eq!(poll(&mut token.cancelled_owned(), &waker), ready("before"));
    }

    #[test]
    fn ends_when_a_parent_is_cancelled() {
        let root = CancelToken::new();
        let mut waiting = root.child().child().cancelled_owned();
        let (count, waker) = Count::new();
        assert!(poll(&mut waiting, &waker).is_pending());
        root.cancel("above");
        assert_eq!(count.get(), 1);
        assert_eq!(poll(&mut waiting, &waker), ready("above"));
    }

    #[test]
    fn wakes_the_waker_of_the_last_poll_only() {
        let token = CancelToken::new();
        let (first, first_waker) = Count::new();
        let (last, last_waker) = Count::new();
        let mut waiting = token.cancelled();
        assert!(poll(&mut waiting, &first_waker).is_pending());
        assert!(poll(&mut waiting, &last_waker).is_pending());
        drop(first_waker);
        assert_eq!(Arc::strong_count(&first), 1, "the old waker is kept");
        assert_eq!(token.node().counts().waiting, 1);
        token.cancel("over");
        assert_eq!((first.get(), last.get()), (0, 1));
    }

    #[test]
    fn does_not_clone_a_waker_it_has() {
        let token = CancelToken::new();
        let (count, waker) = Count::new();
        let mut waiting = token.cancelled();
        for _ in 0..1000 {
            assert!(poll(&mut waiting, &waker).is_pending());
            assert_eq!(Arc::strong_count(&count), 3);
        }
        assert_eq!(count.get(), 0, "a poll wakes nobody");
    }

    #[test]
    fn that_is_given_up_a_million_times_keeps_no_waker() {
        let token = CancelToken::new();
        let (count, waker) = Count::new();
        for _ in 0..1_000_000 {
            let mut waiting = token.cancelled();
            assert!(poll(&mut waiting, &waker).is_pending());
        }
        assert_eq!(Arc::strong_count(&count), 2);
        assert_nothing_is_left(&token);
    }

    #[test]
    fn that_is_forgotten_is_freed_with_the_token() {
        let token = CancelToken::new();
        let (count, waker) = Count::new();
        let mut waiting = token.cancelled();
        assert!(poll(&mut waiting, &waker).is_pending());
        std::mem::forget(waiting);
        drop((token, waker));
        assert_eq!(Arc::strong_count(&count), 1);
    }

    #[test]
    fn may_be_dropped_after_the_request_without_a_poll() {
        let token = CancelToken::new();
        let (count, waker) = Count::new();
        let mut waiting = token.cancelled();
        assert!(poll(&mut waiting, &waker).is_pending());
        token.cancel("over");
        drop((waiting, waker));
        assert_eq!(Arc::strong_count(&count), 1);
    }

    #[test]
    fn does_not_mind_who_else_waits() {
        let token = CancelToken::new();
        let counts: Vec<_> = (0..10).map(|_| Count::new()).collect();
        let mut waiting: Vec<_> = counts.iter().map(|_| token.cancelled()).collect();
        for (waiting, (_, waker)) in waiting.iter_mut().zip(&counts) {
            assert!(poll(waiting, waker).is_pending());
        }
        let mut dropped = 0;
        waiting.retain(|_| {
            dropped += 1;
            dropped % 3 != 0
        });
        token.cancel("over");
        let woken: Vec<_> = counts.iter().map(|(count, _)| count.get()).collect();
        assert_eq!(woken, [1, 1, 0, 1, 1, 0, 1, 1, 0, 1]);
    }

    #[test]
    fn survives_wakers_that_use_the_token() {
        on_a_small_stack(|| {
            let token = CancelToken::new();
            let child = token.child();
            let used = Arc::new(Count::default());
            let reentrant = || {
                let token = token.clone();
                let (used, use_again) = (Arc::clone(&used), token.clone());
                let count = Arc::clone(&used);
                calls(
                    move || {
                        use_it(&token);
                        used.add();
                    },
                    move || {
                        use_it(&use_again);
                        count.add();
                    },
                )
            };
            // Replaced, given up, and woken.
            let mut waiting = child.cancelled_owned();
            assert!(poll(&mut waiting, &reentrant()).is_pending());
            assert!(poll(&mut waiting, &reentrant()).is_pending());
            assert_eq!(used.get(), 1);
            drop(waiting);
            assert_eq!(used.get(), 2);
            let mut waiting = child.cancelled();
            assert!(poll(&mut waiting, &reentrant()).is_pending());
            token.cancel("over");
            assert_eq!(used.get(), 4);
        });
    }

    #[test]
    fn survives_wakers_that_panic() {
        let token = CancelToken::new();
        let child = token.child();
        let (count, waker) = Count::new();
        let wake_panics = calls(|| panic!("woken"), || ());
        let drop_panics = calls(|| (), || panic!("waker dropped"));
        let mut waiting: Vec<CancelledOwned> = Vec::new();
        for waker in [&wake_panics, &waker, &drop_panics, &waker] {
            for token in [&token, &child] {
                waiting.push(token.cancelled_owned());
                assert!(poll(waiting.last_mut().unwrap(), waker).is_pending());
            }
        }
        // The last of these is dropped by the token.
        drop(drop_panics);
        assert!(token.cancel("over"));
        assert_eq!(count.get(), 4);
        assert!(child.is_cancelled());

        let token = CancelToken::new();
        let mut given_up = token.cancelled();
        assert!(poll(&mut given_up, &calls(|| (), || panic!("waker dropped"))).is_pending());
        drop(given_up);
        assert_nothing_is_left(&token);
    }

    #[test]
    fn never_misses_a_request_that_comes_during_a_poll() {
        on_a_small_stack(|| {
            for _ in 0..2_000 {
                let token = CancelToken::new();
                let child = token.child();
                let start = Arc::new(Barrier::new(2));
                let waits = thread::spawn({
                    let start = Arc::clone(&start);
                    move || {
                        start.wait();
                        futures::executor::block_on(child.cancelled())
                    }
                });
                start.wait();
                token.cancel("over");
                assert_eq!(waits.join().unwrap().as_str(), "over");
            }
        });
    }

    #[test]
    fn is_woken_if_it_was_told_to_wait() {
        on_a_small_stack(|| {
            for round in 0..200 {
                // Two threads go along a row of tokens, one polls and one cancels. They meet here and
                // there: the gap between reading the reason and registering is some nanoseconds wide.
                let tokens: Vec<_> = (0..500).map(|_| CancelToken::new()).collect();
                let start = Barrier::new(2);
                thread::scope(|s| {
                    let cancels = s.spawn(|| {
                        start.wait();
                        for token in &tokens {
                            token.cancel("over");
                        }
                    });
                    let mut waiting: Vec<_> = tokens
                        .iter()
                        .map(|token| (token.cancelled(), Count::new(), false))
                        .collect();
                    start.wait();
                    for (waiting, (_, waker), told_to_wait) in &mut waiting {
                        *told_to_wait = poll(waiting, waker).is_pending();
                    }
                    cancels.join().unwrap();
                    for (_, (count, _), told_to_wait) in &waiting {
                        assert_eq!(count.get(), usize::from(*told_to_wait), "round {round}");
                    }
                });
            }
        });
    }

    #[test]
    fn shows_itself() {
        let token = CancelToken::new();
        let waiting: Cancelled<'_> = token.cancelled();
        assert!(format!("{waiting:?}").contains("CancelToken"));
        assert!(format!("{:?}", token.cancelled_owned()).contains("CancelToken"));
        assert!(format!("{:?}", token.on_cancel(|_| ())).contains("waits: true"));
        assert!(format!("{:?}", token.guard("why")).contains("why"));
        token.cancel("shown");
    }
}

mod callbacks {
    use super::*;

    type Log = Arc<Mutex<Vec<String>>>;

    fn logs(log: &Log, what: &str) -> impl FnOnce(&Reason) + Send + 'static {
        let (log, what) = (Arc::clone(log), what.to_owned());
        move |reason| log.lock().unwrap().push(format!("{what}: {reason}"))
    }

    fn logged(log: &Log) -> Vec<String> {
        std::mem::take(&mut log.lock().unwrap())
    }

    #[test]
    fn are_called_in_the_order_in_which_they_were_registered() {
        let token = CancelToken::new();
        let log = Log::default();
        let mut handles: Vec<_> = (0..6)
            .map(|n| token.on_cancel(logs(&log, &n.to_string())))
            .collect();
        drop(handles.remove(5));
        drop(handles.remove(2));
        handles.push(token.on_cancel(logs(&log, "last")));
        token.cancel("r");
        assert_eq!(logged(&log), ["0: r", "1: r", "3: r", "4: r", "last: r"]);
    }

    #[test]
    fn of_a_parent_are_called_before_those_of_its_children() {
        let log = Log::default();
        let root = CancelToken::new();
        let child = root.child();
        let below = child.child();
        below.on_cancel(logs(&log, "below")).detach();
        child.on_cancel(logs(&log, "child")).detach();
        root.on_cancel(logs(&log, "root")).detach();
        root.cancel("r");
        assert_eq!(logged(&log), ["root: r", "child: r", "below: r"]);
    }

    #[test]
    fn find_everything_below_cancelled_and_everybody_woken() {
        let root = CancelToken::new();
        let (left, right) = (root.child(), root.child());
        let below = right.child().child();
        let (count, waker) = Count::new();
        let mut waiting = below.cancelled_owned();
        assert!(poll(&mut waiting, &waker).is_pending());
        let seen = Arc::new(AtomicBool::new(false));
        root.on_cancel({
            let seen = Arc::clone(&seen);
            move |_| {
                let cancelled = [left, right, below].iter().all(CancelToken::is_cancelled);
                seen.store(cancelled && count.get() == 1, Ordering::SeqCst);
            }
        })
        .detach();
        root.cancel("r");
        assert!(seen.load(Ordering::SeqCst));
    }

    #[test]
    fn are_called_at_once_on_a_cancelled_token() {
        let log = Log::default();
        let token = CancelToken::new();
        token.cancel("before");
        let handle = token.on_cancel(logs(&log, "late"));
        assert_eq!(logged(&log), ["late: before"]);
        assert!(format!("{handle:?}").contains("waits: false"));
        handle.detach();
        assert_nothing_is_left(&token);
    }

    #[test]
    fn go_with_their_handle() {
        let token = CancelToken::new();
        let held = Arc::new(());
        let handle = token.on_cancel({
            let held = Arc::clone(&held);
            move |_| drop(held)
        });
        assert_eq!(Arc::strong_count(&held), 2);
        drop(handle);
        assert_eq!(Arc::strong_count(&held), 1);
        assert_nothing_is_left(&token);
    }

    #[test]
    fn that_are_detached_go_with_their_token() {
        let held = Arc::new(());
        let root = CancelToken::new();
        let child = root.child();
        child
            .on_cancel({
                let held = Arc::clone(&held);
                move |_| drop(held)
            })
            .detach();
        assert_eq!(Arc::strong_count(&held), 2);
        drop(child);
        assert_eq!(Arc::strong_count(&held), 1);
        assert_nothing_is_left(&root);
    }

    #[test]
    fn are_kept_by_their_handle_when_the_token_has_no_other() {
        let log = Log::default();
        let root = CancelToken::new();
        let handle = root.child().on_cancel(logs(&log, "kept"));
        root.cancel("r");
        assert_eq!(logged(&log), ["kept: r"]);
        drop(handle);
    }

    #[test]
    fn that_panic_stop_none_of_the_others() {
        let log = Log::default();
        let root = CancelToken::new();
        let child = root.child();
        let (count, waker) = Count::new();
        let mut waiting = child.cancelled_owned();
        assert!(poll(&mut waiting, &waker).is_pending());
        for token in [&root, &child] {
            token.on_cancel(|_| panic!("callback")).detach();
            token.on_cancel(logs(&log, "next")).detach();
        }
        assert!(root.cancel("r"));
        assert_eq!(logged(&log), ["next: r", "next: r"]);
        assert_eq!(count.get(), 1);
        root.on_cancel(|_| panic!("at once")).detach();
        assert!(!root.cancel("again"));
    }

    #[test]
    fn whose_destructors_panic_harm_nobody() {
        let token = CancelToken::new();
        let bomb = PanicsOnDrop;
        drop(token.on_cancel(move |_| {
            let _kept = &bomb;
        }));
        assert_nothing_is_left(&token);

        let log = Log::default();
        let (child, bomb) = (token.child(), PanicsOnDrop);
        child
            .on_cancel(move |_| {
                let _kept = &bomb;
            })
            .detach();
        drop(child);
        token.on_cancel(logs(&log, "next")).detach();
        token.cancel("r");
        assert_eq!(logged(&log), ["next: r"]);
    }

    #[test]
    fn may_use_their_token_and_the_ones_around_it() {
        on_a_small_stack(|| {
            let log = Log::default();
            let root = CancelToken::new();
            let child = root.child();
            child
                .on_cancel({
                    let (root, child, log) = (root.clone(), child.clone(), Arc::clone(&log));
                    move |_| {
                        use_it(&child);
                        use_it(&root);
                        child.on_cancel(logs(&log, "nested")).detach();
                        assert!(root.cancel("from below"));
                        assert!(!child.cancel("again"));
                    }
                })
                .detach();
            root.on_cancel(logs(&log, "root")).detach();
            child.on_cancel(logs(&log, "second")).detach();
            assert!(child.cancel("here"));
            assert_eq!(
                logged(&log),
                ["nested: here", "root: from below", "second: here"]
            );
        });
    }

    #[test]
    fn may_drop_their_own_handle_and_those_of_others() {
        on_a_small_stack(|| {
            let token = CancelToken::new();
            let handles = Arc::new(Mutex::new(Vec::new()));
            let called = Arc::new(Count::default());
            for _ in 0..3 {
                let handle = token.on_cancel({
                    let (handles, called) = (Arc::clone(&handles), Arc::clone(&called));
                    move |_| {
                        let all = std::mem::take(&mut *handles.lock().unwrap());
                        drop(all);
                        called.add();
                    }
                });
                handles.lock().unwrap().push(handle);
            }
            token.cancel("r");
            assert_eq!(
                called.get(),
                3,
                "all were taken up before the first was called"
            );
        });
    }

    #[test]
    fn whose_destructors_use_the_token_do_not_hang() {
        on_a_small_stack(|| {
            struct UsesOnDrop(CancelToken, Arc<Count>);
            impl Drop for UsesOnDrop {
                fn drop(&mut self) {
                    use_it(&self.0);
                    self.1.add();
                }
            }
            let token = CancelToken::new();
            let used = Arc::new(Count::default());
            for cancelled in [false, true] {
                let guard = UsesOnDrop(token.clone(), Arc::clone(&used));
                let handle = token.on_cancel(move |_| drop(guard));
                if cancelled {
                    token.cancel("r");
                }
                drop(handle);
            }
            assert_eq!(used.get(), 2);
        });
    }

    #[test]
    fn are_called_or_dropped_exactly_once_whoever_is_faster() {
        on_a_small_stack(|| {
            for round in 0..2_000 {
                let token = CancelToken::new();
                let child = token.child();
                let (called, held) = (Arc::new(Count::default()), Arc::new(()));
                let (count, kept) = (Arc::clone(&called), Arc::clone(&held));
                let start = Arc::new(Barrier::new(2));
                let registers = thread::spawn({
                    let start = Arc::clone(&start);
                    move || {
                        start.wait();
                        let handle = child.on_cancel(move |_| {
                            drop(kept);
                            count.add();
                        });
                        if round % 2 == 0 {
                            handle.detach();
                        } else {
                            drop(handle);
                        }
                        child
                    }
                });
                start.wait();
                token.cancel("r");
                drop(registers.join().unwrap());
                assert!(called.get() <= 1);
                assert!(round % 2 != 0 || called.get() == 1, "a callback was missed");
                assert_eq!(Arc::strong_count(&held), 1);
            }
        });
    }
}

mod a_guard {
    use super::*;

    #[test]
    fn cancels_when_it_is_dropped() {
        let token = CancelToken::new();
        let child = token.child();
        drop(token.guard("left"));
        assert_eq!(reason_of(&child).as_deref(), Some("left"));
    }

    #[test]
    fn that_is_disarmed_does_nothing() {
        let token = CancelToken::new();
        token.guard("left").disarm();
        assert!(!token.is_cancelled());
    }

    #[test]
    fn leaves_a_cancelled_token_as_it_is() {
        let token = CancelToken::new();
        let guard = token.guard("left");
        token.cancel("before");
        drop(guard);
        assert_eq!(reason_of(&token).as_deref(), Some("before"));
    }

    #[test]
    fn cancels_during_a_panic_even_if_a_callback_panics_too() {
        let token = CancelToken::new();
        token.on_cancel(|_| panic!("second")).detach();
        let result = thread::spawn({
            let token = token.clone();
            move || {
                let _guard = token.guard("left");
                panic!("first");
            }
        })
        .join();
        let payload = result.unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"first"));
        assert_eq!(reason_of(&token).as_deref(), Some("left"));
    }
}

mod a_tree {
    use super::*;

    const DEEP: usize = 100_000;

    fn chain(length: usize) -> Vec<CancelToken> {
        let mut chain = vec![CancelToken::new()];
        while chain.len() < length {
            let child = chain[chain.len() - 1].child();
            chain.push(child);
        }
        chain
    }

    #[test]
    fn that_is_deep_is_cancelled_and_dropped_on_a_small_stack() {
        on_a_small_stack(|| {
            let chain = chain(DEEP);
            let called = Arc::new(Count::default());
            for token in &chain {
                let called = Arc::clone(&called);
                token.on_cancel(move |_| called.add()).detach();
            }
            assert!(chain[0].cancel("r"));
            assert_eq!(called.get(), DEEP);
            assert!(chain.iter().all(CancelToken::is_cancelled));
        });
    }

    #[test]
    fn that_is_deep_may_be_dropped_from_either_end_or_the_middle() {
        on_a_small_stack(|| {
            // From the root: each parent is kept by its child until the last one goes.
            drop(chain(DEEP));
            let mut backwards = chain(DEEP);
            backwards.reverse();
            drop(backwards);
            let mut scattered = chain(DEEP);
            for place in 0..DEEP {
                scattered.swap(place, place * 7_919 % DEEP);
            }
            drop(scattered);
        });
    }

    #[test]
    fn of_which_only_the_ends_are_held_is_cancelled_and_dropped() {
        on_a_small_stack(|| {
            for cancelled in [false, true] {
                let mut all = chain(DEEP);
                let leaf = all.pop().unwrap();
                let root = all.swap_remove(0);
                let held = Arc::new(());
                let callback_of_the_middle = {
                    let held = Arc::clone(&held);
                    move |_: &Reason| drop(held)
                };
                all[DEEP / 2].on_cancel(callback_of_the_middle).detach();
                drop(all);
                if cancelled {
                    root.cancel("r");
                }
                assert_eq!(leaf.is_cancelled(), cancelled);
                drop(leaf);
                assert_eq!(Arc::strong_count(&held), 1);
                assert_nothing_is_left(&root);
            }
        });
    }

    #[test]
    fn is_not_walked_again_where_everything_is_cancelled() {
        // 100,000 requests over up to 100,000 tokens each would not end in time.
        on_a_small_stack(|| {
            let chain = chain(DEEP);
            for token in chain.iter().rev() {
                assert!(token.cancel("r"));
            }
        });
    }

    #[test]
    fn forgets_a_million_short_lived_children() {
        let root = CancelToken::new();
        let waker = Waker::noop();
        for _ in 0..1_000_000 {
            let child = root.child();
            let mut waiting = child.cancelled();
            assert!(poll(&mut waiting, waker).is_pending());
        }
        let counts = root.node().counts();
        assert_eq!((counts.children, counts.waiting), (0, 0));
        assert!(counts.places <= 4, "{counts:?}");
    }

    #[test]
    fn gives_back_what_a_burst_of_children_took() {
        let root = CancelToken::new();
        for _ in 0..3 {
            let children: Vec<_> = (0..10_000).map(|_| root.child()).collect();
            assert_eq!(root.node().counts().children, 10_000);
            drop(children);
            let counts = root.node().counts();
            assert_eq!((counts.children, counts.places), (0, 0));
        }
        // And works on, with the same keys.
        let child = root.child();
        root.cancel("r");
        assert!(child.is_cancelled());
        assert_nothing_is_left(&root);
    }

    #[test]
    fn keeps_no_list_once_it_is_cancelled() {
        let root = CancelToken::new();
        let children: Vec<_> = (0..100).map(|_| root.child()).collect();
        let below: Vec<_> = children.iter().map(CancelToken::child).collect();
        root.cancel("r");
        assert_eq!(root.node().counts().places, 0);
        assert!(
            children
                .iter()
                .all(|child| child.node().counts().places == 0)
        );
        drop(children);
        drop(below);
    }

    #[test]
    fn misses_no_child_that_is_made_during_the_request() {
        on_a_small_stack(|| {
            for _ in 0..500 {
                let root = CancelToken::new();
                let start = Barrier::new(3);
                thread::scope(|s| {
                    let makers: Vec<_> = (0..2)
                        .map(|_| {
                            s.spawn(|| {
                                start.wait();
                                let mut made = vec![root.child()];
                                for n in 0..50 {
                                    let child = if n % 2 == 0 {
                                        made[made.len() - 1].child()
                                    } else {
                                        root.child()
                                    };
                                    made.push(child);
                                }
                                made
                            })
                        })
                        .collect();
                    start.wait();
                    root.cancel("r");
                    for maker in makers {
                        let made = maker.join().unwrap();
                        assert!(made.iter().all(CancelToken::is_cancelled));
                    }
                });
            }
        });
    }

    #[test]
    fn is_cancelled_to_the_bottom_when_either_of_two_requests_returns() {
        on_a_small_stack(|| {
            for _ in 0..1_000 {
                let chain = chain(40);
                let called = Arc::new(Count::default());
                for token in &chain {
                    let called = Arc::clone(&called);
                    token.on_cancel(move |_| called.add()).detach();
                }
                let start = Barrier::new(3);
                thread::scope(|s| {
                    for from in [0, 1, 20] {
                        let (chain, start) = (&chain, &start);
                        s.spawn(move || {
                            start.wait();
                            if chain[from].cancel("mine") {
                                let below = &chain[from..];
                                assert!(below.iter().all(CancelToken::is_cancelled));
                            }
                        });
                    }
                });
                assert_eq!(called.get(), chain.len(), "each callback once");
            }
        });
    }

    #[test]
    fn may_lose_children_during_the_request() {
        on_a_small_stack(|| {
            for round in 0..500 {
                let root = CancelToken::new();
                let held = Arc::new(());
                let children: Vec<_> = (0..50)
                    .map(|_| {
                        let child = root.child().child();
                        let held = Arc::clone(&held);
                        child.on_cancel(move |_| drop(held)).detach();
                        child
                    })
                    .collect();
                let start = Barrier::new(2);
                thread::scope(|s| {
                    s.spawn(|| {
                        start.wait();
                        if round % 2 == 0 {
                            drop(children);
                        } else {
                            children.into_iter().rev().for_each(drop);
                        }
                    });
                    start.wait();
                    root.cancel("r");
                });
                assert_eq!(Arc::strong_count(&held), 1);
                assert_nothing_is_left(&root);
            }
        });
    }
}
