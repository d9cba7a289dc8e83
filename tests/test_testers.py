"""Testers: staff, merchants and REST clients see, add and remove them, as WeChat lets them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audits.models import CodeTemplate
from audits.services import committing, templates
from miniprograms import models
from miniprograms.models import Authorizer
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_api_authorizers import client_of
from tests.test_portal_pages import new_browser

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

APPID = "wx00000000000000a1"
PORTAL = f"/portal/{APPID}/testers/"
REST = f"/api/v1/authorizers/{APPID}/testers/"
BIND, UNBIND, LIST = "/wxa/bind_tester", "/wxa/unbind_tester", "/wxa/memberauth"
JSON = "application/json"
# What WeChat refuses, and a word of what a person reads about it.
REFUSALS = {
    85001: "cannot be searched for",
    85002: "has as many testers as it may have",
    85003: "tests as many mini programs as one may",
    85004: "is a tester already",
}


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(APPID, nick_name="Tea & Cake")


@pytest.fixture
def page(shop: Authorizer) -> str:
    return f"/admin/miniprograms/authorizer/{shop.pk}/testers/"


@pytest.fixture
def operator(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def own(merchant: User) -> Client:
    return new_browser(merchant)


def bound_testers(wechat: WeChat) -> dict[str, str]:
    return wechat.accounts[APPID].program.testers


def post(client: Client, body: Any, **headers: str) -> Any:
    return client.post(REST, body, content_type=JSON, headers=headers)


def log() -> list[tuple[str, str, str]]:
    rows = Operation.objects.filter(action__endswith="tester").order_by("pk")
    return [(row.actor_name, row.action, row.result) for row in rows]


# Staff


def test_staff_add_see_and_remove_a_tester(
    operator: Client, wechat: WeChat, shop: Authorizer, page: str
) -> None:
    assert "Nobody but the administrator." in text_of(operator.get(page))
    told = text_of(operator.post(page, {"wechatid": " li_laojie "}, follow=True))
    assert "li_laojie is a tester now." in told
    assert "added by operator" in told
    [userstr] = bound_testers(wechat).values()
    ask = f"{page}{userstr}/remove/"
    assert "li_laojie" in text_of(operator.get(ask))
    told = text_of(operator.post(ask, follow=True))
    assert "li_laojie is a tester no more." in told
    assert bound_testers(wechat) == {}
    assert not models.Tester.objects.exists()
    assert log() == [
        ("operator", "add_tester", "li…ie"),
        ("operator", "remove_tester", "li…ie"),
    ]


def test_the_way_there_is_on_the_accounts_page_of_a_mini_program_only(
    operator: Client, shop: Authorizer, page: str, bound: Bound
) -> None:
    assert page in text_of(operator.get(f"/admin/miniprograms/authorizer/{shop.pk}/change/"))
    other = bound("wx00000000000000b1", kind="official_account")
    theirs = f"/admin/miniprograms/authorizer/{other.pk}/"
    assert "/testers/" not in text_of(operator.get(f"{theirs}change/"))
    assert operator.get(f"{theirs}testers/").status_code == 404


def test_testers_of_elsewhere_are_listed_and_can_be_removed(
    operator: Client, wechat: WeChat, page: str
) -> None:
    bound_testers(wechat)["somebody"] = "AwAA/x+y="
    told = text_of(operator.get(page))
    assert "Added elsewhere" in told
    assert "AwAA/x+y=" in told
    told = text_of(operator.post(f"{page}AwAA%2Fx%2By%3D/remove/", follow=True))
    assert "is a tester no more." in told
    assert bound_testers(wechat) == {}


@pytest.mark.parametrize(("errcode", "words"), REFUSALS.items())
def test_what_wechat_refuses_is_said_in_plain_words_at_each_door(
    operator: Client,
    own: Client,
    merchant: User,
    wechat: WeChat,
    page: str,
    errcode: int,
    words: str,
) -> None:
    wechat.fault(BIND, times=3, errcode=errcode)
    assert words in text_of(operator.post(page, {"wechatid": "li_laojie"}, follow=True))
    told = text_of(own.post(PORTAL, {"wechatid": "li_laojie"}, follow=True))
    assert words in told
    assert str(errcode) not in told
    answer = post(client_of(merchant), {"wechatid": "li_laojie"})
    assert answer.status_code == 422
    assert answer.json()["wechat"]["errcode"] == errcode
    assert words in answer.json()["wechat"]["explanation"]
    assert not models.Tester.objects.exists()


def test_whoever_is_no_tester_any_more_is_forgotten(
    operator: Client, wechat: WeChat, shop: Authorizer, page: str
) -> None:
    operator.post(page, {"wechatid": "li_laojie"}, follow=True)
    bound_testers(wechat).clear()  # removed in WeChat's console
    assert "li_laojie" not in text_of(operator.get(page))
    assert not models.Tester.objects.exists()


def test_a_tester_removed_elsewhere_meanwhile_is_said_to_be_none(
    operator: Client, wechat: WeChat, page: str
) -> None:
    operator.post(page, {"wechatid": "li_laojie"})
    [userstr] = bound_testers(wechat).values()
    bound_testers(wechat).clear()
    told = text_of(operator.post(f"{page}{userstr}/remove/", follow=True))
    assert "This person is no tester." in told
    assert not models.Tester.objects.exists()


def test_a_busy_wechat_removes_nobody(operator: Client, wechat: WeChat, page: str) -> None:
    operator.post(page, {"wechatid": "li_laojie"})
    [userstr] = bound_testers(wechat).values()
    wechat.fault(UNBIND, errcode=-1)
    told = text_of(operator.post(f"{page}{userstr}/remove/", follow=True))
    assert "system is busy" in told
    assert models.Tester.objects.exists()


@pytest.mark.parametrize("effect", [True, False])
def test_a_lost_answer_is_settled_by_the_list(
    operator: Client, wechat: WeChat, page: str, effect: bool
) -> None:
    operator.post(page, {"wechatid": "li_laojie"})
    [userstr] = bound_testers(wechat).values()
    wechat.fault(UNBIND, drop="after", effect=effect)
    told = text_of(operator.post(f"{page}{userstr}/remove/", follow=True))
    assert ("is a tester no more." in told) is effect
    assert ("answer was lost" in told) is not effect
    assert models.Tester.objects.exists() is not effect


def test_without_wechat_the_page_shows_whom_we_know(
    operator: Client, wechat: WeChat, page: str
) -> None:
    operator.post(page, {"wechatid": "li_laojie"})
    wechat.fault(LIST, times=None, drop="before")
    told = text_of(operator.get(page))
    assert "These we know of" in told
    assert "li_laojie" in told


def test_staff_without_the_right_see_and_do_nothing(wechat: WeChat, page: str) -> None:
    looker = User.objects.create_user("looker", is_staff=True)
    browser = browser_of(looker)
    assert browser.get(page).status_code == 403
    assert browser.post(page, {"wechatid": "li_laojie"}).status_code == 403
    assert client_of(looker).get(REST).status_code == 403
    assert wechat.count(BIND) == 0


# Merchants


@pytest.fixture
def uploaded(wechat: WeChat, component: Component, shop: Authorizer, staff: User) -> None:
    templates.add_template(component, wechat.upload_draft().draft_id, by=None)
    template = CodeTemplate.objects.get()
    committing.commit_template(shop, template, user_version="1.2.0", user_desc="x", by=staff)


@pytest.mark.usefixtures("uploaded")
def test_a_merchant_adds_and_removes_testers_beside_the_code_to_scan(
    own: Client, operator: Client, wechat: WeChat, page: str
) -> None:
    assert PORTAL in text_of(own.get(f"/portal/{APPID}/"))
    told = text_of(own.post(PORTAL, {"wechatid": "li_laojie"}, follow=True))
    assert "li_laojie may try it out now." in told
    assert "added by you on" in told
    assert f"/portal/{APPID}/trial/" in told
    operator.post(page, {"wechatid": "wang_kaifa"})
    told = text_of(own.get(PORTAL))
    assert "the platform&#x27;s staff" in told
    assert "operator" not in told
    userstr = bound_testers(wechat)["li_laojie"]
    told = text_of(own.post(f"{PORTAL}remove/", {"userstr": userstr}, follow=True))
    assert "li_laojie cannot try it out any more." in told
    assert list(bound_testers(wechat)) == ["wang_kaifa"]
    assert log()[0] == ("merchant", "add_tester", "li…ie")


def test_another_merchants_testers_do_not_exist(
    other_merchant: User, wechat: WeChat, shop: Authorizer
) -> None:
    browser, key = new_browser(other_merchant), client_of(other_merchant)
    assert browser.get(PORTAL).status_code == 404
    assert browser.post(PORTAL, {"wechatid": "li_laojie"}).status_code == 404
    assert browser.post(f"{PORTAL}remove/", {"userstr": "x"}).status_code == 404
    assert key.get(REST).status_code == 404
    assert post(key, {"wechatid": "li_laojie"}).status_code == 404
    assert key.delete(f"{REST}x/").status_code == 404
    assert wechat.count(BIND) + wechat.count(UNBIND) + wechat.count(LIST) == 0


def test_a_merchant_is_told_when_wechat_does_not_answer(
    own: Client, wechat: WeChat, shop: Authorizer
) -> None:
    wechat.fault(BIND, drop="after", effect=True)
    told = text_of(own.post(PORTAL, {"wechatid": "li_laojie"}, follow=True))
    assert "answer was lost" in told
    assert "Added elsewhere" in told
    wechat.fault(LIST, times=None, drop="before")
    assert "WeChat cannot be asked just now." in text_of(own.get(PORTAL))


@pytest.mark.parametrize(
    ("errcode", "words"),
    [(-1, "system is busy. Ask again in a minute."), (40097, "This is for us to mend")],
)
def test_a_merchant_is_told_that_wechat_has_refused(
    own: Client, wechat: WeChat, shop: Authorizer, errcode: int, words: str
) -> None:
    wechat.fault(LIST, times=None, errcode=errcode)
    told = text_of(own.get(PORTAL))
    assert words in told
    assert "cannot be asked" not in told


# REST


def test_a_merchants_own_key_adds_lists_and_removes(
    merchant: User, staff: User, wechat: WeChat, shop: Authorizer
) -> None:
    key = client_of(merchant)
    made = post(key, {"wechatid": "li_laojie"})
    assert made.status_code == 201
    row = made.json()
    assert (row["wechatid"], row["added_by"]) == ("li_laojie", "merchant")
    bound_testers(wechat)["somebody"] = "elsewhere"
    assert post(client_of(staff), {"wechatid": "wang_kaifa"}).json()["added_by"] == "operator"
    rows = {one["userstr"]: one for one in key.get(REST).json()["results"]}
    assert rows[row["userstr"]] == row
    assert rows["elsewhere"] == {
        "userstr": "elsewhere",
        "wechatid": None,
        "added_at": None,
        "added_by": None,
    }
    assert rows[bound_testers(wechat)["wang_kaifa"]]["added_by"] is None
    assert key.delete(f"{REST}{row['userstr']}/").status_code == 204
    assert key.delete(f"{REST}{row['userstr']}/").status_code == 404
    assert key.delete(f"{REST}%00/").status_code == 404
    assert sorted(bound_testers(wechat)) == ["somebody", "wang_kaifa"]


def test_an_act_asked_for_twice_happens_once(staff: User, wechat: WeChat, shop: Authorizer) -> None:
    key = client_of(staff)
    first = post(key, {"wechatid": "li_laojie"}, **{"Idempotency-Key": "1"})
    again = post(key, {"wechatid": "li_laojie"}, **{"Idempotency-Key": "1"})
    assert (first.json(), again.status_code) == (again.json(), 201)
    address = f"{REST}{first.json()['userstr']}/"
    for _ in range(2):
        answer = key.delete(address, headers={"Idempotency-Key": "2"})
        assert (answer.status_code, answer.content) == (204, b"")
    assert (wechat.count(BIND), wechat.count(UNBIND)) == (1, 1)


def test_a_lost_answer_is_unknown(staff: User, wechat: WeChat, shop: Authorizer) -> None:
    wechat.fault(BIND, drop="after", effect=True)
    answer = post(client_of(staff), {"wechatid": "li_laojie"})
    assert (answer.status_code, answer.json()) == (202, {"status": "unknown"})


def test_what_is_no_request_is_said_so(staff: User, wechat: WeChat, shop: Authorizer) -> None:
    key = client_of(staff)
    for body in ({}, {"wechatid": ""}, {"wechatid": "x" * 65}, {"wechat_id": "li_laojie"}):
        assert post(key, body).status_code == 400
    assert wechat.count(BIND) == 0


def test_an_official_account_has_no_testers(staff: User, bound: Bound) -> None:
    bound("wx00000000000000b1", kind="official_account")
    address = "/api/v1/authorizers/wx00000000000000b1/testers/"
    assert client_of(staff).get(address).status_code == 404
