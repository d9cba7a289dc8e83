"""
Which tests show which row of docs/failures.md, each through the door that a user or WeChat would
use. Rows that real processes must show are drilled besides; see `drills.py`.
"""

TESTS: dict[str, tuple[str, ...]] = {
    # Tickets and the component token
    "F1": ("push_inbox::copies_at_the_same_moment_have_one_effect",),
    "F2": (
        "tickets::the_newest_wins_in_whatever_order_they_come",
        "tickets::an_older_ticket_is_ignored_and_says_so",
    ),
    "F3": ("tickets::a_ticket_far_from_the_future_would_lock_later_ones_out",),
    "F4": (
        "tickets::after_25_minutes_wechat_is_asked_to_push_again",
        "tickets::it_is_asked_at_most_once_in_ten_minutes",
        "tickets::meanwhile_the_last_ticket_goes_on_working",
        "health::not_ready_once_the_ticket_has_run_out",
    ),
    "F5": (
        "tickets::the_previous_ticket_is_tried_once",
        "tickets::when_no_ticket_works_wechat_is_left_alone_for_a_minute",
    ),
    "F6": ("push_doors_answers::what_wechat_sealed_for_another_is_refused_alike",),
    "F74": ("register_component::a_changed_app_secret_is_tried_at_once",),
    # Tokens of accounts
    "F7": (
        "authorizer_token::forty_threads_refresh_once",
        "single_flight_processes::all_in_turn_is_one_call_each",
    ),
    "F8": (
        "authorizer_token::a_late_holder_overwrites_nothing_and_what_it_got_is_kept",
        "refresh_sweep::a_sweeper_that_was_overtaken_writes_nothing_but_keeps_what_it_got",
    ),
    "F9": ("refresh_sweep::a_sweeper_killed_with_the_answer_in_its_hands_loses_nothing",),
    "F10": (
        "authorizer_token::an_answer_without_a_refresh_token_leaves_ours",
        "refresh_sweep::an_answer_without_a_refresh_token_leaves_ours",
    ),
    "F11": ("authorizer_token::connections_that_are_killed_while_wechat_is_asked_lose_no_token",),
    "F12": (
        "authorizer_token::a_call_turned_down_once_is_repeated_with_a_new_token",
        "authorizer_token::a_call_turned_down_for_ever_is_made_twice",
    ),
    "F13": (
        "authorizer_token::an_invalid_refresh_token_is_looked_for_in_the_history_then_in_the_list",
        "refresh_sweep::whom_the_list_does_not_help_needs_the_owner_and_is_asked_about_no_more",
    ),
    "F14": (
        "refresh_sweep::a_cancelled_account_is_confirmed_then_unbound",
        "refresh_sweep::one_61003_that_is_contradicted_unbinds_nobody",
    ),
    "F15": (
        "wechat_http_repeats::what_may_be_repeated_is_asked_up_to_three_times",
        "wechat_http_repeats::a_code_is_traded_once_whatever_happens",
    ),
    "F16": (
        "refresh_sweep::a_used_up_day_waits_for_midnight_in_beijing",
        "refresh_sweep::a_used_up_minute_waits_for_a_minute",
    ),
    "F17": (
        "wechat_http_network::an_answer_that_does_not_end_is_given_up",
        "wechat_http_network::an_answer_too_large_is_not_read_to_its_end",
    ),
    "F18": (
        "wechat_http_answers::what_is_no_answer_is_a_bad_answer",
        "wechat_http_answers::what_has_a_wrong_head_is_a_bad_answer",
    ),
    "F19": (
        "wechat_http_answers::a_life_is_taken_as_given_if_it_is_sensible",
        "component_token::an_odd_life_is_taken_as_a_minute",
    ),
    "F20": ("authorizer_token::a_token_that_runs_out_in_the_middle_of_many_calls_fails_none",),
    "F21": (
        "authorizer_token::a_reauthorisation_kills_the_old_token_and_twenty_calls_refresh_once",
    ),
    "F22": (
        "component_token::a_host_whose_clock_is_wrong_uses_no_dead_token_and_wastes_no_live_one",
        "wechat_http_answers::a_clock_that_is_wrong_is_told",
    ),
    "F23": ("refresh_sweep::sweepers_and_callers_at_once_never_ask_twice",),
    "F120": (
        "field_answers::a_verdict_whose_reason_has_odd_characters_decides",
        "wechat_prose::what_is_acted_on_is_never_mended",
    ),
    "F121": (
        "reconcile::an_odd_row_costs_itself_alone",
        "reconcile::while_a_row_is_odd_nobody_is_given_up",
    ),
    "F122": (
        "field_answers::a_screenshot_is_a_picture_whatever_it_is_called",
        "field_answers::a_refusal_is_no_picture_whatever_it_is_called",
    ),
    "F123": ("field_answers::staff_see_which_address_to_enter_where",),
    "F124": (
        "field_answers::an_older_refresh_token_is_tried_at_once",
        "field_answers::without_a_refresh_token_every_page_asks_for_the_owner_at_once",
    ),
    # Binding
    "F24": (
        "portal_binding::a_return_that_is_reloaded_trades_once_and_shows_the_same",
        "binding_race::a_return_five_times_at_once_trades_once",
    ),
    "F25": ("binding_race::the_return_and_the_push_race",),
    "F26": ("binding_trade::the_push_alone_binds",),
    "F27": ("binding_trade::a_return_binds",),
    "F28": ("binding_trade::without_return_and_push_the_list_parks_it_for_staff",),
    "F29": (
        "binding_trade::a_process_that_died_after_the_trade",
        "binding_trade::a_process_that_died_before_the_trade",
    ),
    "F30": ("binding_trade::tokens_are_kept_though_the_profile_fails",),
    "F31": ("unauthorized::whatever_a_sweep_is_doing_a_cancelled_account_ends_unbound",),
    "F32": (
        "unauthorized::a_cancellation_older_than_the_authorisation_is_ignored",
        "unauthorized::one_that_is_newer_is_believed_without_asking",
    ),
    "F33": (
        "unauthorized::in_doubt_the_answer_is_there_within_thirty_seconds",
        "unauthorized::cancelled_and_authorised_in_one_second_ends_as_wechat_has_it",
    ),
    "F34": ("binding_again::fewer_permission_sets",),
    "F35": ("binding_parked::an_account_of_another_merchant_stays_theirs_and_alive",),
    "F36": ("binding_parked::of_two_merchants_at_once_one_is_bound_and_the_other_parked",),
    "F37": ("portal_binding::an_expired_code_gets_a_friendly_page_with_a_new_button",),
    "F80": (
        "profiles::a_new_name_is_seen_at_once",
        "profiles::a_punishment_is_seen_at_once",
        "profiles::a_state_without_a_push_is_seen_within_a_day",
    ),
    "F125": ("profiles::a_kind_of_its_own", "profiles::without_any_sets_it_is_unknown"),
    # Pushes
    "F38": (
        "push_doors_without_database::without_a_database_a_push_is_to_be_sent_again",
        "push_doors_without_database::the_same_push_is_kept_once_the_database_is_back",
    ),
    "F39": ("push_doors_without_database::connections_that_the_server_ends_are_replaced",),
    "F40": ("single_flight_processes::a_slice_each_is_one_call_each_and_no_connection_is_held",),
    "F41": ("worker::a_broker_that_is_down_costs_nothing_and_is_counted",),
    "F42": ("worker::a_broker_that_says_nothing_costs_nothing_and_is_counted",),
    "F44": ("worker::a_bell_that_was_not_heard_is_made_up_for_by_the_sweep",),
    "F45": (
        "push_inbox::a_failing_push_is_tried_five_times_in_longer_and_longer_pauses",
        "push_inbox::a_handler_that_kills_its_process_is_counted_and_tried_again",
    ),
    "F46": (
        "forward_troubles::one_user_who_writes_a_lot_does_not_hide_the_others",
        "forward_troubles::a_slow_target_holds_up_nobody",
    ),
    "F47": ("push_doors_answers::whatever_is_wrong_the_answer_is_the_same_at_both_doors",),
    "F49": (
        "push_keys::any_of_the_old_and_new_is_good",
        "auto_replies::it_is_sealed_with_the_key_that_opened_the_push",
    ),
    "F50": ("push_keys::a_trial_of_the_url_is_good_with_either_token",),
    "F51": (
        "push_inbox::an_unknown_kind_is_kept_and_ignored",
        "push_inbox::a_push_without_a_kind_is_kept_and_ignored",
    ),
    "F52": (
        "auto_replies::a_late_answer_goes_out_as_a_message",
        "auto_replies::a_late_answer_and_wechats_repeat_say_it_once",
    ),
    "F53": (
        "silence::pushes_that_stop_are_noticed_within_two_minutes",
        "silence::what_was_missed_is_asked_for_once_they_are_back",
    ),
    # Workers and deployment
    "F54": ("worker::a_worker_killed_in_the_middle_of_a_sweep_loses_nothing",),
    "F57": ("worker::a_task_that_comes_days_too_late_does_nothing",),
    "F59": ("worker::every_task_twice_at_once_has_the_effect_of_one",),
    "F86": (
        "wake_ups::of_each_kind_one_message_waits_whoever_published_it",
        "wake_ups::what_nobody_takes_is_bounded",
    ),
    "F88": ("wake_ups::a_worker_whose_clock_is_ahead_throws_nothing_away",),
    "F89": ("wake_ups::without_beat_the_worker_sends_what_is_overdue",),
    # Code
    "F62": (
        "submit_audit::lost_after_the_effect_it_is_found",
        "submit_audit::lost_before_the_effect_two_looks_30_seconds_apart_allow_another",
        "submit_audit::what_a_dead_process_left_behind_is_settled",
    ),
    "F63": ("campaigns::while_the_code_is_checked_only_the_submission_is_tried_again",),
    "F64": (
        "release::twenty_clicks_are_one_call",
        "admin_code_races::twenty_clicks_at_once_are_one_release",
    ),
    "F65": (
        "release::another_than_the_one_that_was_seen_is_refused",
        "release::a_version_approved_meanwhile_is_refused",
        "release::a_mismatch_is_shouted",
    ),
    "F66": ("verdicts::a_push_before_the_auditid_is_known",),
    "F67": (
        "verdicts::a_lost_push_is_made_up_for",
        "verdicts::open_audits_are_asked_about_every_10_to_30_minutes",
    ),
    "F68": ("withdraw_and_speed_up::a_quota_that_is_used_up_is_asked_once",),
    "F69": ("campaign_drill::killed_workers_and_lost_answers_cost_nothing_and_do_nothing_twice",),
    # Data
    "F70": (
        "rotate_field_keys::every_secret_of_every_model_moves_to_the_new_key",
        "rotate_field_keys::a_token_written_meanwhile_is_not_overwritten",
    ),
    "F71": (
        "refresh_sweep::a_row_that_cannot_be_read_is_recovered_and_stops_nobody",
        "secret_fields::a_ciphertext_moved_to_another_row_does_not_open",
    ),
    "F72": (
        "reconcile::an_emptied_table_of_tokens_is_whole_again_after_one_pass_and_a_sweep",
    ),
    "F73": (
        "reconcile::absence_deletes_nothing",
        "reconcile::an_empty_list_deletes_nothing",
        "reconcile::a_wrong_total_ends_all_the_same",
    ),
    "F75": (
        "wechat_http_network::a_closed_port_means_that_nothing_was_sent",
        "wechat_http_network::a_certificate_nobody_knows_means_that_nothing_was_sent",
        "wechat_http_network::a_resolver_that_hangs_means_that_nothing_was_sent",
    ),
    # What the field brings
    "F76": (
        "field_pushes::a_character_that_xml_forbids",
        "field_pushes::a_message_of_any_content_is_kept_once",
    ),
    "F77": ("field_pushes::events_of_one_second_are_told_apart_by_all_they_say",),
    "F79": ("field_pushes::refusals_are_counted_by_reason",),
    "F83": (
        "field_pushes::what_comes_for_an_unclaimed_account_is_kept_until_it_is_assigned",
    ),
}  # fmt: skip

# Of tests that take long, a few repetitions say as much as time allows.
SLOW = {
    "campaign_drill": 3,
    "single_flight_processes": 5,
    "worker": 5,
    "wake_ups": 5,
    "forward_troubles": 5,
    "binding_race": 3,
    "field_pushes": 5,
}


def node_of(test: str) -> str:
    """Its address for pytest."""
    module, name = test.split("::")
    return f"tests/test_{module}.py::test_{name}"
