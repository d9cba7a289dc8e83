"""Work for the accounts that trust us. Each task is safe to run twice at once."""

import logging

from celery import shared_task

from miniprograms.services import binding, profiles, reconciling, refreshing
from platform_auth import heartbeats
from platform_auth.models import Component
from platform_auth.wakeup import enqueue
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)


@shared_task
def refresh_tokens() -> None:
    """Refresh the tokens that are due; wake whoever looks for lost refresh tokens."""
    refreshing.sweep()
    heartbeats.beat("refresh_tokens")
    if any(map(reconciling.is_anybody_lost, Component.objects.all())):
        enqueue(reconcile)


@shared_task
def settle_binding(pk: int) -> None:
    """Bring one binding further, as soon as its push is in."""
    binding.advance_binding(pk)


@shared_task
def settle_bindings() -> None:
    """Bring every due binding further, and the cancellations that are in doubt."""
    binding.advance_due_bindings()
    refreshing.ask_about_unbound()
    heartbeats.beat("settle_bindings")


@shared_task
def fetch_profiles() -> None:
    """Fetch the profiles that could not be fetched when their accounts were bound."""
    profiles.fetch_due_profiles()
    heartbeats.beat("fetch_profiles")


@shared_task(soft_time_limit=1700, time_limit=1750)
def reconcile() -> None:
    """Compare our accounts with WeChat's list."""
    for component in Component.objects.all():
        try:
            reconciling.reconcile_if_needed(component)
        except WeChatError as error:
            logger.warning("%s was not reconciled: %s", component.appid, error)
    heartbeats.beat("reconcile")
