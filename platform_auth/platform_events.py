"""
The outbox of events: what happened, written with the act itself, so that it is told if and only if
it has happened. Who is told is worked out afterwards, by those who have registered to be woken.
"""

from collections.abc import Mapping
from typing import Any

from celery import Task

from platform_auth import domain_events
from platform_auth.domain_events import DomainEvent
from platform_auth.models import PlatformEvent
from platform_auth.wakeup import enqueue

# Every type of event, by what it is about; the catalogue (`messaging.event_types`) describes them.
EVENT_KINDS = (
    "authorizer.bound",
    "authorizer.changed",
    "authorizer.unbound",
    "authorizer.needs_reauthorization",
    "account.alerted",
    "audit.submitted",
    "audit.passed",
    "audit.rejected",
    "audit.delayed",
    "audit.withdrawn",
    "release.published",
    "release.reverted",
)

_woken: list[Task[Any, Any]] = []


def wake_on_events(task: Task[Any, Any]) -> None:
    """From now on TASK starts soon after each event; apps say so when they are ready."""
    if task not in _woken:
        _woken.append(task)


def publish_event(kind: str, *, appid: str, data: Mapping[str, Any]) -> None:
    """KIND happened to APPID, as DATA tells. Call it in the act's transaction."""
    if kind not in EVENT_KINDS:
        raise ValueError(kind)
    PlatformEvent.objects.create(kind=kind, appid=appid, data=dict(data))
    domain_events.publish(DomainEvent(kind, appid, facts=data))
    for task in _woken:
        enqueue(task)
