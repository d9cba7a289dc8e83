"""Staff set domains in a real browser: looked at, previewed, applied; alone and by profile."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from miniprograms.models import Authorizer, SettingProfile, Tag
from miniprograms.services.settings.record import setting_of
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world
from tests.test_browser_ext import fits
from tests.test_browser_release import Desk
from tests.test_settings import API, KIND, OTHER, at_wechat, put_at_wechat, work

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]


@pytest.fixture
def shop(bound: Bound, wechat: WeChat) -> Authorizer:
    row = bound(nick_name="Tea & Cake", appid="wx00000000000000a1")
    put_at_wechat(wechat, row, requestdomain=[OTHER])
    row.tags.add(Tag.objects.create(name="tea"))
    return row


@pytest.fixture
def desk(new_page: NewPage, shop: Authorizer, staff: User, width: int) -> Desk:
    desk = Desk(new_page(viewport={"width": width, "height": 800}), shop)
    desk.log_in("operator", "operator-password")
    return desk


def settle(page: Any) -> None:
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("width", [1280, 360])
def test_domains_are_looked_at_previewed_and_applied(
    desk: Desk, wechat: WeChat, shop: Authorizer, width: int
) -> None:
    page = desk.page
    page.goto(f"/admin/miniprograms/authorizer/{shop.pk}/settings/")
    assert fits(page, width)
    page.get_by_role("link", name="Server domains, set directly").click()
    page.get_by_role("button", name="Look now").click()
    page.get_by_role("cell", name=OTHER).first.wait_for()
    page.get_by_label("Request domains").fill(API)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="What WeChat would be asked to change").wait_for()
    settle(page)
    assert fits(page, width)
    page.get_by_role("button", name="Save and apply").click()
    page.get_by_text("WeChat has it as it should be").wait_for()
    assert at_wechat(wechat, shop) == {"requestdomain": [API]}


@pytest.mark.parametrize("width", [1280, 360])
def test_a_profile_is_compared_and_applied(
    desk: Desk, wechat: WeChat, shop: Authorizer, width: int
) -> None:
    profile = SettingProfile.objects.create(
        name="tea houses", values={KIND: {"requestdomain": [API]}}
    )
    profile.tags.set(Tag.objects.all())
    page = desk.page
    page.goto(f"/admin/miniprograms/settingprofile/{profile.pk}/apply/")
    page.get_by_label("all of them").check()
    page.get_by_role("button", name="Look at the chosen").click()
    page.get_by_text("WeChat is being asked").wait_for()
    work()
    page.reload()
    page.get_by_role("cell", name=OTHER).first.wait_for()
    assert fits(page, width)
    page.get_by_label("Tea & Cake").first.check()
    page.get_by_role("button", name="Apply to the chosen").click()
    page.get_by_text("it is being applied").wait_for()
    work()
    assert setting_of(shop, KIND).state == "applied"
    assert at_wechat(wechat, shop) == {"requestdomain": [API]}
