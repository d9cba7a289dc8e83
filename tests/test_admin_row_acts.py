"""Rows about code have their acts at hand: those that fit, for whoever may do them."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audits.models import Campaign, CampaignItem
from audits.services import submitting
from miniprograms.models import Authorizer
from tests.desk import Desk
from tests.desk import desk as desk
from tests.test_admin_code_acts import browser_of, text_of

pytestmark = pytest.mark.django_db

LISTS = {name: f"/admin/audits/{name}/" for name in ("codeaudit", "codeversion", "release")}
MOST_QUERIES = 12


@pytest.fixture
def boss() -> Client:
    return browser_of(User.objects.create_superuser("boss"))


def acts_in(page: str, desk: Desk) -> list[str]:
    """The acts on the mini program that the column of acts offers, row by row."""
    url = f"/admin/miniprograms/authorizer/{desk.shop.pk}/code/"
    return re.findall(rf'<a href="{url}([a-z-]+)/" class="staff-act">', page)


def acts_on(boss: Client, desk: Desk, name: str) -> list[str]:
    return acts_in(text_of(boss.get(LISTS[name])), desk)


def test_an_upload_offers_to_be_submitted_until_it_is(boss: Client, desk: Desk) -> None:
    desk.commit("0.9.0")
    version = desk.commit("1.0.0")
    assert acts_on(boss, desk, "codeversion") == ["submit"]
    page = text_of(boss.get(f"{LISTS['codeversion']}{version.pk}/change/"))
    assert acts_in(page, desk) == ["submit"]
    desk.submit(None)
    assert acts_on(boss, desk, "codeversion") == []


def test_an_audit_offers_what_fits_its_status(boss: Client, desk: Desk) -> None:
    audit = desk.submit("1.0.0")
    assert acts_on(boss, desk, "codeaudit") == ["withdraw", "speed-up", "ask"]
    page = text_of(boss.get(f"{LISTS['codeaudit']}{audit.pk}/change/"))
    assert acts_in(page, desk) == ["withdraw", "speed-up", "ask"]
    desk.judge("reject", reason="1: 类目不符")
    assert acts_on(boss, desk, "codeaudit") == ["submit"]
    desk.approve("1.0.1")
    assert acts_on(boss, desk, "codeaudit") == ["release"]  # and nothing of the one before
    desk.release(None)
    assert acts_on(boss, desk, "codeaudit") == []


def test_a_withdrawn_audit_can_be_submitted_again(boss: Client, desk: Desk) -> None:
    desk.submit("1.0.0")
    submitting.withdraw_open_audit(desk.shop, by=desk.staff)
    assert acts_on(boss, desk, "codeaudit") == ["submit"]


def test_only_what_has_something_before_it_offers_to_be_rolled_back(
    boss: Client, desk: Desk
) -> None:
    desk.release("1.0.0")
    assert acts_on(boss, desk, "release") == []
    desk.release("1.1.0")
    assert acts_on(boss, desk, "release") == ["revert"]


def test_an_account_that_cancelled_offers_nothing(boss: Client, desk: Desk) -> None:
    desk.submit("1.0.0")
    Authorizer.objects.update(state="unbound", access_token="", refresh_token="", expires=0)
    assert acts_on(boss, desk, "codeaudit") == []


def test_nobody_is_offered_what_they_may_not_do(desk: Desk) -> None:
    desk.submit("1.0.0")
    reader = User.objects.create_user("reader", is_staff=True)
    names = ["view_codeaudit", "view_authorizer"]
    reader.user_permissions.add(*Permission.objects.filter(codename__in=names))
    assert acts_on(browser_of(reader), desk, "codeaudit") == []
    reader.user_permissions.add(Permission.objects.get(codename="submit_audit"))
    assert "withdraw" in acts_on(browser_of(User.objects.get(pk=reader.pk)), desk, "codeaudit")


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("waiting", ["skip"]),
        ("in_review", ["skip"]),
        ("submitting", []),
        ("passed", ["release", "skip"]),
        ("failed", ["retry", "skip"]),
        ("rejected", ["retry", "skip"]),
        ("skipped", ["retry"]),
        ("released", []),
    ],
)
def test_a_mini_program_of_a_campaign_offers_what_fits(
    boss: Client, desk: Desk, state: str, offered: list[str]
) -> None:
    campaign = Campaign.objects.create(
        template=desk.template, user_version="2.0.0", state="running"
    )
    item = CampaignItem.objects.create(campaign=campaign, authorizer=desk.shop, state=state)
    page = text_of(boss.get("/admin/audits/campaignitem/"))
    links = re.findall(r'<a href="[^"]*/([a-z-]+)/" class="staff-act">', page)
    assert links == offered
    buttons = text_of(boss.get(f"/admin/audits/campaignitem/{item.pk}/change/"))
    for act in ("retry", "skip"):
        url = f"/admin/audits/campaignitem/{item.pk}/{act}/"
        assert (url in buttons) is (act in offered)


@pytest.mark.parametrize("name", LISTS)
def test_the_lists_ask_no_more_for_it_however_many_rows(
    boss: Client, desk: Desk, name: str
) -> None:
    counts: list[Any] = []
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        desk.release(version)
        boss.get(LISTS[name])
        with CaptureQueriesContext(connection) as context:
            boss.get(LISTS[name])
        counts.append(len(context))
    assert len(set(counts)) == 1
    assert counts[0] <= MOST_QUERIES
