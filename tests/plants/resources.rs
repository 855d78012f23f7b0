//! The bugs of resources, of the cache, and of iteration.

use super::{Plant, Test};

pub(super) const PLANTS: &[Plant] = &[
    Plant {
        name: "resource: an acquisition is not shielded",
        file: "core/src/resource/bracket.rs",
        was: "match shield(acquire).await {",
        now: "match acquire.await {",
        test: Test::Core(
            "resource::tests::bracket::a_request_at_any_point_releases_what_was_acquired",
        ),
    },
    Plant {
        name: "resource: a gap between the acquisition and its release",
        file: "core/src/resource/bracket.rs",
        was: "    let (lent, slot) = Lent::new(held);\n    defer({",
        now: "    let (lent, slot) = Lent::new(held);\n    crate::region::checkpoint().await;\n    defer({",
        test: Test::Core(
            "resource::tests::bracket::a_request_at_any_point_releases_what_was_acquired",
        ),
    },
    Plant {
        name: "resource: a gap before what is held",
        file: "core/src/resource/hold.rs",
        was: "            defer_held(cleanup, over);\n            held",
        now: "            if !frame::is_stopping() {\n                defer_held(cleanup, over);\n            }\n            held",
        test: Test::Core("resource::tests::seeds::what_is_acquired_is_released_whatever_happens"),
    },
    Plant {
        name: "resource: the errors that a release changes are not put back",
        file: "core/src/resource/exit.rs",
        was: "ends.put_body(self.error.take(), self.suppressed);",
        now: "ends.put_body(None, self.suppressed);",
        test: Test::Core("resource::tests::bracket::a_release_may_change_an_error_or_suppress_it"),
    },
    Plant {
        name: "resource: nobody is told of a release that failed after a request",
        file: "core/src/resource/ends.rs",
        was: "        self.lock().unattended = true;\n        self.report_releases();",
        now: "        self.lock().unattended = true;",
        test: Test::Core(
            "resource::tests::bracket::a_release_that_fails_after_a_request_stands_beside_the_outcome",
        ),
    },
    Plant {
        name: "resource: a region that was dropped half-way has ended well",
        file: "core/src/resource/hold.rs",
        was: "Some(region) if is_own && region.has(flag::GAVE)",
        now: "Some(region) if is_own || region.has(flag::GAVE) || true",
        test: Test::Core(
            "resource::tests::hold::a_region_dropped_half_way_is_told_of_as_cancelled",
        ),
    },
    Plant {
        name: "resource: of two who wait for a release one is woken",
        file: "core/src/resource/hold.rs",
        was: "            self.release.over.store(true, Ordering::Release);\n            self.release.wake();",
        now: "            self.release.over.store(true, Ordering::Release);",
        test: Test::Core(
            "resource::tests::hold::the_region_is_woken_when_an_early_release_is_over_or_dropped",
        ),
    },
    Plant {
        name: "resource: a stack is released oldest first",
        file: "core/src/resource/exit_stack.rs",
        was: "entries.as_mut().and_then(Vec::pop)",
        now: "entries.as_mut().filter(|all| !all.is_empty()).map(|all| all.remove(0))",
        test: Test::Core(
            "resource::tests::stack::all_are_released_the_newest_first_and_each_failure_is_kept",
        ),
    },
    Plant {
        name: "resource: a group acquires one after the other",
        file: "core/src/resource/group.rs",
        was: "    gather(acquiring.collect::<Vec<_>>()).await;",
        now: "    for one in acquiring { gather(vec![one]).await; }",
        test: Test::Core("resource::tests::group::all_are_acquired_at_once_and_released_at_once"),
    },
    Plant {
        name: "resource: a group forgets what it had when another acquisition panicked",
        file: "core/src/resource/group.rs",
        was: "    let mut entries: Vec<_> = entries.into_iter().flatten().collect();",
        now: "    drop(entries);\n    let mut entries: Vec<(R, Acquired<R>)> = Vec::new();",
        test: Test::Core("resource::tests::group::a_panic_of_one_acquisition_releases_the_others"),
    },
    Plant {
        name: "resource: a second yield is fine",
        file: "core/src/resource/generated.rs",
        was: "                panic!(\"a function that a resource is made of has yielded a second time\")",
        now: "                Ok(())",
        test: Test::Core("resource::tests::generated::no_yield_and_a_second_one_are_clear_errors"),
    },
    Plant {
        name: "cache: who asked first takes the computation along",
        file: "core/src/cache/entry.rs",
        was: "            let is_last = flight.waiters.is_empty();",
        now: "            let is_last = flight.waiters.is_empty() || id == MAKER;",
        test: Test::Core("cache::tests::whoever_asked_first_may_go_at_any_point"),
    },
    Plant {
        name: "cache: the last who goes stops nothing",
        file: "core/src/cache/get.rs",
        was: "                drop(task);\n",
        now: "                task.into_iter().for_each(task::Task::detach);\n",
        test: Test::Core(
            "cache::tests::the_last_who_goes_stops_the_computation_and_waits_for_its_clean_ups",
        ),
    },
    Plant {
        name: "cache: a value is good at the moment at which it expires",
        file: "core/src/cache/entry.rs",
        was: "(Some(expires), Some(now)) => now < expires,",
        now: "(Some(expires), Some(now)) => now <= expires,",
        test: Test::Core("cache::tests::kept::a_value_expires_so_long_after_its_completion"),
    },
    Plant {
        name: "cache: a hit is no use",
        file: "core/src/cache/cache.rs",
        was: "alone.then(|| store.touch_first(hash))",
        now: "alone.then(|| store.touch_first(!hash))",
        test: Test::Core("cache::tests::kept::the_least_recently_used_goes_first"),
    },
    Plant {
        name: "cache: a computation may wait for itself",
        file: "core/src/cache/circle.rs",
        was: "            if one == from {",
        now: "            if one == from && to == 0 {",
        test: Test::Core(
            "cache::tests::a_computation_that_asks_for_its_own_key_is_an_error_and_not_a_hang",
        ),
    },
    Plant {
        name: "cache: two computations may wait for each other",
        file: "core/src/cache/circle.rs",
        was: "                next.extend(waits.get(&one).into_iter().flatten());",
        now: "",
        test: Test::Core(
            "cache::tests::computations_that_wait_for_each_other_are_an_error_and_not_a_hang",
        ),
    },
    Plant {
        name: "cache: what was removed while it was computed is kept",
        file: "core/src/cache/cache.rs",
        was: "                (Ok(()), self.lock().keep(entry))",
        now: "                let mut store = self.lock();\n                if store.remove(entry).is_none() { store.clear(); }\n                store.add(Arc::clone(entry));\n                (Ok(()), store.keep(entry))",
        test: Test::Core(
            "cache::tests::kept::what_is_removed_while_it_is_computed_is_given_and_not_kept",
        ),
    },
    Plant {
        name: "iteration: the number where a loop was left is given again",
        file: "core/src/iteration/enumerate_from.rs",
        was: "            *this.index = index.saturating_add(1);",
        now: "            *this.index = index.saturating_add(usize::from(index != 6));",
        test: Test::Core(
            "iteration::tests::numbers_begin_where_they_are_told_to_and_go_on_after_a_break",
        ),
    },
    Plant {
        name: "model: cache: who waits leaves no waker",
        file: "core/src/cache/entry.rs",
        was: "                    std::mem::swap(slot, &mut new);",
        now: "                    let _ = slot;",
        test: Test::Model("cache::models::who_joins_while_a_computation_lands_gets_its_value"),
    },
    Plant {
        name: "model: cache: one may join what is being stopped",
        file: "core/src/cache/entry.rs",
        was: "                    flight.stage = Stage::Left;\n",
        now: "",
        test: Test::Model("cache::models::the_last_who_leaves_meets_one_who_joins"),
    },
];
