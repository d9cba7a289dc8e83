"""What a process does says how long it waits for PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from config.process_role import role_of
from tests.processes import database_url

COMMANDS = {
    "python manage.py migrate --no-input": "migrate",
    "manage.py is_alive beat --within 120": "command",
    "/app/manage.py shell -c migrate": "command",
    "/venv/bin/celery -A config worker --pool prefork": "worker",
    "/venv/lib/celery/__main__.py -A config beat --pidfile=": "beat",
    "/venv/bin/granian --interface wsgi config.wsgi:application": "command",
    "pytest": "command",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_tells_the_role(command: str) -> None:
    words = command.removeprefix("python ").split()
    assert role_of(words) == COMMANDS[command]


SHOW = """
import django; django.setup()
from django.db import connection
with connection.cursor() as cursor:
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        cursor.execute(f"SHOW {name}")
        print(cursor.fetchone()[0])
connection.close_pool()
"""


def run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    ours = {name: value for name, value in os.environ.items() if name != "PROCESS_ROLE"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.ROOT,
        env={**ours, "DJANGO_SETTINGS_MODULE": "config.settings", **environment},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.mark.postgres
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "timeouts"),
    [
        ("web", ["10s", "3s", "15s"]),
        ("push", ["1s", "800ms", "2s"]),
        ("worker", ["30s", "10s", "30s"]),
        ("migrate", ["0", "2s", "0"]),
    ],
)
def test_the_server_ends_what_takes_longer(role: str, timeouts: list[str]) -> None:
    process = run(SHOW, DATABASE_URL=database_url(), PROCESS_ROLE=role)
    assert process.stdout.split() == timeouts, process.stderr


def test_whatever_loads_the_web_application_is_web(tmp_path: Path) -> None:
    code = "import config.wsgi; from django.conf import settings; print(settings.PROCESS_ROLE)"
    process = run(code, DATABASE_URL="", VAR_DIR=str(tmp_path))
    assert process.stdout.split() == ["web"], process.stderr


def test_a_role_that_there_is_not_is_refused_in_a_sentence() -> None:
    process = run("import django; django.setup()", PROCESS_ROLE="wrker")
    assert process.stderr.splitlines()[-1].endswith(
        "PROCESS_ROLE must be one of web, push, worker, beat, migrate, command."
    )
