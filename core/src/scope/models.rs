//! A scope in all interleavings: its body on one thread, each child on another.

use std::convert::Infallible;
use std::panic::Location;
use std::sync::Arc;

use super::in_scope::{Birth, spawn};
use super::outcome::{AnyValue, Fallible};
use super::shared::{Rules, Shared};
use super::waiters::Waiters;
use super::{Child, Scope, TryScope};
use crate::Runtime;
use crate::region::state::flag;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::model::{Count, Hand, Polled, model, model_within, never, once, thread};

type Bare = Arc<Shared<Hand, Infallible>>;

fn bare(rt: &Hand, limit: Option<usize>) -> Bare {
    Shared::new(
        rt.clone(),
        Rules::default(),
        limit,
        None,
        Location::caller(),
    )
}

/// Spawns a child that counts its one poll. Whether the scope took it.
fn spawn_counted(scope: &Bare, ran: &Arc<Count>) -> bool {
    let ran = ran.clone();
    let child = spawn::<AnyValue, _, _, _>(scope, Birth::here(), async move { ran.add() });
    child.is_ok()
}

#[test]
fn the_last_child_ends_while_its_scope_closes() {
    model(|| {
        let rt = Hand::of_threads();
        let ended = Count::new();
        let mut scope = Polled::new(rt.scope({
            let ended = ended.clone();
            async move |s: Scope<Hand>| {
                s.spawn(async move { ended.add() });
            }
        }));
        if scope.poll() {
            assert_eq!(ended.get(), 1, "closed with a live child");
        }
        rt.rest(|| scope.poll_if_woken());
        scope.end();
        assert_eq!(ended.get(), 1);
    });
}

#[test]
fn a_child_spawns_the_next_while_its_scope_closes() {
    model_within(2, || {
        let rt = Hand::of_threads();
        let ended = Count::new();
        let mut scope = Polled::new(rt.scope({
            let ended = ended.clone();
            async move |s: Scope<Hand>| {
                let sibling = s.clone();
                s.spawn(async move {
                    let next = ended.clone();
                    sibling.spawn(async move { next.add() });
                    ended.add();
                });
            }
        }));
        if scope.poll() {
            assert_eq!(ended.get(), 2, "closed with a live child");
        }
        rt.rest(|| scope.poll_if_woken());
        scope.end();
        assert_eq!(ended.get(), 2);
    });
}

#[test]
fn a_spawn_from_outside_is_refused_or_waited_for() {
    model(|| {
        let rt = Hand::default();
        let ended = Count::new();
        let mut kept = None;
        let mut scope = Polled::new(rt.scope(|s: Scope<Hand>| {
            kept = Some(s.clone());
            async {}
        }));
        let outside = kept.take().unwrap();
        let spawns = {
            let ended = ended.clone();
            thread::spawn(move || {
                let child = outside.try_spawn(async move { ended.add() });
                usize::from(child.is_ok())
            })
        };
        let closed = scope.poll();
        let taken = spawns.join().unwrap();
        assert_ne!(closed, taken == 1, "closed with a child, or neither");
        rt.rest(|| scope.poll_if_woken());
        scope.end();
        assert_eq!(ended.get(), taken);
    });
}

#[test]
fn two_children_end_and_one_of_them_is_the_last() {
    model(|| {
        let rt = Hand::default();
        let mut scope = Polled::new(rt.scope(async |s: Scope<Hand>| {
            s.spawn(async {});
            s.spawn(async {});
        }));
        scope.poll();
        let (mut one, mut two) = (rt.root(), rt.root());
        let other = thread::spawn(move || one.end_now());
        two.end_now();
        other.join().unwrap();
        assert!(scope.poll_if_woken(), "the scope was not woken");
        scope.end();
    });
}

#[test]
fn who_sees_a_child_that_failed_finds_its_scope_asked() {
    model(|| {
        let rt = Hand::default();
        let shared: Arc<Shared<Hand, &str>> =
            Shared::new(rt.clone(), Rules::default(), None, None, Location::caller());
        assert!(shared.region.hold());
        let child =
            spawn::<Fallible, _, _, _>(&shared, Birth::here(), async { Err::<(), _>("no") });
        let child: Child<()> = child.ok().unwrap();
        let mut root = rt.root();
        let fails = thread::spawn(move || root.end_now());
        if child.is_finished() {
            assert!(shared.is_asked(), "published before the verdict");
        }
        fails.join().unwrap();
        assert!(shared.is_asked());
        assert_eq!(shared.take_errors().into_iter().flatten().count(), 1);
    });
}

#[test]
fn a_joiner_of_a_child_that_failed_finds_its_scope_asked() {
    model(|| {
        let rt = Hand::default();
        let shared: Arc<Shared<Hand, &str>> =
            Shared::new(rt.clone(), Rules::default(), None, None, Location::caller());
        let child =
            spawn::<Fallible, _, _, _>(&shared, Birth::here(), async { Err::<(), _>("no") });
        let mut joiner = Polled::new(child.ok().unwrap().result());
        let mut root = rt.root();
        let fails = thread::spawn(move || root.end_now());
        if joiner.poll() {
            assert!(shared.is_asked(), "published before the verdict");
        }
        fails.join().unwrap();
        assert!(joiner.end().unwrap_err().is_failed());
        drop(shared.take_errors());
    });
}

#[test]
fn a_failure_stops_a_sibling_that_is_about_to_wait() {
    model(|| {
        let rt = Hand::default();
        let mut scope = Polled::new(rt.try_scope(async |s: TryScope<Hand, &str>| {
            s.spawn(async { Err::<(), _>("no") });
            s.spawn(never());
            Ok(())
        }));
        scope.poll();
        let (mut fails, mut waits) = (rt.root(), rt.root());
        let other = thread::spawn(move || fails.end_now());
        waits.poll();
        other.join().unwrap();
        waits.end();
        while scope.poll_if_woken() {}
        assert!(scope.end().is_err());
    });
}

#[test]
fn who_waits_in_a_scope_sees_what_happens_or_is_woken() {
    model(|| {
        let waiters = Arc::new(Waiters::default());
        let happened = Arc::new(AtomicUsize::new(0));
        let happens = {
            let (waiters, happened) = (waiters.clone(), happened.clone());
            thread::spawn(move || {
                happened.fetch_add(1, Ordering::SeqCst);
                waiters.wake();
            })
        };
        let woken = Count::new();
        let mut key = None;
        waiters.register(&mut key, &woken.waker());
        let waits = happened.load(Ordering::SeqCst) == 0;
        happens.join().unwrap();
        assert!(!waits || woken.get() == 1, "a waiter was not woken");
        waiters.forget(&mut key);
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

#[test]
fn a_waiter_that_leaves_does_not_hide_another() {
    model(|| {
        let waiters = Arc::new(Waiters::default());
        let happened = Arc::new(AtomicUsize::new(0));
        let mut first = None;
        waiters.register(&mut first, &Count::new().waker());
        let leaves = {
            let waiters = waiters.clone();
            thread::spawn(move || waiters.forget(&mut first))
        };
        let happens = {
            let (waiters, happened) = (waiters.clone(), happened.clone());
            thread::spawn(move || {
                happened.fetch_add(1, Ordering::SeqCst);
                waiters.wake();
            })
        };
        let woken = Count::new();
        let mut key = None;
        waiters.register(&mut key, &woken.waker());
        let waits = happened.load(Ordering::SeqCst) == 0;
        leaves.join().unwrap();
        happens.join().unwrap();
        assert!(!waits || woken.get() == 1, "a waiter was not woken");
    });
}

#[test]
fn a_wait_for_the_first_that_is_done_is_woken() {
    model(|| {
        let rt = Hand::default();
        let mut kept = None;
        let mut scope = Polled::new(rt.scope(|s: Scope<Hand>| {
            kept = Some(s.clone());
            s.spawn(async {});
            s.spawn(once());
            never()
        }));
        let outside = kept.take().unwrap();
        scope.poll();
        let mut child = rt.root();
        let ends = thread::spawn(move || child.end_now());
        let mut waits = Polled::new(outside.wait(crate::WaitFor::FirstDone));
        waits.poll();
        ends.join().unwrap();
        let _ = waits.end();
    });
}

#[test]
fn a_child_that_waits_for_its_turn_is_not_forgotten() {
    model(|| {
        let rt = Hand::default();
        let ran = Count::new();
        let scope = bare(&rt, Some(1));
        assert!(spawn_counted(&scope, &ran));
        let mut first = rt.root();
        let ends = thread::spawn(move || first.end_now());
        assert!(spawn_counted(&scope, &ran));
        ends.join().unwrap();
        rt.rest(|| false);
        assert_eq!(ran.get(), 2, "a child was not started");
        assert!(!scope.region.has(flag::CHILDREN));
    });
}

#[test]
fn two_that_end_start_all_that_wait() {
    model(|| {
        let rt = Hand::default();
        let ran = Count::new();
        let scope = bare(&rt, Some(2));
        for _ in 0..4 {
            assert!(spawn_counted(&scope, &ran));
        }
        assert_eq!(rt.new_tasks(), 2);
        let (mut one, mut two) = (rt.root(), rt.root());
        let ends = thread::spawn(move || one.end_now());
        two.end_now();
        ends.join().unwrap();
        assert_eq!(rt.new_tasks(), 2);
        rt.rest(|| false);
        assert_eq!(ran.get(), 4);
        assert!(!scope.region.has(flag::CHILDREN));
    });
}

#[test]
fn a_child_that_is_queued_while_its_scope_is_asked_ends_unpolled() {
    model(|| {
        let rt = Hand::default();
        let ran = Count::new();
        let scope = bare(&rt, Some(1));
        assert!(spawn_counted(&scope, &ran));
        let spawns = {
            let (scope, ran) = (scope.clone(), ran.clone());
            thread::spawn(move || spawn_counted(&scope, &ran))
        };
        scope.region.ask(None);
        // As the scope's own root does when it is woken.
        if let Some(limit) = &scope.limit {
            limit.start_next(&scope);
        }
        spawns.join().unwrap();
        rt.rest(|| false);
        assert_eq!(ran.get(), 0);
        assert!(
            !scope.region.has(flag::CHILDREN),
            "a child is queued for ever"
        );
    });
}
