"""What a process of its own writes to its log."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

SCRIPT = """
import django, logging, sys
django.setup()
import structlog
{}
"""

Lines = list[dict[str, Any]]


def environment_of(folder: Path) -> dict[str, str]:
    """Our own settings, with an empty database in FOLDER."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "VAR_DIR": str(folder),
    }


def run(folder: Path, code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """CODE in a process of its own, after Django is set up; FOLDER is where it keeps its files."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT.format(code)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env={**os.environ, **environment_of(folder), **environment},
        text=True,
        timeout=60,
    )


def lines_of(text: str) -> Lines:
    """TEXT of a log, line by line; each must be JSON."""
    return [json.loads(line) for line in text.splitlines()]


class Written:
    """What this process has written."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    def lines(self, *, logger: str) -> Lines:
        """Of LOGGER alone."""
        lines = lines_of(self.stream.getvalue())
        return [line for line in lines if line["logger"] == logger]


@pytest.fixture
def written() -> Iterator[Written]:
    """As our handler forms it; nothing is left out."""
    [handler] = [one for one in logging.getLogger().handlers if one.get_name() == "stderr"]
    stream = io.StringIO()
    ours = logging.StreamHandler(stream)
    ours.setFormatter(handler.formatter)
    logging.getLogger().addHandler(ours)
    yield Written(stream)
    logging.getLogger().removeHandler(ours)
