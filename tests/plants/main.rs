//! Plants a bug, and looks whether a test turns red. For each of the plants below.
//!
//! Run it with `cargo test --test plants`, or `cargo test --test plants -- WORD` for those whose name
//! contains the word. It works on a copy of the tree below `target/`, takes some minutes, and fails if
//! a plant no longer applies, if a test does not notice it, or if the tests are red without it. It is
//! no part of `cargo test` (it is marked `test = false`), nor of CI.

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
}

impl Test {
    fn arguments(self) -> [&'static str; 5] {
        match self {
            Test::Core(name) => ["-p", "anyrt-core", "--lib", "--", name],
            Test::Suite(name) => ["-p", "anyrt", "--test=plant-suite", "--", name],
        }
    }
}

const PLANTS: &[Plant] = &[
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
        was: "        region.register(cx.waker(), seen);\n        let over = beside(member, |region| Aside::poll_to_end(region, cx))?;",
        now: "        let over = beside(member, |region| Aside::poll_to_end(region, cx))?;\n        member.as_deref()?.region().register(cx.waker(), seen);",
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
        was: "        self.set(flag::ASKED);\n        self.wake_runner();",
        now: "        self.set(flag::ASKED);",
        test: Test::Core("a_changed_waker_is_the_one_that_a_cancel_wakes"),
    },
    Plant {
        name: "clean-ups run oldest first",
        file: "core/src/region/state/work.rs",
        was: "            rare.cleanups.pop()",
        now: "            (!rare.cleanups.is_empty()).then(|| rare.cleanups.remove(0))",
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
        was: "    mask() == 0 && look(",
        now: "    false && mask() == 0 && look(",
        test: Test::Core("random_programs_end_clean_whatever_is_asked_of_them"),
    },
    Plant {
        name: "R3: what was stopped from outside returns a value",
        file: "core/src/region/inline.rs",
        was: "        if matches!(ended, Ended::Cancelled) && linked && is_asked_around() {",
        now: "        if matches!(ended, Ended::Cancelled) && linked && is_asked_around() && false {",
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
        was: ".filter(|_| frame::place() != *this.place)",
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
        was: "        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 {",
        now: "        if self.live.fetch_sub(1, Ordering::AcqRel) <= 2 {",
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
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wanted: Vec<&Plant> = PLANTS
        .iter()
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
