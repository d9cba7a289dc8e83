"""A worker is alive if work gets done: each periodic job leaves its mark when it has."""

from datetime import timedelta

from django.db.models.functions import Now

from platform_auth.models import Heartbeat


def beat(name: str) -> None:
    """Remember that the job NAME has just run to its end."""
    if not Heartbeat.objects.filter(pk=name).update(at=Now()):
        Heartbeat.objects.bulk_create([Heartbeat(name=name)], ignore_conflicts=True)


def is_alive(name: str, within: timedelta) -> bool:
    """Whether the job NAME has run to its end WITHIN that time."""
    return Heartbeat.objects.filter(pk=name, at__gte=Now() - within).exists()


def end(name: str) -> None:
    """Forget NAME, which has ended and need not be alive."""
    Heartbeat.objects.filter(pk=name).delete()
