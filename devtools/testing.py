"""
`dev.py test`: all tests on SQLite, then those that use a database on the servers of production.
"""

import os
import subprocess

from devtools import install
from devtools.failure import Failure

SOME_FAILED, NOTHING_RAN = 1, 5  # pytest's exit codes


def run(arguments: list[str]) -> int:
    install.provide(*install.tests_need())
    codes = [_pytest("SQLite", arguments)]
    if missing := _missing_servers():
        _say_what_was_not_run(missing)
    else:
        code = _pytest("a real PostgreSQL and Redis", ["--servers", "--stored", *arguments])
        # Of the tests asked for none may use a database.
        codes.append(0 if arguments and code == NOTHING_RAN else code)
    return max(codes)


def _pytest(on: str, arguments: list[str]) -> int:
    print(f"\n── The tests on {on} ──", flush=True)
    code = _run(arguments)
    if code != SOME_FAILED:
        return code
    # A crowded machine can be too slow for a test of races; alone it tells what is true.
    print(f"\n── What failed on {on}, once more, one by one ──", flush=True)
    return _run([*arguments, "--last-failed", "-n", "0"])


def _run(arguments: list[str]) -> int:
    return subprocess.run(
        [install.PYTHON, "-m", "pytest", *arguments],
        cwd=install.ROOT,
        # A shell that serves another Django project may name other settings.
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=False,
    ).returncode


def _missing_servers() -> str:
    asked = subprocess.run(
        [install.PYTHON, "-m", "tests.servers"],
        cwd=install.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip().replace(" ", " and ")


def _say_what_was_not_run(missing: str) -> None:
    sentence = (
        f"NOT RUN: the tests on a real PostgreSQL and Redis. This machine has no {missing};\n"
        "install them, or set TEST_DATABASE_URL and TEST_REDIS_URL to servers of yours."
    )
    if os.environ.get("REQUIRE_SERVERS") == "1":
        raise Failure(sentence)
    print(f"\n{sentence}", flush=True)
