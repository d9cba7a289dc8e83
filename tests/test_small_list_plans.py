"""
Requests for permissions and release tests, lists that are mostly short, stay quick where they are
long: PostgreSQL itself tells how many rows it looks at.
"""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging.models import ReleaseTest
from miniprograms.models import PermissionRequest
from miniprograms.services.permission_drift import MOST_REQUESTS
from platform_auth.models import Component, Push
from tests.plans import copy_rows, plan_of, rows_read
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ROWS = 20_000
TABLES = ("miniprograms_permissionrequest", "wxminiprograms")
MOST_ROWS = 2 * MOST_REQUESTS + 100  # each with its account


@pytest.fixture
def many(component: Component) -> None:
    """All are waiting: each account lacks what it was asked for."""
    account = make_authorizer(component, None, func_info=[17])
    codes = "' code '"
    copy_rows(account, ROWS, authorizer_appid="'wx' || lpad(n::text, 16, '0')", lacks=codes)
    row = PermissionRequest.objects.create(authorizer=account, need="code")
    at = "now() - interval '13 s' * n"
    copy_rows(row, ROWS, authorizer_id=f"{account.pk} + n", asked_at=at)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")


def test_the_page_of_requests_reads_the_newest_and_the_oldest(many: None) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    with CaptureQueriesContext(connection) as queries:
        page = boss.get("/admin/miniprograms/permissionrequest/")
    [code] = [counts for counts, _ in page.context["counts"] if counts.need.code == "code"]
    assert code.asked == MOST_REQUESTS
    requests = [one["sql"] for one in queries if f'FROM "{TABLES[0]}"' in one["sql"]]
    assert len(requests) == 2
    for sql in requests:
        assert rows_read(plan_of(sql), TABLES) <= MOST_ROWS, sql


def test_the_newest_release_tests_are_found_by_index(component: Component) -> None:
    push = Push.objects.create(
        component=component, digest="0", business_key="0", state="done", created=timezone.now()
    )
    copy_rows(push, ROWS, digest="n::text", business_key="n::text")
    row = ReleaseTest.objects.create(component=component, push=push, appid="wx1", openid="o")
    copy_rows(row, ROWS, push_id=f"{push.pk} + n", reference="'r' || n")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE messaging_releasetest")
    boss = browser_of(User.objects.create_superuser("boss"))
    with CaptureQueriesContext(connection) as queries:
        assert boss.get("/admin/messaging/releasetest/").status_code == 200
    asked = [one["sql"] for one in queries if '"messaging_releasetest"' in one["sql"]]
    assert asked
    for sql in asked:
        assert rows_read(plan_of(sql), ("messaging_releasetest",)) < 1_000, sql
