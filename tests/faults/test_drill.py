"""The fault drill in short, by real processes; and its table, which must stand on something."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.faults import results
from tests.faults.drill import DRILLS
from tests.faults.drills import chosen
from tests.faults.rows import TESTS, node_of

ROWS = 60


@pytest.mark.postgres
@pytest.mark.redis
def test_nothing_is_lost_or_doubled_in_the_short_drill() -> None:
    drill = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--short"],
        cwd=settings.ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert not drill.returncode, drill.stdout + drill.stderr
    assert len(drill.stdout.splitlines()) == len(chosen([], short=True))


def test_every_test_of_the_table_exists() -> None:
    missing = []
    for tests in TESTS.values():
        for test in tests:
            path, name = node_of(test).split("::")
            if f"def {name}(" not in Path(settings.ROOT, path).read_text():
                missing.append(test)
    assert missing == []


def test_every_row_is_one_of_the_failures_that_we_know() -> None:
    assert {*TESTS, *(one.row for one in DRILLS)} <= results.titles().keys()


def test_the_results_are_of_the_table_as_it_is() -> None:
    """Whoever adds a drill writes the results anew: python -m tests.faults --write."""
    written = re.findall(r"^\| (F\d+) \|", results.DOCUMENT.read_text(), re.MULTILINE)
    rows = {*TESTS, *(one.row for one in DRILLS)}
    assert rows == set(written)
    assert len(rows) >= ROWS
