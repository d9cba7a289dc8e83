"""What a process of its own writes to its log."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

SCRIPT = """
import django, logging, sys
django.setup()
import structlog
{}
"""

Lines = list[dict[str, Any]]


def run(folder: Path, code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """CODE in a process of its own, after Django is set up; FOLDER is where it keeps its files."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT.format(code)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": "",
            "REDIS_URL": "",
            "VAR_DIR": str(folder),
            **environment,
        },
        text=True,
        timeout=60,
    )


def lines_of(text: str) -> Lines:
    """TEXT of a log, line by line; each must be JSON."""
    return [json.loads(line) for line in text.splitlines()]
