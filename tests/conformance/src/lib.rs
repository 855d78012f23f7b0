//! The conformance suite of `anyrt`: what every runtime must do, as tests that run on any of them.
//!
//! Each case is one generic function. An adapter of your own is proven by one line for each way to
//! start it:
//!
//! ```
//! // tests/conformance.rs of your adapter; here it is the built-in one
//! use anyrt::backend::builtin::{Builtin, BuiltinRuntime};
//! use anyrt_conformance::{Caps, Erased, Harness, conformance};
//!
//! struct Mine;
//!
//! impl Harness for Mine {
//!     type Handle = Builtin;
//!     type Owner = BuiltinRuntime;
//!     const CAPS: Caps = Caps::OWNED;
//!     fn start() -> BuiltinRuntime {
//!         BuiltinRuntime::new()
//!     }
//!     fn handle(owner: &BuiltinRuntime) -> Builtin {
//!         owner.handle().clone()
//!     }
//! }
//!
//! conformance!(on_mine, Mine);
//! conformance!(on_any_mine, Erased<Mine>);
//! # fn main() {}
//! ```
//!
//! Asynchronous cases run twice: as the future of `block_on`, and called from a generic function
//! inside a spawned task, because some `Send` errors and some deadlocks show only there. A case that
//! a runtime cannot pass by its nature is left out by a capability that says so ([`Caps`]), and the
//! test then prints that it was.
//!
//! Nothing here sleeps to wait for something: cases wait for channels, and for a clock that is moved
//! by hand ([`ByHand`]). The cases of [`real_time`] are the exception, as their name says.

mod by_hand;
pub mod faults;
mod harness;

pub mod application;
pub mod block_on;
pub mod blocking;
pub mod bridge;
pub mod bridge_jobs;
pub mod cache;
pub mod cancel;
pub mod context;
pub mod coroutine;
pub mod current;
pub mod enter;
pub mod gather;
pub mod kill;
pub mod local;
pub mod map;
pub mod matrix;
pub mod nursery;
pub mod panics;
pub mod race;
pub mod real_time;
pub mod regions;
pub mod resource;
pub mod retry;
pub mod scope;
pub mod scope_errors;
pub mod scope_limits;
pub mod scope_stops;
pub mod shutdown;
pub mod stop_hooks;
pub mod task;
pub mod time;
pub mod timeout;
pub mod timers;
pub mod virtual_time;
pub mod wakers;
pub mod watched;

pub use by_hand::{ByHand, HandClock, HandSleep};
pub use harness::{Caps, Erased, Harness, InVirtualTime};

#[doc(hidden)]
pub mod __private {
    pub use crate::harness::{Case, run_async, run_sync};
    pub use anyrt_core::{Runtime, Task};
}

/// Runs the whole suite on a [`Harness`], as a module of tests.
///
/// `conformance!(on_mine, Mine);` makes `mod on_mine` with one test for each case.
#[macro_export]
macro_rules! conformance {
    ($name:ident, $harness:ty) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            type Harnessed = $harness;
            $crate::__cases! { __tests }
        }
    };
}

/// Runs the cases about [virtual time](mod@virtual_time) on a [`Harness`], as a module of tests.
///
/// Apart from [`conformance`], as they take the harness's owner, and so need not be run on
/// [`Erased`] once more.
#[macro_export]
macro_rules! virtual_time {
    ($name:ident, $harness:ty) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            type Harnessed = $harness;
            $crate::__tests! {
                sync virtual_time {
                    every_sleep_ends_at_its_nanosecond_and_all_in_order
                    what_is_sent_arrives_at_the_moment_it_is_sent
                    who_queues_for_a_lock_gets_it_when_it_is_free
                    a_blocking_job_takes_no_time
                    more_jobs_than_any_pool_has_threads_wait_for_each_other
                    a_job_that_drives_does_not_stop_the_time
                    a_job_that_drives_is_counted_again_before_time_moves
                    a_job_that_waits_for_a_plain_channel_lends_its_thread
                    a_task_that_yields_takes_no_time
                    a_task_that_does_much_at_once_takes_no_time
                    spawning_and_joining_takes_no_time
                    what_a_cancelled_task_drops_is_dropped_at_that_moment
                    what_waits_outside_stops_the_time
                    a_hold_stops_the_time
                    a_shield_ends_at_its_moment
                    a_clean_up_deadline_passes_at_its_moment
                    a_kill_takes_no_time
                    a_scope_ends_when_its_last_child_does
                    it_is_a_runtime_behind_the_erased_handle_too
                    a_sleep_is_moved_while_it_waits
                    a_sleep_that_is_kept_and_not_polled_stops_nothing
                    by_hand_it_goes_as_far_as_it_is_told
                    a_clock_starts_where_it_is_told
                    where_nothing_can_happen_the_report_says_who_waits
                    of_two_who_drive_the_inner_one_is_told_that_nothing_can_happen
                    a_clock_that_is_told_so_waits_for_what_is_outside
                    what_is_busy_for_ever_is_reported
                    a_sleep_outside_any_task_of_the_clock_panics_with_advice
                    tasks_run_while_nobody_drives
                    what_is_dropped_with_the_runtime_counts_no_more
                    two_clocks_do_not_know_each_other
                    a_storm_of_everything_ends_where_it_must
                    many_may_be_ready_at_one_moment
                }
            }
        }
    };
}

/// The list of all cases, given to the macro named.
#[doc(hidden)]
#[macro_export]
macro_rules! __cases {
    ($go:ident) => {
        $crate::$go! {
            async resource {
                a_use_is_released_before_it_gives_its_value
                a_task_that_is_stopped_releases_what_it_uses
                a_handle_that_is_dropped_during_an_acquisition_leaks_nothing
                a_release_learns_how_the_use_ended
            }
            async cache {
                a_hundred_who_ask_share_one_computation
                whoever_asked_first_may_go
                the_last_who_goes_waits_for_the_clean_ups_of_the_computation
                a_value_expires_on_the_clock_of_the_runtime
                many_tasks_on_few_keys_get_what_belongs_to_them
            }
            async task {
                joining_gives_the_value
                a_task_spawned_from_a_plain_thread_runs
                a_detached_task_runs_on
                spawn_detached_runs
                dropping_the_handle_cancels
                dropping_the_handle_at_once_drops_the_future
                finished_means_dropped
                finished_means_that_the_result_is_there
                the_first_poll_is_not_inside_the_spawn
                a_name_and_a_location_are_kept
                a_location_survives_erasure
                the_output_is_dropped_once_whoever_drops_it
                an_output_nobody_takes_is_dropped
                a_handle_may_be_dropped_inside_its_own_task
                a_handle_may_be_dropped_on_another_thread
                a_handle_may_be_dropped_while_unwinding
                a_destructor_may_spawn
                a_task_that_wakes_itself_does_not_starve_its_siblings
                many_tasks_are_joined
                tasks_spawn_tasks_a_thousand_deep
                handles_may_be_joined_in_any_order
                polling_a_handle_after_its_result_panics
            }
            async cancel {
                cancel_waits_for_the_drop
                a_cancel_is_asked_at_the_call
                dropping_the_wait_does_not_take_the_request_back
                a_cancel_after_the_end_gives_the_value
                a_cancel_during_the_final_poll_keeps_the_value
                a_task_cancelled_at_once_never_gets_past_its_first_suspension
                asking_twice_shows_the_first_reason
                a_task_may_cancel_itself
                two_threads_may_cancel_one_task
                a_cancelled_body_sees_its_runtime_while_it_is_dropped
                a_request_wakes_a_task_that_has_moved_to_another_waker
                cancelling_many_tasks_leaves_none
            }
            async panics {
                a_panic_is_a_value_with_its_payload
                a_panic_is_a_value_on_the_cancel_path
                a_detached_panic_is_contained_and_reported
                a_panic_whose_handle_is_dropped_is_reported
                a_panic_that_was_joined_is_not_reported
                a_destructor_panic_on_cancel_is_contained
                a_destructor_panic_after_a_value_is_a_panic
                a_destructor_panic_after_a_panic_is_kept_beside_it
                a_panicking_destructor_of_an_output_is_contained
                an_error_says_who_and_where
                resume_unwind_goes_on_with_the_payload
                errors_are_errors_everywhere
            }
            async wakers {
                a_wake_from_a_foreign_thread_works
                a_waker_may_outlive_its_task
                a_waker_is_dropped_with_its_task
                the_last_waker_of_a_joiner_is_the_one_that_is_woken
                a_joiner_whose_waker_panics_harms_nobody
                a_joiner_whose_waker_reenters_the_handle_is_fine
                a_pending_task_is_polled_only_when_it_is_woken
                a_burst_of_wakes_from_four_threads_loses_none
            }
            async time {
                now_does_not_go_back
                a_sleep_of_zero_is_ready_at_once
                a_deadline_that_has_passed_is_ready_at_once
                endless_sleeps_do_not_panic_and_do_not_end
                ten_thousand_sleeps_may_be_dropped
                a_clock_moved_by_hand_decides_when_a_sleep_ends
                sleeps_on_a_clock_moved_by_hand_end_in_order
                a_sleep_on_a_clock_moved_by_hand_is_reset
            }
            async timeout {
                a_value_that_is_there_is_given
                no_time_at_all_stops_what_suspends
                a_timeout_ends_at_its_deadline_and_cleans_up_first
                of_nested_timeouts_each_has_its_own_error
                a_request_is_no_timeout
                a_deadline_is_moved_from_another_task
                a_shield_may_make_it_late
            }
            async timers {
                an_interval_ticks_when_its_clock_says_so
                an_interval_that_is_late_follows_its_policy
                an_interval_that_is_reset_wakes_at_its_new_moment
                an_interval_of_zero_lets_other_tasks_run
                an_endless_interval_does_not_tick
                what_is_done_every_second_is_done_every_second
                the_previous_tick_is_cancelled_and_cleans_up_first
                a_tick_that_waits_for_room_starts_when_there_is
                a_busy_tick_lets_the_next_ones_out
                a_tick_that_fails_is_reported_and_the_next_comes
                a_handler_is_told_of_ticks_that_fail
                ticks_without_a_pause_come_to_their_end
                ticks_in_a_scope_stop_with_it
            }
            async retry {
                attempts_are_made_when_the_clock_says_so
                an_attempt_that_hangs_is_stopped_and_cleans_up
                stopped_between_two_attempts_it_ends_at_once
                what_is_stopped_from_outside_is_not_tried_again
                attempts_that_fail_at_once_let_other_tasks_run
                attempts_may_borrow
                a_delayer_sleeps_by_the_clock_of_its_runtime
                a_long_wait_is_reported_while_it_lasts
                a_poll_that_takes_long_is_reported
            }
            async bridge {
                a_thread_runs_a_function_while_it_is_awaited
                what_is_bound_crosses_in_both_directions
                the_innermost_async_code_is_in_the_outermost_task
                panics_cross_in_both_directions
                a_call_is_answered_while_the_task_awaits_something_else
                a_call_may_wait_for_a_task_that_calls_a_thread
                dropping_the_await_stops_the_call_and_refuses_the_next
                a_request_unwinds_the_call_before_the_body
                a_request_reaches_a_call_inside_out
                a_shielded_thread_is_not_stopped
                a_timeout_unwinds_the_call_before_the_body
                a_call_leaves_a_shield_with_its_await
                a_region_around_the_await_stops_the_call
                a_timeout_abandons_a_thread_and_the_next_has_another
                a_call_borrows_on_its_own_thread
                a_blocking_job_calls_a_task_of_its_own
                time_passes_in_a_call
                calls_nest_a_hundred_deep
                sync_code_waits_anywhere
                tasks_that_block_on_all_threads_at_once_go_on
                a_thread_has_a_runtime_of_its_own
                a_pool_with_a_limit_refuses_its_own_chain
                a_pool_with_a_limit_lets_others_wait_their_turn
                who_waits_for_itself_through_a_thread_is_told
            }
            async bridge_jobs {
                work_of_either_kind_is_awaited_and_blocked_on
                functions_are_made_async_and_blocking
                a_list_gives_all_values_in_order_and_is_done_again
                members_run_beside_each_other
                the_first_error_stops_the_others_and_nothing_is_left
                the_end_of_each_comes_whatever_fails
                what_is_done_in_order_stops_at_an_error
                lists_stand_in_each_other_a_thousand_deep
                lists_that_block_stand_in_each_other
                a_request_stops_a_list_and_waits_for_what_blocks
                a_background_job_is_awaited_and_knows_where_it_came_from
                a_background_job_that_times_out_keeps_no_place
                a_job_waits_for_one_in_the_background
                members_of_a_group_run_one_at_a_time
                the_baton_is_passed_on_at_calls_in_the_order_of_asking
                an_abandoned_member_gives_the_baton_up_at_its_next_call
            }
            async real_time {
                a_sleep_is_never_early
                a_sleep_made_on_another_thread_ends_here
                a_sleep_polled_on_another_thread_ends_there
                a_sleep_is_reset_later_and_earlier_and_after_its_end
                a_sleep_wakes_its_last_waker
                many_sleeps_end
                a_storm_of_resets_ends
                sleeps_far_apart_end_in_order
            }
            async blocking {
                a_job_gives_its_value
                a_panic_of_a_job_is_a_value
                a_job_runs_though_its_handle_is_dropped
                a_job_may_be_detached
                a_job_that_has_started_is_not_stopped
                a_job_knows_its_runtime
                a_job_may_spawn_and_block
                a_job_may_start_jobs
                a_full_pool_loses_no_job
            }
            async current {
                a_task_knows_its_runtime
                a_task_of_a_task_knows_its_runtime
                the_current_runtime_is_back_after_a_panic
                the_innermost_root_counts
                outside_regions_there_is_none
                erasing_twice_does_not_nest
                a_rooted_future_runs_in_place
                a_rooted_future_borrows
                a_panic_passes_through_a_rooted_future
                a_rooted_future_may_be_dropped_half_way
                polling_a_rooted_future_after_its_end_panics
                the_method_futures_are_send_in_generic_code
            }
            async enter {
                the_closure_is_called_once_and_its_value_returned
                a_panic_passes_through
                a_block_inside_a_poll_stops_no_other_task
                what_needs_the_runtimes_context_is_polled_on_a_foreign_thread
                nothing_is_made_to_yield_under_a_clock_moved_by_hand
            }
            async regions {
                a_shield_holds_a_request_back_to_its_end
                clean_ups_run_before_the_task_is_gone
                a_token_stops_what_runs_until_it
                a_thousand_tasks_stop_by_one_token
                an_inner_region_unwinds_before_what_is_around_it
                a_losing_arm_of_a_select_is_cleaned_up_by_its_task
                a_hole_in_a_mask_can_be_cancelled
                a_blocking_job_sees_that_it_was_asked_to_stop
                a_checkpoint_stops_a_body_that_never_waits
                a_root_in_place_waits_for_its_clean_ups
            }
            async context {
                a_scope_holds_across_suspensions_and_ends
                child_tasks_inherit
                a_task_spawned_where_nothing_is_bound_finds_nothing
                a_thousand_tasks_each_have_their_own
                a_blocking_job_inherits
                a_variable_that_is_not_inherited_stays_in_its_task
                clean_ups_have_what_was_bound_where_they_were_registered
                a_losing_arm_is_cleaned_up_in_its_own_context
                a_cancelled_body_sees_its_bindings_while_it_is_dropped
                a_future_moved_to_another_task_takes_its_scopes_along
                outside_regions_nothing_is_bound
                a_rooted_future_has_what_is_bound_where_it_is_polled
                a_panic_leaves_nothing_bound
                inherited_values_go_with_the_last_task
                the_scopes_are_send_in_generic_code
            }
            async map {
                an_error_says_where_the_map_was_called
                the_values_come_in_the_order_of_the_items
                nothing_and_a_limit_of_zero_are_fine
                the_items_are_asked_for_only_when_there_is_room
                the_first_error_stops_the_others_and_all_are_gone
                a_panic_of_one_goes_on_when_all_are_gone
                a_panic_of_the_closure_goes_on_when_all_are_gone
                a_request_stops_all_before_what_is_around
                dropped_half_way_it_is_drained_by_its_task
                a_stream_gives_each_value_when_it_is_there
                a_stream_ends_with_what_failed
                all_outcomes_come_in_the_order_of_the_futures
                the_first_to_end_come_first_and_the_unseen_are_stopped
                recursion_works_through_boxes
                the_first_task_to_end_wins_and_the_losers_are_gone
                a_race_is_lost_by_a_panic_that_is_first
                the_first_ok_of_tasks_comes_with_what_failed_before
                gathering_spawns_all_and_keeps_their_order
            }
            async local {
                children_borrow_and_use_the_runtime
                children_are_woken_by_threads_of_no_runtime
                children_spawned_from_another_task_run_in_the_scope
                a_scope_stops_inside_out_wherever_it_is
                a_shielded_child_holds_its_task_up
                a_child_that_panics_stops_its_siblings
                a_second_panic_is_a_failure_of_the_task
                the_first_error_cancels_the_rest
                a_lock_is_passed_on_while_the_body_waits
                a_child_that_never_rests_starves_nobody
                very_many_children_end
                very_many_children_are_cancelled
                scopes_stand_inside_each_other
            }
            async coroutine {
                what_is_started_runs_here_and_goes_on_in_a_task
                what_was_started_is_stopped_with_the_task_it_is_in
                a_panic_of_a_start_is_for_who_awaits_it
                what_is_ready_at_once_needs_no_turn
                an_eager_task_runs_to_its_first_suspension_before_the_caller_goes_on
                eager_tasks_are_found_as_themselves
                timers_that_begin_in_the_eager_part_fire
                a_timeout_of_the_eager_part_is_not_the_callers
                an_eager_task_is_cancelled_like_any_other
                an_eager_child_that_cancels_its_scope_ends
                an_eager_childs_first_outcome_is_for_who_spawned_it
                sync_code_drives_in_a_task_and_on_any_thread
                a_coroutine_is_run_in_one_task_and_then_in_another
                a_task_yields_to_the_coroutine_that_spawned_it
                a_coroutine_is_closed_with_its_clean_ups
                a_task_that_keeps_a_yielded_coroutine_is_cancelled
                a_generator_is_a_stream_here_and_an_iterator_there
                a_generator_that_is_dropped_half_way_is_cleaned_up_by_the_task
                an_item_that_was_given_up_comes_next
            }
            async gather {
                values_come_in_order_whoever_is_first
                an_error_comes_when_the_others_are_cleaned_up
                a_panic_of_an_arm_is_the_panic_of_its_task
                a_request_stops_the_arms_before_the_body_around_them
                ten_thousand_arms_are_woken_from_other_tasks
                ten_thousand_arms_end_by_one_request
                it_works_on_a_thread_of_no_runtime
                a_clean_up_that_borrows_is_not_stopped
            }
            async race {
                the_first_to_end_wins_and_the_loser_is_gone
                the_shields_and_clean_ups_of_losers_come_first
                a_loop_of_races_leaves_nothing
                a_race_of_many_tasks_ends_with_the_first
                a_request_during_a_race_gives_no_value
                the_first_ok_comes_with_the_errors_before_it
                a_seed_decides_ties_alike_everywhere
            }
            async kill {
                a_kill_ends_what_a_request_does_not
                a_kill_drops_the_body_before_the_result_is_there
                a_kill_reaches_children_below_shields_and_waits_for_them
                a_kill_waits_for_a_blocking_child_that_has_started
                a_scope_is_killed_by_its_handle
                a_clean_up_that_hangs_ends_with_its_deadline
                a_deadline_counts_from_the_end_of_the_body_where_nobody_asked
                children_are_killed_by_the_deadline_of_their_scope
                many_are_cancelled_and_waited_for
                who_is_left_after_the_grace_period_is_killed
                nothing_is_left_of_tasks_whose_handles_were_dropped
                tasks_that_drop_each_others_handles_end
                who_waits_for_itself_learns_of_it
                kills_and_requests_from_many_threads_agree
            }
            async scope {
                a_scope_gives_its_value_when_all_children_are_gone
                children_give_plain_values_and_the_scope_an_ok
                children_of_children_are_waited_for
                the_innermost_scope_is_found_from_deep_inside
                a_start_waits_for_the_word_of_the_child
                blocking_children_are_waited_for_and_told
                a_request_keeps_a_blocking_child_from_starting
                what_was_started_elsewhere_is_adopted
                what_is_protected_runs_on_when_its_handle_goes
                a_loop_learns_of_each_end_once
                waits_cancel_nobody_when_their_time_is_up
                another_thread_closes_a_scope
                a_handle_kept_after_the_end_refuses
                all_children_may_be_asked_to_stop_and_the_body_goes_on
                a_scope_runs_in_a_foreign_executor
                a_child_may_spawn_while_it_is_dropped
            }
            async scope_errors {
                the_first_error_stops_everybody_and_all_clean_ups_run_before
                who_learns_of_a_failure_finds_the_scope_asked
                collected_errors_disturb_nobody
                a_handler_decides
                a_handler_that_panics_harms_nobody
                a_long_lived_scope_reports_and_keeps_nothing
                errors_beyond_those_kept_go_to_the_hook
                leaving_the_body_stops_the_children_where_it_was_said
                a_panic_of_a_child_goes_on_where_the_scope_is_awaited
                a_panic_of_the_body_goes_on_when_the_children_are_gone
                destructors_that_panic_are_errors_too
            }
            async scope_limits {
                never_more_run_than_the_limit_says_and_they_start_in_order
                who_waits_for_its_turn_is_dropped_unrun_when_the_scope_stops
                recursion_under_a_limit_does_not_deadlock
                spawning_when_there_is_room_waits_for_it
                a_child_cancelled_in_the_queue_does_not_wait_for_its_turn
                a_deadline_stops_a_scope_and_lets_it_unwind
                a_value_that_is_there_beats_the_deadline
                a_token_stops_a_scope_shielded_or_not
                a_shielded_scope_ends_before_a_request_from_outside
                very_many_children_end
                a_thousand_scopes_inside_each_other_stop
                a_spawn_that_races_the_end_is_waited_for_or_refused
                a_scope_with_one_short_child_after_the_other_stays_small
            }
            async scope_stops {
                a_scope_that_loses_a_select_is_drained_by_its_task
                a_request_from_outside_ends_inside_out_and_gives_nothing
                a_lost_runtime_is_an_error_of_the_scope
                every_error_has_one_receiver_though_all_happens_at_once
                the_errors_of_a_scope_dropped_in_no_task_go_to_the_hook
            }
            async matrix {
                each_cell_of_the_policies_is_true
                each_row_of_the_outcomes_is_true
            }
            async watched {
                an_error_is_told_with_the_task_it_came_from
                a_panic_is_told
                it_is_told_when_all_of_the_task_is_gone
                without_a_handler_the_hook_is_told
                a_panic_of_the_handler_is_contained_and_nothing_is_lost
                who_ends_well_or_is_dropped_by_a_token_is_not_told
                a_value_that_panics_as_it_is_dropped_is_reported
            }
            async nursery {
                closing_waits_for_children_and_their_clean_ups
                closing_again_is_fine_and_closed_it_takes_nobody
                dropping_it_asks_the_children_to_stop
                a_failure_is_reported_at_once_and_disturbs_nobody
                a_handler_is_told_of_errors_of_all_types
                a_child_spawns_siblings_and_may_close_it
                very_many_short_children_leave_nothing
            }
            sync block_on {
                a_value_comes_back
                the_future_may_borrow_and_stay_on_its_thread
                a_panic_passes_through_and_the_runtime_works_on
                nested_in_itself_it_panics_with_advice
                nested_in_a_task_it_panics_with_advice
                nested_in_another_runtime_it_panics_with_advice
                it_is_allowed_in_a_blocking_job
                three_threads_may_block_at_once
                children_that_stay_on_its_thread_run_in_it
                there_is_no_current_runtime_before_and_after
                tasks_make_progress_without_it
                a_busy_task_does_not_block_who_cancels_it
            }
            sync stop_hooks {
                hooks_run_when_the_last_block_on_ends
                hooks_that_have_not_run_do_when_the_owner_ends
            }
            sync application {
                the_body_gives_its_value_when_the_tasks_are_cleaned_up
                a_stop_reaches_the_body_and_the_tasks_with_its_reason
                a_body_that_is_shielded_sees_the_token_and_gives_its_value
                a_panic_of_the_body_passes_when_the_tasks_are_gone
                who_does_not_end_in_time_is_named_and_given_up_on
                code_that_runs_elsewhere_finds_its_application
            }
            sync shutdown {
                a_task_that_is_waited_for_is_lost
                a_task_spawned_afterwards_is_lost
                a_blocking_job_afterwards_runs_or_is_lost
                every_future_is_dropped_once
                a_handle_does_not_keep_the_runtime_alive
                a_handle_dropped_afterwards_is_fine
                dropping_the_owner_inside_async_code_is_fine
                dropping_the_owner_on_its_own_thread_is_fine
                a_body_may_spawn_while_it_is_dropped
                wakes_from_other_threads_during_the_end_are_fine
                two_runtimes_of_one_kind_live_side_by_side
                the_report_is_clean
                a_started_job_is_not_lost
            }
        }
    };
}

/// Makes, for each asynchronous case, a generic function that calls it inside a spawned task.
#[doc(hidden)]
#[macro_export]
macro_rules! __in_tasks {
    ($(async $module:ident { $($case:ident)* })* $(sync $sync:ident { $($_case:ident)* })*) => {
        /// The asynchronous cases, each inside a spawned task of a runtime that is not known.
        #[doc(hidden)]
        pub mod in_task {
            $(
                #[allow(missing_docs)]
                pub mod $module {
                    use $crate::{Harness, __private::{Case, Runtime as _, Task}};
                    $(
                        pub fn $case<H: Harness>(rt: H::Handle) -> Task<()> {
                            let case: Case = Box::pin($crate::$module::$case::<H>(rt.clone()));
                            rt.spawn(case)
                        }
                    )*
                }
            )*
        }
    };
}

__cases! { __in_tasks }

/// Makes one test for each case.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($(async $module:ident { $($case:ident)* })* $(sync $sync:ident { $($sync_case:ident)* })*) => {
        $(
            mod $module {
                $(
                    #[test]
                    fn $case() {
                        $crate::__private::run_async::<super::Harnessed>(
                            concat!(stringify!($module), "::", stringify!($case)),
                            |rt| Box::pin($crate::$module::$case::<super::Harnessed>(rt)),
                            $crate::in_task::$module::$case::<super::Harnessed>,
                        );
                    }
                )*
            }
        )*
        $(
            mod $sync {
                $(
                    #[test]
                    fn $sync_case() {
                        $crate::__private::run_sync::<super::Harnessed>(
                            concat!(stringify!($sync), "::", stringify!($sync_case)),
                            $crate::$sync::$sync_case::<super::Harnessed>,
                        );
                    }
                )*
            }
        )*
    };
}
