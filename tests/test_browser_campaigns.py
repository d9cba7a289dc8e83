"""Campaigns in a real browser: the plan is read, and progress is watched without loading again."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from audits.models import Campaign, CodeTemplate
from audits.services import campaigns
from audits.services.ext_values import save_values
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.rollouts import make_template, work_and_wait
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


@pytest.fixture
def shop(bound: Bound, wechat: WeChat) -> Authorizer:
    wechat.reviews.review_seconds = 0
    return bound(nick_name="Tea & Cake", appid="wx00000000000000a1")


@pytest.fixture
def boss(staff: User) -> User:
    staff.groups.add(Group.objects.get(name="releasers"))
    return staff


@pytest.fixture
def campaign(wechat: WeChat, component: Component, shop: Authorizer, boss: User) -> Campaign:
    """Prepared, of a template that has a long value."""
    template: CodeTemplate = make_template(wechat, component)
    save_values(template, {"ext": {"long": "very-long-text" * 30}}, by=boss, seen=0)
    return campaigns.create_campaign(
        template, Authorizer.objects.all(), by=boss, user_version="2.0.0", user_desc="second"
    )


@pytest.mark.parametrize("width", [1280, 360])
def test_the_plan_is_read_and_the_progress_watched(
    new_page: NewPage, shop: Authorizer, campaign: Campaign, boss: User, width: int
) -> None:
    page: Any = new_page(viewport={"width": width, "height": 800})
    Desk(page, shop).log_in("operator", "operator-password")
    page.goto(f"/admin/audits/campaign/{campaign.pk}/plan/")
    page.get_by_text("submissions are to be made").wait_for()
    page.locator(".campaign-preflight :is(p, ul)").first.wait_for()
    page.get_by_text("ext.json; nothing is live yet").click()
    page.get_by_text("very-long-text").first.wait_for()
    assert fits(page, width)

    page.goto(f"/admin/audits/campaign/{campaign.pk}/change/")
    page.evaluate("window.seenBefore = true")
    assert fits(page, width)
    start = page.locator(f"a[href$='/campaign/{campaign.pk}/start/']")
    pause = page.locator(f"a[href$='/campaign/{campaign.pk}/pause/']")
    assert (start.count(), pause.count()) == (1, 0)
    campaigns.start_campaign(campaign, by=boss)
    pause.wait_for(state="attached")
    work_and_wait(1)
    page.get_by_text("have passed and wait for somebody").wait_for()
    assert start.count() == 0
    assert page.evaluate("window.seenBefore")
    assert fits(page, width)


def test_a_template_that_is_chosen_fills_in_version_and_description(
    new_page: NewPage, wechat: WeChat, component: Component, shop: Authorizer, boss: User
) -> None:
    templates = [make_template(wechat, component, version) for version in ("1.9.0", "2.0.0")]
    page: Any = new_page()
    Desk(page, shop).log_in("operator", "operator-password")
    page.goto("/admin/audits/campaign/add/")
    version, description = page.locator("[name=user_version]"), page.locator("[name=user_desc]")
    assert (version.input_value(), description.input_value()) == ("", "")
    for template in templates:
        page.locator("[name=template]").select_option(str(template.pk))
        assert version.input_value() == template.user_version
        assert description.input_value() == template.user_desc
    version.fill("2.0.1")
    page.locator("[name=template]").select_option(str(templates[0].pk))
    assert version.input_value() == "2.0.1"


def test_what_is_held_back_is_seen_and_not_counted(
    new_page: NewPage, wechat: WeChat, shop: Authorizer, campaign: Campaign
) -> None:
    wechat.accounts[shop.appid].categories = []
    page: Any = new_page()
    Desk(page, shop).log_in("operator", "operator-password")
    page.goto(f"/admin/audits/campaign/{campaign.pk}/plan/")
    page.get_by_text("1 is not counted: it would be held back").wait_for()
    assert page.locator(".campaign-plan .staff-label").all_inner_texts() == [
        "is uploaded, then held back"
    ]
