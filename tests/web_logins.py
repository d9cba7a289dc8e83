"""A user who logs in on a page of an official account: the way to WeChat's page and back."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from miniprograms.models import Authorizer
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_clients import bearer, make_key

OPENID = "o" + "u" * 27
TRADE, PROFILE = "/sns/oauth2/component/access_token", "/sns/userinfo"
HOST = "shop.example.com"
PAGE = f"https://{HOST}/signed-in?lang=zh#/home"


@pytest.fixture
def account(bound: Bound) -> Authorizer:
    return bound(kind="official_account", is_linked=True)


@pytest.fixture
def till(merchant: User) -> Client:
    return bearer(make_key(merchant, "users:login", name="till", redirect_hosts=HOST))


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


def url_of(account: Authorizer, noun: str) -> str:
    return f"/api/v1/authorizers/{account.appid}/oauth/{noun}/"


def ask_url(till: Client, account: Authorizer, **query: str) -> Any:
    return till.get(url_of(account, "url"), {"redirect_uri": PAGE, "state": "s1", **query})


def login_url(till: Client, account: Authorizer, **query: str) -> str:
    answer = ask_url(till, account, **query)
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    [(name, url)] = answer.json().items()
    assert name == "url"
    return str(url)


def come_back(
    wechat: WeChat, url: str, browser: Client, openid: str = OPENID, *, refuse: bool = False
) -> str:
    """Where the browser ends up that opens URL and comes back from WeChat's page."""
    page = wechat.users.open_page(url)
    location = wechat.users.refuse(page) if refuse else wechat.users.agree(page, openid)
    return go_on(browser, location)


def go_on(browser: Client, location: str) -> str:
    address = urlsplit(location)
    answer = browser.get(f"{address.path}?{address.query}")
    assert answer.status_code == 302, answer.content
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    return str(answer["Location"])


def query_of(location: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(location).query))


def trade(till: Client, account: Authorizer, code: str) -> Any:
    return till.post(url_of(account, "user"), {"code": code}, content_type="application/json")
