"""Staff see what WeChat would refuse, and give what is submitted, in a real browser."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache

from audits.models import CodeAudit, CodeTemplate
from audits.services import templates
from audits.services.committing import commit_template
from audits.services.submission_profiles import profile_of, save_profile
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world
from tests.test_browser_ext import fits
from tests.test_browser_release import Desk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 50


@pytest.fixture
def shop(bound: Bound, wechat: WeChat, component: Component, staff: User) -> Authorizer:
    """A mini program with code, whose template says what is submitted."""
    templates.add_template(component, wechat.upload_draft().draft_id, by=None)
    template = CodeTemplate.objects.get()
    fields = {"item_list": [{"title": "Home", "address": "pages/index/index"}]}
    save_profile(template, {**fields, "version_desc": "Improvements"}, by=staff)
    row = bound(nick_name="Tea & Cake", appid="wx00000000000000a1")
    commit_template(row, template, user_version="1.0.0", user_desc="x", by=staff)
    return row


@pytest.mark.parametrize("width", [1280, 360])
def test_what_is_missing_is_shown_mended_and_submitted(
    new_page: NewPage, wechat: WeChat, shop: Authorizer, width: int
) -> None:
    account = wechat.accounts[shop.appid]
    categories, account.categories = account.categories, []
    page = new_page(viewport={"width": width, "height": 800})
    desk = Desk(page, shop)
    desk.log_in("operator", "operator-password")
    page.goto(f"{desk.code}submission/")
    page.locator("[name=order_path]").fill("pages/order/list")
    file = {"name": "shop.png", "mimeType": "image/png", "buffer": PNG}
    page.set_input_files("[name=preview_new]", [file])
    assert fits(page, width)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="shop.png").wait_for()
    assert profile_of(shop)
    page.goto(f"{desk.code}submit/")
    page.get_by_text("has no category that is in force").wait_for()
    assert fits(page, width)
    account.categories = categories
    page.goto(f"{desk.code}submit/")
    page.get_by_text("Nothing that we know of stands in the way.").wait_for()
    page.locator("[name=item1-title]").wait_for()
    assert page.locator("[name=item1-title]").input_value() == "Home"
    page.get_by_role("button", name="Submit for review").click()
    page.get_by_text("version 1.0.0 is submitted").wait_for()
    fields = CodeAudit.objects.get().fields
    assert set(fields) == {"item_list", "version_desc", "order_path", "preview_info"}
    assert fields["item_list"][0]["first_class"] == "工具"


def test_a_reason_to_overrule_is_seen_only_where_something_is_in_the_way(
    new_page: NewPage, wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    staff.user_permissions.add(Permission.objects.get(codename="submit_despite_preflight"))
    account = wechat.accounts[shop.appid]
    page = new_page()
    desk = Desk(page, shop)
    desk.log_in("operator", "operator-password")
    page.goto(f"{desk.code}submit/")
    page.get_by_text("Nothing that we know of stands in the way.").wait_for()
    assert not page.locator("[name=despite_preflight]").is_visible()
    account.categories = []
    cache.clear()  # what WeChat answered a moment ago is not asked again
    page.goto(f"{desk.code}submit/")
    page.locator("[name=despite_preflight]").wait_for(state="visible")
    assert "has no category that is in force" in page.locator(".staff-checks").first.inner_text()


def test_staff_pages_are_shown_without_script(new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/admin/login/")
    assert page.locator("[name=username]").is_visible()
