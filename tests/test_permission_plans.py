"""Requests for permissions are read by their age: PostgreSQL itself tells how many it looks at."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from miniprograms.models import PermissionRequest
from miniprograms.services.permission_drift import MOST_COUNTED
from platform_auth.models import Component
from tests.plans import copy_rows, plan_of, rows_read
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

REQUESTS = 20_000
TABLES = ("miniprograms_permissionrequest", "wxminiprograms")
MOST_ROWS = 2 * MOST_COUNTED + 100  # each with its account


@pytest.fixture
def many(component: Component) -> None:
    """All are waiting: each account lacks what it was asked for."""
    account = make_authorizer(component, None, func_info=[17])
    codes = "' code '"
    copy_rows(account, REQUESTS, authorizer_appid="'wx' || lpad(n::text, 16, '0')", lacks=codes)
    row = PermissionRequest.objects.create(authorizer=account, need="code")
    at = "now() - interval '13 s' * n"
    copy_rows(row, REQUESTS, authorizer_id=f"{account.pk} + n", asked_at=at)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")


def test_the_page_of_requests_reads_the_newest_and_the_oldest(many: None) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    with CaptureQueriesContext(connection) as queries:
        page = boss.get("/admin/miniprograms/permissionrequest/")
    [code] = [counts for counts, _ in page.context["counts"] if counts.need.code == "code"]
    assert code.asked == MOST_COUNTED
    requests = [one["sql"] for one in queries if f'FROM "{TABLES[0]}"' in one["sql"]]
    assert len(requests) == 2
    for sql in requests:
        assert rows_read(plan_of(sql), TABLES) <= MOST_ROWS, sql
