"""An authorizer's token is reused, refreshed in good time, and asked for by one at a time."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from miniprograms.models import HISTORY_SIZE, Authorizer
from miniprograms.services.refreshing import refresh_now
from miniprograms.services.unbinding import unbind_locally
from miniprograms.tokens import authorizer_token, call_as
from platform_auth.fields import seal
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.threads import Waiting, in_a_thread, together
from wechat.component import get_authorizer_option
from wechat.errors import (
    BackingOff,
    NotAuthorized,
    NotReady,
    RefreshTokenInvalid,
    Refused,
    TokenExpired,
    WeChatError,
)

REFRESH = "/cgi-bin/component/api_authorizer_token"
INFO = "/cgi-bin/component/api_get_authorizer_info"
LIST = "/cgi-bin/component/api_get_authorizer_list"
COMPONENT_TOKEN = "/cgi-bin/component/api_component_token"
OPTION = "/cgi-bin/component/get_authorizer_option"

State = Authorizer.State

pytestmark = pytest.mark.django_db
with_threads = pytest.mark.django_db(transaction=True)


def row_of(authorizer: Authorizer) -> Authorizer:
    row: Authorizer = Authorizer.objects.with_clock().get(pk=authorizer.pk)
    return row


def make_due(**also: object) -> None:
    Authorizer.objects.update(due_at=Now(), **also)


def get_option(token: str) -> str:
    return get_authorizer_option(token, "voice_recognize")


def test_the_token_that_came_with_the_binding_is_used(wechat: WeChat, bound: Bound) -> None:
    account = bound()
    assert {authorizer_token(account.appid) for _ in range(5)} == {account.access_token}
    assert wechat.count(REFRESH) == 0


def test_nobody_asks_for_an_account_that_is_unknown_or_unbound(
    wechat: WeChat, bound: Bound, merchant: User
) -> None:
    account = bound()
    unbind_locally(account, by=merchant)
    calls = wechat.count()
    for appid in (account.appid, "wxffffffffffffffff"):
        with pytest.raises(NotReady):
            authorizer_token(appid)
    assert wechat.count() == calls


@pytest.mark.parametrize("life", [1, 2, 5, 7200])
def test_it_is_due_between_half_and_six_tenths_of_its_life(
    wechat: WeChat, bound: Bound, life: int
) -> None:
    account = bound()
    make_due()
    wechat.next_token_life = life
    authorizer_token(account.appid)
    row = row_of(account)
    assert row.due_at
    asked_at = row.expires - life  # cut to the second
    assert life * 0.5 <= row.due_at.timestamp() - asked_at < life * 0.6 + 1


def test_a_refresh_changes_what_it_should(wechat: WeChat, bound: Bound) -> None:
    account = bound()
    make_due()
    token = authorizer_token(account.appid)
    row = row_of(account)
    assert token != account.access_token
    assert (row.access_token, row.state, row.refreshes) == (token, State.BOUND, 1)
    assert (row.failures, row.last_error, row.lease_until) == (0, "", None)
    assert row.refresh_token == account.refresh_token
    assert wechat.count(REFRESH, account.appid) == 1


@with_threads
def test_forty_threads_refresh_once(wechat: WeChat, bound: Bound) -> None:
    account = bound()
    make_due(expires=1)
    wechat.fault(REFRESH, delay=0.5)
    tokens = together([lambda: authorizer_token(account.appid)] * 40)
    assert tokens == [row_of(account).access_token] * 40
    assert wechat.count(REFRESH) == 1


@with_threads
def test_while_it_is_refreshed_the_live_one_is_used(wechat: WeChat, bound: Bound) -> None:
    account = bound()
    make_due()
    answer = threading.Event()
    fault = wechat.fault(REFRESH, until=answer)
    refreshing = in_a_thread(lambda: authorizer_token(account.appid))
    assert fault.arrived.wait(10)
    assert authorizer_token(account.appid) == account.access_token
    answer.set()
    assert refreshing.result() == authorizer_token(account.appid) != account.access_token


@pytest.mark.parametrize("trouble", [{"drop": "before"}, {"drop": "after"}, {"errcode": -1}])
def test_while_the_refresh_fails_the_live_one_is_used_without_a_storm(
    wechat: WeChat, bound: Bound, trouble: dict[str, Any]
) -> None:
    account = bound()
    make_due()
    wechat.fault(REFRESH, times=None, **trouble)
    assert {authorizer_token(account.appid) for _ in range(20)} == {account.access_token}
    assert wechat.count(REFRESH) == 1


def test_with_nothing_to_use_one_is_told_why_and_the_others_to_wait(
    wechat: WeChat, bound: Bound
) -> None:
    account = bound()
    make_due(expires=1)
    wechat.fault(REFRESH, times=None, errcode=48001)
    with pytest.raises(Refused, match="48001"):
        authorizer_token(account.appid)
    for _ in range(5):
        with pytest.raises(BackingOff, match="48001"):
            authorizer_token(account.appid)
    assert wechat.count(REFRESH) == 1


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_call_turned_down_once_is_repeated_with_a_new_token(
    wechat: WeChat, bound: Bound, errcode: int
) -> None:
    account = bound()
    wechat.fault(OPTION, errcode=errcode)
    assert call_as(account.appid, get_option) == "0"
    assert (wechat.count(REFRESH), wechat.count(OPTION)) == (1, 2)


def test_a_call_turned_down_for_ever_is_made_twice(wechat: WeChat, bound: Bound) -> None:
    account = bound()
    wechat.fault(OPTION, times=None, errcode=40001)
    with pytest.raises(TokenExpired):
        call_as(account.appid, get_option)
    assert (wechat.count(REFRESH), wechat.count(OPTION)) == (1, 2)


def test_a_token_that_somebody_has_replaced_since_is_not_refreshed_again(
    wechat: WeChat, bound: Bound
) -> None:
    account = bound()
    make_due()
    authorizer_token(account.appid)
    assert authorizer_token(account.appid, refused=account.access_token)
    assert wechat.count(REFRESH) == 1


@with_threads
def test_a_reauthorisation_kills_the_old_token_and_twenty_calls_refresh_once(
    wechat: WeChat, bound: Bound
) -> None:
    account = bound()
    wechat.grant(account.appid)
    outcomes = together([lambda: call_as(account.appid, get_option)] * 20)
    assert outcomes == ["0"] * 20
    assert wechat.count(REFRESH, effect=True) == 1
    row = row_of(account)
    assert (row.state, row.failures) == (State.BOUND, 0)


@with_threads
def test_a_token_that_runs_out_in_the_middle_of_many_calls_fails_none(
    wechat: WeChat, bound: Bound
) -> None:
    wechat.token_life, wechat.component_token_life = 4, 7200
    account = bound()
    end = time.monotonic() + 5

    def call() -> int:
        number = 0
        while time.monotonic() < end:
            assert call_as(account.appid, get_option) == "0"
            number += 1
        return number

    outcomes = together([call] * 4)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
    assert 1 <= wechat.count(REFRESH) <= 5


def test_a_call_that_hears_of_the_cancellation_makes_the_next_sweep_look(
    wechat: WeChat, bound: Bound
) -> None:
    """The push was lost."""
    account = bound()
    wechat.cancel(account.appid)
    wechat.outbox.clear()
    with pytest.raises(NotAuthorized):
        call_as(account.appid, get_option)
    row = row_of(account)
    assert row.due_at
    assert row.due_at <= row.now
    with pytest.raises(NotAuthorized):
        authorizer_token(account.appid, refused=account.access_token)
    assert row_of(account).state == State.UNBOUND


@with_threads
@pytest.mark.postgres
def test_connections_that_are_killed_while_wechat_is_asked_lose_no_token(
    wechat: WeChat, bound: Bound
) -> None:
    wechat.rotate = "always"
    account = bound()
    make_due(expires=1)
    answer = threading.Event()
    fault = wechat.fault(REFRESH, until=answer)
    caller = in_a_thread(lambda: authorizer_token(account.appid))
    assert fault.arrived.wait(10)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    answer.set()
    granted = wechat.authorization(account.appid)
    assert granted
    assert caller.result() == granted.tokens[-1].value
    assert row_of(account).refresh_token == granted.refresh_token


def test_a_refresh_that_is_turned_down_refreshes_the_component_token_once(
    wechat: WeChat, bound: Bound
) -> None:
    account = bound()
    make_due(expires=1)
    wechat.component.tokens[-1].dies_at = 0
    assert authorizer_token(account.appid)
    assert (wechat.count(REFRESH), wechat.count(COMPONENT_TOKEN)) == (2, 2)


def test_a_refresh_that_is_turned_down_for_ever_ends(wechat: WeChat, bound: Bound) -> None:
    account = bound()
    make_due(expires=1)
    wechat.fault(REFRESH, times=None, errcode=40001)
    with pytest.raises(TokenExpired):
        authorizer_token(account.appid)
    assert (wechat.count(REFRESH), wechat.count(COMPONENT_TOKEN)) == (2, 2)
    assert row_of(account).state == State.BOUND


def ask_late(wechat: WeChat, account: Authorizer) -> tuple[threading.Event, Waiting[str]]:
    """Somebody asks for ACCOUNT's token, and has its answer only once the event is set."""
    make_due(expires=1)
    answer = threading.Event()
    fault = wechat.fault(REFRESH, until=answer)
    late = in_a_thread(lambda: authorizer_token(account.appid))
    assert fault.arrived.wait(10)
    return answer, late


@with_threads
def test_a_late_holder_overwrites_nothing_and_what_it_got_is_kept(
    wechat: WeChat, bound: Bound
) -> None:
    account = bound()
    wechat.rotate = "always"
    answer, late = ask_late(wechat, account)
    lates_own = wechat.authorization(account.appid)
    assert lates_own is not None
    received = lates_own.refresh_token
    # The late one's lease is over; whoever comes next finds its token in the list.
    Authorizer.objects.update(lease_until=Now() - timedelta(seconds=1))
    newest = authorizer_token(account.appid)
    answer.set()
    assert late.result() == newest
    row = row_of(account)
    assert row.access_token == newest
    assert row.refresh_token == lates_own.refresh_token
    assert received in row.older_refresh_tokens
    make_due(expires=1)
    assert authorizer_token(account.appid)


@with_threads
def test_what_a_late_holder_got_is_tried_though_all_before_it_was_refused(
    wechat: WeChat, bound: Bound
) -> None:
    account = bound()
    wechat.rotate = "always"
    answer, late = ask_late(wechat, account)
    # The late one's lease is over; whoever comes next is refused, and the list does not help.
    Authorizer.objects.update(lease_until=Now() - timedelta(seconds=1))
    wechat.fault(LIST, body=b'{"total_count": 0, "list": []}')
    with pytest.raises(RefreshTokenInvalid):
        authorizer_token(account.appid)
    assert row_of(account).state == Authorizer.State.NEEDS_REAUTHORIZATION
    answer.set()
    assert late.result()
    row = row_of(account)
    granted = wechat.authorization(account.appid)
    assert granted is not None
    assert row.state == Authorizer.State.BOUND
    assert row.refresh_token == granted.refresh_token


@with_threads
def test_a_late_holder_does_not_fence_off_the_one_after_it(wechat: WeChat, bound: Bound) -> None:
    """Both are answered while the second holds the lease: the second one's token counts."""
    account = bound()
    make_due(expires=1)
    first, second = threading.Event(), threading.Event()
    changed = {"authorizer_refresh_token": "refreshtoken@@@late"}
    late_fault = wechat.fault(REFRESH, until=first, change=changed)
    late = in_a_thread(lambda: authorizer_token(account.appid))
    assert late_fault.arrived.wait(10)
    Authorizer.objects.update(lease_until=Now() - timedelta(seconds=1))
    fault = wechat.fault(REFRESH, until=second)
    present = in_a_thread(lambda: authorizer_token(account.appid))
    assert fault.arrived.wait(10)
    first.set()
    threading.Event().wait(0.5)
    second.set()
    assert late.result() == present.result() == row_of(account).access_token
    row = row_of(account)
    assert row.refresh_token == account.refresh_token
    assert row.older_refresh_tokens == ["refreshtoken@@@late"]
    assert wechat.count(REFRESH) == 2


def test_the_five_refresh_tokens_before_are_kept(wechat: WeChat, bound: Bound) -> None:
    account = bound()
    wechat.rotate = "always"
    received = [account.refresh_token]
    for _ in range(HISTORY_SIZE + 2):
        make_due()
        authorizer_token(account.appid)
        received.insert(0, row_of(account).refresh_token)
    row = row_of(account)
    assert [row.refresh_token, *row.older_refresh_tokens] == received[: 1 + HISTORY_SIZE]


@pytest.mark.parametrize(
    "trouble",
    [
        {"without": ("authorizer_refresh_token",)},
        {"change": {"authorizer_refresh_token": ""}},
        {"change": {"authorizer_refresh_token": None}},
        {"change": {"authorizer_refresh_token": 7}},
    ],
)
def test_an_answer_without_a_refresh_token_leaves_ours(
    wechat: WeChat, bound: Bound, trouble: dict[str, Any]
) -> None:
    account = bound()
    make_due()
    wechat.fault(REFRESH, **trouble)
    assert authorizer_token(account.appid) != account.access_token
    row = row_of(account)
    assert (row.refresh_token, row.older_refresh_tokens) == (account.refresh_token, [])


@pytest.mark.parametrize(
    "trouble",
    [
        {"without": ("authorizer_access_token",)},
        {"body": b"<html>busy</html>"},
        {"body": b""},
        {"body": b'{"errcode": "0"}'},
        {"truncate": 20},
        {"status": 504},
    ],
)
def test_an_answer_that_is_none_changes_no_token(
    wechat: WeChat, bound: Bound, trouble: dict[str, Any]
) -> None:
    account = bound()
    make_due()
    wechat.fault(REFRESH, **trouble)
    assert authorizer_token(account.appid) == account.access_token
    row = row_of(account)
    assert (row.refresh_token, row.failures) == (account.refresh_token, 1)


def test_an_invalid_refresh_token_is_looked_for_in_the_history_then_in_the_list(
    wechat: WeChat, bound: Bound
) -> None:
    account = bound()
    values = {"refresh_token": "wrong", "refresh_token_history": f"older {account.refresh_token}"}
    make_due(expires=1, **seal(Authorizer, account.appid, **values))
    assert authorizer_token(account.appid)
    assert wechat.count(LIST) == 0
    row = row_of(account)
    assert (row.refresh_token, row.state) == (account.refresh_token, State.BOUND)
    assert row.older_refresh_tokens == ["wrong", "older"]

    make_due(
        expires=1, **seal(Authorizer, account.appid, refresh_token="w", refresh_token_history="")
    )
    assert authorizer_token(account.appid)
    assert wechat.count(LIST) == 1
    row = row_of(account)
    assert (row.refresh_token, row.state) == (account.refresh_token, State.BOUND)


def test_when_the_list_does_not_help_the_owner_must(wechat: WeChat, bound: Bound) -> None:
    account = bound()
    make_due(expires=1)
    wechat.fault(REFRESH, times=None, errcode=61023)
    with pytest.raises(RefreshTokenInvalid):
        authorizer_token(account.appid)
    row = row_of(account)
    assert (row.state, row.due_at) == (State.NEEDS_REAUTHORIZATION, None)
    assert row.refresh_token == account.refresh_token
    calls = wechat.count()
    with pytest.raises(NotReady, match="61023"):
        authorizer_token(account.appid)
    assert wechat.count() == calls


def test_while_the_list_cannot_be_read_the_account_waits_for_it(
    wechat: WeChat, bound: Bound
) -> None:
    account = bound()
    make_due(expires=1, **seal(Authorizer, account.appid, refresh_token="wrong"))
    wechat.fault(LIST, times=None, status=500)
    with pytest.raises(WeChatError):
        authorizer_token(account.appid)
    assert row_of(account).state == State.NEEDS_RECOVERY
    wechat.clear_faults()
    make_due()
    assert authorizer_token(account.appid)
    assert row_of(account).state == State.BOUND


def test_not_authorised_is_confirmed_before_it_is_believed(wechat: WeChat, bound: Bound) -> None:
    account = bound()
    make_due(expires=1)
    wechat.fault(REFRESH, errcode=61003)
    with pytest.raises(NotAuthorized):
        authorizer_token(account.appid)
    assert wechat.count(INFO, account.appid) == 2  # one was the binding's
    assert row_of(account).state == State.BOUND

    wechat.cancel(account.appid)
    make_due(expires=1)
    with pytest.raises(NotAuthorized):
        authorizer_token(account.appid)
    row = row_of(account)
    assert row.state == State.UNBOUND
    assert (row.access_token, row.refresh_token, row.expires) == ("", "", 0)
    assert row.unauthorized_at is not None
    calls = wechat.count()
    with pytest.raises(NotReady):
        authorizer_token(account.appid)
    assert wechat.count() == calls


def test_a_value_of_another_row_does_not_pass_for_its_token(wechat: WeChat, bound: Bound) -> None:
    one, other = bound(), bound()
    theirs = row_of(other).__dict__["access_token"]
    Authorizer.objects.filter(pk=one.pk).update(access_token=theirs)
    assert authorizer_token(one.appid) not in (one.access_token, other.access_token)
    assert wechat.count(REFRESH, one.appid) == 1


def test_staff_get_a_new_token_though_the_old_one_is_good(
    wechat: WeChat, bound: Bound, staff: User
) -> None:
    account = bound()
    old = account.access_token
    refresh_now(account, by=staff)
    assert account.access_token != old
    wechat.fault(REFRESH, times=None, status=500)
    with pytest.raises(WeChatError):
        refresh_now(account, by=staff)


def test_while_the_component_has_no_token_the_account_is_not_to_blame(
    wechat: WeChat, bound: Bound, component: Component
) -> None:
    account = bound()
    make_due(expires=1)
    Component.objects.update(access_token_expires=1, due_at=Now())
    wechat.fault(COMPONENT_TOKEN, times=None, errcode=61006)
    with pytest.raises(WeChatError):
        authorizer_token(account.appid)
    row = row_of(account)
    assert row.state == State.BOUND
    assert wechat.count(REFRESH) == 0
