"""Every list of the API goes on where its own cursor says, and no made-up cursor breaks one."""

from base64 import b64encode
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from audits.models import Campaign, CampaignItem, CodeAudit, CodeTemplate, CodeVersion
from miniprograms.models import Authorizer, BindLink
from platform_auth.models import Component
from tests.rows import make_authorizer
from tests.test_api_schema import fetch

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

APPID = "wx00000000000000a1"
POSITIONS = [
    *("p=abc", "p=", "p=0", "p=-1", "p=1.5", "p=99999999999999999999", "p=%00", "p=٣", "p=1&p=abc"),
    *("o=abc", "o=-1", "o=99999999999999999999", "r=x", "r=1", "q=1", "", "\x00", "p=1&r=1&o=1"),
    "p=2026-02-30",
]
CURSORS = [
    *(b64encode(position.encode()).decode() for position in POSITIONS),
    *("cD1hYmM=", "cD1hYmM", "x", "é", "%00", "////", "=", "a" * 5000, "\ud7ff", "null", "-1"),
]


@pytest.fixture
def boss(db: None) -> Client:
    person = User.objects.create_superuser("boss")
    key = AuthToken.objects.create(person)[1]
    return Client(headers={"authorization": f"Token {key}"}, raise_request_exception=False)


@pytest.fixture
def campaign(component: Component, merchant: User) -> Campaign:
    """With three of everything that there are lists of."""
    accounts = [make_authorizer(component, merchant, f"{APPID[:-1]}{end}") for end in "123"]
    template = CodeTemplate.objects.create(component=component, template_id=1)
    made = [
        Campaign.objects.create(template=template, user_version="2", state="stopped")
        for _ in range(3)
    ]
    for number, account in enumerate(accounts):
        now = timezone.now()
        BindLink.objects.create(user=merchant, created_at=now, expires_at=now + timedelta(days=1))
        CampaignItem.objects.create(campaign=made[0], authorizer=account, state="waiting")
        CodeTemplate.objects.create(component=component, template_id=number + 2)
        CodeVersion.objects.create(
            authorizer=accounts[0], template=template, user_version=str(number), state="committed"
        )
        CodeAudit.objects.create(authorizer=accounts[0], appid=APPID, auditid=str(number), status=1)
    return made[0]


@pytest.fixture
def lists(campaign: Campaign) -> list[str]:
    """The addresses of all lists that the schema gives pages of."""
    found = []
    for path, methods in fetch("en")["paths"].items():
        names = {one["name"] for one in methods.get("get", {}).get("parameters", [])}
        if "cursor" in names:
            found.append(path.replace("{appid}", APPID).replace("{id}", str(campaign.pk)))
    return found


def test_a_cursor_of_nobodys_is_a_mistake_in_the_request(boss: Client, lists: list[str]) -> None:
    assert len(lists) >= 7
    for path in lists:
        for cursor in CURSORS:
            answer = boss.get(path, {"cursor": cursor})
            assert answer.status_code in {200, 400}, (path, cursor, answer.status_code)
            if answer.status_code == 400:
                assert "cursor" in answer.json()["fields"], (path, cursor)
        assert boss.get(path, {"cursor": "cD1hYmM="}).status_code == 400, path


def test_every_list_is_whole_page_by_page(boss: Client, lists: list[str]) -> None:
    assert Authorizer.objects.count() == 3
    for path in lists:
        whole = boss.get(path).json()["results"]
        seen, page = [], boss.get(path, {"page_size": 1}).json()
        while page["next"]:
            seen += page["results"]
            page = boss.get(page["next"]).json()
        assert [*seen, *page["results"]] == whole
        assert len(whole) >= 3, path
