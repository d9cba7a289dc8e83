"""
The tests' databases: migrated once for each state of the migrations, and copied from then on.

Django replays every migration in every process. And after a test with real transactions it
truncates all tables and asks all apps for what they keep there. Here a database is a copy of the
migrated one, and such a test's leavings are taken away by putting back what that holds.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import django
import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection, transaction

# Kept from run to run; `git clean` or an `rm` may take them away at any time.
KEPT = settings.ROOT / "var" / "test-databases"


class Database(Protocol):
    """A migrated database that is this process's own, and that it uses."""

    def restore(self) -> None:
        """All rows as they were, whatever was committed since."""


@contextmanager
def copied() -> Iterator[Database]:
    """One of its own for this process, gone at the end; Django uses it for so long."""
    before = connection.settings_dict["NAME"]
    is_postgres = connection.vendor == "postgresql"
    try:
        with Postgres.copied() if is_postgres else Sqlite.copied() as database:
            yield database
    finally:
        use(before)


def use(name: str) -> None:
    _leave()
    connection.settings_dict["NAME"] = name


def _leave() -> None:
    """PostgreSQL renames, copies and drops only a database that nobody is connected to."""
    connection.close()
    if connection.vendor == "postgresql":
        pooled: Any = connection
        pooled.close_pool()


def migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)
    _leave()


def digest_of_migrations() -> str:
    """What a migrated database depends on: all migrations, and the Django that carries them out."""
    digest = hashlib.sha256(f"{django.__version__} {connection.vendor}".encode())
    for config in apps.get_app_configs():
        for path in sorted(Path(config.path, "migrations").glob("*.py")):
            digest.update(f"{config.label} {path.name}".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# ── SQLite: files ───────────────────────────────────────────────────────────────────────────────


class Sqlite:
    def __init__(self, whole: Path) -> None:
        self.whole = whole

    @classmethod
    @contextmanager
    def copied(cls) -> Iterator["Sqlite"]:
        own = settings.VAR_DIR / f"test-{os.getpid()}.sqlite3"
        whole = settings.VAR_DIR / f"whole-{os.getpid()}.sqlite3"
        shutil.copyfile(cls._migrated(), own)
        use(str(own))
        # What code says of groups and permissions may have changed without a migration.
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
        connection.close()
        shutil.copyfile(own, whole)
        yield cls(whole)

    @classmethod
    def _migrated(cls) -> Path:
        """The migrated one; of several processes that need it the first makes it."""
        KEPT.mkdir(parents=True, exist_ok=True)
        kept = KEPT / f"{digest_of_migrations()}.sqlite3"
        with (KEPT / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                cls._make(kept)
        return kept

    @staticmethod
    def _make(kept: Path) -> None:
        for old in KEPT.glob("*.sqlite3"):
            old.unlink()
        making = settings.VAR_DIR / f"making-{os.getpid()}.sqlite3"
        use(str(making))
        migrate()
        # Never a half of it under the name that says it is whole.
        half = kept.with_suffix(".half")
        shutil.copyfile(making, half)
        half.replace(kept)

    def restore(self) -> None:
        connection.ensure_connection()
        with closing(sqlite3.connect(self.whole)) as whole:
            whole.backup(connection.connection)


# ── PostgreSQL: databases of one server ─────────────────────────────────────────────────────────


class Postgres:
    """
    Rows that `migrate` made have a copy in the schema `whole`. Django's foreign keys are checked at
    the end of a transaction, so that rows can go, and come back, in any order.
    """

    def __init__(self) -> None:
        tables = connection.introspection.django_table_names(only_existing=True)
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA whole")
            self.filled = [table for table in tables if _has_rows(cursor, table)]
            for table in self.filled:
                cursor.execute(f'CREATE TABLE whole."{table}" AS TABLE "{table}"')
        empty = set(tables) - set(self.filled)
        self._which_differ = " UNION ALL ".join(
            [f"SELECT '{table}' WHERE EXISTS (TABLE \"{table}\")" for table in sorted(empty)]
            + [f"SELECT '{table}' WHERE {_differs(table)}" for table in self.filled]
        )

    @classmethod
    @contextmanager
    def copied(cls) -> Iterator["Postgres"]:
        server = connection.settings_dict["NAME"]
        own = f"test_{secrets.token_hex(4)}"
        with closing(_connect(server)) as admin:
            admin.execute("SELECT pg_advisory_lock(hashtext('test databases'))")
            migrated = cls._migrated(admin)
            admin.execute(f'CREATE DATABASE "{own}" TEMPLATE "{migrated}"')
            admin.execute("SELECT pg_advisory_unlock(hashtext('test databases'))")
        use(own)
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
        try:
            yield cls()
        finally:
            use(server)
            with closing(_connect(server)) as admin:
                admin.execute(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)')

    @staticmethod
    def _migrated(admin: psycopg.Connection[Any]) -> str:
        """The migrated one; of several processes that need it the first makes it."""
        name = f"test_migrated_{digest_of_migrations()}"
        if admin.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
            return name
        admin.execute(f'DROP DATABASE IF EXISTS "{name}_half" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{name}_half"')
        use(f"{name}_half")
        migrate()
        admin.execute(f'ALTER DATABASE "{name}_half" RENAME TO "{name}"')
        return name

    def restore(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(self._which_differ)
            differ = [table for (table,) in cursor.fetchall()]
            statements = [f'DELETE FROM "{table}"' for table in differ]  # noqa: S608 (our tables' names)
            statements += [
                f'INSERT INTO "{table}" TABLE whole."{table}"'
                for table in differ
                if table in self.filled
            ]
            if statements:
                # One transaction, in which triggers are silent: the operation log's refuses.
                cursor.execute("; ".join([SILENCE_TRIGGERS, *statements]))


SILENCE_TRIGGERS = "SET LOCAL session_replication_role = replica"


def empty_operation_log() -> None:
    """As if nobody had done anything yet, which PostgreSQL would refuse."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(SILENCE_TRIGGERS)
        cursor.execute("DELETE FROM platform_auth_operation")
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def _connect(name: str) -> psycopg.Connection[Any]:
    known = connection.settings_dict
    return psycopg.connect(
        host=known["HOST"], port=known["PORT"], user=known["USER"], password=known["PASSWORD"],
        dbname=name, autocommit=True,
    )  # fmt: skip


def _has_rows(cursor: Any, table: str) -> bool:
    cursor.execute(f'SELECT EXISTS (TABLE "{table}")')
    has: bool = cursor.fetchone()[0]
    return has


def _differs(table: str) -> str:
    now, then = f'TABLE "{table}"', f'TABLE whole."{table}"'
    return f"EXISTS (({now} EXCEPT {then}) UNION ALL ({then} EXCEPT {now}))"
