"""Work for notices. Each task is safe to run twice at once."""

from celery import shared_task

from notices.services.outbox import keep_notice
from notices.services.planning import plan_notices
from notices.services.retention import forget_old_notices
from notices.services.sending import MESSAGES, give_up_overdue
from notices.services.watching import watch_refusals
from platform_auth import heartbeats
from platform_auth.domain_events import DomainEvent
from platform_auth.wakeup import enqueue


def keep_and_wake(event: DomainEvent) -> None:
    """Keep EVENT for whoever is to be told, in its transaction; a worker sends it afterwards."""
    if keep_notice(event):
        enqueue(send_notices)


@shared_task
def send_notices() -> None:
    """Decide who is told of what is new, and send what is due."""
    plan_notices()
    MESSAGES.run()
    heartbeats.beat("send_notices")


@shared_task
def watch_for_notices() -> None:
    """Look for what rises or stays away, and give up what nobody took for a day."""
    watch_refusals()
    give_up_overdue()
    heartbeats.beat("watch_for_notices")


@shared_task
def forget_notices() -> None:
    """Delete notices that are older than the pushes that are kept."""
    forget_old_notices()
    heartbeats.beat("forget_notices")
