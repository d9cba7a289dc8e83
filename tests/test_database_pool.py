"""PostgreSQL's connections are pooled; a restart of the server kills those that are idle."""

from functools import partial

import psycopg
import pytest
from django.db import connection

from tests.processes import database_url
from tests.threads import together

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

SESSIONS = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


def ask(question: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(question)


def test_when_all_idle_connections_are_dead_the_next_query_gets_a_live_one() -> None:
    assert together([partial(ask, "SELECT pg_sleep(0.3)")] * 12) == [None] * 12
    connection.close()
    with psycopg.connect(database_url(), autocommit=True) as restarting:
        name = [connection.settings_dict["NAME"]]
        [(before,)] = restarting.execute(f"SELECT count(*) {SESSIONS}", name).fetchall()
        restarting.execute(f"SELECT pg_terminate_backend(pid) {SESSIONS}", name)
    assert before > 5
    assert together([partial(ask, "SELECT 1")] * 12) == [None] * 12
