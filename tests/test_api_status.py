"""REST: only what has changed of the accounts, and how the platform itself is doing."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.rows import make_authorizer
from tests.test_api_authorizers import appids, client_of

pytestmark = pytest.mark.django_db

LIST = "/api/v1/authorizers/"
STATUS = "/api/v1/component/"
QUOTA = "/cgi-bin/openapi/quota/get"
OLD = datetime(2026, 3, 5, tzinfo=UTC)


@pytest.fixture
def api(merchant: User) -> Client:
    return client_of(merchant)


@pytest.fixture
def three(component: Component, merchant: User) -> list[str]:
    """Changed at midnight, at one and at two."""
    rows = [make_authorizer(component, merchant, f"wx00000000000000a{n}") for n in range(3)]
    for number, row in enumerate(rows):
        at = OLD + timedelta(hours=number)
        Authorizer.objects.filter(pk=row.pk).update(updated_at=at)
    return [row.appid for row in rows]


def test_several_accounts_may_be_named(api: Client, three: list[str]) -> None:
    first, second, third = three
    assert appids(api.get(f"{LIST}?appids={third},{first},wx00000000000000ff")) == [third, first]
    assert appids(api.get(f"{LIST}?appids={second}")) == [second]


def test_a_hundred_may_be_named_and_no_more(api: Client, three: list[str]) -> None:
    names = [f"wx{number:016d}" for number in range(101)]
    assert api.get(f"{LIST}?appids={','.join(names[:100])}").status_code == 200
    answer = api.get(f"{LIST}?appids={','.join(names)}")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["appids"])


def test_what_has_changed_since_a_time_may_be_asked_for(api: Client, three: list[str]) -> None:
    at = "2026-03-05T01:00:00Z"
    assert appids(api.get(f"{LIST}?updated_since={at}")) == three[:0:-1]
    beijing = quote("2026-03-05T10:00:00+08:00")
    assert appids(api.get(f"{LIST}?updated_since={beijing}")) == three[2:]
    answer = api.get(f"{LIST}?updated_since=yesterday")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["updated_since"])


@pytest.mark.parametrize("path", [LIST, f"{LIST}wx00000000000000a1/"])
def test_who_keeps_an_answer_is_told_only_that_nothing_has_changed(
    api: Client, three: list[str], path: str
) -> None:
    answer = api.get(path)
    assert "no-store" in answer["Cache-Control"]  # by nobody between
    again = api.get(path, headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", answer["ETag"])
    Authorizer.objects.update(nick_name="Tea")
    changed = api.get(path, headers={"If-None-Match": answer["ETag"]})
    assert changed.status_code == 200
    assert changed["ETag"] != answer["ETag"]


def test_the_platform_tells_how_it_is(
    api: Client, wechat: WeChat, ticket: str, component: Component
) -> None:
    about = api.get(STATUS).json()
    assert about["appid"] == component.appid
    assert 0 <= about["ticket"]["age_seconds"] < 60
    assert about["ticket"]["received_at"].endswith("Z")
    assert about["last_push_at"] is not None
    assert about["quota"]["path"] == "/cgi-bin/component/api_create_preauthcode"
    assert about["quota"]["remain"] <= about["quota"]["daily_limit"]
    assert about["resets_left"] == 10
    component.refresh_from_db()
    about = api.get(STATUS)
    assert about.json()["token"]["state"] == "fresh"
    for secret in (ticket, component.access_token, component.app_secret):
        assert secret not in about.content.decode()


def test_wechat_is_asked_for_the_quota_once_a_minute(
    api: Client, wechat: WeChat, ticket: str
) -> None:
    for _ in range(3):
        api.get(STATUS)
    assert wechat.count(QUOTA) == 1


@pytest.mark.usefixtures("dead_cache")
def test_without_a_cache_it_tells_all_the_same(api: Client, wechat: WeChat, ticket: str) -> None:
    assert api.get(STATUS).json()["quota"]["remain"] >= 0


def test_a_wechat_that_is_silent_takes_nothing_but_the_quota(
    api: Client, wechat: WeChat, component: Component
) -> None:
    about = api.get(STATUS).json()
    assert about["quota"] is None
    assert about["token"] == {"state": "none", "expires_at": None}
    assert about["ticket"] == {"received_at": None, "age_seconds": None}
    Component.objects.update(access_token_expires=1767225600)
    expired = {"state": "expired", "expires_at": "2026-01-01T00:00:00Z"}
    assert api.get(STATUS).json()["token"] == expired


def test_the_platform_that_the_settings_name_is_meant(
    api: Client, component: Component, settings: object
) -> None:
    other = Component.objects.create(appid="wxfeedfacefeedface", ticket_received_at=timezone.now())
    answer = api.get(STATUS)
    assert (answer.status_code, answer.json()["code"]) == (409, "several_components")
    assert api.get(STATUS, {"appid": component.appid}).json()["appid"] == component.appid
    assert api.get(STATUS, {"appid": "wx0000000000000000"}).status_code == 404
    settings.WECHAT_COMPONENT_APPID = other.appid  # type: ignore[attr-defined]
    assert api.get(STATUS).json()["appid"] == other.appid


def test_without_a_platform_there_is_nothing_to_tell(api: Client) -> None:
    assert api.get(STATUS).status_code == 404
