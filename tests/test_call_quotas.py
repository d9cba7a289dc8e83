"""Calls of WeChat's API: what is left, one that failed, counting anew; and an account's options."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_api_authorizers import client_of
from tests.threads import together
from wechat import code_release
from wechat.errors import Refused

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

APPID = "wx00000000000000a1"
REST = f"/api/v1/authorizers/{APPID}"
CLEAR, CLEAR_BY_SECRET = "/cgi-bin/clear_quota", "/cgi-bin/component/clear_quota/v2"
CALLED = "/wxa/getvisitstatus"


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(APPID)


@pytest.fixture
def operator(staff: User, shop: Authorizer) -> Client:
    staff.user_permissions.add(Permission.objects.get(codename="clear_quota"))
    return client_of(staff)


@pytest.fixture
def boss(shop: Authorizer) -> Client:
    return browser_of(User.objects.create_superuser("boss"))


def clear(client: Client, reason: str = "a loop of ours") -> Any:
    return client.post(f"{REST}/quota/clear/", {"reason": reason}, content_type="application/json")


def log() -> list[tuple[str, str, str]]:
    rows = Operation.objects.filter(action__contains="clear").order_by("id")
    return [(row.action, row.appid, row.result) for row in rows]


def test_what_is_left_of_a_path(operator: Client, wechat: WeChat) -> None:
    call_as(APPID, code_release.is_open_to_visits)
    answer = operator.get(f"{REST}/quota/?path={CALLED}").json()
    assert (answer["used"], answer["remain"]) == (1, answer["daily_limit"] - 1)
    assert answer["resets_left"] == 10
    assert answer["rates"][0] == {"calls": 5_000, "seconds": 60}


@pytest.mark.parametrize("path", ["", "wxa/x", "/wxa/x?access_token=1", "/wxa/x y", "/a" * 200])
def test_no_path_is_not_sent(operator: Client, wechat: WeChat, path: str) -> None:
    answer = operator.get(f"{REST}/quota/", {"path": path})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["path"])
    assert not wechat.count("/cgi-bin/openapi/quota/get")


def test_the_calls_of_an_account_are_counted_anew(operator: Client, wechat: WeChat) -> None:
    wechat.daily_limits[CALLED] = 1
    call_as(APPID, code_release.is_open_to_visits)
    with pytest.raises(Refused, match="45009"):
        call_as(APPID, code_release.is_open_to_visits)
    answer = clear(operator)
    assert (answer.status_code, answer.json()) == (200, {"resets_left": 9})
    assert call_as(APPID, code_release.is_open_to_visits)
    assert log() == [("clear_quota", APPID, "a loop of ours")]


def test_ten_times_a_month_and_never_an_eleventh(operator: Client, wechat: WeChat) -> None:
    for left in reversed(range(10)):
        assert clear(operator).json() == {"resets_left": left}
    answer = clear(operator)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_reset_left")
    assert wechat.count(CLEAR) == 10


def test_at_once_they_are_ten_as_well(operator: Client, wechat: WeChat) -> None:
    for _ in range(8):
        clear(operator)
    statuses = together([lambda: int(clear(operator).status_code)] * 4)
    assert sorted(map(str, statuses)) == ["200", "200", "409", "409"]
    assert wechat.count(CLEAR) == 10


def test_what_wechat_refuses_is_not_counted(operator: Client, wechat: WeChat) -> None:
    wechat.fault(CLEAR, errcode=48006)
    answer = clear(operator)
    assert (answer.status_code, answer.json()["wechat"]["errcode"]) == (422, 48006)
    assert [action for action, *_ in log()] == ["clear_quota", "quota_not_cleared"]
    assert clear(operator).json() == {"resets_left": 9}


def test_without_a_token_the_secret_will_do(
    operator: Client, wechat: WeChat, shop: Authorizer
) -> None:
    Authorizer.objects.filter(pk=shop.pk).update(state=Authorizer.State.NEEDS_RECOVERY, expires=0)
    assert clear(operator).status_code == 200
    assert (wechat.count(CLEAR), wechat.count(CLEAR_BY_SECRET)) == (0, 1)


def test_it_takes_a_right_and_a_reason(operator: Client, staff: User, merchant: User) -> None:
    assert clear(operator, " ").status_code == 400
    assert clear(client_of(merchant)).status_code == 403
    staff.user_permissions.clear()
    assert clear(client_of(staff)).status_code == 403
    assert not log()


def test_a_call_that_failed_is_seen_without_its_secrets(operator: Client, wechat: WeChat) -> None:
    with pytest.raises(Refused) as caught:
        call_as(APPID, code_release.set_support_version, "nonsense")
    rid = caught.value.rid
    answer = operator.get(f"/api/v1/rids/{rid}/?appid={APPID}")
    assert answer.status_code == 200, answer.json()
    call = answer.json()
    assert "setweappsupportversion" in call["request_url"]
    assert "nonsense" in call["request_body"]
    granted = wechat.authorization(APPID)
    assert granted
    assert granted.tokens[-1].value not in answer.content.decode()


@pytest.mark.parametrize(
    ("address", "status"),
    [("rids/abc/", 400), ("rids/abc/?appid=wxother", 404), (f"rids/abc/?appid={APPID}", 422)],
)
def test_other_calls_are_not_seen(operator: Client, address: str, status: int) -> None:
    assert operator.get(f"/api/v1/{address}").status_code == status


def test_an_option_is_read_and_set(operator: Client, wechat: WeChat) -> None:
    address = f"{REST}/options/voice_recognize/"
    assert operator.get(address).json() == {"name": "voice_recognize", "value": "0"}
    answer = operator.put(address, {"value": "1"}, content_type="application/json")
    assert answer.json() == {"name": "voice_recognize", "value": "1"}
    assert wechat.accounts[APPID].options["voice_recognize"] == "1"
    [row] = Operation.objects.filter(action="set_option")
    assert row.result == "voice_recognize = 1"
    refused = operator.get(f"{REST}/options/no_such_thing/")
    assert (refused.status_code, refused.json()["code"]) == (422, "wechat_refused")


def test_staff_see_the_page_of_an_account(boss: Client, shop: Authorizer, wechat: WeChat) -> None:
    page = f"/admin/miniprograms/authorizer/{shop.pk}/calls/"
    assert page in text_of(boss.get(f"/admin/miniprograms/authorizer/{shop.pk}/change/"))
    call_as(APPID, code_release.is_open_to_visits)
    assert "999999" in text_of(boss.get(page, {"path": CALLED}))
    assert "76003" in text_of(boss.get(page, {"path": "/wxa/no_such_path"}))
    assert "As WeChat documents it" in text_of(boss.get(page, {"path": "nonsense"}))
    with pytest.raises(Refused) as caught:
        call_as(APPID, code_release.set_support_version, "nonsense")
    assert "nonsense" in text_of(boss.get(page, {"rid": caught.value.rid}))
    answer = boss.post(page, {"reason": "a loop of ours"}, follow=True)
    assert "WeChat counts anew" in text_of(answer)
    assert log() == [("clear_quota", APPID, "a loop of ours")]


def test_and_of_the_platform_itself(boss: Client, component: Component, wechat: WeChat) -> None:
    page = f"/admin/platform_auth/component/{component.pk}/calls/"
    path = "/cgi-bin/component/api_get_authorizer_info"
    assert boss.get(page, {"path": path}).context["quota"].used
    assert "WeChat counts anew" in text_of(boss.post(page, {"reason": "a loop"}, follow=True))
    assert wechat.count(CLEAR_BY_SECRET) == 1
    assert log() == [("clear_quota", component.appid, "a loop")]


def test_who_may_only_look_cannot_count_anew(staff: User, shop: Authorizer) -> None:
    page = f"/admin/miniprograms/authorizer/{shop.pk}/calls/"
    browser = browser_of(staff)
    assert "Count anew" not in text_of(browser.get(page))
    assert browser.post(page, {"reason": "x"}).status_code == 403
