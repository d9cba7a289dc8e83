"""What was lost on the way is found again in WeChat's own list of our authorizers."""

import re
import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.test import Client

from miniprograms import tasks
from miniprograms.models import Authorizer, Binding
from miniprograms.services.reconciling import is_recovery_needed, reconcile, reconcile_if_needed
from miniprograms.services.refreshing import sweep
from platform_auth.fields import seal
from platform_auth.models import LEASE, Component, Heartbeat
from sandbox.world import WeChat
from tests.accounts import let_pass, make_due_account, make_due_accounts, row_of
from wechat.errors import WeChatError

LIST = "/cgi-bin/component/api_get_authorizer_list"
INFO = "/cgi-bin/component/api_get_authorizer_info"

State = Authorizer.State

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]


def lose_refresh_token(row: Authorizer) -> None:
    """As the sweep leaves it when none of the tokens kept works."""
    Authorizer.objects.filter(pk=row.pk).update(
        state=State.NEEDS_RECOVERY,
        due_at=None,
        **seal(Authorizer, row.appid, refresh_token="wrong", refresh_token_history="older"),
    )


def fail_from_page(wechat: WeChat, page: int) -> None:
    wechat.fault(LIST, times=page - 1)
    wechat.fault(LIST, times=None, status=500)


def test_over_a_thousand_accounts_are_read_page_by_page(
    wechat: WeChat, component: Component
) -> None:
    rows = make_due_accounts(wechat, component, 1100)
    lost = [rows[0], rows[499], rows[500], rows[1099]]
    for row in lost:
        lose_refresh_token(row)
    unknown = wechat.create_account()
    wechat.grant(unknown.appid)
    report = reconcile(component)
    assert wechat.count(LIST) == 3
    assert report.listed == 1101
    assert report.recovered == [row.appid for row in lost]
    assert report.unclaimed == [unknown.appid]
    assert report.given_up == 0
    for row in lost:
        found = row_of(row)
        assert found.refresh_token == row.refresh_token
        assert found.older_refresh_tokens == ["wrong", "older"]
        assert found.due_at
        assert found.due_at <= found.now


@pytest.mark.django_db(transaction=True)
def test_an_emptied_table_of_tokens_is_whole_again_after_one_pass_and_a_sweep(
    wechat: WeChat, component: Component
) -> None:
    rows = make_due_accounts(wechat, component, 50)
    Authorizer.objects.update(
        state=State.NEEDS_RECOVERY, refresh_token="", access_token="", expires=0, due_at=None
    )
    tasks.reconcile()
    assert sweep() == 50
    for row in map(row_of, rows):
        granted = wechat.authorization(row.appid)
        assert granted
        assert (row.state, row.refresh_token) == (State.BOUND, granted.refresh_token)


def test_a_new_refresh_token_of_the_same_authorisation_is_remembered(
    wechat: WeChat, component: Component
) -> None:
    row = make_due_account(wechat, component)
    granted = wechat.authorization(row.appid)
    assert granted
    granted.refresh_token = "refreshtoken@@@new"
    reconcile(component)
    found = row_of(row)
    assert (found.state, found.refresh_token) == (State.BOUND, row.refresh_token)
    assert found.older_refresh_tokens == ["refreshtoken@@@new"]


@pytest.mark.django_db(transaction=True)
def test_a_newer_authorisation_that_nobody_told_of_is_taken_up(
    wechat: WeChat, component: Component
) -> None:
    row = make_due_account(wechat, component, access_token="dead", expires=2**33)
    let_pass(wechat, 60)
    granted = wechat.grant(row.appid)
    reconcile(component)
    sweep()
    found = row_of(row)
    assert (found.state, found.refresh_token) == (State.BOUND, granted.refresh_token)
    assert found.access_token == granted.tokens[-1].value
    assert found.auth_time == granted.auth_time
    assert row.refresh_token in found.older_refresh_tokens


@pytest.mark.django_db(transaction=True)
def test_an_account_that_came_back_unheard_is_bound_again(
    wechat: WeChat, component: Component
) -> None:
    row = make_due_account(wechat, component)
    wechat.cancel(row.appid)
    sweep()
    assert row_of(row).state == State.UNBOUND
    let_pass(wechat, 60)
    wechat.grant(row.appid)
    report = reconcile(component)
    assert report.recovered == [row.appid]
    sweep()
    found = row_of(row)
    assert (found.state, found.unauthorized_at) == (State.BOUND, None)
    assert found.access_token


def test_an_account_that_needed_its_owner_is_bound_when_the_owner_came(
    wechat: WeChat, component: Component
) -> None:
    row = make_due_account(wechat, component)
    lose_refresh_token(row)
    Authorizer.objects.update(state=State.NEEDS_REAUTHORIZATION)
    let_pass(wechat, 60)
    wechat.grant(row.appid)
    assert reconcile(component).recovered == [row.appid]


def test_absence_deletes_nothing(wechat: WeChat, component: Component) -> None:
    rows = make_due_accounts(wechat, component, 3)
    del wechat.component.authorizations[rows[1].appid]
    before = [row_of(row).__dict__ | {"now": None, "_state": None} for row in rows]
    report = reconcile(component)
    assert (report.listed, report.recovered, report.unclaimed, report.given_up) == (2, [], [], 0)
    after = [row_of(row).__dict__ | {"now": None, "_state": None} for row in rows]
    assert after == before


def test_an_empty_list_deletes_nothing(wechat: WeChat, component: Component) -> None:
    make_due_accounts(wechat, component, 2)
    wechat.fault(LIST, change={"total_count": 0, "list": []})
    assert reconcile(component).listed == 0
    assert Authorizer.objects.filter(state=State.BOUND).count() == 2


@pytest.mark.parametrize("total", [0, 1, 10**9])
def test_a_wrong_total_ends_all_the_same(wechat: WeChat, component: Component, total: int) -> None:
    make_due_accounts(wechat, component, 2)
    wechat.fault(LIST, times=5, change={"total_count": total})
    assert reconcile(component).listed == 2
    assert wechat.count(LIST) <= 2


def test_a_list_that_fails_half_way_keeps_what_was_read(
    wechat: WeChat, component: Component
) -> None:
    rows = make_due_accounts(wechat, component, 501)
    for row in (rows[3], rows[500]):
        lose_refresh_token(row)
    fail_from_page(wechat, 2)
    with pytest.raises(WeChatError):
        reconcile(component)
    assert row_of(rows[3]).refresh_token == rows[3].refresh_token
    assert row_of(rows[500]).state == State.NEEDS_RECOVERY
    assert is_recovery_needed(component)
    component.refresh_from_db()
    assert component.reconciled_at is None
    wechat.clear_faults()
    assert reconcile(component).recovered == [rows[500].appid]


@pytest.mark.parametrize(
    "change",
    [
        {"list": None},
        {"list": "x"},
        {"list": {"authorizer_appid": "wx1"}},
        {"total_count": "two"},
    ],
)
def test_nonsense_changes_nothing(
    wechat: WeChat, component: Component, change: dict[str, object]
) -> None:
    make_due_accounts(wechat, component, 2)
    wechat.fault(LIST, times=None, change=change)
    with pytest.raises(WeChatError):
        reconcile(component)
    assert Authorizer.objects.filter(state=State.BOUND).count() == 2
    assert not Binding.objects.exists()


def test_an_odd_row_costs_itself_alone(wechat: WeChat, component: Component) -> None:
    rows = make_due_accounts(wechat, component, 499)
    for row in rows:
        lose_refresh_token(row)
    listed = [{"authorizer_appid": row.appid, "refresh_token": row.refresh_token} for row in rows]
    listed.insert(250, {"refresh_token": "refreshtoken@@@whose"})
    wechat.fault(LIST, change={"total_count": 500, "list": listed})
    report = reconcile(component)
    assert (report.listed, report.odd, len(report.recovered)) == (499, 1, 499)
    assert wechat.count(LIST) == 1
    assert metrics()[LIST] == 1


def test_while_a_row_is_odd_nobody_is_given_up(wechat: WeChat, component: Component) -> None:
    row = make_due_account(wechat, component)
    lose_refresh_token(row)
    wechat.fault(LIST, change={"total_count": 1, "list": [{"authorizer_appid": None}]})
    assert reconcile(component).given_up == 0
    assert row_of(row).state == State.NEEDS_RECOVERY
    assert reconcile(component).recovered == [row.appid]


def metrics() -> dict[str, float]:
    """The odd rows that are counted, by endpoint."""
    text = Client().get("/metrics").content.decode()
    pairs = re.findall(r'^wechat_odd_rows_total\{endpoint="(.*)"\} (.*)$', text, re.MULTILINE)
    return {endpoint: float(number) for endpoint, number in pairs}


def test_an_entry_without_a_refresh_token_helps_nobody(
    wechat: WeChat, component: Component
) -> None:
    """WeChat has none to tell while the code was never traded."""
    row = make_due_account(wechat, component)
    lose_refresh_token(row)
    granted = wechat.authorization(row.appid)
    assert granted
    granted.refresh_token = ""
    report = reconcile(component)
    assert (report.recovered, report.given_up) == ([], 1)
    assert row_of(row).state == State.NEEDS_REAUTHORIZATION


def test_it_is_done_when_it_is_needed(wechat: WeChat, component: Component) -> None:
    make_due_accounts(wechat, component, 3)
    assert reconcile_if_needed(component)  # never done before
    assert reconcile_if_needed(component) is None
    unknown = wechat.create_account()
    wechat.grant(unknown.appid)
    report = reconcile_if_needed(component)
    assert report
    assert report.unclaimed == [unknown.appid]
    assert reconcile_if_needed(component) is None
    Component.objects.update(reconciled_at=Now() - timedelta(hours=7))
    assert reconcile_if_needed(component)


def test_one_process_at_a_time(wechat: WeChat, component: Component) -> None:
    Component.objects.update(reconciling_until=Now() + timedelta(minutes=5))
    assert reconcile_if_needed(component) is None
    assert wechat.count(LIST) == 0
    Component.objects.update(reconciling_until=Now() - timedelta(seconds=1))
    assert reconcile_if_needed(component)
    component.refresh_from_db()
    assert component.reconciling_until is None


@pytest.mark.django_db(transaction=True)
def test_the_turn_of_whoever_died_in_a_pass_soon_passes_on(
    wechat: WeChat, component: Component
) -> None:
    """It lasts from page to page, and no longer than a lease."""
    wechat.grant(wechat.create_account().appid)
    dies = threading.Event()
    held = wechat.fault(LIST, until=dies)
    other = threading.Thread(target=reconcile_if_needed, args=(component,))
    other.start()
    assert held.arrived.wait(10)
    assert reconcile_if_needed(component) is None
    row = Component.objects.with_clock().get(pk=component.pk)
    assert row.reconciling_until - row.now <= LEASE
    dies.set()
    other.join()


@pytest.mark.django_db(transaction=True)
def test_nobody_is_given_up_whom_another_process_has_touched_during_the_pass(
    wechat: WeChat, component: Component
) -> None:
    """It may have tried newer tokens than the page of the list knows."""
    row = make_due_account(wechat, component)
    lose_refresh_token(row)
    answer = threading.Event()
    page = wechat.fault(LIST, until=answer, change={"list": []})
    passing = threading.Thread(target=reconcile, args=(component,))
    passing.start()
    assert page.arrived.wait(10)
    Authorizer.objects.update(due_at=Now())
    assert sweep() == 1  # refused: it waits for the list again, but for a newer one
    answer.set()
    passing.join()
    assert row_of(row).state == State.NEEDS_RECOVERY
    reconcile(component)
    assert sweep() == 1
    assert row_of(row).state == State.BOUND


def test_a_failed_pass_lets_the_next_one_begin(wechat: WeChat, component: Component) -> None:
    wechat.fault(LIST, times=None, status=500)
    with pytest.raises(WeChatError):
        reconcile_if_needed(component)
    tasks.reconcile()
    assert Heartbeat.objects.filter(pk="reconcile").exists()
    wechat.clear_faults()
    assert reconcile_if_needed(component)


def test_the_names_of_what_was_parked_are_fetched(wechat: WeChat, component: Component) -> None:
    for name in ("Tea", "Cake"):
        wechat.grant(wechat.create_account(nick_name=name).appid)
    wechat.fault(INFO, times=3, status=500)
    reconcile(component)
    names = Binding.objects.unclaimed().values_list("nick_name", flat=True)
    assert sorted(names) == ["", "Cake"]


def test_a_row_that_cannot_be_read_stops_nobody(wechat: WeChat, component: Component) -> None:
    broken, lost = make_due_accounts(wechat, component, 2)
    theirs = seal(Authorizer, "another", refresh_token="x", refresh_token_history="x")
    Authorizer.objects.filter(pk=broken.pk).update(**theirs)
    lose_refresh_token(lost)
    assert reconcile(component).recovered == [lost.appid]


def test_the_command_tells_what_it_found(wechat: WeChat, component: Component) -> None:
    lose_refresh_token(make_due_account(wechat, component))
    wechat.grant(wechat.create_account().appid)
    said = StringIO()
    call_command("reconcile", stdout=said)
    assert said.getvalue() == (
        f"{component.appid}: 2 listed, 1 recovered, 1 parked, 0 need to be authorised again\n"
    )


def test_the_command_fails_with_a_sentence(wechat: WeChat, component: Component) -> None:
    wechat.fault(LIST, times=None, errcode=48001)
    why = StringIO()
    with pytest.raises(CommandError, match=f"^Not reconciled: {component.appid}.$"):
        call_command("reconcile", stderr=why)
    assert "api_get_authorizer_list: 48001" in why.getvalue()


def test_the_command_takes_one_component_of_several(wechat: WeChat, component: Component) -> None:
    Component.objects.create(appid="wx1111111111111111")
    said = StringIO()
    call_command("reconcile", component=component.appid, stdout=said)
    assert said.getvalue().count("listed") == 1
    with pytest.raises(CommandError, match="no such component"):
        call_command("reconcile", component="wx2222222222222222")
