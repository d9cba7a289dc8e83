"""Work on the inbox. Each task is safe to run twice at once."""

from celery import shared_task

from audits.services import verdicts
from miniprograms.tasks import reconcile
from platform_auth import heartbeats
from platform_auth.models import Component
from platform_auth.wakeup import enqueue
from webhooks import inbox, processing, silence


@shared_task
def process_pushes() -> None:
    """Work out what the pushes mean that are kept and due."""
    processing.process_due()
    heartbeats.beat("process_pushes")


@shared_task
def listen() -> None:
    """Notice when pushes stop; once they are back, ask WeChat what was missed meanwhile."""
    for component in Component.objects.with_clock():
        if silence.note_silence(component):
            verdicts.poll_open_audits()
            Component.objects.filter(pk=component.pk).update(reconciled_at=None)
            enqueue(reconcile)
    heartbeats.beat("listen")


@shared_task
def retry_failed_pushes() -> None:
    """Try pushes again whose handler failed."""
    processing.retry_failed()
    heartbeats.beat("retry_failed_pushes")


@shared_task
def forget_old_pushes() -> None:
    """Delete pushes older than PUSH_RETENTION_DAYS."""
    inbox.forget_old()
    heartbeats.beat("forget_old_pushes")
