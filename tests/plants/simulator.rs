//! Bugs in the simulator.

use super::{Plant, Test};

pub(super) const PLANTS: &[Plant] = &[
    Plant {
        name: "sim: a wake during a poll is lost",
        file: "core/src/sim/gate.rs",
        was: "            Phase::Running => slot.phase = Phase::Woken,",
        now: "            Phase::Running => {}",
        test: Test::Core("sim::tests::time_stands_still_while_anybody_is_ready"),
    },
    Plant {
        name: "sim: who lent its turn is ready when the inner one is gone",
        file: "core/src/sim/root.rs",
        was: "    if let Some(around) = around.take() {",
        now: "    entity.gate.leave(entity);\n    if let Some(around) = around.take() {",
        test: Test::Core("sim::tests::a_job_may_block_on_the_simulation_it_is_in"),
    },
    Plant {
        name: "sim: a wake from outside goes unseen",
        file: "core/src/sim/gate.rs",
        was: "        !is_inside && self.open > 0 &&",
        now: "        false && !is_inside && self.open > 0 &&",
        test: Test::Core("sim::tests::a_wake_from_outside_is_an_error_that_says_so"),
    },
    Plant {
        name: "sim: a seed means nothing",
        file: "core/src/sim/schedule.rs",
        was: "        Chance(mix(seed) | 1)",
        now: "        let _ = seed;\n        Chance(1)",
        test: Test::Core("sim::schedule::tests::all_orders_come_from_some_seed"),
    },
    Plant {
        name: "sim: near seeds stay near",
        file: "core/src/sim/schedule.rs",
        was: "        Chance(mix(seed) | 1)",
        now: "        Chance(seed | 1)",
        test: Test::Core("sim::schedule::tests::all_orders_come_from_some_seed"),
    },
    Plant {
        name: "sim: shrinking keeps everything",
        file: "core/src/sim/shrink.rs",
        was: "                best = shorter.switches();",
        now: "",
        test: Test::Core("sim::shrink::tests::only_what_is_needed_stays"),
    },
    Plant {
        name: "sim: a replay makes no switch",
        file: "core/src/sim/schedule.rs",
        was: "                found.unwrap_or(usual)",
        now: "                let _ = found;\n                usual",
        test: Test::Core("sim::tests::a_lost_update_is_found_replayed_and_shrunk"),
    },
    Plant {
        name: "sim: of those who wait for one moment the first is woken alone",
        file: "core/src/sim/gate.rs",
        was: "std::iter::from_fn(|| waits.pop(deadline)).collect();",
        now: "Vec::new();",
        test: Test::Core("sim::tests::who_wakes_at_the_same_time_runs_in_any_order"),
    },
    Plant {
        name: "sim: a hold holds nothing",
        file: "core/src/sim/gate.rs",
        was: "            if state.holds > 0 {",
        now: "            if false {",
        test: Test::Core("sim::tests::what_waits_for_the_world_outside_says_so_and_holds_the_time"),
    },
    Plant {
        name: "sim: tasks run though nobody drives",
        file: "core/src/sim/gate.rs",
        was: " || state.open == 0 || ",
        now: " || ",
        test: Test::Core("sim::tests::nothing_runs_while_nobody_drives"),
    },
    Plant {
        name: "sim: the trace does not see who ran",
        file: "core/src/sim/trace.rs",
        was: "u64::from(number) << 2 | kind as u64",
        now: "kind as u64",
        test: Test::Core("sim::tests::another_order_is_another_trace"),
    },
    Plant {
        name: "sim: its end keeps the tasks",
        file: "core/src/sim/owner.rs",
        was: "    sim.handle.gate.end();\n",
        now: "",
        test: Test::Core("sim::tests::its_end_drops_what_is_left_in_order"),
    },
];
