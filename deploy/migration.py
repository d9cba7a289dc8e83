"""
A release's migrations, while the release before still serves: they only add (expand); what nobody
uses any more is taken away by the next release (contract).

A migration that waits for a lock has all others wait behind it, pushes among them. So it gives up
after two seconds (PROCESS_ROLE=migrate), and tries again.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (("migrate", "--no-input"), ("register_component",))
TRIES = 20
PAUSE_SECONDS = 3.0
LOCKED = "lock timeout"
TRACEBACK = "Traceback (most recent call last):"
UNREACHABLE = "\ndjango.db.utils.OperationalError: couldn't get a connection"


def migrate() -> int:
    """The exit code of the first command that fails, or 0."""
    for words in COMMANDS:
        if code := _manage(words):
            return code
    return 0


def _manage(words: tuple[str, ...]) -> int:
    for tries_left in reversed(range(TRIES)):
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**os.environ, "PROCESS_ROLE": "migrate"},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if not done.returncode or LOCKED not in done.stderr or not tries_left:
            break
        print("A table is in use; this tries again.", file=sys.stderr, flush=True)
        time.sleep(PAUSE_SECONDS)
    sys.stderr.write(_without_traceback(done.stderr))
    return done.returncode


def _without_traceback(text: str) -> str:
    """TEXT, of which the reason in the log is left where the database gives no connection."""
    before, _heading, rest = text.partition(TRACEBACK)
    _frames, is_unreachable, after = rest.rpartition(UNREACHABLE)
    if not is_unreachable:
        return text
    lines = before + after.partition("\n")[2]
    return f"{lines}DATABASE_URL: its server gives no connection; the reason stands above.\n"
