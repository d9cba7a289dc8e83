"""A worker is alive if work gets done: each periodic job leaves its mark when it has."""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from platform_auth.models import Heartbeat

WORKER = "worker/"

# A job that has not run for so many intervals, and a moment, was not sent in time.
LATE, MOMENT = 1.25, 2.5


def beat(name: str) -> None:
    """Remember that the job NAME has just run to its end."""
    if not Heartbeat.objects.filter(pk=name).update(at=Now()):
        Heartbeat.objects.bulk_create([Heartbeat(name=name)], ignore_conflicts=True)


def worker(host: str) -> str:
    """The name of the heartbeat of the worker that Celery calls HOST."""
    return f"{WORKER}{host}"


def is_alive(name: str, within: timedelta) -> bool:
    """Whether the job NAME has run to its end WITHIN that time."""
    return Heartbeat.objects.filter(pk=name, at__gte=Now() - within).exists()


def end(name: str) -> None:
    """Forget NAME, which has ended and need not be alive."""
    Heartbeat.objects.filter(pk=name).delete()


def intervals() -> dict[str, float]:
    """How often each periodic job runs, in seconds, by the name of its task."""
    return {entry["task"]: entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}


def job_of(task: str) -> str:
    """The heartbeat's name of the periodic TASK: that of its function."""
    return task.rpartition(".")[2]


def overdue() -> list[str]:
    """The tasks of the periodic jobs that should have run by now, by the database's clock."""
    beats = Heartbeat.objects.annotate(now=Now()).values_list("name", "at", "now")
    ages = {name: (now - at).total_seconds() for name, at, now in beats}
    return [
        task
        for task, seconds in intervals().items()
        if ages.get(job_of(task), float("inf")) > max(seconds * LATE, seconds + MOMENT)
    ]
