"""Beat's schedule, in the database, asked about less often than django-celery-beat does."""

import logging
import time
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, connection
from django_celery_beat.schedulers import DatabaseScheduler
from kombu.exceptions import OperationalError

from config import alive
from platform_auth import heartbeats

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0  # what staff change in the schedule is seen so soon
HEARTBEAT_SECONDS = 20.0
AGAIN_SECONDS = 1.0  # after the database or the broker did not answer


class Scheduler(DatabaseScheduler):
    """
    It is asked several times for each job that is sent whether anything was changed. It leaves a
    heartbeat of its own, since workers do the jobs without it.

    django-celery-beat reads the whole schedule every five minutes, and whenever staff change it,
    without minding that the database may hang up: that would end beat.
    """

    _looked = _beaten = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        try:
            seconds = float(super().tick(*args, **kwargs))
        except (DatabaseError, InterfaceError, OperationalError) as error:
            logger.warning("beat tries again: %s", type(error).__name__)
            connection.close()
            self._read_anew()
            seconds = AGAIN_SECONDS
        alive.show()
        return seconds

    def _read_anew(self) -> None:
        """What was to be read or sent is not: all of it is looked at again."""
        self._heap = None
        self._last_full_sync = datetime.min  # noqa: DTZ901 -- naive, as theirs is

    def schedule_changed(self) -> bool:
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        self._leave_heartbeat()
        return bool(super().schedule_changed())

    def _leave_heartbeat(self) -> None:
        if time.monotonic() - self._beaten < HEARTBEAT_SECONDS:
            return
        try:
            heartbeats.beat("beat")
        except (DatabaseError, InterfaceError) as error:
            logger.warning("beat leaves no heartbeat: %s", type(error).__name__)
        else:
            self._beaten = time.monotonic()
