"""The small kinds of settings: domains that are looked up ahead, and the least base library."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from miniprograms.models import Authorizer
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_api_authorizers import client_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

APPID = "wx00000000000000a1"
REST = f"/api/v1/authorizers/{APPID}/settings"
DOMAINS = ["https://a.example.com", "https://b.example.com"]


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(APPID)


def put(staff: User, kind: str, value: object) -> Any:
    body, json = {"desired": value}, "application/json"
    return client_of(staff).put(f"{REST}/{kind}/", body, content_type=json)


def test_domains_are_looked_up_ahead(staff: User, shop: Authorizer, wechat: WeChat) -> None:
    answer = put(staff, "prefetch-domains", ["a.example.com", "https://B.example.com/"])
    assert (answer.status_code, answer.json()["at_wechat"]) == (200, DOMAINS)
    assert wechat.accounts[APPID].program.prefetch == DOMAINS
    too_many = [f"{number}.example.com" for number in range(6)]
    assert put(staff, "prefetch-domains", too_many).status_code == 400


def test_the_base_library_is_set(staff: User, shop: Authorizer, wechat: WeChat) -> None:
    answer = put(staff, "base-library", "3.0.0")
    assert (answer.status_code, answer.json()["drift"]) == (200, False)
    assert wechat.accounts[APPID].program.support_version == "3.0.0"
    assert put(staff, "base-library", "new").status_code == 400


@pytest.mark.parametrize(
    ("kind", "fields", "shown"),
    [
        ("prefetch-domains", {"urls": "\n".join(DOMAINS)}, DOMAINS[1]),
        ("base-library", {"version": "3.4.0"}, "3.4.0"),
    ],
)
def test_staff_set_them_on_a_page(
    staff: User, shop: Authorizer, kind: str, fields: dict[str, str], shown: str
) -> None:
    browser: Client = browser_of(staff)
    page = f"/admin/miniprograms/authorizer/{shop.pk}/settings/{kind}/"
    answer = browser.post(page, {**fields, "seen": 0, "apply": "yes"}, follow=True)
    assert "WeChat has it as it should be" in text_of(answer)
    assert shown in text_of(answer)
