"""The operation log: only ever added to, and whether it is as it was written can be seen."""

import io
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from platform_auth.models import Operation, OperationSeal
from platform_auth.operation_chain import SEALS_AT_ONCE
from platform_auth.operations import record_operation
from platform_auth.tasks import seal_operations
from tests.databases import SILENCE_TRIGGERS

LOG = "/admin/platform_auth/operation/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(staff: User) -> list[Operation]:
    """Three operations, sealed."""
    for number in range(3):
        record_operation("release", by=staff, appid=f"wx000000000000000{number}", result="1.0 ä")
    seal_operations()
    return list(Operation.objects.order_by("pk"))


@pytest.fixture
def boss_browser() -> Client:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(User.objects.create_superuser("boss"))
    return browser


def verify(*words: str) -> str:
    out = io.StringIO()
    call_command("verify_operations", *words, stdout=out, stderr=out)
    return out.getvalue().strip()


def complaints(*words: str) -> list[str]:
    out = io.StringIO()
    with pytest.raises(CommandError, match="was tampered with"):
        call_command("verify_operations", *words, stdout=out, stderr=out)
    return out.getvalue().splitlines()


def tamper(sql: str) -> None:
    """As somebody may who owns the database."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(SILENCE_TRIGGERS)
        cursor.execute(sql)


def test_what_was_done_with_one_version(boss_browser: Client, staff: User) -> None:
    record_operation("release", by=staff, appid="wx0000000000000001", version="2.4.0")
    record_operation("revert", by=staff, appid="wx0000000000000001", version="2.4.0")
    record_operation("release", by=staff, appid="wx0000000000000001", version="2.5.0")
    record_operation("sync_profile", by=staff, appid="wx0000000000000001")
    page = boss_browser.get(LOG)
    assert f'<a href="{LOG}?version=2.4.0" class="text-link">2.4.0</a>' in page.content.decode()
    for query in ("version=2.4.0", "q=2.4.0"):
        rows = boss_browser.get(f"{LOG}?{query}").context["cl"].result_list
        assert [(row.action, row.version) for row in rows] == [
            ("revert", "2.4.0"),
            ("release", "2.4.0"),
        ]


@pytest.mark.postgres
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE platform_auth_operation SET result = 'nothing'",
        "UPDATE platform_auth_operation SET actor_id = NULL, actor_name = 'somebody'",
        "DELETE FROM platform_auth_operation",
        "TRUNCATE platform_auth_operation",
    ],
)
def test_postgresql_refuses_to_change_it(log: list[Operation], sql: str) -> None:
    # What waits for constraints would forbid TRUNCATE before the trigger does.
    sql = f"SET CONSTRAINTS ALL IMMEDIATE; {sql}"
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic():
        connection.cursor().execute(sql)
    assert list(Operation.objects.order_by("pk")) == log


def test_an_account_may_go_and_what_it_did_stays(log: list[Operation], staff: User) -> None:
    name = staff.username
    staff.delete()
    assert {row.actor_name for row in Operation.objects.filter(action="release")} == {name}
    assert verify()


def test_a_log_as_it_was_written(log: list[Operation]) -> None:
    anchor = verify()
    assert re.fullmatch(r"\d+:[0-9a-f]{64}", anchor)
    record_operation("revert", by=None)
    seal_operations()
    assert verify("--anchor", anchor) != anchor


def test_an_empty_log() -> None:
    seal_operations()
    assert verify() == "0:"


def test_more_than_one_batch() -> None:
    rows = [Operation(actor_name="system", action="x") for _ in range(SEALS_AT_ONCE + 1)]
    Operation.objects.bulk_create(rows)
    seal_operations()
    assert verify().startswith(f"{SEALS_AT_ONCE + 1}:")


@pytest.mark.parametrize(
    "column", ["actor_name", "action", "appid", "result", "request_id", "version"]
)
def test_a_change_is_seen(log: list[Operation], column: str) -> None:
    tamper(f"UPDATE platform_auth_operation SET {column} = 'x' WHERE id = {log[1].pk}")  # noqa: S608
    assert complaints() == [f"Operation {log[1].pk} is not as it was written."]


def test_a_changed_time_is_seen(log: list[Operation]) -> None:
    tamper(f"UPDATE platform_auth_operation SET at = '2020-01-01' WHERE id = {log[2].pk}")  # noqa: S608
    assert complaints() == [f"Operation {log[2].pk} is not as it was written."]


def test_what_is_gone_is_missed(log: list[Operation]) -> None:
    tamper(f"DELETE FROM platform_auth_operation WHERE id = {log[1].pk}")  # noqa: S608
    assert complaints() == [f"Operation {log[1].pk} is gone."]


def test_what_is_gone_with_its_seal_is_missed(log: list[Operation]) -> None:
    seals = OperationSeal.objects.filter(operation_id=log[1].pk)
    position = seals.get().position
    tamper(f"DELETE FROM platform_auth_operation WHERE id = {log[1].pk}")  # noqa: S608
    seals.delete()
    assert complaints()[0] == f"The seals {position} to {position} are gone."


def test_what_was_slipped_in_is_seen(log: list[Operation]) -> None:
    day_ago = timezone.now() - timedelta(days=1)
    slipped = Operation.objects.create(actor_name="boss", action="release", at=day_ago)
    assert complaints() == [f"Operation {slipped.pk} has no seal."]


@pytest.mark.parametrize("cut", ["cut", "made anew"])
def test_an_anchor_from_elsewhere_shows_a_chain_that_was(log: list[Operation], cut: str) -> None:
    anchor = verify()
    newest = OperationSeal.objects.order_by("position").last()
    assert newest
    if cut == "cut":
        tamper(f"DELETE FROM platform_auth_operation WHERE id = {newest.operation_id}")  # noqa: S608
        newest.delete()
    else:
        tamper(f"UPDATE platform_auth_operation SET result = 'x' WHERE id = {log[0].pk}")  # noqa: S608
        OperationSeal.objects.all().delete()
        seal_operations()
    assert verify(), "by itself it is whole"
    [complaint] = complaints("--anchor", anchor)
    assert anchor in complaint


@pytest.mark.parametrize("text", ["", "1", "x:" + "0" * 64, "1:abc"])
def test_what_is_no_anchor(text: str) -> None:
    with pytest.raises(CommandError, match="an anchor is"):
        verify("--anchor", text)


def test_the_end_of_the_chain_is_logged(
    log: list[Operation], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        seal_operations()
    assert verify() in caplog.text


def test_what_the_platform_does_by_itself_is_said_in_the_readers_language(client: Client) -> None:
    boss = User.objects.create_superuser("boss", password="boss-password")
    record_operation("register_component", by=None)
    client.force_login(boss)
    page = client.get(
        "/admin/platform_auth/operation/", headers={"accept-language": "zh-hans"}
    ).content.decode()
    assert "系统" in page
    assert ">system<" not in page
