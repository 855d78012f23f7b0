//! Lists: long ones, shared ones, those of a long lineage.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{DEPTH, poll_once};
use crate::context::chain::{Binding, Reach, Value};
use crate::context::{Chain, Entered};
use crate::region::BoxFuture;
use crate::task::tests::Hand;
use crate::{ContextVar, Runtime};

fn bound(var: usize, value: Option<Value>) -> Chain {
    Chain::of(Binding {
        var,
        name: "test",
        reach: Reach::Children,
        value,
    })
}

/// Many bindings, each in the scope of the one before.
fn long(length: usize, value: impl Fn() -> Value) -> Chain {
    let mut chain = Chain::EMPTY;
    for _ in 0..length {
        let mut next = bound(usize::MAX, Some(value()));
        {
            let _entered = Entered::new(&mut chain);
            next.link();
        }
        chain = next;
    }
    chain
}

fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(512 << 10);
    thread.spawn(f).unwrap().join().unwrap();
}

#[test]
fn a_hundred_thousand_bindings_are_dropped_on_a_small_stack() {
    let count = Arc::new(());
    let chain = long(100_000, || count.clone());
    assert_eq!(Arc::strong_count(&count), 100_001);
    on_a_small_stack(move || drop(chain));
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn the_last_of_many_holders_drops_a_long_list() {
    let count = Arc::new(());
    let chain = long(100_000, || count.clone());
    let go = Arc::new(std::sync::Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (chain, go) = (chain.clone(), go.clone());
            thread::Builder::new()
                .stack_size(512 << 10)
                .spawn(move || {
                    go.wait();
                    drop(chain);
                })
                .unwrap()
        })
        .collect();
    drop(chain);
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn the_innermost_value_is_dropped_first() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Nth(usize);
    impl Drop for Nth {
        fn drop(&mut self) {
            // The one made last has the highest number.
            assert_eq!(9 - self.0, DROPPED.fetch_add(1, Ordering::SeqCst));
        }
    }
    let next = AtomicUsize::new(0);
    drop(long(10, || {
        Arc::new(Nth(next.fetch_add(1, Ordering::SeqCst)))
    }));
    assert_eq!(DROPPED.load(Ordering::SeqCst), 10);
}

#[test]
fn a_panicking_destructor_does_not_keep_the_others() {
    struct Bad(Arc<AtomicUsize>);
    impl Drop for Bad {
        fn drop(&mut self) {
            assert_ne!(self.0.fetch_add(1, Ordering::SeqCst), 3, "the fourth");
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    let chain = long(10, || Arc::new(Bad(count.clone())));
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(chain)));
    assert!(unwound.is_err());
    assert_eq!(count.load(Ordering::SeqCst), 10);
}

#[test]
fn two_hundred_bindings_are_all_found() {
    static VARS: [ContextVar<usize>; 200] = [const { ContextVar::new("one of many") }; 200];
    fn bind(from: usize, f: &dyn Fn()) {
        match VARS.get(from) {
            Some(var) => var.sync_scope(from, || bind(from + 1, f)),
            None => f(),
        }
    }
    bind(0, &|| {
        for (n, var) in VARS.iter().enumerate() {
            assert_eq!(var.get(), Some(n));
        }
        VARS[100].sync_without(|| assert_eq!((VARS[100].get(), VARS[99].get()), (None, Some(99))));
    });
    assert!(VARS.iter().all(|var| !var.is_bound()));
}

#[test]
fn a_list_is_cut_down_to_what_a_child_can_see() {
    let mut chain = Chain::EMPTY;
    let mut bind = |name, var, reach, value: Option<&'static str>| {
        let value = value.map(|value| Arc::new(value) as Value);
        let mut next = Chain::of(Binding {
            var,
            name,
            reach,
            value,
        });
        {
            let _entered = Entered::new(&mut chain);
            next.link();
        }
        chain = next;
    };
    bind("shadowed", 1, Reach::Children, Some(""));
    bind("first", 2, Reach::Children, Some(""));
    bind("will be unbound", 3, Reach::Children, Some(""));
    bind("not inherited", 4, Reach::ThisTask, Some(""));
    bind("second", 1, Reach::Children, Some(""));
    bind("unbound", 3, Reach::Children, None);
    assert_eq!(format!("{:?}", chain.cut_down()), r#"["second", "first"]"#);
    assert!(Chain::EMPTY.cut_down().is_empty());
}

#[test]
fn a_lineage_of_tasks_keeps_what_it_can_see_and_no_more() {
    static HELD: ContextVar<Arc<()>> = ContextVar::new("held");
    static FIRST: ContextVar<&str> = ContextVar::new("first");
    static LOCAL: ContextVar<Arc<()>> = ContextVar::new("local").not_inherited();
    static UNBOUND: ContextVar<u8> = ContextVar::new("unbound");
    fn generation(rt: Hand, held: Arc<()>, n: u32) -> BoxFuture {
        Box::pin(async move {
            assert_eq!(FIRST.get(), Some("from the first task"));
            assert_eq!(DEPTH.get(), n.checked_sub(1));
            assert!(!LOCAL.is_bound());
            assert_eq!(UNBOUND.get(), None);
            // Three variables in turn: none is bound twice in a row.
            LOCAL.sync_scope(held.clone(), || {
                HELD.sync_scope(held.clone(), || {
                    DEPTH.sync_scope(n, || {
                        rt.spawn_detached(generation(rt.clone(), held.clone(), n + 1));
                    });
                });
            });
        })
    }

    let rt = Hand::default();
    let held = Arc::new(());
    FIRST.sync_scope("from the first task", || {
        UNBOUND.sync_scope(1, || {
            UNBOUND.sync_without(|| rt.spawn_detached(generation(rt.clone(), held.clone(), 0)));
        });
    });
    for _ in 0..1_000 {
        assert!(poll_once(rt.next_root().as_mut()).is_ready());
        // Two for each of 32 generations, and those of the test and of the task to come.
        assert!(Arc::strong_count(&held) <= 2 * 32 + 4);
    }
}
