"""The last figures, with machine and versions, as docs/performance.md."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.servers import find_postgres

REPORT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
OURS = ("Django", "djangorestframework", "granian", "psycopg", "celery", "requests", "cryptography")
PEERS = ("Flask", "gunicorn", "wechatpy")

HEAD = """# Performance

Written by `python -m benchmarks --write`, which benchmarks/README.md explains: us and our peers
side by side, on loopback. Read the ratios; absolute figures of a shared machine say little.
"CPU a + b µs" is the processor time of one push or row, of the application and of PostgreSQL.

"""


def write_report(outputs: Mapping[str, str]) -> None:
    """Write what the programs printed, by their names."""
    machine = "".join(f"* {line}\n" for line in _machine())
    figures = "".join(f"\n## {name}\n\n```\n{text}```\n" for name, text in outputs.items())
    REPORT.write_text(HEAD + machine + figures)


def _machine() -> list[str]:
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[2]
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} on {platform.machine()}, {cores} cores "
        f"({_processor()}), load of the last quarter of an hour {load:.1f}",
        f"Python {platform.python_version()}, {_postgresql()}, {_versions(OURS)}",
        f"peers: {_versions(PEERS)}",
    ]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "unknown")


def _versions(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {version(name)}" for name in names)


def _postgresql() -> str:
    found = find_postgres()
    assert found
    words = subprocess.run(
        [found / "postgres", "--version"], check=True, capture_output=True, text=True
    )
    return f"PostgreSQL {words.stdout.split()[2]}"
