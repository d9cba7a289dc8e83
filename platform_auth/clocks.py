"""
The clocks of our hosts. What is due, and what has expired, goes by the database's clock; each
process compares its own with that when it starts, and every minute.

Not over the pool: a worker's main process has none, since its children would inherit it.
"""

import logging
import platform
import sys
import threading
import time
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from platform_auth.deadlines import Connection
from platform_auth.models import Heartbeat
from platform_auth.statements import is_postgresql

logger = logging.getLogger(__name__)

LIMIT = 60  # seconds of skew with which no process starts
MEASURED_EVERY = 60  # seconds

# The row is a heartbeat too; those of hosts that have gone go after a day.
_MEASURE = f"""
WITH gone AS (
  DELETE FROM {Heartbeat._meta.db_table}
  WHERE skew IS NOT NULL AND at < statement_timestamp() - interval '1 day')
INSERT INTO {Heartbeat._meta.db_table} (name, at, skew)
VALUES (%(name)s, statement_timestamp(), %(now)s - extract(epoch FROM clock_timestamp())::float8)
ON CONFLICT (name) DO UPDATE SET at = EXCLUDED.at, skew = EXCLUDED.skew
RETURNING skew
"""  # noqa: S608


def watch_clock(**kwargs: Any) -> None:
    """
    Measure now, and from now on; end this process if its clock is so wrong that it must not work.
    """
    if not is_postgresql():  # SQLite's clock is ours
        return
    skew = _measure()
    if skew is not None and abs(skew) > LIMIT:
        off = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the database's"
        sys.exit(f"This host's clock is {off}: set it right, then start.")
    threading.Thread(target=_keep_measuring, name="clock", daemon=True).start()


def process_name() -> str:
    """The heartbeat's name of processes like this one on this host."""
    return f"{settings.PROCESS_ROLE}@{platform.node()}"[: Heartbeat.NAME_LENGTH]


def _keep_measuring() -> None:
    while True:
        time.sleep(MEASURED_EVERY)
        _measure()


def _measure() -> float | None:
    """By how many seconds our clock is ahead, kept for /metrics; None where it cannot be said."""
    try:
        options = connections["default"].get_connection_params()
        with Connection.connect(**options, autocommit=True) as connection:
            values = {"name": process_name(), "now": time.time()}
            [(skew,)] = connection.execute(_MEASURE, values).fetchall()
    except psycopg.Error as error:
        logger.warning("the clock was not compared: %s", type(error).__name__)
        return None
    return float(skew)
