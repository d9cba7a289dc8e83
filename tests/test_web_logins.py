"""
Users log in on pages of official accounts: WeChat sends them back to us, we send them on with a
code of our own, and the page's back end trades that.
"""

import logging
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from miniprograms.models import Authorizer, WebLogin
from miniprograms.tasks import forget_web_logins
from sandbox.world import WeChat
from tests.conftest import APPID, Bound
from tests.test_api_clients import bearer, make_key, status_and_code
from tests.web_logins import (
    HOST,
    OPENID,
    PROFILE,
    TRADE,
    come_back,
    login_url,
    query_of,
    trade,
)
from tests.web_logins import account as account
from tests.web_logins import browser as browser
from tests.web_logins import till as till

pytestmark = pytest.mark.django_db


# ── the way there and back ──────────────────────────────────────────────────────────────────────


def test_the_address_is_wechats_with_its_parameters_in_their_order(
    account: Authorizer, till: Client
) -> None:
    url = urlsplit(login_url(till, account, scope="snsapi_userinfo"))
    assert (url.netloc, url.path) == ("wechat.test", "/connect/oauth2/authorize")
    assert url.fragment == "wechat_redirect"
    pairs = parse_qsl(url.query)
    names = "appid redirect_uri response_type scope state component_appid"
    assert " ".join(name for name, _value in pairs) == names
    query = dict(pairs)
    assert query["appid"] == account.appid
    assert query["component_appid"] == APPID
    assert query["scope"] == "snsapi_userinfo"
    assert query["state"] == "s1"
    # Only our own host need be one of the platform's at WeChat.
    assert urlsplit(query["redirect_uri"]).hostname == "testserver"


def test_a_user_comes_back_and_is_told_once(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    location = come_back(wechat, login_url(till, account), browser)
    assert location.startswith(f"https://{HOST}/signed-in?lang=zh&code=")
    assert location.endswith("#/home")
    query = query_of(location)
    assert set(query) == {"lang", "code", "state"}
    assert query["state"] == "s1"
    assert wechat.count(TRADE) == 1
    answer = trade(till, account, query["code"])
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    user = answer.json()
    assert set(user) == {"openid", "scope", "unionid"}
    assert (user["openid"], user["scope"]) == (OPENID, "snsapi_base")
    assert status_and_code(trade(till, account, query["code"])) == (409, "code_spent")
    assert wechat.count(PROFILE) == 0


def test_who_agrees_to_more_is_told_with_their_profile(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    wechat.users.profiles[OPENID] = {"nickname": "小明", "sex": 1, "privilege": ["a"]}
    url = login_url(till, account, scope="snsapi_userinfo")
    code = query_of(come_back(wechat, url, browser))["code"]
    user = trade(till, account, code).json()
    assert user["scope"] == "snsapi_userinfo"
    assert user["user"]["nickname"] == "小明"
    assert user["user"]["openid"] == user["openid"] == OPENID
    assert user["user"]["unionid"] == user["unionid"]
    assert user["user"]["privilege"] == ["a"]


def test_without_a_state_none_comes_back(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    url = login_url(till, account, state="")
    assert "state" not in query_of(url)
    assert set(query_of(come_back(wechat, url, browser))) == {"lang", "code"}


def test_one_address_serves_many_users(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    url = login_url(till, account)
    for openid in ("o-one", "o-two"):
        code = query_of(come_back(wechat, url, browser, openid))["code"]
        assert trade(till, account, code).json()["openid"] == openid


def test_a_user_who_refuses_is_told_as_oauth_has_it(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    url = login_url(till, account, scope="snsapi_userinfo")
    query = query_of(come_back(wechat, url, browser, refuse=True))
    assert query == {"lang": "zh", "error": "access_denied", "state": "s1"}
    assert wechat.count(TRADE) == 0


def test_a_made_up_user_is_marked(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    wechat.users.snapshots.add(account.appid)
    code = query_of(come_back(wechat, login_url(till, account), browser))["code"]
    assert trade(till, account, code).json()["is_snapshot"] is True


# ── the code of ours ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def code(account: Authorizer, till: Client, wechat: WeChat, browser: Client) -> str:
    return query_of(come_back(wechat, login_url(till, account), browser))["code"]


def test_it_is_good_for_two_minutes(account: Authorizer, till: Client, code: str) -> None:
    row = WebLogin.objects.get()
    assert 100 < (row.expires_at - timezone.now()).total_seconds() <= 120
    WebLogin.objects.update(expires_at=timezone.now())
    assert status_and_code(trade(till, account, code)) == (409, "code_spent")


def test_it_is_good_for_its_client_and_account_alone(
    bound: Bound, account: Authorizer, till: Client, code: str, merchant: User
) -> None:
    other = bound(kind="official_account")
    another = bearer(make_key(merchant, "users:login", name="other", redirect_hosts=HOST))
    _row, key = AuthToken.objects.create(merchant)
    person = Client(headers={"authorization": f"Token {key}"})
    for asking, about in ((another, account), (person, account), (till, other)):
        assert status_and_code(trade(asking, about, code)) == (409, "code_spent")
    assert trade(till, account, code).status_code == 200


def test_an_invented_one_is_as_spent_as_any(
    account: Authorizer, till: Client, wechat: WeChat
) -> None:
    assert status_and_code(trade(till, account, "wxl_" + "0" * 64)) == (409, "code_spent")
    assert wechat.count(TRADE) == 0


def test_wechat_failing_at_the_profile_does_not_cost_it(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    url = login_url(till, account, scope="snsapi_userinfo")
    code = query_of(come_back(wechat, url, browser))["code"]
    wechat.fault(PROFILE, times=3, status=502)
    assert status_and_code(trade(till, account, code)) == (502, "wechat_unreachable")
    assert trade(till, account, code).status_code == 200


def test_neither_code_nor_token_lies_open(code: str, wechat: WeChat) -> None:
    row = WebLogin.objects.values().get()
    [wechat_code] = wechat.users._codes
    tokens = list(wechat.users._web_tokens)
    assert not any(secret in str(row) for secret in (code, wechat_code, OPENID, *tokens))


def test_what_nobody_can_finish_any_more_is_forgotten(code: str) -> None:
    forget_web_logins()
    assert WebLogin.objects.count() == 1
    WebLogin.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    forget_web_logins()
    assert not WebLogin.objects.exists()


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────


def test_no_code_or_token_is_logged(
    account: Authorizer,
    till: Client,
    wechat: WeChat,
    browser: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    url = login_url(till, account, scope="snsapi_userinfo")
    codes = [query_of(come_back(wechat, url, browser))["code"] for _ in range(2)]
    answers = [trade(till, account, codes[0]) for _ in range(2)]
    wechat.fault(PROFILE, errcode=40001)
    answers.append(trade(till, account, codes[1]))
    assert [answer.status_code for answer in answers] == [200, 409, 422]
    secrets = [*codes, *wechat.users._codes, *wechat.users._web_tokens]
    assert len(secrets) == 6
    texts = [*(answer.content.decode() for answer in answers), caplog.text]
    for secret in secrets:
        assert not any(secret in text for text in texts), secret
