//! Bugs in what is built on the bridge: stop hooks, lists of work, background threads, batons, line input.

use super::{Plant, Test};

pub(crate) const PLANTS: &[Plant] = &[
    Plant {
        name: "hooks: a panic of the body skips them",
        file: "core/src/bridge/hooks.rs",
        was: "    let driven = contain(drive);\n",
        now: "    let driven: Result<T, crate::region::contain::Payload> = Ok(drive());\n",
        test: Test::Core("they_run_after_a_panic_which_then_goes_on"),
    },
    Plant {
        name: "hooks: one that panics stops the others",
        file: "core/src/bridge/hooks.rs",
        was: "                report(&Failure::of_callback(Phase::Callback, location, payload));\n",
        now: "                report(&Failure::of_callback(Phase::Callback, location, payload));\n                break;\n",
        test: Test::Core("one_that_panics_stops_nobody"),
    },
    Plant {
        name: "hooks: whoever stops driving runs them",
        file: "core/src/runtime/stop.rs",
        was: "fetch_sub(1, Ordering::AcqRel) == 1",
        now: "fetch_sub(1, Ordering::AcqRel) > 0",
        test: Test::Core("only_the_last_who_drives_runs_them"),
    },
    Plant {
        name: "hooks: the end runs them all again",
        file: "core/src/runtime/stop.rs",
        was: "which == Which::All || !hook.has_run",
        now: "which == Which::All || hook.has_run || !hook.has_run",
        test: Test::Core("the_end_runs_those_that_have_not_run"),
    },
    Plant {
        name: "hooks: an owner ends without them",
        file: "adapters/builtin/src/owner.rs",
        was: "        shared.hooks.end();\n",
        now: "",
        test: Test::Suite("on_builtin::stop_hooks::hooks_that_have_not_run_do_when_the_owner_ends"),
    },
    Plant {
        name: "hooks: Tokio's are found by nobody",
        file: "adapters/tokio/src/owner.rs",
        was: "        OWNED\n            .write()\n            .unwrap_or_else(PoisonError::into_inner)\n            .push(",
        now: "        drop(",
        test: Test::Suite("on_tokio_multi::stop_hooks"),
    },
    Plant {
        name: "lists: what blocks is abandoned",
        file: "core/src/bridge/work.rs",
        was: "                call.stop_and_leave();\n",
        now: "                drop(call);\n",
        test: Test::Suite(
            "on_builtin::bridge_jobs::a_request_stops_a_list_and_waits_for_what_blocks",
        ),
    },
    Plant {
        name: "lists: what blocks is not told",
        file: "core/src/bridge/to_thread.rs",
        was: "        let job = self.task.member();\n        job.region().ask(None);\n",
        now: "        let job = self.task.member();\n",
        test: Test::Suite(
            "on_builtin::bridge_jobs::a_request_stops_a_list_and_waits_for_what_blocks",
        ),
    },
    Plant {
        name: "lists: a serial one begins them all",
        file: "core/src/bridge/members.rs",
        was: "                for member in members.list() {\n                    values.push(spawn(member).await);\n                }",
        now: "                let children: Vec<_> = members.list().iter().map(spawn).collect();\n                for child in children {\n                    values.push(child.await);\n                }",
        test: Test::Suite("on_builtin::bridge_jobs::what_is_done_in_order_stops_at_an_error"),
    },
    Plant {
        name: "lists: those that are deep are dropped on one stack",
        file: "core/src/bridge/members.rs",
        was: "            flat(dropped);",
        now: "            dropped();",
        test: Test::Core("a_list_that_is_very_deep_is_dropped_on_a_small_stack"),
    },
    Plant {
        name: "background: an abandoned job keeps its place",
        file: "core/src/bridge/background.rs",
        was: "        let who = self.running.remove(&number)?;\n",
        now: "        let who = Arc::clone(self.running.get(&number)?);\n",
        test: Test::Suite(
            "on_builtin::bridge_jobs::a_background_job_that_times_out_keeps_no_place",
        ),
    },
    Plant {
        name: "background: what waits is forgotten when its owner goes",
        file: "core/src/bridge/background.rs",
        was: "            AtDrop::NoWait => {}\n",
        now: "            AtDrop::NoWait => drop(std::mem::take(&mut state.queue)),\n",
        test: Test::Core("each_end_does_with_the_jobs_what_it_says"),
    },
    Plant {
        name: "background: a job that is tried cuts in",
        file: "core/src/bridge/background.rs",
        was: "        if state.is_full() || !state.queue.is_empty() {\n",
        now: "        if false {\n",
        test: Test::Core("jobs_beyond_the_limit_wait_and_begin_in_their_order"),
    },
    Plant {
        name: "background: one that is dropped in the queue runs",
        file: "core/src/bridge/background_job.rs",
        was: "        self.who.tell();\n        (self.go)(Go::Nowhere);",
        now: "        (self.go)(Go::Nowhere);",
        test: Test::Core("a_job_that_waits_in_the_queue_and_is_abandoned_never_runs"),
    },
    Plant {
        name: "batons: who waits keeps it",
        file: "core/src/thread/handover.rs",
        was: "        held.let_go();\n",
        now: "",
        test: Test::Suite(
            "on_builtin::bridge_jobs::the_baton_is_passed_on_at_calls_in_the_order_of_asking",
        ),
    },
    Plant {
        name: "batons: who comes back from a wait goes on without it",
        file: "core/src/bridge/baton.rs",
        was: "        turn.wait();\n        self.turn.set(Some(turn));\n",
        now: "        self.turn.set(Some(turn));\n",
        test: Test::Core("one_runs_at_a_time_whatever_happens"),
    },
    Plant {
        name: "batons: the last to come is the next",
        file: "core/src/bridge/baton.rs",
        was: "        let next = line.waiting.pop_front();\n",
        now: "        let next = line.waiting.pop_back();\n",
        test: Test::Core("they_have_their_turns_in_the_order_in_which_they_came"),
    },
    Plant {
        name: "batons: a call that errs at once passes nothing on",
        file: "core/src/bridge/from_thread.rs",
        was: "            parked(|| ());\n",
        now: "",
        test: Test::Suite(
            "on_builtin::bridge_jobs::an_abandoned_member_gives_the_baton_up_at_its_next_call",
        ),
    },
    Plant {
        name: "model: who is next for the baton is not told",
        file: "core/src/bridge/baton.rs",
        was: "contain(|| waker.wake())",
        now: "contain(|| drop(waker))",
        test: Test::Model("a_baton_is_held_by_one_and_reaches_all"),
    },
    Plant {
        name: "input: what has come of a line goes with who asked",
        file: "core/src/bridge/input.rs",
        was: "                Read::Nothing => return Poll::Pending,\n",
        now: "                Read::Nothing => {\n                    begun.clear();\n                    return Poll::Pending;\n                }\n",
        test: Test::Core("what_has_come_of_a_line_is_kept_for_the_next_who_asks"),
    },
];
