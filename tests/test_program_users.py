"""Users of mini programs: they log in, and give their phone number, by codes that are good once."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken

from miniprograms.models import Authorizer
from platform_auth.models import Component
from platform_auth.tokens import component_token
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_clients import bearer, make_key, status_and_code

pytestmark = pytest.mark.django_db

OPENID = "o" + "u" * 27
SESSION = "/sns/component/jscode2session"
PHONE = "/wxa/business/getuserphonenumber"


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound()


@pytest.fixture
def till(merchant: User) -> Client:
    return bearer(make_key(merchant, "users:login"))


def ask(client: Client, account: Authorizer, noun: str, **body: Any) -> Any:
    url = f"/api/v1/authorizers/{account.appid}/{noun}/"
    return client.post(url, body, content_type="application/json")


def errcode_of(answer: Any) -> int:
    assert status_and_code(answer) == (422, "wechat_refused"), answer.content
    assert answer.json()["wechat"]["explanation"]
    return int(answer.json()["wechat"]["errcode"])


# ── logins ──────────────────────────────────────────────────────────────────────────────────────


def test_a_user_logs_in_and_their_data_opens(
    shop: Authorizer, till: Client, wechat: WeChat
) -> None:
    answer = ask(till, shop, "login", code=wechat.users.log_in(shop.appid, OPENID))
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    session = answer.json()
    assert set(session) == {"openid", "session_key"}
    assert session["openid"] == OPENID
    data = wechat.users.encrypt(shop.appid, OPENID, {"openId": OPENID})
    content = ask(till, shop, "decrypt", session_key=session["session_key"], **data).json()
    assert content["openId"] == OPENID
    assert content["watermark"]["appid"] == shop.appid


def test_a_later_login_has_another_key(shop: Authorizer, till: Client, wechat: WeChat) -> None:
    first, second = (
        ask(till, shop, "login", code=wechat.users.log_in(shop.appid, OPENID)).json()
        for _ in range(2)
    )
    assert first["session_key"] != second["session_key"]
    data = wechat.users.encrypt(shop.appid, OPENID, {"openId": OPENID})
    answer = ask(till, shop, "decrypt", session_key=first["session_key"], **data)
    assert status_and_code(answer) == (400, "undecipherable")


def test_the_unionid_comes_where_the_account_is_linked(
    bound: Bound, till: Client, wechat: WeChat
) -> None:
    one, two = bound(is_linked=True), bound(is_linked=True)
    unionids = {
        ask(till, shop, "login", code=wechat.users.log_in(shop.appid, OPENID)).json()["unionid"]
        for shop in (one, two)
    }
    assert len(unionids) == 1


def test_a_code_is_good_once_and_for_five_minutes(
    shop: Authorizer, till: Client, wechat: WeChat
) -> None:
    code = wechat.users.log_in(shop.appid, OPENID)
    assert ask(till, shop, "login", code=code).status_code == 200
    assert errcode_of(ask(till, shop, "login", code=code)) == 40163
    late = wechat.users.log_in(shop.appid, OPENID)
    now = wechat.clock()
    wechat.clock = lambda: now + 301
    assert errcode_of(ask(till, shop, "login", code=late)) == 40029


def test_a_code_of_another_account_and_one_that_is_none_are_refused(
    bound: Bound, shop: Authorizer, till: Client, wechat: WeChat
) -> None:
    other = bound()
    code = wechat.users.log_in(other.appid, OPENID)
    assert errcode_of(ask(till, shop, "login", code=code)) == 40029
    assert errcode_of(ask(till, shop, "login", code="invented")) == 40029
    assert ask(till, other, "login", code=code).status_code == 200


def test_a_dead_component_token_is_replaced_and_the_code_not_lost(
    shop: Authorizer, till: Client, wechat: WeChat, component: Component
) -> None:
    before = component_token(component)
    wechat.fault(SESSION, errcode=42001)
    code = wechat.users.log_in(shop.appid, OPENID)
    assert ask(till, shop, "login", code=code).status_code == 200
    assert component_token(component) != before
    assert wechat.count(SESSION) == 2


def test_a_login_whose_answer_is_lost_is_not_repeated(
    shop: Authorizer, till: Client, wechat: WeChat
) -> None:
    wechat.fault(SESSION, drop="after")
    code = wechat.users.log_in(shop.appid, OPENID)
    assert status_and_code(ask(till, shop, "login", code=code)) == (502, "wechat_unreachable")
    assert wechat.count(SESSION) == 1


@pytest.mark.parametrize("noun", ["login", "phone-number"])
def test_an_official_account_has_none_of_this(
    bound: Bound, till: Client, wechat: WeChat, noun: str
) -> None:
    account = bound(kind="official_account")
    answer = ask(till, account, noun, code="x")
    assert status_and_code(answer) == (409, "other_kind")
    assert "oauth/" in answer.json()["detail"]
    assert wechat.count(SESSION) + wechat.count(PHONE) == 0


def test_of_an_account_whose_kind_is_not_known_yet_wechat_decides(
    shop: Authorizer, till: Client, wechat: WeChat
) -> None:
    Authorizer.objects.update(kind="unknown")
    code = wechat.users.log_in(shop.appid, OPENID)
    assert ask(till, shop, "login", code=code).status_code == 200


@pytest.mark.parametrize("noun", ["login", "phone-number"])
def test_an_account_that_cancelled_is_a_conflict(
    shop: Authorizer, till: Client, wechat: WeChat, noun: str
) -> None:
    wechat.cancel(shop.appid)
    assert status_and_code(ask(till, shop, noun, code="x")) == (409, "not_bound")
    Authorizer.objects.update(state="needs_reauthorization", due_at=None)
    before = wechat.count()
    assert status_and_code(ask(till, shop, noun, code="x")) == (409, "not_bound")
    assert wechat.count() == before


@pytest.mark.parametrize("noun", ["login", "phone-number"])
def test_a_code_is_needed(shop: Authorizer, till: Client, noun: str) -> None:
    for body in ({}, {"code": ""}, {"code": "x" * 600}, {"code": "x", "scope": "y"}):
        assert status_and_code(ask(till, shop, noun, **body)) == (400, "invalid")


def test_a_person_may_try_it_with_their_own_key(
    shop: Authorizer, wechat: WeChat, merchant: User
) -> None:
    _row, key = AuthToken.objects.create(merchant)
    person = Client(headers={"authorization": f"Token {key}"})
    code = wechat.users.log_in(shop.appid, OPENID)
    assert ask(person, shop, "login", code=code).status_code == 200


# ── phone numbers ───────────────────────────────────────────────────────────────────────────────


def test_the_phone_number_of_whoever_pressed_the_button(
    shop: Authorizer, till: Client, wechat: WeChat
) -> None:
    code = wechat.users.press_phone_button(shop.appid, OPENID, "13800138000")
    answer = ask(till, shop, "phone-number", code=code, openid=OPENID)
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    assert answer.json() == {
        "phone_number": "13800138000",
        "pure_phone_number": "13800138000",
        "country_code": "86",
    }
    assert errcode_of(ask(till, shop, "phone-number", code=code)) == 40029


def test_the_phone_of_somebody_else_is_not_told(
    shop: Authorizer, till: Client, wechat: WeChat
) -> None:
    code = wechat.users.press_phone_button(shop.appid, OPENID)
    assert errcode_of(ask(till, shop, "phone-number", code=code, openid="o-other")) == 40029


def test_a_number_under_another_accounts_watermark_is_no_answer(
    shop: Authorizer, till: Client, wechat: WeChat
) -> None:
    number = {"phoneNumber": "1", "purePhoneNumber": "1", "countryCode": "86"}
    info = {**number, "watermark": {"timestamp": 1, "appid": "wx1"}}
    wechat.fault(PHONE, body=json.dumps({"errcode": 0, "phone_info": info}).encode())
    code = wechat.users.press_phone_button(shop.appid, OPENID)
    answer = ask(till, shop, "phone-number", code=code)
    assert status_and_code(answer) == (502, "wechat_unreachable")


def test_a_merchant_who_left_the_set_out_is_named(
    shop: Authorizer, till: Client, wechat: WeChat
) -> None:
    wechat.update_authorization(shop.appid, [19, 30])
    code = wechat.users.press_phone_button(shop.appid, OPENID)
    assert errcode_of(ask(till, shop, "phone-number", code=code)) == 61007


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────


def test_no_code_key_or_number_is_logged_or_repeated_in_an_error(
    shop: Authorizer, till: Client, wechat: WeChat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    code = wechat.users.log_in(shop.appid, OPENID)
    key = ask(till, shop, "login", code=code).json()["session_key"]
    pressed = wechat.users.press_phone_button(shop.appid, OPENID, "13800138000")
    ask(till, shop, "phone-number", code=pressed)
    again = [
        ask(till, shop, "login", code=code),
        ask(till, shop, "phone-number", code=pressed),
        ask(till, shop, "decrypt", session_key=key, encrypted_data="AAAA", iv=key),
    ]
    texts = [*(answer.content.decode() for answer in again), caplog.text]
    for secret in (code, key, pressed, "13800138000"):
        assert not any(secret in text for text in texts), secret
