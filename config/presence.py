"""What workers leave in the database: that they live, what they do, what they throw away."""

import logging
from typing import Any

from celery import signals
from django.core.cache import caches
from django.db import DatabaseError, InterfaceError

from config import alive
from platform_auth import heartbeats
from platform_auth.call_log import begin_job
from platform_auth.leases import release_db_connection

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 20

DISCARDED = "tasks-discarded"


@signals.task_revoked.connect
@signals.task_rejected.connect
@signals.task_unknown.connect
def count_discarded(**kwargs: Any) -> None:
    """
    Where every process sees it; none expires (see settings), so each of them is odd. Not in the
    database: this is a worker's first process, whose children would inherit its connections.
    """
    try:
        caches["markers"].add(DISCARDED, 0, None)
        caches["markers"].incr(DISCARDED)
    except Exception as error:  # noqa: BLE001 -- whatever the cache's client raises
        logger.warning("a task that was discarded is not counted: %s", type(error).__name__)


@signals.task_prerun.connect
def name_job(task: Any = None, **kwargs: Any) -> None:
    """The log of calls tells which task has asked."""
    begin_job(task.name)


@signals.task_prerun.connect
@signals.task_postrun.connect
def show_life(**kwargs: Any) -> None:
    """With each task: a worker that answers a ping may be deaf to its queue."""
    try:
        alive.show()
    except OSError as error:
        logger.warning("no sign of life is left: %s", error)


@signals.task_postrun.connect
def leave_heartbeat(task: Any = None, **kwargs: Any) -> None:
    """
    Of the worker that has just carried out TASK: it hears the broker, and work gets done. One in
    HEARTBEAT_SECONDS, for all of its slots.
    """
    name = heartbeats.worker(task.request.hostname)
    try:
        if caches["markers"].add(name, 1, HEARTBEAT_SECONDS):
            heartbeats.beat(name)
            release_db_connection()
    except Exception as error:  # noqa: BLE001 -- whatever the cache's client or the database raises
        logger.warning("%s leaves no heartbeat: %s", name, type(error).__name__)


@signals.worker_shutdown.connect
def end_heartbeat(sender: Any = None, **kwargs: Any) -> None:
    """A worker that has ended as it should is missed by nobody."""
    try:
        heartbeats.end(heartbeats.worker(sender.hostname))
        release_db_connection()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the worker's heartbeat stays: %s", type(error).__name__)
