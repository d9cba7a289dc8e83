"""Periodic work on our own credentials and on the inbox. Each is safe to run twice at once."""

import logging

from celery import shared_task

from audits.services import verdicts
from miniprograms.tasks import reconcile
from platform_auth import heartbeats, inbox, pushes, silence, tokens
from platform_auth.bell import ring
from platform_auth.fields import Unreadable
from platform_auth.models import Component
from platform_auth.wechat.errors import WeChatError

logger = logging.getLogger(__name__)


@shared_task
def keep_component_tokens() -> None:
    """Refresh component tokens that are due; ask for tickets where they have stopped coming."""
    for component in Component.objects.all():
        for job in (tokens.ask_for_tickets, tokens.component_token):
            try:
                job(component)
            except (WeChatError, Unreadable) as error:
                logger.warning("%s: %s", component.appid, error)
    heartbeats.beat("keep_component_tokens")


@shared_task
def listen() -> None:
    """Notice when pushes stop; once they are back, ask WeChat what was missed meanwhile."""
    for component in Component.objects.with_clock():
        if silence.listen(component):
            verdicts.ask_again()
            Component.objects.filter(pk=component.pk).update(reconciled_at=None)
            ring(reconcile)
    heartbeats.beat("listen")


@shared_task
def retry_failed_pushes() -> None:
    """Try pushes again whose handler failed."""
    inbox.retry_failed(pushes.work_for)
    heartbeats.beat("retry_failed_pushes")


@shared_task
def forget_old_pushes() -> None:
    """Delete pushes older than PUSH_RETENTION_DAYS."""
    inbox.forget_old()
    heartbeats.beat("forget_old_pushes")
