"""The least base library that users need, as a kind of setting."""

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


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(APPID)


def put(staff: User, kind: str, value: object) -> Any:
    body, json = {"desired": value}, "application/json"
    return client_of(staff).put(f"{REST}/{kind}/", body, content_type=json)


def test_the_base_library_is_set(staff: User, shop: Authorizer, wechat: WeChat) -> None:
    answer = put(staff, "base-library", "3.0.0")
    assert (answer.status_code, answer.json()["drift"]) == (200, False)
    assert wechat.accounts[APPID].program.support_version == "3.0.0"
    assert put(staff, "base-library", "new").status_code == 400


def test_staff_set_it_on_a_page(staff: User, shop: Authorizer) -> None:
    browser: Client = browser_of(staff)
    page = f"/admin/miniprograms/authorizer/{shop.pk}/settings/base-library/"
    answer = browser.post(page, {"version": "3.4.0", "seen": 0, "apply": "yes"}, follow=True)
    assert "WeChat has it as it should be" in text_of(answer)
    assert "3.4.0" in text_of(answer)
