"""From the bind button to WeChat and back, through the pages."""

import io
import logging
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from structlog.stdlib import ProcessorFormatter

from miniprograms.models import Authorizer, Binding
from miniprograms.services import bind_links
from sandbox.world import WeChat
from sandbox.world.parties import Account

QUERY_AUTH = "/cgi-bin/component/api_query_auth"
PRE_AUTH_CODE = "/cgi-bin/component/api_create_preauthcode"
PHONE = "Mozilla/5.0 (Linux; Android 14) Chrome/120.0 Mobile Safari/537.36 MicroMessenger/8.0.50"
WINDOWS_WECHAT = "Mozilla/5.0 (Windows NT 10.0) Chrome/108.0 MicroMessenger/7.0 WindowsWechat"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket"), pytest.mark.any_database]


def new_browser(user: User | None = None) -> Client:
    browser = Client(headers={"accept-language": "en"})
    if user is not None:
        browser.force_login(user)
    return browser


@pytest.fixture
def browser(merchant: User) -> Client:
    """The merchant's, logged in."""
    return new_browser(merchant)


@pytest.fixture
def account(wechat: WeChat) -> Account:
    return wechat.create_account(nick_name="Tea & Cake")


def link_in(page: Any) -> str:
    """The address the page goes on to by itself."""
    found = re.search(r'<a [^>]*href="([^"]+)" data-navigate', page.content.decode())
    assert found, page.content.decode()
    return unescape(found[1])


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def start(browser: Client, **fields: str) -> dict[str, str]:
    """Press the button: the parameters of WeChat's page, and where it will return to."""
    page = browser.post("/portal/bind/", fields)
    assert page.status_code == 200
    query = query_of(link_in(page))
    return {**query, "back": urlsplit(query["redirect_uri"]).path}


def confirm(wechat: WeChat, started: dict[str, str], account: Account) -> dict[str, str]:
    """The owner confirms: what WeChat adds to the address it returns to."""
    code = wechat.authorize(started["pre_auth_code"], account.appid)
    return {"auth_code": code, "expires_in": "600"}


def text_of(page: Any) -> str:
    text: str = page.content.decode()
    return text


# The button


def test_the_button_leads_to_wechats_page_for_computers(browser: Client) -> None:
    url = link_in(browser.post("/portal/bind/"))
    assert url.startswith("https://wechat.test/cgi-bin/componentloginpage?")
    assert query_of(url)["auth_type"] == "3"
    back = query_of(url)["redirect_uri"]
    assert re.fullmatch(r"http://testserver/portal/bind/[\w-]{43}/return/", back)


def test_the_way_to_wechat_is_a_page_that_tells_our_origin_and_is_not_kept(browser: Client) -> None:
    page = browser.post("/portal/bind/")
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "strict-origin"
    assert "no-store" in page["Cache-Control"]
    assert '<meta name="referrer"' not in text_of(page)


@pytest.mark.parametrize("auth_type", ["1", "2", "3"])
def test_the_kind_asked_for_reaches_wechat(browser: Client, auth_type: str) -> None:
    assert start(browser, auth_type=auth_type)["auth_type"] == auth_type


def test_the_one_account_asked_for_reaches_wechat(browser: Client) -> None:
    assert start(browser, biz_appid=" wx00000000000000a1 ")["biz_appid"] == "wx00000000000000a1"


@pytest.mark.parametrize(
    "fields",
    [
        {"auth_type": "4"},
        {"auth_type": "x"},
        {"biz_appid": "gh_1"},
        {"biz_appid": "wx'; --\x00"},
        {"device": "fridge"},
    ],
)
def test_nonsense_in_the_form_gets_the_form_again_and_asks_wechat_nothing(
    browser: Client, wechat: WeChat, fields: dict[str, str]
) -> None:
    page = browser.post("/portal/bind/", fields)
    assert page.status_code == 400
    assert "errorlist" in text_of(page)
    assert wechat.count(PRE_AUTH_CODE) == 0


def test_a_get_of_the_button_starts_nothing(browser: Client) -> None:
    assert browser.get("/portal/bind/").headers["Location"] == "/portal/"
    assert not Binding.objects.exists()


def test_the_button_needs_a_login(wechat: WeChat) -> None:
    answer = new_browser().post("/portal/bind/")
    assert answer.headers["Location"] == "/portal/login/?next=/portal/bind/"
    assert not Binding.objects.exists()


def test_the_button_needs_the_csrf_token(merchant: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(merchant)
    assert browser.post("/portal/bind/").status_code == 403
    assert not Binding.objects.exists()


# When WeChat is not there


@pytest.mark.parametrize("fault", [{"drop": "before"}, {"status": 500}, {"body": b"<html>"}])
def test_when_wechat_fails_the_page_says_so_kindly(
    browser: Client, wechat: WeChat, fault: dict[str, object]
) -> None:
    wechat.fault(PRE_AUTH_CODE, times=None, **fault)
    page = browser.post("/portal/bind/")
    assert page.status_code == 502
    assert "WeChat does not answer" in text_of(page)
    assert "WeChat has refused" not in text_of(page)


def test_the_sixth_unfinished_binding_in_ten_minutes_has_to_wait(
    browser: Client, wechat: WeChat
) -> None:
    for number in range(5):
        start(browser, biz_appid=f"wx00000000000000a{number}")
    page = browser.post("/portal/bind/", {"biz_appid": "wx00000000000000a9"})
    assert page.status_code == 429
    assert page["Retry-After"]
    assert wechat.count(PRE_AUTH_CODE) == 5


# The return


def test_the_return_binds_and_its_code_leaves_the_url(
    browser: Client, wechat: WeChat, account: Account, merchant: User
) -> None:
    started = start(browser)
    answer = browser.get(started["back"], confirm(wechat, started, account))
    assert (answer.status_code, answer["Location"]) == (302, started["back"])
    page = browser.get(answer["Location"])
    assert page.status_code == 200
    assert "Tea &amp; Cake is bound" in text_of(page)
    row = Authorizer.objects.get()
    assert (row.owner, row.state, row.token_state) == (merchant, "bound", "fresh")


def test_what_was_not_allowed_is_named_with_the_button_that_mends_it(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    started = start(browser)
    browser.get(started["back"], confirm(wechat, started, account))
    complete = text_of(browser.get(started["back"]))
    assert "We have all the permissions that we need." in complete
    assert "permissions are missing" not in complete
    Authorizer.objects.update(func_info=[17])
    page = text_of(browser.get(started["back"]))
    assert "It is bound, but permissions are missing." in page
    assert "permission at WeChat: Development and data analysis (小程序开发与数据分析)" in page
    assert f'name="biz_appid" value="{account.appid}"' in page
    assert "We have all the permissions" not in page


def test_from_the_return_on_nobody_is_told_where_we_were(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    started = start(browser)
    answers = [
        browser.get(started["back"], confirm(wechat, started, account)),
        browser.get(started["back"]),
        browser.get("/portal/bind/unknown/return/", {"auth_code": "x"}),
    ]
    assert [answer.status_code for answer in answers] == [302, 200, 404]
    assert {answer["Referrer-Policy"] for answer in answers} == {"no-referrer"}
    assert all("no-store" in answer["Cache-Control"] for answer in answers)


def test_a_return_that_is_reloaded_trades_once_and_shows_the_same(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    started = start(browser)
    told = confirm(wechat, started, account)
    pages = [browser.get(started["back"], told, follow=True) for _ in range(3)]
    assert all("is bound" in text_of(page) for page in pages)
    assert wechat.count(QUERY_AUTH) == 1


@pytest.mark.parametrize("state", ["unknown", "x" * 43, "link", "%00", "é"])
def test_an_unknown_state_is_not_found_and_makes_no_call(
    browser: Client, wechat: WeChat, account: Account, state: str
) -> None:
    told = confirm(wechat, start(browser), account)
    calls = len(wechat.ledger)
    assert browser.get(f"/portal/bind/{state}/return/", told).status_code == 404
    assert len(wechat.ledger) == calls
    assert not Authorizer.objects.exists()


def test_a_return_in_another_session_is_not_found_and_makes_no_call(
    browser: Client, wechat: WeChat, account: Account, merchant: User, other_merchant: User
) -> None:
    started = start(browser)
    told = confirm(wechat, started, account)
    for stranger in (new_browser(), new_browser(merchant), new_browser(other_merchant)):
        assert stranger.get(started["back"], told).status_code == 404
    assert wechat.count(QUERY_AUTH) == 0


def test_a_return_after_logging_in_again_in_the_same_session_binds(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    started = start(browser)
    browser.post("/portal/login/", {"username": "merchant", "password": "merchant-password"})
    page = browser.get(started["back"], confirm(wechat, started, account), follow=True)
    assert "is bound" in text_of(page)


def test_an_expired_code_gets_a_friendly_page_with_a_new_button(
    browser: Client, wechat: WeChat
) -> None:
    started = start(browser, auth_type="2", biz_appid="wx00000000000000a1")
    told = {"auth_code": "queryauthcode@@@" + "x" * 60, "expires_in": "600"}
    page = browser.get(started["back"], told, follow=True)
    assert page.status_code == 200
    assert "please try again" in text_of(page)
    assert '<form method="post" action="/portal/bind/">' in text_of(page)
    assert 'name="biz_appid" value="wx00000000000000a1"' in text_of(page)
    assert "queryauthcode" not in text_of(page)


def test_a_return_without_a_code_shows_a_new_button_and_makes_no_call(
    browser: Client, wechat: WeChat
) -> None:
    started = start(browser)
    page = browser.get(started["back"])
    assert "Not confirmed yet" in text_of(page)
    assert '<form method="post" action="/portal/bind/">' in text_of(page)
    assert wechat.count(QUERY_AUTH) == 0


def test_while_the_trade_is_not_over_the_page_asks_again_by_itself(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    started = start(browser)
    wechat.fault(QUERY_AUTH, drop="after")
    page = browser.get(started["back"], confirm(wechat, started, account), follow=True)
    assert f'data-poll="{started["back"]}"' in text_of(page)
    assert "Almost done" in text_of(page)


def test_an_account_of_another_merchant_is_parked_and_its_owner_is_not_named(
    browser: Client, wechat: WeChat, account: Account, other_merchant: User
) -> None:
    theirs = new_browser(other_merchant)
    started = start(theirs)
    theirs.get(started["back"], confirm(wechat, started, account))
    started = start(browser)
    page = browser.get(started["back"], confirm(wechat, started, account), follow=True)
    assert "Our staff will look at it" in text_of(page)
    assert "other-merchant" not in text_of(page)
    assert Authorizer.objects.get().owner == other_merchant


def test_a_head_request_has_no_effect(browser: Client, wechat: WeChat, account: Account) -> None:
    assert browser.head("/portal/bind/").status_code == 302
    assert not Binding.objects.exists()
    started = start(browser)
    assert browser.head(started["back"], confirm(wechat, started, account)).status_code == 405
    assert wechat.count(QUERY_AUTH) == 0


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What our own log handler writes."""
    handlers = logging.getLogger().handlers
    [ours] = [one for one in handlers if isinstance(one.formatter, ProcessorFormatter)]
    assert isinstance(ours, logging.StreamHandler)
    written = io.StringIO()
    before = ours.setStream(written)
    yield written
    ours.setStream(before)


def test_no_log_tells_a_state_a_code_or_a_bind_link(
    browser: Client,
    wechat: WeChat,
    account: Account,
    link: str,
    log: io.StringIO,
) -> None:
    state, _page = phone_binding(browser, wechat, account)
    started = start(browser)
    told = confirm(wechat, started, account)
    browser.get(started["back"], told)
    new_browser().get(started["back"], told)
    wechat.fault(PRE_AUTH_CODE, status=500, times=None)
    new_browser().post(link)
    text = log.getvalue()
    assert "GET /portal/bind/***/return/" in text
    assert "POST /portal/bind/link/***/" in text
    for secret in (state, started["back"].split("/")[3], told["auth_code"], link.split("/")[4]):
        assert secret not in text


# The phone


ORDINARY = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Mobile/15E148 Safari/604.1"


def test_a_phones_ordinary_browser_explains_how_to_go_on_in_wechat(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    page = browser.post("/portal/bind/", headers={"user-agent": ORDINARY})
    text = text_of(page)
    state = Binding.objects.get().state
    assert "Go on in WeChat" in text
    assert "data-navigate" not in text  # WeChat's page would be of no use here
    address = f"http://testserver/portal/bind/{state}/go/"
    assert f'data-copy="{address}"' in text
    assert 'src="data:image/png;base64,' in text  # which a phone can save
    outcome = f"/portal/bind/{state}/"
    assert f'data-poll="{outcome}"' in text
    started = query_of(link_in(new_browser().get(f"{outcome}go/")))
    told = confirm(wechat, started, account)
    new_browser().get(urlsplit(started["redirect_uri"]).path, told)
    assert "is bound" in text_of(browser.get(outcome, headers={"user-agent": ORDINARY}))


def test_inside_wechat_there_is_a_button_and_no_code_to_scan(browser: Client) -> None:
    page = browser.post("/portal/bind/", headers={"user-agent": PHONE})
    assert link_in(page).startswith("https://wechat.test/wxaopen/safe/bindcomponent?")
    assert "data:image" not in text_of(page)


def test_a_bind_link_says_that_wechat_is_the_place(link: str) -> None:
    hint = "It is easiest in WeChat itself"
    answers = {
        agent: text_of(new_browser().get(link, headers={"user-agent": agent}))
        for agent in (ORDINARY, PHONE, WINDOWS_WECHAT, "Mozilla/5.0 (X11; Linux x86_64)")
    }
    assert [agent for agent, page in answers.items() if hint in page] == [ORDINARY]
    assert f'data-copy="http://testserver{link}"' in answers[ORDINARY]


def test_for_the_phone_the_page_shows_a_code_that_leads_to_a_page_of_ours(browser: Client) -> None:
    page = browser.post("/portal/bind/", {"device": "phone"})
    state = Binding.objects.get().state
    assert page.status_code == 200
    assert 'src="data:image/svg+xml' in text_of(page)
    assert f'href="http://testserver/portal/bind/{state}/go/"' in text_of(page)
    assert "data-navigate" not in text_of(page)


def test_the_page_behind_the_code_needs_no_login_and_goes_on_to_wechats_page_for_phones(
    browser: Client,
) -> None:
    browser.post("/portal/bind/", {"device": "phone"})
    state = Binding.objects.get().state
    page = new_browser().get(f"/portal/bind/{state}/go/")
    assert page["Referrer-Policy"] == "strict-origin"
    assert "no-store" in page["Cache-Control"]
    url = link_in(page)
    assert url.startswith("https://wechat.test/wxaopen/safe/bindcomponent?")
    assert url.endswith("#wechat_redirect")


def test_the_page_behind_the_code_changes_nothing(browser: Client, wechat: WeChat) -> None:
    browser.post("/portal/bind/", {"device": "phone"})
    before = Binding.objects.values().get()
    calls = len(wechat.ledger)
    for _ in range(3):
        new_browser().get(f"/portal/bind/{Binding.objects.get().state}/go/")
    assert Binding.objects.values().get() == before
    assert len(wechat.ledger) == calls


def test_a_binding_for_the_computer_has_no_page_for_the_phone(browser: Client) -> None:
    start(browser)
    assert new_browser().get(f"/portal/bind/{Binding.objects.get().state}/go/").status_code == 404


def phone_binding(browser: Client, wechat: WeChat, account: Account) -> tuple[str, Any]:
    """Started on BROWSER, confirmed on a phone: the state, and what the phone shows."""
    browser.post("/portal/bind/", {"device": "phone"})
    state = Binding.objects.latest("id").state
    phone = new_browser()
    query = query_of(link_in(phone.get(f"/portal/bind/{state}/go/")).partition("#")[0])
    told = confirm(wechat, query, account)
    return state, phone.get(f"/portal/bind/{state}/return/", told, follow=True)


def test_the_link_for_the_phone_says_afterwards_what_was_bound_with_it(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    state, _page = phone_binding(browser, wechat, account)
    again = new_browser().get(f"/portal/bind/{state}/go/")
    assert again.status_code == 404
    assert "This link has been used" in text_of(again)
    assert "<strong>Tea &amp; Cake</strong> was bound with it." in text_of(again)
    assert "Nothing has changed" not in text_of(again)


def test_the_phone_is_sent_back_to_the_computer_and_shown_nothing_else(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    _state, page = phone_binding(browser, wechat, account)
    assert "Bound. Go back to your computer." in text_of(page)
    for private in ("Tea", account.appid, "merchant"):
        assert private not in text_of(page)
    assert Authorizer.objects.get().state == "bound"


def test_the_computer_waits_and_then_shows_what_the_phone_did(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    browser.post("/portal/bind/", {"device": "phone"})
    waiting = f"/portal/bind/{Binding.objects.get().state}/"
    assert f'data-poll="{waiting}"' in text_of(browser.get(waiting))
    state, _page = phone_binding(browser, wechat, account)
    page = browser.get(f"/portal/bind/{state}/")
    assert "Tea &amp; Cake is bound" in text_of(page)
    assert "data-poll" not in text_of(page)


def test_what_the_computer_waits_for_is_shown_to_no_other_browser(
    browser: Client, wechat: WeChat, account: Account, merchant: User
) -> None:
    state, _page = phone_binding(browser, wechat, account)
    assert new_browser().get(f"/portal/bind/{state}/").status_code == 404
    assert new_browser(merchant).get(f"/portal/bind/{state}/").status_code == 404


def test_on_a_phone_the_button_goes_to_wechats_page_for_phones_at_once(merchant: User) -> None:
    browser = Client(headers={"user-agent": PHONE})
    browser.force_login(merchant)
    url = link_in(browser.post("/portal/bind/"))
    assert url.startswith("https://wechat.test/wxaopen/safe/bindcomponent?")


def test_a_phone_is_not_asked_where_to_confirm(merchant: User) -> None:
    browser = Client(headers={"user-agent": PHONE})
    browser.force_login(merchant)
    assert 'name="device"' not in text_of(browser.get("/portal/"))


def test_wechat_on_a_computer_is_no_phone(merchant: User) -> None:
    browser = Client(headers={"user-agent": WINDOWS_WECHAT})
    browser.force_login(merchant)
    assert "/cgi-bin/componentloginpage?" in link_in(browser.post("/portal/bind/"))


# The link that staff make


@pytest.fixture
def link(merchant: User, staff: User) -> str:
    return urlsplit(bind_links.make_bind_link(merchant, by=staff).url).path


def test_a_bind_link_shows_the_button_without_a_login_a_name_or_an_effect(
    link: str, wechat: WeChat
) -> None:
    page = new_browser().get(link)
    assert page.status_code == 200
    assert f'action="{link}"' in text_of(page)
    assert "merchant" not in text_of(page).replace(link, "")
    assert not Binding.objects.exists()
    assert wechat.count(PRE_AUTH_CODE) == 0


def test_a_bind_link_binds_for_its_merchant_in_the_browser_that_pressed_it(
    link: str, wechat: WeChat, account: Account, merchant: User
) -> None:
    browser = new_browser()
    query = query_of(link_in(browser.post(link)))
    back = urlsplit(query["redirect_uri"]).path
    told = confirm(wechat, query, account)
    assert new_browser().get(back, told).status_code == 404
    page = browser.get(back, told, follow=True)
    assert "is bound" in text_of(page)
    assert "/portal/password/" not in text_of(page)
    assert Authorizer.objects.get().owner == merchant


def test_after_an_expired_code_a_bind_links_browser_gets_the_link_again(link: str) -> None:
    browser = new_browser()
    back = urlsplit(query_of(link_in(browser.post(link)))["redirect_uri"]).path
    page = browser.get(back, {"auth_code": "queryauthcode@@@" + "y" * 60}, follow=True)
    assert f'<form method="post" action="{link}">' in text_of(page)


def test_a_bind_link_asks_whoever_is_logged_in_as_another_to_log_out(
    link: str, other_merchant: User
) -> None:
    browser = new_browser(other_merchant)
    assert "Log out, then open the link again." in text_of(browser.get(link))
    assert browser.post(link).status_code == 400
    assert not Binding.objects.exists()


def test_a_bind_link_works_for_its_merchant_logged_in(link: str, merchant: User) -> None:
    assert link_in(new_browser(merchant).post(link))


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_forged_bind_link_is_not_found(link: str, method: str) -> None:
    forged = link[:-3] + ("xx/" if link[-3:-1] != "xx" else "yy/")
    page = getattr(new_browser(), method)(forged)
    assert page.status_code == 404
    assert "not valid any more" in text_of(page)
    assert not Binding.objects.exists()


def test_a_bind_link_dies_with_its_merchants_account(link: str, merchant: User) -> None:
    User.objects.filter(pk=merchant.pk).update(is_active=False)
    assert new_browser().post(link).status_code == 404
