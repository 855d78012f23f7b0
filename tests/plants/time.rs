//! The bugs of what is done in time.

use super::{Plant, Test};

pub(super) const PLANTS: &[Plant] = &[
    Plant {
        name: "time: a late tick is late by the grain of a timer",
        file: "core/src/time/missed.rs",
        was: "late <= GRAIN.min(period / 2)",
        now: "late.is_zero()",
        test: Test::Core(
            "time::tests::interval::what_comes_within_the_grain_of_a_timer_shifts_no_schedule",
        ),
    },
    Plant {
        name: "time: what is skipped comes a period after the late one",
        file: "core/src/time/missed.rs",
        was: "now.checked_add(from_nanos(period.as_nanos() - into))",
        now: "{ let _ = (into, from_nanos); now.checked_add(period) }",
        test: Test::Core(
            "time::tests::interval::each_policy_does_its_own_with_ticks_that_were_missed",
        ),
    },
    Plant {
        name: "time: a reset does not move the sleep",
        file: "core/src/time/interval.rs",
        was: "if self.armed != Some(due) {",
        now: "if self.armed.is_none() {",
        test: Test::Core("time::tests::interval::a_reset_moves_the_next_tick_and_those_after_it"),
    },
    Plant {
        name: "time: ticks that are due starve everybody else",
        file: "core/src/time/interval.rs",
        was: "if self.in_a_row == IN_A_ROW {",
        now: "if self.in_a_row == IN_A_ROW && false {",
        test: Test::Core(
            "time::tests::interval::a_period_of_zero_is_always_due_and_lets_others_run",
        ),
    },
    Plant {
        name: "time: a tick is cancelled but not waited for",
        file: "core/src/time/every/run.rs",
        was: "none.insert(self.ticks.wait_for_fewer_than(most))",
        now: "none.insert(self.ticks.wait_for_fewer_than(usize::MAX))",
        test: Test::Core("time::tests::every::the_previous_tick_is_cancelled_and_waited_for"),
    },
    Plant {
        name: "time: a tick is waited for but not cancelled",
        file: "core/src/time/every/run.rs",
        was: "self.ticks.cancel_children(&NEXT_IS_DUE);",
        now: "let _ = &NEXT_IS_DUE;",
        test: Test::Core("time::tests::every::the_previous_tick_is_cancelled_and_waited_for"),
    },
    Plant {
        name: "ticks: who waits for room is not woken",
        file: "core/src/scope/wait.rs",
        was: "        this.scope.waiters.register(&mut this.key, cx.waker());\n        if this.is_reached()",
        now: "        if this.is_reached()",
        test: Test::Suite("on_builtin::timers::a_tick_that_waits_for_room_starts_when_there_is"),
    },
    Plant {
        name: "time: a panic of the closure ends the ticks",
        file: "core/src/time/every/run.rs",
        was: "let work = match contain(|| (self.f)(Tick { number, due })) {",
        now: "let called: Result<_, Payload> = Ok((self.f)(Tick { number, due }));\n        let _ = contain(|| ());\n        let work = match called {",
        test: Test::Core(
            "time::tests::every::a_tick_that_fails_or_panics_is_told_and_the_next_comes",
        ),
    },
    Plant {
        name: "time: a busy tick keeps the next ones waiting",
        file: "core/src/time/every/run.rs",
        was: "            && self.ticks.live() > 0\n",
        now: "            && self.ticks.live() > usize::MAX - 1\n",
        test: Test::Core("time::tests::every::a_tick_is_left_out_while_the_previous_one_runs"),
    },
    Plant {
        name: "time: failures of ticks go to nobody",
        file: "core/src/time/every/mod.rs",
        was: "scope: ScopeWith::new(rt).long_lived(),",
        now: "scope: ScopeWith::new(rt).supervise(|_| Verdict::Continue),",
        test: Test::Core(
            "time::tests::every::a_tick_that_fails_goes_to_the_hook_if_nobody_else_is_told",
        ),
    },
    Plant {
        name: "time: a retry waits past its deadline",
        file: "core/src/time/retry/run.rs",
        was: ".filter(|next| end.is_none_or(|end| *next < end))",
        now: ".filter(|_| end.is_none_or(|end| now < end))",
        test: Test::Core(
            "time::tests::retry::it_does_not_wait_for_an_attempt_that_would_begin_too_late",
        ),
    },
    Plant {
        name: "time: attempts without a delay starve everybody else",
        file: "core/src/time/retry/pause.rs",
        was: "        if *this.suspended {\n",
        now: "        if true {\n",
        test: Test::Core("time::tests::retry::attempts_that_fail_at_once_let_others_run"),
    },
    Plant {
        name: "time: an attempt starts where a request is due",
        file: "core/src/time/retry/run.rs",
        was: "if frame::is_stopping() {",
        now: "if frame::is_stopping() && false {",
        test: Test::Core("time::tests::retry::where_a_request_is_due_nothing_is_tried"),
    },
    Plant {
        name: "time: the time of an attempt is looked at before its value",
        file: "core/src/time/timeout.rs",
        was: "        loop {\n            let fired = *this.fired;",
        now: "        if this.deadline.is_some_and(|deadline| this.rt.now() >= deadline) {\n            this.region.as_mut().ask(&ELAPSED);\n            *this.fired = true;\n        }\n        loop {\n            let fired = *this.fired;",
        test: Test::Core("time::tests::retry::a_value_that_is_there_when_the_time_is_up_is_given"),
    },
    Plant {
        name: "time: a pause goes past the deadline around",
        file: "core/src/time/retry/run.rs",
        was: "deadline()",
        now: "None",
        test: Test::Core("a_pause_that_ends_after_the_deadline_around_is_not_begun"),
    },
    Plant {
        name: "time: delays begin anew after exactly the quiet time",
        file: "core/src/time/retry/delayer.rs",
        was: "quiet > most",
        now: "quiet >= most",
        test: Test::Core("time::tests::delayer::they_begin_anew_after_more_than_the_last_delay"),
    },
    Plant {
        name: "time: the quiet time counts from the beginning of a sleep",
        file: "core/src/time/retry/delayer.rs",
        was: "        self.over = now.checked_add(delay);",
        now: "        self.over = Some(now);",
        test: Test::Core("time::tests::delayer::they_begin_anew_after_more_than_the_last_delay"),
    },
    Plant {
        name: "time: a seed decides nothing",
        file: "core/src/time/retry/jitter.rs",
        was: "self.state = Some(seed);",
        now: "self.state = Some(any_seed() ^ seed);",
        test: Test::Core(
            "time::tests::retry::a_random_part_is_added_to_each_delay_and_a_seed_decides_it",
        ),
    },
    Plant {
        name: "time: a wait is long though what it waits for is there",
        file: "core/src/time/reports/impatient.rs",
        was: "        let polled = contain(|| this.future.poll(cx));",
        now: "        watch.was_long |= this.after.is_some_and(|wait| rt.now() >= after(begun, wait));\n        let polled = contain(|| this.future.poll(cx));",
        test: Test::Core(
            "time::tests::reports::what_is_there_when_the_time_is_up_was_no_long_wait",
        ),
    },
    Plant {
        name: "time: a panic of the sink passes",
        file: "core/src/time/reports/sink.rs",
        was: "        if let Err(payload) = result {\n",
        now: "        if let Err(payload) = result {\n            std::panic::resume_unwind(payload);\n            #[allow(unreachable_code)]\n            let payload: crate::region::contain::Payload = Box::new(());\n",
        test: Test::Core("time::tests::reports::a_panic_of_the_sink_goes_to_the_hook"),
    },
];
