"""Yesterday's dump comes back: every account is usable again, and no merchant is asked."""

import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from miniprograms.models import Authorizer
from miniprograms.services import refreshing
from miniprograms.tokens import authorizer_token
from platform_auth.fields import key_ids
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.accounts import make_due, make_due_accounts
from tests.databases import leave
from tests.processes import database_url
from tests.servers import find_postgres

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

ACCOUNTS = 12
QUERY_AUTH = "/cgi-bin/component/api_query_auth"


def run(*words: str | Path, **more: str) -> str:
    """One of deploy's scripts, on this test's database."""
    binaries = find_postgres()
    assert binaries is not None
    if not (binaries / "pg_dump").exists():
        pytest.skip("this PostgreSQL has no pg_dump")
    done = subprocess.run(
        words,
        cwd=settings.ROOT,
        env={
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "DATABASE_URL": database_url(),
            **more,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def backup(folder: Path) -> Path:
    return Path(run("deploy/backup.sh", "once", folder))


def restore(dump: Path) -> str:
    leave()
    return run("deploy/restore.sh", dump)


@pytest.mark.parametrize("first", ["the list is asked", "old tokens are tried"])
def test_an_old_backup_comes_back_without_a_merchant(
    wechat: WeChat, ticket: str, component: Component, tmp_path: Path, first: str
) -> None:
    wechat.rotate = "always"
    make_due_accounts(wechat, component, ACCOUNTS)
    dump = backup(tmp_path)
    for _ in range(3):
        make_due()
        refreshing.sweep()
    lost = set(Authorizer.objects.values_list("appid", flat=True))
    calls = wechat.count(QUERY_AUTH)

    restore(dump)
    if first == "old tokens are tried":
        make_due()
        refreshing.sweep()
    call_command("reconcile")
    make_due()
    refreshing.sweep()

    assert {row.appid for row in Authorizer.objects.all()} == lost
    for row in Authorizer.objects.all():
        granted = wechat.authorization(row.appid)
        assert granted is not None
        assert (row.state, row.refresh_token) == ("bound", granted.refresh_token)
        assert authorizer_token(row.appid)
    assert wechat.count(QUERY_AUTH) == calls


def test_what_came_after_the_backup_is_gone_and_what_was_in_it_is_back(
    wechat: WeChat, ticket: str, component: Component, tmp_path: Path
) -> None:
    before = [row.appid for row in make_due_accounts(wechat, component, 2)]
    dump = backup(tmp_path)
    Authorizer.objects.filter(appid=before[0]).delete()
    make_due_accounts(wechat, component, 3)
    restore(dump)
    assert sorted(Authorizer.objects.values_list("appid", flat=True)) == sorted(before)


def test_a_broken_dump_changes_nothing(
    wechat: WeChat, ticket: str, component: Component, tmp_path: Path
) -> None:
    make_due_accounts(wechat, component, 2)
    dump = backup(tmp_path)
    whole = dump.read_bytes()
    dump.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(AssertionError, match="Nothing was restored; the database is as it was."):
        restore(dump)
    dump.write_bytes(whole[:100])
    with pytest.raises(AssertionError, match="Nothing was restored; the database is as it was."):
        restore(dump)
    assert Authorizer.objects.count() == 2


def test_a_dump_says_by_which_keys_it_is_encrypted(component: Component, tmp_path: Path) -> None:
    dump = backup(tmp_path)
    [key] = key_ids()
    assert f"Its secrets need these in FIELD_ENCRYPTION_KEYS: {key}\n" in restore(dump)


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run("deploy/backup.sh", "once", tmp_path, DATABASE_URL="postgres://x@127.0.0.1:1/x")
    assert list(tmp_path.iterdir()) == []


def test_a_dump_is_for_its_owner_and_holds_no_credential_in_clear(
    wechat: WeChat, ticket: str, component: Component, tmp_path: Path
) -> None:
    rows = make_due_accounts(wechat, component, 2)
    dump = backup(tmp_path)
    assert dump.stat().st_mode & 0o077 == 0
    text = run("pg_restore", "--file=-", dump)
    assert rows[0].appid in text
    secrets = [component.app_secret, component.aes_key, component.message_token, ticket]
    secrets += [row.refresh_token for row in rows]
    assert [secret for secret in secrets if secret and secret in text] == []


def test_old_dumps_are_forgotten(wechat: WeChat, component: Component, tmp_path: Path) -> None:
    old = backup(tmp_path)
    os.rename(old, tmp_path / "platform-20200101T000000Z.dump")
    os.utime(tmp_path / "platform-20200101T000000Z.dump", (0, 0))
    new = backup(tmp_path)
    assert list(tmp_path.glob("*")) == [new]
