"""What changes by itself is asked for again by pages: little, only if it changed, by who may."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from messaging.models import Conversation
from tests.desk import Desk
from tests.desk import desk as desk
from tests.test_admin_code_acts import browser_of, text_of

pytestmark = pytest.mark.django_db

ACCOUNTS = "/admin/miniprograms/authorizer/"
MOST_QUERIES = 6  # four of them ask who it is and what they may


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def again(browser: Client, url: str, answer: Any) -> Any:
    return browser.get(url, headers={"if-none-match": answer["ETag"]})


def test_a_verdict_comes_into_the_header_and_nothing_else_does(browser: Client, desk: Desk) -> None:
    desk.submit("1.0.0")
    url = f"{ACCOUNTS}{desk.shop.pk}/header/?tab=code"
    before = browser.get(url)
    assert "in review" in text_of(before)
    same = again(browser, url, before)
    assert (same.status_code, same.content) == (304, b"")
    desk.judge("reject", reason="1: 类目不符")
    after = again(browser, url, before)
    assert after.status_code == 200
    assert "have rejected version 1.0.0" in text_of(after)
    assert "<html" not in text_of(after)


def test_unread_counts_and_verdicts_come_into_the_lists(browser: Client, desk: Desk) -> None:
    audit = desk.submit("1.0.0")
    talk = Conversation.objects.create(authorizer=desk.shop, openid="o-user")
    urls = {
        f"/admin/audits/codeaudit/cells/?rows={audit.pk}": ("status_label", "rejected"),
        f"/admin/messaging/conversation/cells/?rows={talk.pk}": ("unread_label", "3"),
        f"{ACCOUNTS}cells/?rows={desk.shop.pk}": ("review", "rejected"),
    }
    before = {url: browser.get(url) for url in urls}
    for url, answer in before.items():
        assert again(browser, url, answer).status_code == 304
    desk.judge("reject", reason="1: 类目不符")
    Conversation.objects.filter(pk=talk.pk).update(unread=3)
    for url, (column, words) in urls.items():
        [cells] = again(browser, url, before[url]).json().values()
        assert words in cells[column]


def test_the_lists_name_where_their_cells_are(browser: Client, desk: Desk) -> None:
    assert f'data-cells="{ACCOUNTS}cells/"' in text_of(browser.get(ACCOUNTS))
    assert "data-cells" not in text_of(browser.get("/admin/platform_auth/operation/"))
    assert "live.js" in text_of(browser.get("/admin/"))


def test_it_asks_little(browser: Client, desk: Desk) -> None:
    desk.submit("1.0.0")
    pks = ",".join(str(pk) for pk in range(1, 100))
    for url in (
        f"{ACCOUNTS}{desk.shop.pk}/header/",
        f"{ACCOUNTS}cells/?rows={pks}",
        f"/admin/audits/codeaudit/cells/?rows={pks}",
    ):
        browser.get(url)
        with CaptureQueriesContext(connection) as context:
            assert browser.get(url).status_code == 200
        assert len(context) <= MOST_QUERIES, [query["sql"][:80] for query in context]


def test_it_shows_nobody_more_than_the_page_does(desk: Desk) -> None:
    audit = desk.submit("1.0.0")
    reader = User.objects.create_user("reader", is_staff=True)
    browser = browser_of(reader)
    for url in (
        f"{ACCOUNTS}{desk.shop.pk}/header/",
        f"{ACCOUNTS}cells/?rows={desk.shop.pk}",
        f"/admin/audits/codeaudit/cells/?rows={audit.pk}",
    ):
        assert browser.get(url).status_code == 403
    reader.user_permissions.add(Permission.objects.get(codename="view_authorizer"))
    header = text_of(browser_of(User.objects.get(pk=reader.pk)).get(f"{ACCOUNTS}1/header/"))
    assert "in review" not in header


@pytest.mark.parametrize("rows", ["x", "1;2", "9" * 30, ",".join(["1"] * 101)])
def test_rows_that_no_list_has_are_refused(browser: Client, desk: Desk, rows: str) -> None:
    assert browser.get(f"{ACCOUNTS}cells/?rows={rows}").status_code == 400


def test_of_no_rows_there_is_nothing(browser: Client, desk: Desk) -> None:
    assert browser.get(f"{ACCOUNTS}cells/").json() == {}
    assert browser.get(f"{ACCOUNTS}999999/header/").status_code == 404
