//! A region in all interleavings: what is linked to it, and how it waits for its children.

use std::any::Any;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;

use super::state::{Seen, flag};
use super::{INLINE, Leftovers, Member, Reason, Region};
use crate::runtime::AnyRuntime;
use crate::sync::model::{Count, model, thread};

struct Bare {
    region: Region,
    scope: Option<Arc<dyn Member>>,
}

impl Member for Bare {
    fn region(&self) -> &Region {
        &self.region
    }

    fn erase_runtime(&self) -> Option<AnyRuntime> {
        None
    }

    fn publish(&self, _: &mut dyn Any) {}

    fn scope(&self) -> Option<Arc<dyn Member>> {
        self.scope.clone()
    }

    fn scope_region(&self) -> Option<&Region> {
        self.scope.as_deref().map(Member::region)
    }

    fn spawn_orphans(&self, _: &Region, left: Leftovers) -> Result<(), Leftovers> {
        Err(left)
    }
}

fn bare(flags: u32, scope: Option<&Arc<dyn Member>>) -> Arc<dyn Member> {
    let region = Region::new(Location::caller(), flags);
    let scope = scope.cloned();
    Arc::new(Bare { region, scope })
}

fn why() -> Reason {
    Reason::from("enough")
}

/// What a root does when its body is pending. Says whether it goes on to wait.
fn registers(region: &Region, waker: &Waker, seen: &mut Seen) -> bool {
    region.register(waker, seen);
    !region.is_due()
}

#[test]
fn a_request_while_a_child_is_listed_reaches_it() {
    model(|| {
        let scope = bare(INLINE | flag::SCOPE, None);
        let child = bare(flag::UNLISTED, Some(&scope));
        // Without a reason: with one, the lock of the rare part would order the two.
        let asks = {
            let scope = scope.clone();
            thread::spawn(move || scope.region().ask(None))
        };
        Region::enlist(&child);
        asks.join().unwrap();
        assert!(child.region().has(flag::ASKED));
    });
}

#[test]
fn a_request_while_a_region_opens_reaches_it_with_its_reason() {
    model(|| {
        let around = bare(0, None);
        let asks = {
            let around = around.clone();
            thread::spawn(move || around.region().ask(Some(&why())))
        };
        let inside = bare(INLINE, None);
        Region::open(&inside, Some(&around), true);
        asks.join().unwrap();
        assert!(inside.region().has(flag::ASKED));
        assert_eq!(inside.region().reason(), Some(why()));
    });
}

#[test]
fn a_request_while_a_child_is_listed_and_waits_wakes_it() {
    model(|| {
        let scope = bare(INLINE | flag::SCOPE, None);
        let child = bare(flag::UNLISTED, Some(&scope));
        let asks = {
            let scope = scope.clone();
            thread::spawn(move || scope.region().ask(None))
        };
        // As `after_pending` does: first the waker, then the list, then a look at the request.
        let woken = Count::new();
        child
            .region()
            .register(&woken.waker(), &mut Seen::default());
        Region::enlist(&child);
        let waits = !child.region().is_due();
        asks.join().unwrap();
        assert!(!waits || woken.get() == 1, "a child was not woken");
    });
}

#[test]
fn what_is_inside_is_told_before_what_is_around() {
    model(|| {
        let around = bare(0, None);
        let inside = bare(INLINE, None);
        Region::open(&inside, Some(&around), true);
        let asks = {
            let around = around.clone();
            thread::spawn(move || around.region().ask(Some(&why())))
        };
        if around.region().has(flag::ASKED) {
            assert!(inside.region().has(flag::ASKED));
        }
        asks.join().unwrap();
    });
}

#[test]
fn a_waker_that_is_registered_again_is_not_lost() {
    model(|| {
        let root = bare(0, None);
        let woken = Count::new();
        let waker = woken.waker();
        let mut seen = Seen::default();
        root.region().register(&waker, &mut seen);
        let wakes = {
            let root = root.clone();
            thread::spawn(move || root.region().wake_runner())
        };
        let asks = {
            let root = root.clone();
            thread::spawn(move || root.region().ask(Some(&why())))
        };
        // It is polled as it was woken, so it has seen what the waker had: but for that of the second, which
        // must find a waker again.
        wakes.join().unwrap();
        woken.take();
        let waits = match root.region().rests(&waker, seen) {
            true => true,
            false => registers(root.region(), &waker, &mut seen),
        };
        asks.join().unwrap();
        assert!(!waits || woken.get() > 0, "a request was lost");
    });
}

#[test]
fn a_region_that_rests_has_its_waker() {
    model(|| {
        let root = bare(0, None);
        let woken = Count::new();
        let waker = woken.waker();
        let wakes = {
            let root = root.clone();
            thread::spawn(move || root.region().wake_runner())
        };
        let mut seen = Seen::default();
        root.region().register(&waker, &mut seen);
        wakes.join().unwrap();
        if root.region().rests(&waker, seen) {
            woken.take();
            root.region().wake_runner();
            assert_eq!(woken.get(), 1, "it rests without a waker");
        }
    });
}

#[test]
fn the_last_child_wakes_who_waits_for_it() {
    model(|| {
        let scope = bare(INLINE | flag::SCOPE, None);
        assert!(scope.region().hold());
        let ends = {
            let scope = scope.clone();
            thread::spawn(move || scope.region().release())
        };
        let woken = Count::new();
        let region = scope.region();
        region.register(&woken.waker(), &mut Seen::default());
        let waits = region.waits_for_children();
        ends.join().unwrap();
        assert!(!waits || woken.get() == 1, "nobody was woken");
        assert!(!region.waits_for_children());
    });
}

#[test]
fn a_region_that_closes_has_no_child_and_takes_none() {
    model(|| {
        let scope = bare(INLINE | flag::SCOPE, None);
        let comes = {
            let scope = scope.clone();
            thread::spawn(move || scope.region().hold())
        };
        let closed = scope.region().close_idle();
        let held = comes.join().unwrap();
        assert_ne!(closed, held, "closed with a child, or neither");
        assert_eq!(scope.region().has(flag::CHILDREN), held);
    });
}

#[test]
fn a_last_child_and_a_next_one_overlap() {
    model(|| {
        let scope = bare(INLINE | flag::SCOPE, None);
        assert!(scope.region().hold());
        let ends = {
            let scope = scope.clone();
            thread::spawn(move || scope.region().release())
        };
        let comes = {
            let scope = scope.clone();
            thread::spawn(move || scope.region().hold())
        };
        let closed = scope.region().close_idle();
        ends.join().unwrap();
        let held = comes.join().unwrap();
        assert!(!(closed && held), "closed with a child");
        assert_eq!(scope.region().has(flag::CHILDREN), held);
        assert_eq!(closed || scope.region().close_idle(), !held);
    });
}

#[test]
fn of_two_threads_that_need_the_rare_part_each_finds_what_both_put_there() {
    model(|| {
        let root = bare(0, None);
        let other = {
            let root = root.clone();
            thread::spawn(move || root.region().hold())
        };
        assert!(root.region().hold());
        assert!(other.join().unwrap());
        root.region().release();
        assert!(root.region().has(flag::CHILDREN));
        root.region().release();
        assert!(!root.region().has(flag::CHILDREN));
    });
}
