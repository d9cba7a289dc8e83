"""
Pages and measures that read few rows of many: PostgreSQL itself tells how many it looks at, with a
hundred thousand accounts and operations, and an account of a merchant with a long history.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.models import CodeAudit, Release
from config.metrics.rows import MOST_COUNTED
from miniprograms.models import Authorizer
from miniprograms.services.refresh_batches import lease_statement
from platform_auth.models import Component, Operation, Push, WeChatCall
from tests.databases import SILENCE_TRIGGERS
from tests.plans import copy_rows, nodes, plan_of, rows_read
from tests.test_admin_code_acts import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

# TEST_ROWS_SCALE=10 is the size of the promise; the plans are the same at a tenth of it.
SCALE = int(os.environ.get("TEST_ROWS_SCALE", "1"))
ACCOUNTS, AUDITS, OPERATIONS = 100_000 * SCALE, 100_000 * SCALE, 100_000 * SCALE
OWN = 500  # accounts of one merchant
MOST_ROWS = 3_000
TABLES = (
    "wxminiprogram_audit",
    "wxminiprograms",
    "audits_release",
    "miniprograms_duerefresh",
    "platform_auth_operation",
    "platform_auth_push",
    "platform_auth_wechatcall",
)


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The rows, made by the database itself and put back at the end."""
    with django_db_blocker.unblock():
        component = Component.objects.create(appid="wxfeedfacefeedface")
        owner = User.objects.create_user("many-accounts")
        _fill(component, owner)
        yield
        with connection.cursor() as cursor:
            tables = ", ".join(TABLES)
            cursor.execute(
                f"{SILENCE_TRIGGERS}; TRUNCATE {tables}, platform_auth_component CASCADE"
            )
        owner.delete()


def _fill(component: Component, owner: User) -> None:
    account = Authorizer.objects.create(
        component=component, appid="wxexample", kind="mini_program", state="unbound"
    )
    copy_rows(
        account,
        ACCOUNTS,
        authorizer_appid="'wx' || lpad(n::text, 16, '0')",
        state=f"CASE WHEN n % {ACCOUNTS // 50} = 3 THEN 'needs_recovery' ELSE 'bound' END",
        authorizer_refresh_token="'sealed'",
        uid=f"CASE WHEN n % {ACCOUNTS // OWN} = 0 THEN {owner.pk} END",
        due_at=f"now() + interval '1 s' * (n % 3600 - {36 / SCALE})",
    )
    of = f"{account.pk + 1} + n % {ACCOUNTS}"
    # One in ten of them has a history of a hundred; the merchant's are among these.
    long = f"{account.pk} + (n % {AUDITS // 100}) * {ACCOUNTS // (AUDITS // 100)}"
    audit = CodeAudit.objects.create(authorizer=account, user_version="1", status=0)
    copy_rows(audit, AUDITS, authorizer_id=long, auditid="(500000000 + n)::text")
    act = Release.objects.create(authorizer=account, kind="release", state="done")
    copy_rows(act, AUDITS, authorizer_id=f"CASE WHEN n % 2 = 0 THEN {of} ELSE {long} END")
    operation = Operation.objects.create(actor_name="system", action="refresh_token")
    copy_rows(
        operation,
        OPERATIONS,
        actor_name=f"CASE WHEN n % {OPERATIONS // 20} = 7 THEN 'rare' ELSE 'system' END",
        action=f"CASE WHEN n % {OPERATIONS // 20} = 9 THEN 'revert' ELSE 'refresh_token' END",
        appid="'wx' || lpad((n / 10)::text, 16, '0')",
    )
    call = WeChatCall.objects.create(
        at=timezone.now(), path="/wxa/queryquota", outcome="0", milliseconds=20, attempt=1
    )
    copy_rows(
        call,
        OPERATIONS,
        appid="'wx' || lpad((n / 10)::text, 16, '0')",
        outcome=f"CASE WHEN n % {OPERATIONS // 20} = 7 THEN '45009' ELSE '0' END",
        rid=f"CASE WHEN n % {OPERATIONS // 20} = 7 THEN '6b0c-' || n ELSE '' END",
        client_id=f"CASE WHEN n % {OPERATIONS // 20} = 9 THEN 7 END",
        request_id="CASE WHEN n % 2 = 0 THEN md5(n::text) ELSE '' END",
    )
    push = Push.objects.create(
        component=component, digest="0", business_key="0", state="done", created=timezone.now()
    )
    copy_rows(
        push,
        OPERATIONS,
        digest="n::text",
        business_key="n::text",
        state=f"CASE WHEN n % {OPERATIONS // 20} = 5 THEN 'failed' ELSE 'done' END",
    )
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")


def rows_of_page(client: Client, address: str) -> dict[str, float]:
    """How many rows of our tables each SELECT of a page reads."""
    with CaptureQueriesContext(connection) as context:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.content
    asked = [one["sql"] for one in context if any(f'"{table}"' in one["sql"] for table in TABLES)]
    assert asked
    return {sql: rows_read(plan_of(sql), TABLES) for sql in asked if sql.startswith("SELECT")}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "p=9",
        "q=system",
        "q=rare",
        "q=nobody",
        "q=wx0000000000001234",
        "action=revert",
        "action=refresh_token",
        "action=bind",
        "version=9.9.9",
        "q=9.9.9",
    ],
)
def test_the_operation_log_is_searched_by_index(many: None, query: str) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    read = rows_of_page(boss, f"/admin/platform_auth/operation/?{query}")
    assert not {sql: rows for sql, rows in read.items() if rows > MOST_ROWS}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "p=9",
        "q=wx0000000000001234",
        "q=wx9999999999999999",
        "q=wx0000000000001234+/wxa/no_such_path",
        "q=6b0c-7",
        "q=no-such-rid",
        "q=c20ad4d76fe97759aa27a0c99bff6710",
        "outcome=well",
        "outcome=refused",
        "outcome=unanswered",
        "client=7",
        "client=8",
        "client=7&outcome=refused",
    ],
)
def test_the_log_of_calls_is_searched_by_index(many: None, query: str) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    read = rows_of_page(boss, f"/admin/platform_auth/wechatcall/?{query}")
    assert not {sql: rows for sql, rows in read.items() if rows > MOST_ROWS}


@pytest.mark.parametrize(
    "end", ["change/", "code/", "settings/", "messages/", "people/", "log/", "header/"]
)
def test_the_pages_of_an_account_read_few_rows(many: None, end: str) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    row = Authorizer.objects.get(appid="wx0000000000001200")  # with a long history
    read = rows_of_page(boss, f"/admin/miniprograms/authorizer/{row.pk}/{end}")
    assert sum(read.values()) < MOST_ROWS, read


@pytest.mark.parametrize("name", ["codeaudit", "release"])
def test_the_acts_at_hand_cost_a_list_little(many: None, name: str) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    read = rows_of_page(boss, f"/admin/audits/{name}/")
    assert sum(read.values()) < MOST_ROWS, read


def test_the_home_of_a_merchant_with_many_accounts(many: None) -> None:
    client = browser_of(User.objects.get(username="many-accounts"))
    read = rows_of_page(client, "/portal/?page=3")
    assert sum(read.values()) < MOST_ROWS


def test_measuring_counts_no_further_than_it_must(many: None) -> None:
    read = rows_of_page(Client(), "/metrics")
    assert sum(read.values()) <= 3 * MOST_COUNTED


def test_the_measure_of_many_is_nearly_right(many: None) -> None:
    text = Client().get("/metrics").content.decode()
    [line] = [line for line in text.splitlines() if line.startswith('wechat_authorizers{state="b')]
    bound = Authorizer.objects.filter(state="bound").count()
    assert float(line.split()[1]) == pytest.approx(bound, rel=0.1)
    [line] = [line for line in text.splitlines() if 'state="needs_recovery"' in line]
    assert float(line.split()[1]) == Authorizer.objects.filter(state="needs_recovery").count()


def test_due_rows_are_taken_by_their_index(many: None) -> None:
    component = Component.objects.get()
    sql, values = lease_statement(256, components=[component.pk])
    plan = plan_of(sql, values)
    assert "due_refresh" in {node.get("Index Name") for node in nodes(plan)}
    assert "Seq Scan" not in {
        node["Node Type"] for node in nodes(plan) if node.get("Relation Name") in TABLES
    }


def test_due_profiles_are_found_by_their_index(many: None) -> None:
    due = Authorizer.objects.filter(profile_due_at__isnull=False).order_by("profile_due_at")[:100]
    sql, params = due.query.sql_with_params()
    assert "auth_profile_due" in {node.get("Index Name") for node in nodes(plan_of(sql, params))}
