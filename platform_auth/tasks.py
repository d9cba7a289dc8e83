"""Periodic work on our own credentials. It is safe to run twice at once."""

import logging

from celery import current_app, shared_task
from django.conf import settings
from django.core.cache import caches
from django_celery_beat.models import PeriodicTask

from platform_auth import call_log, heartbeats, operation_chain, tokens
from platform_auth.fields import Unreadable
from platform_auth.logins import new_passwords, password_resets
from platform_auth.logins.attempts import forget_old_attempts
from platform_auth.logins.sessions import forget_expired
from platform_auth.models import Component
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)


@shared_task
def keep_component_tokens() -> None:
    """Refresh component tokens that are due; ask for tickets where they have stopped coming."""
    for component in Component.objects.all():
        for job in (tokens.ask_for_late_tickets, tokens.component_token):
            try:
                job(component)
            except (WeChatError, Unreadable) as error:
                logger.warning("%s: %s", component.appid, error)
    heartbeats.beat("keep_component_tokens")


@shared_task
def seal_operations() -> None:
    """Seal the operation log, and log the end of its chain, for whoever keeps logs elsewhere."""
    logger.info("operation log sealed up to %s", operation_chain.seal_operations())
    heartbeats.beat("seal_operations")


@shared_task
def forget_old_calls() -> None:
    """Delete from the log of calls what is older than CALL_LOG_DAYS."""
    call_log.forget_old()
    heartbeats.beat("forget_old_calls")


@shared_task
def send_password_links() -> None:
    """Tell people of new passwords; mail links to those who have forgotten theirs."""
    new_passwords.send_due_warnings()
    password_resets.send_due_links()
    heartbeats.beat("send_password_links")


@shared_task
def forget_old_logins() -> None:
    """Delete sessions and keys that have expired, and what of passwords counts no more."""
    forget_expired()
    forget_old_attempts()
    password_resets.forget_old_resets()
    new_passwords.forget_old_warnings()
    heartbeats.beat("forget_old_logins")


@shared_task
def catch_up() -> None:
    """Send the periodic jobs that are overdue: beat may be dead. Each worker asks for this."""
    overdue = heartbeats.overdue()
    if not overdue:
        return
    off = set(PeriodicTask.objects.filter(enabled=False).values_list("task", flat=True))
    for task in overdue:
        # Once an interval, whatever becomes of it: a job may fail, or take its time.
        turn = f"caught-up/{heartbeats.job_of(task)}"
        if task not in off and caches["markers"].add(turn, 1, heartbeats.intervals()[task]):
            current_app.tasks[task].apply_async(queue=settings.PERIODIC_QUEUE, retry=False)
