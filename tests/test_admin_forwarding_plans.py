"""
The delivery log stays quick with a million deliveries: PostgreSQL itself tells how many rows it
reads for a page.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging.admin.targets import MAX_COUNTED
from messaging.models import Delivery, ForwardRule, Target
from platform_auth.models import Component, Push
from tests.plans import copy_rows, plan_of, rows_read
from tests.test_admin_code_acts import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

# TEST_ROWS_SCALE=10 is the size of the promise; the plans are the same at a tenth of it.
PUSHES = 50_000 * int(os.environ.get("TEST_ROWS_SCALE", "1"))
TABLES = ("platform_auth_push", "messaging_delivery", "messaging_target", "messaging_forwardrule")
MOST_ROWS = 3_500  # a page, what is counted ahead of it, and each one's push and target

BUSY, QUIET = "wx0000000000000001", "wx0000000000000002"


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """
    Two pushes of each minute up to now. Nearly all are of one account and told to two targets; what
    was given up is long ago, what is due is new, and a third target has been off for weeks.
    """
    with django_db_blocker.unblock():
        _fill()
        yield
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(TABLES)}, platform_auth_component CASCADE")


def _fill() -> None:
    component = Component.objects.create(appid="wxfeedfacefeedface")
    targets = [Target.objects.create(name=f"target {n}", url="https://x.example/") for n in "abc"]
    ForwardRule.objects.create(target=targets[0])
    push = Push.objects.create(
        component=component, digest="d", business_key="d", kind="text", state="done",
        appid=BUSY, openid="", created=timezone.now(), received_at=timezone.now(),
    )  # fmt: skip
    first = push.pk
    appid = f"CASE WHEN n % 5000 = 7 THEN '{QUIET}' ELSE '{BUSY}' END"
    at = f"now() - ({PUSHES} - n) * interval '30 s'"
    copy_rows(push, PUSHES, digest="'d' || n", business_key="'d' || n", appid=appid,
              openid="'openid' || n % 5000", created=at, received_at=at)  # fmt: skip
    for number, target in enumerate(targets):
        row = Delivery.objects.create(
            pk=number + 1, push=push, target=target, state="done", appid=BUSY
        )
        dead = f"WHEN n < {PUSHES // 10} AND n % 4 = 0 THEN 'dead'"
        due = f"WHEN n > {PUSHES} - 300 THEN 'due'"
        copy_rows(row, PUSHES // (1, 1, 20)[number], push_id=f"{first} + n", appid=appid,
                  id=f"{number + 1} + n * 3", created_at=at,
                  user=f"'{BUSY} openid' || n % 5000", log="'[]'",
                  state=f"CASE {dead} {due} ELSE 'done' END")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")


@pytest.fixture
def boss(many: None) -> Client:
    return browser_of(User.objects.create_superuser("boss"))


def read_for(browser: Client, address: str) -> dict[str, float]:
    """How many rows each question of a page reads."""
    with CaptureQueriesContext(connection) as context:
        assert browser.get(address).status_code == 200
    asked = [one["sql"] for one in context if any(f'"{table}"' in one["sql"] for table in TABLES)]
    return {sql: rows_read(plan_of(sql), TABLES) for sql in asked if sql.startswith("SELECT")}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "p=9",
        "state__exact=done",
        "state__exact=due",
        "state__exact=dead",
        "target__id__exact={rare}",
        "target__id__exact={busy}",
        "target__id__exact={busy}&state__exact=dead",
        "target__id__exact={rare}&state__exact=due",
        "received=hour",
        "received={day}",
        "received={day}&state__exact=done&target__id__exact={busy}",
        f"q={BUSY}",
        f"q={QUIET}",
        "q=wxffffffffffffffff",
        f"q={QUIET}&state__exact=dead",
        "q=openid77",
        "q=openid77&state__exact=dead",
        "q=nobody",
    ],
)
def test_a_page_of_the_delivery_log_reads_few_rows(boss: Client, query: str) -> None:
    busy, _other, rare = Target.objects.order_by("pk").values_list("pk", flat=True)
    day = timezone.localdate() - timedelta(days=8)
    address = f"/admin/messaging/delivery/?{query.format(busy=busy, rare=rare, day=day)}"
    read = read_for(boss, address)
    assert read
    assert not {sql: rows for sql, rows in read.items() if rows > MOST_ROWS}


def test_pages_of_targets_read_few_rows(boss: Client) -> None:
    target = Target.objects.order_by("pk")[0]
    at_most = 4 * 3 * (MAX_COUNTED + 1)  # each counted twice: its key, and itself by that
    for page in ("", f"{target.pk}/change/", f"{target.pk}/delete/"):
        assert max(read_for(boss, f"/admin/messaging/target/{page}").values()) <= at_most


def test_the_page_of_a_delivery_reads_few_rows(boss: Client) -> None:
    row = Delivery.objects.filter(state="due").order_by("-pk")[0]
    assert sum(read_for(boss, f"/admin/messaging/delivery/{row.pk}/change/").values()) < 100
