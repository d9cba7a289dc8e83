"""Tokens are refreshed before they run out, by sweeps over the rows that are due."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import F
from django.db.models.functions import Now

from miniprograms import tasks
from miniprograms.models import HISTORY_SIZE, Authorizer
from miniprograms.services.reconciling import is_recovery_needed, reconcile_if_needed
from miniprograms.services.refresh_batches import lease_due
from miniprograms.services.refreshing import SWEEP_BATCH, sweep
from miniprograms.tokens import authorizer_token
from platform_auth.fields import seal
from platform_auth.models import UTC_PLUS_8, Component, Heartbeat
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.accounts import end_leases, make_due, make_due_account, make_due_accounts, row_of
from tests.processes import environment, served
from tests.threads import in_a_thread, together

REFRESH = "/cgi-bin/component/api_authorizer_token"
INFO = "/cgi-bin/component/api_get_authorizer_info"
LIST = "/cgi-bin/component/api_get_authorizer_list"
COMPONENT_TOKEN = "/cgi-bin/component/api_component_token"

State = Authorizer.State

# The sweep works in threads of its own.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket"),
    pytest.mark.both_databases("a round is taken and saved by SQL of our own"),
]


def test_what_is_due_is_refreshed_and_nothing_else(wechat: WeChat, component: Component) -> None:
    due = make_due_account(wechat, component)
    fresh = make_due_account(wechat, component)
    Authorizer.objects.filter(pk=fresh.pk).update(due_at=Now() + timedelta(hours=1))
    assert sweep() == 1
    assert sweep() == 0
    assert (wechat.count(REFRESH, due.appid), wechat.count(REFRESH, fresh.appid)) == (1, 0)
    row = row_of(due)
    granted = wechat.authorization(due.appid)
    assert granted
    assert row.access_token == granted.tokens[-1].value
    assert (row.refreshes, row.lease_until, row.state) == (1, None, State.BOUND)
    assert row.due_at
    assert 0.5 * 7200 - 60 < (row.due_at - row.now).total_seconds() < 0.6 * 7200


def test_rounds_follow_each_other_until_nothing_is_due(
    wechat: WeChat, component: Component
) -> None:
    number = 2 * SWEEP_BATCH + 10
    make_due_accounts(wechat, component, number)
    assert sweep() == number
    assert wechat.count(REFRESH) == number
    assert wechat.count(COMPONENT_TOKEN) == 1
    tokens = {row.access_token for row in Authorizer.objects.all()}
    assert len(tokens) == number


def test_the_longest_due_go_first(wechat: WeChat, component: Component) -> None:
    rows = make_due_accounts(wechat, component, 6)
    for minutes, row in enumerate(rows):
        earlier = Now() - timedelta(minutes=minutes)
        Authorizer.objects.filter(pk=row.pk).update(due_at=earlier)
    assert {row.pk for row in lease_due(2)} == {rows[5].pk, rows[4].pk}
    assert {row.pk for row in lease_due(2)} == {rows[3].pk, rows[2].pk}


def test_sweepers_and_callers_at_once_never_ask_twice(wechat: WeChat, component: Component) -> None:
    rows = make_due_accounts(wechat, component, 40)
    wechat.fault(REFRESH, times=None, delay=0.3)

    callers: list[Callable[[], object]] = [
        partial(authorizer_token, row.appid) for row in rows[::4]
    ]
    outcomes = together([sweep, sweep, sweep, *callers])
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert wechat.count(REFRESH) == 40
    assert {row.refreshes for row in Authorizer.objects.all()} == {1}


@pytest.mark.parametrize("rotate", ["never", "on_reauth", "always"])
def test_whatever_refresh_token_comes_back_is_kept(
    wechat: WeChat, component: Component, rotate: str
) -> None:
    wechat.rotate = rotate
    rows = make_due_accounts(wechat, component, 5)
    received = {row.appid: [row.refresh_token] for row in rows}
    for _ in range(HISTORY_SIZE + 2):
        assert sweep() == 5
        make_due()
        for row in rows:
            present = row_of(row).refresh_token
            if received[row.appid][0] != present:
                received[row.appid].insert(0, present)
    for row in map(row_of, rows):
        granted = wechat.authorization(row.appid)
        assert granted
        assert row.refresh_token == granted.refresh_token
        kept = [row.refresh_token, *row.older_refresh_tokens]
        assert kept == received[row.appid][: 1 + HISTORY_SIZE]
    assert wechat.count(REFRESH, effect=False) == 0


@pytest.mark.parametrize("value", ["", None, 3])
def test_an_answer_without_a_refresh_token_leaves_ours(
    wechat: WeChat, component: Component, value: Any
) -> None:
    row = make_due_account(wechat, component)
    wechat.fault(REFRESH, change={"authorizer_refresh_token": value})
    sweep()
    assert row_of(row).access_token
    assert row_of(row).refresh_token == row.refresh_token


def test_an_invalid_refresh_token_sends_to_the_history(
    wechat: WeChat, component: Component
) -> None:
    row = make_due_account(wechat, component)
    secrets = {"refresh_token": "wrong", "refresh_token_history": f"old {row.refresh_token}"}
    Authorizer.objects.update(**seal(Authorizer, row.appid, **secrets))
    sweep()
    found = row_of(row)
    assert (found.state, found.refresh_token) == (State.BOUND, row.refresh_token)
    assert found.access_token
    assert wechat.count(LIST) == 0


def test_what_the_history_does_not_know_the_list_does(wechat: WeChat, component: Component) -> None:
    rows = make_due_accounts(wechat, component, 3)
    for row in rows:
        lost = seal(Authorizer, row.appid, refresh_token="wrong")
        Authorizer.objects.filter(pk=row.pk).update(**lost)
    assert sweep() == 3
    assert [row_of(row).state for row in rows] == [State.NEEDS_RECOVERY] * 3
    assert is_recovery_needed(component)
    assert sweep() == 0
    report = reconcile_if_needed(component)
    assert report
    assert sorted(report.recovered) == sorted(row.appid for row in rows)
    assert wechat.count(LIST) == 1
    sweep()
    for row in rows:
        assert row_of(row).state == State.BOUND
        assert row_of(row).refresh_token == row.refresh_token


def test_a_whole_round_that_fails_has_connections_enough(
    wechat: WeChat, component: Component
) -> None:
    make_due_accounts(wechat, component, SWEEP_BATCH)
    wechat.fault(REFRESH, times=None, errcode=61023)
    assert sweep() == SWEEP_BATCH
    assert Authorizer.objects.filter(state=State.NEEDS_RECOVERY, due_at=None).count() == SWEEP_BATCH
    assert not Authorizer.objects.exclude(lease_until=None).exists()


def test_whom_the_list_does_not_help_needs_the_owner_and_is_asked_about_no_more(
    wechat: WeChat, component: Component
) -> None:
    row = make_due_account(wechat, component)
    wechat.fault(REFRESH, times=None, errcode=61023)
    sweep()
    report = reconcile_if_needed(component)
    assert report
    assert (report.recovered, report.given_up) == ([], 1)
    assert row_of(row).state == State.NEEDS_REAUTHORIZATION
    assert row_of(row).refresh_token == row.refresh_token
    calls = wechat.count(REFRESH)
    make_due()
    assert sweep() == 0
    assert wechat.count(REFRESH) == calls


def test_a_cancelled_account_is_confirmed_then_unbound(
    wechat: WeChat, component: Component
) -> None:
    row = make_due_account(wechat, component, access_token="old", expires=1)
    wechat.cancel(row.appid)
    sweep()
    found = row_of(row)
    assert found.state == State.UNBOUND
    assert (found.access_token, found.refresh_token, found.expires) == ("", "", 0)
    assert found.due_at is None
    assert wechat.count(INFO, row.appid) == 1
    calls = wechat.count()
    assert sweep() == 0
    assert wechat.count() == calls


def test_one_61003_that_is_contradicted_unbinds_nobody(
    wechat: WeChat, component: Component
) -> None:
    row = make_due_account(wechat, component)
    wechat.fault(REFRESH, times=2, errcode=61003)
    sweep()
    found = row_of(row)
    assert (found.state, found.refresh_token) == (State.BOUND, row.refresh_token)
    assert found.last_error
    make_due()
    sweep()
    assert row_of(row).access_token


def test_a_used_up_day_waits_for_midnight_in_beijing(wechat: WeChat, component: Component) -> None:
    row = make_due_account(wechat, component)
    wechat.fault(REFRESH, times=None, errcode=45009)
    sweep()
    due = row_of(row).due_at
    assert due
    # SQLite's clock has milliseconds only, so it may be a little before.
    local: datetime = due.astimezone(UTC_PLUS_8) + timedelta(seconds=1)
    assert (local.hour, local.minute) == (0, 5)
    assert timedelta(0) < due - row_of(row).now <= timedelta(hours=24, minutes=5)
    assert sweep() == 0


def test_a_used_up_minute_waits_for_a_minute(wechat: WeChat, component: Component) -> None:
    row = make_due_account(wechat, component)
    wechat.fault(REFRESH, times=None, errcode=45011)
    sweep()
    found = row_of(row)
    assert found.due_at
    assert 30 < (found.due_at - found.now).total_seconds() <= 60


@pytest.mark.parametrize(
    "trouble", [{"drop": "before"}, {"drop": "after"}, {"status": 503}, {"body": b"<html>"}]
)
def test_wechat_is_down_and_comes_back(
    wechat: WeChat, component: Component, trouble: dict[str, Any]
) -> None:
    rows = make_due_accounts(wechat, component, 10)
    wechat.rotate = "always"
    wechat.fault(REFRESH, times=None, **trouble)
    assert sweep() == 10
    assert wechat.count(REFRESH) == 10
    assert sweep() == 0
    wechat.clear_faults()
    make_due()
    # Whose answer was lost has a new refresh token in WeChat, which the list tells.
    sweep()
    reconcile_if_needed(component)
    sweep()
    for row in map(row_of, rows):
        granted = wechat.authorization(row.appid)
        assert granted
        assert (row.state, row.failures) == (State.BOUND, 0)
        assert row.refresh_token == granted.refresh_token
        assert row.access_token == granted.tokens[-1].value


def test_without_a_component_token_the_rows_wait_untouched(
    wechat: WeChat, component: Component
) -> None:
    row = make_due_account(wechat, component)
    wechat.fault(COMPONENT_TOKEN, times=None, errcode=61006)
    assert sweep() == 0
    assert row_of(row).failures == 0
    wechat.clear_faults()
    Component.objects.update(due_at=Now())
    assert sweep() == 1
    assert row_of(row).access_token


def test_a_component_token_that_is_turned_down_is_refreshed_once_for_the_whole_round(
    wechat: WeChat, component: Component
) -> None:
    make_due_accounts(wechat, component, 30)
    sweep()
    wechat.component.tokens[-1].dies_at = 0
    make_due()
    sweep()
    assert {row.refreshes for row in Authorizer.objects.all()} == {2}
    assert wechat.count(COMPONENT_TOKEN) == 2


def test_a_row_that_cannot_be_read_is_recovered_and_stops_nobody(
    wechat: WeChat, component: Component
) -> None:
    rows = make_due_accounts(wechat, component, 4)
    broken = rows[1]
    theirs = row_of(rows[2]).__dict__["refresh_token"]
    values = {"refresh_token": theirs, "refresh_token_history": theirs, "access_token": theirs}
    Authorizer.objects.filter(pk=broken.pk).update(**values, expires=2**40)
    sweep()
    states = [row_of(row).state for row in rows]
    assert states == [State.BOUND, State.NEEDS_RECOVERY, State.BOUND, State.BOUND]
    reconcile_if_needed(component)
    sweep()
    found = row_of(broken)
    assert (found.state, found.refresh_token) == (State.BOUND, broken.refresh_token)
    assert found.older_refresh_tokens == []
    assert found.access_token


def test_a_component_that_cannot_be_read_stops_its_own_accounts_only(
    wechat: WeChat, component: Component
) -> None:
    broken = Component.objects.create(appid="wx1111111111111111", due_at=component.created_at)
    Component.objects.filter(pk=broken.pk).update(
        ticket_created=1, **seal(Component, "another", app_secret="x", verify_ticket="x")
    )
    waiting = make_due_account(wechat, broken)
    row = make_due_account(wechat, component)
    assert sweep() == 1
    assert row_of(row).access_token
    assert (row_of(waiting).failures, row_of(waiting).access_token) == (0, "")


def test_a_sweeper_that_was_overtaken_writes_nothing_but_keeps_what_it_got(
    wechat: WeChat, component: Component
) -> None:
    wechat.rotate = "always"
    row = make_due_account(wechat, component)
    answer = Event()
    fault = wechat.fault(REFRESH, until=answer)
    late = in_a_thread(sweep)
    assert fault.arrived.wait(10)
    granted = wechat.authorization(row.appid)
    assert granted
    received = granted.refresh_token
    end_leases()
    newest = authorizer_token(row.appid)
    answer.set()
    assert late.result() == 1
    found = row_of(row)
    assert (found.access_token, found.refresh_token) == (newest, granted.refresh_token)
    assert received in found.older_refresh_tokens


def test_what_a_sweeper_that_was_overtaken_got_survives_an_error_of_the_database(
    wechat: WeChat, component: Component
) -> None:
    wechat.rotate = "always"
    row = make_due_account(wechat, component)
    answer = Event()
    fault = wechat.fault(REFRESH, until=answer)
    failed: list[str] = []

    def fail_once(execute: Any, sql: str, *args: Any) -> Any:
        if '"refresh_token_history" = ' in sql and not failed:
            failed.append(sql)
            raise OperationalError("deadlock detected")
        return execute(sql, *args)

    def sweep_troubled() -> int:
        with connection.execute_wrapper(fail_once):
            return sweep()

    late = in_a_thread(sweep_troubled)
    assert fault.arrived.wait(10)
    granted = wechat.authorization(row.appid)
    assert granted
    received = granted.refresh_token
    end_leases()
    authorizer_token(row.appid)
    answer.set()
    assert late.result() == 1
    assert failed
    assert received in row_of(row).older_refresh_tokens


def test_an_account_cancelled_while_it_is_asked_about_stays_unbound(
    wechat: WeChat, component: Component, deliver: Deliver
) -> None:
    wechat.rotate = "always"
    row = make_due_account(wechat, component)
    answer = Event()
    fault = wechat.fault(REFRESH, until=answer)
    sweeper = in_a_thread(sweep)
    assert fault.arrived.wait(10)
    wechat.cancel(row.appid)
    Authorizer.objects.update(auth_time=F("auth_time") - 1)  # a second has passed
    wechat.deliver_all(deliver)
    answer.set()
    sweeper.result()
    found = row_of(row)
    assert (found.state, found.access_token, found.refresh_token) == (State.UNBOUND, "", "")
    assert (found.older_refresh_tokens, found.due_at) == ([], None)


def test_a_sweeper_killed_with_the_answer_in_its_hands_loses_nothing(
    wechat: WeChat, component: Component, tmp_path: Path
) -> None:
    wechat.rotate = "always"
    rows = make_due_accounts(wechat, component, 20)
    fault = wechat.fault(REFRESH, times=None, delay=30)
    with served(wechat):
        code = "import django; django.setup(); from miniprograms.services.refreshing import sweep"
        killed = subprocess.Popen(
            [sys.executable, "-c", f"{code}; sweep()"],
            cwd=settings.ROOT,
            env=environment(wechat, tmp_path),
        )
        try:
            assert fault.arrived.wait(30)
            while wechat.count(REFRESH) < 20:
                assert killed.poll() is None
        finally:
            killed.kill()
            killed.wait()
    wechat.clear_faults()
    assert sweep() == 0  # its leases still hold
    end_leases()
    tasks.refresh_tokens()
    tasks.reconcile()
    tasks.refresh_tokens()
    for row in map(row_of, rows):
        granted = wechat.authorization(row.appid)
        assert granted
        assert (row.state, row.refresh_token) == (State.BOUND, granted.refresh_token)
        assert row.access_token == granted.tokens[-1].value


def test_the_job_leaves_its_mark(component: Component) -> None:
    tasks.refresh_tokens()
    assert Heartbeat.objects.filter(pk="refresh_tokens").exists()


def test_a_thousand_rows(wechat: WeChat, component: Component) -> None:
    make_due_accounts(wechat, component, 1000)
    assert sweep() == 1000
    assert not Authorizer.objects.exclude(refreshes=1).exists()
