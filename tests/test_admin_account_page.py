"""One place for an account: its header on each of its pages, the tabs, what is wrong, the fold."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.services.quota import read_quota
from miniprograms.models import Authorizer
from miniprograms.services.settings.record import set_desired
from platform_auth.models import Component, Operation, Push, WeChatCall
from tests.desk import Desk
from tests.desk import desk as desk
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/miniprograms/authorizer/"
TABS = {
    "Overview": "change/",
    "Code": "code/",
    "Settings": "settings/",
    "Messages": "messages/",
    "People": "people/",
    "Events and log": "log/",
}
MOST_QUERIES = 12


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def page_of(row: Authorizer, end: str = "change/") -> str:
    return f"{LIST}{row.pk}/{end}"


def header_in(page: str) -> str:
    [header] = re.findall(r'<header class="account-header".*?</header>', page, re.DOTALL)
    return str(header)


def header_on(browser: Client, row: Authorizer, end: str = "change/") -> str:
    return header_in(text_of(browser.get(page_of(row, end))))


def tabs_on(header: str) -> dict[str, str]:
    [tabs] = re.findall(r'<nav class="account-tabs".*?</nav>', header, re.DOTALL)
    return {title: url for url, title in re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', tabs)}


def test_one_header_stands_on_every_tab(browser: Client, desk: Desk) -> None:
    desk.release("1.0.0")
    tabs = tabs_on(header_on(browser, desk.shop))
    assert tabs == {title: page_of(desk.shop, end) for title, end in TABS.items()}
    for title, url in tabs.items():
        header = header_in(text_of(browser.get(url)))
        assert desk.shop.appid in header
        assert str(desk.shop.owner) in header
        assert "in order" in header
        assert "1.0.0" in header
        assert f'href="{url}" aria-current="page">{title}<' in header


@pytest.mark.parametrize(
    ("end", "tab"),
    [
        ("code/ext/", "Code"),
        ("code/submission/", "Code"),
        ("code/commit/", "Code"),
        ("settings/server-domains/", "Settings"),
        ("private-interfaces/", "Settings"),
        ("testers/", "People"),
        ("calls/", "Events and log"),
        ("unbind/", "Overview"),
        ("tags/", "Overview"),
    ],
)
def test_the_pages_below_a_tab_have_the_header_too(
    browser: Client, desk: Desk, end: str, tab: str
) -> None:
    header = header_on(browser, desk.shop, end)
    assert f'aria-current="page">{tab}<' in header


def test_the_list_leads_to_the_overview_and_the_fields_stand_behind_a_fold(
    browser: Client, desk: Desk
) -> None:
    assert f'href="{page_of(desk.shop)}"' in text_of(browser.get(LIST))
    page = text_of(browser.get(page_of(desk.shop)))
    before, fold = page.split('<details class="staff-raw">')
    assert "MiniProgramInfo" in fold
    assert "MiniProgramInfo" not in before
    assert "At a glance" in before
    assert "Last operations" in before


def test_an_official_account_has_no_tabs_of_code(browser: Client, component: Component) -> None:
    row = make_authorizer(component, None, kind=Authorizer.Kind.OFFICIAL_ACCOUNT)
    header = header_on(browser, row)
    assert not {"Code", "Settings"} & set(tabs_on(header))
    assert "live version" not in header


# ── what is wrong ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("values", "words", "mended"),
    [
        ({"state": "unbound"}, "It is unbound, so nothing", "bind-link/"),
        ({"state": "needs_reauthorization"}, "takes its refresh token no more", "bind-link/"),
        ({"state": "needs_recovery"}, "are being recovered", "refresh/"),
        ({"last_error": "errcode 40013"}, "could not be refreshed: errcode 40013", "refresh/"),
        ({"account_status": 14}, "has been closed at WeChat", "https://mp.weixin.qq.com/"),
        ({"account_status": 16}, "WeChat has banned", "https://mp.weixin.qq.com/"),
        ({"account_status": 18}, "has given the account a warning", "https://mp.weixin.qq.com/"),
        ({"account_status": 19}, "WeChat has frozen", "https://mp.weixin.qq.com/"),
        ({"func_info": [17]}, "Permission is lacking for: ", "ask-again/"),
    ],
)
def test_what_is_wrong_is_said_with_a_link_to_where_it_is_mended(
    browser: Client, component: Component, values: dict[str, Any], words: str, mended: str
) -> None:
    row = make_authorizer(component, None, **values)
    header = header_on(browser, row)
    assert words in header
    url = mended if mended.startswith("https") else page_of(row, mended)
    assert f'href="{url}"' in header


def test_who_may_not_mend_it_reads_it_without_a_link(component: Component) -> None:
    row = make_authorizer(component, None, state="needs_recovery")
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_authorizer"))
    header = header_on(browser_of(reader), row)
    assert "are being recovered" in header
    assert "refresh/" not in header
    assert list(tabs_on(header)) == ["Overview", "People"]


def test_where_nothing_is_wrong_nothing_is_said(browser: Client, desk: Desk) -> None:
    desk.shop.refresh_from_db()
    header = header_on(browser, desk.shop)
    concerns = re.findall(r'class="account-concerns"', header)
    assert bool(concerns) is bool(desk.shop.lacking_needs)


def test_a_verdict_stands_in_the_header_until_it_is_dealt_with(browser: Client, desk: Desk) -> None:
    desk.submit("1.0.0")
    assert "in review" in header_on(browser, desk.shop)
    desk.judge("reject", reason="1: 类目不符")
    header = header_on(browser, desk.shop)
    assert "reviewers have rejected version 1.0.0" in header
    assert f'href="{page_of(desk.shop, "code/")}" class="text-link"' in header
    desk.approve("1.0.1")
    assert "Version 1.0.1 has passed and is not released." in header_on(browser, desk.shop)
    desk.release(None)
    header = header_on(browser, desk.shop)
    assert "is not released" not in header
    assert "rejected" not in header


def test_drift_and_failed_pushes_are_said(browser: Client, desk: Desk) -> None:
    setting = set_desired(desk.shop, "server-domains", _domains(), by=desk.staff, applies=False)
    type(setting).objects.filter(pk=setting.pk).update(has_drifted=True)
    push = Push.objects.order_by("-pk")[0]
    Push.objects.filter(pk=push.pk).update(appid=desk.shop.appid, state=Push.State.FAILED)
    header = header_on(browser, desk.shop)
    assert "Settings of which WeChat has something else than it should: 1." in header
    assert "Pushes that could not be worked out: 1." in header
    assert f"?account={desk.shop.appid}&amp;state=failed" in header


def _domains() -> dict[str, list[str]]:
    names = ("requestdomain", "wsrequestdomain", "uploaddomain", "downloaddomain", "udpdomain")
    return {name: [] for name in (*names, "tcpdomain")}


# ── how much it asks ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("end", TABS.values())
def test_every_tab_asks_little_however_much_there_is(browser: Client, desk: Desk, end: str) -> None:
    desk.release("1.0.0")
    read_quota(desk.shop)
    browser.get(page_of(desk.shop, end))
    counts = []
    for _more in range(2):
        with CaptureQueriesContext(connection) as context:
            assert browser.get(page_of(desk.shop, end)).status_code == 200
        counts.append(len(context))
        assert len(context) <= MOST_QUERIES, "\n".join(query["sql"][:90] for query in context)
        _add_rows(desk.shop)
    assert counts[0] == counts[1]


def _add_rows(row: Authorizer) -> None:
    for number in range(30):
        Operation.objects.create(action="sync_profile", actor_name="x", appid=row.appid)
        WeChatCall.objects.create(
            at=timezone.now(),
            appid=row.appid,
            path="/wxa/x",
            outcome="0",
            milliseconds=number,
            attempt=1,
        )
