"""
The lists of code stay quick with a hundred thousand mini programs and a million audits: PostgreSQL
itself tells how many rows it reads for a page.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audits.admin.code_status import code_status_of, newest_audit
from audits.models import CodeAudit, CodeTemplate, CodeVersion, Release
from miniprograms.models import Authorizer
from platform_auth.models import Component
from tests.plans import copy_rows, nodes, plan_of, rows_read
from tests.test_admin_code_acts import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

# TEST_ROWS_SCALE=10 is the size of the promise; the plans are the same at a tenth of it.
SCALE = int(os.environ.get("TEST_ROWS_SCALE", "1"))
PROGRAMS, AUDITS = 10_000 * SCALE, 100_000 * SCALE
FEW = AUDITS // 20  # of so many rows one is unusual
MOST_ROWS = 3_000  # a page, what is counted ahead of it, and the rows beside them
TABLES = (
    "wxminiprogram_audit",
    "wxminiprograms",
    "audits_codeversion",
    "audits_release",
    "audits_codesummary",
)

LISTS = {
    "/admin/audits/codeaudit/": [
        "",
        "p=9",
        "status__exact=1",
        "status__exact=2",
        "status__exact=-3",
        "released=no",
        "released=yes",
        "q=wx0000000000001234",
        "q=500012345",
        "q=nonsense",
    ],
    "/admin/audits/codeversion/": [
        "",
        "p=9",
        "state__exact=committed",
        "state__exact=refused",
        "state__exact=unknown",
        "q=wx0000000000001234",
    ],
    "/admin/audits/release/": [
        "",
        "state__exact=done",
        "state__exact=refused",
        "state__exact=unknown",
        "kind__exact=revert",
        "q=wx0000000000001234",
    ],
    "/admin/miniprograms/authorizer/": [
        "",
        "p=9",
        "state__exact=unbound",
        "q=wx0000000000001234",
        "q=茶",
        "q=nonsense",
        "live=none",
        "live=2.0.0",
        "live=<2.0.0",
        "review=rejected",
        "unread=yes",
        "drift=yes",
        "preflight=failing",
        "lacks=any",
        "o=2",
        "o=5",
        "o=-5",
        "o=7",
    ],
}


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The rows, made by the database itself and put back at the end; a few of each are unusual."""
    with django_db_blocker.unblock():
        component = Component.objects.create(appid="wxfeedfacefeedface")
        template = CodeTemplate.objects.create(component=component, template_id=1)
        _fill(component.pk, template.pk)
        yield
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(TABLES)}, platform_auth_component CASCADE")


def _fill(component: int, template: int) -> None:
    program = Authorizer.objects.create(
        component_id=component, appid="wxexample", kind="mini_program", state="unbound"
    )
    copy_rows(program, PROGRAMS, authorizer_appid="'wx' || lpad(n::text, 16, '0')")
    of = f"{program.pk + 1} + n % {PROGRAMS}"
    rare = f"CASE WHEN n % {FEW} = 7 THEN 'refused' ELSE '{{}}' END"
    version = CodeVersion.objects.create(
        authorizer=program, template_id=template, user_version="1", ext_json="{}", state="committed"
    )
    copy_rows(version, AUDITS, authorizer_id=of, state=rare.format("committed"))
    audit = CodeAudit.objects.create(authorizer=program, user_version="1", status=0)
    copy_rows(
        audit,
        AUDITS,
        authorizer_id=of,
        appid=f"'wx' || lpad((1 + n % {PROGRAMS})::text, 16, '0')",
        auditid="(500000000 + n)::text",
        # Nearly all have passed and are out; a few were rejected or wait, the newest are open.
        status=f"CASE WHEN n % {FEW} = 7 THEN 1 WHEN n > {AUDITS - 500} THEN 2 ELSE 0 END",
        released_at=f"CASE WHEN n % {FEW} = 3 THEN NULL ELSE now() END",
        due_at=f"CASE WHEN n > {AUDITS - 500} THEN now() - interval '1 s' END",
    )
    act = Release.objects.create(authorizer=program, kind="release", state="done")
    kind = f"CASE WHEN n % {FEW} = 9 THEN 'revert' ELSE 'release' END"
    copy_rows(act, AUDITS // 2, authorizer_id=of, kind=kind, state=rare.format("done"))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")


@pytest.fixture
def boss(many: None) -> Client:
    return browser_of(User.objects.create_superuser("boss"))


@pytest.mark.parametrize(
    "address", [f"{path}?{query}" for path, queries in LISTS.items() for query in queries]
)
def test_a_page_of_a_list_reads_few_rows(boss: Client, address: str) -> None:
    with CaptureQueriesContext(connection) as context:
        answer = boss.get(address)
        assert answer.status_code == 200
        assert answer.content
    asked = [one["sql"] for one in context if any(f'"{table}"' in one["sql"] for table in TABLES)]
    assert asked
    read = {sql: rows_read(plan_of(sql), TABLES) for sql in asked if sql.startswith("SELECT")}
    assert not {sql: rows for sql, rows in read.items() if rows > MOST_ROWS}


def test_the_code_page_reads_few_rows(boss: Client) -> None:
    row = Authorizer.objects.all()[777]
    with CaptureQueriesContext(connection) as context:
        assert boss.get(f"/admin/miniprograms/authorizer/{row.pk}/code/").status_code == 200
    asked = [one["sql"] for one in context if any(f'"{table}"' in one["sql"] for table in TABLES)]
    assert (
        sum(rows_read(plan_of(sql), TABLES) for sql in asked if sql.startswith("SELECT"))
        < MOST_ROWS
    )


def test_the_newest_rows_of_a_mini_program_come_by_index(many: None) -> None:
    row = Authorizer.objects.all()[777]
    with CaptureQueriesContext(connection) as context:
        assert newest_audit(row)
        assert code_status_of(row).version
    for one in context:
        plan = plan_of(one["sql"])
        assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"
                    and node["Relation Name"] in TABLES]  # fmt: skip
        assert rows_read(plan, TABLES) < 200


def test_what_is_due_is_found_by_its_index(many: None) -> None:
    due: list[tuple[QuerySet[Any], str]] = [
        (CodeAudit.objects.due(), "audit_due"),
        (CodeVersion.objects.due(), "version_due"),
        (Release.objects.due(), "release_due"),
    ]
    for rows, index in due:
        sql, params = rows.order_by("due_at")[:200].query.sql_with_params()
        plan = plan_of(sql, params)
        used = {node.get("Index Name") for node in nodes(plan)}
        assert index in used, plan
        assert "Seq Scan" not in {node["Node Type"] for node in nodes(plan)}
