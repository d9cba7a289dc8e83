"""Beat's schedule, in the database, asked about less often than django-celery-beat does."""

import logging
import time

from django.db import DatabaseError, InterfaceError
from django_celery_beat.schedulers import DatabaseScheduler

from platform_auth import heartbeats

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0  # what staff change in the schedule is seen so soon
HEARTBEAT_SECONDS = 20.0


class Scheduler(DatabaseScheduler):
    """
    It is asked several times for each job that is sent whether anything was changed. It leaves a
    heartbeat of its own, since workers do the jobs without it.
    """

    _looked = _beaten = float("-inf")

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
