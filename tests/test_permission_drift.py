"""Permission sets that accounts lack: found, asked for, granted by scanning again."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

import wechat
from miniprograms.models import Authorizer, Binding, PermissionRequest
from miniprograms.permissions import NEEDS, PERMISSION_SETS
from miniprograms.services.permission_drift import restate_lacks
from miniprograms.services.profiles import sync_profile
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, text_of

LIST = "/admin/miniprograms/authorizer/"
PAGE = "/admin/miniprograms/permissionrequest/"
Bound = Callable[..., Authorizer]

ALL = [18, 19, 30]
LACKS_CODE = [19, 30]


# ── the table ───────────────────────────────────────────────────────────────────────────────────


def documented_sets() -> dict[str, set[int]]:
    """The sets that the client's docstrings name, by module or function."""
    found: dict[str, set[int]] = {}
    for info in pkgutil.iter_modules(wechat.__path__):
        module = importlib.import_module(f"wechat.{info.name}")
        functions = inspect.getmembers(module, inspect.isfunction)
        own = [(f"{info.name}.{name}", one) for name, one in functions
               if one.__module__ == module.__name__ and not name.startswith("_")]  # fmt: skip
        for name, documented in [(info.name, module), *own]:
            if sets := re.findall(r"\bset ((?:\d+(?: or )?)+)", documented.__doc__ or ""):
                found[name] = {int(number) for text in sets for number in text.split(" or ")}
    return found


def test_the_table_says_what_the_client_documents() -> None:
    needed: dict[str, set[int]] = {}
    for need in NEEDS:
        for call in need.calls:
            needed.setdefault(call, set()).update(need.sets)
    assert needed == documented_sets()


def test_every_set_of_the_table_has_a_name_and_each_need_a_code_of_its_own() -> None:
    assert {number for need in NEEDS for number in need.sets} <= PERMISSION_SETS.keys()
    assert len({need.code for need in NEEDS}) == len(NEEDS)
    assert len(f" {' '.join(need.code for need in NEEDS)} ") <= 100  # as the column keeps it


# ── who lacks what ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def names(browser: Client, lacks: str) -> set[str]:
    answer = browser.get(LIST, {"lacks": lacks})
    assert answer.status_code == 200
    return {row.nick_name for row in answer.context["cl"].result_list}


def counts(browser: Client) -> dict[str, tuple[int, int, int]]:
    rows = browser.get(PAGE).context["counts"]
    return {one.need.code: (one.lacking, one.asked, one.scanned) for one, _kind in rows}


@pytest.mark.django_db
@pytest.mark.both_databases("restating groups rows by a column of JSON")
def test_an_account_that_grants_less_is_listed_and_one_that_is_unbound_is_not(
    browser: Client, component: Component
) -> None:
    kinds = {"kind": "official_account"}
    make_authorizer(component, None, "wx1", nick_name="all", func_info=ALL)
    make_authorizer(component, None, "wx2", nick_name="no code", func_info=LACKS_CODE)
    make_authorizer(component, None, "wx3", nick_name="none", func_info=[17])
    make_authorizer(component, None, "wx4", nick_name="gone", func_info=[17], state="unbound")
    make_authorizer(component, None, "wx6", nick_name="not known yet", func_info=[])
    make_authorizer(component, None, "wx5", nick_name="official", func_info=[1], **kinds)
    assert restate_lacks() == 4
    assert restate_lacks() == 0
    assert names(browser, "code") == {"no code", "none"}
    assert names(browser, "messages") == {"none"}
    assert names(browser, "account_info") == {"official"}
    assert names(browser, "any") == {"no code", "none", "official"}
    assert counts(browser) == {
        "code": (2, 0, 0),
        "messages": (1, 0, 0),
        "answers": (0, 0, 0),
        "program_info": (1, 0, 0),
        "filing": (2, 0, 0),
        "account_info": (1, 0, 0),
    }


@pytest.mark.django_db
def test_nobody_is_asked_for_what_the_platform_does_not_have(
    browser: Client, component: Component, settings: Any
) -> None:
    make_authorizer(component, None, "wx3", nick_name="none", func_info=[18])
    restate_lacks()
    assert names(browser, "any") == {"none"}
    settings.PERMISSION_SETS = [18]
    assert restate_lacks() == 1
    assert names(browser, "any") == set()
    assert list(counts(browser)) == ["code", "filing"]


# ── asked, and scanned again ────────────────────────────────────────────────────────────────────


def ask(browser: Client, *rows: Authorizer) -> Any:
    chosen = {"action": "ask_again", "_selected_action": [row.pk for row in rows], "index": "0"}
    return browser.post(LIST, chosen)


def authorise_again(wechat: WeChat, portal: Client, func_info: list[int]) -> None:
    """The administrator confirms on WeChat's page, to which PORTAL has gone, and comes back."""
    opened = Binding.objects.latest("pk")
    code = wechat.authorize(
        opened.pre_auth_code, opened.biz_appid, func_info, biz_appid=opened.biz_appid
    )
    path = f"/portal/bind/{opened.state}/return/"
    assert portal.get(path, {"auth_code": code}, follow=True).status_code == 200


@pytest.fixture
def narrowed(bound: Bound, wechat: WeChat) -> Authorizer:
    """A mini program whose owner has left the set for code out, as its profile tells."""
    row = bound(nick_name="Tea")
    assert row.lacks == ""
    wechat.grant(row.appid, LACKS_CODE)
    sync_profile(row)
    assert row.lacks == " code filing "
    return row


@pytest.mark.django_db
def test_who_was_asked_leaves_the_list_by_scanning(
    browser: Client, narrowed: Authorizer, wechat: WeChat
) -> None:
    assert counts(browser)["code"] == (1, 0, 0)
    answer = ask(browser, narrowed)
    [invitation] = answer.context["invitations"]
    assert invitation.link in text_of(answer)
    assert "no-store" in answer["Cache-Control"]
    assert counts(browser)["code"] == (1, 1, 0)
    assert narrowed.appid in text_of(browser.get(PAGE))
    path, portal = urlsplit(invitation.link).path, Client(headers={"accept-language": "en"})
    page = text_of(portal.get(path))
    assert "Authorise Tea again" in page
    assert "bring new versions of your mini program online" in page
    assert portal.post(path, {"biz_appid": "wx00000000000000ff"}).status_code == 200
    assert Binding.objects.latest("pk").biz_appid == narrowed.appid  # whatever was posted
    authorise_again(wechat, portal, ALL)
    assert names(browser, "any") == set()
    assert counts(browser)["code"] == (0, 1, 1)
    assert narrowed.appid not in text_of(browser.get(PAGE))
    log = Operation.objects.filter(appid=narrowed.appid, actor_name="operator").order_by("pk")
    assert [(row.action, row.result) for row in log] == [
        ("ask_for_permissions", "code filing"),
        ("make_bind_link", "merchant"),
    ]


@pytest.mark.django_db
def test_who_leaves_it_out_again_stays_in_the_list(
    browser: Client, narrowed: Authorizer, wechat: WeChat
) -> None:
    [invitation] = ask(browser, narrowed).context["invitations"]
    portal = Client()
    portal.post(urlsplit(invitation.link).path)
    authorise_again(wechat, portal, LACKS_CODE)
    assert counts(browser)["code"] == (1, 1, 0)
    ask(browser, narrowed)
    assert PermissionRequest.objects.count() == 2
    assert counts(browser)["code"] == (1, 1, 0)


@pytest.mark.django_db
def test_one_is_asked_from_its_page(browser: Client, narrowed: Authorizer) -> None:
    assert "2 lacking" in text_of(browser.get(LIST))
    page = text_of(browser.get(f"{LIST}{narrowed.pk}/change/"))
    assert "must authorise again" in page
    assert "18 小程序开发与数据分析" in page
    path = f"{LIST}{narrowed.pk}/ask-again/"
    assert "within three days" in text_of(browser.get(path))
    assert not PermissionRequest.objects.exists()
    assert browser.post(path).context["invitations"]


@pytest.mark.django_db
def test_without_mail_staff_are_told_to_hand_the_link_on(
    browser: Client, narrowed: Authorizer, merchant: User, settings: Any
) -> None:
    User.objects.filter(pk=merchant.pk).update(email="tea@example.com")
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    path = f"{LIST}{narrowed.pk}/ask-again/"
    assert "Nothing is sent to the merchant" in text_of(browser.get(path))
    page = text_of(browser.post(path))
    assert "It was not sent to the merchant: hand it on yourself." in page
    assert "Sent to" not in page


@pytest.mark.django_db
def test_a_merchant_with_an_address_gets_all_links_in_one_mail(
    browser: Client, bound: Bound, wechat: WeChat, merchant: User, settings: Any, mailoutbox: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    User.objects.filter(pk=merchant.pk).update(email="tea@example.com")
    rows = [bound(nick_name=name) for name in ("Tea", "Cake")]
    for row in rows:
        wechat.grant(row.appid, LACKS_CODE)
        sync_profile(row)
    page = text_of(browser.get(f"{LIST}{rows[0].pk}/ask-again/"))
    assert "A link is sent to the merchant, to tea@example.com" in page
    answer = ask(browser, *rows)
    assert text_of(answer).count("Sent to tea@example.com.") == 2
    [mail] = mailoutbox
    assert mail.to == ["tea@example.com"]
    assert "请您重新授权" in mail.subject
    for invitation in answer.context["invitations"]:
        assert invitation.link in mail.body
        assert f"{invitation.account.nick_name} {invitation.account.appid}" in mail.body


@pytest.mark.django_db
def test_a_mail_server_that_takes_nothing_is_told(
    browser: Client, narrowed: Authorizer, merchant: User, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    User.objects.filter(pk=merchant.pk).update(email="tea@example.com")
    answer = ask(browser, narrowed)
    assert "The mail server did not take it: ConnectionRefusedError" in text_of(answer)
    assert "hand it on yourself" in text_of(answer)
    assert answer.context["invitations"][0].link in text_of(answer)


@pytest.mark.django_db
def test_where_nobody_can_be_asked_staff_are_told(
    browser: Client, narrowed: Authorizer, bound: Bound
) -> None:
    content = bound(nick_name="Content")
    Authorizer.objects.filter(pk=narrowed.pk).update(owner=None)
    answer = browser.get(ask(browser, narrowed, content).url)
    assert "Tea has no merchant who could authorise it" in text_of(answer)
    assert "Content lacks nothing" in text_of(answer)
    assert not PermissionRequest.objects.exists()


@pytest.mark.django_db
def test_a_link_ends_when_the_account_is_another_merchants(
    browser: Client, narrowed: Authorizer, other_merchant: User
) -> None:
    [invitation] = ask(browser, narrowed).context["invitations"]
    Authorizer.objects.filter(pk=narrowed.pk).update(owner=other_merchant)
    assert Client().get(urlsplit(invitation.link).path).status_code == 404


@pytest.mark.django_db
def test_the_portal_asks_the_merchant(narrowed: Authorizer, merchant: User, wechat: WeChat) -> None:
    portal = browser_of(merchant)
    page = text_of(portal.get("/portal/"))
    assert "bring new versions of your mini program online" in page
    portal.post("/portal/bind/", {"auth_type": "2", "biz_appid": narrowed.appid})
    authorise_again(wechat, portal, ALL)
    assert "bring new versions" not in text_of(portal.get("/portal/"))


@pytest.mark.django_db
def test_only_who_may_invite_asks(client: Client, narrowed: Authorizer) -> None:
    looker = User.objects.create_user("looker", is_staff=True)
    permissions = Permission.objects.filter(
        codename__in=["view_authorizer", "view_permissionrequest"]
    )
    looker.user_permissions.set(permissions)
    client.force_login(looker)
    ask(client, narrowed)
    assert client.post(f"{LIST}{narrowed.pk}/ask-again/").status_code == 403
    assert client.get(PAGE).status_code == 200
    assert not PermissionRequest.objects.exists()


def test_the_page_tells_who_was_asked_and_has_not_scanned(
    staff: User, narrowed: Authorizer
) -> None:
    browser = Client(headers={"accept-language": "zh-hans"})
    browser.force_login(staff)
    assert "还没有邀请过任何人。" in text_of(browser.get(PAGE))
    ask(browser, narrowed)
    page = text_of(browser.get(PAGE))
    assert "已邀请、尚未重新授权" in page
    assert "还没有邀请过任何人。" not in page
    Authorizer.objects.filter(pk=narrowed.pk).update(lacks="")
    assert "已邀请的都已重新授权。" in text_of(browser.get(PAGE))
