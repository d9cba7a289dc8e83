"""
A pytest plugin: each test as often as the table of faults wants it, and a count of what came of
it, as JSON at the path in FAULTS_COUNTED.
"""

import json
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rows import SLOW

REPEATS = 20


@pytest.fixture
def repetition(request: pytest.FixtureRequest) -> int:
    """Which of the repetitions this is."""
    return int(request.param)


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with many parameters is run that often in all."""
    module = metafunc.module.__name__.rpartition(".test_")[2]
    most = int(os.environ.get("FAULTS_REPEATS", REPEATS))
    repeats = min(most, SLOW.get(module, REPEATS)) if most <= REPEATS else most
    repeats = math.ceil(repeats / max(1, len(metafunc._calls)))
    metafunc.fixturenames.append("repetition")
    metafunc.parametrize("repetition", range(repeats), indirect=True)


COUNTS: dict[str, Counter[str]] = {}


def pytest_runtest_logreport(report: Any) -> None:
    """A test that fails in any of its phases has failed; one that is skipped was not run."""
    if report.when == "call" or not report.passed:
        name = report.nodeid.partition("[")[0]
        COUNTS.setdefault(name, Counter())[report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = os.environ.get("FAULTS_COUNTED")
    if path and not hasattr(session.config, "workerinput"):
        Path(path).write_text(json.dumps({name: dict(count) for name, count in COUNTS.items()}))
