//! Bugs in the bridge itself: threads, calls, and who waits for whom.

use super::{Plant, Test};

pub(crate) const PLANTS: &[Plant] = &[
    Plant {
        name: "bridge: a call is not made, so a request does not find it",
        file: "core/src/bridge/call.rs",
        was: "inline.as_mut().open().is_none()",
        now: "!inline.as_mut().start()",
        test: Test::Suite("on_builtin::bridge::a_request_reaches_a_call_inside_out"),
    },
    Plant {
        name: "bridge: a call stays under the masks it began with",
        file: "core/src/region/inline.rs",
        was: "    frame::place() | usize::from(frame::mask() > 0)",
        now: "    frame::place()",
        test: Test::Suite("on_builtin::bridge::a_call_leaves_a_shield_with_its_await"),
    },
    Plant {
        name: "bridge: the body around an await goes before the call",
        file: "core/src/bridge/call.rs",
        was: "        inline.as_mut().hold_up();\n",
        now: "",
        test: Test::Suite("on_builtin::bridge::a_timeout_unwinds_the_call_before_the_body"),
    },
    Plant {
        name: "bridge: calls are made after nobody waits any more",
        file: "core/src/bridge/link.rs",
        was: "            _ if state.abandoned => Origin::Abandoned,\n",
        now: "",
        test: Test::Core("a_call_is_refused_at_once_where_the_await_was_dropped"),
    },
    Plant {
        name: "bridge: a call sees nothing of what is bound on its thread",
        file: "core/src/bridge/call.rs",
        was: "Within::here(future)",
        now: "Within::nothing(future)",
        test: Test::Suite("on_builtin::bridge::what_is_bound_crosses_in_both_directions"),
    },
    Plant {
        name: "bridge: the one thread of a runtime is blocked",
        file: "core/src/bridge/anywhere.rs",
        was: "ALLOWED.get() || rt.may_block()",
        now: "rt.may_block() || !ALLOWED.get() || ALLOWED.get()",
        test: Test::Suite("on_tokio_current::bridge::sync_code_waits_anywhere"),
    },
    Plant {
        name: "bridge: a task in the middle hides the chain",
        file: "core/src/bridge/threads.rs",
        was: "static IN_CHAIN: ContextVar<()> = ContextVar::new(\"anyrt::Threads\");",
        now: "static IN_CHAIN: ContextVar<()> = ContextVar::new(\"anyrt::Threads\").not_inherited();",
        test: Test::Suite("on_builtin::bridge::a_pool_with_a_limit_refuses_its_own_chain"),
    },
    Plant {
        name: "bridge: who waits for itself through a thread is not found",
        file: "core/src/bridge/to_thread.rs",
        was: "    cell.region.set_beneath(around.as_ref());\n",
        now: "",
        test: Test::Suite("on_builtin::bridge::who_waits_for_itself_through_a_thread_is_told"),
    },
    Plant {
        name: "bridge: a call is forgotten when its task has ended",
        file: "core/src/bridge/call.rs",
        was: "    fn drop(self: Pin<&mut Self>) {\n        self.end(Answered::Ended);",
        now: "    fn drop(self: Pin<&mut Self>) {\n        let _ = self;",
        test: Test::Model("a_call_that_meets_the_end_of_the_task_is_answered"),
    },
    Plant {
        name: "bridge: the call is not told that nobody waits",
        file: "core/src/bridge/link.rs",
        was: "        if let Some(call) = call {\n            call.wake();\n        }\n        if let Some(leave_queue)",
        now: "        drop(call);\n        if let Some(leave_queue)",
        test: Test::Model("an_await_that_is_dropped_stops_the_call_wherever_it_is"),
    },
    Plant {
        name: "bridge: a wake-up before the wait is lost",
        file: "core/src/bridge/park.rs",
        was: "        let is_woken = *state == Parked::Woken;",
        now: "        let is_woken = false;",
        test: Test::Model("a_wake_up_ends_the_wait_of_a_thread"),
    },
    Plant {
        name: "bridge: nobody stands in where all threads are blocked",
        file: "adapters/builtin/src/crew.rs",
        was: "        if state.free > 0 || shared.is_stopping() {",
        now: "        if state.free < 9 || shared.is_stopping() {",
        test: Test::Suite("on_builtin::bridge::tasks_that_block_on_all_threads_at_once_go_on"),
    },
];
