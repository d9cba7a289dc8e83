"""The component token is reused, refreshed in good time, and asked for by one at a time."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.db.models.functions import Now

from platform_auth import leases
from platform_auth.fields import seal
from platform_auth.models import Component
from platform_auth.tasks import keep_component_tokens
from platform_auth.tokens import as_component, component_token
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.threads import in_a_thread, together
from wechat import component as endpoints
from wechat.errors import BackingOff, NotReady, Refused, TokenExpired, Unreachable, WeChatError

TOKEN = "/cgi-bin/component/api_component_token"
PRE_AUTH_CODE = "/cgi-bin/component/api_create_preauthcode"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("ticket"),
    pytest.mark.both_databases("SQLite has one lock for all, PostgreSQL one a row"),
]
with_threads = pytest.mark.django_db(transaction=True)


def row_of(component: Component) -> Component:
    row: Component = Component.objects.with_clock().get(pk=component.pk)
    return row


def make_due(component: Component) -> None:
    Component.objects.filter(pk=component.pk).update(due_at=Now())


def make_expired(component: Component) -> None:
    Component.objects.filter(pk=component.pk).update(due_at=Now(), access_token_expires=1)


def test_a_fresh_token_is_reused(wechat: WeChat, component: Component) -> None:
    first = component_token(component)
    assert {component_token(component) for _ in range(5)} == {first}
    assert wechat.count(TOKEN) == 1


def test_without_a_ticket_nothing_is_asked(wechat: WeChat, component: Component) -> None:
    Component.objects.update(verify_ticket="", ticket_created=0)
    for _ in range(3):
        with pytest.raises(NotReady):
            component_token(component)
    assert wechat.count(TOKEN) == 0


def test_the_first_ticket_is_enough_at_once(
    wechat: WeChat, component: Component, deliver: Deliver
) -> None:
    Component.objects.update(verify_ticket="", ticket_created=0)
    with pytest.raises(NotReady):
        component_token(component)
    wechat.push_ticket()
    wechat.deliver_all(deliver)
    assert component_token(component)


@pytest.mark.parametrize("life", [1, 2, 5, 60, 7200])
def test_it_is_due_between_half_and_six_tenths_of_its_life(
    wechat: WeChat, component: Component, life: int
) -> None:
    wechat.component_token_life = life
    component_token(component)
    row = row_of(component)
    assert row.due_at
    asked_at = row.access_token_expires - life  # cut to the second
    assert life * 0.5 <= row.due_at.timestamp() - asked_at < life * 0.6 + 1


def test_a_due_token_is_refreshed_and_the_old_one_forgotten(
    wechat: WeChat, component: Component
) -> None:
    old = component_token(component)
    make_due(component)
    new = component_token(component)
    assert new != old
    assert row_of(component).access_token == new
    assert wechat.count(TOKEN) == 2


def test_an_odd_life_is_taken_as_a_minute(wechat: WeChat, component: Component) -> None:
    wechat.fault(TOKEN, expires_in="soon")
    component_token(component)
    row = row_of(component)
    assert 40 <= row.access_token_expires - row.now.timestamp() <= 60


@with_threads
def test_thirty_threads_ask_once(wechat: WeChat, component: Component) -> None:
    wechat.fault(TOKEN, delay=0.5)
    tokens = together([lambda: component_token(component)] * 30)
    assert tokens == [row_of(component).access_token] * 30
    assert wechat.count(TOKEN) == 1


@with_threads
def test_while_it_is_refreshed_the_live_one_is_used(wechat: WeChat, component: Component) -> None:
    old = component_token(component)
    make_due(component)
    answer = threading.Event()
    fault = wechat.fault(TOKEN, until=answer)
    refreshing = in_a_thread(lambda: component_token(component))
    assert fault.arrived.wait(10)
    assert component_token(component) == old
    answer.set()
    assert component_token(component) in (old, refreshing.result())
    assert refreshing.result() != old
    assert wechat.count(TOKEN) == 2


@pytest.mark.parametrize(
    "trouble", [{"drop": "before"}, {"drop": "after"}, {"status": 502}, {"errcode": -1}]
)
def test_while_the_refresh_fails_the_live_one_is_used_and_wechat_left_in_peace(
    wechat: WeChat, component: Component, trouble: dict[str, Any]
) -> None:
    old = component_token(component)
    make_due(component)
    wechat.fault(TOKEN, times=None, **trouble)
    assert {component_token(component) for _ in range(10)} == {old}
    assert wechat.count(TOKEN) <= 1 + 3  # the client itself tries three times
    row = row_of(component)
    assert row.failures == 1
    assert row.last_error
    assert row.due_at is not None
    assert row.due_at > row.now


@with_threads
def test_with_nothing_to_use_a_failure_is_told_to_all_and_asked_once(
    wechat: WeChat, component: Component
) -> None:
    wechat.fault(TOKEN, times=None, errcode=48001)
    outcomes = together([lambda: component_token(component)] * 20)
    assert all(isinstance(outcome, Refused | BackingOff) for outcome in outcomes)
    assert wechat.count(TOKEN) == 1
    wechat.clear_faults()
    with pytest.raises(BackingOff):
        component_token(component)
    make_due(component)
    assert component_token(component)


def test_pauses_grow_and_end_with_success(wechat: WeChat, component: Component) -> None:
    wechat.fault(TOKEN, times=None, errcode=40013)
    pauses = []
    for _ in range(6):
        make_due(component)
        with pytest.raises(WeChatError):
            component_token(component)
        row = row_of(component)
        assert row.due_at is not None
        pauses.append(round((row.due_at - row.now).total_seconds()))
    assert pauses == sorted(pauses)
    assert pauses[-1] <= 600
    wechat.clear_faults()
    make_due(component)
    component_token(component)
    row = row_of(component)
    assert (row.failures, row.last_error) == (0, "")


def test_a_new_ticket_ends_the_pause(
    wechat: WeChat, component: Component, deliver: Deliver
) -> None:
    wechat.component.tickets.clear()
    with pytest.raises(Refused):
        component_token(component)
    with pytest.raises(BackingOff):
        component_token(component)
    wechat.push_ticket()
    Component.objects.update(ticket_created=1)  # the next one is of the same second otherwise
    wechat.deliver_all(deliver)
    assert component_token(component)


def test_the_ticket_before_helps_when_the_newest_is_not_taken(
    wechat: WeChat, component: Component, deliver: Deliver
) -> None:
    newest = wechat.push_ticket()
    Component.objects.update(ticket_created=1)
    wechat.deliver_all(deliver)
    del wechat.component.tickets[newest]
    assert component_token(component)
    assert [entry.errcode for entry in wechat.ledger] == [61006, 0]


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_token_wechat_turns_down_is_refreshed_once_and_the_call_repeated_once(
    wechat: WeChat, component: Component, errcode: int
) -> None:
    old = component_token(component)
    wechat.fault(PRE_AUTH_CODE, errcode=errcode)
    assert as_component(component, endpoints.create_pre_auth_code).value
    assert component_token(component) != old
    assert (wechat.count(TOKEN), wechat.count(PRE_AUTH_CODE)) == (2, 2)


def test_a_call_that_is_turned_down_for_ever_is_made_twice(
    wechat: WeChat, component: Component
) -> None:
    component_token(component)
    wechat.fault(PRE_AUTH_CODE, times=None, errcode=40001)
    with pytest.raises(TokenExpired):
        as_component(component, endpoints.create_pre_auth_code)
    assert (wechat.count(TOKEN), wechat.count(PRE_AUTH_CODE)) == (2, 2)


def test_who_was_turned_down_with_an_older_token_uses_the_present_one(
    wechat: WeChat, component: Component
) -> None:
    old = component_token(component)
    make_due(component)
    new = component_token(component)
    assert component_token(component, refused=old) == new
    assert wechat.count(TOKEN) == 2


@with_threads
def test_twenty_calls_turned_down_at_once_refresh_once(
    wechat: WeChat, component: Component
) -> None:
    old = component_token(component)
    wechat.component.tokens[-1].dies_at = 0
    codes = together([lambda: as_component(component, endpoints.create_pre_auth_code)] * 20)
    assert not [code for code in codes if isinstance(code, Exception)]
    assert wechat.count(TOKEN) == 2
    assert component_token(component) != old


def test_a_turned_down_token_is_not_asked_for_again_and_again(
    wechat: WeChat, component: Component
) -> None:
    old = component_token(component)
    wechat.fault(TOKEN, times=None, errcode=48001)
    with pytest.raises(Refused):
        component_token(component, refused=old)
    for _ in range(5):
        with pytest.raises(BackingOff):
            component_token(component, refused=old)
    assert wechat.count(TOKEN) == 2


@with_threads
def test_whoever_comes_back_too_late_writes_nothing(wechat: WeChat, component: Component) -> None:
    answer = threading.Event()
    fault = wechat.fault(TOKEN, until=answer)
    late = in_a_thread(lambda: component_token(component))
    assert fault.arrived.wait(10)
    Component.objects.update(lease_until=Now() - timedelta(seconds=1))
    newest = component_token(component)
    answer.set()
    assert late.result() == newest
    assert row_of(component).access_token == newest
    assert wechat.count(TOKEN) == 2


@with_threads
def test_a_very_short_life_makes_nobody_fail(wechat: WeChat, component: Component) -> None:
    wechat.component_token_life = 5
    for _ in range(3):
        tokens = together([lambda: component_token(component)] * 10)
        assert all(isinstance(token, str) and token for token in tokens), tokens
        make_due(component)
    assert wechat.count(TOKEN) <= 30


def test_a_token_that_is_dead_on_arrival_still_goes_to_who_asked(
    wechat: WeChat, component: Component
) -> None:
    wechat.component_token_life = 1
    for _ in range(3):
        token = component_token(component)
        Component.objects.update(access_token_expires=1, due_at=Now())
        assert token == wechat.component.tokens[-1].value


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_host_whose_clock_is_wrong_uses_no_dead_token_and_wastes_no_live_one(
    wechat: WeChat, component: Component, hours: int
) -> None:
    token = component_token(component)
    ahead = timedelta(hours=hours)
    with time_machine.travel(row_of(component).now + ahead):
        wechat.clock = lambda: time.time() - ahead.total_seconds()
        assert component_token(component) == token
        make_expired(component)
        new = component_token(component)
        assert new != token
        assert component_token(component) == new
    row = row_of(component)
    assert 7150 <= row.access_token_expires - row.now.timestamp() <= 7200


def test_a_token_that_cannot_be_read_is_replaced_at_once(
    wechat: WeChat, component: Component
) -> None:
    old = component_token(component)
    # As when one row's value is written into another.
    Component.objects.update(**seal(Component, "wx-of-somebody-else", access_token="theirs"))
    new = component_token(component)
    assert new not in (old, "theirs")
    assert wechat.count(TOKEN) == 2


def test_a_secret_that_cannot_be_read_stops_its_own_component_only(
    wechat: WeChat, component: Component
) -> None:
    broken = Component.objects.create(appid="wx1111111111111111", due_at=component.created_at)
    Component.objects.filter(pk=broken.pk).update(
        ticket_created=1,
        ticket_received_at=Now(),
        **seal(Component, "wx-of-somebody-else", app_secret="theirs", verify_ticket="theirs"),
    )
    with pytest.raises(NotReady, match="app_secret of wx1111111111111111"):
        component_token(broken)
    keep_component_tokens()
    assert row_of(component).live_token
    assert wechat.count(TOKEN) == 1


def test_beat_refreshes_what_is_due(wechat: WeChat, component: Component) -> None:
    keep_component_tokens()
    keep_component_tokens()
    assert wechat.count(TOKEN) == 1
    make_due(component)
    keep_component_tokens()
    assert wechat.count(TOKEN) == 2


def test_a_process_frozen_beyond_its_patience_takes_the_token_there_is(
    component: Component, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = component_token(component)
    make_due(component)
    awake = time.monotonic

    def wake_up_late(row: Component) -> str | None:
        """In its sleep somebody else has refreshed."""
        monkeypatch.setattr(time, "monotonic", lambda: awake() + leases.MAX_WAIT + 5)
        Component.objects.update(epoch=F("epoch") + 1, due_at=Now() + timedelta(hours=1))
        return None

    assert leases.single_flight(lambda: row_of(component), wake_up_late) == token


def test_unreachable_is_what_is_told_first(wechat: WeChat, component: Component) -> None:
    wechat.fault(TOKEN, times=None, drop="before")
    with pytest.raises(Unreachable):
        component_token(component)
    with pytest.raises(BackingOff, match="api_component_token"):
        component_token(component)
