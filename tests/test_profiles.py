"""Profiles stay true: fetched again about daily, and at once where something tells of a change."""

from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from miniprograms import tasks
from miniprograms.models import Authorizer
from miniprograms.services import binding, trading
from miniprograms.services.profiles import MAX_FAILURES, PROFILES_A_MINUTE
from miniprograms.tokens import call_as
from platform_auth.models import Component, Push
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from sandbox.world.standing import ALERTED, BANNED, FROZEN, NORMAL
from tests.accounts import let_pass, make_due_account, make_due_accounts, row_of
from tests.threads import in_a_thread, together
from wechat.account import get_account_basic_info
from wechat.errors import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]

INFO = "/cgi-bin/component/api_get_authorizer_info"
BASIC = "/cgi-bin/account/getaccountbasicinfo"
Kind = Authorizer.Kind


@pytest.fixture
def account(wechat: WeChat, component: Component) -> Authorizer:
    """One that WeChat and we know, its profile fetched."""
    row = make_due_account(wechat, component, profile_due_at=component.created_at)
    tasks.fetch_profiles()
    return row_of(row)


def pass_time(row: Authorizer, **time: float) -> None:
    """So much later for the profile of ROW."""
    found = row_of(row)
    assert found.profile_due_at
    assert found.profile_synced_at
    Authorizer.objects.filter(pk=row.pk).update(
        profile_due_at=found.profile_due_at - timedelta(**time),
        profile_synced_at=found.profile_synced_at - timedelta(**time),
    )


def bind(wechat: WeChat, component: Component, merchant: User, **account: Any) -> Authorizer:
    theirs = wechat.create_account(**account)
    opened = binding.start_binding(user=merchant, session="s")
    code = wechat.authorize(opened.pre_auth_code, theirs.appid)
    trading.finish_binding(opened, code)
    return Authorizer.objects.get(appid=theirs.appid)


# About daily


def test_a_state_without_a_push_is_seen_within_a_day(wechat: WeChat, account: Authorizer) -> None:
    wechat.accounts[account.appid].account_status = FROZEN
    pass_time(account, hours=19)
    tasks.fetch_profiles()
    assert row_of(account).account_status == NORMAL
    pass_time(account, hours=4.5)
    tasks.fetch_profiles()
    assert row_of(account).account_status == FROZEN
    assert wechat.count(INFO, account.appid) == 2


def test_the_accounts_spread_over_the_day(wechat: WeChat, component: Component) -> None:
    make_due_accounts(wechat, component, 20, profile_due_at=component.created_at)
    tasks.fetch_profiles()
    times = [row.profile_due_at for row in Authorizer.objects.all()]
    assert all(times)
    spread = max(times) - min(times)
    assert spread > timedelta(hours=1)
    assert max(times) < row_of(Authorizer.objects.all()[0]).now + timedelta(hours=24)


def test_they_are_fetched_at_a_steady_pace(wechat: WeChat, component: Component) -> None:
    make_due_accounts(wechat, component, 8, profile_due_at=component.created_at)
    tasks.fetch_profiles()
    times = sorted(row.profile_synced_at for row in Authorizer.objects.all())
    apart = timedelta(seconds=60 / PROFILES_A_MINUTE)
    assert times[-1] - times[0] > 0.9 * 7 * apart


@pytest.mark.parametrize(
    ("trouble", "calls"),
    [
        ({"status": 503}, MAX_FAILURES * 3),
        ({"errcode": -1}, MAX_FAILURES * 3),
        ({"errcode": 45009}, 1),
        ({"errcode": 45011}, 1),
    ],
)
def test_wechat_is_left_alone_while_it_fails(
    wechat: WeChat, component: Component, trouble: dict[str, Any], calls: int
) -> None:
    rows = make_due_accounts(wechat, component, 12, profile_due_at=component.created_at)
    wechat.fault(INFO, times=None, **trouble)
    tasks.fetch_profiles()
    assert wechat.count(INFO) == calls
    wechat.clear_faults()
    Authorizer.objects.update(profile_due_at=Now())
    tasks.fetch_profiles()
    assert all(row_of(row).profile_synced_at for row in rows)


def test_one_answer_that_cannot_be_read_stops_nobody(wechat: WeChat, component: Component) -> None:
    rows = make_due_accounts(
        wechat, component, MAX_FAILURES + 2, profile_due_at=component.created_at
    )
    for row in rows[:-1]:
        wechat.fault(INFO, times=None, appid=row.appid, body=b"<html>")
    tasks.fetch_profiles()
    assert row_of(rows[-1]).profile_synced_at
    assert not row_of(rows[0]).profile_synced_at


def test_an_account_that_is_unbound_is_asked_about_no_more(
    wechat: WeChat, account: Authorizer, deliver: Deliver
) -> None:
    let_pass(wechat, 5)
    wechat.cancel(account.appid)
    wechat.deliver_all(deliver)
    assert row_of(account).profile_due_at is None
    wechat.push_message(account.appid, {"Event": "annual_renew", "ExpiredTime": "1"})
    wechat.deliver_all(deliver)
    assert row_of(account).profile_due_at is None


@pytest.mark.django_db(transaction=True)
def test_runs_at_once_fetch_each_profile_once(wechat: WeChat, component: Component) -> None:
    make_due_accounts(wechat, component, 10, profile_due_at=component.created_at)
    assert not any(together([tasks.fetch_profiles] * 3))
    assert wechat.count(INFO) == 10


# At once


def test_a_new_name_is_seen_at_once(wechat: WeChat, account: Authorizer, deliver: Deliver) -> None:
    wechat.rename(account.appid, "山茶书店（新）")
    [delivery] = wechat.deliver_all(deliver)
    assert delivery.accepted
    assert Push.objects.get(kind="wxa_nickname_audit").state == Push.State.DONE
    tasks.fetch_profiles()
    assert row_of(account).nick_name == "山茶书店（新）"


@pytest.mark.parametrize("status", [ALERTED, FROZEN, BANNED])
def test_a_punishment_is_seen_at_once(
    wechat: WeChat, account: Authorizer, deliver: Deliver, status: int
) -> None:
    wechat.set_status(account.appid, status)
    wechat.deliver_all(deliver)
    tasks.fetch_profiles()
    assert row_of(account).account_status == status


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("notify_3rd_wxa_auth", {"task_status": 12, "taskid": "1", "apply_status": 4}),
        ("notify_3rd_wxa_wxverify", {"expired": 1, "message": "到期"}),
        ("notify_apply_icpfiling_result", {"beian_status": 6}),
        ("notify_third_fastverifybetaapp", {"status": 0}),
    ],
)
def test_what_the_component_is_told_of_an_account_counts(
    wechat: WeChat, account: Authorizer, deliver: Deliver, kind: str, fields: dict[str, Any]
) -> None:
    name = "authorizer_appid" if kind.endswith("icpfiling_result") else "appid"
    wechat.accounts[account.appid].verify_type = -1
    wechat.push(kind, {name: account.appid, **fields})
    wechat.deliver_all(deliver)
    tasks.fetch_profiles()
    assert row_of(account).verify_type_info == -1


@pytest.mark.parametrize(
    "event",
    [
        "wxa_category_audit",
        "wxa_illegal_record",
        "qualification_verify_success",
        "naming_verify_fail",
        "annual_renew",
        "verify_expired",
    ],
)
def test_what_the_account_is_told_counts(
    wechat: WeChat, account: Authorizer, deliver: Deliver, event: str
) -> None:
    wechat.push_message(account.appid, {"Event": event})
    wechat.deliver_all(deliver)
    tasks.fetch_profiles()
    assert wechat.count(INFO, account.appid) == 2


def test_changed_sets_are_seen_though_the_code_is_spent(
    wechat: WeChat, account: Authorizer, deliver: Deliver
) -> None:
    let_pass(wechat, 5)
    code = wechat.update_authorization(account.appid, [17, 18])
    wechat.trade(wechat.component, code)
    wechat.deliver_all(deliver)
    tasks.fetch_profiles()
    assert row_of(account).func_info == [17, 18]


@pytest.mark.parametrize("errcode", [48001, 48004, 61007, 50002, 85084])
def test_a_refusal_that_hints_at_a_change_is_followed(
    wechat: WeChat, account: Authorizer, errcode: int
) -> None:
    wechat.accounts[account.appid].account_status = BANNED
    wechat.fault(BASIC, errcode=errcode)
    with pytest.raises(Refused):
        call_as(account.appid, get_account_basic_info)
    tasks.fetch_profiles()
    assert row_of(account).account_status == BANNED


def test_other_refusals_are_not(wechat: WeChat, account: Authorizer) -> None:
    wechat.fault(BASIC, errcode=40097)
    with pytest.raises(Refused):
        call_as(account.appid, get_account_basic_info)
    tasks.fetch_profiles()
    assert wechat.count(INFO, account.appid) == 1


def test_what_is_known_to_have_changed_goes_before_what_is_merely_due(
    wechat: WeChat, account: Authorizer, component: Component, deliver: Deliver
) -> None:
    make_due_accounts(wechat, component, 3, profile_due_at=component.created_at)
    wechat.rename(account.appid, "新名字")
    wechat.deliver_all(deliver)
    tasks.fetch_profiles()
    first = Authorizer.objects.order_by("profile_synced_at")[0]
    assert first.appid == account.appid


@pytest.mark.django_db(transaction=True)
def test_what_is_announced_while_we_ask_is_fetched_once_more(
    wechat: WeChat, account: Authorizer, deliver: Deliver
) -> None:
    wechat.rename(account.appid, "第一次")
    wechat.deliver_all(deliver)
    answer = Event()
    fault = wechat.fault(INFO, until=answer)
    run = in_a_thread(tasks.fetch_profiles)
    assert fault.arrived.wait(10)
    wechat.rename(account.appid, "第二次")
    wechat.deliver_all(deliver)
    answer.set()
    run.result()
    assert row_of(account).nick_name == "第二次"
    assert wechat.count(INFO, account.appid) == 3


# Kinds


@pytest.mark.parametrize("kind", ["channels", "store", "talent", "supplier"])
def test_a_kind_of_its_own(
    wechat: WeChat, component: Component, merchant: User, client: Client, kind: str
) -> None:
    row = bind(wechat, component, merchant, kind=kind, nick_name="山茶小店")
    assert (row.kind, row.nick_name) == (kind, "山茶小店")
    client.force_login(merchant)
    page = client.get("/portal/", headers={"Accept-Language": "en"}).content.decode()
    assert "Official account" not in page.replace("<option", "").split('id="bind"')[0]
    assert client.get(f"/portal/{row.appid}/").status_code == 404


UNKNOWN = {"nick_name": "未来", "user_name": "gh_future", "service_type_info": {"id": 0}}


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({**UNKNOWN, "garden_info": {"id": 0}}, Kind.UNKNOWN),
        ({**UNKNOWN, "channels_info": {"id": 0}}, Kind.CHANNELS),
        ({**UNKNOWN, "MiniProgramInfo": None}, Kind.MINI_PROGRAM),
        ({"nick_name": "未来", "service_type_info": {"id": 77}}, Kind.MINI_PROGRAM),
        (UNKNOWN, Kind.OFFICIAL_ACCOUNT),
    ],
)
def test_what_a_profile_does_not_tell_is_not_guessed(
    wechat: WeChat, component: Component, merchant: User, members: dict[str, Any], kind: str
) -> None:
    wechat.fault(INFO, change={"authorizer_info": members})
    assert bind(wechat, component, merchant).kind == kind


@pytest.mark.parametrize("member", ["MiniProgramInfo", "garden_info"])
def test_without_any_sets_it_is_unknown(
    wechat: WeChat, component: Component, merchant: User, member: str
) -> None:
    theirs = wechat.create_account()
    opened = binding.start_binding(user=merchant, session="s")
    code = wechat.authorize(opened.pre_auth_code, theirs.appid, [])
    wechat.fault(INFO, change={"authorizer_info": {**UNKNOWN, member: None}})
    trading.finish_binding(opened, code)
    assert Authorizer.objects.get(appid=theirs.appid).kind == Kind.UNKNOWN


def test_a_known_kind_outlives_a_profile_that_does_not_tell(
    wechat: WeChat, account: Authorizer
) -> None:
    wechat.fault(INFO, change={"authorizer_info": {**UNKNOWN, "garden_info": {"id": 0}}})
    pass_time(account, hours=24)
    tasks.fetch_profiles()
    assert row_of(account).kind == Kind.MINI_PROGRAM
