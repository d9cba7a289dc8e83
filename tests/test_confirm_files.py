"""The file that WeChat looks for at a web-view domain: fetched, kept, and served to anybody."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.push_door import doors_only
from miniprograms.models import Authorizer, ConfirmFile
from miniprograms.services.settings.applying import apply_now
from miniprograms.services.settings.record import set_desired, setting_of
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_admin_code_acts import browser_of, text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

DIRECT = "webview-domains-direct"
PAGES = ["https://h5.example.com"]
FILE = "/wxa/get_webviewdomain_confirmfile"


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound()


@pytest.fixture
def boss(db: None) -> Client:
    return browser_of(User.objects.create_superuser("boss"))


def page_of(shop: Authorizer) -> str:
    return f"/admin/miniprograms/authorizer/{shop.pk}/settings/{DIRECT}/"


def ask(path: str, **more: Any) -> Any:
    return Client(**more).get(path)


def test_the_file_is_served_before_a_domain_is_set(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    apply_now(set_desired(shop, DIRECT, PAGES, by=staff, applies=False), by=staff)
    assert setting_of(shop, DIRECT).state == "applied"
    file = ConfirmFile.objects.get()
    assert file.authorizer == shop
    answer = ask(f"/{file.file_name}")
    assert (answer.status_code, answer.content.decode()) == (200, file.content)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies


def test_it_is_served_whatever_host_leads_here_and_by_http(
    wechat: WeChat, shop: Authorizer, staff: User, settings: Any
) -> None:
    browser_of(staff).post(page_of(shop), {"act": "file"})
    path = f"/{ConfirmFile.objects.get().file_name}"
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/portal/").status_code == 301
    assert ask(path, HTTP_HOST="h5.example.com").status_code == 200
    assert Client().head(path).status_code == 200
    assert Client().post(path).status_code == 405


@pytest.mark.parametrize(
    "path", ["/nothing.txt", "/robots.txt", f"/{'a' * 65}.txt", "/a/b.txt", "/a.TXT", "/.txt"]
)
def test_what_was_never_fetched_is_not_there(component: Component, path: str) -> None:
    assert ask(path).status_code == 404


def test_a_file_that_is_not_there_is_answered_without_a_session(component: Component) -> None:
    answer = ask("/nothing.txt")
    assert (answer.status_code, answer.content) == (404, b"")
    assert not answer.cookies


def test_the_push_doors_serve_no_files(wechat: WeChat, shop: Authorizer, staff: User) -> None:
    statuses = []
    door = doors_only(lambda environ, start_response: [b"reached"])
    door({"PATH_INFO": "/a.txt"}, lambda status, headers: statuses.append(status))
    assert statuses == ["404 Not Found"]


def test_staff_fetch_it_and_find_its_address(wechat: WeChat, shop: Authorizer, staff: User) -> None:
    page = text_of(browser_of(staff).post(page_of(shop), {"act": "file"}, follow=True))
    file = ConfirmFile.objects.get()
    assert f'href="/{file.file_name}"' in page
    log = Operation.objects.get(action="fetch_confirm_file")
    assert (log.appid, log.result, log.actor_name) == (shop.appid, file.file_name, "operator")


@pytest.mark.parametrize(
    "change",
    [
        {"file_name": "../../etc/passwd"},
        {"file_name": "page.html"},
        {"file_name": f"{'a' * 80}.txt"},
        {"file_content": "<script>" * 100},
        {"file_content": "é"},
    ],
)
def test_a_name_or_content_that_is_no_such_file_is_not_served(
    wechat: WeChat, shop: Authorizer, staff: User, change: dict[str, str]
) -> None:
    wechat.fault(FILE, change=change)
    page = text_of(browser_of(staff).post(page_of(shop), {"act": "file"}, follow=True))
    assert "a name or a content that we do not serve" in page
    assert not ConfirmFile.objects.exists()


def test_a_domain_where_the_file_is_missing_is_refused_with_what_to_do(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    wechat.accounts[shop.appid].program.without_file = ["h5.example.com"]
    fields = {"urls": "h5.example.com", "seen": 0, "apply": "yes"}
    page = text_of(browser_of(staff).post(page_of(shop), fields, follow=True))
    assert "did not find the verification file" in page
    row = setting_of(shop, DIRECT)
    assert (row.state, row.errcode) == ("refused", 86103)


def test_the_platforms_file_is_served_before_its_domains_are_changed(
    wechat: WeChat, shop: Authorizer, boss: Client, component: Component
) -> None:
    path = f"/admin/platform_auth/component/{component.pk}/domains/"
    fields = {"which": "webview", "webview-action": "add", "webview-names": "example.com"}
    assert "the list is changed" in text_of(boss.post(path, fields, follow=True))
    file = ConfirmFile.objects.get()
    assert (file.authorizer, file.component) == (None, component)
    assert ask(f"/{file.file_name}").content.decode() == file.content
