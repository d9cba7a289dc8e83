"""What the pages of a campaign say, each sentence only where it is true."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audits.models import Campaign, CampaignItem, CodeTemplate, Release
from audits.services import campaigns
from audits.services.summaries import summarise_code
from audits.tasks import run_campaigns
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.rollouts import make_campaign, make_shops
from tests.test_admin_campaigns import ITEMS, LIST, form, page_of, text_of
from tests.test_admin_campaigns import boss as boss
from tests.test_admin_campaigns import browser as browser
from tests.test_admin_campaigns import template as template

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

State = CampaignItem.State
DOWNGRADE = "A downgrade: users have version 3.0.0; 2.0.0 is lower."
IS_KEPT = "Users have and keep version 3.0.0; 2.0.0, which is only uploaded, is lower."


def put_live(row: Authorizer, version: str) -> None:
    """Users of ROW have VERSION."""
    Release.objects.create(authorizer=row, kind="release", state="done", live_after=version)
    summarise_code(row.pk)


@pytest.fixture
def shops(wechat: WeChat, component: Component, template: CodeTemplate) -> list[Authorizer]:
    return make_shops(wechat, component, 2)


def prepare(template: CodeTemplate, by: User, **rules: Any) -> Campaign:
    """A campaign of version 2.0.0 that has not begun."""
    values = {"user_version": "2.0.0", "user_desc": "第二版", **rules}
    chosen = campaigns.choose_programs(template)
    return campaigns.create_campaign(template, chosen, by=by, **values)


# What is lower than what users have.


@pytest.mark.parametrize("live", ["", "1.9.0", "2.0.0", "newest"])
def test_what_is_not_lower_is_no_downgrade(
    browser: Client, template: CodeTemplate, boss: User, shops: list[Authorizer], live: str
) -> None:
    if live:
        put_live(shops[0], live)
    campaign = prepare(template, boss)
    for act in ("plan", "start"):
        assert "owngrade" not in text_of(browser.get(page_of(campaign, act)))
    assert "downgrade from" not in text_of(browser.get(ITEMS))


def test_a_lower_version_is_called_a_downgrade_in_plan_and_rows(
    browser: Client, template: CodeTemplate, boss: User, shops: list[Authorizer]
) -> None:
    put_live(shops[0], "3.0.0")
    put_live(shops[1], "1.0.0")
    campaign = prepare(template, boss)
    page = text_of(browser.get(page_of(campaign, "plan")))
    assert page.count(DOWNGRADE) == 1
    assert "1 mini program has a version live that is higher than 2.0.0: for it this is" in page
    assert text_of(browser.get(ITEMS)).count("downgrade from 3.0.0") == 1
    body = b"".join(browser.get(page_of(campaign, "dry-run")).streaming_content)  # type: ignore[attr-defined]
    titles, *rows = csv.reader(io.StringIO(body.decode().removeprefix("\ufeff")))
    assert [row[titles.index("downgrade from")] for row in rows] == ["3.0.0", ""]
    put_live(shops[1], "2.10")
    page = text_of(browser.get(page_of(campaign, "plan")))
    assert "2 mini programs have a version live that is higher than 2.0.0: for them" in page


def test_what_is_only_uploaded_takes_no_version_from_users(
    browser: Client, template: CodeTemplate, boss: User, shops: list[Authorizer]
) -> None:
    put_live(shops[0], "3.0.0")
    campaign = prepare(template, boss, submits=False)
    page = text_of(browser.get(page_of(campaign, "plan")))
    assert IS_KEPT in page
    assert "1 mini program has a version live that is higher than 2.0.0, and keeps it." in page
    assert "owngrade" not in page
    assert "owngrade" not in text_of(browser.get(page_of(campaign, "start")))
    assert "downgrade from" not in text_of(browser.get(ITEMS))


def test_what_never_gets_there_is_no_downgrade(
    browser: Client, template: CodeTemplate, boss: User, shops: list[Authorizer]
) -> None:
    put_live(shops[0], "3.0.0")
    campaign = prepare(template, boss)
    Authorizer.objects.filter(pk=shops[0].pk).update(state="needs_reauthorization")
    for act in ("plan", "start"):
        assert "owngrade" not in text_of(browser.get(page_of(campaign, act)))


def test_what_is_at_its_end_is_no_downgrade_any_more(
    browser: Client, template: CodeTemplate, boss: User, shops: list[Authorizer]
) -> None:
    put_live(shops[0], "3.0.0")
    campaign = make_campaign(template, boss)
    assert DOWNGRADE in text_of(browser.get(page_of(campaign, "plan")))
    campaign.items.filter(authorizer=shops[0]).update(state=State.SKIPPED)
    assert "owngrade" not in text_of(browser.get(page_of(campaign, "plan")))
    assert "downgrade from" not in text_of(browser.get(ITEMS))


@pytest.mark.parametrize(
    ("live", "sentence"),
    [
        ("", "ext.json; nothing is live yet"),
        ("1.0.0", "ext.json; that of version 1.0.0, which is live, is not known here"),
    ],
)
def test_nothing_is_live_is_said_only_where_that_is_so(
    browser: Client,
    template: CodeTemplate,
    boss: User,
    shops: list[Authorizer],
    live: str,
    sentence: str,
) -> None:
    for shop in shops:
        if live:
            put_live(shop, live)
    page = text_of(browser.get(page_of(prepare(template, boss), "plan")))
    assert page.count(sentence) == 2
    assert ("nothing is live yet" in page) == (not live)


# What the page before the start says.

ASKED_FIRST = "Users get version 2.0.0 only after somebody has released it."
BY_ITSELF = "where version 2.0.0 has passed, users get it by itself"


@pytest.mark.parametrize(
    ("rules", "uploaded", "released"),
    [
        ({}, "to 2 mini programs and submitted for review.", ASKED_FIRST),
        ({"canary_size": 1}, "submitted for review: to 1 first, to the others once", ASKED_FIRST),
        ({"auto_release": True}, "to 2 mini programs and submitted for review.", BY_ITSELF),
        (
            {"submits": False},
            "to 2 mini programs. It can be tried there; nothing is submitted",
            "Users keep the version that they have.",
        ),
        (
            {"submits": False, "canary_size": 1},
            "to 2 mini programs, to 1 first. It can be tried there; nothing is submitted",
            "Users keep the version that they have.",
        ),
    ],
)
def test_the_start_says_what_users_get(
    browser: Client,
    template: CodeTemplate,
    boss: User,
    shops: list[Authorizer],
    rules: dict[str, Any],
    uploaded: str,
    released: str,
) -> None:
    page = text_of(browser.get(page_of(prepare(template, boss, **rules), "start")))
    assert uploaded in page
    sentences = {ASKED_FIRST, BY_ITSELF, "Users keep the version that they have."}
    assert {text for text in sentences if text in page} == {released}
    assert "owngrade" not in page


def test_the_start_says_for_how_many_it_is_a_downgrade(
    browser: Client, template: CodeTemplate, boss: User, shops: list[Authorizer]
) -> None:
    put_live(shops[0], "3.0.0")
    page = text_of(browser.get(page_of(prepare(template, boss, auto_release=True), "start")))
    assert "A downgrade for 1: users there have a higher version than 2.0.0." in page
    assert BY_ITSELF in page


# Where nothing goes on by itself.

STANDS_STILL = "stands still: decide about the canary wave"
AT_ITS_END = "The canary wave is at its end: nothing more begins until somebody decides."
HELD = "1 of the canary wave are held back: mend what is in the way and retry, or go on"
FAILED = "1 of the canary wave failed: look at the reasons and retry, or go on with the rest."
REJECTED = "WeChat rejected 1 of the canary wave: read why."
SKIPPED = "1 of the canary wave were skipped: nothing is known of the code by them."


def shown(browser: Client, campaign: Campaign) -> str:
    """What its page, the list and the first page say of CAMPAIGN."""
    addresses = (page_of(campaign), page_of(campaign, "progress"), LIST, "/admin/")
    return "\n".join(text_of(browser.get(address)) for address in addresses)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.HELD_BACK, HELD),
        (State.FAILED, FAILED),
        (State.REJECTED, REJECTED),
        (State.SKIPPED, SKIPPED),
    ],
)
def test_a_canary_wave_that_came_to_nothing_says_so_and_what_to_do(
    browser: Client,
    template: CodeTemplate,
    boss: User,
    shops: list[Authorizer],
    state: str,
    sentence: str,
) -> None:
    campaign = make_campaign(template, boss, canary_size=1)
    campaign.items.filter(is_canary=True).update(state=state)
    text = shown(browser, campaign)
    assert text.count(STANDS_STILL) == 4
    assert AT_ITS_END in text
    sentences = {HELD, FAILED, REJECTED, SKIPPED}
    assert {one for one in sentences if one in text} == {sentence}


@pytest.mark.parametrize("state", [State.WAITING, State.IN_REVIEW, State.PASSED, State.RELEASED])
def test_a_canary_wave_that_goes_on_or_succeeded_does_not_stand_still(
    browser: Client, template: CodeTemplate, boss: User, shops: list[Authorizer], state: str
) -> None:
    campaign = make_campaign(template, boss, canary_size=1)
    campaign.items.filter(is_canary=True).update(state=state)
    text = shown(browser, campaign)
    assert STANDS_STILL not in text
    assert AT_ITS_END not in text
    assert "running" in text


@pytest.mark.parametrize(
    ("second", "stands_still"),
    [(State.FAILED, True), (State.HELD_BACK, False), (State.IN_REVIEW, False)],
)
def test_of_two_one_that_failed_stops_the_rest_and_one_held_back_does_not(
    browser: Client,
    template: CodeTemplate,
    boss: User,
    shops: list[Authorizer],
    wechat: WeChat,
    component: Component,
    second: str,
    stands_still: bool,
) -> None:
    make_shops(wechat, component, 1)
    campaign = make_campaign(template, boss, canary_size=2)
    one, other = campaign.items.filter(is_canary=True)
    campaign.items.filter(pk=one.pk).update(state=State.RELEASED)
    campaign.items.filter(pk=other.pk).update(state=second)
    assert (STANDS_STILL in shown(browser, campaign)) == stands_still


def test_once_the_rest_follows_nothing_stands_still(
    browser: Client, template: CodeTemplate, boss: User, shops: list[Authorizer]
) -> None:
    campaign = make_campaign(template, boss, canary_size=1)
    campaign.items.filter(is_canary=True).update(state=State.HELD_BACK)
    browser.post(page_of(campaign, "go-on"))
    text = shown(browser, campaign)
    assert STANDS_STILL not in text
    assert "canary wave are held back" not in text


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.HELD_BACK, "2 are held back: mend what is in the way and retry."),
        (State.FAILED, "2 failed: look at the reasons and retry."),
        (State.REJECTED, "WeChat rejected 2: read why."),
    ],
)
def test_at_its_end_without_any_success_it_is_not_just_done(
    browser: Client,
    template: CodeTemplate,
    boss: User,
    shops: list[Authorizer],
    state: str,
    sentence: str,
) -> None:
    campaign = make_campaign(template, boss)
    campaign.items.update(state=state)
    run_campaigns()
    text = shown(browser, campaign)
    assert "at its end, nothing succeeded" in text
    assert sentence in text
    campaign.items.filter(authorizer=shops[0]).update(state=State.RELEASED)
    text = shown(browser, campaign)
    assert "nothing succeeded" not in text
    assert sentence.replace("2", "1", 1) in text


# What the form leaves to the template.


def test_what_stays_empty_is_the_templates(
    browser: Client, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    CodeTemplate.objects.update(user_version="2.4.0", user_desc="d" * 600)
    empty = {"user_version": "", "user_desc": ""}
    browser.post(f"{LIST}add/", form(template, **empty))
    campaign = Campaign.objects.get()
    assert (campaign.user_version, campaign.user_desc) == ("2.4.0", "d" * 500)


def test_what_is_written_is_not_the_templates(
    browser: Client, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    browser.post(f"{LIST}add/", form(template, user_version="2.0.1", user_desc="ours"))
    campaign = Campaign.objects.get()
    assert (campaign.user_version, campaign.user_desc) == ("2.0.1", "ours")


def test_a_template_without_texts_leaves_nothing_empty(
    browser: Client, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    CodeTemplate.objects.update(user_version="", user_desc="")
    page = text_of(browser.post(f"{LIST}add/", form(template, user_version="", user_desc="")))
    assert page.count("The template has none: write it here.") == 2
    assert not Campaign.objects.exists()
