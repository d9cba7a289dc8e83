"""
What this process does, and so how long it may wait for PostgreSQL: `PROCESS_ROLE`, or what its
command line says.

A push is answered within two seconds or WeChat is to send it again; somebody who looks at a page
has more patience than that, and a worker more than both, since nobody waits for it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

MANAGE = ("manage.py", "django-admin")
CELERY = ("worker", "beat")


def role_of(command: Sequence[str]) -> str:
    """The role of a process started by COMMAND. A web server's says it itself: config/wsgi.py."""
    program, *words = command
    if Path(program).name in MANAGE:
        return "migrate" if words[:1] == ["migrate"] else "command"
    return next((role for role in CELERY if role in words), "command")


class Patience(NamedTuple):
    """Seconds that a process of one role waits for PostgreSQL, at most; 0 is for ever."""

    statement: float
    lock: float
    idle_in_transaction: float
    # For the other host to acknowledge what was sent to it.
    acknowledgement: float
    # For an answer, whatever the server does: a little more than it gives itself.
    answer: float
    connection: float


PATIENCE = {
    # Its pushes have less, all together: webhooks/views.py. Staff's lists count many rows.
    "web": Patience(10, 3, 15, 1.5, 11, 1),
    "push": Patience(1, 0.8, 2, 1.5, 1.2, 1),
    # Under the 75 s that a task may take.
    "worker": Patience(30, 10, 30, 10, 33, 10),
    "beat": Patience(10, 3, 15, 10, 11, 10),
    # It may rewrite a table for an hour; but whoever waits for its lock waits behind all others.
    "migrate": Patience(0, 2, 0, 10, 0, 10),
    "command": Patience(0, 10, 0, 10, 0, 10),
}


def connection_options(patience: Patience) -> dict[str, Any]:
    """libpq's options for PATIENCE. A host that is gone is noticed within ten seconds by all."""
    timeouts = {
        "statement_timeout": patience.statement,
        "lock_timeout": patience.lock,
        "idle_in_transaction_session_timeout": patience.idle_in_transaction,
    }
    return {
        "options": " ".join(f"-c {name}={_milliseconds(each)}" for name, each in timeouts.items()),
        "connect_timeout": 2,  # the least that libpq knows
        "tcp_user_timeout": _milliseconds(patience.acknowledgement),
        "keepalives": 1,
        "keepalives_idle": 4,
        "keepalives_interval": 2,
        "keepalives_count": 3,
    }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
