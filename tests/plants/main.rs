//! Plants a bug, and looks whether a test turns red. For each of the plants below.
//!
//! Run it with `cargo test --test plants`, or `cargo test --test plants -- WORD` for those whose name
//! contains the word. It works on a copy of the tree below `target/`, takes some minutes, and fails if
//! a plant no longer applies, if a test does not notice it, or if the tests are red without it. It is
//! no part of `cargo test` (it is marked `test = false`), nor of CI.

mod bridge;
mod coroutines;
mod jobs;
mod models;
mod resources;
mod simulator;
mod time;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// One bug.
struct Plant {
    name: &'static str,
    file: &'static str,
    was: &'static str,
    now: &'static str,
    /// Where it must be noticed.
    test: Test,
}

/// One test that must turn red.
#[derive(Clone, Copy)]
enum Test {
    /// A unit test of core.
    Core(&'static str),
    /// A case of the conformance suite.
    Suite(&'static str),
    /// A model: core in all interleavings.
    Model(&'static str),
}

impl Test {
    fn arguments(self) -> [&'static str; 5] {
        match self {
            Test::Core(name) => ["-p", "anyrt-core", "--lib", "--", name],
            Test::Suite(name) => ["-p", "anyrt", "--test=plant-suite", "--", name],
            Test::Model(name) => ["-p", "anyrt-loom", "--release", "--", name],
        }
    }
}

const PLANTS: &[Plant] = &[
    Plant {
        name: "unmade: nobody counts a region that is not made",
        file: "core/src/region/state/place.rs",
        was: "        let unmade = usize::from(self.unmade.load(Ordering::Acquire));",
        now: "        let unmade = 0;",
        test: Test::Core("a_combinator_that_moves_to_another_task_is_stopped_there_inside_out"),
    },
    Plant {
        name: "unmade: a request around is no reason to stop",
        file: "core/src/region/frame.rs",
        was: "                if stopping {\n                    return false;",
        now: "                if stopping && frame.sketches.borrow().len() > 1_000 {\n                    return false;",
        test: Test::Core("nothing_starts_or_goes_on_where_a_request_is_due"),
    },
    Plant {
        name: "unmade: its own request counts where the region around is asked",
        file: "core/src/region/inline.rs",
        was: "        if matches!(ended, Ended::Cancelled) && frame::is_about_to_stop() {",
        now: "        if false {",
        test: Test::Core("random_programs_end_clean_whatever_is_asked_of_them"),
    },
    Plant {
        name: "unmade: many arms are not told of a request around",
        file: "core/src/combine/set.rs",
        was: "        fresh |= frame::is_stopping() &&",
        now: "        fresh |= false &&",
        test: Test::Core("arms_with_nothing_to_unwind_are_stopped_while_another_arm_is_shielded"),
    },
    Plant {
        name: "unmade: a local body is not told of a request around",
        file: "core/src/scope/local/driver.rs",
        was: "                self.as_mut().wake_all();\n",
        now: "",
        test: Test::Core("a_child_that_panics_stops_all_and_the_panic_goes_on_when_they_are_gone"),
    },
    Plant {
        name: "timeout: the clock first",
        file: "core/src/time/timeout.rs",
        was: "        loop {\n            let fired = *this.fired;",
        now: "        if this.deadline.is_some_and(|deadline| this.rt.now() >= deadline) { this.region.as_mut().ask(&ELAPSED); *this.fired = true; }\n        loop {\n            let fired = *this.fired;",
        test: Test::Core("zero_gives_a_value_that_is_there_and_stops_what_suspends"),
    },
    Plant {
        name: "timeout: a deadline that was moved has passed",
        file: "core/src/time/deadline.rs",
        was: "        let fires = state.when == known;",
        now: "        let fires = true; let _ = known;",
        test: Test::Core("a_deadline_that_is_moved_while_its_sleep_ends_has_not_passed"),
    },
    Plant {
        name: "timeout: who moves the deadline wakes nobody",
        file: "core/src/time/deadline.rs",
        was: "        if let Some(waker) = waker {\n            waker.wake();",
        now: "        if let Some(waker) = waker {\n            drop(waker);",
        test: Test::Core("who_moves_a_deadline_wakes_the_task_and_keeps_nothing_of_it"),
    },
    Plant {
        name: "timeout: a shield is under a deadline around it",
        file: "core/src/region/frame.rs",
        was: "    let mut around = linked.unwrap_or(false).then(made_around).flatten();",
        now: "    let _ = linked; let mut around = made_around();",
        test: Test::Core("code_finds_the_earliest_deadline_that_stops_it"),
    },
    Plant {
        name: "timeout: its failures are not in the error",
        file: "core/src/time/timeout.rs",
        was: "Stopped::Cancelled(region.take_failures()),",
        now: "Stopped::Cancelled({ let _ = region; Vec::new() }),",
        test: Test::Core("what_failed_meanwhile_is_in_the_error"),
    },
    Plant {
        name: "a kill runs clean-ups",
        file: "core/src/region/aside.rs",
        was: "            if region.has(flag::KILLED) {\n                let",
        now: "            if false {\n                let",
        test: Test::Core("a_clean_up_that_runs_is_dropped_and_the_others_never_run"),
    },
    Plant {
        name: "a kill stops at a scope that was dropped",
        file: "core/src/region/work.rs",
        was: "                wait.scope.region().kill(reason);",
        now: "                let _ = reason;",
        test: Test::Core("children_below_are_killed_and_waited_for_wherever_their_scope_is"),
    },
    Plant {
        name: "a passed deadline kills nobody",
        file: "core/src/region/deadline.rs",
        was: "        region.kill(Some(&REASON));",
        now: "        let _ = &REASON;",
        test: Test::Suite("on_builtin::kill::children_are_killed_by_the_deadline_of_their_scope"),
    },
    Plant {
        name: "drains make a circle",
        file: "core/src/region/drain.rs",
        was: "    if task.region().has(flag::DRAINS) {",
        now: "    if false {",
        test: Test::Core("tasks_that_drop_each_others_handles_do_not_wait_for_each_other_for_ever"),
    },
    Plant {
        name: "a dropped handle leaves no drain",
        file: "core/src/task/handle.rs",
        was: "            leave_drain(cell.into_member());",
        now: "            let _ = (leave_drain, cell.into_member());",
        test: Test::Suite("on_builtin::kill::nothing_is_left_of_tasks_whose_handles_were_dropped"),
    },
    Plant {
        name: "dropping a handle detaches",
        file: "core/src/task/handle.rs",
        was: "        } else if !region.has(flag::JOB) {\n            region.ask(None);",
        now: "        } else if region.has(flag::JOB) {\n            region.ask(None);",
        test: Test::Suite("on_builtin::task::dropping_the_handle_cancels"),
    },
    Plant {
        name: "a cancel is asked at the first poll",
        file: "core/src/task/handle.rs",
        was: "        self.cell().region().ask(None);\n        CancelAndWait { task: self }\n    }",
        now: "        CancelAndWait { task: self }\n    }",
        test: Test::Suite("on_builtin::cancel::a_cancel_is_asked_at_the_call"),
    },
    Plant {
        name: "the payload of a panic is lost",
        file: "core/src/task/join_error.rs",
        was: "Self::new(region, Kind::Panicked(Mutex::new(payload)))",
        now: "{ drop(payload); Self::new(region, Kind::Panicked(Mutex::new(Box::new(())))) }",
        test: Test::Suite("on_builtin::panics::a_panic_is_a_value_with_its_payload"),
    },
    Plant {
        name: "who waits is not told at shutdown",
        file: "core/src/task/root.rs",
        was: "            publish_lost::<F::Output>(&*member);",
        now: "            let _ = (publish_lost::<F::Output>, member);",
        test: Test::Suite("on_builtin::shutdown::a_task_that_is_waited_for_is_lost"),
    },
    Plant {
        name: "the waker is registered once only",
        file: "core/src/region/state/mod.rs",
        was: "        if self.has(flag::RUNNER) && self.saw(waker, *seen) {\n            return;",
        now: "        if self.has(flag::RUNNER) {\n            return;",
        test: Test::Core("a_changed_waker_is_the_one_that_a_cancel_wakes"),
    },
    Plant {
        name: "a waker that was taken out is not registered again",
        file: "core/src/region/state/mod.rs",
        was: "        if self.has(flag::RUNNER) && self.saw(waker, *seen) {\n            return;",
        now: "        if self.saw(waker, *seen) {\n            return;",
        test: Test::Core("a_waker_that_a_request_took_is_registered_again"),
    },
    Plant {
        name: "the waker comes after the look at the work beside the body",
        file: "core/src/region/body.rs",
        was: "        region.register(cx.waker(), seen);\n        let mut over = beside(member, |region| Aside::poll_to_end(region, cx))?;",
        now: "        let mut over = beside(member, |region| Aside::poll_to_end(region, cx))?;\n        member.as_deref()?.region().register(cx.waker(), seen);",
        test: Test::Core("the_waker_is_there_before_the_work_beside_the_body_is_looked_at"),
    },
    Plant {
        name: "the location is lost",
        file: "core/src/front.rs",
        was: "    #[track_caller]\n    #[doc(alias = \"create_task\")]",
        now: "    #[doc(alias = \"create_task\")]",
        test: Test::Suite("on_any_builtin::task::a_location_survives_erasure"),
    },
    Plant {
        name: "a destructor's panic is not seen",
        file: "core/src/region/body.rs",
        was: "        Err(payload) => Some(Ended::Panicked(payload)),\n    }\n}",
        now: "        Err(payload) => { drop(payload); ended }\n    }\n}",
        test: Test::Suite("on_builtin::panics::a_destructor_panic_on_cancel_is_contained"),
    },
    Plant {
        name: "the second of two panics is lost",
        file: "core/src/region/body.rs",
        was: "        region.fail(Phase::Destructor, second);\n    }\n}",
        now: "        let _ = (region, second);\n    }\n}",
        test: Test::Suite("on_builtin::panics::a_destructor_panic_after_a_panic_is_kept_beside_it"),
    },
    Plant {
        name: "an output that nobody takes stays in the cell",
        file: "core/src/task/cell.rs",
        was: "        let (before, unreceived) = if self.region.has(flag::NO_HANDLE) {",
        now: "        let (before, unreceived) = if false {",
        test: Test::Suite("on_builtin::panics::a_panicking_destructor_of_an_output_is_contained"),
    },
    Plant {
        name: "the value is thrown away by a cancel during the final poll",
        file: "core/src/region/body.rs",
        was: "        (Ok(()), Some(value)) => Poll::Ready((Ended::Value(value), None)),",
        now: "        (Ok(()), Some(value)) => { drop(value); Poll::Ready((Ended::Cancelled, None)) }",
        test: Test::Suite("on_builtin::cancel::a_cancel_during_the_final_poll_keeps_the_value"),
    },
    Plant {
        name: "a request does not wake",
        file: "core/src/region/state/mod.rs",
        was: "            waker\n        };\n        self.wake(waker);",
        now: "            waker\n        };\n        drop(waker);",
        test: Test::Core("a_changed_waker_is_the_one_that_a_cancel_wakes"),
    },
    Plant {
        name: "clean-ups run oldest first",
        file: "core/src/region/state/work.rs",
        was: "() if !rare.cleanups.is_empty() => rare.cleanups.pop().map(|(work, _)| work),",
        now: "() if !rare.cleanups.is_empty() => Some(rare.cleanups.remove(0).0),",
        test: Test::Core("clean_ups_run_newest_first_after_the_body_is_dropped"),
    },
    Plant {
        name: "clean-ups are not masked",
        file: "core/src/region/body.rs",
        was: "    Some(inside(member, 1, || f(held.region())))",
        now: "    Some(inside(member, 0, || f(held.region())))",
        test: Test::Core("clean_ups_run_newest_first_after_the_body_is_dropped"),
    },
    Plant {
        name: "R1: what is open inside does not unwind first",
        file: "core/src/region/state/place.rs",
        was: "        if !self.has(flag::OPEN) {",
        now: "        if !self.has(flag::OPEN) || true {",
        test: Test::Core("random_programs_end_clean_whatever_is_asked_of_them"),
    },
    Plant {
        name: "R2: things start though a request is due",
        file: "core/src/region/frame.rs",
        was: "    mask() == 0 && look(|member| member.is_some_and(|member| member.region().has(flag::ASKED)))",
        now: "    false",
        test: Test::Core("random_programs_end_clean_whatever_is_asked_of_them"),
    },
    Plant {
        name: "R3: what was stopped from outside returns a value",
        file: "core/src/region/inline.rs",
        was: "        if matches!(ended, Ended::Cancelled) && linked && frame::is_about_to_stop() {",
        now: "        if matches!(ended, Ended::Cancelled) && linked && frame::is_about_to_stop() && false {",
        test: Test::Core("random_programs_end_clean_whatever_is_asked_of_them"),
    },
    Plant {
        name: "R4: due is decided by the region's counter",
        file: "core/src/region/frame.rs",
        was: "    mask() == 0 && look(|member| member.is_some_and(|member| member.region().has(flag::ASKED)))",
        now: "    look(|member| member.is_some_and(|member| member.region().is_due()))",
        test: Test::Core("overlapping_shields_in_a_join_do_not_make_a_task_immortal"),
    },
    Plant {
        name: "R5: clean-ups are not masked, so what they open is linked",
        file: "core/src/region/body.rs",
        was: "    Some(inside(member, 1, || f(held.region())))",
        now: "    Some(inside(member, 0, || f(held.region())))",
        test: Test::Core("random_programs_end_clean_whatever_is_asked_of_them"),
    },
    Plant {
        name: "R6: what was dropped half-way is not adopted",
        file: "core/src/region/member.rs",
        was: "    if let Some(around) = around {\n        left = left.bundled(from);",
        now: "    if let Some(around) = around.filter(|_| false) {\n        left = left.bundled(from);",
        test: Test::Core("a_region_dropped_half_way_leaves_its_clean_ups_to_the_task"),
    },
    Plant {
        name: "R7: a region stays where it was opened",
        file: "core/src/region/inline.rs",
        was: ".filter(|_| stand() != *this.place)",
        now: ".filter(|_| false)",
        test: Test::Core("random_programs_end_clean_whatever_is_asked_of_them"),
    },
    Plant {
        name: "scope: the verdict comes after the outcome",
        file: "core/src/scope/in_scope.rs",
        was: "                self.scope.tell(error, Teller::Child);\n",
        now: "                let scope = self.scope.clone();\n                std::thread::spawn(move || scope.tell(error, Teller::Child));\n",
        test: Test::Suite(
            "on_builtin::scope_errors::who_learns_of_a_failure_finds_the_scope_asked",
        ),
    },
    Plant {
        name: "scope: it is let go while a child is left",
        file: "core/src/scope/shared.rs",
        was: "        let last = self.live.fetch_sub(1, Ordering::SeqCst) == 1;",
        now: "        let last = self.live.fetch_sub(1, Ordering::SeqCst) <= 2;",
        test: Test::Core("random_programs_end_clean_whatever_is_asked_of_them"),
    },
    Plant {
        name: "scope: no look at the request once a child is listed",
        file: "core/src/region/state/place.rs",
        was: "            self.has(flag::ASKING)\n        });",
        now: "            false && self.has(flag::ASKING)\n        });",
        test: Test::Core("a_scope_that_is_cancelled_while_a_child_is_first_polled_stops_it"),
    },
    Plant {
        name: "scope: who waits for a turn runs though the scope stops",
        file: "core/src/region/body.rs",
        was: "scope.filter(|scope| scope.has(flag::ASKING))",
        now: "scope.filter(|scope| false && scope.has(flag::ASKING))",
        test: Test::Core("what_waits_for_its_turn_is_dropped_unrun_when_the_scope_stops"),
    },
    Plant {
        name: "scope: that children were cut is ignored",
        file: "core/src/scope/run.rs",
        was: "        let cut = scope.is_cut() &&",
        now: "        let cut = false && scope.is_cut() &&",
        test: Test::Core("a_request_while_the_children_end_gives_no_value_if_it_stopped_any"),
    },
    Plant {
        name: "scope: its errors are not given on",
        file: "core/src/scope/run.rs",
        was: "                if this.region.is_stopped_from_outside() {\n                    this.scope.give_errors();",
        now: "                if this.region.is_stopped_from_outside() {",
        test: Test::Core("random_programs_end_clean_whatever_is_asked_of_them"),
    },
    Plant {
        name: "scope: dropped, it asks nobody",
        file: "core/src/scope/run.rs",
        was: "            self.scope.region.ask(Some(&why::DROPPED));",
        now: "            let _ = &why::DROPPED;",
        test: Test::Core("a_scope_that_is_dropped_half_way_is_drained_by_its_task"),
    },
    Plant {
        name: "scope: a cancelled child waits for its turn",
        file: "core/src/scope/in_scope.rs",
        was: "        let hurries = || region.has(flag::ASKING) ||",
        now: "        let hurries = ||",
        test: Test::Core("a_child_that_is_cancelled_in_the_queue_does_not_wait_for_its_turn"),
    },
    Plant {
        name: "scope: who is waited for by a child keeps its place",
        file: "core/src/scope/in_scope.rs",
        was: "        let hurries = || region.has(flag::ASKING) || is_in_child_of(&self.scope.region);",
        now: "        let hurries = || region.has(flag::ASKING) || false && is_in_child_of(&self.scope.region);",
        test: Test::Core("a_child_that_waits_for_one_in_the_queue_lets_it_start"),
    },
    Plant {
        name: "scope: the limit is one too high",
        file: "core/src/scope/limit.rs",
        was: "            most: most.max(1),",
        now: "            most: most.max(1) + 1,",
        test: Test::Suite(
            "on_builtin::scope_limits::never_more_run_than_the_limit_says_and_they_start_in_order",
        ),
    },
    Plant {
        name: "scope: children are asked with what the body has open",
        file: "core/src/region/state/mod.rs",
        was: "filter(|kid| !kid.region().has(flag::INLINE))",
        now: "filter(|kid| true || !kid.region().has(flag::INLINE))",
        test: Test::Core("asking_the_children_to_stop_leaves_what_the_body_has_open_alone"),
    },
    Plant {
        name: "scope: who drains it is forgotten",
        file: "core/src/region/inline.rs",
        was: "        hand_over(&member, around.as_ref(), left);\n",
        now: "        hand_over(&member, around.as_ref(), left);\n        member.region().forget_runner();\n",
        test: Test::Core("what_waits_elsewhere_for_the_children_of_a_dropped_scope_is_woken"),
    },
    Plant {
        name: "scope: who waits for its end is not woken by its drop",
        file: "core/src/scope/run.rs",
        was: "    fn drop(&mut self) {\n        self.0.waiters.wake();\n    }",
        now: "    fn drop(&mut self) {\n        let _ = &self.0;\n    }",
        test: Test::Core("who_waits_for_a_scope_to_close_learns_that_it_was_dropped"),
    },
    Plant {
        name: "scope: a handler's verdict is not asked for",
        file: "core/src/scope/shared.rs",
        was: "                Ok(verdict) => verdict,",
        now: "                Ok(_) => Verdict::Keep,",
        test: Test::Suite("on_builtin::matrix::each_cell_of_the_policies_is_true"),
    },
    Plant {
        name: "block_on may be nested",
        file: "core/src/task/rooted.rs",
        was: "        !frame::is_polling(),",
        now: "        !frame::is_polling() || true,",
        test: Test::Suite("on_builtin::block_on::nested_in_itself_it_panics_with_advice"),
    },
    Plant {
        name: "failures that nobody receives are dropped",
        file: "core/src/task/join_error.rs",
        was: "            region.report(Phase::Body, Some(payload));",
        now: "            let _ = (region, payload, Phase::Body);",
        test: Test::Suite("on_builtin::panics::a_detached_panic_is_contained_and_reported"),
    },
    Plant {
        name: "a joiner's first waker is kept",
        file: "core/src/task/cell.rs",
        was: "        if matches!(*slot, Slot::Done(_) | Slot::Taken) {\n            drop(slot);\n            return false;\n        }",
        now: "        if matches!(*slot, Slot::Done(_) | Slot::Taken) {\n            drop(slot);\n            return false;\n        }\n        if matches!(*slot, Slot::Joiner(_)) {\n            return true;\n        }",
        test: Test::Suite(
            "on_builtin::wakers::the_last_waker_of_a_joiner_is_the_one_that_is_woken",
        ),
    },
    Plant {
        name: "dropping the handle of a queued job cancels it",
        file: "adapters/builtin/src/owner.rs",
        was: "        blocking::unblock(run).detach();",
        now: "        drop(blocking::unblock(run));",
        test: Test::Suite("on_builtin::blocking::a_job_runs_though_its_handle_is_dropped"),
    },
    Plant {
        name: "Tokio: entering to block does nothing",
        file: "adapters/tokio/src/lib.rs",
        was: "                Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(f),",
        now: "                Ok(RuntimeFlavor::MultiThread) if false => tokio::task::block_in_place(f),",
        test: Test::Suite("on_tokio_multi::enter::a_block_inside_a_poll_stops_no_other_task"),
    },
    Plant {
        name: "Tokio: entering on a foreign thread does nothing",
        file: "adapters/tokio/src/lib.rs",
        was: "                    let _context = self.0.enter();\n                    f()",
        now: "                    f()",
        test: Test::Suite(
            "on_tokio_multi::enter::what_needs_the_runtimes_context_is_polled_on_a_foreign_thread",
        ),
    },
    Plant {
        name: "Tokio: entering under a virtual clock does nothing",
        file: "adapters/tokio/src/lib.rs",
        was: "                let unlimited = pin!(tokio::task::coop::unconstrained(once));",
        now: "                let unlimited = pin!(once);",
        test: Test::Suite(
            "on_tokio_current::enter::nothing_is_made_to_yield_under_a_clock_moved_by_hand",
        ),
    },
    Plant {
        name: "Tokio: a sleep of zero waits for the next tick",
        file: "adapters/tokio/src/lib.rs",
        was: "            over: deadline <= tokio::time::Instant::now().into_std(),",
        now: "            over: false,",
        test: Test::Suite("on_tokio_multi::time::a_sleep_of_zero_is_ready_at_once"),
    },
    Plant {
        name: "a child task inherits nothing",
        file: "core/src/task/spawn.rs",
        was: "    cell.region.inherit_context();\n",
        now: "",
        test: Test::Suite("on_builtin::context::child_tasks_inherit"),
    },
    Plant {
        name: "a variable that is not inherited is found in a child",
        file: "core/src/context/chain.rs",
        was: "        inherited.base = address(inherited.head.as_ref());",
        now: "        inherited.base = 0;",
        test: Test::Suite(
            "on_builtin::context::a_variable_that_is_not_inherited_stays_in_its_task",
        ),
    },
    Plant {
        name: "a clean-up sees what is bound where it runs",
        file: "core/src/region/defer.rs",
        was: "Box::pin(Within::here(cleanup))",
        now: "{ let _ = Within::<F>::here; Box::pin(cleanup) }",
        test: Test::Suite(
            "on_builtin::context::clean_ups_have_what_was_bound_where_they_were_registered",
        ),
    },
    Plant {
        name: "a task sees what is bound where it is polled",
        file: "core/src/region/body.rs",
        was: " && !context::is_bound() {",
        now: " {",
        test: Test::Core("a_task_that_inherits_nothing_sees_nothing_of_who_polls_it"),
    },
    Plant {
        name: "a moved future keeps what was bound around it",
        file: "core/src/context/chain.rs",
        was: "        let Some(next) = changed else { return };",
        now: "        let Some(next) = changed.filter(|_| node.next.is_none()) else { return };",
        test: Test::Core("a_moved_future_takes_its_scopes_along_and_finds_the_rest_where_it_is"),
    },
    Plant {
        name: "a long list is dropped by recursion",
        file: "core/src/context/chain.rs",
        was: "        while let Some(mut node) = next.and_then(Arc::into_inner) {\n            next = node.next.take();\n        }",
        now: "        drop(next.take());",
        test: Test::Core("a_hundred_thousand_bindings_are_dropped_on_a_small_stack"),
    },
    Plant {
        name: "local: a request reaches as many as a poll has turns",
        file: "core/src/scope/local/driver.rs",
        was: "                left = left.max(ready.len());",
        now: "                left = left.max(1);",
        test: Test::Core("a_request_reaches_more_children_than_a_poll_has_turns"),
    },
    Plant {
        name: "local: a failure stops nobody",
        file: "core/src/scope/local/verdict.rs",
        was: "        if let Some(member) = self.member() {\n            member.region().ask(Some(&FAILED));",
        now: "        if let Some(member) = self.member() {\n            let _ = (member, &FAILED);",
        test: Test::Core("an_error_of_the_body_stops_the_children"),
    },
    Plant {
        name: "local: the outcome before the verdict",
        file: "core/src/scope/local/job.rs",
        was: "        if let Some(error) = error {\n            this.verdict.fail(error);\n        }\n        this.promise.keep(outcome);",
        now: "        this.promise.keep(outcome);\n        if let Some(error) = error {\n            this.verdict.fail(error);\n        }",
        test: Test::Core("who_learns_that_a_child_failed_finds_the_scope_stopping"),
    },
    Plant {
        name: "local: an await that is about to be stopped panics",
        file: "core/src/scope/local/child.rs",
        was: "let stopping = frame::is_about_to_stop();",
        now: "let stopping = false & frame::is_about_to_stop();",
        test: Test::Core("awaiting_a_child_that_failed_is_where_the_body_stops"),
    },
    Plant {
        name: "local: an await inside a shield waits for ever",
        file: "core/src/region/frame.rs",
        was: "    mask() == 0 && look(|member| member.is_some_and(|member| member.region().has(flag::ASKING)))",
        now: "    look(|member| member.is_some_and(|member| member.region().has(flag::ASKING)))",
        test: Test::Core("awaiting_a_child_that_failed_inside_a_shield_does_not_hang"),
    },
    Plant {
        name: "local: a scope that is dropped takes children",
        file: "core/src/scope/local/driver.rs",
        was: "let arrivals = this.shared.close();",
        now: "let arrivals = this.shared.arrivals();",
        test: Test::Core("a_destructor_of_the_body_cannot_spawn_into_a_scope_that_is_dropped"),
    },
    Plant {
        name: "local: a scope that was asked to stop takes children",
        file: "core/src/scope/local/shared.rs",
        was: "        if let Some(reason) = self.verdict.stopped() {",
        now: "        if let Some(reason) = self.verdict.stopped().filter(|_| false) {",
        test: Test::Core("a_scope_that_was_asked_to_stop_takes_no_child"),
    },
    Plant {
        name: "local: a queue that is closed takes members",
        file: "core/src/scope/local/ready.rs",
        was: "            if state.closed {\n                return;",
        now: "            if false && state.closed {\n                return;",
        test: Test::Core("a_queue_that_is_closed_keeps_nobody"),
    },
    Plant {
        name: "local: who yields goes on",
        file: "core/src/scope/local/ready.rs",
        was: "match self.round.load(Ordering::Relaxed) == state.round {",
        now: "match self.round.load(Ordering::Relaxed) == state.round && false {",
        test: Test::Core("a_scope_cancelled_at_any_point_ends_inside_out"),
    },
    Plant {
        name: "local: a poll takes any number of turns",
        file: "core/src/scope/local/driver.rs",
        was: "const TURNS: usize = 64;",
        now: "const TURNS: usize = 6_400;",
        test: Test::Core("one_poll_takes_a_bounded_number_of_turns_and_comes_back"),
    },
    Plant {
        name: "local: a child from another thread wakes nobody",
        file: "core/src/scope/local/shared.rs",
        was: "        self.ready.wake_sleeper();",
        now: "        let _ = Ready::wake_sleeper;",
        test: Test::Core("a_child_spawned_from_another_thread_wakes_the_scope"),
    },
    Plant {
        name: "local: a waker polls whoever has its place",
        file: "core/src/scope/local/driver.rs",
        was: "entry.filter(|entry| Arc::ptr_eq(&entry.member, member))",
        now: "entry.filter(|_| true)",
        test: Test::Core("a_waker_of_a_child_that_is_gone_polls_nobody"),
    },
    Plant {
        name: "local: what failed is forgotten with the scope",
        file: "core/src/scope/local/verdict.rs",
        was: "            self.0.pass_on(group);",
        now: "            let _ = (&self.0, group);",
        test: Test::Core("errors_of_a_scope_that_was_stopped_from_around_are_failures_of_the_task"),
    },
    Plant {
        name: "local: a child that was cancelled early runs",
        file: "core/src/scope/local/slot.rs",
        was: "                Stage::New(asked) => asked,\n                _ => None,",
        now: "                _ => None,",
        test: Test::Core("a_child_that_was_cancelled_before_its_first_poll_never_runs"),
    },
    Plant {
        name: "local: the outcome before the clean-ups",
        file: "core/src/scope/local/job.rs",
        was: "    #[pin]\n    region: Inline<F>,\n    // After the region: when the outcome is there, the future is gone.\n    promise: Promise<T>,",
        now: "    promise: Promise<T>,\n    #[pin]\n    region: Inline<F>,",
        test: Test::Core("finished_means_dropped_also_for_a_scope_that_is_dropped"),
    },
    Plant {
        name: "combine: losers are not drained",
        file: "core/src/combine/run.rs",
        was: "        if !this.ruling.is_over() {",
        now: "        if !this.ruling.is_over() && this.ruling.decided().is_none() {",
        test: Test::Core("combine::tests::race::losers_are_drained_before_the_race_returns"),
    },
    Plant {
        name: "combine: those polled before the verdict are not stopped",
        file: "core/src/combine/arms.rs",
        was: "        for &index in &indexes[..before] {",
        now: "        for &index in &indexes[..before.min(0)] {",
        test: Test::Core(
            "combine::tests::race::losers_are_stopped_in_the_poll_in_which_the_verdict_falls",
        ),
    },
    Plant {
        name: "combine: a request does not reach all of many arms",
        file: "core/src/combine/set.rs",
        was: "if left == 0 && !frame::is_stopping() {",
        now: "if left == 0 {",
        test: Test::Core(
            "combine::tests::many::a_request_reaches_every_arm_before_the_body_around_is_dropped",
        ),
    },
    Plant {
        name: "combine: one poll polls as many as there are",
        file: "core/src/combine/set.rs",
        was: "left = left.saturating_sub(1);",
        now: "",
        test: Test::Core("combine::tests::many::one_wake_polls_one_arm_of_ten_thousand"),
    },
    Plant {
        name: "combine: many arms that moved are not looked at",
        file: "core/src/combine/set.rs",
        was: "        let mut fresh = this.place.replace(here) != Some(here);",
        now: "        let mut fresh = this.place.replace(here).is_none();",
        test: Test::Core(
            "combine::tests::moves::a_combinator_that_moves_to_another_task_is_stopped_there_inside_out",
        ),
    },
    Plant {
        name: "combine: who was woken first wins",
        file: "core/src/combine/policy.rs",
        was: "Ties::InOrder => indexes.sort_unstable(),",
        now: "Ties::InOrder => {}",
        test: Test::Core(
            "combine::tests::many::of_those_that_are_ready_at_once_the_first_argument_wins_whoever_was_woken_first",
        ),
    },
    Plant {
        name: "combine: an arm's waker keeps the task",
        file: "core/src/combine/set.rs",
        was: "    fn take_ends(mut self: Pin<&mut Self>) -> Self::Ends {\n        self.bell.task.take();",
        now: "    fn take_ends(mut self: Pin<&mut Self>) -> Self::Ends {",
        test: Test::Core("combine::tests::many::a_waker_of_an_arm_that_lives_on_keeps_no_task"),
    },
    Plant {
        name: "combine: a late value is dropped outside its region",
        file: "core/src/combine/arm.rs",
        was: "(!*this.late || how == How::Error).then_some((value, how))",
        now: "Some((value, how))",
        test: Test::Core("combine::tests::race::a_late_value_is_dropped_inside_its_region"),
    },
    Plant {
        name: "combine: a panic that nobody takes is lost",
        file: "core/src/combine/arm.rs",
        was: "        if let Some(Err(error)) = self.take() {\n            report_unseen(error);",
        now: "        if let Some(Err(error)) = self.take() {\n            drop(error);",
        test: Test::Core("combine::tests::race::a_losers_late_panic_goes_to_the_hook"),
    },
    Plant {
        name: "combine: an opening edge opens",
        file: "core/src/combine/run.rs",
        was: "Stage::New if frame::is_stopping() => return Poll::Pending,",
        now: "Stage::New if frame::is_stopping() && this.ruling.live() > 9 => return Poll::Pending,",
        test: Test::Core("combine::tests::requests::where_a_request_is_due_nothing_starts"),
    },
    Plant {
        name: "combine: errors stand in the order of the arguments",
        file: "core/src/combine/policy.rs",
        was: "            self.failed.push(index);",
        now: "            self.failed.push(index);\n            self.failed.sort_unstable();",
        test: Test::Core(
            "combine::tests::errors::the_first_error_stops_the_others_and_theirs_join_in_order",
        ),
    },
    Plant {
        name: "combine: errors of the drain are lost",
        file: "core/src/combine/policy.rs",
        was: "How::Error | How::Panic => self != Policy::First,",
        now: "How::Error | How::Panic => self == Policy::Collect,",
        test: Test::Core("combine::tests::errors::what_fails_while_losers_are_drained_is_kept"),
    },
    Plant {
        name: "combine: an arm is no region of the body around it",
        file: "core/src/region/inline.rs",
        was: "matches!(ended, Ended::Cancelled) && linked && frame::is_about_to_stop()",
        now: "matches!(ended, Ended::Cancelled) && linked && frame::is_about_to_stop() && false",
        test: Test::Core("combine::tests::requests::a_retry_around_a_combinator_does_not_spin"),
    },
    Plant {
        name: "finally: a request stops the clean-up",
        file: "core/src/region/shield.rs",
        was: "        hold: Arc::default(),\n        started: true,",
        now: "        hold: Arc::default(),\n        started: false,",
        test: Test::Core(
            "region::tests::finally::a_request_does_not_stop_the_clean_up_and_takes_effect_after_it",
        ),
    },
    Plant {
        name: "finally: the clean-up runs before the body is dropped",
        file: "core/src/region/finally.rs",
        was: "let dropped = contain(|| body.set(None));",
        now: "let dropped = Ok(());",
        test: Test::Core("region::tests::finally::the_body_is_dropped_before_the_clean_up_begins"),
    },
    Plant {
        name: "clock: a nested drive does not ask back",
        file: "core/src/clock/drive.rs",
        was: "        self.0.ask_back(Wait::Told);",
        now: "        let _ = Wait::Told;",
        test: Test::Suite(
            "clock_on_builtin::virtual_time::a_job_that_drives_is_counted_again_before_time_moves",
        ),
    },
    Plant {
        name: "clock: a job does not count while it runs",
        file: "core/src/clock/quiescence.rs",
        was: "            let _counted = counted;",
        now: "            drop(counted);",
        test: Test::Suite(
            "clock_on_builtin::virtual_time::more_jobs_than_any_pool_has_threads_wait_for_each_other",
        ),
    },
    Plant {
        name: "clock: tasks are polled with a limit",
        file: "core/src/clock/tracked.rs",
        was: "this.rt.enter(Enter::Virtual, || future.poll(&mut inner))",
        now: "{ let _ = (&this.rt, Enter::Virtual); future.poll(&mut inner) }",
        test: Test::Suite(
            "clock_on_tokio_multi::virtual_time::a_task_that_does_much_at_once_takes_no_time",
        ),
    },
    Plant {
        name: "clock: a sleep does not look who polls it",
        file: "core/src/clock/sleep.rs",
        was: "        current::assert_counted(&this.timers);\n",
        now: "        let _ = current::assert_counted;\n",
        test: Test::Core("a_sleep_outside_any_task_of_its_clock_panics_with_advice"),
    },
    Plant {
        name: "clock: never comes",
        file: "core/src/clock/sleep.rs",
        was: "if this.timers.is_never(this.deadline) {\n            return",
        now: "if false {\n            return",
        test: Test::Core("never_does_not_wait"),
    },
    Plant {
        name: "clock: a sleep that is dropped waits on",
        file: "core/src/clock/sleep.rs",
        was: "    fn drop(&mut self) {\n        self.forget();",
        now: "    fn drop(&mut self) {",
        test: Test::Core("a_dropped_sleep_waits_no_more"),
    },
    Plant {
        name: "clock: who moves it by hand does not come last",
        file: "core/src/clock/timers.rs",
        was: "        let key = (deadline, number | LAST);",
        now: "        let key = (deadline, number);",
        test: Test::Suite("clock_on_builtin::virtual_time::by_hand_it_goes_as_far_as_it_is_told"),
    },
    Plant {
        name: "clock: a clock moved by hand moves by itself",
        file: "core/src/clock/quiescence.rs",
        was: "            Pace::ByHand => waits.last_goal(),",
        now: "            Pace::ByHand => self.timers.end(),",
        test: Test::Suite(
            "clock_on_builtin::virtual_time::where_nothing_can_happen_the_report_says_who_waits",
        ),
    },
    Plant {
        name: "clock: nobody is told that nothing can happen",
        file: "core/src/clock/quiescence.rs",
        was: "                driven.stop(self.report(Why::Stalled));",
        now: "                drop(driven);",
        test: Test::Suite(
            "clock_on_builtin::virtual_time::where_nothing_can_happen_the_report_says_who_waits",
        ),
    },
    Plant {
        name: "clock: the outer of two drives is told",
        file: "core/src/clock/quiescence.rs",
        was: "driven.iter().rev().find(untold)",
        now: "driven.iter().find(untold)",
        test: Test::Suite(
            "clock_on_builtin::virtual_time::of_two_who_drive_the_inner_one_is_told_that_nothing_can_happen",
        ),
    },
    Plant {
        name: "clock: a task that has ended keeps its runtime's waker",
        file: "core/src/clock/tracked.rs",
        was: "        let waker = outer.take();\n        drop(outer);\n        drop(waker);",
        now: "        drop(outer);",
        test: Test::Core("when_it_has_ended_it_keeps_no_waker_and_is_not_polled_again"),
    },
    Plant {
        name: "clock: a job finds no keeper",
        file: "core/src/clock/quiescence.rs",
        was: "            let _entered = Entered::new(&mut keeper);\n            job();",
        now: "            let _ = (&mut keeper, Entered::new);\n            job();",
        test: Test::Suite(
            "clock_on_builtin::virtual_time::a_job_that_waits_for_a_plain_channel_lends_its_thread",
        ),
    },
    Plant {
        name: "clock: external does not hold",
        file: "core/src/clock/external.rs",
        was: "            *this.counted = Counted::here();",
        now: "            *this.counted = None;\n            let _ = Counted::here;",
        test: Test::Core("time_stands_still_while_something_external_is_pending"),
    },
    Plant {
        name: "thread: a panic of a job ends its thread",
        file: "core/src/thread/cache.rs",
        was: "            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job(&worker))) {\n                discard(payload);\n            }",
        now: "            let _ = (discard, catch_unwind::<fn(), ()>, AssertUnwindSafe(()));\n            job(&worker);",
        test: Test::Core("a_panic_of_a_job_ends_in_its_thread"),
    },
    Plant {
        name: "thread: where no thread can be started the job comes back though one lives",
        file: "core/src/thread/cache.rs",
        was: "        let one_lives = state.threads > state.starting;",
        now: "        let one_lives = false;",
        test: Test::Core("where_one_thread_lives_the_job_waits_for_it"),
    },
    Plant {
        name: "thread: those being started count as living",
        file: "core/src/thread/cache.rs",
        was: "        let one_lives = state.threads > state.starting;",
        now: "        let one_lives = true;",
        test: Test::Core("without_any_thread_the_job_comes_back"),
    },
    Plant {
        name: "a job that is given back is lost",
        file: "core/src/task/job.rs",
        was: "    drop(ThreadCache::global().run(move || inside.enter(Enter::Foreign, run)));",
        now: "    let _ = (inside, Enter::Foreign, run, ThreadCache::global);",
        test: Test::Core(
            "a_blocking_job_that_is_given_back_runs_on_a_thread_of_our_own_inside_its_runtime",
        ),
    },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wanted: Vec<&Plant> = PLANTS
        .iter()
        .chain(coroutines::PLANTS)
        .chain(models::PLANTS)
        .chain(time::PLANTS)
        .chain(resources::PLANTS)
        .chain(simulator::PLANTS)
        .chain(bridge::PLANTS)
        .chain(jobs::PLANTS)
        .filter(|plant| words.is_empty() || words.iter().any(|word| plant.name.contains(word)))
        .collect();
    let tree = copy_of_the_tree();

    println!("without a plant …");
    let mut sound = true;
    for plant in &wanted {
        if run(&tree, plant.test) != Verdict::Green {
            println!("  NOT GREEN: {}", plant.test.arguments()[4]);
            sound = false;
        }
    }
    if !sound {
        return ExitCode::FAILURE;
    }

    let mut noticed = 0;
    for plant in &wanted {
        let path = tree.join(plant.file);
        let text = fs::read_to_string(&path).expect("the file of a plant is in the tree");
        let verdict = match text.matches(plant.was).count() {
            1 => {
                let planted = text.replace(plant.was, plant.now);
                fs::write(&path, planted).expect("the copy can be written");
                let verdict = match run(&tree, plant.test) {
                    Verdict::Red => "red, as it should be",
                    Verdict::Green => "NOT NOTICED",
                    Verdict::NotBuilt => "DOES NOT BUILD",
                };
                fs::write(&path, &text).expect("the copy can be written");
                verdict
            }
            0 => "NO LONGER APPLIES",
            _ => "APPLIES IN SEVERAL PLACES",
        };
        noticed += usize::from(verdict.starts_with("red"));
        println!("{}: {verdict}", plant.name);
    }
    println!("{noticed} of {} plants are noticed", wanted.len());
    match noticed == wanted.len() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

#[derive(PartialEq, Eq)]
enum Verdict {
    Green,
    Red,
    NotBuilt,
}

fn run(tree: &Path, test: Test) -> Verdict {
    let output = Command::new(env!("CARGO"))
        .arg("test")
        .args(test.arguments())
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", tree.with_file_name("plants-build"))
        // A case that hangs is noticed, but need not be waited for.
        .env("ANYRT_CONFORMANCE_WATCHDOG_SECS", "10")
        .stdin(Stdio::null())
        .output()
        .expect("cargo can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    match (output.status.success(), text.contains("running 1 test")) {
        (true, true) => Verdict::Green,
        (false, true) => Verdict::Red,
        // No such test is as bad as one that does not compile.
        (_, false) => Verdict::NotBuilt,
    }
}

/// Copies what git knows of, or would, to a folder below `target/`.
fn copy_of_the_tree() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let copy = root.join("target").join("plants");
    let _ = fs::remove_dir_all(&copy);
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(&root)
        .output()
        .expect("git can be run");
    for name in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
        let (from, to) = (root.join(name), copy.join(name));
        if from.is_file() {
            let folder = to.parent().expect("a file is in a folder");
            fs::create_dir_all(folder).expect("the copy can be written");
            fs::copy(from, to).expect("the copy can be written");
        }
    }
    copy
}
