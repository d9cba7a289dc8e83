"""The pages on which staff set what mini programs should have at WeChat."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from miniprograms.models import Authorizer
from miniprograms.services.settings.record import setting_of
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_settings import DESIRED, KIND, OTHER, at_wechat, put_at_wechat

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

LIST = "/admin/miniprograms/authorizer/"
PROFILES = "/admin/miniprograms/settingprofile/"
FIELDS = ("requestdomain", "wsrequestdomain", "uploaddomain", "downloaddomain", "udpdomain",
          "tcpdomain")  # fmt: skip


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(nick_name="Tea & Cake")


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def boss(db: None) -> Client:
    return browser_of(User.objects.create_superuser("boss", password="boss-password"))


def page_of(shop: Authorizer, kind: str = KIND) -> str:
    return f"{LIST}{shop.pk}/settings/{kind}/"


def fields_of(value: dict[str, list[str]], seen: int = 0) -> dict[str, Any]:
    lines = {name: "\n".join(value.get(name, [])) for name in FIELDS}
    return {**lines, "seen": seen}


def test_the_list_of_settings_leads_to_each_kind(browser: Client, shop: Authorizer) -> None:
    page = text_of(browser.get(f"{LIST}{shop.pk}/settings/"))
    for kind in ("server-domains", KIND, "webview-domains", "webview-domains-direct"):
        assert page_of(shop, kind) in page
        assert browser.get(page_of(shop, kind)).status_code == 200
    assert browser.get(page_of(shop, "no-such-kind")).status_code == 404
    assert f"{LIST}{shop.pk}/settings" in text_of(browser.get(f"{LIST}{shop.pk}/change/"))


def test_domains_are_looked_at_beforehand_saved_and_applied(
    browser: Client, wechat: WeChat, shop: Authorizer
) -> None:
    put_at_wechat(wechat, shop, requestdomain=[OTHER])
    page = text_of(browser.post(page_of(shop), {"act": "look"}, follow=True))
    assert "what WeChat has was fetched" in page
    assert OTHER in page
    page = text_of(browser.post(page_of(shop), {**fields_of(DESIRED), "preview": "yes"}))
    assert "What WeChat would be asked to change" in page
    assert setting_of(shop, KIND).desired is None
    answer = browser.post(page_of(shop), {**fields_of(DESIRED), "apply": "yes"}, follow=True)
    assert "WeChat has it as it should be" in text_of(answer)
    assert at_wechat(wechat, shop) == DESIRED
    row = setting_of(shop, KIND)
    assert (row.state, row.version, row.changes_in_month) == ("applied", 1, 2)
