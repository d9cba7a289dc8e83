"""
`dev.py test`: each test on the database where it says most, SQLite or the servers of production.
Where those cannot be had, all of them on SQLite.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from devtools import install
from devtools.failure import Failure

SOME_FAILED, NOTHING_RAN = 1, 5  # pytest's exit codes
SLOWEST = 25


def run(arguments: list[str]) -> int:
    parts = Parts()
    with parts.timed("installation"):
        install.provide(*install.tests_need())
    if missing := _missing_servers():
        code = parts.pytest("SQLite", arguments)
        _say_what_was_not_run(missing)
        parts.sum_up()
        return code
    codes = [
        parts.pytest("SQLite", ["--part", "sqlite", *arguments]),
        parts.pytest("a real PostgreSQL and Redis", ["--part", "servers", "--servers", *arguments]),
    ]
    parts.sum_up()
    # Of the tests asked for all may belong to the other part.
    ran = [code for code in codes if code != NOTHING_RAN] if arguments else codes
    return max(ran, default=NOTHING_RAN)


class Parts:
    """What is done one after the other, and how long each took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began

    def sum_up(self) -> None:
        print("\n── How long it took ──")
        for name, seconds in {**self.seconds, "all": sum(self.seconds.values())}.items():
            print(f"{seconds:6.0f} s  {name}", flush=True)

    def pytest(self, on: str, arguments: list[str]) -> int:
        print(f"\n── The tests on {on} ──", flush=True)
        with self.timed(f"the tests on {on}"):
            code = _run([f"--durations={SLOWEST}", *arguments])
            if code != SOME_FAILED:
                return code
            # A crowded machine can be too slow for a test of races; alone it tells what is true.
            print(f"\n── What failed on {on}, once more, one by one ──", flush=True)
            return _run([*arguments, "--last-failed", "-n", "0"])


def _run(arguments: list[str]) -> int:
    # Another project's settings, and a wish for no byte code: the tests start a hundred processes.
    unwanted = ("DJANGO_SETTINGS_MODULE", "PYTHONDONTWRITEBYTECODE")
    return subprocess.run(
        [install.PYTHON, "-m", "pytest", *arguments],
        cwd=install.ROOT,
        env={name: value for name, value in os.environ.items() if name not in unwanted},
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
