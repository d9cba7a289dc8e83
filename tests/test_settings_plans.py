"""Settings of many mini programs: what is due, and what has drifted, is found by an index."""

from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from miniprograms.models import Authorizer, Setting
from miniprograms.services.settings.applying import find_due
from miniprograms.services.settings.record import drifted_authorizers
from platform_auth.models import Component
from tests.plans import copy_rows, plan_of, rows_read
from tests.rows import make_authorizer

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PROGRAMS = 20_000
TABLES = ("miniprograms_setting", "wxminiprograms")
MOST_ROWS = 100


@pytest.fixture
def many(component: Component) -> None:
    """All of them are due to be looked at; two wait to be applied, three have drifted."""
    first = make_authorizer(component, None)
    copy_rows(first, PROGRAMS, authorizer_appid="'wx' || lpad(n::text, 16, '0')")
    kind = "server-domains"
    row = Setting.objects.create(authorizer=first, kind=kind, desired={}, due_at=Now())
    others = f"(SELECT min(id) FROM wxminiprograms WHERE id > {first.pk}) + n - 1"  # noqa: S608 -- a key of ours
    copy_rows(row, PROGRAMS, authorizer_id=others)
    newest = Setting.objects.order_by("-pk").values_list("pk", flat=True)
    Setting.objects.filter(pk__in=list(newest[:2])).update(state="waiting")
    Setting.objects.filter(pk__in=list(newest[:3])).update(has_drifted=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE miniprograms_setting, wxminiprograms")


def test_what_waits_to_be_applied_is_found_before_what_is_looked_at(many: None) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        rows = find_due(4, [])
    assert [row.state for row in rows] == ["waiting", "waiting", "untouched", "untouched"]
    for query in queries.captured_queries:
        assert rows_read(plan_of(query["sql"]), TABLES) < MOST_ROWS


def test_what_has_drifted_is_found_by_its_index(many: None) -> None:
    rows: Any = Authorizer.objects.filter(pk__in=drifted_authorizers())
    assert rows.count() == 3
    sql, params = rows.query.sql_with_params()
    assert rows_read(plan_of(sql, params), TABLES) < MOST_ROWS
