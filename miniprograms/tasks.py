"""Work for the accounts that trust us. Each task is safe to run twice at once."""

import logging

from celery import shared_task

from miniprograms.services import profiles, reconciling, refreshing, trading, web_logins
from miniprograms.services.settings.applying import RUN_SETTINGS
from platform_auth import heartbeats
from platform_auth.models import Component
from platform_auth.wakeup import enqueue
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)


@shared_task
def refresh_tokens() -> None:
    """Refresh the tokens that are due; wake the search for lost refresh tokens."""
    refreshing.sweep()
    heartbeats.beat("refresh_tokens")
    if any(map(reconciling.is_recovery_needed, Component.objects.all())):
        enqueue(reconcile)


@shared_task
def advance_binding(pk: int) -> None:
    """Bring one binding further, as soon as its push is in."""
    trading.advance_binding(pk)


@shared_task
def advance_bindings() -> None:
    """Bring every due binding further, and the cancellations that are in doubt."""
    trading.ADVANCE_BINDINGS.run()
    refreshing.check_doubtful_cancellations()
    heartbeats.beat("advance_bindings")


@shared_task
def fetch_profiles() -> None:
    """Fetch the profiles that are due: about daily, and where something tells of a change."""
    profiles.fetch_due_profiles()
    heartbeats.beat("fetch_profiles")


@shared_task
def run_settings() -> None:
    """Apply the settings that wait for it, and look at those that are due: about daily."""
    RUN_SETTINGS.run()
    heartbeats.beat("run_settings")


@shared_task
def forget_web_logins() -> None:
    """Delete the logins on web pages that nobody can finish any more."""
    web_logins.forget_web_logins()
    heartbeats.beat("forget_web_logins")


@shared_task(soft_time_limit=1700, time_limit=1750)
def reconcile() -> None:
    """Compare our accounts with WeChat's list."""
    for component in Component.objects.all():
        try:
            reconciling.reconcile_if_needed(component)
        except WeChatError as error:
            logger.warning("%s was not reconciled: %s", component.appid, error)
    heartbeats.beat("reconcile")
