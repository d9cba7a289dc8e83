"""Staff set values of ext.json in a real browser: by form, with a preview, on a phone as well."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from audits.models import CodeTemplate
from audits.services import templates
from audits.services.committing import commit_template
from audits.services.ext_values import values_of
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world
from tests.test_browser_release import Desk
from tests.test_ext_values import SCHEMA

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]


@pytest.fixture
def shop(bound: Bound, wechat: WeChat, component: Component, staff: User) -> Authorizer:
    """A mini program with code, whose template has a schema."""
    templates.add_template(component, wechat.upload_draft().draft_id, by=None)
    template = CodeTemplate.objects.get()
    template.ext_schema = SCHEMA
    template.save()
    row = bound(nick_name="Tea & Cake", appid="wx00000000000000a1")
    ext = {"ext": {"shop": 7, "theme": {"color": "red"}}}
    commit_template(row, template, user_version="1.0.0", user_desc="x", by=staff, ext=ext)
    return row


def fits(page: Any, width: int) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


@pytest.mark.parametrize("width", [1280, 360])
def test_values_are_set_by_form_and_looked_at_before_they_are_sent(
    new_page: NewPage, wechat: WeChat, shop: Authorizer, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    desk = Desk(page, shop)
    desk.log_in("operator", "operator-password")
    page.goto(f"{desk.code}ext/")
    page.get_by_label("theme › color").select_option("green")
    page.get_by_label("theme › ratio").fill("1.5")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("cell", name="/ext/theme/color", exact=True).first.wait_for()
    assert fits(page, width)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The values are saved.").wait_for()
    theme = {"color": "green", "ratio": 1.5}
    assert getattr(values_of(shop), "values", None) == {"ext": {"shop": 7, "theme": theme}}
    page.get_by_role("link", name="Edit as JSON").click()
    page.locator("[name=values]").fill('{"ext": {"shop": 8}}')
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The values are saved.").wait_for()
    page.goto(f"{desk.code}commit/")
    page.locator("[name=template]").select_option(index=1)
    page.locator("[name=user_version]").fill("1.1.0")
    page.locator("[name=user_desc]").fill("new")
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("The exact text that is sent").click()
    page.get_by_text('"ext": {"shop": 8}').wait_for()
    assert fits(page, width)
    page.get_by_role("button", name="Upload code").click()
    page.get_by_text("version 1.1.0 is uploaded").first.wait_for()
    trial = wechat.accounts[shop.appid].program.trial
    assert json.loads(trial.ext_json if trial else "{}")["ext"] == {"shop": 8}
