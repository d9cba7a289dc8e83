"""Periodic work for the REST API."""

from celery import shared_task

from api import idempotency
from platform_auth import heartbeats


@shared_task
def forget_old_keys() -> None:
    """Delete what REST clients made sure of more than a day ago."""
    idempotency.forget_old_keys()
    heartbeats.beat("forget_old_keys")
