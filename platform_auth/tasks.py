"""Periodic work on our own credentials. It is safe to run twice at once."""

import logging

from celery import shared_task

from platform_auth import heartbeats, tokens
from platform_auth.fields import Unreadable
from platform_auth.models import Component
from wechat.errors import WeChatError

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
