"""What WeChat would refuse is held back: what plan, forecast and REST say of it, and when."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audits.models import Campaign, CampaignItem, CodeAudit
from audits.services import campaigns
from tests.desk import Desk
from tests.desk import desk as desk
from tests.test_admin_campaigns import page_of, text_of
from tests.test_admin_code_acts import browser_of
from tests.test_preflight import lack_category

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

State = CampaignItem.State
GREEN = "bg-green-100"
HELD = "As it stands it is held back, and not submitted."
COSTS = "takes one submission of this month"


@pytest.fixture
def boss(desk: Desk) -> User:
    desk.shop.component.refresh_from_db()
    return User.objects.create_superuser("boss")


@pytest.fixture
def browser(boss: User) -> Client:
    return browser_of(boss)


def prepare(desk: Desk, by: User, **rules: Any) -> Campaign:
    values = {"user_version": "2.0.0", "user_desc": "第二版", **rules}
    chosen = campaigns.choose_programs(desk.template)
    return campaigns.create_campaign(desk.template, chosen, by=by, **values)


def preflight(browser: Client, campaign: Campaign) -> str:
    """The piece of the plan that WeChat was asked for."""
    [item] = campaign.items.all()
    return text_of(browser.get(f"{page_of(campaign, 'plan')}{item.pk}/preflight/"))


def forecast(browser: Client, campaign: Campaign) -> str:
    return text_of(browser.get(page_of(campaign, "forecast")))


def row_of(page: str) -> str:
    """What a plan shows of its one mini program."""
    return page.partition('<div class="campaign-plan">')[2].partition("</section>")[0]


def test_before_wechat_was_asked_nothing_is_green(browser: Client, desk: Desk, boss: User) -> None:
    row = row_of(text_of(browser.get(page_of(prepare(desk, boss), "plan"))))
    assert "is uploaded and submitted" in row
    assert COSTS in row
    assert GREEN not in row


def test_nothing_in_the_way_is_green(browser: Client, desk: Desk, boss: User) -> None:
    campaign = prepare(desk, boss)
    piece = preflight(browser, campaign)
    assert "is uploaded and submitted" in piece
    assert GREEN in piece
    assert COSTS in piece
    assert HELD not in piece
    assert "1 submissions are to be made" in forecast(browser, campaign)


def test_what_is_held_back_is_not_green_costs_nothing_and_is_not_counted(
    browser: Client, desk: Desk, boss: User
) -> None:
    campaign = prepare(desk, boss)
    lack_category(desk)
    assert "1 submissions are to be made" in forecast(browser, campaign)
    piece = preflight(browser, campaign)
    assert "is uploaded, then held back" in piece
    assert HELD in piece
    assert GREEN not in piece
    assert COSTS not in piece
    row = row_of(text_of(browser.get(page_of(campaign, "plan"))))
    assert "In the way when it was last looked at: category." in row
    assert GREEN not in row
    text = forecast(browser, campaign)
    assert "0 submissions are to be made" in text
    assert "1 is not counted: it would be held back, as it stood when somebody looked." in text
    assert "As things stand, nothing more is submitted." in text
    assert "All of it is submitted." not in text


def test_what_is_mended_counts_again(browser: Client, desk: Desk, boss: User) -> None:
    campaign = prepare(desk, boss)
    categories = desk.wechat.accounts[desk.shop.appid].categories
    lack_category(desk)
    preflight(browser, campaign)
    desk.wechat.accounts[desk.shop.appid].categories = categories
    assert HELD not in preflight(browser, campaign)
    text = forecast(browser, campaign)
    assert "1 submissions are to be made" in text
    assert "not counted" not in text


def test_without_quota_the_campaign_pauses_and_nothing_is_called_held_back(
    browser: Client, desk: Desk, boss: User
) -> None:
    campaign = prepare(desk, boss)
    desk.wechat.reviews.audit_limit = 0
    piece = preflight(browser, campaign)
    assert "WeChat takes no more submissions this month: the campaign pauses" in piece
    assert HELD not in piece
    assert GREEN not in piece
    assert "not counted" not in forecast(browser, campaign)


@pytest.mark.parametrize(
    ("when_open", "sentence"),
    [
        ("wait", "Another audit is open at WeChat: it waits for the verdict."),
        ("skip", "Another audit is open at WeChat: it is skipped."),
    ],
)
def test_an_audit_that_only_wechat_knows_holds_nothing_back(
    browser: Client, desk: Desk, boss: User, when_open: str, sentence: str
) -> None:
    desk.submit("1.0.0")
    CodeAudit.objects.update(status=CodeAudit.Status.WITHDRAWN)
    piece = preflight(browser, prepare(desk, boss, when_open=when_open))
    assert sentence in piece
    assert HELD not in piece
    assert GREEN not in piece


def test_who_fails_or_is_skipped_is_not_counted(
    browser: Client, desk: Desk, boss: User, bound: Any
) -> None:
    bound(nick_name="Book shop")
    desk.submit("1.0.0")
    campaign = prepare(desk, boss, when_open="skip")
    assert "1 submissions are to be made" in forecast(browser, campaign)
    Campaign.objects.update(when_open="wait")
    assert "2 submissions are to be made" in forecast(browser, campaign)


@pytest.mark.parametrize("state", [State.FAILED, State.SKIPPED, State.HELD_BACK, State.WAITING])
def test_all_is_submitted_only_where_it_is(
    browser: Client, desk: Desk, boss: User, state: str
) -> None:
    campaign = prepare(desk, boss)
    campaign.items.update(state=State.IN_REVIEW)
    assert "All of it is submitted." in forecast(browser, campaign)
    campaign.items.update(state=state)
    text = forecast(browser, campaign)
    assert "All of it is submitted." not in text
    assert ("As things stand, nothing more is submitted." in text) == (state != State.WAITING)


def test_a_retry_forgets_what_was_in_the_way(browser: Client, desk: Desk, boss: User) -> None:
    campaign = prepare(desk, boss)
    lack_category(desk)
    preflight(browser, campaign)
    campaign.items.update(state=State.HELD_BACK)
    campaigns.start_campaign(campaign, by=boss)
    campaigns.retry_failed(campaign, by=boss)
    assert "1 submissions are to be made" in forecast(browser, campaign)
