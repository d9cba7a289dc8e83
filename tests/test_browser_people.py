"""Testers, private interfaces and the privacy guideline in a real browser, on a phone as well."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from audits.models import CodeTemplate
from audits.services import templates
from audits.services.committing import commit_template
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_browser_binding import NewPage, log_in
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
SHOT = "https://pictures.example.com/map.png"


@pytest.fixture
def shop(bound: Bound, wechat: WeChat, component: Component, staff: User) -> Authorizer:
    """A mini program with code, so that there is something to try and to explain."""
    templates.add_template(component, wechat.upload_draft().draft_id, by=None)
    row = bound(nick_name="Tea & Cake", appid="wx00000000000000a1")
    template = CodeTemplate.objects.get()
    commit_template(row, template, user_version="1.0.0", user_desc="x", by=staff)
    return row


def enter(page: Any, name: str, text: str) -> None:
    page.locator(f"[name={name}]").fill(text)


@pytest.mark.parametrize("width", [1280, 360])
def test_a_merchant_lets_somebody_try_the_mini_program(
    new_page: NewPage, wechat: WeChat, shop: Authorizer, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    log_in(page)
    page.goto(f"/portal/{shop.appid}/")
    page.get_by_role("link", name="See and add testers").click()
    enter(page, "wechatid", "li_laojie")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("li_laojie may try it out now.").wait_for()
    assert fits(page, width)
    assert list(wechat.accounts[shop.appid].program.testers) == ["li_laojie"]
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("li_laojie cannot try it out any more.").wait_for()
    assert wechat.accounts[shop.appid].program.testers == {}


@pytest.mark.parametrize("width", [1280, 360])
def test_staff_see_to_testers_interfaces_and_the_privacy_guideline(
    new_page: NewPage, wechat: WeChat, shop: Authorizer, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    Desk(page, shop).log_in("operator", "operator-password")
    account = f"/admin/miniprograms/authorizer/{shop.pk}"
    program = wechat.accounts[shop.appid].program
    program.found_privacy = ["UserInfo", "Location", "PhoneNumber"]

    page.goto(f"{account}/testers/")
    enter(page, "wechatid", "wang_kaifa")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("wang_kaifa is a tester now.").wait_for()
    assert fits(page, width)

    page.goto(f"{account}/private-interfaces/")
    page.locator("a[href$='/wx.getLocation/apply/']").click()
    enter(page, "content", "显示附近的门店")
    enter(page, "pic_list", SHOT)
    assert fits(page, width)
    page.get_by_role("button", name="Apply for wx.getLocation").click()
    page.get_by_text("applied for wx.getLocation.").wait_for()
    assert fits(page, width)
    assert list(program.interfaces) == ["wx.getLocation"]

    page.goto(f"{account}/settings/privacy-guideline/")
    page.get_by_role("button", name="Look now").click()
    page.get_by_text("found in the code, and not explained").first.wait_for()
    enter(page, "contact_email", "hi@example.com")
    enter(page, "notice_method", "弹窗")
    for name in ("nickname and avatar", "location", "phone number"):
        page.get_by_label(f"What it is used for: {name}", exact=True).fill("用于配送")
    page.get_by_role("button", name="Save and apply").click()
    page.get_by_text("WeChat has it as it should be.").wait_for()
    assert fits(page, width)
    assert len(program.privacy[2]["setting_list"]) == 3
