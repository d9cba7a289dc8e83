"""Who comes back twice, late, from elsewhere or to elsewhere; and pages without the relay."""

import threading
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from miniprograms.models import Authorizer, WebLogin
from platform_auth.models import ApiClient
from sandbox.world import WeChat
from sandbox.world.errors import PageRefusal
from tests.conftest import Bound
from tests.test_api_clients import bearer, make_key, status_and_code
from tests.threads import in_a_thread, together
from tests.web_logins import (
    HOST,
    OPENID,
    PAGE,
    TRADE,
    ask_url,
    come_back,
    go_on,
    login_url,
    query_of,
    trade,
)
from tests.web_logins import account as account
from tests.web_logins import browser as browser
from tests.web_logins import till as till

pytestmark = pytest.mark.django_db

BAD_STATES = ["x" * 129, "汉" * 43, "a\nb", "a\x00b"]


# ── coming back twice, late or from elsewhere ───────────────────────────────────────────────────


def test_a_browser_that_comes_back_twice_goes_to_the_same_place(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    page = wechat.users.open_page(login_url(till, account))
    location = wechat.users.agree(page, OPENID)
    assert go_on(browser, location) == go_on(browser, location)
    assert wechat.count(TRADE) == 1


@pytest.mark.django_db(transaction=True)
def test_twice_at_once_is_one_trade(account: Authorizer, till: Client, wechat: WeChat) -> None:
    wechat.fault(TRADE, times=None, delay=0.3)
    page = wechat.users.open_page(login_url(till, account))
    location = wechat.users.agree(page, OPENID)
    answers = together([lambda: go_on(Client(), location)] * 3)
    assert len(set(answers)) == 1
    assert "code" in query_of(str(answers[0]))
    assert wechat.count(TRADE) == 1


@pytest.mark.django_db(transaction=True)
def test_strangers_who_come_back_leave_places_for_those_whom_we_know(
    account: Authorizer, till: Client, wechat: WeChat, merchant: User, settings: Any
) -> None:
    """A crowd with invented codes, while WeChat is slow."""
    back = query_of(login_url(till, account))["redirect_uri"]
    shop = bearer(make_key(merchant, "jssdk:sign", name="shop", redirect_hosts=HOST))
    answer = threading.Event()
    wechat.fault(TRADE, times=None, until=answer)
    few = settings.BULKHEAD_PLACES // 2
    crowd = [
        in_a_thread(lambda number=number: Client().get(f"{back}?code=x{number}"))  # type: ignore[misc]
        for number in range(few)
    ]
    while wechat.count(TRADE) < few:
        time.sleep(0.01)
    more = Client().get(f"{back}?code=another")
    assert (more.status_code, more["Retry-After"]) == (503, "5")
    known = shop.get(f"/api/v1/authorizers/{account.appid}/jssdk/", {"url": PAGE})
    assert known.status_code == 200
    answer.set()
    assert [one.result().status_code for one in crowd] == [302] * few


def test_a_code_that_wechat_refuses_leads_on_with_an_error(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    back = query_of(login_url(till, account))["redirect_uri"]
    query = query_of(go_on(browser, f"{back}?code=invented&state=s1&appid={account.appid}"))
    failed = {"error": "server_error", "errcode": "40029"}
    assert query == {"lang": "zh", **failed, "state": "s1"}
    assert not WebLogin.objects.exists()


def test_wechat_that_fails_leads_on_with_another_error(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    url = login_url(till, account)
    wechat.fault(TRADE, status=502)
    query = query_of(come_back(wechat, url, browser))
    assert query["error"] == "temporarily_unavailable"
    assert wechat.count(TRADE) == 1  # a code is good once, so nothing is repeated blindly


def test_an_account_that_cancelled_meanwhile_leads_on_with_an_error(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    page = wechat.users.open_page(login_url(till, account))
    location = wechat.users.agree(page, OPENID)
    wechat.cancel(account.appid)
    assert query_of(go_on(browser, location))["error"] == "server_error"


def test_a_code_brought_back_to_where_it_is_not_from_is_worth_nothing(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client, merchant: User
) -> None:
    """Whoever sees WeChat's code cannot have it led to a client of theirs."""
    thief = bearer(make_key(merchant, "users:login", name="thief", redirect_hosts=HOST))
    theirs = query_of(login_url(thief, account))["redirect_uri"]
    page = wechat.users.open_page(login_url(till, account))
    location = wechat.users.agree(page, OPENID)
    go_on(browser, location)
    query = query_of(go_on(browser, f"{theirs}?{urlsplit(location).query}"))
    assert query["error"] == "server_error"


def changed(back: str) -> dict[str, str]:
    head, signed = back.rstrip("/").rsplit("/", 1)
    return {
        "another letter": f"{head}/{'x' if signed[0] != 'x' else 'y'}{signed[1:]}/",
        "without its signature": f"{head}/{signed.rsplit(':', 1)[0]}/",
        "nothing": f"{head}/x/",
    }


@pytest.mark.parametrize("how", ["another letter", "without its signature", "nothing"])
def test_an_address_that_is_not_ours_leads_nowhere(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client, how: str
) -> None:
    back = changed(query_of(login_url(till, account))["redirect_uri"])[how]
    assert browser.get(f"{urlsplit(back).path}?code=x&state=s1").status_code == 404
    assert wechat.count(TRADE) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_hosts": ["other.example.com"]},
        {"redirect_hosts": []},
        {"scopes": ["jssdk:sign"]},
        {"appids": ["wx0000000000000000"]},
        {"expires_at": timezone.now() - timedelta(days=1)},
    ],
)
def test_what_the_client_may_do_no_longer_is_done_no_longer(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client, change: dict[str, Any]
) -> None:
    location = wechat.users.agree(wechat.users.open_page(login_url(till, account)), OPENID)
    ApiClient.objects.update(**change)
    address = urlsplit(location)
    assert browser.get(f"{address.path}?{address.query}").status_code == 404
    assert wechat.count(TRADE) == 0


def test_an_owner_who_lost_the_account_or_was_switched_off_leads_nowhere(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client, other_merchant: User
) -> None:
    location = wechat.users.agree(wechat.users.open_page(login_url(till, account)), OPENID)
    address = urlsplit(location)
    for rows, column, values in (
        (Authorizer.objects, "owner", (other_merchant, account.owner)),
        (User.objects.filter(username="merchant"), "is_active", (False, True)),
    ):
        rows.update(**{column: values[0]})
        assert browser.get(f"{address.path}?{address.query}").status_code == 404
        rows.update(**{column: values[1]})
    assert go_on(browser, location)


@pytest.mark.parametrize("method", ["head", "post", "put"])
def test_a_look_ahead_spends_no_code(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client, method: str
) -> None:
    page = wechat.users.open_page(login_url(till, account))
    address = urlsplit(wechat.users.agree(page, OPENID))
    answer = getattr(browser, method)(f"{address.path}?{address.query}")
    assert answer.status_code == 405
    assert wechat.count(TRADE) == 0


# ── hosts and other wrong things ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "uri",
    [
        "https://shop.example.com.evil.example/x",
        "https://evil.example/shop.example.com",
        "https://sub.shop.example.com/",
        "https://shop.example.com:8443/",
        "https://shop.example.co",
    ],
)
def test_a_host_that_is_not_on_the_list_is_refused(
    account: Authorizer, till: Client, uri: str
) -> None:
    answer = ask_url(till, account, redirect_uri=uri)
    assert status_and_code(answer) == (403, "host_not_allowed")


@pytest.mark.parametrize(
    "uri",
    [
        *("", "x", "/x", "//shop.example.com/", "shop.example.com", "ftp://shop.example.com/"),
        *("javascript://shop.example.com/%0aalert(1)", "https:shop.example.com"),
        *("https://evil.example\\@shop.example.com/", "https://user@shop.example.com/"),
        *("https://shop.example.com\\@evil.example/", "https://shop.example.com\t/"),
        *("https://shop.example.com /", "https://shop.example.com/\r\nX: y", "https://shop。com/"),
        *("https://shop.example.com/店", "https://[::1]/", "https:///shop.example.com"),
        "https://shop.example.com/?code=mine",
        "https://shop.example.com/?a=1&state=mine",
        "https://shop.example.com/" + "x" * 1000,
    ],
)
def test_what_is_no_address_of_a_page_is_refused(
    account: Authorizer, till: Client, uri: str
) -> None:
    answer = ask_url(till, account, redirect_uri=uri)
    assert status_and_code(answer) == (400, "invalid")
    assert list(answer.json()["fields"]) == ["redirect_uri"]


@pytest.mark.parametrize(
    ("listed", "uri"),
    [
        ("shop.example.com", "https://SHOP.example.com:443/x"),
        ("shop.example.com:443", "https://shop.example.com/"),
        ("shop.example.com:8443", "https://shop.example.com:8443"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/x"),
        ("localhost:3000", "http://localhost:3000/x"),
    ],
)
def test_a_host_is_the_same_however_it_is_written(
    account: Authorizer, merchant: User, settings: Any, listed: str, uri: str
) -> None:
    settings.PUBLIC_URL = "https://platform.example.com"
    till = bearer(make_key(merchant, "users:login", redirect_hosts=listed))
    assert ask_url(till, account, redirect_uri=uri).status_code == 200


def test_a_code_travels_encrypted_unless_the_platform_itself_is_on_trial(
    account: Authorizer, till: Client, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://platform.example.com"
    assert ask_url(till, account, redirect_uri=f"http://{HOST}/").status_code == 400
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert ask_url(till, account, redirect_uri=f"http://{HOST}/").status_code == 200


@pytest.mark.parametrize("query", [{"state": text} for text in BAD_STATES])
def test_a_state_that_wechat_would_not_give_back_is_refused(
    account: Authorizer, till: Client, query: dict[str, str]
) -> None:
    answer = ask_url(till, account, **query)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["state"])


def test_a_scope_that_there_is_not_is_refused(account: Authorizer, till: Client) -> None:
    assert ask_url(till, account, scope="snsapi_login").status_code == 400


def test_a_client_without_hosts_and_a_person_have_none(account: Authorizer, merchant: User) -> None:
    _row, key = AuthToken.objects.create(merchant)
    for asking in (
        bearer(make_key(merchant, "users:login")),
        Client(headers={"authorization": f"Token {key}"}),
    ):
        assert status_and_code(ask_url(asking, account)) == (403, "host_not_allowed")


def test_a_mini_program_has_no_pages(bound: Bound, till: Client) -> None:
    program = bound()
    answer = ask_url(till, program)
    assert status_and_code(answer) == (409, "other_kind")
    assert "login/" in answer.json()["detail"]
    assert status_and_code(trade(till, program, "x")) == (409, "other_kind")


# ── without the relay ───────────────────────────────────────────────────────────────────────────


def test_a_page_on_a_host_of_the_platforms_may_have_wechats_own_code(
    account: Authorizer, till: Client, wechat: WeChat
) -> None:
    wechat.component.redirect_domain = HOST
    url = login_url(till, account, direct="true")
    assert query_of(url)["redirect_uri"] == PAGE
    code = query_of(wechat.users.agree(wechat.users.open_page(url), OPENID))["code"]
    assert trade(till, account, code).json()["openid"] == OPENID
    again = trade(till, account, code)
    assert status_and_code(again) == (422, "wechat_refused")
    assert again.json()["wechat"]["errcode"] == 40163


@pytest.mark.parametrize(
    ("func_ids", "domain", "number"), [([1, 2, 3], "testserver", 10005), (None, "x.com", 10003)]
)
def test_wechats_page_shows_what_is_missing(
    account: Authorizer,
    till: Client,
    wechat: WeChat,
    func_ids: list[int] | None,
    domain: str,
    number: int,
) -> None:
    url = login_url(till, account)
    wechat.component.redirect_domain = domain
    if func_ids:
        wechat.update_authorization(account.appid, func_ids)
    with pytest.raises(PageRefusal, match=str(number)):
        wechat.users.open_page(url)


def test_a_set_that_was_taken_away_is_named(
    account: Authorizer, till: Client, wechat: WeChat, browser: Client
) -> None:
    location = wechat.users.agree(wechat.users.open_page(login_url(till, account)), OPENID)
    wechat.update_authorization(account.appid, [1, 2, 3])
    assert query_of(go_on(browser, location))["errcode"] == "61007"
