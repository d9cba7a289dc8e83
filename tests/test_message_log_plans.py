"""
The message log stays quick with a million pushes, and accounts are found by their tags: PostgreSQL
itself tells how many rows it reads for a page.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from miniprograms.models import Authorizer, Tag
from platform_auth.models import Component, Push
from tests.plans import copy_rows, plan_of, rows_read
from tests.test_admin_code_acts import browser_of
from tests.test_admin_code_plans import SCALE
from webhooks.admin import push_export

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ACCOUNTS, PUSHES = 10_000, 200_000 * SCALE
EXPORTED = push_export.MAX_EXPORT_ROWS // 10
# A page and what is counted ahead of it; of what one in twenty is, reading on finds it soonest.
MOST_READ = 12_000
TABLES = ("platform_auth_push", "wxminiprograms", "wxminiprograms_tags")
LIST = "/admin/platform_auth/push/"

# A fifth of all is one account's; one of 5,000 failed, is a CLICK, or comes from a rare user.
SEARCHES = [
    "",
    "p=9",
    "account=wx0000000000001234",
    "account=wx0000000000000001",
    "account=Shop 1234",
    "account=Busy",
    "account=Shop 12",
    "account=nobody",
    "user=o7",
    "user=nobody",
    "kind=text",
    "kind=CLICK",
    "kind=nothing",
    "state=done",
    "state=failed",
    "state=ignored",
    "since=2026-01-01T00:00",
    "until=2026-01-01T12:00",
    "since=2026-01-01T00:00&until=2026-01-01T00:30",
    "account=wx0000000000000001&state=failed",
    "account=wx0000000000000001&until=2026-01-01T12:00",
    "account=wx0000000000001234&kind=text",
    "kind=text&until=2026-01-01T12:00",
    "user=o7&kind=text",
]


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, int]]:
    """The rows, made by the database itself and put back at the end."""
    with django_db_blocker.unblock():
        component = Component.objects.create(appid="wxfeedfacefeedface")
        _fill_accounts(component)
        _fill_pushes(component)
        with connection.cursor() as cursor:
            tags = _fill_tags(cursor)
            cursor.execute(f"ANALYZE {', '.join(TABLES)}")
        yield tags
        with connection.cursor() as cursor:
            names = (*TABLES, "miniprograms_tag", "platform_auth_component")
            cursor.execute(f"TRUNCATE {', '.join(names)} CASCADE")


def _fill_accounts(component: Component) -> None:
    example = Authorizer.objects.create(
        component=component, appid="wxexample", kind="mini_program", state="unbound"
    )
    copy_rows(
        example,
        ACCOUNTS,
        authorizer_appid="'wx' || lpad(n::text, 16, '0')",
        nick_name="CASE WHEN n = 1 THEN 'Busy Shop' ELSE 'Shop ' || n END",
    )


def _fill_tags(cursor: Any) -> dict[str, int]:
    """One tag that half of the accounts have, and one that ten have."""
    shares = {"common": 2, "rare": ACCOUNTS // 10}
    tags = {name: Tag.objects.create(name=name).pk for name in shares}
    for name, pk in tags.items():
        cursor.execute(
            "INSERT INTO wxminiprograms_tags (authorizer_id, tag_id)"
            " SELECT id, %s FROM wxminiprograms WHERE mod(id, %s) = 1",
            [pk, shares[name]],
        )
    return tags


def _fill_pushes(component: Component) -> None:
    example = Push.objects.create(
        component=component, digest="x", business_key="x", kind="text", state="done",
        created="2026-01-01T00:00Z",
    )  # fmt: skip
    at = "'2026-01-01 00:00+08'::timestamptz + n * interval '1 second'"
    copy_rows(
        example,
        PUSHES,
        digest="n::text",
        business_key="n::text",
        appid="'wx' || lpad((CASE WHEN n % 5 = 0 THEN 1 ELSE 2 + n % 9999 END)::text, 16, '0')",
        openid="'o' || n % 5000",
        kind="CASE WHEN n % 5000 = 11 THEN 'CLICK' WHEN n % 20 = 3 THEN 'image' ELSE 'text' END",
        state=(
            "CASE WHEN n % 5000 = 15 THEN 'failed' WHEN n % 20 = 7 THEN 'ignored' ELSE 'done' END"
        ),
        created=at,
        received_at=at,
    )


@pytest.fixture
def boss(many: dict[str, int]) -> Client:
    return browser_of(User.objects.create_superuser("boss"))


def read_for(client: Client, address: str) -> dict[str, float]:
    """The statements that a page takes, and how many rows each of them reads."""
    with CaptureQueriesContext(connection) as context:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.content
    asked = [one["sql"] for one in context if any(f'"{table}"' in one["sql"] for table in TABLES)]
    assert asked
    return {sql: rows_read(plan_of(sql), TABLES) for sql in asked if sql.startswith("SELECT")}


@pytest.mark.parametrize("query", SEARCHES)
def test_a_page_of_the_log_reads_few_rows(boss: Client, query: str) -> None:
    read = read_for(boss, f"{LIST}?{query}")
    assert not {sql: rows for sql, rows in read.items() if rows > MOST_READ}


@pytest.mark.parametrize("name", ["common", "rare"])
def test_accounts_with_a_tag_are_found_by_few_rows(
    boss: Client, many: dict[str, int], name: str
) -> None:
    read = read_for(boss, f"/admin/miniprograms/authorizer/?tag={many[name]}")
    assert not {sql: rows for sql, rows in read.items() if rows > MOST_READ}


def test_an_export_ends_and_reads_each_row_about_once(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A tenth of what may be: the rest would be more of the same.
    monkeypatch.setattr(push_export, "MAX_EXPORT_ROWS", EXPORTED)
    began = time.monotonic()
    with CaptureQueriesContext(connection) as context:
        answer: Any = boss.get(f"{LIST}export/?kind=text")
        lines = sum(part.count(b"\r\n") for part in answer.streaming_content)
    assert lines == EXPORTED + 1
    assert time.monotonic() - began < 120
    pages = [one["sql"] for one in context if 'FROM "platform_auth_push"' in one["sql"]]
    assert len(pages) <= 12
    assert (
        max(rows_read(plan_of(sql), TABLES) for sql in (pages[1], pages[5], pages[-2])) < MOST_READ
    )
