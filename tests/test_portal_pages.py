"""The merchants' pages apart from the binding itself: what is shown, to whom, how safely."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from miniprograms.models import Authorizer, Binding
from platform_auth.models import Component
from tests.rows import make_authorizer

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def new_browser(user: User | None = None, **headers: str) -> Client:
    browser = Client(headers={"accept-language": "en", **headers})
    if user is not None:
        browser.force_login(user)
    return browser


@pytest.fixture
def browser(merchant: User) -> Client:
    return new_browser(merchant)


def text_of(page: Any) -> str:
    text: str = page.content.decode()
    return text


def make_binding(component: Component, user: User, **values: Any) -> Binding:
    values.setdefault("expires_at", timezone.now() + timedelta(minutes=5))
    binding: Binding = Binding.objects.create(component=component, user=user, **values)
    return binding


# Home


def test_the_root_leads_to_the_portal() -> None:
    assert new_browser().get("/").headers["Location"] == "/portal/"


def test_home_needs_a_login() -> None:
    answer = new_browser().get("/portal/")
    assert answer.headers["Location"] == "/portal/login/?next=/portal/"


def test_an_empty_home_says_what_to_do(browser: Client) -> None:
    page = text_of(browser.get("/portal/"))
    assert "Nothing is bound yet" in page
    assert '<form class="bind" method="post" action="/portal/bind/">' in page


def test_home_shows_what_is_bound(browser: Client, component: Component, merchant: User) -> None:
    make_authorizer(
        component,
        merchant,
        nick_name="Tea & Cake",
        head_img="https://wx.qlogo.cn/a.png",
        func_info=[17, 18],
        create_time=datetime(2026, 3, 4, 5, tzinfo=UTC),
    )
    page = text_of(browser.get("/portal/"))
    for shown in ("Tea &amp; Cake", "https://wx.qlogo.cn/a.png", "获取小程序码", "2 permissions"):
        assert shown in page
    assert "bound since March 4, 2026" in page
    assert "Permissions are missing" in page


@pytest.mark.parametrize(
    ("state", "shown", "has_button"),
    [
        ("bound", "In order", False),
        ("needs_recovery", "There is nothing for you to do.", False),
        ("needs_reauthorization", "Please have its administrator confirm again.", True),
        ("unbound", "You can bind the account again whenever you like.", True),
    ],
)
def test_home_says_each_state_in_plain_words_and_what_to_do(
    browser: Client,
    component: Component,
    merchant: User,
    state: str,
    shown: str,
    has_button: bool,
) -> None:
    make_authorizer(component, merchant, state=state)
    page = text_of(browser.get("/portal/"))
    assert shown in page
    assert ('name="biz_appid" value="wx00000000000000a1"' in page) is has_button


@pytest.mark.parametrize(("status", "word"), [(14, "closed"), (16, "banned"), (19, "frozen")])
def test_home_tells_what_wechat_holds_against_an_account(
    browser: Client, component: Component, merchant: User, status: int, word: str
) -> None:
    make_authorizer(component, merchant, account_status=status)
    assert word in text_of(browser.get("/portal/"))


def test_home_shows_nobody_elses(
    browser: Client, component: Component, other_merchant: User
) -> None:
    make_authorizer(component, other_merchant, nick_name="Secret shop")
    make_authorizer(component, None, appid="wx00000000000000a2", nick_name="Nobody's shop")
    make_binding(component, other_merchant, status="parked", nick_name="Parked shop")
    page = text_of(browser.get("/portal/"))
    assert "shop" not in page


def test_staff_see_only_their_own_in_the_portal(
    staff: User, component: Component, merchant: User
) -> None:
    make_authorizer(component, merchant, nick_name="Tea")
    assert "Tea" not in text_of(new_browser(staff).get("/portal/"))


def test_home_shows_bindings_under_way_and_no_others(
    browser: Client, component: Component, merchant: User
) -> None:
    make_binding(component, merchant, status="open")
    make_binding(component, merchant, status="parked", nick_name="Parked shop")
    make_binding(component, merchant, status="failed", nick_name="Failed shop")
    past = timezone.now() - timedelta(minutes=1)
    make_binding(component, merchant, status="open", expires_at=past)
    page = text_of(browser.get("/portal/"))
    assert page.count("waits for the administrator") == 1
    assert "Parked shop" in page
    assert "Failed shop" not in page


def test_home_shows_fifty_at_a_time(browser: Client, component: Component, merchant: User) -> None:
    for number in range(51):
        make_authorizer(component, merchant, appid=f"wx{number:016d}")
    assert text_of(browser.get("/portal/")).count('class="authorizer"') == 50
    assert text_of(browser.get("/portal/?page=2")).count('class="authorizer"') == 1


@pytest.mark.parametrize("page", ["0", "-1", "99", "x"])
def test_a_page_that_does_not_exist_is_the_nearest_one(browser: Client, page: str) -> None:
    assert browser.get(f"/portal/?page={page}").status_code == 200


def test_home_costs_the_same_however_many_accounts(
    browser: Client, component: Component, merchant: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        make_authorizer(component, merchant, appid=f"wx{number:016d}")
    with django_assert_max_num_queries(10):
        browser.get("/portal/")


# Before WeChat has opened the connection


def test_without_a_component_the_button_says_not_ready(browser: Client) -> None:
    page = browser.post("/portal/bind/")
    assert page.status_code == 503
    assert "Not ready yet" in text_of(page)


def test_before_the_first_ticket_the_button_says_not_ready(
    browser: Client, component: Component
) -> None:
    page = browser.post("/portal/bind/")
    assert page.status_code == 503
    assert page["Retry-After"]


# Login, logout, password


def log_in(browser: Client, to: str = "") -> Any:
    fields = {"username": "merchant", "password": "merchant-password", "next": to}
    return browser.post("/portal/login/", fields)


def test_a_login_leads_home(merchant: User) -> None:
    assert log_in(new_browser()).headers["Location"] == "/portal/"


def test_a_wrong_password_is_told_and_not_repeated(merchant: User) -> None:
    fields = {"username": "merchant", "password": "wr0ng-password"}
    page = text_of(new_browser().post("/portal/login/", fields))
    assert "errorlist nonfield" in page
    assert "wr0ng-password" not in page


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "https:///evil.example",
        "\thttps://evil.example",
    ],
)
def test_a_login_leads_nowhere_else(merchant: User, to: str) -> None:
    assert log_in(new_browser(), to).headers["Location"] == "/portal/"


def test_a_login_changes_the_session_key_and_keeps_what_is_in_the_session(merchant: User) -> None:
    browser = new_browser()
    session = browser.session
    session["binding_nonce"] = "n"
    session.save()
    before = browser.cookies["sessionid"].value
    log_in(browser)
    assert browser.cookies["sessionid"].value != before
    assert browser.session["binding_nonce"] == "n"


def test_logging_out_is_a_post(browser: Client) -> None:
    assert browser.get("/portal/logout/").status_code == 405
    assert browser.post("/portal/logout/").headers["Location"] == "/portal/login/"
    assert browser.get("/portal/").status_code == 302


def test_a_password_is_changed_and_the_session_lives_on(browser: Client, merchant: User) -> None:
    new = "a-better-password-4711"
    fields = {
        "old_password": "merchant-password",
        "new_password1": new,
        "new_password2": new,
    }
    page = browser.post("/portal/password/", fields, follow=True)
    assert "Your password has been changed." in text_of(page)
    merchant.refresh_from_db()
    assert merchant.check_password(new)


def test_a_password_that_is_too_common_is_refused(browser: Client, merchant: User) -> None:
    fields = {
        "old_password": "merchant-password",
        "new_password1": "password",
        "new_password2": "password",
    }
    assert "errorlist" in text_of(browser.post("/portal/password/", fields))
    merchant.refresh_from_db()
    assert merchant.check_password("merchant-password")


@pytest.mark.parametrize("word", ["WeChat", "weixin", "testServer", "Acme"])
def test_a_password_does_not_hold_our_name(browser: Client, settings: Any, word: str) -> None:
    settings.PUBLIC_URL = "https://testserver.example.com"
    settings.FORBIDDEN_PASSWORD_WORDS = ["acmex"]
    new = f"{word}X-4711-harbour"
    fields = {"old_password": "merchant-password", "new_password1": new, "new_password2": new}
    assert "must not hold the name" in text_of(browser.post("/portal/password/", fields))


def test_a_long_password_of_digits_is_taken(browser: Client, merchant: User) -> None:
    new = "9036415527841960"
    fields = {"old_password": "merchant-password", "new_password1": new, "new_password2": new}
    browser.post("/portal/password/", fields)
    merchant.refresh_from_db()
    assert merchant.check_password(new)


def test_changing_a_password_needs_a_login() -> None:
    assert new_browser().get("/portal/password/").status_code == 302


# Languages


def test_pages_are_chinese_unless_asked_otherwise() -> None:
    assert '<html lang="zh-hans">' in text_of(Client().get("/portal/login/"))
    assert '<html lang="en">' in text_of(new_browser().get("/portal/login/"))


def test_the_language_is_switched_by_a_post_and_stays() -> None:
    browser = Client()
    assert browser.get("/i18n/setlang/?language=en").status_code == 302
    assert '<html lang="zh-hans">' in text_of(browser.get("/portal/login/"))
    answer = browser.post("/i18n/setlang/", {"language": "en", "next": "/portal/login/"})
    assert answer.headers["Location"] == "/portal/login/"
    assert '<html lang="en">' in text_of(browser.get("/portal/login/"))


def test_switching_the_language_leads_nowhere_else() -> None:
    answer = Client().post("/i18n/setlang/", {"language": "en", "next": "//evil.example"})
    assert answer.headers["Location"] == "/"


# What may not get in


def test_names_from_wechat_are_text(browser: Client, component: Component, merchant: User) -> None:
    make_authorizer(component, merchant, nick_name=EVIL, head_img='" onerror="alert(3)')
    make_binding(component, merchant, status="parked", nick_name=EVIL)
    page = text_of(browser.get("/portal/"))
    for dangerous in ("<script>alert", "<img src=x", '" onerror='):
        assert dangerous not in page


PAGES = [
    "/portal/",
    "/portal/login/",
    "/portal/password/",
    "/portal/bind/unknown/return/",
    "/portal/bind/unknown/go/",
    "/portal/bind/unknown/",
    "/portal/bind/link/x/",
    "/no-such-page",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_no_inline_script_or_style_and_says_so(browser: Client, path: str) -> None:
    page = browser.get(path)
    policy = page["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert page["X-Frame-Options"] == "DENY"
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=", text_of(page))


@pytest.mark.parametrize("path", ["/portal/", "/portal/password/"])
def test_pages_of_a_person_are_not_kept(browser: Client, path: str) -> None:
    assert "no-store" in browser.get(path)["Cache-Control"]


# Error pages


def test_a_page_that_does_not_exist_is_friendly() -> None:
    page = new_browser().get("/no-such-page")
    assert page.status_code == 404
    assert "This page does not exist" in text_of(page)


def test_an_unknown_bind_link_is_friendly() -> None:
    page = new_browser().get("/portal/bind/link/x/")
    assert page.status_code == 404
    assert "not valid any more" in text_of(page)


def test_a_stale_form_is_explained(merchant: User) -> None:
    browser = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    page = browser.post("/portal/login/", {"username": "merchant"})
    assert page.status_code == 403
    assert "open for too long" in text_of(page)


def test_a_foreign_host_is_refused_without_being_repeated() -> None:
    page = new_browser(host="evil.example").get("/portal/login/")
    assert page.status_code == 400
    assert "evil.example" not in text_of(page)


def test_when_we_fail_the_page_shows_no_trace(
    browser: Client, component: Component, merchant: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("portal.home.Paginator", fail)
    browser.raise_request_exception = False
    page = browser.get("/portal/")
    assert page.status_code == 500
    assert "Something went wrong on our side" in text_of(page)
    assert "planted" not in text_of(page)


def test_the_error_page_asks_the_database_nothing(
    browser: Client, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("planted")

    browser.raise_request_exception = False
    monkeypatch.setattr("portal.home.home", fail)
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)
    with django_assert_num_queries(0):
        assert browser.get("/portal/").status_code == 500


def test_browsers_find_an_icon() -> None:
    assert new_browser().get("/favicon.ico").headers["Location"] == "/static/icon.svg"


def test_an_authorizer_is_never_without_a_name(
    browser: Client, component: Component, merchant: User
) -> None:
    row: Authorizer = make_authorizer(component, merchant)
    assert f"<h3>{row.appid}</h3>" in text_of(browser.get("/portal/"))
